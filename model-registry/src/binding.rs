//! How a case is put to candle-transformers: snippets that call it, and renamings as data.

use std::{collections::BTreeMap, fmt};

use schemars::JsonSchema;
use serde::{Deserialize, Deserializer, de};

use crate::Source;

/// How candle-transformers is called for a case: Rust snippets that call and never repair.
#[derive(Clone, Debug, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct Binding {
    /// What to import: `candle_transformers::models::bert::{BertModel, Config}`.
    #[serde(rename = "use")]
    pub imports: Source,
    /// The type that `config.json` is read into; `harness::candle::Json` where candle's is not read from JSON.
    pub config: Source,
    /// Fields that candle names or shapes otherwise than transformers 5, applied before reading the config.
    #[serde(default)]
    pub translate: BTreeMap<String, Translation>,
    /// Weights that candle asks for under another name: candle's name → the checkpoint's. A name that ends in `.` is a prefix, and `*` stands for one part of a name, kept on the other side.
    #[serde(default)]
    pub rename: BTreeMap<String, String>,
    /// Weights that candle wants in another form: candle's name → what of the checkpoint makes them.
    #[serde(default)]
    pub derive: BTreeMap<String, Derived>,
    /// An expression that turns `config` into the type that the constructor takes.
    #[serde(default)]
    pub prepare: Option<Source>,
    /// The model's type.
    pub model: Source,
    /// An expression that builds it from `weights` (a VarBuilder), `&config` and `device`.
    pub load: Source,
    /// The key-value cache, where the caller owns it.
    #[serde(default)]
    pub cache: Option<Cache>,
    /// A statement that empties the cache, where the model owns it.
    #[serde(default)]
    pub reset: Option<Source>,
    /// Statements before the outputs; they see `model`, `cache`, `config`, `position` and the inputs by name.
    #[serde(default)]
    pub forward: Option<Source>,
    /// One expression an output that the API can give; outputs left out are not compared on candle.
    pub outputs: BTreeMap<String, Source>,
    /// Outputs that the API gives for the last position only: the check then prefills every length.
    #[serde(default)]
    pub last_position: Vec<String>,
    /// Outputs that the API cannot give: output → why, with the upstream file and line.
    #[serde(default)]
    pub missing: BTreeMap<String, String>,
}

/// The binding of a variant that does not have the base case's.
#[derive(Clone, Debug, JsonSchema)]
#[schemars(untagged)]
pub enum VariantBinding {
    /// One of its own.
    Own(Box<Binding>),
    /// The one of another variant, by that variant's name.
    Of(String),
}

impl<'de> Deserialize<'de> for VariantBinding {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        let reader = TextOrMap {
            expected: "a binding, or the name of a variant that has one",
            of_text: |name| Self::Of(name.to_owned()),
            of_map: |binding| Self::Own(Box::new(binding)),
        };
        deserializer.deserialize_any(reader)
    }
}

/// A key-value cache that the caller owns.
#[derive(Clone, Debug, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct Cache {
    /// Its type.
    #[serde(rename = "type")]
    pub ty: Source,
    /// An expression that makes an empty one from `&config`, `dtype` and `device`.
    pub new: Source,
}

/// Where a field of candle's config comes from.
#[derive(Clone, Debug, PartialEq, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields, rename_all = "kebab-case")]
pub enum Translation {
    /// A field of transformers' config, by its dotted path: `rope_parameters.rope_theta`.
    From(String),
    /// A value that transformers' config does not hold.
    Value(serde_json::Value),
}

/// What of the checkpoint makes a weight of candle's; `*` stands for the parts that candle's name has at its own.
#[derive(Clone, Debug, PartialEq, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields, rename_all = "kebab-case")]
pub enum Derived {
    /// Several weights, one after the other along the first axis.
    Join(Vec<Piece>),
    /// One of several equal parts of a weight along the first axis.
    Part(Part),
    /// The Euclidean norm of each slice of a weight along the first axis; the other axes have length 1.
    Norm(String),
    /// The same elements in the shape that candle asks for.
    Reshape(String),
    /// A weight with its last two axes swapped.
    Transpose(String),
}

/// One of several weights that are joined.
#[derive(Clone, Debug, PartialEq, JsonSchema)]
#[schemars(untagged)]
pub enum Piece {
    /// A weight.
    Of(String),
    /// What the checkpoint leaves out because it is zero.
    Zeros(Zeros),
}

/// As many zeros as another weight has elements.
#[derive(Clone, Debug, PartialEq, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct Zeros {
    /// The weight that has the shape.
    #[serde(rename = "zeros")]
    pub like: String,
}

impl<'de> Deserialize<'de> for Piece {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        let reader = TextOrMap {
            expected: "the name of a weight, or `{zeros: NAME}`",
            of_text: |name| Self::Of(name.to_owned()),
            of_map: Self::Zeros,
        };
        deserializer.deserialize_any(reader)
    }
}

impl Piece {
    /// The weight that it is, or that it has the shape of.
    pub fn name(&self) -> &str {
        match self {
            Self::Of(name) | Self::Zeros(Zeros { like: name }) => name,
        }
    }
}

/// One of several equal parts.
#[derive(Clone, Debug, PartialEq, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct Part {
    /// The weight that is cut.
    pub of: String,
    /// Which part, from 0.
    pub at: usize,
    /// How many there are.
    pub count: usize,
}

impl Derived {
    /// The weights of the checkpoint that it is made of.
    pub fn sources(&self) -> Vec<&str> {
        match self {
            Self::Join(pieces) => pieces.iter().map(Piece::name).collect(),
            Self::Part(Part { of: name, .. })
            | Self::Norm(name)
            | Self::Reshape(name)
            | Self::Transpose(name) => vec![name],
        }
    }
}

/// Reads what is given as text or as a map. `#[serde(untagged)]` would not say what is valid.
struct TextOrMap<T, M> {
    expected: &'static str,
    of_text: fn(&str) -> T,
    of_map: fn(M) -> T,
}

impl<'de, T, M: Deserialize<'de>> de::Visitor<'de> for TextOrMap<T, M> {
    type Value = T;

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.expected)
    }

    fn visit_str<E: de::Error>(self, text: &str) -> Result<T, E> {
        Ok((self.of_text)(text))
    }

    fn visit_map<A: de::MapAccess<'de>>(self, map: A) -> Result<T, A::Error> {
        M::deserialize(de::value::MapAccessDeserializer::new(map)).map(self.of_map)
    }
}
