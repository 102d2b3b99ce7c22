//! A Rust snippet that knows where in its file it stands.

use std::borrow::Cow;

use schemars::{JsonSchema, Schema, SchemaGenerator, json_schema};
use serde::{Deserialize, Deserializer};
use serde_saphyr::Spanned;

/// A Rust snippet: its text, and the line of its file that it starts at.
#[derive(Clone, Debug)]
pub struct Source(Spanned<String>);

impl Source {
    /// The text.
    pub fn as_str(&self) -> &str {
        &self.0.value
    }

    /// The line of the YAML file where the text starts, counted from 1.
    pub fn line(&self) -> usize {
        usize::try_from(self.0.referenced.line()).unwrap_or(usize::MAX)
    }

    /// The column of the YAML file where the text starts, counted from 1.
    pub fn column(&self) -> usize {
        usize::try_from(self.0.referenced.column()).unwrap_or(usize::MAX)
    }
}

impl<'de> Deserialize<'de> for Source {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        Spanned::deserialize(deserializer).map(Self)
    }
}

impl JsonSchema for Source {
    fn schema_name() -> Cow<'static, str> {
        "Source".into()
    }

    fn json_schema(_: &mut SchemaGenerator) -> Schema {
        json_schema!({"description": "A Rust snippet.", "type": "string"})
    }
}
