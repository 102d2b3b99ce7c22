//! Mutants as files that somebody else can repeat: a graph with its weights inside, or a config.

use std::{fs, io::Write};

use camino::Utf8PathBuf;
use onnx_model::{Dtype, Model, proto::TensorProto};

use super::{Call, Mutant, Plant, mutants::read, patch::Patch};
use crate::reference::{Reference, Weights};

/// A folder of mutants of one case, and the graph that they are mutants of.
pub(super) struct Keeper {
    folder: Utf8PathBuf,
    original: Option<Model>,
}

impl Keeper {
    /// Writes the original as well, which the mutants are compared with.
    pub(super) fn new(reference: &Reference) -> Result<Self, String> {
        let manifest = reference.manifest();
        let folder = reference.root().join("target/touchstone/saboteurs");
        let keeper = Self {
            folder: folder.join(manifest.name()),
            original: manifest
                .graph
                .is_some()
                .then(|| read(reference))
                .transpose()?,
        };
        if let Some(original) = &keeper.original {
            keeper.write("original.onnx", &whole(original, reference, None)?)?;
        }
        Ok(keeper)
    }

    /// Writes a mutant. A mask that is not what was given is as good as a graph that reads it so; what
    /// has to do with several calls cannot be repeated by one graph.
    pub(super) fn keep(&self, reference: &Reference, mutant: &Mutant) -> Result<(), String> {
        let stem = stem(&mutant.to_string());
        let bytes = match (&mutant.plant, &self.original) {
            (Plant::Graph(Ok(model)), _) => whole(model, reference, None)?,
            (Plant::Weight(name, change), Some(original)) => {
                let weights = reference.weights().map_err(|failure| failure.to_string())?;
                let bytes = weights.bytes(name).unwrap_or_default();
                whole(original, reference, Some((name, change.made(bytes))))?
            }
            (Plant::Call(Call::MaskDropped(name)), Some(original)) => {
                whole(&masked(original, name, true)?, reference, None)?
            }
            (Plant::Call(Call::MaskInverted(name)), Some(original)) => {
                whole(&masked(original, name, false)?, reference, None)?
            }
            (Plant::Config(configs), _) => {
                let config = serde_json::to_vec(&configs.first());
                let config = config.map_err(|error| error.to_string())?;
                return self.write(&format!("{stem}.json"), &config);
            }
            _ => return Ok(()),
        };
        self.write(&format!("{stem}.onnx"), &bytes)
    }

    /// Whole or not at all, also while another test writes the same.
    fn write(&self, name: &str, bytes: &[u8]) -> Result<(), String> {
        let path = self.folder.join(name);
        let failed = |error: &dyn std::fmt::Display| format!("{path}: cannot be written: {error}");
        fs::create_dir_all(&self.folder).map_err(|error| failed(&error))?;
        let mut file =
            tempfile::NamedTempFile::new_in(&self.folder).map_err(|error| failed(&error))?;
        file.write_all(bytes).map_err(|error| failed(&error))?;
        file.persist(&path).map_err(|error| failed(&error.error))?;
        Ok(())
    }
}

/// The model with its weights inside, one of them perhaps another.
fn whole(
    model: &Model,
    reference: &Reference,
    other: Option<(&str, Vec<u8>)>,
) -> Result<Vec<u8>, String> {
    let weights = reference.weights().map_err(|failure| failure.to_string())?;
    let mut missing = None;
    let model = model.edit(|graph| {
        for tensor in &mut graph.initializer {
            if tensor.is_external() {
                match inside(tensor, &weights, other.as_ref()) {
                    Some(inside) => *tensor = inside,
                    None => missing = Some(tensor.name().to_owned()),
                }
            }
        }
    });
    match (model, missing) {
        (_, Some(name)) => Err(format!(
            "the reference has no weight `{name}` for its graph"
        )),
        (model, None) => Ok(model.map_err(|error| error.to_string())?.write()),
    }
}

/// The graph that reads ones for a mask, or ones for its zeros.
fn masked(model: &Model, name: &str, is_dropped: bool) -> Result<Model, String> {
    let links = model.links();
    let mut patch = Patch::default();
    let ones = patch.tensor(TensorProto::of_ints("", &[], &[1]));
    let wrong = if is_dropped {
        patch.apply("Max", &[name, &ones])
    } else {
        patch.apply("Sub", &[&ones, name])
    };
    for reader in links.uses(name) {
        if let Some(input) = reader.input {
            patch.rewire(reader.node, input, &wrong);
        }
    }
    patch.applied(model).map_err(|error| error.to_string())
}

fn inside(
    tensor: &TensorProto,
    weights: &Weights,
    other: Option<&(&str, Vec<u8>)>,
) -> Option<TensorProto> {
    let name = tensor.name();
    let bytes = match other {
        Some((changed, bytes)) if *changed == name => bytes.clone(),
        _ => weights.bytes(name)?.to_vec(),
    };
    let dtype = Dtype::from_code(tensor.data_type())?;
    Some(TensorProto::from_bytes(name, &tensor.dims, dtype, bytes))
}

/// A mutant's name as a file's.
fn stem(mutant: &str) -> String {
    let safe = |c: char| c.is_ascii_alphanumeric() || matches!(c, '.' | '_' | '-');
    let characters = mutant.chars();
    characters.map(|c| if safe(c) { c } else { '_' }).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn names_stay_within_their_folder() {
        assert_eq!(stem("bias-zeroed@a/../b.bias"), "bias-zeroed_a_.._b.bias");
    }
}
