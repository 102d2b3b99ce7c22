//! `regen`: emit the tests, or say what would change.

use std::{collections::BTreeMap, fs, time::Instant};

use anyhow::Context;
use camino::{Utf8Path, Utf8PathBuf};
use model_registry::Registry;
use similar::TextDiff;

use crate::{
    exit::{Exit, Failure, OrExit, Result},
    files, output, select, sources,
    stamp::Stamp,
    tree::{self, Difference, Scope},
    workspace::Workspace,
};

/// The command that mends a stale tree.
pub const REGENERATE: &str = "cargo xtask regen --all";

const EXAMPLES: &str = "\
Examples:
  cargo xtask regen --all            emit everything
  cargo xtask regen bert t5          emit two families
  cargo xtask regen --all --check    list what is stale, missing or orphaned; exit code 3 if anything is
  cargo xtask regen bert --dry-run   print what would change

Only what differs is written, each file at once; a file without our mark is never overwritten.";

/// Emit the tests from the registry and the templates.
#[derive(Debug, clap::Args)]
#[command(after_help = EXAMPLES)]
pub struct Args {
    /// The families, by name or alias.
    #[arg(value_name = "FAMILY", conflicts_with = "all")]
    families: Vec<String>,
    /// All families; also removes what is no longer emitted. The same as naming none.
    #[arg(long)]
    all: bool,
    /// Write nothing; list what differs.
    #[arg(long, conflicts_with = "dry_run")]
    check: bool,
    /// Write nothing; print what would change.
    #[arg(long)]
    dry_run: bool,
    /// Other templates than those built in.
    #[arg(long, value_name = "DIR")]
    templates: Option<Utf8PathBuf>,
}

/// What to do about a difference.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Mode {
    /// Mend it.
    Write,
    /// List it and fail.
    Check,
    /// Print it.
    DryRun,
}

impl Args {
    fn mode(&self) -> Mode {
        match (self.check, self.dry_run) {
            (true, _) => Mode::Check,
            (_, true) => Mode::DryRun,
            _ => Mode::Write,
        }
    }

    /// Whether this is the run that a stamp can spare.
    fn writes_all(&self) -> bool {
        self.mode() == Mode::Write && self.families.is_empty() && self.templates.is_none()
    }
}

/// Emits.
pub fn run(workspace: &Workspace, args: &Args) -> Result {
    let start = Instant::now();
    let stamp = if args.writes_all() {
        Some(Stamp::of(workspace).context("cannot read what goes in")?)
    } else {
        None
    };
    if let Some(unchanged) = stamp.as_ref().and_then(Stamp::unchanged) {
        let nothing = Difference {
            unchanged,
            ..Difference::default()
        };
        say(&summary(&nothing), start);
        return Ok(Exit::Ok);
    }
    let registry = sources::registry(workspace)?;
    let templates = sources::templates(args.templates.as_deref())?;
    let (expected, scope) = if args.families.is_empty() {
        (sources::emitted(&registry, &templates)?, Scope::Whole)
    } else {
        let families = select::families(&registry, &args.families)?;
        let names: Vec<_> = families
            .iter()
            .map(|family| family.family.as_str())
            .collect();
        (
            sources::emitted_for(&registry, &templates, &names)?,
            Scope::Part,
        )
    };
    let settled = settle(workspace, &expected, scope, args.mode())?;
    // What is foreign is complained about in every run, so none of them may be spared.
    if let Some(stamp) = stamp.filter(|_| !settled.is_foreign_there) {
        stamp.leave(expected.len())?;
    }
    say(&settled.summary, start);
    Ok(Exit::Ok)
}

fn say(done: &str, start: Instant) {
    output::say(format_args!("{done}, {} ms", start.elapsed().as_millis()));
}

/// Every emitted file as it should be; fails unless the tree is exactly that.
pub fn require_fresh(
    workspace: &Workspace,
    registry: &Registry,
) -> Result<BTreeMap<Utf8PathBuf, String>> {
    let expected = sources::emitted(registry, &sources::templates(None)?)?;
    settle(workspace, &expected, Scope::Whole, Mode::Check)?;
    Ok(expected)
}

