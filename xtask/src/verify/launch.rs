//! How the tests of a family are started: a test binary with their paths, or pytest with their nodes.

use std::{path::Path, process::Command};

use camino::{Utf8Path, Utf8PathBuf};
use evidence::TestId;

use crate::{python, workspace::Workspace};

/// Starts a process that runs some tests.
#[derive(Clone, Debug)]
pub enum Launcher {
    /// A test binary.
    Rust {
        /// The binary.
        binary: Utf8PathBuf,
        /// The folder that cargo would run it in.
        folder: Utf8PathBuf,
    },
    /// pytest.
    Python {
        /// The interpreter.
        python: Utf8PathBuf,
        /// The workspace's root.
        root: Utf8PathBuf,
        /// The folder of the Python twin of the harness.
        path: Utf8PathBuf,
        /// The emitted file, from the root.
        file: Utf8PathBuf,
    },
}

impl Launcher {
    /// Runs tests of a binary.
    pub fn rust(workspace: &Workspace, binary: &Utf8Path) -> Self {
        Self::Rust {
            binary: binary.to_owned(),
            folder: workspace.root.join("generated"),
        }
    }

    /// Runs tests of an emitted Python file.
    pub fn python(workspace: &Workspace, python: &Utf8Path, file: &Utf8Path) -> Self {
        let (_, path) = python::path(workspace);
        let (python, file) = (python.to_owned(), file.to_owned());
        Self::Python {
            python,
            root: workspace.root.clone(),
            path,
            file,
        }
    }

    /// The process for these tests, `threads` of them at once where that is possible.
    pub fn command(&self, tests: &[TestId], threads: usize) -> Command {
        match self {
            Self::Rust { binary, folder } => {
                let mut command = Command::new(binary);
                command
                    .arg("--exact")
                    .args(tests.iter().map(TestId::rust_path));
                command
                    .arg(format!("--test-threads={threads}"))
                    .env("CARGO_MANIFEST_DIR", folder)
                    .current_dir(folder);
                command
            }
            Self::Python {
                python,
                root,
                path,
                file,
            } => {
                let mut command = Command::new(python);
                command.args(["-m", "pytest", "-q", "-p", "no:cacheprovider"]);
                command.args(["-c", "harness/python/pytest.ini"]);
                command.args(tests.iter().map(|test| node(file, test)));
                command
                    .env("PYTHONPATH", path)
                    .env("PYTHONDONTWRITEBYTECODE", "1");
                command.current_dir(root);
                command
            }
        }
    }

    /// Whether a process that ended with this code and these words has run its tests to the end: what
    /// leaves from within a check may well leave with the same code, but not with the last word.
    pub fn ended_in_order(&self, code: Option<i32>, log: &str) -> bool {
        let mut lines = log.lines().rev();
        match self {
            Self::Rust { .. } => {
                matches!(code, Some(0 | 101)) && lines.any(|line| line.starts_with("test result: "))
            }
            Self::Python { .. } => {
                let counts = |line: &str| {
                    ["passed", "failed", "error"]
                        .iter()
                        .any(|word| line.contains(word))
                        && line.contains(" in ")
                };
                matches!(code, Some(0 | 1)) && lines.any(counts)
            }
        }
    }

    /// The command with which a person repeats one test from the workspace's root.
    pub fn reproduce(&self, test: &TestId) -> String {
        match self {
            Self::Rust { .. } => {
                let (category, path) = (&test.category, test.rust_path());
                format!("cargo test -p generated --test {category} {path} -- --exact")
            }
            Self::Python {
                python, root, file, ..
            } => {
                let python = python.strip_prefix(root).unwrap_or(python);
                let options = "-m pytest -c harness/python/pytest.ini";
                format!(
                    "PYTHONPATH=harness/python {python} {options} '{}'",
                    node(file, test)
                )
            }
        }
    }

    /// What is started, for messages.
    pub fn program(&self) -> &Path {
        match self {
            Self::Rust { binary, .. } => binary.as_std_path(),
            Self::Python { python, .. } => python.as_std_path(),
        }
    }
}

/// pytest's name of a test: `…/test_bert.py::test_forward_matches_reference_on_ort[bert.relu]`.
fn node(file: &Utf8Path, test: &TestId) -> String {
    let runtime = test
        .backend
        .strip_prefix("python-")
        .unwrap_or(&test.backend);
    let variant = test
        .variant
        .as_deref()
        .map(|variant| format!(".{variant}"))
        .unwrap_or_default();
    format!(
        "{file}::test_{}_on_{runtime}[{}{variant}]",
        test.check, test.family
    )
}
