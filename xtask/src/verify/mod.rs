//! `verify`: run the emitted tests and hold every verdict against what is expected.

mod backend;
mod build;
pub mod judge;
mod junit;
pub mod launch;
mod log;
mod memory;
pub mod plan;
pub mod process;
mod report;
pub mod retry;
pub mod run_file;
pub mod runner;
pub mod saboteurs;
pub mod smoke;
mod summary;
mod table;

use std::{num::NonZeroUsize, thread, time::Duration};

use camino::Utf8PathBuf;
use model_registry::{Category, Family, Registry};

pub use backend::{Backend, Device};
pub(crate) use build::binaries;

use crate::{
    exit::{Exit, Failure, OrExit, Result},
    interrupt, output, regen, select, sources,
    workspace::Workspace,
};

const EXAMPLES: &str = "\
Examples:
  cargo xtask verify                                 every family on candle and ONNX Runtime
  cargo xtask verify bert t5 --backend candle        two families on candle
  cargo xtask verify --category vision               one test crate
  cargo xtask verify bert --backend python-torch     the recorded numbers against live PyTorch
  cargo xtask verify --saboteurs bert                which of the faults planted in bert are noticed
  cargo xtask verify --saboteurs --sample 60         the same for sixty families, always the same ones

The verdicts go to target/touchstone/runs/, one file a run, JUnit beside it; latest.ndjson is the newest.
A verdict that the expectations list is known; everything else that does not pass is unexpected,
and so is a listed check that now passes.";

/// Run the emitted tests and hold every verdict against what is expected.
#[derive(Debug, clap::Args)]
#[command(after_help = format!("{EXAMPLES}\n\n{}", Exit::table()))]
pub struct Args {
    /// The families, by name or alias; all of them if none is named.
    #[arg(value_name = "FAMILY")]
    families: Vec<String>,
    /// Only this category.
    #[arg(long, value_parser = category)]
    category: Option<Category>,
    /// Only so many of them, drawn at random; the same seed draws the same.
    #[arg(long, value_name = "N")]
    sample: Option<NonZeroUsize>,
    /// What --sample draws by.
    #[arg(long, value_name = "SEED", default_value_t = 1, requires = "sample")]
    seed: u64,
    /// The backends, each with the option once more; candle, candle-graph, ort and tokenizers if none is named.
    #[arg(long = "backend", value_enum, value_name = "BACKEND")]
    backends: Vec<Backend>,
    /// Where to compute.
    #[arg(long, value_enum, default_value_t = Device::Cpu)]
    device: Device,
    /// How many processes run at once; as many as there are cores if not given.
    #[arg(long, value_name = "N")]
    jobs: Option<NonZeroUsize>,
    /// How long the tests of one family may take; ten times that with --saboteurs.
    #[arg(long, value_name = "SECONDS", default_value_t = 180, value_parser = clap::value_parser!(u64).range(1..))]
    timeout: u64,
    /// How much memory a process may hold, with those that it starts. Enforced on Unix alone.
    #[arg(long, value_name = "MIB", default_value_t = 4096, value_parser = clap::value_parser!(u64).range(1..=1 << 40))]
    memory: u64,
    /// Plant faults, one at a time, and count which the checks notice, instead of judging the backends.
    #[arg(long, conflicts_with = "junit")]
    saboteurs: bool,
    /// Count only these faults, with commas between them.
    #[arg(
        long,
        value_name = "FAULT",
        value_delimiter = ',',
        requires = "saboteurs"
    )]
    faults: Vec<String>,
    /// Write the summary here, for programs.
    #[arg(long, value_name = "FILE")]
    json: Option<Utf8PathBuf>,
    /// Write JUnit here besides.
    #[arg(long, value_name = "FILE")]
    junit: Option<Utf8PathBuf>,
}

impl Args {
    fn backends(&self) -> Vec<Backend> {
        let mut backends = self.backends.clone();
        if backends.is_empty() {
            backends = vec![
                Backend::Candle,
                Backend::CandleGraph,
                Backend::Ort,
                Backend::Tokenizers,
            ];
        }
        backends.sort();
        backends.dedup();
        backends
    }
}

