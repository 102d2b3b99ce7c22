//! Shapes, and the same elements in another shape or order.

use candle_core::{Result, Tensor, bail};

use super::Operator;
use crate::{
    Error,
    array::{Array, Value, axis, broadcast_shape, dtype_of, is_float},
    node::{Built, Call, Node, many, one},
};

pub(super) const OPERATORS: &[Operator] = &[
    ("Concat", 4, concat),
    ("DepthToSpace", 11, depth_to_space),
    ("Expand", 8, |_| one(expand)),
    ("EyeLike", 9, eye_like),
    ("Flatten", 9, flatten),
    ("Range", 11, |_| one(range)),
    ("Reshape", 5, reshape),
    ("Shape", 1, shape),
    ("Size", 1, |_| {
        one(|call| Array::longs(vec![call.array(0)?.tensor.elem_count() as i64], ()))
    }),
    ("SpaceToDepth", 1, space_to_depth),
    ("Split", 13, split),
    ("Squeeze", 13, |_| one(squeeze)),
    ("Tile", 6, |_| one(tile)),
    ("Transpose", 1, transpose),
    ("Unsqueeze", 13, |_| one(unsqueeze)),
];

/// Lengths that a node asks for.
pub(super) fn lengths(ints: &[i64]) -> Result<Vec<usize>> {
    let lengths: std::result::Result<Vec<usize>, _> =
        ints.iter().map(|&length| usize::try_from(length)).collect();
    match lengths {
        Ok(lengths) => Ok(lengths),
        Err(_) => bail!("asks for lengths {ints:?}, of which one is below zero"),
    }
}

fn reshape(node: &Node<'_>) -> Built {
    let allow_zero = node.flag("allowzero", false)?;
    one(move |call| {
        let input = call.array(0)?;
        let wanted = call.array(1)?.to_ints()?;
        let mut shape = Vec::with_capacity(wanted.len());
        let mut open = None;
        for (place, &length) in wanted.iter().enumerate() {
            shape.push(match length {
                -1 if open.is_none() => {
                    open = Some(place);
                    1
                }
                0 if !allow_zero => match input.dims().get(place) {
                    Some(&length) => length,
                    None => bail!(
                        "keeps the length of axis {place} of shape {:?}",
                        input.dims()
                    ),
                },
                length => match usize::try_from(length) {
                    Ok(length) => length,
                    Err(_) => bail!("asks for shape {wanted:?}"),
                },
            });
        }
        let count = input.tensor.elem_count();
        if let Some(place) = open {
            let others: usize = shape.iter().product();
            if others == 0 || count % others != 0 {
                bail!("asks for shape {wanted:?} of {count} elements");
            }
            shape[place] = count / others;
        }
        if shape.iter().product::<usize>() != count {
            bail!("asks for shape {wanted:?} of shape {:?}", input.dims());
        }
        Ok(input.with(input.tensor.reshape(shape)?))
    })
}

fn flatten(node: &Node<'_>) -> Built {
    let axis = node.int_or("axis", 1)?;
    one(move |call| {
        let input = call.array(0)?;
        let dims = input.dims();
        // One more than the axes there are is allowed: all before, nothing after.
        let axis = if axis == dims.len() as i64 {
            dims.len()
        } else {
            input.axis(axis)?
        };
        let (before, after) = dims.split_at(axis);
        let shape: (usize, usize) = (before.iter().product(), after.iter().product());
        Ok(input.with(input.tensor.reshape(shape)?))
    })
}

fn squeeze(call: &Call<'_>) -> Result<Array> {
    let input = call.array(0)?;
    let dims = input.dims();
    let gone: Vec<usize> = match call.ints(1)? {
        None => (0..dims.len()).filter(|&axis| dims[axis] == 1).collect(),
        Some(axes) => axes
            .into_iter()
            .map(|axis| input.axis(axis))
            .collect::<Result<_>>()?,
    };
    if let Some(axis) = gone.iter().find(|&&axis| dims[axis] != 1) {
        bail!("takes axis {axis} out of shape {dims:?}, whose length is not one");
    }
    let kept = (0..dims.len()).filter(|axis| !gone.contains(axis));
    let shape: Vec<usize> = kept.map(|axis| dims[axis]).collect();
    Ok(input.with(view(&input.tensor, &gone, shape)?))
}

/// Takes axes of length one out; a view, also where the tensor is not contiguous.
fn view(tensor: &Tensor, gone: &[usize], shape: Vec<usize>) -> Result<Tensor> {
    if tensor.is_contiguous() {
        return tensor.reshape(shape);
    }
    let mut gone = gone.to_vec();
    gone.sort_unstable();
    gone.iter()
        .rev()
        .try_fold(tensor.clone(), |tensor, &axis| tensor.squeeze(axis))
}

