//! Between arrays and ONNX Runtime's values.

use ort::value::{DynValue, Tensor, TensorElementType, ValueType};

use crate::array::{Array, Data};

pub(super) fn to_value(array: &Array) -> Result<DynValue, String> {
    let shape = array.shape().to_vec();
    let value = match array.data() {
        Data::F32(values) => Tensor::from_array((shape, values.clone())).map(Tensor::into_dyn),
        Data::F64(values) => Tensor::from_array((shape, values.clone())).map(Tensor::into_dyn),
        Data::I64(values) => Tensor::from_array((shape, values.clone())).map(Tensor::into_dyn),
    };
    value.map_err(|error| error.to_string())
}

/// A weight, from its little-endian bytes.
pub(super) fn from_bytes(dtype: &str, shape: &[usize], bytes: &[u8]) -> Result<DynValue, String> {
    fn words<const N: usize, T>(bytes: &[u8], read: fn([u8; N]) -> T) -> Vec<T> {
        bytes
            .as_chunks::<N>()
            .0
            .iter()
            .map(|&word| read(word))
            .collect()
    }
    let shape = shape.to_vec();
    let value = match dtype {
        "f32" => {
            Tensor::from_array((shape, words(bytes, f32::from_le_bytes))).map(Tensor::into_dyn)
        }
        "f64" => {
            Tensor::from_array((shape, words(bytes, f64::from_le_bytes))).map(Tensor::into_dyn)
        }
        "i64" => {
            Tensor::from_array((shape, words(bytes, i64::from_le_bytes))).map(Tensor::into_dyn)
        }
        "i32" => {
            Tensor::from_array((shape, words(bytes, i32::from_le_bytes))).map(Tensor::into_dyn)
        }
        "u8" => Tensor::from_array((shape, bytes.to_vec())).map(Tensor::into_dyn),
        "bool" => {
            let values: Vec<bool> = bytes.iter().map(|&byte| byte != 0).collect();
            Tensor::from_array((shape, values)).map(Tensor::into_dyn)
        }
        other => {
            let valid = "bool, f32, f64, i32, i64, u8";
            return Err(format!(
                "dtype `{other}` cannot be handed to a graph (valid: {valid})"
            ));
        }
    };
    value.map_err(|error| error.to_string())
}

pub(super) fn to_array(value: &DynValue) -> Result<Array, String> {
    let ValueType::Tensor { ty, shape, .. } = value.dtype() else {
        return Err(format!("is no tensor but {}", value.dtype()));
    };
    let failed = |error: ort::Error| error.to_string();
    let data = match ty {
        TensorElementType::Float32 => Data::F32(
            value
                .try_extract_tensor::<f32>()
                .map_err(failed)?
                .1
                .to_vec(),
        ),
        TensorElementType::Float64 => Data::F64(
            value
                .try_extract_tensor::<f64>()
                .map_err(failed)?
                .1
                .to_vec(),
        ),
        TensorElementType::Int64 => Data::I64(
            value
                .try_extract_tensor::<i64>()
                .map_err(failed)?
                .1
                .to_vec(),
        ),
        TensorElementType::Bool => {
            let values = value.try_extract_tensor::<bool>().map_err(failed)?.1;
            Data::I64(values.iter().map(|&value| i64::from(value)).collect())
        }
        other => return Err(format!("has dtype {other}, which no output has")),
    };
    let shape: Result<Vec<usize>, _> = shape
        .iter()
        .map(|&length| usize::try_from(length))
        .collect();
    let shape = shape.map_err(|error| error.to_string())?;
    Array::unnamed(shape, data).map_err(|error| error.to_string())
}
