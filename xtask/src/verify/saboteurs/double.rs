//! The last judge: the same fault in float64, asked of the Python twin of the harness.

use std::{
    collections::BTreeMap,
    fs::{self, File},
    io::{BufRead, BufReader},
    process::Stdio,
};

use anyhow::Context;
use camino::{Utf8Path, Utf8PathBuf};
use serde::{Deserialize, Serialize};

use super::mutants::Mutant;
use crate::{
    exit::Result,
    progress::Progress,
    python::{self, Environment},
    workspace::Workspace,
};

/// What can be said of a fault in float64.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum State {
    /// No output moves beyond what PyTorch loses in float32.
    Equivalent,
    /// Some output does.
    Moved,
    /// It could not be repeated there, or what was repeated is not what was recorded.
    Unknown,
}

/// What float64 says of one mutant.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Answer {
    /// The case, backend and mutant that were asked about.
    #[serde(skip_serializing)]
    pub case: String,
    /// See `case`.
    #[serde(skip_serializing)]
    pub backend: String,
    /// See `case`.
    #[serde(skip_serializing)]
    pub mutant: String,
    /// The answer.
    pub state: State,
    /// Why, unless it is equivalent.
    #[serde(default, skip_serializing_if = "String::is_empty")]
    pub detail: String,
    /// How far each output moves.
    #[serde(default, skip_serializing_if = "BTreeMap::is_empty")]
    pub outputs: BTreeMap<String, Movement>,
}

/// How far a fault moves an output.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Movement {
    /// max |Δ|.
    pub max_abs: f64,
    /// Root mean square of Δ.
    pub rmse: f64,
    /// The larger of both as a share of what PyTorch loses in float32.
    pub share: f64,
    /// What PyTorch loses in float32, with a share of the output's size for the last bit.
    pub allowed_max_abs: f64,
    /// The same for the root mean square.
    pub allowed_rmse: f64,
}

impl Answer {
    /// Whether there was nothing to notice.
    pub fn is_equivalent(&self) -> bool {
        self.state == State::Equivalent && self.share().is_some_and(|share| share <= 1.0)
    }

    /// The furthest that any output moves.
    pub fn share(&self) -> Option<f64> {
        self.outputs
            .values()
            .map(|movement| movement.share)
            .reduce(f64::max)
    }
}

#[derive(Serialize)]
struct Question<'m> {
    case: &'m str,
    backend: &'m str,
    mutant: String,
    #[serde(flatten)]
    files: Files,
}

/// What the harness left of a mutant.
#[derive(Debug, PartialEq, Serialize)]
#[serde(rename_all = "kebab-case", untagged)]
enum Files {
    Graphs {
        original: Utf8PathBuf,
        changed: Utf8PathBuf,
    },
    Config {
        config: Utf8PathBuf,
    },
}

/// Where the harness leaves what is needed to repeat the mutants of a case.
pub fn folder(workspace: &Workspace, case: &str) -> Utf8PathBuf {
    workspace.scratch().join("saboteurs").join(case)
}

/// The name of a mutant's file without its ending.
pub fn file_stem(mutant: &str) -> String {
    let kept = |c: char| c.is_ascii_alphanumeric() || matches!(c, '.' | '_' | '-');
    mutant
        .chars()
        .map(|c| if kept(c) { c } else { '_' })
        .collect()
}

/// The files of a mutant, or what to answer because there are none.
fn files(folder: &Utf8Path, mutant: &str) -> Option<Files> {
    let stem = file_stem(mutant);
    let config = folder.join(format!("{stem}.json"));
    let changed = folder.join(format!("{stem}.onnx"));
    let original = folder.join("original.onnx");
    if config.exists() {
        Some(Files::Config { config })
    } else {
        changed
            .exists()
            .then_some(Files::Graphs { original, changed })
    }
}

/// Asks about mutants; one that is not answered is unknown.
pub fn ask(workspace: &Workspace, scratch: &Utf8Path, mutants: &[&Mutant]) -> Result<Vec<Answer>> {
    let mut answers = Vec::new();
    let mut questions = String::new();
    for mutant in mutants {
        let name = mutant.name();
        match files(&folder(workspace, &mutant.case), &name) {
            Some(files) => {
                let question = Question {
                    case: &mutant.case,
                    backend: &mutant.backend,
                    mutant: name,
                    files,
                };
                let line = serde_json::to_string(&question).context("a question is plain data")?;
                questions.push_str(&line);
                questions.push('\n');
            }
            None => answers.push(unknown(
                mutant,
                "the harness left no file to repeat it with",
            )),
        }
    }
    if !questions.is_empty() {
        let count = questions.lines().count();
        answers.extend(asked(workspace, scratch, &questions, count)?);
    }
    let answered = |mutant: &&&Mutant| {
        let same = |a: &Answer| {
            (&a.case, &a.backend) == (&mutant.case, &mutant.backend) && a.mutant == mutant.name()
        };
        answers.iter().any(same)
    };
    let silent: Vec<_> = mutants.iter().filter(|m| !answered(m)).collect();
    let silent = silent
        .into_iter()
        .map(|m| unknown(m, "the float64 run ended without an answer"));
    let silent: Vec<_> = silent.collect();
    answers.extend(silent);
    Ok(answers)
}

fn unknown(mutant: &Mutant, detail: &str) -> Answer {
    Answer {
        case: mutant.case.clone(),
        backend: mutant.backend.clone(),
        mutant: mutant.name(),
        state: State::Unknown,
        detail: detail.into(),
        outputs: BTreeMap::new(),
    }
}

/// One process for all questions, each answered as soon as it is known.
fn asked(
    workspace: &Workspace,
    scratch: &Utf8Path,
    questions: &str,
    count: usize,
) -> Result<Vec<Answer>> {
    let mut command = python::module(workspace, Environment::Recorder, "touchstone.equivalence")?;
    let file = scratch.join("float64.questions");
    fs::write(&file, questions).with_context(|| format!("cannot write {file}"))?;
    let stdin = File::open(&file).with_context(|| format!("cannot read {file}"))?;
    let log = scratch.join("float64.log");
    let stderr = File::create(&log).with_context(|| format!("cannot write {log}"))?;

    command.args(["--root", workspace.root.as_str()]);
    command.env("PYTHONDONTWRITEBYTECODE", "1");
    command.stdin(stdin).stdout(Stdio::piped()).stderr(stderr);
    let mut child = command.spawn().context("cannot start Python")?;
    let stdout = child.stdout.take().context("Python has no output")?;

    let mut progress = Progress::new(count, "mutants");
    let mut answers = Vec::new();
    for line in BufReader::new(stdout).lines() {
        let line = line.context("cannot read what Python says")?;
        match serde_json::from_str::<Answer>(&line) {
            Ok(answer) => {
                let (case, mutant) = (&answer.case, &answer.mutant);
                progress.done(format_args!("{case}: {mutant}: {:?}", answer.state));
                answers.push(answer);
            }
            // A library's chatter; a question without an answer is told by the caller.
            Err(_) => progress.note(line),
        }
    }
    let status = child.wait().context("cannot wait for Python")?;
    if !status.success() {
        let log = workspace.relative(&log);
        progress.note(format_args!(
            "the float64 run ended with {status} [see {log}]"
        ));
    }
    Ok(answers)
}
