//! Sums, means, extremes and norms along axes.

use candle_core::{Result, Tensor, bail};
use onnx_model::Dtype;

use super::{Operator, arithmetic::flip};
use crate::{
    Error,
    array::{Array, strides},
    node::{Built, Call, Node, one},
};

pub(super) const OPERATORS: &[Operator] = &[
    ("ReduceL1", 1, |node| {
        floats(node, |x, axes| x.abs()?.sum_keepdim(axes))
    }),
    ("ReduceL2", 1, |node| {
        floats(node, |x, axes| x.sqr()?.sum_keepdim(axes)?.sqrt())
    }),
    ("ReduceLogSum", 1, |node| {
        floats(node, |x, axes| x.sum_keepdim(axes)?.log())
    }),
    ("ReduceLogSumExp", 1, |node| floats(node, log_sum_exp)),
    ("ReduceMax", 1, |node| {
        extreme(node, Tensor::max_keepdim, true)
    }),
    ("ReduceMean", 1, |node| {
        floats(node, |x, axes| x.mean_keepdim(axes))
    }),
    ("ReduceMin", 1, |node| {
        extreme(node, Tensor::min_keepdim, false)
    }),
    ("ReduceProd", 1, product),
    ("ReduceSum", 1, sum),
    ("ReduceSumSquare", 1, |node| {
        floats(node, |x, axes| x.sqr()?.sum_keepdim(axes))
    }),
];

/// How a node says along which axes, and whether they stay with length one.
struct Axes {
    keep: bool,
    none_means_none: bool,
    /// Where they are an attribute: before opset 18, and for sums before 13.
    fixed: Option<Vec<i64>>,
}

impl Axes {
    fn of(node: &Node<'_>) -> std::result::Result<Self, Error> {
        let first = if node.proto.op_type() == "ReduceSum" {
            13
        } else {
            18
        };
        let is_input = node.opset >= first;
        Ok(Self {
            keep: node.flag("keepdims", true)?,
            none_means_none: is_input && node.flag("noop_with_empty_axes", false)?,
            fixed: if is_input { None } else { node.ints("axes")? },
        })
    }

    fn read(&self, call: &Call<'_>) -> Result<Vec<usize>> {
        let input = call.array(0)?;
        let axes = match &self.fixed {
            Some(axes) => axes.clone(),
            None => call.ints(1)?.unwrap_or_default(),
        };
        if axes.is_empty() && !self.none_means_none {
            return Ok((0..input.rank()).collect());
        }
        let mut axes: Vec<usize> = axes
            .into_iter()
            .map(|axis| input.axis(axis))
            .collect::<Result<_>>()?;
        axes.sort_unstable();
        axes.dedup();
        Ok(axes)
    }

    /// Takes the axes out that were reduced to length one.
    fn settle(&self, reduced: &Array, axes: &[usize]) -> Result<Array> {
        if self.keep {
            return Ok(reduced.clone());
        }
        let tensor = axes
            .iter()
            .rev()
            .try_fold(reduced.tensor.clone(), |tensor, &axis| tensor.squeeze(axis))?;
        Ok(reduced.with(tensor))
    }
}

/// What candle reduces; integers go through float64, which holds what such nodes see exactly.
fn floats(node: &Node<'_>, function: fn(&Tensor, &[usize]) -> Result<Tensor>) -> Built {
    let settings = Axes::of(node)?;
    one(move |call| {
        let input = call.array(0)?;
        let axes = settings.read(call)?;
        let reduced = if input.is_float() {
            input.with(function(&input.tensor, &axes)?)
        } else {
            #[expect(clippy::cast_possible_truncation, reason = "integers are cut off")]
            let whole = |values: Vec<f64>| values.into_iter().map(|value| value as i64).collect();
            let wide = Tensor::from_vec(input.to_doubles()?, input.dims(), input.tensor.device())?;
            let reduced = function(&wide, &axes)?;
            Array::ints(
                whole(reduced.flatten_all()?.to_vec1()?),
                reduced.dims(),
                input.dtype,
            )?
        };
        settings.settle(&reduced, &axes)
    })
}

fn log_sum_exp(x: &Tensor, axes: &[usize]) -> Result<Tensor> {
    if x.elem_count() == 0 {
        return x.exp()?.sum_keepdim(axes)?.log();
    }
    let most = axes
        .iter()
        .try_fold(x.clone(), |x, &axis| x.max_keepdim(axis))?;
    // What is infinite must not be subtracted from itself.
    let finite = most.clamp(f64::from(f32::MIN), f64::from(f32::MAX))?;
    x.broadcast_sub(&finite)?.exp()?.sum_keepdim(axes)?.log()? + finite
}

