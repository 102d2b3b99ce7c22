//! The checkpoint: every weight a function of its name, written once as users would find it.

use std::{fs, io::Write};

use camino::{Utf8Path, Utf8PathBuf};
use half::{bf16, f16};
use safetensors::{Dtype, tensor::TensorView};
use sha2::{Digest, Sha256};
use tempfile::TempPath;

use super::{Reference, manifest::Weight};
use crate::backend::Failure;

/// A written checkpoint.
#[derive(Debug)]
pub struct Weights {
    path: Utf8PathBuf,
    tensors: Vec<(Weight, Vec<u8>)>,
    /// The file goes with the last who reads it; absent for the checkpoint itself, which stays.
    _temporary: Option<TempPath>,
}

impl Weights {
    /// The safetensors file.
    pub fn path(&self) -> &Utf8Path {
        &self.path
    }

    /// Every tensor: what it is, and its bytes, little-endian.
    pub fn iter(&self) -> impl Iterator<Item = (&Weight, &[u8])> {
        let tensors = self.tensors.iter();
        tensors.map(|(weight, bytes)| (weight, bytes.as_slice()))
    }

    /// The bytes of one tensor.
    pub fn bytes(&self, name: &str) -> Option<&[u8]> {
        let mut tensors = self.iter();
        tensors.find_map(|(weight, bytes)| (weight.name == name).then_some(bytes))
    }

    /// The same with other bytes for one tensor, in a file of its own.
    pub(super) fn with(&self, name: &str, bytes: &[u8]) -> Result<Self, Failure> {
        let mut tensors = self.tensors.clone();
        for (weight, known) in &mut tensors {
            if weight.name == name {
                *known = bytes.to_vec();
            }
        }
        let folder = self.path.parent().unwrap_or(&self.path);
        let failed = |error: &dyn std::fmt::Display| Failure::load(format!("{folder}: {error}"));
        let packed = pack(&tensors).map_err(|error| failed(&error))?;
        let mut file = tempfile::Builder::new()
            .suffix(".safetensors")
            .tempfile_in(folder)
            .map_err(|error| failed(&error))?;
        file.write_all(&packed).map_err(|error| failed(&error))?;
        let temporary = file.into_temp_path();
        let path = Utf8PathBuf::from_path_buf(temporary.to_path_buf());
        Ok(Self {
            path: path.map_err(|path| failed(&format!("{} is not UTF-8", path.display())))?,
            tensors,
            _temporary: Some(temporary),
        })
    }
}

/// The first elements of the fill that belongs to a name.
///
/// Integer arithmetic up to the last step, then one multiplication and one addition, each rounded
/// once: the recorder computes the same bits with numpy.
pub fn fill(name: &str, count: usize, scale: f32, mean: f32) -> Vec<f32> {
    let digest = Sha256::digest(name.as_bytes());
    let mut counter = digest[..8]
        .iter()
        .rev()
        .fold(0, |key, &byte| key << 8 | u64::from(byte));
    let mut next = || {
        counter = counter.wrapping_add(0x9E37_79B9_7F4A_7C15);
        let word = (counter ^ counter >> 30).wrapping_mul(0xBF58_476D_1CE4_E5B9);
        let word = (word ^ word >> 27).wrapping_mul(0x94D0_49BB_1331_11EB);
        let top = ((word ^ word >> 31) >> 40) as i32 - (1 << 23);
        top as f32 * 2f32.powi(-23)
    };
    (0..count).map(|_| next() * scale + mean).collect()
}

/// Makes the checkpoint and writes it below `target/`, unless the same bytes are there already.
pub(super) fn write(reference: &Reference) -> Result<Weights, Failure> {
    let manifest = reference.manifest();
    let tensors: Result<Vec<(Weight, Vec<u8>)>, Failure> = manifest
        .weights
        .iter()
        .map(|weight| Ok((weight.clone(), bytes_of(weight, reference)?)))
        .collect();
    let tensors = tensors?;

    let short = manifest.digest.get(..16).unwrap_or(&manifest.digest);
    let folder = reference.root().join("target/touchstone/weights");
    let path = folder.join(format!("{}-{short}.safetensors", manifest.name()));
    let failed = |error: &dyn std::fmt::Display| Failure::load(format!("{path}: {error}"));
    let packed = pack(&tensors).map_err(|error| failed(&error))?;
    if !fs::read(&path).is_ok_and(|found| found == packed) {
        replace(&folder, &path, &packed).map_err(|error| failed(&error))?;
    }
    Ok(Weights {
        path,
        tensors,
        _temporary: None,
    })
}

