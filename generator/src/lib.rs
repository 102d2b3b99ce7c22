//! From the registry and the templates to the emitted tests: a pure function that touches no disk,
//! clock, environment or network, so that equal input gives equal bytes.

mod checks;
mod context;
mod environment;
mod error;
mod filters;
#[cfg(test)]
mod fixtures;
mod generate;
mod header;
mod layout;
mod plan;
mod reproduction;
mod snippet;
mod syntax;
mod templates;

pub use checks::Need;
pub use error::Error;
pub use generate::{generate, generate_some};
pub use header::MARK;
pub use plan::{Fate, Planned, checks, plan};
pub use reproduction::{Detail, Layers, Reproduction, reproduction};
pub use templates::Templates;

/// The folder that everything emitted goes to, relative to the workspace's root.
pub const FOLDER: &str = "generated";
