//! Tensors: how their bytes must fit their shape, and their numbers.

use thiserror::Error;

use crate::proto::TensorProto;

/// `data_location` of a tensor whose bytes lie outside the model.
const EXTERNAL: i32 = 1;

/// What a tensor holds.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
#[repr(i32)]
pub enum Dtype {
    F32 = 1,
    U8 = 2,
    I8 = 3,
    U16 = 4,
    I16 = 5,
    I32 = 6,
    I64 = 7,
    Bool = 9,
    F16 = 10,
    F64 = 11,
    U32 = 12,
    U64 = 13,
    Bf16 = 16,
}

impl Dtype {
    const ALL: [Self; 13] = [
        Self::F32,
        Self::U8,
        Self::I8,
        Self::U16,
        Self::I16,
        Self::I32,
        Self::I64,
        Self::Bool,
        Self::F16,
        Self::F64,
        Self::U32,
        Self::U64,
        Self::Bf16,
    ];

    /// The type that a number in a model stands for.
    pub fn from_code(code: i32) -> Option<Self> {
        Self::ALL.into_iter().find(|dtype| dtype.code() == code)
    }

    /// The number that stands for it in a model.
    pub fn code(self) -> i32 {
        self as i32
    }

    /// Bytes of one element.
    pub fn width(self) -> usize {
        match self {
            Self::U8 | Self::I8 | Self::Bool => 1,
            Self::U16 | Self::I16 | Self::F16 | Self::Bf16 => 2,
            Self::F32 | Self::I32 | Self::U32 => 4,
            Self::F64 | Self::I64 | Self::U64 => 8,
        }
    }
}

/// Why a tensor does not hold together.
#[derive(Clone, Debug, PartialEq, Eq, Error)]
pub enum TensorError {
    /// An element type that is not read.
    #[error("has element type {0}, which is not read here")]
    Dtype(i32),
    /// A length below zero, or so many elements that they cannot be counted.
    #[error("has the impossible shape {0:?}")]
    Shape(Vec<i64>),
    /// Other bytes than the shape asks for.
    #[error("has {found} bytes, its shape {dims:?} asks for {wanted}")]
    Bytes {
        dims: Vec<i64>,
        found: usize,
        wanted: usize,
    },
    /// Other elements than the shape asks for.
    #[error("has {found} elements, its shape {dims:?} asks for {wanted}")]
    Elements {
        dims: Vec<i64>,
        found: usize,
        wanted: usize,
    },
    /// Its bytes are said to lie elsewhere, but not where; or they lie here as well.
    #[error("is external, but {0}")]
    External(&'static str),
}

impl TensorProto {
    /// A tensor of one type from its bytes.
    pub fn from_bytes(name: &str, dims: &[i64], dtype: Dtype, bytes: Vec<u8>) -> Self {
        Self {
            name: (!name.is_empty()).then(|| name.to_owned()),
            dims: dims.to_vec(),
            data_type: Some(dtype.code()),
            raw_data: Some(bytes),
            ..Self::default()
        }
    }

    /// A tensor of float32.
    pub fn of_floats(name: &str, dims: &[i64], values: &[f32]) -> Self {
        let bytes = values.iter().flat_map(|value| value.to_le_bytes());
        Self::from_bytes(name, dims, Dtype::F32, bytes.collect())
    }

    /// A tensor of int64.
    pub fn of_ints(name: &str, dims: &[i64], values: &[i64]) -> Self {
        let bytes = values.iter().flat_map(|value| value.to_le_bytes());
        Self::from_bytes(name, dims, Dtype::I64, bytes.collect())
    }

    /// The type of its elements.
    pub fn dtype(&self) -> Result<Dtype, TensorError> {
        let code = self.data_type.unwrap_or(0);
        Dtype::from_code(code).ok_or(TensorError::Dtype(code))
    }

    /// Whether its bytes lie outside the model.
    pub fn is_external(&self) -> bool {
        self.data_location == Some(EXTERNAL)
    }

    /// How many elements its shape asks for.
    pub fn count(&self) -> Result<usize, TensorError> {
        let impossible = || TensorError::Shape(self.dims.clone());
        self.dims.iter().try_fold(1, |all: usize, &length| {
            let length = usize::try_from(length).map_err(|_| impossible())?;
            all.checked_mul(length).ok_or_else(impossible)
        })
    }

