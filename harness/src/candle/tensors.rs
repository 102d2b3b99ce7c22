//! Named candle tensors: what a binding reads and gives.

use std::collections::BTreeMap;

use camino::Utf8Path;
use candle_core::{DType, Device, Tensor};

use super::Result;
use crate::array::{self, Array, Data};

/// Tensors by name.
#[derive(Clone, Debug, Default)]
pub struct Tensors(BTreeMap<String, Tensor>);

impl Tensors {
    /// The tensor of this name; a clone, which in candle shares its storage.
    pub fn get(&self, name: &str) -> Result<Tensor> {
        self.0.get(name).cloned().ok_or_else(|| {
            let known: Vec<&str> = self.0.keys().map(String::as_str).collect();
            candle_core::Error::Msg(format!(
                "no tensor `{name}` (there are: {})",
                known.join(", ")
            ))
        })
    }

    /// Writes all of them to one file.
    pub(super) fn save(&self, path: &Utf8Path) -> Result<()> {
        let tensors = self.0.clone().into_iter().collect();
        candle_core::safetensors::save::<String, _>(&tensors, path)
    }

    /// Moves arrays to a device; floats become what the model computes in.
    pub(crate) fn to_device(
        arrays: &array::Tensors,
        device: &Device,
        dtype: DType,
    ) -> Result<Self> {
        let moved = |(name, array): (&String, &Array)| {
            let tensor = to_tensor(array, device)?;
            let tensor = match array.data() {
                Data::F32(_) => tensor.to_dtype(dtype)?,
                _ => tensor,
            };
            Ok((name.clone(), tensor))
        };
        arrays.iter().map(moved).collect::<Result<_>>().map(Self)
    }

    /// Brings tensors back as arrays.
    pub(crate) fn to_arrays(&self) -> Result<array::Tensors> {
        self.0
            .iter()
            .map(|(name, tensor)| Ok((name.clone(), to_array(tensor)?)))
            .collect()
    }
}

impl<const N: usize> From<[(&str, Tensor); N]> for Tensors {
    fn from(tensors: [(&str, Tensor); N]) -> Self {
        Self(
            tensors
                .into_iter()
                .map(|(name, tensor)| (name.to_owned(), tensor))
                .collect(),
        )
    }
}

/// Integers become u32, which is what candle's own examples feed as ids; i64 where one is negative.
fn to_tensor(array: &Array, device: &Device) -> Result<Tensor> {
    let shape = array.shape();
    match array.data() {
        Data::F32(values) => Tensor::from_slice(values, shape, device),
        Data::F64(values) => Tensor::from_slice(values, shape, device),
        Data::I64(values) => {
            let ids: std::result::Result<Vec<u32>, _> =
                values.iter().map(|&value| u32::try_from(value)).collect();
            match ids {
                Ok(ids) => Tensor::from_vec(ids, shape, device),
                Err(_) => Tensor::from_slice(values, shape, device),
            }
        }
    }
}

pub(super) fn to_array(tensor: &Tensor) -> Result<Array> {
    let flat = tensor.flatten_all()?;
    let data = match tensor.dtype() {
        DType::F64 => Data::F64(flat.to_vec1()?),
        dtype if dtype.is_int() => Data::I64(flat.to_dtype(DType::I64)?.to_vec1()?),
        _ => Data::F32(flat.to_dtype(DType::F32)?.to_vec1()?),
    };
    Array::unnamed(tensor.dims().to_vec(), data)
        .map_err(|error| candle_core::Error::Msg(error.to_string()))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn ids(values: Vec<i64>) -> Array {
        Array::unnamed(vec![values.len()], Data::I64(values)).expect("a vector")
    }

    #[test]
    fn an_unknown_name_is_reported_with_the_known_ones() {
        let tensor = Tensor::new(1u32, &Device::Cpu).expect("a scalar");
        let tensors = Tensors::from([("input_ids", tensor)]);
        let error = tensors.get("input_id").expect_err("not there");
        assert_eq!(
            error.to_string(),
            "no tensor `input_id` (there are: input_ids)"
        );
    }

    #[test]
    fn ids_are_u32_unless_negative() {
        let dtype = |values| {
            to_tensor(&ids(values), &Device::Cpu)
                .map(|tensor| tensor.dtype())
                .ok()
        };
        assert_eq!(dtype(vec![0, 7]), Some(DType::U32));
        assert_eq!(dtype(vec![0, -1]), Some(DType::I64));
    }

    #[test]
    fn integers_survive_the_round_trip() {
        for values in [vec![3, 0, 101], vec![-100, 5]] {
            let tensor = to_tensor(&ids(values.clone()), &Device::Cpu).expect("a vector");
            assert_eq!(to_array(&tensor).expect("a vector"), ids(values));
        }
    }
}
