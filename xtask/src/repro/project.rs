//! The files of a reproduction: a Cargo project or a script, with a page that says what it shows.

use std::{
    fmt::Write as _,
    fs::{self, OpenOptions},
    io::Write as _,
    process::Command,
};

use anyhow::Context;
use camino::{Utf8Path, Utf8PathBuf};
use generator::Detail;
use model_registry::{Binding, Finding, Program};

use super::{
    layers,
    subject::{Check, Subject},
    trace,
    upstream::Copy,
};
use crate::{
    exit::{Exit, Failure, OrExit, Result},
    protoc,
    python::Environment,
    sources,
    workspace::Workspace,
};

/// A project on disk.
#[derive(Debug)]
pub struct Project {
    folder: Utf8PathBuf,
    language: Language,
    needs_protoc: bool,
    /// The calls that PyTorch has not repeated yet.
    open: Option<Utf8PathBuf>,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Language {
    Rust,
    Python,
}

/// The package that this workspace does not build itself, and the one of its folders that does.
pub(super) const ONNX: &str = "candle-onnx";
pub(super) const BENCH: &str = "harness/graph/bench";

/// The script of a Python reproduction.
const SCRIPT: &str = "reproduce.py";

impl Project {
    /// Writes the project of a subject to a folder; it can be run once it is complete.
    pub fn write(
        workspace: &Workspace,
        subject: &Subject<'_>,
        detail: Detail,
        folder: &Utf8Path,
    ) -> Result<Self> {
        workspace.make_folder(folder)?;
        let put = |name: &str, text: &str| {
            let path = folder.join(name);
            workspace.make_folder(path.parent().unwrap_or(folder))?;
            fs::write(&path, text).with_context(|| format!("cannot write {path}"))?;
            Ok::<_, Failure>(())
        };
        let needs_protoc =
            matches!(subject, Subject::Program(finding, _) if finding.head.package == ONNX);
        let lock = || {
            let from = if needs_protoc { BENCH } else { "." };
            let lock = workspace.root.join(from).join("Cargo.lock");
            fs::copy(&lock, folder.join("Cargo.lock"))
                .with_context(|| format!("cannot copy {lock}"))?;
            Ok::<_, Failure>(())
        };
        let (mut language, mut listening) = (Language::Rust, None);
        let mut open = None;
        match subject {
            Subject::Check(check) => {
                let templates = sources::templates(None)?;
                let sources = generator::reproduction(&check.case, &templates, detail);
                let sources = sources.or_exit(Exit::InvalidRegistry)?;
                let sources = sources.context("the case is not bound to candle-transformers")?;
                put("src/main.rs", &sources.main)?;
                put("src/candle.rs", &sources.kit)?;
                if let Some(layers) = &sources.layers {
                    put("src/layers.rs", &layers.module)?;
                    listening = Some(layers::listening(workspace, &layers.listener)?);
                }
                put("Cargo.toml", &manifest(&subject.name(), BOUND))?;
                lock()?;
                let data = folder.join("data");
                trace::write(workspace, check, &data)?;
                open = Some(data);
                put("README.md", &page_of_check(check))?;
            }
            Subject::Program(finding, Program::Rust(code)) => {
                put("src/main.rs", code)?;
                put("Cargo.toml", &manifest(&finding.name, &needs(finding)))?;
                lock()?;
                put("README.md", &page_of_program(finding))?;
            }
            Subject::Program(finding, Program::Python(code)) => {
                language = Language::Python;
                put(SCRIPT, code)?;
                put("requirements.txt", &requirements(finding))?;
                put("README.md", &page_of_program(finding))?;
            }
        }
        let project = Self {
            folder: folder.to_owned(),
            language,
            needs_protoc,
            open,
        };
        if let Some(copy) = listening {
            project.patch(&copy)?;
        }
        Ok(project)
    }

    /// Lets PyTorch repeat the calls of projects, all in one process: starting it is what takes long.
    pub fn complete<'p>(
        workspace: &Workspace,
        projects: impl IntoIterator<Item = &'p Self>,
    ) -> Result<()> {
        let open = projects
            .into_iter()
            .filter_map(|project| project.open.clone());
        trace::expected(workspace, &open.collect::<Vec<_>>())
    }

    /// Builds against a changed copy of a package from now on.
    pub fn patch(&self, copy: &Copy) -> Result<()> {
        let path = self.folder.join("Cargo.toml");
        let place = copy.folder.strip_prefix(&self.folder);
        let place = place.unwrap_or(&copy.folder);
        let text = format!(
            "\n[patch.crates-io.{}]\npath = {:?}\n",
            copy.package,
            place.as_str()
        );
        let file = OpenOptions::new().append(true).open(&path);
        file.and_then(|mut file| file.write_all(text.as_bytes()))
            .with_context(|| format!("cannot write {path}"))?;
        Ok(())
    }