/// What has been done.
#[derive(Debug)]
pub struct Settled {
    /// In words.
    pub summary: String,
    /// Whether files remain among the emitted ones that are not ours.
    pub is_foreign_there: bool,
}

/// Compares the tree with what it should be and does what the mode says.
pub fn settle(
    workspace: &Workspace,
    expected: &BTreeMap<Utf8PathBuf, String>,
    scope: Scope,
    mode: Mode,
) -> Result<Settled> {
    let root = &workspace.root;
    let settled = |summary: String, difference: &Difference| Settled {
        summary,
        is_foreign_there: !difference.foreign.is_empty(),
    };
    match mode {
        Mode::Write => {
            // Two runs at once would take each other's temporary files for leftovers.
            let _lock = files::lock(&workspace.scratch().join("regen.lock"))?;
            let difference = tree::compare(root, expected, scope)?;
            tree::refuse_unmarked(&difference).or_exit(Exit::Stale)?;
            tree::apply(root, expected, &difference)?;
            // The schema lies outside the folder that is compared as a whole.
            files::sweep(&workspace.registry())?;
            for path in &difference.foreign {
                output::warn(format_args!(
                    "warning: {path} is not emitted and lacks our mark; move it"
                ));
            }
            Ok(settled(summary(&difference), &difference))
        }
        Mode::Check => {
            let difference = tree::compare(root, expected, scope)?;
            if difference.is_none() {
                let files = output::count(difference.unchanged, "file");
                return Ok(settled(format!("fresh: {files}"), &difference));
            }
            Err(stale(&difference))
        }
        Mode::DryRun => {
            let difference = tree::compare(root, expected, scope)?;
            print_diff(root, expected, &difference)?;
            let summary = format!("dry run: {}", summary(&difference));
            Ok(settled(summary, &difference))
        }
    }
}

/// Fails with everything that differs and the command that mends it.
pub fn stale(difference: &Difference) -> Failure {
    let findings = difference.findings();
    let lines: Vec<_> = findings
        .iter()
        .map(|(kind, path)| format!("  {kind:8} {path}"))
        .collect();
    let all_ours = difference.unmarked.is_empty() && difference.foreign.is_empty();
    let hint = if all_ours {
        ""
    } else {
        ", after moving what is foreign or unmarked: it is not ours"
    };
    let message = format!(
        "the emitted tests are not what registry and templates say:\n{}\nmend with `{REGENERATE}`{hint}",
        lines.join("\n"),
    );
    Failure::new(Exit::Stale, message)
}

fn summary(difference: &Difference) -> String {
    let written = difference.stale.len() + difference.missing.len();
    let removed = difference.orphaned.len() + difference.leftovers.len() + difference.empty.len();
    format!(
        "{written} written, {removed} removed, {} unchanged",
        difference.unchanged
    )
}

fn print_diff(
    root: &Utf8Path,
    expected: &BTreeMap<Utf8PathBuf, String>,
    difference: &Difference,
) -> Result<()> {
    let old = |path: &Utf8Path| {
        let bytes = fs::read(root.join(path)).with_context(|| format!("cannot read {path}"))?;
        anyhow::Ok(String::from_utf8_lossy(&bytes).into_owned())
    };
    for path in difference.stale.iter().chain(&difference.unmarked) {
        print_one(
            &format!("a/{path}"),
            &format!("b/{path}"),
            &old(path)?,
            &expected[path],
        );
    }
    for path in &difference.missing {
        print_one("/dev/null", &format!("b/{path}"), "", &expected[path]);
    }
    for path in &difference.orphaned {
        print_one(&format!("a/{path}"), "/dev/null", &old(path)?, "");
    }
    Ok(())
}

fn print_one(from: &str, to: &str, old: &str, new: &str) {
    let diff = TextDiff::from_lines(old, new);
    let text = diff
        .unified_diff()
        .context_radius(3)
        .header(from, to)
        .to_string();
    output::say(text.trim_end());
}
