//! What every emitted test links: references, weights, backends, checks, evidence.

pub mod array;
pub mod backend;
pub mod bounds;
pub mod candle;
pub mod canvas;
mod case;
pub mod check;
pub mod child;
mod complaint;
pub mod findings;
pub mod judge;
pub mod ort;
mod panics;
mod peak;
pub mod reference;
pub mod sabotage;
pub mod site;
pub mod smoke;
pub mod tokenizer;
pub mod trial;
pub mod verdict;
mod words;

pub use case::Case;
pub use tokenizer::Tokenizer;

/// Lower-case hexadecimal digits.
pub(crate) fn hex(bytes: &[u8]) -> String {
    bytes.iter().map(|byte| format!("{byte:02x}")).collect()
}