fn unsqueeze(call: &Call<'_>) -> Result<Array> {
    let input = call.array(0)?;
    let axes = call.array(1)?.to_ints()?;
    let rank = input.rank() + axes.len();
    let mut axes: Vec<usize> = axes
        .into_iter()
        .map(|number| axis(number, rank))
        .collect::<Result<_>>()?;
    axes.sort_unstable();
    if axes.windows(2).any(|pair| pair[0] == pair[1]) {
        bail!("puts in the same axis twice: {axes:?}");
    }
    let tensor = axes
        .iter()
        .try_fold(input.tensor.clone(), |tensor, &axis| tensor.unsqueeze(axis))?;
    Ok(input.with(tensor))
}

fn transpose(node: &Node<'_>) -> Built {
    let order = node.sizes("perm")?;
    one(move |call| {
        let input = call.array(0)?;
        let order = order
            .clone()
            .unwrap_or_else(|| (0..input.rank()).rev().collect());
        if order.len() != input.rank() {
            bail!("orders {} axes of shape {:?}", order.len(), input.dims());
        }
        Ok(input.with(input.tensor.permute(order)?))
    })
}

fn shape(node: &Node<'_>) -> Built {
    let (start, end) = (node.int_or("start", 0)?, node.int("end")?);
    one(move |call| {
        let dims = call.dims(0)?;
        let place = |number: i64| {
            let number = if number < 0 {
                number + dims.len() as i64
            } else {
                number
            };
            usize::try_from(number).unwrap_or(0).min(dims.len())
        };
        let (start, end) = (place(start), end.map_or(dims.len(), place));
        let lengths: Vec<i64> = dims[start.min(end)..end]
            .iter()
            .map(|&length| length as i64)
            .collect();
        let count = lengths.len();
        Array::longs(lengths, count)
    })
}

fn expand(call: &Call<'_>) -> Result<Array> {
    let input = call.array(0)?;
    let shape = lengths(&call.array(1)?.to_ints()?)?;
    let shape = broadcast_shape(input.dims(), &shape)?;
    Ok(input.with(input.tensor.broadcast_as(shape)?))
}

fn tile(call: &Call<'_>) -> Result<Array> {
    let input = call.array(0)?;
    let repeats = lengths(&call.array(1)?.to_ints()?)?;
    if repeats.len() != input.rank() {
        bail!("repeats {} axes of shape {:?}", repeats.len(), input.dims());
    }
    Ok(input.with(input.tensor.repeat(repeats)?))
}

fn concat(node: &Node<'_>) -> Built {
    let axis = node
        .int("axis")?
        .ok_or_else(|| node.wrong("has no attribute `axis`"))?;
    one(move |call| join(&call.arrays()?, axis))
}

/// Arrays one after the other along an axis.
pub(super) fn join(arrays: &[&Array], axis: i64) -> Result<Array> {
    let Some(first) = arrays.first() else {
        bail!("joins nothing");
    };
    if let Some(other) = arrays.iter().find(|array| array.dtype != first.dtype) {
        bail!("joins {:?} and {:?}", first.dtype, other.dtype);
    }
    let axis = first.axis(axis)?;
    let tensors: Vec<&Tensor> = arrays.iter().map(|array| &array.tensor).collect();
    // Empty ones have a shape, but nothing to copy.
    let full: Vec<&Tensor> = tensors
        .iter()
        .copied()
        .filter(|tensor| tensor.dims().get(axis) != Some(&0))
        .collect();
    let joined = match full[..] {
        [] => first.tensor.clone(),
        [one] => one.clone(),
        _ => Tensor::cat(&full, axis)?,
    };
    Ok(first.with(joined))
}

fn split(node: &Node<'_>) -> Built {
    let axis = node.int_or("axis", 0)?;
    let count = node.count("num_outputs")?;
    let outputs = node.proto.output.len();
    many(move |call| {
        let input = call.array(0)?;
        let axis = input.axis(axis)?;
        let length = input.dims()[axis];
        let lengths = match call.ints(1)? {
            Some(ints) => lengths(&ints)?,
            None => {
                let count = count.unwrap_or(outputs).max(1);
                chunks(length, length.div_ceil(count), count)
            }
        };
        parts(input, axis, &lengths)
    })
}

/// `count` lengths of a size, of which the last take what is left.
fn chunks(length: usize, size: usize, count: usize) -> Vec<usize> {
    (0..count)
        .map(|place| length.saturating_sub(place * size).min(size))
        .collect()
}

