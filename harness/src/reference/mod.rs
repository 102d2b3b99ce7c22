//! What PyTorch recorded for one case, read back with nothing taken on trust.

mod error;
mod expected;
mod flow;
mod manifest;
mod read;
mod sabotaged;
mod weights;

use std::{
    collections::BTreeMap,
    io::ErrorKind,
    sync::{Arc, Mutex, OnceLock, PoisonError},
};

use camino::{Utf8Path, Utf8PathBuf};

pub use error::{REMEDY, ReferenceError};
pub use expected::{CHUNK, Truth};
pub use flow::Flow;
pub use manifest::{Graph, Greedy, Input, Lengths, Loss, Manifest, Output, Weight};
pub(crate) use sabotaged::Planted;
pub use weights::{Weights, fill};

use crate::{Case, array::Tensors, backend::Failure};

/// A recorded case: its manifest, its inputs and the numbers that PyTorch gave.
#[derive(Debug)]
pub struct Reference {
    root: Utf8PathBuf,
    folder: Utf8PathBuf,
    manifest: Manifest,
    inputs: Tensors,
    truths: BTreeMap<String, Truth>,
    stored: BTreeMap<String, Vec<u8>>,
    weights: OnceLock<Result<Arc<Weights>, Failure>>,
    /// Absent from what was recorded: a graph with a fault.
    planted: Option<Vec<u8>>,
    is_sabotaged: bool,
}

impl Reference {
    /// Reads a case's reference below the workspace's root, once a process.
    pub fn load(root: &Utf8Path, case: &Case) -> Result<Arc<Self>, ReferenceError> {
        type Known = BTreeMap<(Utf8PathBuf, Case), Arc<Reference>>;
        static KNOWN: Mutex<Known> = Mutex::new(BTreeMap::new());

        let key = (root.to_owned(), *case);
        let mut known = KNOWN.lock().unwrap_or_else(PoisonError::into_inner);
        if let Some(reference) = known.get(&key) {
            return Ok(Arc::clone(reference));
        }
        let files = read::on_disk(read::folder(root, case));
        let reference = Arc::new(read::read(root, case, &files)?);
        known.insert(key, Arc::clone(&reference));
        Ok(reference)
    }

    /// What [`Reference::load`] makes of the files once read, by name, and the graph if there is one;
    /// touches no disk.
    pub fn from_files(
        case: &Case,
        files: &BTreeMap<&str, Vec<u8>>,
    ) -> Result<(Self, Option<Vec<u8>>), ReferenceError> {
        let given = |name: &str| files.get(name).cloned().ok_or(ErrorKind::NotFound.into());
        let reference = read::read(Utf8Path::new(""), case, &given)?;
        let graph = (reference.manifest.graph.is_some())
            .then(|| read::graph(&reference.folder, &reference.manifest, &given))
            .transpose()?;
        Ok((reference, graph))
    }

    /// The readable part.
    pub fn manifest(&self) -> &Manifest {
        &self.manifest
    }

    /// The recorded inputs, their axes named.
    pub fn inputs(&self) -> &Tensors {
        &self.inputs
    }

    /// What PyTorch gave, by output.
    pub fn truths(&self) -> &BTreeMap<String, Truth> {
        &self.truths
    }

    /// The checkpoint, written once a process.
    pub fn weights(&self) -> Result<Arc<Weights>, Failure> {
        self.weights
            .get_or_init(|| weights::write(self).map(Arc::new))
            .clone()
    }

    /// The ONNX model without its weights.
    pub fn graph(&self) -> Result<Vec<u8>, ReferenceError> {
        if let Some(planted) = &self.planted {
            return Ok(planted.clone());
        }
        let files = read::on_disk(self.folder.clone());
        read::graph(&self.folder, &self.manifest, &files)
    }

    /// The workspace's root.
    pub fn root(&self) -> &Utf8Path {
        &self.root
    }
}
