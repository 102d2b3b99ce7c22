//! `verify --saboteurs`: the emitted tests with faults planted on purpose, and how many of them are noticed.
//!
//! First every mutant meets the check that each case has. What that does not notice meets the case's
//! other checks, and what none of them notices is repeated in float64.

pub mod double;
pub mod faults;
pub mod mutants;
pub mod report;
pub mod tally;
pub mod unmeasured;

use std::{
    collections::{BTreeMap, BTreeSet},
    fs,
    time::{Duration, Instant},
};

use anyhow::Context;
use camino::{Utf8Path, Utf8PathBuf};
use evidence::{Record, TestId};

use super::{
    Args, Backend,
    judge::{self, Bench},
    plan::{self, FORWARD, Unit},
    run_file, runner, smoke,
};
use crate::{
    exit::{Exit, Failure, Result},
    interrupt, output, regen, sources,
    workspace::Workspace,
};
use mutants::{Mutants, case};
use report::Report;
use unmeasured::{Unmeasured, unmeasured};

/// What the harness looks for: `all`, or a file with the name of a mutant on each line.
const VARIABLE: &str = "TOUCHSTONE_SABOTEURS";

/// The share of the mutants that could be detected and have to be.
const GOAL: f64 = 0.99;

/// So many times as long as without faults may the tests of a family take.
const PATIENCE: u32 = 10;

/// Plants faults and counts which are noticed.
pub(super) fn run(workspace: &Workspace, args: &Args) -> Result {
    require_known(&args.faults)?;
    let mut backends = args.backends();
    if args.backends.is_empty() {
        // It runs the same graphs with the same faults as ONNX Runtime: twice the time for one answer.
        backends.retain(|backend| *backend != Backend::CandleGraph);
    }
    require_rust(&backends)?;
    let registry = sources::registry(workspace)?;
    let families = super::chosen(&registry, args)?;
    let expectations = judge::expectations(workspace, &registry, &backends, args.device)?;
    let emitted = regen::require_fresh(workspace, &registry)?;
    let plan = plan::make(workspace, &registry, &families, &backends, args.device)?;
    let (id, folder) = run_file::reserve(workspace)?;
    let header = run_file::header(workspace, &plan, args.device, &emitted);
    let jobs = super::jobs(args.jobs);
    let bench = Bench {
        workspace: workspace.clone(),
        folder,
        device: args.device,
        expectations,
        limit: Duration::from_secs(args.timeout) * PATIENCE,
        memory: args.memory << 20,
        // One test at a time: if the process dies among the mutants of one, no other is suspected.
        threads: 1,
        environment: Vec::new(),
    };
    smoke::run(&bench, &plan.trials)?;

    let architectures = families.iter().map(|family| {
        let architecture = family.architecture.name();
        (family.family.clone(), architecture)
    });
    let session = Session {
        architectures: architectures.collect(),
        bench: &bench,
        units: &plan.units,
        jobs,
        faults: &args.faults,
    };
    let Some(found) = session.run()? else {
        output::warn("stopped; nothing is scored");
        return Ok(Exit::Interrupted);
    };
    let report = Report::new(id, &header, &found);
    output::say(report.text());
    let text = report.json()?;
    let file = workspace
        .scratch()
        .join("saboteurs")
        .join(format!("{}.json", report.id));
    for path in [Some(&file), args.json.as_ref()].into_iter().flatten() {
        crate::files::write(path, text.as_bytes())?;
    }
    output::say(format_args!("evidence: {}", workspace.relative(&file)));
    Ok(if report.is_green() {
        Exit::Ok
    } else {
        Exit::Unexpected
    })
}

/// Everything that was found out.
pub struct Found {
    /// The mutants.
    pub mutants: Mutants,
    /// Where no fault could be judged, and why.
    pub unmeasured: Vec<Unmeasured>,
    /// What must not be green besides.
    pub problems: Vec<String>,
    /// How long it took.
    pub seconds: f64,
}

/// What all three judges share.
pub struct Session<'a> {
    /// The families' architectures.
    pub architectures: BTreeMap<String, &'static str>,
    /// How processes are run.
    pub bench: &'a Bench,
    /// Every test there is.
    pub units: &'a [Unit],
    /// How many processes run at once.
    pub jobs: usize,
    /// The faults that count; all of them if none is named.
    pub faults: &'a [String],
}

