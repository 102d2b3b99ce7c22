//! `show`: what is known about one family, or what a name stands for that is none.

use std::collections::BTreeMap;

use camino::Utf8PathBuf;
use model_registry::{
    Expectation, Expectations, Family, Meaning, NameNote, Registry, ResolvedCase, TypeNote, World,
};
use serde_json::{Value, json};

use crate::{
    exit::{Exit, Failure, OrExit, Result},
    fitting, output, sources,
    verify::Backend,
    workspace::Workspace,
};

const EXAMPLES: &str = "\
Examples:
  cargo xtask show bert
  cargo xtask show vicuna               an alias
  cargo xtask show clip_vision_model    a part of a family
  cargo xtask show bert --json | jq .cases";

/// Show what is known about a family, or what another name stands for.
#[derive(Debug, clap::Args)]
#[command(after_help = EXAMPLES)]
pub struct Args {
    /// A family by name or alias, or any name that people use for a model.
    name: String,
    /// For programs: one object.
    #[arg(long)]
    json: bool,
}

/// Shows.
pub fn run(workspace: &Workspace, args: &Args) -> Result {
    let registry = sources::registry(workspace)?;
    let world = sources::world(workspace)?;
    let name = args.name.as_str();
    match world.find(&registry, name) {
        Some(Meaning::Family(family)) => {
            let known = known_gaps(workspace, family)?;
            let facts = facts(workspace, family, &known);
            if args.json {
                output::say(format_args!("{facts:#}"));
            } else {
                print(family, &facts, &known);
            }
        }
        Some(other) => {
            let transformers = &world.catalogue.transformers;
            let (standing, about) = in_words(&other, transformers);
            if args.json {
                let facts = json!({"name": name, "standing": standing, "about": about});
                output::say(format_args!("{facts:#}"));
            } else {
                output::say(format_args!("{name}: {standing}\n{about}"));
            }
        }
        None => {
            let similar = similar(&world, &registry, name);
            let hint = if similar.is_empty() {
                " [all families: `cargo xtask list`]"
            } else {
                &similar
            };
            let message = format!("no family is called `{name}`{hint}");
            return Err(Failure::new(Exit::Usage, message));
        }
    }
    Ok(Exit::Ok)
}

/// What a name that is no family stands for: in a word, and in a sentence.
fn in_words(meaning: &Meaning<'_>, transformers: &str) -> (&'static str, String) {
    match meaning {
        Meaning::Family(family) => ("family", family.title.clone()),
        Meaning::Type(name, TypeNote::Waived(reason)) => (
            "waived",
            format!("transformers has `{name}`, which is not tried: {reason}"),
        ),
        Meaning::Type(name, TypeNote::SameAs(other)) => (
            "same",
            format!(
                "transformers' `{name}` is the model of `{other}`, which is tried: `cargo xtask show {other}`"
            ),
        ),
        Meaning::Type(name, TypeNote::Open(obstacle)) => (
            "open",
            format!("transformers has `{name}`, which is not tried yet: {obstacle}"),
        ),
        Meaning::Part(name, owners) => (
            "part",
            format!(
                "`{name}` is a part of {}, and tried with it",
                owners.join(", ")
            ),
        ),
        Meaning::Unlisted(name) => (
            "open",
            format!(
                "transformers has `{name}`, which is not tried yet: `cargo xtask new {name}` drafts it"
            ),
        ),
        Meaning::Name(_, NameNote::Several(types)) => (
            "several",
            format!("one name for several model types: {}", types.join(", ")),
        ),
        Meaning::Name(_, NameNote::Retired(last)) => (
            "retired",
            format!(
                "transformers {last} was the last version that had it; {transformers} is the one recorded from"
            ),
        ),
        Meaning::Name(_, NameNote::Elsewhere(what) | NameNote::Means(what)) => {
            ("elsewhere", format!("not a model of transformers: {what}"))
        }
    }
}

/// ` [similar: …]`, or nothing.
pub(crate) fn similar(world: &World, registry: &Registry, name: &str) -> String {
    let near = world.suggest(registry, name);
    if near.is_empty() {
        String::new()
    } else {
        format!(" [similar: {}]", near.join(", "))
    }
}

