//! Arithmetic on two and more numbers, broadcast to one shape; integers wrap around as their type does.

use candle_core::{Result, Tensor, bail};
use onnx_model::Dtype;

use super::Operator;
use crate::{
    array::{Array, broadcast_shape},
    node::{Built, Call, Node, one},
};

pub(super) const OPERATORS: &[Operator] = &[
    ("Abs", 6, |_| unary(Tensor::abs, i64::wrapping_abs)),
    ("Add", 7, |_| {
        binary(Tensor::broadcast_add, i64::wrapping_add)
    }),
    ("BitShift", 11, bit_shift),
    ("BitwiseAnd", 18, |_| bits(|left, right| left & right)),
    ("BitwiseNot", 18, |_| {
        one(|call| map(call.array(0)?, |value| !value))
    }),
    ("BitwiseOr", 18, |_| bits(|left, right| left | right)),
    ("BitwiseXor", 18, |_| bits(|left, right| left ^ right)),
    ("Div", 7, |_| {
        one(|call| divide(call.array(0)?, call.array(1)?))
    }),
    ("Max", 8, |_| variadic(maximum)),
    ("Mean", 8, |_| one(mean)),
    ("Min", 8, |_| variadic(minimum)),
    ("Mod", 10, modulo),
    ("Mul", 7, |_| {
        binary(Tensor::broadcast_mul, i64::wrapping_mul)
    }),
    ("Neg", 6, |_| unary(Tensor::neg, i64::wrapping_neg)),
    ("Pow", 7, |_| {
        one(|call| power(call.array(0)?, call.array(1)?))
    }),
    ("Sign", 9, |_| unary(Tensor::sign, i64::signum)),
    ("Sub", 7, |_| {
        binary(Tensor::broadcast_sub, i64::wrapping_sub)
    }),
    ("Sum", 8, |_| variadic(sum)),
];

fn unary(floats: fn(&Tensor) -> Result<Tensor>, ints: fn(i64) -> i64) -> Built {
    one(move |call| {
        let input = call.array(0)?;
        match input.dtype {
            _ if input.is_float() => Ok(input.with(floats(&input.tensor)?)),
            // The sign of what has none.
            Dtype::U64 => map(input, |value| {
                if ints(-5) == 5 {
                    value
                } else {
                    i64::from(value != 0)
                }
            }),
            _ => map(input, ints),
        }
    })
}

fn binary(floats: fn(&Tensor, &Tensor) -> Result<Tensor>, ints: fn(i64, i64) -> i64) -> Built {
    one(move |call| apply(call.array(0)?, call.array(1)?, floats, ints))
}

fn bits(ints: fn(i64, i64) -> i64) -> Built {
    one(move |call| combine(call.array(0)?, call.array(1)?, ints))
}

fn apply(
    left: &Array,
    right: &Array,
    floats: impl Fn(&Tensor, &Tensor) -> Result<Tensor>,
    ints: impl Fn(i64, i64) -> i64,
) -> Result<Array> {
    same_type(left, right)?;
    if left.is_float() {
        Ok(left.with(floats(&left.tensor, &right.tensor)?))
    } else {
        combine(left, right, ints)
    }
}

pub(super) fn same_type(left: &Array, right: &Array) -> Result<()> {
    if left.dtype != right.dtype {
        bail!(
            "has inputs of {:?} and {:?} (valid: the same type)",
            left.dtype,
            right.dtype
        );
    }
    Ok(())
}

/// A function of every integer.
pub(super) fn map(input: &Array, function: impl Fn(i64) -> i64) -> Result<Array> {
    let values = input.to_ints()?.into_iter().map(function).collect();
    Array::ints(values, input.dims(), input.dtype)
}

/// A function of every pair of integers; the result has the type of the first.
pub(super) fn combine(
    left: &Array,
    right: &Array,
    function: impl Fn(i64, i64) -> i64,
) -> Result<Array> {
    let (values, shape) = pairs(left, right, Array::to_ints, function)?;
    Array::ints(values, shape, left.dtype)
}

