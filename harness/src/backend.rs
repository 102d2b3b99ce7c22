//! What the checks ask of whatever computes a model, and the ways in which it can fail.

use std::{
    collections::{BTreeMap, BTreeSet},
    fmt,
    str::FromStr,
};

use evidence::Outcome;
use serde_json::Value;

use crate::{array::Tensors, reference::Reference};

/// Something that computes a model: candle with a family's binding, ONNX Runtime with its graph.
pub trait Backend {
    /// A loaded model.
    type Session: Session;

    /// The name used in evidence and expectations: `candle`, `ort`.
    fn name(&self) -> &'static str;

    /// How it is set, where it is tried in more than one way.
    fn setting(&self) -> Option<&'static str> {
        None
    }

    /// Versions of what computes.
    fn versions(&self) -> BTreeMap<String, String>;

    /// What it builds a model from, besides weights.
    fn built_from(&self) -> Option<BuiltFrom> {
        None
    }

    /// What it can be asked for this case.
    fn capabilities(&self, reference: &Reference) -> Capabilities;

    /// Builds the model from the reference's config and weights.
    fn load(&self, reference: &Reference, device: Device) -> Result<Self::Session, Failure>;

    /// The same with weights and float inputs at another precision.
    fn load_at(
        &self,
        reference: &Reference,
        device: Device,
        precision: Precision,
    ) -> Result<Self::Session, Failure> {
        match precision {
            Precision::F32 => self.load(reference, device),
            _ => Err(Failure::refused("computes in f32 only")),
        }
    }

    /// The same from a `config.json` of somebody else's, with nothing done to it.
    fn load_from(
        &self,
        _reference: &Reference,
        _device: Device,
        _config: &Value,
    ) -> Result<Self::Session, Failure> {
        Err(Failure::refused("is not built from a config"))
    }

    /// The weights that a loaded model has read, by their names in the checkpoint.
    fn weights_read(
        &self,
        _reference: &Reference,
        _session: &Self::Session,
    ) -> Result<BTreeSet<String>, Failure> {
        Err(Failure::refused("does not tell which weights it reads"))
    }
}

/// What a model is built from, besides its weights.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum BuiltFrom {
    /// The reference's config.
    Config,
    /// The reference's graph.
    Graph,
}

/// A loaded model.
pub trait Session {
    /// One forward pass; `position` is how many positions the cache already holds.
    fn run(&mut self, inputs: &Tensors, position: usize) -> Result<Tensors, Failure>;

    /// Forgets everything that earlier runs left behind.
    fn reset(&mut self) -> Result<(), Failure>;
}

/// What a backend reads, gives and supports for one case.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Capabilities {
    /// The inputs that it reads.
    pub inputs: Vec<String>,
    /// The outputs that it gives.
    pub outputs: Vec<String>,
    /// Those of them that it gives for the last position only.
    pub last_position: Vec<String>,
    /// The axis that grows while decoding.
    pub decodes_along: Option<String>,
    /// Whether it keeps a cache between runs.
    pub caches: bool,
    /// Axes whose length cannot change, each with the reason.
    pub fixed: BTreeMap<String, String>,
}

impl Capabilities {
    /// Of a backend that runs the reference's graph. A graph reads everything that its model reads: an
    /// input that the exporter dropped has no effect in PyTorch either. It gives every output at every
    /// position and keeps no cache.
    pub(crate) fn of_graph(reference: &Reference) -> Self {
        let manifest = reference.manifest();
        let Some(graph) = &manifest.graph else {
            return Self::default();
        };
        let because = graph.static_because.clone();
        let because = because.unwrap_or_else(|| "the graph was exported at one length".to_owned());
        let axes = manifest.inputs.iter().flat_map(|input| &input.axes);
        let fixed = axes.filter(|axis| !graph.dynamic.contains(axis));
        let inputs = manifest.inputs.iter().map(|input| input.name.clone());
        Self {
            inputs: inputs.collect(),
            outputs: graph.outputs.clone(),
            fixed: fixed.map(|axis| (axis.clone(), because.clone())).collect(),
            ..Self::default()
        }
    }
}