    /// Its elements as little-endian bytes of its type, if they are in the model and of a known type.
    pub fn bytes(&self) -> Option<Vec<u8>> {
        if self.is_external() {
            return None;
        }
        let dtype = self.dtype().ok()?;
        if let Some(raw) = &self.raw_data {
            return Some(raw.clone());
        }
        fn all<T: Copy, const N: usize>(values: &[T], write: impl Fn(T) -> [u8; N]) -> Vec<u8> {
            values.iter().flat_map(|&value| write(value)).collect()
        }
        // Narrow types lie in wider fields: their low bytes are the number.
        let narrow = |values: &[i32]| {
            let low = values.iter().map(|value| value.to_le_bytes());
            low.flat_map(|bytes| bytes.into_iter().take(dtype.width()))
                .collect()
        };
        Some(match dtype {
            Dtype::F32 => all(&self.float_data, f32::to_le_bytes),
            Dtype::F64 => all(&self.double_data, f64::to_le_bytes),
            Dtype::I64 => all(&self.int64_data, i64::to_le_bytes),
            Dtype::U64 => all(&self.uint64_data, u64::to_le_bytes),
            Dtype::U32 => {
                let low = self.uint64_data.iter().map(|value| value.to_le_bytes());
                low.flat_map(|bytes| bytes.into_iter().take(4)).collect()
            }
            _ => narrow(&self.int32_data),
        })
    }

    /// Its numbers, if they are in the model and of a float type that holds them exactly in f64.
    pub fn floats(&self) -> Option<Vec<f64>> {
        match self.dtype().ok()? {
            Dtype::F32 => Some(match &self.raw_data {
                Some(bytes) => words(bytes, |word| f64::from(f32::from_le_bytes(word))),
                None => self.float_data.iter().map(|&value| value.into()).collect(),
            }),
            Dtype::F64 => Some(match &self.raw_data {
                Some(bytes) => words(bytes, f64::from_le_bytes),
                None => self.double_data.clone(),
            }),
            _ => None,
        }
        .filter(|_| !self.is_external())
    }

    /// Its numbers, if they are in the model and of an integer type.
    pub fn ints(&self) -> Option<Vec<i64>> {
        let raw = self.raw_data.as_deref();
        let small = || self.int32_data.iter().map(|&value| value.into()).collect();
        match self.dtype().ok()? {
            Dtype::I64 => Some(match raw {
                Some(bytes) => words(bytes, i64::from_le_bytes),
                None => self.int64_data.clone(),
            }),
            Dtype::I32 => Some(match raw {
                Some(bytes) => words(bytes, |word| i32::from_le_bytes(word).into()),
                None => small(),
            }),
            Dtype::Bool | Dtype::U8 => Some(match raw {
                Some(bytes) => bytes.iter().map(|&byte| byte.into()).collect(),
                None => small(),
            }),
            _ => None,
        }
        .filter(|_| !self.is_external())
    }

    /// Refuses one whose contents do not fit its type and shape.
    pub(crate) fn check(&self) -> Result<(), TensorError> {
        let dtype = self.dtype()?;
        let wanted = self.count()?;
        let bytes = wanted
            .checked_mul(dtype.width())
            .ok_or_else(|| TensorError::Shape(self.dims.clone()))?;
        let dims = || self.dims.clone();
        let found = [
            self.float_data.len(),
            self.int32_data.len(),
            self.int64_data.len(),
            self.double_data.len(),
            self.uint64_data.len(),
        ];
        let typed = match dtype {
            Dtype::F32 => 0,
            Dtype::I64 => 2,
            Dtype::F64 => 3,
            Dtype::U32 | Dtype::U64 => 4,
            _ => 1,
        };
        let raw = self.raw_data.as_ref().map(Vec::len);
        if self.is_external() {
            let at = |entry: &crate::proto::StringStringEntryProto| {
                entry.key.as_deref() == Some("location") && entry.value.is_some()
            };
            return if !self.external_data.iter().any(at) {
                Err(TensorError::External("does not say where"))
            } else if raw.is_some_and(|bytes| bytes > 0) || found.iter().any(|&count| count > 0) {
                Err(TensorError::External("holds numbers as well"))
            } else {
                Ok(())
            };
        }
        // The contents are in one field, and in no other.
        let strays = (0..found.len()).filter(|&field| raw.is_some() || field != typed);
        if let Some(found) = strays.map(|field| found[field]).find(|&count| count > 0) {
            return Err(TensorError::Elements {
                dims: dims(),
                found,
                wanted: 0,
            });
        }
        match raw {
            Some(found) if found != bytes => Err(TensorError::Bytes {
                dims: dims(),
                found,
                wanted: bytes,
            }),
            None if found[typed] != wanted => Err(TensorError::Elements {
                dims: dims(),
                found: found[typed],
                wanted,
            }),
            _ => Ok(()),
        }
    }
}

fn words<const N: usize, T>(bytes: &[u8], read: impl Fn([u8; N]) -> T) -> Vec<T> {
    let (words, _) = bytes.as_chunks::<N>();
    words.iter().map(|&word| read(word)).collect()
}
