//! Tensors that lie inside a model.

use candle_core::{DType, Device, Tensor};
use onnx_model::{Dtype, proto::TensorProto};

use crate::array::Array;

impl Array {
    /// A tensor of the model as an array on a device.
    pub(crate) fn from_proto(tensor: &TensorProto, device: &Device) -> Result<Self, String> {
        let dtype = tensor.dtype().map_err(|error| error.to_string())?;
        let shape: Result<Vec<usize>, _> = tensor
            .dims
            .iter()
            .map(|&length| usize::try_from(length))
            .collect();
        let shape = shape.map_err(|error| error.to_string())?;
        let bytes = tensor.bytes().ok_or("its numbers lie outside the model")?;
        let floats = |dtype| {
            // Half precision comes in bytes; the others could be read more cheaply, but only once.
            let tensor = Tensor::from_raw_buffer(&bytes, dtype, &shape, &Device::Cpu)?;
            Self::floats(tensor.to_device(device)?)
        };
        let array = match dtype {
            Dtype::F16 => floats(DType::F16),
            Dtype::Bf16 => floats(DType::BF16),
            Dtype::F32 => floats(DType::F32),
            Dtype::F64 => floats(DType::F64),
            _ => Self::ints(integers(&bytes, dtype), shape.clone(), dtype),
        };
        array.map_err(|error| error.to_string())
    }
}

/// Integers of a width, from their little-endian bytes.
fn integers(bytes: &[u8], dtype: Dtype) -> Vec<i64> {
    let words = bytes.chunks_exact(dtype.width());
    // Zero-extended: the array wraps each to its type, which gives narrow ones their sign.
    words
        .map(|word| {
            let mut long = [0; 8];
            long[..word.len()].copy_from_slice(word);
            i64::from_le_bytes(long)
        })
        .collect()
}
