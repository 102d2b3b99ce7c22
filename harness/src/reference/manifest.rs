//! The readable part of a reference, as the recorder writes it.

use std::collections::BTreeMap;

use serde::{Deserialize, Deserializer};
use serde_json::Value;

/// The version of the manifest that this harness reads.
pub(super) const FORMAT: u32 = 1;

/// `manifest.json`.
#[derive(Clone, Debug, Deserialize)]
pub struct Manifest {
    /// Version of this structure.
    pub format: u32,
    /// transformers' `model_type`.
    pub family: String,
    /// The variant; absent for the base case.
    pub variant: Option<String>,
    /// Hash of what it was recorded from.
    pub recorded_from: String,
    /// What recorded it: versions by name.
    pub provenance: BTreeMap<String, Value>,
    /// `config.json` as transformers writes it.
    pub config: Value,
    /// Named lengths of axes.
    pub sizes: BTreeMap<String, usize>,
    /// What goes in.
    pub inputs: Vec<Input>,
    /// The checkpoint's tensors.
    pub weights: Vec<Weight>,
    /// Weights that cannot matter, each with the reason.
    #[serde(default)]
    pub inert: Vec<(String, String)>,
    /// What could not be recorded, each with the reason: `float16`, `bfloat16`, `greedy`.
    #[serde(default)]
    pub without: BTreeMap<String, String>,
    /// What comes out.
    pub outputs: Vec<Output>,
    /// What PyTorch goes on with after a prompt; absent where nothing decodes.
    #[serde(default)]
    pub greedy: Option<Greedy>,
    /// The exported graph.
    #[serde(default)]
    pub graph: Option<Graph>,
    /// sha256 of the files beside the manifest.
    pub files: BTreeMap<String, String>,
    /// sha256 of everything above its own line.
    pub digest: String,
}

/// One input.
#[derive(Clone, Debug, Deserialize)]
pub struct Input {
    /// Its name in `forward`.
    pub name: String,
    /// Names of its axes; a fixed length is written as a number.
    #[serde(deserialize_with = "axes")]
    pub axes: Vec<String>,
    /// Length of each axis.
    pub shape: Vec<usize>,
    /// `i64`, stored; or `f32`, a function of the name.
    pub dtype: String,
    /// Given for a mask: each row's length.
    #[serde(default)]
    pub lengths: Option<Lengths>,
    /// Given for ids: the first invalid one.
    #[serde(default)]
    pub below: Option<i64>,
    /// Given for ids with placeholders: where the last of them ends.
    #[serde(default)]
    pub media_end: Option<usize>,
}

/// How long each row of a mask is.
#[derive(Clone, Debug, Deserialize)]
pub struct Lengths {
    /// The axis it masks.
    pub axis: String,
    /// The length of each row of the batch.
    pub of: Vec<usize>,
}

/// One tensor of the checkpoint: name, shape, dtype, scale, mean.
#[derive(Clone, Debug, Deserialize)]
#[serde(from = "(String, Vec<usize>, String, Option<f64>, Option<f64>)")]
pub struct Weight {
    /// Its name as saved.
    pub name: String,
    /// Its shape.
    pub shape: Vec<usize>,
    /// `f32`, `f16`, …, as safetensors names it in lower case.
    pub dtype: String,
    /// Scale and mean of its fill; `None` if its bytes are stored.
    pub fill: Option<(f32, f32)>,
}

impl From<(String, Vec<usize>, String, Option<f64>, Option<f64>)> for Weight {
    fn from(row: (String, Vec<usize>, String, Option<f64>, Option<f64>)) -> Self {
        let (name, shape, dtype, scale, mean) = row;
        let fill = scale
            .zip(mean)
            .map(|(scale, mean)| (scale as f32, mean as f32));
        Self {
            name,
            shape,
            dtype,
            fill,
        }
    }
}

/// One output.
#[derive(Clone, Debug, Deserialize)]
pub struct Output {
    /// Its name.
    pub name: String,
    /// Names of its axes.
    #[serde(deserialize_with = "axes")]
    pub axes: Vec<String>,
    /// Length of each axis.
    pub shape: Vec<usize>,
    /// Root mean square of the truth.
    pub rms: f64,
    /// What PyTorch itself loses in float32.
    pub float32: Loss,
    /// What it loses in float16; absent where it cannot compute in it.
    #[serde(default)]
    pub float16: Option<Loss>,
    /// What it loses in bfloat16; absent where it cannot compute in it.
    #[serde(default)]
    pub bfloat16: Option<Loss>,
    /// Given where the truth is a sample.
    #[serde(default)]
    pub sample: Option<Sample>,
}

/// How far PyTorch at some dtype is from the truth.
#[derive(Clone, Copy, Debug, Deserialize)]
pub struct Loss {
    /// Root mean square.
    pub rmse: f64,
    /// max |Δ|.
    pub max_abs: f64,
}

/// Which elements a sampled truth keeps: number i is at flat index `i·step mod n`.
#[derive(Clone, Copy, Debug, Deserialize)]
pub struct Sample {
    /// How many.
    pub count: usize,
    /// How far apart.
    pub step: usize,
}

impl Sample {
    /// The flat index of an element that is kept, among so many; the product may not fit a `usize`.
    pub(super) fn index(self, number: usize, total: usize) -> usize {
        let index = number as u128 * self.step as u128 % total.max(1) as u128;
        usize::try_from(index).unwrap_or(usize::MAX)
    }
}

/// What PyTorch in float64 goes on with after a prompt, always taking the likeliest token.
#[derive(Clone, Debug, Deserialize)]
pub struct Greedy {
    /// The axis that grows.
    pub along: String,
    /// The input that the tokens are appended to.
    pub input: String,
    /// The output that they are read from.
    pub output: String,
    /// How many of each row's recorded tokens are the prompt.
    pub prompt: usize,
    /// The tokens that follow, one list a row.
    pub tokens: Vec<Vec<i64>>,
    /// The smallest distance between the best two on the way, as a share of the output's rms.
    pub gap: f64,
}

/// The exported graph.
#[derive(Clone, Debug, Deserialize)]
pub struct Graph {
    /// Axes whose length may change.
    #[serde(default)]
    pub dynamic: Vec<String>,
    /// Why the others may not.
    #[serde(default)]
    pub static_because: Option<String>,
    /// Its inputs.
    pub inputs: Vec<String>,
    /// Its outputs.
    pub outputs: Vec<String>,
    /// The weights that it does not take: they reach no compared output.
    pub leaves: Vec<String>,
}

impl Manifest {
    /// The case's name: `bert`, or `bert.relu`.
    pub fn name(&self) -> String {
        match &self.variant {
            Some(variant) => format!("{}.{variant}", self.family),
            None => self.family.clone(),
        }
    }

    /// The input of this name.
    pub fn input(&self, name: &str) -> Option<&Input> {
        self.inputs.iter().find(|input| input.name == name)
    }

    /// The output of this name.
    pub fn output(&self, name: &str) -> Option<&Output> {
        self.outputs.iter().find(|output| output.name == name)
    }
}

fn axes<'de, D: Deserializer<'de>>(deserializer: D) -> Result<Vec<String>, D::Error> {
    let axes = Vec::<Value>::deserialize(deserializer)?;
    let name = |axis: Value| match axis {
        Value::String(name) => Ok(name),
        Value::Number(length) => Ok(length.to_string()),
        other => Err(serde::de::Error::custom(format!(
            "an axis is a name or a number, not {other}"
        ))),
    };
    axes.into_iter().map(name).collect()
}
