//! `verify` with a complete run before it; its verdicts are the truth that every later run is held against.

use std::{
    collections::{BTreeMap, BTreeSet},
    fs,
    process::{Command, ExitStatus, Stdio},
};

use anyhow::Context;
use camino::{Utf8Path, Utf8PathBuf};
use evidence::{Fragment, Outcome, Run, TestId};

use super::{Found, Stage, Subject, scratch::Scratch};
use crate::{
    bench::this_program,
    exit::{Exit, Failure, OrExit, Result},
    files,
    workspace::{Workspace, cargo},
};

/// What the emitted tests and the commands read; the run files alone are the scratch's own.
const LINKED: [&str; 5] = [
    "generated",
    "harness",
    "model-registry",
    "target/onnxruntime",
    "target/python",
];

type Verdicts = BTreeMap<TestId, Outcome>;

pub(super) struct Verify {
    workspace: Workspace,
    cargo: Utf8PathBuf,
    arguments: Vec<String>,
    truth: Verdicts,
    code: Option<i32>,
    /// The run files that were there before this round.
    before: BTreeSet<Utf8PathBuf>,
}

impl Verify {
    pub(super) fn new(
        workspace: &Workspace,
        scratch: &Scratch,
        arguments: &[String],
    ) -> Result<Self> {
        for path in LINKED
            .iter()
            .filter(|path| workspace.root.join(path).exists())
        {
            scratch.link(workspace, path)?;
        }
        let mut verify = Self {
            workspace: scratch.workspace(),
            cargo: scratch.workspace().root.join("cargo"),
            arguments: arguments.to_vec(),
            truth: Verdicts::new(),
            code: None,
            before: BTreeSet::new(),
        };
        verify.divert_cargo(workspace)?;
        let mut first = verify.command()?;
        first.stdout(Stdio::null());
        let ended = first.status().context("cannot start verify")?;
        verify.code = ended.code();
        let latest = verify.workspace.latest_run();
        if ![Exit::Ok, Exit::Unexpected]
            .iter()
            .any(|exit| ended.code() == Some(exit.code().into()))
        {
            let message = format!("verify ended with {ended}; its messages are above");
            return Err(Failure::new(Exit::Setup, message));
        }
        verify.truth = verdicts(&Run::read(&latest).or_exit(Exit::Setup)?);
        Ok(verify)
    }

    /// The tests are built where they always are, and not once more for the scratch.
    fn divert_cargo(&self, workspace: &Workspace) -> Result<()> {
        let cargo = cargo();
        let script = format!(
            "#!/bin/sh\ncd '{}' && exec '{cargo}' \"$@\"\n",
            workspace.root
        );
        files::write_script(&self.cargo, &script)?;
        Ok(())
    }

    /// Everything directly in the folder of runs.
    fn listed(&self) -> Result<BTreeSet<Utf8PathBuf>> {
        let runs = self.workspace.runs();
        let mut files = BTreeSet::new();
        for entry in runs
            .read_dir_utf8()
            .with_context(|| format!("cannot read {runs}"))?
        {
            let path = entry
                .with_context(|| format!("cannot read {runs}"))?
                .into_path();
            files.insert(path);
        }
        Ok(files)
    }

    /// What is wrong with a run that the reader has accepted; nothing if it says what is true.
    fn lie(&self, file: &Utf8Path, run: &Run) -> Option<String> {
        let stopped = run.footer.interrupted;
        let said = verdicts(run);
        (stopped || said != self.truth)
            .then(|| format!("{file} is accepted, but does not say what a whole run says"))
    }

    fn latest(&self) -> Result<Run, String> {
        let latest = self.workspace.latest_run();
        let run = Run::read(&latest).map_err(|error| error.to_string())?;
        match self.lie(&latest, &run) {
            Some(lie) => Err(lie),
            None => Ok(run),
        }
    }
}

fn verdicts(run: &Run) -> Verdicts {
    let each = run.records.iter();
    each.map(|record| (record.test.clone(), record.outcome))
        .collect()
}

impl Subject for Verify {
    fn prepare(&mut self, _round: usize) -> Result<()> {
        self.before = self.listed()?;
        Ok(())
    }

    fn command(&self) -> Result<Command> {
        let mut command = this_program(&self.workspace)?;
        command
            .arg("verify")
            .args(&self.arguments)
            .env("CARGO", &self.cargo);
        Ok(command)
    }

    fn inspect(&mut self) -> Result<Found> {
        let (mut torn, mut false_passes) = (Vec::new(), Vec::new());
        let mut stage = Stage::Untouched;
        for path in self.listed()?.difference(&self.before) {
            match path.extension() {
                Some("ndjson") => match Run::read(path) {
                    Ok(run) => {
                        stage = Stage::Done;
                        false_passes.extend(self.lie(path, &run));
                    }
                    Err(_) => stage = Stage::Between,
                },
                Some("xml") => {
                    let text =
                        fs::read_to_string(path).with_context(|| format!("cannot read {path}"))?;
                    if !text.trim_end().ends_with("</testsuites>") {
                        torn.push(path.to_string());
                    }
                }
                // What the single processes left.
                _ if path.is_dir() => {
                    stage = if stage == Stage::Untouched {
                        Stage::Between
                    } else {
                        stage
                    };
                    for file in path
                        .read_dir_utf8()
                        .with_context(|| format!("cannot read {path}"))?
                    {
                        let file = file
                            .with_context(|| format!("cannot read {path}"))?
                            .into_path();
                        if file.extension() == Some("ndjson") {
                            torn.extend(Fragment::read(&file).err().map(|error| error.to_string()));
                        }
                    }
                }
                _ => {}
            }
        }
        torn.extend(self.latest().err());
        Ok(Found {
            stage,
            torn,
            false_passes,
            nothing_to_mend: false,
        })
    }

    fn wanting(&mut self, ended: ExitStatus) -> Result<Vec<String>> {
        let mut wanting = Vec::new();
        if ended.code() != self.code {
            wanting.push(format!("verify ended with {ended}"));
        }
        wanting.extend(self.latest().err());
        let temporary = |path: &&Utf8PathBuf| path.extension() == Some("tmp");
        let listed = self.listed()?;
        let left = listed.iter().filter(temporary);
        wanting.extend(left.map(|path| format!("leftover {}", self.workspace.relative(path))));
        Ok(wanting)
    }
}
