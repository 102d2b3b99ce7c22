//! Elements picked by their place.

use candle_core::{D, DType, Device, Result, Tensor, bail};
use onnx_model::Dtype;

use super::{Operator, arithmetic::number, logic::choose, shape::lengths};
use crate::{
    array::{Array, every},
    node::{Built, Call, Node, one},
};

pub(super) const OPERATORS: &[Operator] = &[
    ("Compress", 9, compress),
    ("Gather", 1, gather),
    ("GatherElements", 11, gather_elements),
    ("GatherND", 12, gather_nd),
    ("NonZero", 9, |_| one(non_zero)),
    ("OneHot", 9, one_hot),
    ("ReverseSequence", 10, reverse_sequence),
    ("Slice", 10, |_| one(slice)),
    ("Trilu", 14, trilu),
];

/// A place along an axis; negative ones count from the end.
pub(super) fn place(index: i64, length: usize) -> Result<i64> {
    let from_start = if index < 0 {
        index + length as i64
    } else {
        index
    };
    if from_start < 0 || from_start >= length as i64 {
        bail!("index {index} is out of range for an axis of length {length}");
    }
    Ok(from_start)
}

/// Places along an axis, as a tensor on a device.
fn places(indices: Vec<i64>, length: usize, device: &Device) -> Result<Tensor> {
    let count = indices.len();
    let places: Vec<i64> = indices
        .into_iter()
        .map(|index| place(index, length))
        .collect::<Result<_>>()?;
    Tensor::from_vec(places, count, device)
}

fn gather(node: &Node<'_>) -> Built {
    let axis = node.int_or("axis", 0)?;
    one(move |call| {
        let (data, indices) = (call.array(0)?, call.array(1)?);
        let axis = data.axis(axis)?;
        let dims = data.dims();
        if indices.rank() == 0 {
            // One index is a view.
            let place = usize::try_from(place(indices.to_int()?, dims[axis])?)?;
            return Ok(data.with(data.tensor.narrow(axis, place, 1)?.squeeze(axis)?));
        }
        let shape = [&dims[..axis], indices.dims(), &dims[axis + 1..]].concat();
        if shape.contains(&0) {
            return Ok(data.with(Tensor::zeros(
                shape,
                data.tensor.dtype(),
                data.tensor.device(),
            )?));
        }
        let places = places(indices.to_ints()?, dims[axis], data.tensor.device())?;
        Ok(data.with(
            data.tensor
                .contiguous()?
                .index_select(&places, axis)?
                .reshape(shape)?,
        ))
    })
}

fn gather_elements(node: &Node<'_>) -> Built {
    let axis = node.int_or("axis", 0)?;
    one(move |call| {
        let (data, indices) = (call.array(0)?, call.array(1)?);
        let axis = data.axis(axis)?;
        let device = data.tensor.device();
        let places =
            places(indices.to_ints()?, data.dims()[axis], device)?.reshape(indices.dims())?;
        Ok(data.with(data.tensor.contiguous()?.gather(&places, axis)?))
    })
}

/// For each row of indices, its place when the axes that it indexes are one; `batch` axes are common.
pub(super) fn rows(indices: &Array, dims: &[usize], batch: usize) -> Result<Vec<i64>> {
    let Some((&width, outer)) = indices.dims().split_last() else {
        bail!("has indices without axes");
    };
    let Some(indexed) = dims.get(batch..batch + width) else {
        bail!("indexes {width} axes of shape {dims:?} after {batch}");
    };
    let (block, rows): (usize, usize) = (indexed.iter().product(), outer.iter().product());
    let batches: usize = outer[..batch.min(outer.len())].iter().product();
    let numbers = indices.to_ints()?;
    (0..rows)
        .map(|row| {
            let tuple = &numbers[row * width..(row + 1) * width];
            let base = (row * batches.max(1) / rows.max(1)) * block;
            let inner = tuple
                .iter()
                .zip(indexed)
                .try_fold(0, |all, (&index, &length)| {
                    Ok::<i64, candle_core::Error>(all * length as i64 + place(index, length)?)
                });
            Ok(base as i64 + inner?)
        })
        .collect()
}

