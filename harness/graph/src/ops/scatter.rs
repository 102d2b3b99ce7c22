//! Elements put into a copy of an array by their place; computed on the processor.

use candle_core::{DType, Result, Tensor, WithDType, bail};

use super::{
    Operator,
    index::{place, rows},
};
use crate::{
    Error,
    array::{Array, strides},
    node::{Built, Node, one},
};

pub(super) const OPERATORS: &[Operator] = &[
    ("ScatterElements", 11, scatter_elements),
    ("ScatterND", 11, scatter_nd),
];

/// What becomes of an element that is hit.
#[derive(Clone, Copy)]
enum Reduction {
    Replace,
    Add,
    Multiply,
    Larger,
    Smaller,
}

fn reduction(node: &Node<'_>) -> std::result::Result<Reduction, Error> {
    let choice = node.choice("reduction", &["none", "add", "mul", "max", "min"])?;
    Ok([
        Reduction::Replace,
        Reduction::Add,
        Reduction::Multiply,
        Reduction::Larger,
        Reduction::Smaller,
    ][choice])
}

fn scatter_elements(node: &Node<'_>) -> Built {
    let axis = node.int_or("axis", 0)?;
    let reduction = reduction(node)?;
    one(move |call| {
        let (data, indices, updates) = (call.array(0)?, call.array(1)?, call.array(2)?);
        let axis = data.axis(axis)?;
        let reaches_out = |(along, (&wanted, &length)): (usize, (&usize, &usize))| {
            along != axis && wanted > length
        };
        let lengths = indices.dims().iter().zip(data.dims());
        if indices.dims() != updates.dims()
            || indices.rank() != data.rank()
            || lengths.enumerate().any(reaches_out)
        {
            bail!(
                "scatters {:?} by {:?} into {:?}",
                updates.dims(),
                indices.dims(),
                data.dims()
            );
        }
        let strides = strides(data.dims());
        let numbers = indices.to_ints()?;
        let mut places = Vec::with_capacity(numbers.len());
        for (number, index) in numbers.into_iter().enumerate() {
            let mut rest = number;
            let mut flat = usize::try_from(place(index, data.dims()[axis])?)? * strides[axis];
            for along in (0..indices.rank()).rev() {
                let (length, here) = (indices.dims()[along], rest % indices.dims()[along]);
                rest /= length;
                if along != axis {
                    flat += here * strides[along];
                }
            }
            places.push(flat);
        }
        scatter(data, &places, updates, 1, reduction)
    })
}

fn scatter_nd(node: &Node<'_>) -> Built {
    let reduction = reduction(node)?;
    one(move |call| {
        let (data, indices, updates) = (call.array(0)?, call.array(1)?, call.array(2)?);
        let width = indices.dims().last().copied().unwrap_or(0);
        let rows = rows(indices, data.dims(), 0)?;
        let block: usize = data.dims()[width..].iter().product();
        if updates.tensor.elem_count() != rows.len() * block {
            bail!(
                "scatters {:?} by {:?} into {:?}",
                updates.dims(),
                indices.dims(),
                data.dims()
            );
        }
        let places = rows
            .into_iter()
            .map(|row| usize::try_from(row).map(|row| row * block));
        let places: Vec<usize> = places.collect::<std::result::Result<_, _>>()?;
        scatter(data, &places, updates, block, reduction)
    })
}

/// Puts blocks of updates to places of the flat array.
fn scatter(
    data: &Array,
    places: &[usize],
    updates: &Array,
    block: usize,
    reduction: Reduction,
) -> Result<Array> {
    super::arithmetic::same_type(data, updates)?;
    let tensor = match data.tensor.dtype() {
        DType::F32 => put::<f32>(data, places, updates, block, reduction),
        DType::F64 => put::<f64>(data, places, updates, block, reduction),
        DType::F16 | DType::BF16 => {
            let wide = |array: &Array| {
                Ok::<Array, candle_core::Error>(array.with(array.tensor.to_dtype(DType::F32)?))
            };
            put::<f32>(&wide(data)?, places, &wide(updates)?, block, reduction)?
                .to_dtype(data.tensor.dtype())
        }
        _ => put::<i64>(data, places, updates, block, reduction),
    };
    Ok(data.with(tensor?))
}

fn put<T: WithDType>(
    data: &Array,
    places: &[usize],
    updates: &Array,
    block: usize,
    reduction: Reduction,
) -> Result<Tensor> {
    let mut values: Vec<T> = data.tensor.flatten_all()?.to_vec1()?;
    let updates: Vec<T> = updates.tensor.flatten_all()?.to_vec1()?;
    for (&place, update) in places.iter().zip(updates.chunks(block.max(1))) {
        for (value, &update) in values[place..place + block].iter_mut().zip(update) {
            *value = match reduction {
                Reduction::Replace => update,
                Reduction::Add => *value + update,
                Reduction::Multiply => *value * update,
                Reduction::Larger if update > *value => update,
                Reduction::Smaller if update < *value => update,
                Reduction::Larger | Reduction::Smaller => *value,
            };
        }
    }
    Tensor::from_vec(values, data.dims(), data.tensor.device())
}
