//! Before any family: does the harness tell right from wrong, and does each backend compute at all?
//!
//! Otherwise one broken library is told as hundreds of broken families.

use std::process::Command;

use camino::{Utf8Path, Utf8PathBuf};

use super::{
    Backend,
    build::{self, SMOKE},
    judge::Bench,
    log,
    process::{self, Ending},
};
use crate::{
    exit::{Exit, Failure, Result},
    regen::REGENERATE,
    workspace::Workspace,
};

/// The emitted test that plants a difference and wants to hear of it.
const HARNESS: &str = "harness_tells_right_from_wrong";

/// `x + x` for two numbers, as ONNX: what onnxruntime needs to show that it computes.
const PYTHON_ORT: &str = "\
import numpy, onnxruntime
graph = bytes.fromhex('@GRAPH@')
session = onnxruntime.InferenceSession(graph, providers=['CPUExecutionProvider'])
(y,) = session.run(None, {'x': numpy.array([1.5, 2.0], numpy.float32)})
assert y.tolist() == [3.0, 4.0], y
";

const GRAPH: &str = "08083a350a0e0a01780a017812017922034164641201675a0f0a0178120a0a08080112040a020802620f0a0179120a0a08080112040a02080242040a00100d";

const PYTHON_TORCH: &str = "\
import torch, transformers
y = torch.tensor([1.5, 2.0]) * 2
assert y.tolist() == [3.0, 4.0], y
";

/// One thing that has to hold.
#[derive(Clone, Debug)]
pub struct Trial {
    name: String,
    blamed: Option<Backend>,
    means: Means,
}

#[derive(Clone, Debug)]
enum Means {
    Rust {
        binary: Utf8PathBuf,
        folder: Utf8PathBuf,
    },
    Python {
        python: Utf8PathBuf,
        root: Utf8PathBuf,
        code: String,
    },
}

/// What the emitted smoke tests try for these backends; all of them must be there.
pub(super) fn of_rust(
    workspace: &Workspace,
    binary: &Utf8Path,
    backends: &[Backend],
) -> Result<Vec<Trial>> {
    let backends = backends.iter().filter(|backend| backend.runs_models());
    let computes = backends.map(|backend| {
        (
            format!("{}_computes", backend.name().replace('-', "_")),
            Some(*backend),
        )
    });
    let wanted: Vec<_> = [(HARNESS.to_owned(), None)]
        .into_iter()
        .chain(computes)
        .collect();
    let listed = build::list(binary)?;
    if let Some((name, _)) = wanted.iter().find(|(name, _)| !listed.contains(name)) {
        let message = format!("the test binary `{SMOKE}` lacks {name} [mend with `{REGENERATE}`]");
        return Err(Failure::new(Exit::Stale, message));
    }
    let trial = |(name, blamed)| Trial {
        name,
        blamed,
        means: Means::Rust {
            binary: binary.to_owned(),
            folder: workspace.root.join("generated"),
        },
    };
    Ok(wanted.into_iter().map(trial).collect())
}

/// What a Python backend must be able to do.
pub(super) fn of_python(
    workspace: &Workspace,
    python: &Utf8Path,
    backend: Backend,
) -> Option<Trial> {
    let code = match backend {
        Backend::PythonOrt => PYTHON_ORT.replace("@GRAPH@", GRAPH),
        Backend::PythonTorch => PYTHON_TORCH.to_owned(),
        Backend::Candle | Backend::CandleGraph | Backend::Ort | Backend::Tokenizers => return None,
    };
    Some(Trial {
        name: format!("{}_computes", backend.name().replace('-', "_")),
        blamed: Some(backend),
        means: Means::Python {
            python: python.to_owned(),
            root: workspace.root.clone(),
            code,
        },
    })
}

/// Tries them one after the other and stops at the first that fails.
pub(super) fn run(bench: &Bench, trials: &[Trial]) -> Result<()> {
    trials.iter().try_for_each(|trial| trial.run(bench))
}

impl Trial {
    fn run(&self, bench: &Bench) -> Result<()> {
        let log = bench.folder.join(format!("{SMOKE}.{}.log", self.name));
        let mut command = self.command();
        bench.furnish(&mut command);
        command.env_remove("TOUCHSTONE_EVIDENCE");
        let ended = process::run(command, &log, bench.limits());
        let text = log::read(&log);
        let what = match ended {
            Ok(Ending::Exited(status)) if status.success() && self.was_made(&text) => return Ok(()),
            Ok(Ending::Interrupted) => {
                let message = "stopped before the first test";
                return Err(Failure::new(Exit::Interrupted, message));
            }
            Ok(Ending::Exited(status)) => format!("ended with {status}"),
            Ok(Ending::TimedOut) => format!("was killed after {} s", bench.limit.as_secs_f64()),
            Ok(Ending::OutOfMemory { peak }) => {
                format!("was killed when it held {} MiB", peak >> 20)
            }
            Err(error) => format!("does not start: {error}"),
        };
        let quoted = log::quote(&text, bench.workspace.relative(&log), None);
        let message = format!("{}: {} {what}{quoted}", self.verdict(), self.name);
        Err(Failure::new(Exit::Setup, message))
    }

    fn command(&self) -> Command {
        match &self.means {
            Means::Rust { binary, folder } => {
                let mut command = Command::new(binary);
                command.args(["--exact", &self.name, "--test-threads=1"]);
                command.current_dir(folder);
                command
            }
            Means::Python { python, root, code } => {
                let mut command = Command::new(python);
                command.args(["-c", code]).current_dir(root);
                command.env("PYTHONPATH", root.join("harness/python"));
                command.env("PYTHONDONTWRITEBYTECODE", "1");
                command
            }
        }
    }

    /// Whether something was tried: a filter that fits no test ends well, too.
    fn was_made(&self, log: &str) -> bool {
        match self.means {
            Means::Rust { .. } => log.contains("test result: ok. 1 passed"),
            Means::Python { .. } => true,
        }
    }

    fn verdict(&self) -> String {
        match self.blamed {
            None => "the harness is broken, not the backends".to_owned(),
            Some(backend) => format!("the backend {} is broken here", backend.name()),
        }
    }
}