fn sum(node: &Node<'_>) -> Built {
    let settings = Axes::of(node)?;
    one(move |call| {
        let input = call.array(0)?;
        let axes = settings.read(call)?;
        let reduced = if input.is_float() {
            input.with(input.tensor.sum_keepdim(axes.as_slice())?)
        } else {
            fold(input, &axes, 0, i64::wrapping_add)?
        };
        settings.settle(&reduced, &axes)
    })
}

fn extreme(node: &Node<'_>, floats: fn(&Tensor, usize) -> Result<Tensor>, largest: bool) -> Built {
    let settings = Axes::of(node)?;
    one(move |call| {
        let input = call.array(0)?;
        let axes = settings.read(call)?;
        let reduced = if !input.is_float() {
            // Unsigned numbers of 64 bits are compared as the signed ones of the same rank.
            let flip = |value: i64| {
                if input.dtype == Dtype::U64 {
                    flip(value)
                } else {
                    value
                }
            };
            let (least, most) = range(input.dtype);
            let (start, pick) = if largest {
                (least, i64::max as fn(i64, i64) -> i64)
            } else {
                (most, i64::min as _)
            };
            fold(input, &axes, start, |left, right| {
                flip(pick(flip(left), flip(right)))
            })?
        } else if axes.iter().any(|&axis| input.dims()[axis] == 0) {
            let nothing = if largest {
                f64::NEG_INFINITY
            } else {
                f64::INFINITY
            };
            let mut shape = input.dims().to_vec();
            axes.iter().for_each(|&axis| shape[axis] = 1);
            let count = shape.iter().product();
            Array::from_doubles(
                vec![nothing; count],
                shape,
                input.dtype,
                input.tensor.device(),
            )?
        } else {
            input.with(
                axes.iter()
                    .try_fold(input.tensor.clone(), |tensor, &axis| floats(&tensor, axis))?,
            )
        };
        settings.settle(&reduced, &axes)
    })
}

fn product(node: &Node<'_>) -> Built {
    let settings = Axes::of(node)?;
    one(move |call| {
        let input = call.array(0)?;
        let axes = settings.read(call)?;
        let reduced = if input.is_float() {
            let (values, shape) = gathered(
                input.dims(),
                &axes,
                input.to_doubles()?,
                1.0,
                |all, value| all * value,
            );
            Array::from_doubles(values, shape, input.dtype, input.tensor.device())?
        } else {
            fold(input, &axes, 1, i64::wrapping_mul)?
        };
        settings.settle(&reduced, &axes)
    })
}

/// The least and the greatest integer of a type.
fn range(dtype: Dtype) -> (i64, i64) {
    match dtype {
        Dtype::Bool => (0, 1),
        Dtype::U8 => (0, u8::MAX.into()),
        Dtype::I8 => (i8::MIN.into(), i8::MAX.into()),
        Dtype::U16 => (0, u16::MAX.into()),
        Dtype::I16 => (i16::MIN.into(), i16::MAX.into()),
        Dtype::U32 => (0, u32::MAX.into()),
        Dtype::I32 => (i32::MIN.into(), i32::MAX.into()),
        // All bits set.
        Dtype::U64 => (0, -1),
        _ => (i64::MIN, i64::MAX),
    }
}

fn fold(
    input: &Array,
    axes: &[usize],
    start: i64,
    function: impl Fn(i64, i64) -> i64,
) -> Result<Array> {
    if input.is_float() {
        bail!("reduces floats as integers");
    }
    let (values, shape) = gathered(input.dims(), axes, input.to_ints()?, start, function);
    Array::ints(values, shape, input.dtype)
}

/// Every element combined with those of its place when the axes have length one.
fn gathered<T: Copy>(
    dims: &[usize],
    axes: &[usize],
    values: Vec<T>,
    start: T,
    function: impl Fn(T, T) -> T,
) -> (Vec<T>, Vec<usize>) {
    let mut shape = dims.to_vec();
    axes.iter().for_each(|&axis| shape[axis] = 1);
    let strides = strides(&shape);
    let mut result = vec![start; shape.iter().product()];
    for (number, value) in values.into_iter().enumerate() {
        let (mut rest, mut place) = (number, 0);
        for axis in (0..dims.len()).rev() {
            if shape[axis] != 1 {
                place += rest % dims[axis] * strides[axis];
            }
            rest /= dims[axis];
        }
        result[place] = function(result[place], value);
    }
    (result, shape)
}