fn category(name: &str) -> Result<Category, String> {
    let known: Vec<_> = Category::ALL
        .iter()
        .map(|category| category.name())
        .collect();
    let found = Category::ALL
        .iter()
        .find(|category| category.name() == name);
    found
        .copied()
        .ok_or_else(|| format!("the categories are {}", known.join(", ")))
}

/// Verifies.
pub fn run(workspace: &Workspace, args: &Args) -> Result {
    if args.saboteurs {
        return saboteurs::run(workspace, args);
    }
    let registry = sources::registry(workspace)?;
    let families = chosen(&registry, args)?;
    let backends = args.backends();
    let expectations = judge::expectations(workspace, &registry, &backends, args.device)?;
    let emitted = regen::require_fresh(workspace, &registry)?;

    let jobs = jobs(args.jobs);
    let plan = plan::make(workspace, &registry, &families, &backends, args.device)?;
    if interrupt::requested() {
        return Err(Failure::new(
            Exit::Interrupted,
            "stopped before the first test",
        ));
    }
    let (id, folder) = run_file::reserve(workspace)?;
    let header = run_file::header(workspace, &plan, args.device, &emitted);
    let bench = judge::Bench {
        workspace: workspace.clone(),
        folder,
        device: args.device,
        expectations,
        limit: Duration::from_secs(args.timeout),
        memory: args.memory << 20,
        threads: (jobs / plan.units.len().max(1)).max(1),
        environment: Vec::new(),
    };
    smoke::run(&bench, &plan.trials)?;
    let mut results = runner::run(&bench, &plan.units, jobs);
    retry::repeat(&bench, &plan.units, &mut results);
    results
        .problems
        .extend(judge::void_expectations(&bench, &families, &header.plan));
    let run = run_file::write(workspace, &id, &header, &results)?;

    output::say(table::render(&registry, &families, &backends, &run.records));
    report::print(
        workspace,
        &families,
        &run,
        &results,
        &run_file::path(workspace, &id),
    );
    let junit = junit::render(&id, &run.records).or_exit(Exit::Setup)?;
    let beside = run_file::path(workspace, &id).with_extension("junit.xml");
    for path in [Some(&beside), args.junit.as_ref()].into_iter().flatten() {
        crate::files::write(path, junit.as_bytes())?;
    }
    if let Some(path) = &args.json {
        let file = run_file::path(workspace, &id);
        let summary = summary::render(workspace.relative(&file), &run);
        crate::files::write(path, format!("{summary:#}\n").as_bytes())?;
    }
    if !memory::IS_KNOWN {
        output::warn(
            "warning: this system does not say how much memory a process holds; no limit was enforced",
        );
    }
    let clean = run.footer.unexpected == 0 && results.problems.is_empty();
    Ok(match (run.footer.interrupted, clean) {
        (true, _) => Exit::Interrupted,
        (_, true) => Exit::Ok,
        (_, false) => Exit::Unexpected,
    })
}

/// The families that the command line names.
fn chosen<'r>(registry: &'r Registry, args: &Args) -> Result<Vec<&'r Family>> {
    let mut families: Vec<_> = if args.families.is_empty() {
        registry.families().iter().collect()
    } else {
        select::families(registry, &args.families)?
    };
    if let Some(category) = args.category {
        families.retain(|family| family.category == category);
    }
    if let Some(count) = args.sample {
        if args.backends == [Backend::Candle] {
            // One that is not bound would make the sample smaller than it was asked to be.
            families.retain(|family| family.cases().iter().any(|case| case.candle.is_some()));
        }
        select::sample(&mut families, count.get(), args.seed);
    }
    if families.is_empty() {
        let message = "no family is both named and in the category, so there is nothing to verify";
        return Err(Failure::new(Exit::Usage, message));
    }
    Ok(families)
}

/// How many processes run at once: as many as are asked for, or as there are cores.
pub(crate) fn jobs(asked: Option<NonZeroUsize>) -> usize {
    let cores = || thread::available_parallelism().map_or(1, NonZeroUsize::get);
    asked.map_or_else(cores, NonZeroUsize::get)
}
