//! `list`: every family on one line, and what there is by category.

use std::{collections::BTreeMap, fs};

use comfy_table::{Table, presets};
use model_registry::{Category, Expectations, Family, Registry, Standing, TypeNote, World};
use serde::Deserialize;
use serde_json::{Value, json};

use crate::{
    exit::{Exit, OrExit, Result},
    output, sources,
    verify::Backend,
    workspace::Workspace,
};

const EXAMPLES: &str = "\
Examples:
  cargo xtask list
  cargo xtask list --json | jq '.families[] | select(.candle) | .family'
  cargo xtask list --json | jq '.categories, .types'

A cell is a family on a backend: a known gap if the expectations list one of its checks, else a pass.";

/// List the families.
#[derive(Debug, clap::Args)]
#[command(after_help = EXAMPLES)]
pub struct Args {
    /// For programs: one object with families, categories and model types.
    #[arg(long)]
    json: bool,
}

/// What there is of one category.
#[derive(Default)]
struct Tally {
    families: usize,
    cases: usize,
    candle: Cells,
    candle_graph: Cells,
    ort: Cells,
    graphs: Graphs,
}

/// Families on one backend.
#[derive(Default)]
struct Cells {
    pass: usize,
    known_gap: usize,
    unbound: usize,
}

/// Recorded graphs.
#[derive(Default)]
struct Graphs {
    /// Every axis that has a second size moves.
    dynamic: usize,
    /// Some of them do.
    partly: usize,
    /// None does.
    fixed: usize,
    /// There is no reference yet.
    unrecorded: usize,
}

/// The part of a manifest that says how far a graph moves.
#[derive(Deserialize)]
struct Manifest {
    graph: Graph,
}

#[derive(Deserialize)]
struct Graph {
    dynamic: Vec<String>,
    static_because: Option<String>,
}

/// Lists.
pub fn run(workspace: &Workspace, args: &Args) -> Result {
    let registry = sources::registry(workspace)?;
    let world = sources::world(workspace)?;
    let tallies = tallies(workspace, &registry)?;
    if args.json {
        let families: Vec<_> = registry.families().iter().map(facts).collect();
        let categories: Vec<_> = tallies.iter().map(Tally::facts).collect();
        let all = json!({
            "families": families,
            "categories": categories,
            "types": types(&world, &registry),
        });
        output::say(format_args!("{all:#}"));
        return Ok(Exit::Ok);
    }

    let mut lines = table(&[
        "family",
        "category",
        "architecture",
        "priority",
        "variants",
        "candle",
    ]);
    for family in registry.families() {
        lines.add_row([
            family.family.as_str(),
            family.category.name(),
            family.architecture.name(),
            family.priority.name(),
            &family.variants.len().to_string(),
            if family.candle.is_some() {
                "native, graph"
            } else {
                "graph"
            },
        ]);
    }
    output::say(lines.trim_fmt());
    output::say("");
    output::say(summary(&tallies).trim_fmt());
    let types = types(&world, &registry);
    output::say(format_args!(
        "\n{}, {}; of {} model types of transformers {}, {} are families, {} the same as one, {} waived, {} open",
        output::count(registry.families().len(), "family"),
        output::count(tallies.values().map(|tally| tally.cases).sum(), "case"),
        types["top-level"],
        world.catalogue.transformers,
        types["families"],
        types["same-as"],
        types["waived"],
        types["open"],
    ));
    Ok(Exit::Ok)
}

fn facts(family: &Family) -> Value {
    json!({
        "family": family.family,
        "title": family.title,
        "category": family.category.name(),
        "architecture": family.architecture.name(),
        "modality": family.modality.name(),
        "priority": family.priority.name(),
        "aliases": family.aliases,
        "tokenizer": family.tokenizer,
        "variants": family.variants.keys().collect::<Vec<_>>(),
        "candle": family.candle.is_some(),
    })
}

/// How the top-level model types of transformers stand.
fn types(world: &World, registry: &Registry) -> Value {
    let top = world.catalogue.types.iter();
    let top = top.filter(|(_, about)| about.standing == Standing::TopLevel);
    let mut counts = BTreeMap::from([("families", 0), ("same-as", 0), ("waived", 0), ("open", 0)]);
    let mut all = 0;
    for (name, _) in top {
        let standing = match (registry.family_of(name), world.types().get(name)) {
            (Some(_), _) => "families",
            (None, Some(TypeNote::SameAs(_))) => "same-as",
            (None, Some(TypeNote::Waived(_))) => "waived",
            (None, Some(TypeNote::Open(_)) | None) => "open",
        };
        *counts.entry(standing).or_default() += 1;
        all += 1;
    }
    counts.insert("top-level", all);
    json!(counts)
}

