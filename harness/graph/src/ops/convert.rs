//! Constants, and values of one type as another.

use candle_core::{Result, Tensor};
use onnx_model::{Dtype, proto::AttributeType};

use super::{Operator, shape::lengths};
use crate::{
    Error,
    array::{Array, dtype_of, is_float, storage},
    node::{Built, Node, many, one},
};

pub(super) const OPERATORS: &[Operator] = &[
    ("Cast", 9, cast),
    ("CastLike", 15, cast_like),
    ("Constant", 9, constant),
    ("ConstantOfShape", 9, constant_of_shape),
    ("Dropout", 12, dropout),
    ("Identity", 1, |_| {
        many(|call| Ok(call.inputs.first().cloned().flatten().into_iter().collect()))
    }),
];

fn cast(node: &Node<'_>) -> Built {
    let code = node
        .int("to")?
        .ok_or_else(|| node.wrong("has no attribute `to`"))?;
    let dtype = dtype_of(code).ok_or_else(|| {
        node.unsupported(format!("casts to element type {code}, which is not known"))
    })?;
    only_for_small_floats(node)?;
    one(move |call| convert(call.array(0)?, dtype, call.device))
}

fn cast_like(node: &Node<'_>) -> Built {
    only_for_small_floats(node)?;
    one(|call| convert(call.array(0)?, call.array(1)?.dtype, call.device))
}

/// These say how to round to floats of 8 bits and fewer, which are refused.
fn only_for_small_floats(node: &Node<'_>) -> std::result::Result<(), Error> {
    node.int("saturate")?;
    node.text("round_mode", "up")?;
    Ok(())
}

#[expect(
    clippy::cast_possible_truncation,
    clippy::cast_sign_loss,
    clippy::cast_possible_wrap,
    reason = "what casting does"
)]
fn convert(input: &Array, dtype: Dtype, device: &candle_core::Device) -> Result<Array> {
    match (input.is_float(), is_float(dtype)) {
        (true, true) => Ok(Array {
            tensor: input.tensor.to_dtype(storage(dtype))?,
            dtype,
        }),
        (false, true) => {
            if input.dtype == Dtype::U64 {
                return Array::from_doubles(input.to_doubles()?, input.dims(), dtype, device);
            }
            let tensor = input.tensor.to_dtype(storage(dtype))?.to_device(device)?;
            Ok(Array { tensor, dtype })
        }
        (true, false) => {
            let whole = |value: f64| match dtype {
                Dtype::Bool => i64::from(value != 0.0),
                Dtype::U64 if value >= 0.0 => value as u64 as i64,
                _ => value as i64,
            };
            let values = input.to_doubles()?.into_iter().map(whole).collect();
            Array::ints(values, input.dims(), dtype)
        }
        (false, false) => Array::ints(input.to_ints()?, input.dims(), dtype),
    }
}

fn constant(node: &Node<'_>) -> Built {
    let attribute = node.proto.attribute.first();
    let held = attribute.map(|attribute| (attribute.name(), attribute.r#type()));
    let failed = |error: candle_core::Error| node.unsupported(error.to_string());
    let floats = |values: Vec<f32>, shape: Vec<usize>| {
        Tensor::from_vec(values, shape, node.device)
            .and_then(Array::floats)
            .map_err(failed)
    };
    let array = match held {
        Some(("value", AttributeType::Tensor)) => node.tensor("value")?,
        Some(("value_float", AttributeType::Float)) => {
            #[expect(clippy::cast_possible_truncation, reason = "it was a float32")]
            let value = node.float("value_float")?.map(|value| value as f32);
            value.map(|value| floats(vec![value], vec![])).transpose()?
        }
        Some(("value_floats", AttributeType::Floats)) => {
            let values = node.floats("value_floats")?;
            values
                .map(|values| floats(values.clone(), vec![values.len()]))
                .transpose()?
        }
        Some(("value_int", AttributeType::Int)) => {
            let value = node.int("value_int")?;
            value
                .map(|value| Array::longs(vec![value], ()).map_err(failed))
                .transpose()?
        }
        Some(("value_ints", AttributeType::Ints)) => {
            let values = node.ints("value_ints")?;
            let longs = |values: Vec<i64>| Array::longs(values.clone(), values.len());
            values
                .map(|values| longs(values).map_err(failed))
                .transpose()?
        }
        _ => None,
    };
    let array = array.ok_or_else(|| {
        node.unsupported(format!(
            "holds {held:?} (known: a tensor, floats, integers)"
        ))
    })?;
    one(move |_| Ok(array.clone()))
}

fn constant_of_shape(node: &Node<'_>) -> Built {
    let value = match node.tensor("value")? {
        Some(value) => value,
        None => Tensor::zeros(1, candle_core::DType::F32, node.device)
            .and_then(Array::floats)
            .map_err(|error| node.unsupported(error.to_string()))?,
    };
    one(move |call| {
        let shape = lengths(&call.array(0)?.to_ints()?)?;
        Ok(value.with(value.tensor.reshape(())?.broadcast_as(shape)?))
    })
}

/// Nothing is dropped where nothing is trained.
fn dropout(node: &Node<'_>) -> Built {
    node.int("seed")?;
    if node.has_input(2) {
        return Err(node.unsupported("the input training_mode is not read"));
    }
    many(|call| {
        let input = call.array(0)?;
        let all = vec![1; input.tensor.elem_count()];
        let mask = Array::ints(all, input.dims(), Dtype::Bool)?;
        Ok(vec![input.clone().into(), mask.into()])
    })
}
