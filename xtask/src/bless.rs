//! `bless`: the expectations become what a run has shown, each with a cause that a person gave.

use std::collections::BTreeMap;

use anyhow::Context;
use camino::{Utf8Path, Utf8PathBuf};
use clap::ValueEnum;
use evidence::{Outcome, Record, Run};
use model_registry::{Expectation, Expectations, USUAL_SETTING};

use crate::{
    exit::{Exit, Failure, OrExit, Result},
    files, output, sources,
    verify::{Backend, Device},
    workspace::Workspace,
};

const EXAMPLES: &str = "\
Examples:
  cargo xtask bless
      delete what now passes; list what needs a cause
  cargo xtask bless --cause 't5::lm_head::on_candle=the tied head is scaled by √d_model instead of 1/√d_model'
      the same, and give a cause to the surprises whose path holds the text before the first `=`
  cargo xtask bless --allow crashed --cause 'mamba::on_ort=…'

An entry keeps its cause as long as the check does not pass; no entry is written without one.
Tests that were not in the run keep their entries.";

/// Rewrite the expectations from a run.
#[derive(Debug, clap::Args)]
#[command(after_help = EXAMPLES)]
pub struct Args {
    /// The run file; the newest if not given.
    #[arg(long, value_name = "FILE")]
    run: Option<Utf8PathBuf>,
    /// The cause of the surprises whose test path holds FILTER; the option can be given many times.
    #[arg(long = "cause", value_name = "FILTER=TEXT", value_parser = cause)]
    causes: Vec<Cause>,
    /// Accept also this outcome: crashed, timed-out or out-of-memory.
    #[arg(long = "allow", value_name = "OUTCOME", value_parser = allowed)]
    allowed: Vec<Outcome>,
    /// Write nothing; print what would change.
    #[arg(long)]
    dry_run: bool,
}

/// A cause for the tests whose path holds a text.
#[derive(Clone, Debug)]
pub struct Cause {
    /// The text.
    pub filter: String,
    /// The cause.
    pub text: String,
}

fn cause(argument: &str) -> Result<Cause, String> {
    let (filter, text) = argument.split_once('=').unwrap_or_default();
    let (filter, text) = (filter.trim().to_owned(), text.trim().to_owned());
    if filter.is_empty() || text.is_empty() {
        return Err("give a part of a test's path, `=`, and the cause in a sentence".into());
    }
    Ok(Cause { filter, text })
}

/// The outcomes that are only taken over when asked for.
const GRAVE: [Outcome; 3] = [Outcome::Crashed, Outcome::TimedOut, Outcome::OutOfMemory];

/// The outcomes that say nothing about a family.
const EMPTY: [Outcome; 3] = [Outcome::NotRun, Outcome::Interrupted, Outcome::Flaky];

fn allowed(name: &str) -> Result<Outcome, String> {
    let found = GRAVE.into_iter().find(|outcome| outcome.name() == name);
    found.ok_or_else(|| {
        format!(
            "only {} can be allowed",
            GRAVE.map(Outcome::name).join(", ")
        )
    })
}

/// The names become a file's: a run that says others than are known was not written here.
fn check_names<'a>(
    file: &Utf8Path,
    backends: impl Iterator<Item = &'a str>,
    device: &str,
) -> Result<()> {
    let known = Backend::ALL.map(Backend::name);
    for backend in backends {
        if !known.contains(&backend) {
            let message = format!(
                "{file}: no backend is called {backend:?} [known: {}]",
                known.join(", ")
            );
            return Err(Failure::new(Exit::Setup, message));
        }
    }
    let known: Vec<_> = Device::value_variants()
        .iter()
        .map(|known| known.name())
        .collect();
    if !known.contains(&device) {
        let message = format!(
            "{file}: no device is called {device:?} [known: {}]",
            known.join(", ")
        );
        return Err(Failure::new(Exit::Setup, message));
    }
    Ok(())
}