fn gather_nd(node: &Node<'_>) -> Built {
    let batch = node.int_or("batch_dims", 0)?;
    let batch =
        usize::try_from(batch).map_err(|_| node.wrong("attribute `batch_dims` is below zero"))?;
    one(move |call| {
        let (data, indices) = (call.array(0)?, call.array(1)?);
        let rows = rows(indices, data.dims(), batch)?;
        let (width, outer) = (
            indices.dims()[indices.rank() - 1],
            &indices.dims()[..indices.rank() - 1],
        );
        let (front, rest) = data.dims().split_at(batch + width);
        let shape = [outer, rest].concat();
        let count = rows.len();
        let rows = Tensor::from_vec(rows, count, data.tensor.device())?;
        let flat = [&[front.iter().product()], rest].concat();
        let flat = data.tensor.reshape(flat)?.contiguous()?;
        Ok(data.with(flat.index_select(&rows, 0)?.reshape(shape)?))
    })
}

fn slice(call: &Call<'_>) -> Result<Array> {
    let data = call.array(0)?;
    let (starts, ends) = (call.array(1)?.to_ints()?, call.array(2)?.to_ints()?);
    let axes = call
        .ints(3)?
        .unwrap_or_else(|| (0..starts.len() as i64).collect());
    let steps = call.ints(4)?.unwrap_or_else(|| vec![1; starts.len()]);
    if [ends.len(), axes.len(), steps.len()] != [starts.len(); 3] {
        bail!(
            "has {} starts, {} ends, {} axes, {} steps",
            starts.len(),
            ends.len(),
            axes.len(),
            steps.len()
        );
    }
    let mut tensor = data.tensor.clone();
    for (((start, end), axis), step) in starts.into_iter().zip(ends).zip(axes).zip(steps) {
        let axis = data.axis(axis)?;
        tensor = stretch(&tensor, axis, start, end, step)?;
    }
    Ok(data.with(tensor))
}

/// From `start` to before `end` in steps, along an axis; what lies outside is cut off.
fn stretch(tensor: &Tensor, axis: usize, start: i64, end: i64, step: i64) -> Result<Tensor> {
    let length = tensor.dims()[axis] as i64;
    let from_start = |number: i64| {
        if number < 0 {
            number.saturating_add(length)
        } else {
            number
        }
    };
    if step == 0 {
        bail!("takes steps of zero");
    }
    if step > 0 {
        let (start, end) = (
            from_start(start).clamp(0, length),
            from_start(end).clamp(0, length),
        );
        let (start, count) = (
            usize::try_from(start)?,
            usize::try_from((end - start).max(0))?,
        );
        let stretch = tensor.narrow(axis, start, count)?;
        let step = usize::try_from(step)?.min(count.max(1));
        return if count == 0 {
            Ok(stretch)
        } else {
            every(&stretch, axis, step)
        };
    }
    let (start, end) = (
        from_start(start).clamp(-1, length - 1),
        from_start(end).clamp(-1, length - 1),
    );
    let count = usize::try_from((start - end + -step - 1) / -step).unwrap_or(0);
    let places: Vec<i64> = (0..count as i64)
        .map(|place| start + place * step)
        .collect();
    if places.is_empty() {
        return tensor.narrow(axis, 0, 0);
    }
    let places = Tensor::from_vec(places, count, tensor.device())?;
    tensor.contiguous()?.index_select(&places, axis)
}

fn trilu(node: &Node<'_>) -> Built {
    let upper = node.flag("upper", true)?;
    one(move |call| {
        let data = call.array(0)?;
        let diagonal = call
            .ints(1)?
            .map_or(0, |ints| ints.first().copied().unwrap_or(0));
        let (rows, columns) = (data.tensor.dim(D::Minus2)?, data.tensor.dim(D::Minus1)?);
        let places =
            (0..rows as i64).flat_map(|row| (0..columns as i64).map(move |column| column - row));
        let kept = places.map(|place| {
            i64::from(if upper {
                place >= diagonal
            } else {
                place <= diagonal
            })
        });
        let mask = Array::ints(kept.collect(), (rows, columns), Dtype::Bool)?;
        choose(&mask, data, &number(0.0, data)?)
    })
}

