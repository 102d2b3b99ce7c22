//! The command line: one verb each, and the table of exit codes below.

use camino::Utf8PathBuf;
use clap::{Parser, Subcommand};

use crate::{
    bench, bless, diff, docs,
    exit::{Exit, Result},
    findings, list, new, operators, record, regen, repro, setup, show, verify,
    workspace::Workspace,
};

/// Does a Hugging Face model family run on this Rust backend, with the numbers that PyTorch gives?
#[derive(Debug, Parser)]
#[command(name = "cargo xtask", bin_name = "cargo xtask", after_help = Exit::table())]
pub struct Cli {
    /// What to do.
    #[command(subcommand)]
    pub verb: Option<Verb>,

    /// Another workspace than the one that this command belongs to.
    #[arg(long, global = true, value_name = "DIR", hide = true)]
    pub root: Option<Utf8PathBuf>,
}

/// What can be done.
#[derive(Debug, Subcommand)]
pub enum Verb {
    /// Emit the tests from the registry and the templates.
    Regen(regen::Args),
    /// Run the emitted tests and hold every verdict against what is expected.
    Verify(verify::Args),
    /// List the families.
    List(list::Args),
    /// Show what is known about a family.
    Show(show::Args),
    /// Draft a family's file from transformers' own classes.
    New(new::Args),
    /// Record references with PyTorch, or check the recorded ones.
    Record(record::Args),
    /// Rewrite the expectations from a run.
    Bless(bless::Args),
    /// Show what differs between two runs.
    Diff(diff::Args),
    /// Write what is known for readers: a page of checks, one a category, one a backend.
    Docs(docs::Args),
    /// Write docs/operators.md: which operators of the ONNX standard candle-graph runs.
    Operators(operators::Args),
    /// Write a project that repeats a check without this repository.
    Repro(repro::Args),
    /// Run the reproductions of all findings, as published and with the proposed fixes.
    Findings(findings::Args),
    /// Fetch what the other commands need.
    Setup(setup::Args),
    /// Time regen and verify.
    Bench(bench::Args),
}

impl Verb {
    /// Does it.
    pub fn run(self, workspace: &Workspace) -> Result {
        match self {
            Self::Regen(args) => regen::run(workspace, &args),
            Self::Verify(args) => verify::run(workspace, &args),
            Self::List(args) => list::run(workspace, &args),
            Self::Show(args) => show::run(workspace, &args),
            Self::New(args) => new::run(workspace, &args),
            Self::Record(args) => record::run(workspace, &args),
            Self::Bless(args) => bless::run(workspace, &args),
            Self::Diff(args) => diff::run(workspace, &args),
            Self::Docs(args) => docs::run(workspace, &args),
            Self::Operators(args) => operators::run(workspace, &args),
            Self::Repro(args) => repro::run(workspace, &args),
            Self::Findings(args) => findings::run(workspace, &args),
            Self::Setup(args) => setup::run(workspace, &args),
            Self::Bench(args) => bench::run(workspace, &args),
        }
    }
}
