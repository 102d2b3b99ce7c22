//! Why a reference cannot be used, and the command that mends it.

use camino::Utf8PathBuf;
use thiserror::Error;

use crate::Case;

/// The command that records references, without the family.
pub const REMEDY: &str = "cargo xtask record";

/// A reference that cannot be used.
#[derive(Debug, Error)]
#[error("{file}: {kind} (mend it with `{REMEDY} {family}`)")]
pub struct ReferenceError {
    /// The file at fault.
    pub file: Utf8PathBuf,
    /// The family to record again.
    pub family: String,
    /// What is wrong.
    pub kind: Kind,
}

/// What is wrong with a reference.
#[derive(Debug, Error)]
pub enum Kind {
    /// It is not there, or cannot be read.
    #[error("cannot be read: {0}")]
    Io(#[from] std::io::Error),
    /// The manifest's last lines are missing.
    #[error("is cut off: it does not end with the line of its digest")]
    CutOff,
    /// The manifest's bytes are not those that were written.
    #[error("is damaged: its bytes have the digest {found}, its last line says {said}")]
    Digest { said: String, found: String },
    /// Another file's bytes are not those that were written.
    #[error("is damaged: its sha256 is {found}, manifest.json says {said}")]
    Sha256 { said: String, found: String },
    /// A file that the manifest does not vouch for.
    #[error("is not listed in the `files` of manifest.json")]
    Unlisted,
    /// The manifest has another structure.
    #[error("is not a manifest: {0}")]
    Json(#[from] serde_json::Error),
    /// It was written in another format.
    #[error(
        "has format {found}, this harness reads format {}",
        super::manifest::FORMAT
    )]
    Format { found: u32 },
    /// It was recorded from other facts than the test was emitted from.
    #[error("was recorded from {found}, the emitted test speaks of {wanted}")]
    Stale { found: String, wanted: String },
    /// It is some other case's.
    #[error("is the reference of `{found}`")]
    Other { found: String },
    /// The expected numbers are no safetensors.
    #[error("is no safetensors file: {0}")]
    Safetensors(#[from] safetensors::SafeTensorError),
    /// A tensor that the manifest promises is absent or has another shape.
    #[error("{0}")]
    Tensor(String),
    /// It asks for more memory than any tiny case needs.
    #[error("asks for more than {most} {what}, which no tiny case needs")]
    TooLarge { what: &'static str, most: u64 },
    /// There is no graph.
    #[error("lists no graph")]
    NoGraph,
}

impl Kind {
    pub(super) fn at(self, file: Utf8PathBuf, case: &Case) -> ReferenceError {
        ReferenceError {
            file,
            family: case.family.to_owned(),
            kind: self,
        }
    }
}