/// What the expectations list for a family on the processor, by backend.
fn known_gaps(
    workspace: &Workspace,
    family: &Family,
) -> Result<BTreeMap<&'static str, Vec<Expectation>>> {
    let mut known = BTreeMap::new();
    for backend in Backend::ALL {
        let expectations = Expectations::load(&workspace.registry(), backend.name(), "cpu")
            .or_exit(Exit::InvalidRegistry)?;
        let mine = expectations
            .entries()
            .iter()
            .filter(|entry| entry.family == family.family);
        let mine: Vec<_> = mine.cloned().collect();
        if !mine.is_empty() {
            known.insert(backend.name(), mine);
        }
    }
    Ok(known)
}

fn facts(
    workspace: &Workspace,
    family: &Family,
    known: &BTreeMap<&'static str, Vec<Expectation>>,
) -> Value {
    let cases: Vec<_> = family
        .cases()
        .iter()
        .map(|case| case_facts(workspace, case))
        .collect();
    json!({
        "family": family.family,
        "title": family.title,
        "category": family.category.name(),
        "architecture": family.architecture.name(),
        "modality": family.modality.name(),
        "priority": family.priority.name(),
        "aliases": family.aliases,
        "checkpoints": family.checkpoints,
        "file": family.path(),
        "waives": family.waives,
        "cases": cases,
        "known": known,
    })
}

fn case_facts(workspace: &Workspace, case: &ResolvedCase<'_>) -> Value {
    let reference = reference(case);
    json!({
        "case": case.name(),
        "tries": case.tries,
        "model": case.model,
        "recorded_from": case.recorded_from(),
        "reference": reference,
        "recorded": workspace.root.join(&reference).join("manifest.json").is_file(),
        "inputs": case.inputs.keys().collect::<Vec<_>>(),
        "outputs": case.outputs.keys().collect::<Vec<_>>(),
        "candle": case.candle.map(|binding| json!({
            "model": binding.model.as_str(),
            "outputs": binding.outputs.keys().collect::<Vec<_>>(),
            "missing": binding.missing,
            "rename": binding.rename,
            "derive": binding.derive.iter().map(|(to, derived)| (to, derived.sources())).collect::<BTreeMap<_, _>>(),
            "translate": binding.translate.keys().collect::<Vec<_>>(),
        })),
    })
}

fn reference(case: &ResolvedCase<'_>) -> Utf8PathBuf {
    format!("snapshots/references/{}", case.name()).into()
}

fn print(family: &Family, facts: &Value, known: &BTreeMap<&'static str, Vec<Expectation>>) {
    let line = |label: &str, text: &str| {
        if !text.is_empty() {
            output::say(format_args!("{label:13} {text}"));
        }
    };
    output::say(format_args!("{} ({})", family.title, family.family));
    line("file", family.path().as_str());
    line("category", family.category.name());
    line("architecture", family.architecture.name());
    line("priority", family.priority.name());
    line("aliases", &family.aliases.join(", "));
    line("checkpoints", &family.checkpoints.join(", "));
    for (rule, reason) in &family.waives {
        line("waives", &format!("{rule}: {reason}"));
    }
    line("unbound", family.unbound.as_deref().unwrap_or_default());
    let recorded: Vec<_> = facts["cases"].as_array().into_iter().flatten().collect();
    for (case, facts) in family.cases().iter().zip(recorded) {
        print_case(case, facts["recorded"] == json!(true));
    }
    for (backend, entries) in known {
        output::say(format_args!("\nknown on {backend}"));
        for entry in entries {
            output::say(format_args!(
                "  {entry}: {}: {}",
                entry.outcome, entry.cause
            ));
        }
    }
}

fn print_case(case: &ResolvedCase<'_>, recorded: bool) {
    let names = |keys: Vec<&String>| {
        keys.iter()
            .map(|key| key.as_str())
            .collect::<Vec<_>>()
            .join(", ")
    };
    output::say(format_args!(
        "\n{}: {}",
        case.name(),
        case.tries.unwrap_or("the base case")
    ));
    output::say(format_args!("  model       {}", case.model));
    output::say(format_args!(
        "  inputs      {}",
        names(case.inputs.keys().collect())
    ));
    output::say(format_args!(
        "  outputs     {}",
        names(case.outputs.keys().collect())
    ));
    let state = if recorded { "" } else { " (not recorded yet)" };
    output::say(format_args!("  reference   {}{state}", reference(case)));
    let Some(binding) = case.candle else {
        output::say("  candle      no binding");
        return;
    };
    output::say(format_args!("  candle      {}", binding.model.as_str()));
    for line in fitting::lines(binding) {
        output::say(format_args!("    {line}"));
    }
    for (output_name, reason) in &binding.missing {
        output::say(format_args!("    lacks     {output_name}: {reason}"));
    }
}