/// What to compute in.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum Precision {
    /// What checkpoints are tried in.
    #[default]
    F32,
    /// Half precision.
    F16,
    /// Brain floats: the range of float32 with 8 bits of precision.
    Bf16,
}

impl Precision {
    /// The name used in evidence.
    pub fn name(self) -> &'static str {
        match self {
            Self::F32 => "f32",
            Self::F16 => "f16",
            Self::Bf16 => "bf16",
        }
    }
}

/// Where to compute.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, PartialOrd, Ord)]
pub enum Device {
    /// The processor.
    #[default]
    Cpu,
    /// An NVIDIA GPU.
    Cuda,
    /// An Apple GPU.
    Metal,
}

impl Device {
    /// The name used on command lines and in evidence.
    pub fn name(self) -> &'static str {
        match self {
            Self::Cpu => "cpu",
            Self::Cuda => "cuda",
            Self::Metal => "metal",
        }
    }
}

impl FromStr for Device {
    type Err = String;

    fn from_str(name: &str) -> Result<Self, String> {
        [Self::Cpu, Self::Cuda, Self::Metal]
            .into_iter()
            .find(|device| device.name() == name)
            .ok_or_else(|| format!("unknown device `{name}` (valid: cpu, cuda, metal)"))
    }
}

/// Why there is no verdict from numbers; never a pass, since its outcome cannot be set from outside.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Failure {
    outcome: Outcome,
    detail: String,
}

impl Failure {
    /// What came of it.
    pub fn outcome(&self) -> Outcome {
        self.outcome
    }

    /// What went wrong, in words.
    pub fn detail(&self) -> &str {
        &self.detail
    }

    /// The model could not be built.
    pub fn load(detail: impl Into<String>) -> Self {
        Self::of(Outcome::LoadFailed, detail.into())
    }

    /// The forward pass gave an error.
    pub fn run(detail: impl Into<String>) -> Self {
        Self::of(Outcome::RunFailed, detail.into())
    }

    /// An answer of the wrong kind: another shape, or an answer where a refusal was due.
    pub fn mismatch(detail: impl Into<String>) -> Self {
        Self {
            outcome: Outcome::Mismatch,
            detail: detail.into(),
        }
    }

    /// The backend cannot express the check.
    pub fn refused(detail: impl Into<String>) -> Self {
        Self {
            outcome: Outcome::Refused,
            detail: detail.into(),
        }
    }

    /// Nothing was tried.
    pub fn not_run(detail: impl Into<String>) -> Self {
        Self {
            outcome: Outcome::NotRun,
            detail: detail.into(),
        }
    }

    /// Another device than the one asked for would have computed.
    pub fn fell_back(detail: impl Into<String>) -> Self {
        Self {
            outcome: Outcome::FellBack,
            detail: detail.into(),
        }
    }

    /// An outcome that was seen from outside, or that several failures have in common; a pass is none.
    pub(crate) fn observed(outcome: Outcome, detail: String) -> Self {
        let outcome = if outcome == Outcome::Pass {
            Outcome::RunFailed
        } else {
            outcome
        };
        Self { outcome, detail }
    }

    /// Devices report exhausted memory as an ordinary error; it deserves its own name.
    fn of(outcome: Outcome, detail: String) -> Self {
        let exhausted = [
            "out of memory",
            "OUT_OF_MEMORY",
            "Failed to allocate memory",
        ];
        let is_exhausted = exhausted.iter().any(|words| detail.contains(words));
        Self {
            outcome: if is_exhausted {
                Outcome::OutOfMemory
            } else {
                outcome
            },
            detail,
        }
    }
}

impl fmt::Display for Failure {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}: {}", self.outcome, self.detail)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_unknown_device_is_named_with_the_known_ones() {
        let error = "gpu".parse::<Device>().expect_err("not a device");
        assert_eq!(error, "unknown device `gpu` (valid: cpu, cuda, metal)");
    }

    #[test]
    fn exhausted_memory_has_its_own_outcome() {
        let failure = Failure::run("DriverError(CUDA_ERROR_OUT_OF_MEMORY, \"out of memory\")");
        assert_eq!(failure.outcome(), Outcome::OutOfMemory);
    }
}