/// Views of an array's parts along an axis.
pub(super) fn parts(input: &Array, axis: usize, lengths: &[usize]) -> Result<Vec<Value>> {
    if lengths.iter().sum::<usize>() != input.dims()[axis] {
        bail!(
            "splits axis {axis} of shape {:?} into {lengths:?}",
            input.dims()
        );
    }
    let mut start = 0;
    let mut parts = Vec::with_capacity(lengths.len());
    for &length in lengths {
        parts.push(input.with(input.tensor.narrow(axis, start, length)?).into());
        start += length;
    }
    Ok(parts)
}

#[expect(
    clippy::cast_possible_truncation,
    clippy::cast_sign_loss,
    reason = "a count of steps"
)]
fn range(call: &Call<'_>) -> Result<Array> {
    let (start, limit, delta) = (call.array(0)?, call.array(1)?, call.array(2)?);
    if start.is_float() {
        let (start_at, limit, delta) = (start.to_double()?, limit.to_double()?, delta.to_double()?);
        let count = ((limit - start_at) / delta).ceil().max(0.0);
        if !count.is_finite() {
            bail!("goes from {start_at} to {limit} in steps of {delta}");
        }
        let count = count as usize;
        let values = (0..count)
            .map(|step| start_at + step as f64 * delta)
            .collect();
        return Array::from_doubles(values, count, start.dtype, call.device);
    }
    let (first, limit, delta) = (start.to_int()?, limit.to_int()?, delta.to_int()?);
    if delta == 0 {
        bail!("goes from {first} to {limit} in steps of zero");
    }
    // Between the ends of int64 lies more than an int64 holds.
    let [from, to, by] = [first, limit, delta].map(i128::from);
    let count = usize::try_from((to - from + by - by.signum()) / by).unwrap_or(0);
    // A product that wraps around comes back with the sum.
    let at = |step: i64| first.wrapping_add(step.wrapping_mul(delta));
    let values = (0..count as i64).map(at).collect();
    Array::ints(values, count, start.dtype)
}

fn eye_like(node: &Node<'_>) -> Built {
    let (code, diagonal) = (node.int("dtype")?, node.int_or("k", 0)?);
    let dtype = code.map(|code| {
        dtype_of(code)
            .ok_or_else(|| node.unsupported(format!("has element type {code}, which is not known")))
    });
    let dtype = dtype.transpose()?;
    one(move |call| {
        let input = call.array(0)?;
        let (rows, columns) = input.tensor.dims2()?;
        let places =
            (0..rows as i64).flat_map(|row| (0..columns as i64).map(move |column| column - row));
        let dtype = dtype.unwrap_or(input.dtype);
        if is_float(dtype) {
            let values = places
                .map(|place| f64::from(u8::from(place == diagonal)))
                .collect();
            Array::from_doubles(values, (rows, columns), dtype, call.device)
        } else {
            Array::ints(
                places.map(|place| i64::from(place == diagonal)).collect(),
                (rows, columns),
                dtype,
            )
        }
    })
}

fn block_size(node: &Node<'_>) -> std::result::Result<usize, Error> {
    let size = node.count("blocksize")?;
    size.filter(|&size| size > 0)
        .ok_or_else(|| node.wrong("has no attribute `blocksize` above zero"))
}

fn depth_to_space(node: &Node<'_>) -> Built {
    let block = block_size(node)?;
    let columns_first = node.choice("mode", &["DCR", "CRD"])? == 1;
    one(move |call| {
        let input = call.array(0)?;
        let (batch, depth, height, width) = input.tensor.dims4()?;
        let kept = depth / (block * block);
        let tensor = if columns_first {
            input
                .tensor
                .reshape(vec![batch, kept, block, block, height, width])?
                .permute(vec![0, 1, 4, 2, 5, 3])?
        } else {
            input
                .tensor
                .reshape(vec![batch, block, block, kept, height, width])?
                .permute(vec![0, 3, 4, 1, 5, 2])?
        };
        Ok(input.with(tensor.reshape((batch, kept, height * block, width * block))?))
    })
}

fn space_to_depth(node: &Node<'_>) -> Built {
    let block = block_size(node)?;
    one(move |call| {
        let input = call.array(0)?;
        let (batch, depth, height, width) = input.tensor.dims4()?;
        let (rows, columns) = (height / block, width / block);
        let tensor = input
            .tensor
            .reshape(vec![batch, depth, rows, block, columns, block])?;
        let tensor = tensor.permute(vec![0, 3, 5, 1, 2, 4])?;
        Ok(input.with(tensor.reshape((batch, depth * block * block, rows, columns))?))
    })
}
