//! What can go wrong, and where.

use std::fmt;

/// Why a graph cannot be loaded or run.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Error {
    kind: Kind,
    place: String,
    what: String,
}

/// What kind of trouble it is.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
#[non_exhaustive]
pub enum Kind {
    /// The graph asks for something that is not implemented: an operator, an attribute, a type.
    /// Loading says so, before anything runs.
    Unsupported,
    /// The model, or a weight that was given for it, does not fit together.
    Model,
    /// What was given to a run is not what the graph asks for.
    Input,
    /// A node could not compute.
    Run,
}

impl Error {
    pub(crate) fn new(kind: Kind, place: impl Into<String>, what: impl Into<String>) -> Self {
        Self {
            kind,
            place: place.into(),
            what: what.into(),
        }
    }

    /// The same, told with the node that it is within.
    pub(crate) fn within(mut self, place: &str) -> Self {
        self.place = format!("{place}: {}", self.place);
        self
    }

    /// What kind of trouble it is.
    pub fn kind(&self) -> Kind {
        self.kind
    }

    /// The node, input, weight or part of the model that it is about.
    pub fn place(&self) -> &str {
        &self.place
    }

    /// What is wrong there.
    pub fn what(&self) -> &str {
        &self.what
    }
}

impl fmt::Display for Error {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}: {}", self.place, self.what)
    }
}

impl std::error::Error for Error {}
