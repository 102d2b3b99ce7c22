//! Normalisations.

use candle_core::{D, DType, Result, Tensor, bail};

use super::{Operator, elementwise::floats};
use crate::{
    array::{Array, axis},
    node::{Built, Call, Node, many, one},
};

pub(super) const OPERATORS: &[Operator] = &[
    ("BatchNormalization", 9, batch_norm),
    ("GroupNormalization", 18, group_norm),
    ("InstanceNormalization", 6, instance_norm),
    ("LayerNormalization", 17, layer_norm),
    ("LpNormalization", 1, lp_norm),
    ("MeanVarianceNormalization", 9, mean_variance),
    ("RMSNormalization", 23, rms_norm),
];

/// A number for each channel, in the shape that is broadcast over a tensor with channels second.
fn per_channel(tensor: &Tensor, rank: usize) -> Result<Tensor> {
    if rank < 2 {
        bail!("has an input with {rank} axes (valid: 2 or more)");
    }
    let mut shape = vec![1; rank];
    shape[1] = tensor.elem_count();
    tensor.reshape(shape)
}

fn batch_norm(node: &Node<'_>) -> Built {
    let epsilon = node.float_or("epsilon", 1e-5)?;
    node.float_or("momentum", 0.9)?;
    if node.flag("training_mode", false)? {
        return Err(node.unsupported("asks for training mode"));
    }
    node.gives_at_most(1, "running_mean, running_var")?;
    one(move |call| {
        let input = call.floats(0)?;
        let of = |index: usize| per_channel(&call.floats(index)?.tensor, input.rank());
        let factor = (of(1)? / (of(4)? + epsilon)?.sqrt()?)?;
        let centred = input.tensor.broadcast_sub(&of(3)?)?;
        Ok(input.with(centred.broadcast_mul(&factor)?.broadcast_add(&of(2)?)?))
    })
}

/// The mean along axes, what is left without it, and its deviation.
fn moments(x: &Tensor, axes: &[usize], epsilon: f64) -> Result<[Tensor; 3]> {
    let mean = x.mean_keepdim(axes)?;
    let centred = x.broadcast_sub(&mean)?;
    let variance = centred.sqr()?.mean_keepdim(axes)?;
    Ok([mean, centred, (variance + epsilon)?.sqrt()?])
}

/// Rows with mean zero and variance one.
fn standardised(rows: &Tensor, epsilon: f64) -> Result<Tensor> {
    let [_, centred, deviation] = moments(rows, &[rows.rank() - 1], epsilon)?;
    centred.broadcast_div(&deviation)
}

fn instance_norm(node: &Node<'_>) -> Built {
    let epsilon = node.float_or("epsilon", 1e-5)?;
    one(move |call| {
        let input = call.floats(0)?;
        let rows = input.tensor.flatten_from(2)?;
        let rows = standardised(&rows, epsilon)?.reshape(input.dims())?;
        affine(call, input, &rows)
    })
}

/// Scale and shift of each channel.
fn affine(call: &Call<'_>, input: &Array, rows: &Tensor) -> Result<Array> {
    let (scale, shift) = (
        per_channel(&call.array(1)?.tensor, input.rank())?,
        per_channel(&call.array(2)?.tensor, input.rank())?,
    );
    Ok(input.with(rows.broadcast_mul(&scale)?.broadcast_add(&shift)?))
}

fn group_norm(node: &Node<'_>) -> Built {
    let epsilon = node.float_or("epsilon", 1e-5)?;
    let groups = node.count("num_groups")?;
    let groups = groups.filter(|&groups| groups > 0);
    let groups = groups.ok_or_else(|| node.wrong("has no attribute `num_groups` above zero"))?;
    node.int("stash_type")?;
    one(move |call| {
        let input = call.floats(0)?;
        let &[batch, channels, ref lengths @ ..] = input.dims() else {
            bail!(
                "has an input of shape {:?} (valid: 2 axes or more)",
                input.dims()
            );
        };
        let rest: usize = lengths.iter().product();
        let rows = input
            .tensor
            .reshape((batch, groups, channels / groups * rest))?;
        let rows = standardised(&rows, epsilon)?;
        if call.array(1)?.tensor.elem_count() != channels {
            // Before opset 21 there is one scale for each group.
            let of = |index: usize| call.array(index)?.tensor.reshape((1, groups, 1));
            return Ok(input.with(
                rows.broadcast_mul(&of(1)?)?
                    .broadcast_add(&of(2)?)?
                    .reshape(input.dims())?,
            ));
        }
        affine(call, input, &rows.reshape(input.dims())?)
    })
}