/// A function of every pair of elements, both broadcast to one shape.
pub(super) fn pairs<T: Copy, U>(
    left: &Array,
    right: &Array,
    read: fn(&Array) -> Result<Vec<T>>,
    function: impl Fn(T, T) -> U,
) -> Result<(Vec<U>, Vec<usize>)> {
    let shape = broadcast_shape(left.dims(), right.dims())?;
    let elements = |array: &Array| {
        if array.tensor.elem_count() == 1 || array.dims() == shape {
            read(array)
        } else {
            read(&array.with(array.tensor.broadcast_as(shape.as_slice())?))
        }
    };
    let (left, right) = (elements(left)?, elements(right)?);
    let count: usize = shape.iter().product();
    let values = match (&left[..], &right[..]) {
        (left, &[right]) if left.len() == count => {
            left.iter().map(|&left| function(left, right)).collect()
        }
        (&[left], right) if right.len() == count => {
            right.iter().map(|&right| function(left, right)).collect()
        }
        // One element each, or one element and none.
        (left, right) => left
            .iter()
            .zip(right)
            .take(count)
            .map(|(&left, &right)| function(left, right))
            .collect(),
    };
    Ok((values, shape))
}

fn divide(left: &Array, right: &Array) -> Result<Array> {
    if !right.is_float() && right.to_ints()?.contains(&0) {
        bail!("divides integers by zero");
    }
    #[expect(
        clippy::cast_possible_wrap,
        clippy::cast_sign_loss,
        reason = "the bits are those of unsigned numbers"
    )]
    let unsigned = |left: i64, right: i64| (left as u64 / right as u64) as i64;
    match left.dtype {
        Dtype::U64 => apply(left, right, Tensor::broadcast_div, unsigned),
        _ => apply(left, right, Tensor::broadcast_div, i64::wrapping_div),
    }
}

fn maximum(left: &Array, right: &Array) -> Result<Array> {
    match left.dtype {
        Dtype::U64 => apply(left, right, Tensor::broadcast_maximum, |left, right| {
            flip(flip(left).max(flip(right)))
        }),
        _ => apply(left, right, Tensor::broadcast_maximum, i64::max),
    }
}

fn minimum(left: &Array, right: &Array) -> Result<Array> {
    match left.dtype {
        Dtype::U64 => apply(left, right, Tensor::broadcast_minimum, |left, right| {
            flip(flip(left).min(flip(right)))
        }),
        _ => apply(left, right, Tensor::broadcast_minimum, i64::min),
    }
}

/// Between an unsigned number's bits and the signed number of the same rank.
pub(super) fn flip(bits: i64) -> i64 {
    bits ^ i64::MIN
}

fn sum(left: &Array, right: &Array) -> Result<Array> {
    apply(left, right, Tensor::broadcast_add, i64::wrapping_add)
}

fn variadic(function: fn(&Array, &Array) -> Result<Array>) -> Built {
    one(move |call| fold(call, function))
}

fn fold(call: &Call<'_>, function: fn(&Array, &Array) -> Result<Array>) -> Result<Array> {
    let mut arrays = call.arrays()?.into_iter();
    let Some(first) = arrays.next() else {
        bail!("has no inputs");
    };
    arrays.try_fold(first.clone(), |result, array| function(&result, array))
}

fn mean(call: &Call<'_>) -> Result<Array> {
    let sum = fold(call, sum)?;
    Ok(sum.with((sum.tensor.clone() / call.explicit as f64)?))
}

