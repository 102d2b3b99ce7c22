//! The recipes that inputs are made by; Rust and Python make the same numbers from them.

use std::collections::BTreeMap;

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use crate::Axis;

/// How one input is made.
#[derive(Clone, Debug, Deserialize, JsonSchema, Serialize)]
#[serde(deny_unknown_fields, rename_all = "kebab-case")]
pub enum Input {
    /// Token ids (int64) over these axes, below the config's vocabulary and never a special id.
    Tokens(Vec<Axis>),
    /// Token ids (int64) with special ids placed where the family needs them.
    Prompt(Prompt),
    /// A mask (int64) that is 1 up to each row's length: `{sequence: [11, 7]}`, over `batch` and that axis.
    Lengths(BTreeMap<String, Vec<usize>>),
    /// Numbers (float32) in [-1, 1) over these axes, a function of the input's name.
    Floats(Vec<Axis>),
    /// Integers (int64) in [0, `below`), a function of the input's name.
    Integers(Range),
    /// Boxes (int64) in [0, `below`): x0, y0, x1, y1 along the last axis, the first two never behind the last two.
    Boxes(Range),
    /// One value (int64) everywhere.
    Constant(Filled),
    /// Rows as written (int64); the batch takes them in turn.
    Rows(Vec<Vec<i64>>),
}

/// Token ids with special ids among them.
#[derive(Clone, Debug, Deserialize, JsonSchema, Serialize)]
#[serde(deny_unknown_fields)]
pub struct Prompt {
    /// Batch and sequence.
    pub shape: Vec<Axis>,
    /// Ids that every row starts with.
    #[serde(default)]
    pub start: Vec<i64>,
    /// Placeholders that stand for features of another modality, right after the start.
    #[serde(default)]
    pub media: Option<Media>,
    /// Ids that every row ends with, at the row's own length where a mask gives one.
    #[serde(default)]
    pub end: Vec<i64>,
}

/// A run of placeholder tokens.
#[derive(Clone, Debug, Deserialize, JsonSchema, Serialize)]
#[serde(deny_unknown_fields)]
pub struct Media {
    /// The placeholder's id.
    pub id: i64,
    /// How many of them stand for one image, clip or sound.
    pub count: usize,
}

/// Integers below a limit.
#[derive(Clone, Debug, Deserialize, JsonSchema, Serialize)]
#[serde(deny_unknown_fields)]
pub struct Range {
    /// The axes.
    pub shape: Vec<Axis>,
    /// The limit, itself excluded.
    pub below: i64,
}

/// One value everywhere.
#[derive(Clone, Debug, Deserialize, JsonSchema, Serialize)]
#[serde(deny_unknown_fields)]
pub struct Filled {
    /// The axes.
    pub shape: Vec<Axis>,
    /// The value.
    pub value: i64,
}