/// Reads the axis from which on elements belong to one row; a function gets the rows, and the factors
/// that the node has for their elements.
fn over_rows(
    node: &Node<'_>,
    function: impl Fn(&Tensor, &Tensor, Option<&Tensor>) -> Result<Tensor> + Send + Sync + 'static,
) -> Built {
    let axis = node.int_or("axis", -1)?;
    // In which precision the statistics are computed; here always that of the input or better.
    node.int("stash_type")?;
    one(move |call| {
        let input = call.floats(0)?;
        let (outer, inner) = input.dims().split_at(input.axis(axis)?);
        let rows = input.tensor.reshape((
            outer.iter().product::<usize>(),
            inner.iter().product::<usize>(),
        ))?;
        let of = |array: &Array| {
            array
                .tensor
                .broadcast_as(inner)?
                .flatten_all()?
                .contiguous()
        };
        let shift = call.optional(2)?.map(of).transpose()?;
        let given = function(&rows.contiguous()?, &of(call.array(1)?)?, shift.as_ref())?;
        Ok(input.with(given.reshape(input.dims())?))
    })
}

fn layer_norm(node: &Node<'_>) -> Built {
    let epsilon = node.float_or("epsilon", 1e-5)?;
    if node.has_output(1) || node.has_output(2) {
        return with_statistics(node, epsilon);
    }
    over_rows(node, move |rows, scale, shift| {
        if has_kernel(rows) {
            // candle's kernel subtracts the squared mean from the mean square: rows that lie far from
            // zero lose their digits there, so that it gets them centred.
            let centred = rows.broadcast_sub(&rows.mean_keepdim(D::Minus1)?)?;
            let shift = shift.map_or_else(|| scale.zeros_like(), |shift| Ok(shift.clone()))?;
            #[expect(clippy::cast_possible_truncation, reason = "it was a float32")]
            return candle_nn::ops::layer_norm(&centred, scale, &shift, epsilon as f32);
        }
        let rows = standardised(rows, epsilon)?.broadcast_mul(scale)?;
        shift.map_or(Ok(rows.clone()), |shift| rows.broadcast_add(shift))
    })
}

/// The same, with the mean of each row and the reciprocal of its deviation.
fn with_statistics(node: &Node<'_>, epsilon: f64) -> Built {
    let axis = node.int_or("axis", -1)?;
    node.int("stash_type")?;
    many(move |call| {
        let input = call.floats(0)?;
        let axes: Vec<usize> = (input.axis(axis)?..input.rank()).collect();
        let [mean, centred, deviation] = moments(&input.tensor, &axes, epsilon)?;
        let factor = deviation.recip()?;
        let scale = &call.array(1)?.tensor;
        let mut rows = centred.broadcast_mul(&factor)?.broadcast_mul(scale)?;
        if let Some(shift) = call.optional(2)? {
            rows = rows.broadcast_add(&shift.tensor)?;
        }
        let statistic = |tensor: Tensor| Array::floats(tensor.to_dtype(DType::F32)?);
        Ok(vec![
            input.with(rows).into(),
            statistic(mean)?.into(),
            statistic(factor)?.into(),
        ])
    })
}

/// Whether candle has one kernel for it that is quicker than its parts: not on the processor, where that
/// one goes element by element.
fn has_kernel(rows: &Tensor) -> bool {
    !rows.device().is_cpu() && rows.dtype() != DType::F64 && rows.elem_count() > 0
}

fn rms_norm(node: &Node<'_>) -> Built {
    let epsilon = node.float_or("epsilon", 1e-5)?;
    over_rows(node, move |rows, scale, _| {
        let mean = rows.sqr()?.mean_keepdim(D::Minus1)?;
        rows.broadcast_div(&(mean + epsilon)?.sqrt()?)?
            .broadcast_mul(scale)
    })
}

fn lp_norm(node: &Node<'_>) -> Built {
    let (axis, order) = (node.int_or("axis", -1)?, node.int_or("p", 2)?);
    if ![1, 2].contains(&order) {
        return Err(node.unsupported(format!("attribute `p` is {order} (known: 1, 2)")));
    }
    floats(move |x| {
        let axis = self::axis(axis, x.rank())?;
        let norm = match order {
            1 => x.abs()?.sum_keepdim(axis)?,
            _ => x.sqr()?.sum_keepdim(axis)?.sqrt()?,
        };
        // What is all zero stays so.
        let norm = (&norm + norm.eq(0.0)?.to_dtype(x.dtype())?)?;
        x.broadcast_div(&norm)
    })
}

fn mean_variance(node: &Node<'_>) -> Built {
    let axes = node.ints("axes")?.unwrap_or_else(|| vec![0, 2, 3]);
    floats(move |x| {
        let axes: Vec<usize> = axes
            .iter()
            .map(|&number| axis(number, x.rank()))
            .collect::<Result<_>>()?;
        let centred = x.broadcast_sub(&x.mean_keepdim(axes.as_slice())?)?;
        let variance = centred.sqr()?.mean_keepdim(axes.as_slice())?;
        centred.broadcast_div(&(variance.sqrt()? + 1e-9)?)
    })
}