/// What there is, by category.
fn tallies(workspace: &Workspace, registry: &Registry) -> Result<BTreeMap<Category, Tally>> {
    let load = |backend: Backend| {
        Expectations::load(&workspace.registry(), backend.name(), "cpu")
            .or_exit(Exit::InvalidRegistry)
    };
    let (candle, ort) = (load(Backend::Candle)?, load(Backend::Ort)?);
    let candle_graph = load(Backend::CandleGraph)?;
    let has_gap = |list: &Expectations, family: &Family| {
        let mut entries = list.entries().iter();
        entries.any(|entry| entry.family == family.family)
    };
    let mut tallies = BTreeMap::<_, Tally>::new();
    for family in registry.families() {
        let cases = family.cases();
        let tally = tallies.entry(family.category).or_default();
        tally.families += 1;
        tally.cases += cases.len();
        for case in &cases {
            tally.graphs.add(workspace, &case.name());
        }
        tally.ort.add(true, has_gap(&ort, family));
        tally.candle_graph.add(true, has_gap(&candle_graph, family));
        let is_bound = cases.iter().any(|case| case.candle.is_some());
        tally.candle.add(is_bound, has_gap(&candle, family));
    }
    Ok(tallies)
}

impl Cells {
    fn add(&mut self, is_bound: bool, has_gap: bool) {
        match (is_bound, has_gap) {
            (false, _) => self.unbound += 1,
            (true, true) => self.known_gap += 1,
            (true, false) => self.pass += 1,
        }
    }

    fn facts(&self) -> Value {
        json!({"pass": self.pass, "known-gap": self.known_gap, "unbound": self.unbound})
    }

    /// `12, 3 known gaps`
    fn told(&self) -> String {
        let mut parts = vec![format!("{} pass", self.pass)];
        parts.extend(
            [(self.known_gap, "known gap"), (self.unbound, "no binding")]
                .iter()
                .filter(|(count, _)| *count > 0)
                .map(|(count, what)| format!("{count} {what}")),
        );
        parts.join(", ")
    }
}

impl Graphs {
    fn add(&mut self, workspace: &Workspace, case: &str) {
        let file = workspace.root.join("snapshots/references").join(case);
        let manifest = fs::read(file.join("manifest.json")).ok();
        let manifest = manifest.and_then(|text| serde_json::from_slice::<Manifest>(&text).ok());
        match manifest.map(|manifest| manifest.graph) {
            None => self.unrecorded += 1,
            Some(graph) if graph.dynamic.is_empty() => self.fixed += 1,
            Some(graph) if graph.static_because.is_some() => self.partly += 1,
            Some(_) => self.dynamic += 1,
        }
    }
}

impl Tally {
    fn facts((category, tally): (&Category, &Self)) -> Value {
        let graphs = &tally.graphs;
        json!({
            "category": category.name(),
            "families": tally.families,
            "cases": tally.cases,
            "candle": tally.candle.facts(),
            "candle-graph": tally.candle_graph.facts(),
            "ort": tally.ort.facts(),
            "graphs": {
                "dynamic": graphs.dynamic,
                "partly": graphs.partly,
                "fixed": graphs.fixed,
                "unrecorded": graphs.unrecorded,
            },
        })
    }
}

fn summary(tallies: &BTreeMap<Category, Tally>) -> Table {
    let mut lines = table(&[
        "category",
        "families",
        "cases",
        "dynamic graphs",
        "candle, native",
        "candle, graph",
        "ort",
    ]);
    for (category, tally) in tallies {
        lines.add_row([
            category.name(),
            &tally.families.to_string(),
            &tally.cases.to_string(),
            &tally.graphs.dynamic.to_string(),
            &tally.candle.told(),
            &tally.candle_graph.told(),
            &tally.ort.told(),
        ]);
    }
    lines
}

/// A table as all commands print it.
pub(crate) fn table(header: &[&str]) -> Table {
    let mut table = Table::new();
    table
        .load_style(presets::NOTHING)
        .set_header(header.to_vec());
    table
}
