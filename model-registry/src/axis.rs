//! Axes and the lengths they are recorded at.

use std::{borrow::Cow, fmt};

use schemars::{JsonSchema, Schema, SchemaGenerator, json_schema};
use serde::{Deserialize, Deserializer, Serialize, Serializer, de};

/// One axis of a tensor: a name, whose length `sizes` may give, or a fixed length.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum Axis {
    /// `batch`
    Named(String),
    /// `3`
    Fixed(usize),
}

impl Axis {
    /// The name, if it has one.
    pub fn name(&self) -> Option<&str> {
        match self {
            Self::Named(name) => Some(name),
            Self::Fixed(_) => None,
        }
    }
}

impl fmt::Display for Axis {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Named(name) => f.write_str(name),
            Self::Fixed(length) => length.fmt(f),
        }
    }
}

impl Serialize for Axis {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        match self {
            Self::Named(name) => name.serialize(serializer),
            Self::Fixed(length) => length.serialize(serializer),
        }
    }
}

impl<'de> Deserialize<'de> for Axis {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        // Not `#[serde(untagged)]`: its message would not say what is valid.
        struct Visitor;

        impl de::Visitor<'_> for Visitor {
            type Value = Axis;

            fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                f.write_str("an axis: a name such as `batch`, or a length of at least 1")
            }

            fn visit_str<E: de::Error>(self, name: &str) -> Result<Axis, E> {
                Ok(Axis::Named(name.to_owned()))
            }

            fn visit_u64<E: de::Error>(self, length: u64) -> Result<Axis, E> {
                match usize::try_from(length) {
                    Ok(length) if length > 0 => Ok(Axis::Fixed(length)),
                    _ => Err(E::invalid_value(de::Unexpected::Unsigned(length), &self)),
                }
            }

            fn visit_i64<E: de::Error>(self, length: i64) -> Result<Axis, E> {
                match u64::try_from(length) {
                    Ok(length) => self.visit_u64(length),
                    Err(_) => Err(E::invalid_value(de::Unexpected::Signed(length), &self)),
                }
            }
        }

        deserializer.deserialize_any(Visitor)
    }
}

impl JsonSchema for Axis {
    fn schema_name() -> Cow<'static, str> {
        "Axis".into()
    }

    fn json_schema(_: &mut SchemaGenerator) -> Schema {
        json_schema!({
            "description": "One axis: a name, whose length `sizes` may give, or a fixed length.",
            "anyOf": [
                {"type": "string", "pattern": "^[a-z][a-z0-9_]*$"},
                {"type": "integer", "minimum": 1}
            ]
        })
    }
}

/// The length that a named axis is recorded at, and a second one that proves it dynamic.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Size {
    /// What the expected numbers are recorded at.
    pub recorded: usize,
    /// What the graph is proven at once more; the axis is static without it.
    pub second: Option<usize>,
}

impl Serialize for Size {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.collect_seq([Some(self.recorded), self.second].into_iter().flatten())
    }
}

impl<'de> Deserialize<'de> for Size {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        let lengths = Vec::<usize>::deserialize(deserializer)?;
        match *lengths.as_slice() {
            [recorded] if recorded > 0 => Ok(Self {
                recorded,
                second: None,
            }),
            [recorded, second] if recorded > 0 && second > 0 && recorded != second => Ok(Self {
                recorded,
                second: Some(second),
            }),
            _ => Err(de::Error::invalid_value(
                de::Unexpected::Other(&format!("{lengths:?}")),
                &"one or two different lengths of at least 1: `[2, 3]`",
            )),
        }
    }
}

impl JsonSchema for Size {
    fn schema_name() -> Cow<'static, str> {
        "Size".into()
    }

    fn json_schema(_: &mut SchemaGenerator) -> Schema {
        json_schema!({
            "description": "The length an axis is recorded at, and a second one that proves it dynamic.",
            "type": "array",
            "items": {"type": "integer", "minimum": 1},
            "minItems": 1,
            "maxItems": 2,
            "uniqueItems": true
        })
    }
}