fn non_zero(call: &Call<'_>) -> Result<Array> {
    let data = call.array(0)?;
    let dims = data.dims();
    let hits: Vec<usize> = if data.is_float() {
        let values = data.to_doubles()?;
        (0..values.len())
            .filter(|&place| values[place] != 0.0)
            .collect()
    } else {
        let values = data.to_ints()?;
        (0..values.len())
            .filter(|&place| values[place] != 0)
            .collect()
    };
    let mut indices = Vec::with_capacity(dims.len() * hits.len());
    let mut stride: usize = dims.iter().product();
    for &length in dims {
        stride /= length.max(1);
        indices.extend(
            hits.iter()
                .map(|place| (place / stride.max(1) % length.max(1)) as i64),
        );
    }
    Array::longs(indices, (dims.len(), hits.len()))
}

fn compress(node: &Node<'_>) -> Built {
    let axis = node.int("axis")?;
    one(move |call| {
        let (data, condition) = (call.array(0)?, call.array(1)?.to_ints()?);
        let (tensor, axis) = match axis {
            None => (data.tensor.flatten_all()?, 0),
            Some(axis) => (data.tensor.contiguous()?, data.axis(axis)?),
        };
        let length = tensor.dims()[axis];
        let kept: Vec<i64> = (0..length.min(condition.len()))
            .filter(|&place| condition[place] != 0)
            .map(|place| place as i64)
            .collect();
        if kept.is_empty() {
            return Ok(data.with(tensor.narrow(axis, 0, 0)?));
        }
        let count = kept.len();
        let kept = Tensor::from_vec(kept, count, tensor.device())?;
        Ok(data.with(tensor.index_select(&kept, axis)?))
    })
}

fn one_hot(node: &Node<'_>) -> Built {
    let axis = node.int_or("axis", -1)?;
    one(move |call| {
        let (indices, depth, values) = (call.array(0)?, call.array(1)?, call.array(2)?);
        #[expect(clippy::cast_possible_truncation, reason = "an index")]
        let whole = |value: f64| value as i64;
        let depth = lengths(&[whole(depth.to_double()?)])?[0];
        let axis = crate::array::axis(axis, indices.rank() + 1)?;
        let places: Vec<i64> = indices
            .to_doubles()?
            .into_iter()
            .map(whole)
            .map(|index| {
                if index < 0 {
                    index + depth as i64
                } else {
                    index
                }
            })
            .collect();
        let places = Array::longs(places, indices.dims())?;
        let mut ladder = vec![1; indices.rank() + 1];
        ladder[axis] = depth;
        let ladder = Tensor::arange(0, depth as i64, &Device::Cpu)?.reshape(ladder)?;
        let hot = places
            .tensor
            .unsqueeze(axis)?
            .broadcast_eq(&ladder)?
            .to_dtype(DType::I64)?;
        let hot = Array {
            tensor: hot,
            dtype: Dtype::Bool,
        };
        let [off, on] = [0, 1].map(|place| {
            Ok::<Array, candle_core::Error>(
                values.with(values.tensor.narrow(0, place, 1)?.reshape(())?),
            )
        });
        choose(&hot, &on?, &off?)
    })
}

fn reverse_sequence(node: &Node<'_>) -> Built {
    let (batch, time) = (node.int_or("batch_axis", 1)?, node.int_or("time_axis", 0)?);
    one(move |call| {
        let (data, counts) = (call.array(0)?, call.array(1)?.to_ints()?);
        let (batch, time) = (data.axis(batch)?, data.axis(time)?);
        let length = data.dims()[time] as i64;
        if batch == time || counts.len() != data.dims()[batch] {
            bail!(
                "reverses {} sequences of shape {:?} along axis {time}",
                counts.len(),
                data.dims()
            );
        }
        if let Some(count) = counts.iter().find(|count| !(0..=length).contains(*count)) {
            bail!("reverses {count} of {length} elements");
        }
        if data.tensor.elem_count() == 0 {
            return Ok(data.clone());
        }
        let rows: Vec<Tensor> = counts
            .iter()
            .enumerate()
            .map(|(row, &count)| {
                let places: Vec<i64> = (0..length)
                    .map(|place| {
                        if place < count {
                            count - 1 - place
                        } else {
                            place
                        }
                    })
                    .collect();
                let places = Tensor::from_vec(places, data.dims()[time], data.tensor.device())?;
                data.tensor
                    .narrow(batch, row, 1)?
                    .contiguous()?
                    .index_select(&places, time)
            })
            .collect::<Result<_>>()?;
        Ok(data.with(Tensor::cat(&rows, batch)?))
    })
}
