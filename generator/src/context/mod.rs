//! What templates see of a family: facts laid ready, so that templates choose by form alone.

mod adapter;
mod names;
mod python;
mod rust;
mod shared;

pub(crate) use adapter::AdapterContext;
pub(crate) use names::{module, template_stem};
pub(crate) use python::PythonContext;
pub(crate) use rust::RustContext;
pub(crate) use shared::{ManifestContext, SmokeContext, categories, tokenizer_crate, tokenizers};
