//! The families, their facts, and what is expected of each backend: loading, checking, querying.

mod axis;
mod binding;
mod case;
mod catalogue;
mod error;
mod expectations;
mod family;
mod finding;
mod input;
mod keywords;
mod kinds;
mod lints;
mod outline;
mod parse;
mod registry;
mod rules;
mod source;
mod tokenizer;
mod words;
mod world;

pub use axis::{Axis, Size};
pub use binding::{Binding, Cache, Derived, Part, Piece, Translation, VariantBinding};
pub use case::{RECORDER_FORMAT, ResolvedCase, family_and_variant};
pub use catalogue::{Catalogue, ModelType, Standing};
pub use error::{Error, Errors};
pub use expectations::{CHECKS, Expectation, Expectations, TOKENIZER_CHECKS, USUAL_SETTING};
pub use family::{Family, Object, Transformers, Variant};
pub use finding::{Edit, FINDINGS, Finding, Findings, Program, Symptom};
pub use input::{Filled, Input, Media, Prompt, Range};
pub use keywords::{is_python_keyword, is_rust_keyword};
pub use kinds::{Architecture, Category, Modality, Priority};
pub use registry::Registry;
pub use source::Source;
pub use tokenizer::{TOKENIZER, TOKENIZERS, Tokenizer};
pub use world::{Meaning, NameNote, TypeNote, World};

/// The JSON Schema of a family file, as `model-registry/schema.json` holds it.
pub fn schema() -> String {
    let schema = schemars::schema_for!(Family);
    let text = serde_json::to_string_pretty(&schema).unwrap_or_default();
    format!("{text}\n")
}
