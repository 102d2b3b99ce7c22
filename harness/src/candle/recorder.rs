//! The checkpoint, with a note of every weight that a model asks for.

use std::{
    collections::BTreeSet,
    sync::{Arc, Mutex, PoisonError},
};

use candle_core::{DType, Device, Shape, Tensor, safetensors::MmapedSafetensors};
use candle_nn::{Init, var_builder::SimpleBackend};

use super::Result;

/// The names asked for so far.
#[derive(Clone, Debug, Default)]
pub(super) struct Asked(Arc<Mutex<BTreeSet<String>>>);

impl Asked {
    /// The names so far.
    pub(super) fn names(&self) -> BTreeSet<String> {
        let names = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        names.clone()
    }

    fn note(&self, name: &str) {
        let mut names = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        names.insert(name.to_owned());
    }
}

/// A checkpoint that notes what is asked of it. To be asked whether it has a tensor is not noted.
pub(super) struct Recorder {
    tensors: MmapedSafetensors,
    asked: Asked,
}

impl Recorder {
    pub(super) fn new(tensors: MmapedSafetensors, asked: Asked) -> Self {
        Self { tensors, asked }
    }
}

impl SimpleBackend for Recorder {
    fn get(
        &self,
        shape: Shape,
        name: &str,
        init: Init,
        dtype: DType,
        device: &Device,
    ) -> Result<Tensor> {
        let tensor = SimpleBackend::get(&self.tensors, shape, name, init, dtype, device)?;
        self.asked.note(name);
        Ok(tensor)
    }

    fn get_unchecked(&self, name: &str, dtype: DType, device: &Device) -> Result<Tensor> {
        let tensor = self.tensors.get_unchecked(name, dtype, device)?;
        self.asked.note(name);
        Ok(tensor)
    }

    fn contains_tensor(&self, name: &str) -> bool {
        self.tensors.contains_tensor(name)
    }
}