fn bytes_of(weight: &Weight, reference: &Reference) -> Result<Vec<u8>, Failure> {
    let Some((scale, mean)) = weight.fill else {
        let stored = reference.stored.get(&weight.name).cloned();
        return stored
            .ok_or_else(|| Failure::load(format!("weight `{}` is not stored", weight.name)));
    };
    let values = fill(&weight.name, weight.shape.iter().product(), scale, mean);
    encode(&values, &weight.dtype).ok_or_else(|| {
        Failure::load(format!(
            "weight `{}` cannot be filled as {}",
            weight.name, weight.dtype
        ))
    })
}

/// The little-endian bytes of the values in a float dtype, rounded to nearest even.
fn encode(values: &[f32], dtype: &str) -> Option<Vec<u8>> {
    Some(match dtype {
        "f32" => values
            .iter()
            .flat_map(|value| value.to_le_bytes())
            .collect(),
        "f64" => values
            .iter()
            .flat_map(|&value| f64::from(value).to_le_bytes())
            .collect(),
        "f16" => values
            .iter()
            .flat_map(|&value| f16::from_f32(value).to_le_bytes())
            .collect(),
        "bf16" => values
            .iter()
            .flat_map(|&value| bf16::from_f32(value).to_le_bytes())
            .collect(),
        _ => return None,
    })
}

fn pack(tensors: &[(Weight, Vec<u8>)]) -> Result<Vec<u8>, String> {
    let views: Result<Vec<(&str, TensorView<'_>)>, String> = tensors
        .iter()
        .map(|(weight, bytes)| {
            let dtype = dtype(&weight.dtype)
                .ok_or_else(|| format!("weight `{}` has dtype `{}`", weight.name, weight.dtype))?;
            let view = TensorView::new(dtype, weight.shape.clone(), bytes)
                .map_err(|error| format!("weight `{}`: {error}", weight.name))?;
            Ok((weight.name.as_str(), view))
        })
        .collect();
    // transformers writes this too; some readers insist on it.
    let metadata = [("format".to_owned(), "pt".to_owned())]
        .into_iter()
        .collect();
    safetensors::serialize(views?, Some(metadata)).map_err(|error| error.to_string())
}

fn dtype(name: &str) -> Option<Dtype> {
    Some(match name {
        "f64" => Dtype::F64,
        "f32" => Dtype::F32,
        "f16" => Dtype::F16,
        "bf16" => Dtype::BF16,
        "i64" => Dtype::I64,
        "i32" => Dtype::I32,
        "u8" => Dtype::U8,
        "bool" => Dtype::BOOL,
        _ => return None,
    })
}

/// Whole or not at all, also while other tests and processes write the same file.
fn replace(folder: &Utf8Path, path: &Utf8Path, bytes: &[u8]) -> std::io::Result<()> {
    fs::create_dir_all(folder)?;
    let mut file = tempfile::NamedTempFile::new_in(folder)?;
    file.write_all(bytes)?;
    file.persist(path).map_err(|error| error.error)?;
    Ok(())
}

#[cfg(test)]
mod tests {
    use serde_json::Value;

    use super::*;

    #[test]
    fn fills_are_bit_for_bit_the_recorders() {
        let text = include_str!("../../vectors.json");
        let file: Value = serde_json::from_str(text).expect("written by the recorder");
        let indices: Vec<usize> = serde_json::from_value(file["indices"].clone()).expect("indices");
        let vectors = file["vectors"].as_array().expect("a list");
        assert!(vectors.len() > 100, "{} vectors", vectors.len());
        for vector in vectors {
            let text = |key: &str| vector[key].as_str().expect("a string");
            let number = |key: &str| vector[key].as_f64().expect("a number");
            let (scale, mean) = (number("scale") as f32, number("mean") as f32);
            let values = fill(text("name"), 1001, scale, mean);
            let bytes = encode(&values, text("dtype")).expect("a float dtype");
            let width = bytes.len() / values.len();
            for (index, bits) in indices.iter().zip(vector["bits"].as_array().expect("bits")) {
                let mut element = bytes[index * width..][..width].to_vec();
                element.reverse();
                assert_eq!(
                    crate::hex(&element),
                    bits.as_str().expect("hex"),
                    "{vector}"
                );
            }
        }
    }
}