fn modulo(node: &Node<'_>) -> Built {
    let sign_of_dividend = node.flag("fmod", false)?;
    one(move |call| {
        let (left, right) = (call.array(0)?, call.array(1)?);
        same_type(left, right)?;
        if left.is_float() {
            let remainder = |left: f64, right: f64| {
                let remainder = left % right;
                let differs = remainder != 0.0 && (remainder < 0.0) != (right < 0.0);
                if differs && !sign_of_dividend {
                    remainder + right
                } else {
                    remainder
                }
            };
            let (values, shape) = pairs(left, right, Array::to_doubles, remainder)?;
            return Array::from_doubles(values, shape, left.dtype, left.tensor.device());
        }
        if right.to_ints()?.contains(&0) {
            bail!("divides integers by zero");
        }
        #[expect(
            clippy::cast_possible_wrap,
            clippy::cast_sign_loss,
            reason = "the bits are those of unsigned numbers"
        )]
        let unsigned = |left: i64, right: i64| (left as u64 % right as u64) as i64;
        match left.dtype {
            Dtype::U64 => combine(left, right, unsigned),
            _ if sign_of_dividend => combine(left, right, i64::wrapping_rem),
            _ => combine(left, right, |left, right| {
                let remainder = left.wrapping_rem(right);
                if remainder != 0 && (remainder < 0) != (right < 0) {
                    remainder + right
                } else {
                    remainder
                }
            }),
        }
    })
}

/// candle's own power of two tensors goes through a logarithm, which negative numbers do not have.
fn power(base: &Array, exponent: &Array) -> Result<Array> {
    let single = exponent.tensor.elem_count() == 1 && exponent.rank() <= base.rank();
    if base.is_float() && single {
        let exponent = exponent.to_doubles()?[0];
        let tensor = &base.tensor;
        let tensor = match exponent {
            1.0 => tensor.clone(),
            2.0 => tensor.sqr()?,
            3.0 => (tensor.sqr()? * tensor)?,
            0.5 => tensor.sqrt()?,
            -1.0 => tensor.recip()?,
            _ => tensor.powf(exponent)?,
        };
        return Ok(base.with(tensor));
    }
    if base.is_float() || exponent.is_float() {
        let (values, shape) = pairs(base, exponent, Array::to_doubles, f64::powf)?;
        if base.is_float() {
            return Array::from_doubles(values, shape, base.dtype, base.tensor.device());
        }
        #[expect(
            clippy::cast_possible_truncation,
            reason = "a power that is too large has no right answer"
        )]
        let values = values.into_iter().map(|value| value as i64).collect();
        return Array::ints(values, shape, base.dtype);
    }
    combine(base, exponent, |base, exponent| {
        match u32::try_from(exponent) {
            Ok(exponent) => base.wrapping_pow(exponent),
            // Below zero: what is left of a fraction.
            Err(_) => match base {
                1 => 1,
                -1 if exponent % 2 == 0 => 1,
                -1 => -1,
                _ => 0,
            },
        }
    })
}

fn bit_shift(node: &Node<'_>) -> Built {
    let is_left = match node.text("direction", "")? {
        "LEFT" => true,
        "RIGHT" => false,
        other => {
            return Err(node.wrong(format!(
                "attribute `direction` is `{other}` (valid: LEFT, RIGHT)"
            )));
        }
    };
    one(move |call| {
        let (input, counts) = (call.array(0)?, call.array(1)?);
        let width = input.dtype.width() as i64 * 8;
        let is_signed = matches!(
            input.dtype,
            Dtype::I8 | Dtype::I16 | Dtype::I32 | Dtype::I64
        );
        combine(input, counts, |bits, count| {
            let count = u32::try_from(count)
                .ok()
                .filter(|&count| i64::from(count) < width);
            match count {
                Some(count) if is_left => bits << count,
                #[expect(
                    clippy::cast_possible_wrap,
                    clippy::cast_sign_loss,
                    reason = "bits are shifted, not numbers"
                )]
                Some(count) if !is_signed => (bits as u64 >> count) as i64,
                Some(count) => bits >> count,
                // Nothing is left but the sign.
                None if is_left || !is_signed => 0,
                None => bits.signum().min(0),
            }
        })
    })
}

/// A number of another array's type, on its device.
pub(super) fn number(value: f64, like: &Array) -> Result<Array> {
    Array::from_doubles(vec![value], (), like.dtype, like.tensor.device())
}
