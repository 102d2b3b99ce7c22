//! The one table of exit codes, and errors that know theirs.

use std::{fmt, process::ExitCode};

/// How a command ends.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Exit {
    /// All is as it should be.
    Ok,
    /// A verdict was not as expected.
    Unexpected,
    /// The command line asks for something that does not exist.
    Usage,
    /// What is emitted is not what the registry and the templates say.
    Stale,
    /// The registry or a template is wrong.
    InvalidRegistry,
    /// The emitted tests do not compile.
    BuildFailed,
    /// Something that the command needs is missing or cannot be read or written.
    Setup,
    /// Stopped by the user.
    Interrupted,
}

impl Exit {
    /// Every code, in order.
    pub const ALL: [Self; 8] = [
        Self::Ok,
        Self::Unexpected,
        Self::Usage,
        Self::Stale,
        Self::InvalidRegistry,
        Self::BuildFailed,
        Self::Setup,
        Self::Interrupted,
    ];

    /// The number that the shell sees.
    pub fn code(self) -> u8 {
        match self {
            Self::Ok => 0,
            Self::Unexpected => 1,
            Self::Usage => 2,
            Self::Stale => 3,
            Self::InvalidRegistry => 4,
            Self::BuildFailed => 5,
            Self::Setup => 6,
            Self::Interrupted => 7,
        }
    }

    /// What it means, in a few words.
    pub fn meaning(self) -> &'static str {
        match self {
            Self::Ok => "all is as it should be",
            Self::Unexpected => "a verdict was not as expected, or a reference was not recorded",
            Self::Usage => "the command line asks for something that does not exist",
            Self::Stale => "the emitted tests are not what registry and templates say",
            Self::InvalidRegistry => "the registry, a template or an expectation is wrong",
            Self::BuildFailed => "the emitted tests do not compile",
            Self::Setup => "something needed is missing, or cannot be read or written",
            Self::Interrupted => "stopped by the user",
        }
    }

    /// The table as `--help` shows it.
    pub fn table() -> String {
        let row = |exit: Self| format!("  {}  {}\n", exit.code(), exit.meaning());
        format!("Exit codes:\n{}", Self::ALL.map(row).concat())
    }
}

impl From<Exit> for ExitCode {
    fn from(exit: Exit) -> Self {
        exit.code().into()
    }
}

/// Why a command could not do what it was asked, and the code it ends with.
#[derive(Debug)]
pub struct Failure {
    /// The code.
    pub exit: Exit,
    /// The reason.
    pub error: anyhow::Error,
}

/// What a command gives back.
pub type Result<T = Exit, E = Failure> = std::result::Result<T, E>;

impl Failure {
    /// A failure told in words.
    pub fn new(exit: Exit, message: impl fmt::Display) -> Self {
        Self {
            exit,
            error: anyhow::anyhow!("{message}"),
        }
    }
}

impl fmt::Display for Failure {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{:#}", self.error)
    }
}

/// What is not said otherwise is a matter of files and processes, so that code 1 keeps its meaning.
impl From<anyhow::Error> for Failure {
    fn from(error: anyhow::Error) -> Self {
        Self {
            exit: Exit::Setup,
            error,
        }
    }
}

/// Gives an error its exit code.
pub trait OrExit<T> {
    /// Ends with `exit` if this is an error.
    fn or_exit(self, exit: Exit) -> Result<T>;
}

impl<T, E: Into<anyhow::Error>> OrExit<T> for std::result::Result<T, E> {
    fn or_exit(self, exit: Exit) -> Result<T> {
        self.map_err(|error| Failure {
            exit,
            error: error.into(),
        })
    }
}