impl Session<'_> {
    /// All three judges in turn; nothing if the user stopped it.
    pub fn run(&self) -> Result<Option<Found>> {
        let mut found = Found {
            mutants: Mutants::default(),
            unmeasured: Vec::new(),
            problems: Vec::new(),
            seconds: 0.0,
        };
        let start = Instant::now();
        output::warn("every fault, by the check that each case has");
        let forward = only(self.units, |t| t.check == FORWARD && t.setting.is_none());
        let records = self.phase("forward", "all", &forward, &mut found)?;
        let planned = forward.iter().flat_map(|unit| &unit.tests);
        found.unmeasured = unmeasured(planned, &records, &found.mutants, !self.faults.is_empty());

        let open: BTreeSet<_> = keys(&found.mutants);
        let others = only(self.units, |test| {
            let key = (case(test), test.backend.clone());
            test.check != FORWARD && test.setting.is_none() && open.contains(&key)
        });
        if !others.is_empty() && !interrupt::requested() {
            let list = self.list(&found.mutants)?;
            output::warn("what that did not notice, by the other checks");
            let records = self.phase("others", list.as_str(), &others, &mut found)?;
            found.problems.extend(unmeasured::deaths(&records));
        }
        if interrupt::requested() {
            return Ok(None);
        }
        let left: Vec<_> = found.mutants.unnoticed().collect();
        if !left.is_empty() {
            output::warn("what none of them noticed, in float64");
            let answers = double::ask(&self.bench.workspace, &self.bench.folder, &left)?;
            found.mutants.answer(answers);
        }
        found.seconds = start.elapsed().as_secs_f64();
        Ok((!interrupt::requested()).then_some(found))
    }

    /// Runs some tests with faults planted, and adds what came of them.
    fn phase(
        &self,
        name: &str,
        saboteurs: &str,
        units: &[Unit],
        found: &mut Found,
    ) -> Result<Vec<Record>> {
        let bench = Bench {
            workspace: self.bench.workspace.clone(),
            folder: self.bench.folder.join(name),
            expectations: self.bench.expectations.clone(),
            environment: vec![(VARIABLE.into(), saboteurs.into())],
            ..*self.bench
        };
        self.bench.workspace.make_folder(&bench.folder)?;
        let results = runner::run(&bench, units, self.jobs);
        found.problems.extend(results.problems);
        let mut records = Vec::new();
        for judged in results.judged {
            records.extend(judged.records);
            for seen in judged.sabotages {
                if faults::find(&seen.fault).is_none() {
                    let fault = &seen.fault;
                    found.problems.push(format!(
                        "{}: `{fault}` is no fault that is known here",
                        seen.test
                    ));
                }
                if self.faults.is_empty() || self.faults.contains(&seen.fault) {
                    let architecture = self.architectures.get(&seen.test.family);
                    found
                        .mutants
                        .add(seen, architecture.copied().unwrap_or("unknown"));
                }
            }
        }
        Ok(records)
    }

    /// Writes down what no check has noticed; what earlier runs left of their mutants is gone afterwards.
    fn list(&self, mutants: &Mutants) -> Result<Utf8PathBuf> {
        let workspace = &self.bench.workspace;
        let names: BTreeSet<_> = mutants.unnoticed().map(|mutant| mutant.name()).collect();
        for mutant in mutants.unnoticed() {
            forget(&double::folder(workspace, &mutant.case))?;
        }
        let path = self.bench.folder.join("unnoticed");
        let text: String = names.iter().map(|name| format!("{name}\n")).collect();
        fs::write(&path, text).with_context(|| format!("cannot write {path}"))?;
        Ok(path)
    }
}

fn forget(folder: &Utf8Path) -> Result<()> {
    if folder.exists() {
        fs::remove_dir_all(folder).with_context(|| format!("cannot remove {folder}"))?;
    }
    Ok(())
}

/// The cases and backends with mutants that no check has noticed.
fn keys(mutants: &Mutants) -> BTreeSet<(String, String)> {
    let unnoticed = mutants.unnoticed();
    unnoticed
        .map(|m| (m.case.clone(), m.backend.clone()))
        .collect()
}

/// The units with some of their tests.
fn only(units: &[Unit], wanted: impl Fn(&TestId) -> bool) -> Vec<Unit> {
    let mut units = units.to_vec();
    for unit in &mut units {
        unit.tests.retain(&wanted);
    }
    units.retain(|unit| !unit.tests.is_empty());
    units
}

fn require_rust(backends: &[Backend]) -> Result<()> {
    let Some(python) = backends.iter().find(|backend| !backend.is_rust()) else {
        return Ok(());
    };
    let name = python.name();
    let message = format!("faults are planted by the Rust harness, and {name} does without it");
    Err(Failure::new(Exit::Usage, message))
}

fn require_known(faults: &[String]) -> Result<()> {
    let unknown: Vec<_> = faults
        .iter()
        .filter(|name| faults::find(name).is_none())
        .collect();
    let Some(first) = unknown.first() else {
        return Ok(());
    };
    let known: Vec<_> = faults::FAULTS.iter().map(|fault| fault.name).collect();
    let message = format!("no fault is called `{first}` [known: {}]", known.join(", "));
    Err(Failure::new(Exit::Usage, message))
}
