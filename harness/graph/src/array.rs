//! Tensors with the element type that ONNX gives them, and what nodes hand to each other.
//!
//! Floats lie on the graph's device in their own type. Integers and booleans lie on the processor as
//! int64, whatever their width: they are shapes, indices and masks, which are read there anyway, and
//! no device has to be waited for when a shape is computed.

use candle_core::{D, DType, Device, Result, Shape, Tensor, bail};
use onnx_model::Dtype;

/// A tensor and its element type.
#[derive(Clone, Debug)]
pub(crate) struct Array {
    pub(crate) tensor: Tensor,
    pub(crate) dtype: Dtype,
}

/// What a node reads or gives.
#[derive(Clone, Debug)]
pub(crate) enum Value {
    Array(Array),
    Sequence(Vec<Array>),
}

impl From<Array> for Value {
    fn from(array: Array) -> Self {
        Self::Array(array)
    }
}

impl Array {
    /// Floats; their element type is the tensor's.
    pub(crate) fn floats(tensor: Tensor) -> Result<Self> {
        let dtype = match tensor.dtype() {
            DType::F32 => Dtype::F32,
            DType::F64 => Dtype::F64,
            DType::F16 => Dtype::F16,
            DType::BF16 => Dtype::Bf16,
            other => bail!("{other:?} is no float type that graphs compute in"),
        };
        Ok(Self { tensor, dtype })
    }

    /// Integers of a type, or booleans; what the type cannot hold wraps around.
    pub(crate) fn ints(values: Vec<i64>, shape: impl Into<Shape>, dtype: Dtype) -> Result<Self> {
        let values: Vec<i64> = values.into_iter().map(|value| wrap(value, dtype)).collect();
        let tensor = Tensor::from_vec(values, shape.into(), &Device::Cpu)?;
        Ok(Self { tensor, dtype })
    }

    /// int64, as shapes and indices are.
    pub(crate) fn longs(values: Vec<i64>, shape: impl Into<Shape>) -> Result<Self> {
        Self::ints(values, shape, Dtype::I64)
    }

    /// What a comparison gave: zero or one in any integer type, on any device.
    pub(crate) fn truths(tensor: &Tensor) -> Result<Self> {
        let tensor = tensor.to_device(&Device::Cpu)?.to_dtype(DType::I64)?;
        let dtype = Dtype::Bool;
        Ok(Self { tensor, dtype })
    }

    /// Another tensor of the same element type.
    pub(crate) fn with(&self, tensor: Tensor) -> Self {
        Self {
            tensor,
            dtype: self.dtype,
        }
    }

    pub(crate) fn is_float(&self) -> bool {
        is_float(self.dtype)
    }

    pub(crate) fn dims(&self) -> &[usize] {
        self.tensor.dims()
    }

    pub(crate) fn rank(&self) -> usize {
        self.tensor.rank()
    }

    /// All elements, in order, of an array of integers or booleans.
    pub(crate) fn to_ints(&self) -> Result<Vec<i64>> {
        if self.is_float() {
            bail!("has element type {:?}, where integers are due", self.dtype);
        }
        self.tensor.flatten_all()?.to_vec1()
    }

    /// The one element of an array of integers or booleans.
    pub(crate) fn to_int(&self) -> Result<i64> {
        match self.to_ints()?[..] {
            [value] => Ok(value),
            _ => bail!("has shape {:?}, where one element is due", self.dims()),
        }
    }

    /// The one element of an array, as float64.
    pub(crate) fn to_double(&self) -> Result<f64> {
        match self.to_doubles()?[..] {
            [value] => Ok(value),
            _ => bail!("has shape {:?}, where one element is due", self.dims()),
        }
    }