/// Blesses.
pub fn run(workspace: &Workspace, args: &Args) -> Result {
    let registry = sources::registry(workspace)?;
    let file = args.run.clone().unwrap_or_else(|| workspace.latest_run());
    let run = Run::read(&file).or_exit(Exit::Setup)?;
    if run.footer.interrupted {
        let message = format!("{file} was stopped before its end; it says too little to bless");
        return Err(Failure::new(Exit::Usage, message));
    }

    let mut backends: BTreeMap<&str, Vec<&Record>> = BTreeMap::new();
    for record in &run.records {
        backends
            .entry(&record.test.backend)
            .or_default()
            .push(record);
    }
    let device = &run.header.device;
    check_names(&file, backends.keys().copied(), device)?;
    let mut faults = Vec::new();
    let mut rewrites = Vec::new();
    for (backend, records) in backends {
        let old = Expectations::load(&workspace.registry(), backend, device)
            .or_exit(Exit::InvalidRegistry)?;
        match rewrite(old.entries(), &records, &args.causes, &args.allowed) {
            Ok(entries) => rewrites.push((backend, old, entries)),
            Err(mut found) => faults.append(&mut found),
        }
    }
    faults.extend(idle(&args.causes, &run.records));
    if !faults.is_empty() {
        let list = faults.join("\n  ");
        return Err(Failure::new(
            Exit::Unexpected,
            format!("nothing was written:\n  {list}"),
        ));
    }

    let mut total = Changes::default();
    for (backend, old, entries) in rewrites {
        let changes = changes(old.entries(), &entries);
        changes.print(backend, device);
        total.add(&changes);
        let new =
            Expectations::from_entries(backend, device, entries).or_exit(Exit::InvalidRegistry)?;
        new.check_against(&registry)
            .or_exit(Exit::InvalidRegistry)?;
        if !args.dry_run && !changes.is_none() {
            let path = workspace
                .registry()
                .join(Expectations::path(backend, device));
            files::write(&path, new.text().as_bytes())
                .with_context(|| format!("cannot write the expectations of {backend}"))?;
        }
    }
    output::say(format_args!(
        "{} added, {} deleted, {} changed{}",
        total.added.len(),
        total.deleted.len(),
        total.changed.len(),
        if args.dry_run {
            " (nothing was written)"
        } else {
            ""
        },
    ));
    Ok(Exit::Ok)
}

/// The tests that one entry can stand for: the same check of the same case, in every setting.
type Key = (String, Option<String>, String);

fn key(entry: &Expectation) -> Key {
    (
        entry.family.clone(),
        entry.variant.clone(),
        entry.check.clone(),
    )
}

/// The entries of one backend after a run, or everything that speaks against writing them.
pub fn rewrite(
    old: &[Expectation],
    records: &[&Record],
    causes: &[Cause],
    allowed: &[Outcome],
) -> Result<Vec<Expectation>, Vec<String>> {
    let mut groups: BTreeMap<Key, Vec<&Record>> = BTreeMap::new();
    for record in records {
        let test = &record.test;
        let key = (
            test.family.clone(),
            test.variant.clone(),
            test.check.clone(),
        );
        groups.entry(key).or_default().push(record);
    }
    // A run holds all tests of its families on a backend, so an entry that none of them falls under is void.
    let was_not_run = |entry: &&Expectation| !records.iter().any(|r| r.test.family == entry.family);
    let untouched = old.iter().filter(was_not_run);
    let mut entries: Vec<_> = untouched.cloned().collect();
    let mut faults = Vec::new();
    for (group, records) in &groups {
        let old: Vec<_> = old.iter().filter(|entry| key(entry) == *group).collect();
        match settle(group, &old, records, causes, allowed) {
            Ok(mut settled) => entries.append(&mut settled),
            Err(mut found) => faults.append(&mut found),
        }
    }
    if faults.is_empty() {
        Ok(entries)
    } else {
        Err(faults)
    }
}

