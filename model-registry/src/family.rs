//! The types that a family file holds; their doc comments are the key reference and the JSON Schema.

use std::collections::BTreeMap;

use camino::Utf8PathBuf;
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use crate::{
    Architecture, Axis, Binding, Category, Input, Modality, Priority, Size, VariantBinding,
};

/// A JSON object, as transformers writes a config.
pub type Object = serde_json::Map<String, serde_json::Value>;

/// One model family of transformers: the facts that every emitted test of it is made from.
#[derive(Clone, Debug, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct Family {
    /// transformers' `model_type`, with `_` for a dot, which is also the file's name.
    pub family: String,
    /// The name people read: `BERT`.
    pub title: String,
    /// The test crate that the family goes to, which is also the file's folder.
    pub category: Category,
    /// The template and the checks that the family gets.
    pub architecture: Architecture,
    /// What goes in.
    pub modality: Modality,
    /// How much a defect here hurts.
    #[serde(default)]
    pub priority: Priority,
    /// Other names people use for it: fine-tunes, renamings, descendants that share its code.
    #[serde(default)]
    pub aliases: Vec<String>,
    /// Checkpoints on the hub, the best known first.
    #[serde(default)]
    pub checkpoints: Vec<String>,
    /// The tokenizer class that transformers names for it, one of `tokenizers.yaml`; absent where it names none.
    #[serde(default)]
    pub tokenizer: Option<String>,
    /// What transformers is asked to build.
    pub transformers: Transformers,
    /// Named lengths of axes, each recorded at the first size and proven dynamic at the second:
    /// `batch: [2, 3]`. An axis with one size stays static in the graph.
    pub sizes: BTreeMap<String, Size>,
    /// The inputs of `forward`, by name.
    pub inputs: BTreeMap<String, Input>,
    /// The outputs to compare, by attribute of what `forward` returns, each with its axes' names.
    /// An axis named in `sizes` has that size; other names only document.
    pub outputs: BTreeMap<String, Vec<Axis>>,
    /// Features that share code but not numbers, each recorded and tested as a case of its own.
    #[serde(default)]
    pub variants: BTreeMap<String, Variant>,
    /// Lint rules that this family breaks, and checks that PyTorch's own numbers do not keep, each with
    /// its reason: rule → reason.
    #[serde(default)]
    pub waives: BTreeMap<String, String>,
    /// How candle-transformers is called; absent where it does not implement the family.
    #[serde(default)]
    pub candle: Option<Binding>,
    /// Why a module of candle-transformers that has the family's name is not called, with the upstream file and line.
    #[serde(default)]
    pub unbound: Option<String>,
}

/// What transformers is asked to build.
#[derive(Clone, Debug, Deserialize, JsonSchema, Serialize)]
#[serde(deny_unknown_fields)]
pub struct Transformers {
    /// The model class: `BertModel`.
    pub model: String,
    /// Config fields, other than sizes, in which the first checkpoint departs from the class's defaults.
    #[serde(default)]
    pub checkpoint: Object,
    /// Sizes, made tiny; nothing but sizes.
    pub config: Object,
    /// Constant keyword arguments of `forward`.
    #[serde(default)]
    pub call: Object,
}

/// A feature of the family that shares code with the base case but not numbers.
#[derive(Clone, Debug, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct Variant {
    /// What it tries, in a few words.
    pub tries: String,
    /// Another model class; the base case's candle binding is then not inherited.
    #[serde(default)]
    pub model: Option<String>,
    /// The part of the base case's config that this model class is built from: `text_config`.
    #[serde(default)]
    pub part: Option<String>,
    /// Merged into the base case's config, object by object.
    #[serde(default)]
    pub config: Object,
    /// Replaces the base case's `call` if given.
    #[serde(default)]
    pub call: Option<Object>,
    /// Merged into the base case's sizes.
    #[serde(default)]
    pub sizes: BTreeMap<String, Size>,
    /// Merged into the base case's inputs; `null` removes one.
    #[serde(default)]
    pub inputs: BTreeMap<String, Option<Input>>,
    /// Replaces the base case's outputs if given.
    #[serde(default)]
    pub outputs: Option<BTreeMap<String, Vec<Axis>>>,
    /// Replaces the base case's binding if given: a binding, or the name of the variant whose binding it shares.
    #[serde(default)]
    pub candle: Option<VariantBinding>,
}

impl Variant {
    /// The binding that it brings itself.
    pub fn own_binding(&self) -> Option<&Binding> {
        match &self.candle {
            Some(VariantBinding::Own(binding)) => Some(binding),
            Some(VariantBinding::Of(_)) | None => None,
        }
    }
}

impl Family {
    /// The file that it comes from, as seen from the workspace root.
    pub fn path(&self) -> Utf8PathBuf {
        format!(
            "model-registry/families/{}/{}.yaml",
            self.category, self.family
        )
        .into()
    }
}