    /// All elements as float64, in order; integers too.
    pub(crate) fn to_doubles(&self) -> Result<Vec<f64>> {
        match self.dtype {
            #[expect(
                clippy::cast_sign_loss,
                reason = "its bits are those of an unsigned number"
            )]
            Dtype::U64 => Ok(self
                .to_ints()?
                .into_iter()
                .map(|bits| bits as u64 as f64)
                .collect()),
            _ => {
                // Converted on the processor: not every device has float64.
                let tensor = self.tensor.to_device(&Device::Cpu)?;
                tensor.to_dtype(DType::F64)?.flatten_all()?.to_vec1()
            }
        }
    }

    /// Floats of this type on a device, from float64.
    pub(crate) fn from_doubles(
        values: Vec<f64>,
        shape: impl Into<Shape>,
        dtype: Dtype,
        device: &Device,
    ) -> Result<Self> {
        let storage = storage(dtype);
        // Rounded on the processor: not every device has float64.
        let tensor = Tensor::from_vec(values, shape.into(), &Device::Cpu)?.to_dtype(storage)?;
        let tensor = tensor.to_device(device)?;
        Ok(Self { tensor, dtype })
    }

    /// The axis that a number stands for; negative ones count from the end.
    pub(crate) fn axis(&self, axis: i64) -> Result<usize> {
        self::axis(axis, self.rank())
    }
}

/// The element type that a number in an attribute stands for.
pub(crate) fn dtype_of(code: i64) -> Option<Dtype> {
    i32::try_from(code).ok().and_then(Dtype::from_code)
}

/// The candle type that holds a type's elements.
pub(crate) fn storage(dtype: Dtype) -> DType {
    match dtype {
        Dtype::F16 => DType::F16,
        Dtype::Bf16 => DType::BF16,
        Dtype::F32 => DType::F32,
        Dtype::F64 => DType::F64,
        _ => DType::I64,
    }
}

pub(crate) fn is_float(dtype: Dtype) -> bool {
    matches!(dtype, Dtype::F16 | Dtype::Bf16 | Dtype::F32 | Dtype::F64)
}

/// The axis that a number stands for; negative ones count from the end.
pub(crate) fn axis(axis: i64, rank: usize) -> Result<usize> {
    let from_end = if axis < 0 { rank as i64 } else { 0 };
    match usize::try_from(axis + from_end) {
        Ok(index) if index < rank => Ok(index),
        _ => bail!("axis {axis} of a tensor with {rank} axes"),
    }
}

/// What is left of a number in a type: its low bits, with their sign; of a boolean, whether it is zero.
#[expect(
    clippy::cast_possible_truncation,
    clippy::cast_sign_loss,
    reason = "wrapping around is what narrow integers do"
)]
pub(crate) fn wrap(value: i64, dtype: Dtype) -> i64 {
    match dtype {
        Dtype::Bool => i64::from(value != 0),
        Dtype::I8 => (value as i8).into(),
        Dtype::U8 => (value as u8).into(),
        Dtype::I16 => (value as i16).into(),
        Dtype::U16 => (value as u16).into(),
        Dtype::I32 => (value as i32).into(),
        Dtype::U32 => (value as u32).into(),
        _ => value,
    }
}

/// The shape that two shapes are broadcast to.
pub(crate) fn broadcast_shape(left: &[usize], right: &[usize]) -> Result<Vec<usize>> {
    let shape =
        Shape::from_dims(left).broadcast_shape_binary_op(&Shape::from_dims(right), "broadcast");
    shape.map(Shape::into_dims)
}

/// How far apart the elements of each axis lie where a tensor of this shape is contiguous.
pub(crate) fn strides(dims: &[usize]) -> Vec<usize> {
    let after = |axis: usize| dims[axis + 1..].iter().product();
    (0..dims.len()).map(after).collect()
}

/// A view of every `step`th element along an axis.
pub(crate) fn every(tensor: &Tensor, axis: usize, step: usize) -> Result<Tensor> {
    if step == 1 {
        return Ok(tensor.clone());
    }
    tensor.unfold(axis, 1, step)?.squeeze(D::Minus1)
}