/// The entries for one check of one case.
fn settle(
    (family, variant, check): &Key,
    old: &[&Expectation],
    records: &[&Record],
    causes: &[Cause],
    allowed: &[Outcome],
) -> Result<Vec<Expectation>, Vec<String>> {
    let failing: Vec<_> = records
        .iter()
        .filter(|r| r.outcome != Outcome::Pass)
        .collect();
    let mut entries = Vec::new();
    let mut faults = Vec::new();
    for record in failing {
        let (path, outcome) = (record.test.rust_path(), record.outcome);
        if EMPTY.contains(&outcome) {
            faults.push(format!(
                "{path}: {outcome} is no finding, so it cannot be expected"
            ));
            continue;
        }
        let setting = &record.test.setting;
        let before = old.iter().find(|entry| entry.is_at(setting.as_deref()));
        let known = before.is_some_and(|entry| entry.outcome == outcome);
        if GRAVE.contains(&outcome) && !known && !allowed.contains(&outcome) {
            faults.push(format!(
                "{path}: {outcome} is taken over only with `--allow {outcome}`"
            ));
            continue;
        }
        let given = causes.iter().find(|cause| path.contains(&cause.filter));
        let given = given.filter(|_| !known).map(|cause| cause.text.clone());
        let Some(cause) = given.or_else(|| before.map(|entry| entry.cause.clone())) else {
            faults.push(format!(
                "{path}: {outcome} has no cause; give one: --cause '{path}=…'"
            ));
            continue;
        };
        entries.push(Expectation {
            family: family.clone(),
            variant: variant.clone(),
            check: check.clone(),
            setting: setting.clone(),
            outcome,
            cause,
            finding: before.and_then(|entry| entry.finding.clone()),
            upstream: before.and_then(|entry| entry.upstream.clone()),
        });
    }
    if faults.is_empty() {
        Ok(merge(entries, records))
    } else {
        Err(faults)
    }
}

/// One entry for all settings where they agree; an entry without setting stands for every setting,
/// so what only the usual one shows is written under its name.
fn merge(mut entries: Vec<Expectation>, records: &[&Record]) -> Vec<Expectation> {
    let Some(first) = entries.first().cloned() else {
        return entries;
    };
    let alike = |entry: &Expectation| entry.outcome == first.outcome && entry.cause == first.cause;
    if entries.len() == records.len() && entries.iter().all(alike) {
        return vec![Expectation {
            setting: None,
            ..first
        }];
    }
    for entry in &mut entries {
        let setting = entry.setting.take();
        entry.setting = Some(setting.unwrap_or_else(|| USUAL_SETTING.to_owned()));
    }
    entries.sort_by(|a, b| a.setting.cmp(&b.setting));
    entries
}

/// Causes that no surprise asked for: most likely a typing error.
fn idle(causes: &[Cause], records: &[Record]) -> Vec<String> {
    let wanted = |cause: &&Cause| {
        let surprising =
            |record: &&Record| !record.is_as_expected() && record.outcome != Outcome::Pass;
        records
            .iter()
            .filter(surprising)
            .any(|r| r.test.rust_path().contains(&cause.filter))
    };
    let idle = causes.iter().filter(|cause| !wanted(cause));
    idle.map(|cause| format!("--cause '{}=…' fits no surprise of this run", cause.filter))
        .collect()
}

/// What a rewrite does to a list.
#[derive(Debug, Default, PartialEq, Eq)]
pub struct Changes {
    added: Vec<String>,
    deleted: Vec<String>,
    changed: Vec<String>,
}

impl Changes {
    fn is_none(&self) -> bool {
        *self == Self::default()
    }

    fn add(&mut self, other: &Self) {
        self.added.extend_from_slice(&other.added);
        self.deleted.extend_from_slice(&other.deleted);
        self.changed.extend_from_slice(&other.changed);
    }

    fn print(&self, backend: &str, device: &str) {
        let kinds = [
            ("added", &self.added),
            ("deleted", &self.deleted),
            ("changed", &self.changed),
        ];
        for (kind, lines) in kinds {
            for line in lines {
                output::say(format_args!("{kind:8} {backend}-{device}: {line}"));
            }
        }
    }
}

/// Compares two lists, entry by entry.
pub fn changes(old: &[Expectation], new: &[Expectation]) -> Changes {
    let index = |entries: &[Expectation]| -> BTreeMap<String, Expectation> {
        entries
            .iter()
            .map(|entry| (entry.to_string(), entry.clone()))
            .collect()
    };
    let (old, new) = (index(old), index(new));
    let mut changes = Changes::default();
    for (name, entry) in &new {
        match old.get(name) {
            None => changes
                .added
                .push(format!("{name}: {}: {}", entry.outcome, entry.cause)),
            Some(before) if before != entry => changes.changed.push(format!(
                "{name}: {} → {}: {}",
                before.outcome, entry.outcome, entry.cause
            )),
            Some(_) => {}
        }
    }
    for (name, entry) in old.iter().filter(|(name, _)| !new.contains_key(*name)) {
        changes.deleted.push(format!("{name}: {}", entry.outcome));
    }
    changes
}
