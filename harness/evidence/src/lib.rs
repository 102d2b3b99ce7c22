//! Verdicts, the records that prove them, and the run files that hold them; links no backend.

mod error;
mod fragment;
mod number;
mod outcome;
mod record;
mod run;
mod writer;

pub use error::{RunError, RunErrorKind};
pub use fragment::{Fragment, append};
pub use outcome::Outcome;
pub use record::{Bound, Difference, Event, Footer, Header, Metrics, Record, Sabotage, TestId};
pub use run::Run;
pub use writer::RunWriter;

/// Version of the run file's format; a reader refuses every other.
pub const FORMAT: u32 = 1;