    /// What a person types in the folder.
    pub fn command_line(&self) -> &'static str {
        match self.language {
            Language::Rust => "cargo run",
            Language::Python => "pip install -r requirements.txt && python reproduce.py",
        }
    }

    /// Builds and runs it; what it prints is shown, and its exit code given.
    pub fn run(&self, target: &Utf8Path, workspace: &Workspace) -> Result<Option<i32>> {
        let status = self.command(target, workspace)?.status();
        let status = status.with_context(|| format!("cannot start {}", self.command_line()))?;
        Ok(status.code())
    }

    /// The process that builds and runs it.
    pub fn command(&self, target: &Utf8Path, workspace: &Workspace) -> Result<Command> {
        let mut command = match self.language {
            Language::Rust => {
                let mut command = Command::new(crate::workspace::cargo());
                command.args(["run", "--quiet"]);
                command.env("CARGO_TARGET_DIR", target);
                if self.needs_protoc {
                    command.env("PROTOC", protoc::script(workspace)?);
                }
                command
            }
            Language::Python => {
                let mut command = Command::new(Environment::Recorder.ensure(workspace)?);
                command.arg(SCRIPT).env("PYTHONDONTWRITEBYTECODE", "1");
                command
            }
        };
        command.current_dir(&self.folder);
        Ok(command)
    }
}

/// What a case on candle needs.
const BOUND: &str = "\
candle-core = { version = \"=0.11.1\", default-features = false }
candle-nn = { version = \"=0.11.1\", default-features = false }
candle-transformers = { version = \"=0.11.1\", default-features = false }
serde = { version = \"1\", features = [\"derive\"] }
serde_json = \"1\"
";

/// What computes is optimised, the rest is built sooner than it is run.
const PROFILE: &str = "\
[profile.dev]
debug = 0

[profile.dev.package]
candle-core.opt-level = 3
candle-nn.opt-level = 3
gemm-common.opt-level = 3
gemm-f16.opt-level = 3
gemm-f32.opt-level = 3
gemm-f64.opt-level = 3
gemm.opt-level = 3
half.opt-level = 3
pulp.opt-level = 3
rayon.opt-level = 3
";

fn manifest(name: &str, dependencies: &str) -> String {
    let computes = dependencies.contains("candle-");
    let profile = if computes { PROFILE } else { "" };
    format!(
        "[package]\nname = {name:?}\nversion = \"0.0.0\"\nedition = \"2024\"\npublish = false\n\n\
         [dependencies]\n{dependencies}\n{profile}\n[workspace]\n"
    )
}

fn needs(finding: &Finding) -> String {
    let (package, version) = (&finding.head.package, &finding.head.version);
    let mut lines = format!("{package} = \"={version}\"\n");
    for need in &finding.head.needs {
        lines += need;
        lines.push('\n');
    }
    lines
}

fn requirements(finding: &Finding) -> String {
    let mut lines = format!("{}=={}\n", finding.head.package, finding.head.version);
    for need in &finding.head.needs {
        lines += need;
        lines.push('\n');
    }
    lines
}

fn page_of_program(finding: &Finding) -> String {
    let head = &finding.head;
    format!(
        "# {}\n\n{} {}, {}.\n\nThe program ends with code 1 while this is so, and with 0 once it is not.\n",
        head.title, head.package, head.version, head.at
    )
}

fn page_of_check(check: &Check<'_>) -> String {
    let case = &check.case;
    let mut page = String::new();
    let title = match check.finding {
        Some(finding) => finding.head.title.clone(),
        None => format!("{} on candle: {}", case.name(), check.test.check),
    };
    let _infallible = writeln!(
        page,
        "# {title}\n\n\
         `cargo run` repeats the calls of `data/calls.json` with candle-transformers 0.11.1 and holds every answer against \
         what transformers' `{}` gives for the same config, weights and inputs in float64. It ends with code 1 while one \
         differs by more than four times what PyTorch itself loses in the same precision.\n\n\
         - `src/main.rs`: how candle is called; `src/candle.rs`: what makes the calls and compares.\n\
         - `data/config.json`, `data/weights-*.safetensors`: what candle reads. The model is tiny and its weights are drawn \
         by their names, since no number of a real checkpoint matters here.\n\
         - `data/call-*.safetensors`, `data/expected.safetensors`: what goes in, and what PyTorch gives.",
        case.model
    );
    if let Some(tries) = case.tries {
        let _infallible = writeln!(page, "\nThe case tries {tries}.");
    }
    if let Some(finding) = check.finding {
        let head = &finding.head;
        let _infallible = writeln!(
            page,
            "\nThe cause is in {} {}, {}.",
            head.package, head.version, head.at
        );
    }
    if let Some(binding) = case.candle {
        page += &translations(binding);
    }
    page
}

/// What had to be done to the checkpoint before candle could read it.
fn translations(binding: &Binding) -> String {
    let mut lines = String::new();
    for field in binding.translate.keys() {
        let _infallible = writeln!(
            lines,
            "- the config's `{field}` is given as candle reads it"
        );
    }
    for (to, from) in &binding.rename {
        let _infallible = writeln!(lines, "- `{to}` is the checkpoint's `{from}`");
    }
    for (to, derived) in &binding.derive {
        let sources = derived.sources().join("`, `");
        let _infallible = writeln!(lines, "- `{to}` is made of the checkpoint's `{sources}`");
    }
    if lines.is_empty() {
        return lines;
    }
    format!("\nWhat was done to config and checkpoint so that candle reads them:\n\n{lines}")
}
