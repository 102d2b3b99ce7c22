//! Why there is no library, and the command that mends it.

use camino::Utf8PathBuf;
use thiserror::Error;

/// The command that fetches the library, in one place.
pub const REMEDY: &str = "cargo xtask setup ort";

/// Why there is no library.
#[derive(Debug, Error)]
pub enum Error {
    /// `ORT_DYLIB_PATH` leads nowhere.
    #[error("ORT_DYLIB_PATH names {0}, which is no file (unset it, or point it to libonnxruntime)")]
    NoSuchLibrary(Utf8PathBuf),
    /// There is no wheel for this machine.
    #[error(
        "there is no pinned onnxruntime wheel for {machine} (pinned: {known}; set ORT_DYLIB_PATH to a libonnxruntime of your own)"
    )]
    NoWheel { machine: String, known: String },
    /// No interpreter answers.
    #[error(
        "no Python interpreter with pip was found (tried {tried}; install one or set PYTHON, then run `{REMEDY}`)"
    )]
    NoPython { tried: String },
    /// pip did not get the wheel.
    #[error("`{command}` failed (mend it, then run `{REMEDY}`):\n{said}")]
    Pip { command: String, said: String },
    /// The wheel's bytes are not the pinned ones.
    #[error("{wheel} has the sha256 {found}, pinned is {pinned} (run `{REMEDY}` to fetch it anew)")]
    Sha256 {
        wheel: String,
        found: String,
        pinned: String,
    },
    /// The wheel does not hold what it should.
    #[error("{wheel}: {said} (run `{REMEDY}` to fetch it anew)")]
    Wheel { wheel: String, said: String },
    /// The disk said no.
    #[error("{path}: {source} (run `{REMEDY}` once it is writable)")]
    Io {
        path: Utf8PathBuf,
        source: std::io::Error,
    },
}

impl Error {
    pub(crate) fn io(path: impl Into<Utf8PathBuf>) -> impl FnOnce(std::io::Error) -> Self {
        let path = path.into();
        |source| Self::Io { path, source }
    }
}
