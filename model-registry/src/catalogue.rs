//! The model types that transformers has, as recorded from the pinned version.

use std::{collections::BTreeMap, fs};

use camino::Utf8Path;
use serde::Deserialize;

use crate::Error;

/// Where it lives below `model-registry/`.
const FILE: &str = "catalogue.json";

/// `model-registry/catalogue.json`, as far as it matters here.
#[derive(Clone, Debug, Deserialize)]
pub struct Catalogue {
    /// The version that it was recorded from.
    pub transformers: String,
    /// Every model type.
    pub types: BTreeMap<String, ModelType>,
}

/// One model type.
#[derive(Clone, Debug, Deserialize)]
pub struct ModelType {
    /// Whether it stands for itself.
    pub standing: Standing,
    /// The tokenizer class that transformers gives it; absent where it has none.
    #[serde(default)]
    pub tokenizer: Option<String>,
    /// The types whose config holds its config.
    #[serde(default)]
    pub part_of: Vec<String>,
}

/// How a model type stands to the others.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Standing {
    /// It has a base model and is no part of another.
    TopLevel,
    /// Its config is a part of another's.
    Part,
    /// Only task classes take its config.
    TaskOnly,
}

impl Catalogue {
    /// Reads the recorded list; `root` is `model-registry/`.
    pub fn load(root: &Utf8Path) -> Result<Self, Box<Error>> {
        let help = "make it with `cargo xtask record --catalogue`";
        let text = fs::read_to_string(root.join(FILE))
            .map_err(|error| Error::whole(Utf8Path::new(FILE), error, help))?;
        Self::from_source(&text)
    }

    /// The model type of a family, whose name has `_` for a dot.
    pub fn of_family(&self, family: &str) -> Option<&ModelType> {
        let spelled = |name: &str| name.contains('.') && name.replace('.', "_") == family;
        let dotted = || self.types.iter().find(|(name, _)| spelled(name));
        self.types
            .get(family)
            .or_else(|| dotted().map(|(_, about)| about))
    }

    /// What [`Catalogue::load`] makes of the file once read.
    pub fn from_source(text: &str) -> Result<Self, Box<Error>> {
        serde_json::from_str(text).map_err(|error| {
            let help = "make it anew with `cargo xtask record --catalogue`";
            Box::new(Error::whole(Utf8Path::new(FILE), error, help))
        })
    }
}
