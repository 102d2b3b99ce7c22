//! A safetensors file, read tensor by tensor.
//!
//! Every side reads weights through this, and no file is mapped: pages of a mapped file would count as memory of
//! the sides that map it.

use std::{
    collections::BTreeMap,
    fs::File,
    io::{Read, Seek, SeekFrom, Take},
};

use anyhow::{Context, Result, bail};
use camino::Utf8PathBuf;
use candle_core::{Device, Tensor};
use serde::Deserialize;

/// A file by what it holds.
pub(crate) struct Store {
    path: Utf8PathBuf,
    data_start: u64,
    entries: BTreeMap<String, Entry>,
}

#[derive(Deserialize)]
struct Entry {
    dtype: String,
    shape: Vec<usize>,
    data_offsets: [u64; 2],
}

/// The elements of a tensor.
pub(crate) enum Elements {
    F32(Vec<f32>),
    F64(Vec<f64>),
    I64(Vec<i64>),
}

impl Store {
    pub(crate) fn open(path: Utf8PathBuf) -> Result<Self> {
        let mut file = File::open(&path).with_context(|| format!("cannot open {path}"))?;
        let mut length = [0; 8];
        file.read_exact(&mut length)?;
        let length = u64::from_le_bytes(length);
        let mut header = String::new();
        file.take(length).read_to_string(&mut header)?;
        let mut header: BTreeMap<String, serde_json::Value> =
            serde_json::from_str(&header).with_context(|| format!("{path} has no header"))?;
        header.remove("__metadata__");
        let entries = header
            .into_iter()
            .map(|(name, entry)| Ok((name, serde_json::from_value(entry)?)));
        Ok(Self {
            entries: entries.collect::<Result<_>>()?,
            data_start: 8 + length,
            path,
        })
    }

    pub(crate) fn names(&self) -> impl Iterator<Item = &str> {
        self.entries.keys().map(String::as_str)
    }

    /// The shape and the elements of a tensor.
    pub(crate) fn elements(&self, name: &str) -> Result<(Vec<usize>, Elements)> {
        let entry = self
            .entries
            .get(name)
            .with_context(|| format!("{} has no tensor `{name}`", self.path))?;
        let mut file = File::open(&self.path)?;
        let [start, end] = entry.data_offsets;
        file.seek(SeekFrom::Start(self.data_start + start))?;
        let data = file.take(end - start);
        let elements = match entry.dtype.as_str() {
            "F32" => Elements::F32(words(data, f32::from_le_bytes)?),
            "F64" => Elements::F64(words(data, f64::from_le_bytes)?),
            "I64" => Elements::I64(words(data, i64::from_le_bytes)?),
            other => bail!("`{name}` is {other} (valid: F32, F64, I64)"),
        };
        Ok((entry.shape.clone(), elements))
    }

    /// A tensor as candle has it.
    pub(crate) fn tensor(&self, name: &str) -> Result<Tensor> {
        let (shape, elements) = self.elements(name)?;
        Ok(match elements {
            Elements::F32(values) => Tensor::from_vec(values, shape, &Device::Cpu),
            Elements::F64(values) => Tensor::from_vec(values, shape, &Device::Cpu),
            Elements::I64(values) => Tensor::from_vec(values, shape, &Device::Cpu),
        }?)
    }

    /// All of it.
    pub(crate) fn tensors(&self) -> Result<BTreeMap<String, Tensor>> {
        self.names()
            .map(|name| Ok((name.to_owned(), self.tensor(name)?)))
            .collect()
    }
}

/// Piece by piece: a second copy of a large tensor would be in the peak.
fn words<const N: usize, T>(mut data: Take<File>, read: fn([u8; N]) -> T) -> Result<Vec<T>> {
    let mut elements = Vec::with_capacity(usize::try_from(data.limit())? / N);
    let mut piece = [0; 1 << 16];
    loop {
        let length = piece.len().min(usize::try_from(data.limit())?);
        if length == 0 {
            return Ok(elements);
        }
        data.read_exact(&mut piece[..length])?;
        elements.extend(
            piece[..length]
                .as_chunks::<N>()
                .0
                .iter()
                .map(|&word| read(word)),
        );
    }
}
