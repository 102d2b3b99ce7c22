//! `new`: a first draft of a family's file, built and run by transformers itself.

use std::{fs, process::Stdio};

use anyhow::Context;
use model_registry::{Registry, Standing, World};
use serde::Deserialize;

use crate::{
    exit::{Exit, Failure, Result},
    files, interrupt, output,
    python::{self, Environment},
    show, sources,
    workspace::Workspace,
};

const EXAMPLES: &str = "\
Examples:
  cargo xtask new roberta             model-registry/families/text-encoder/roberta.yaml
  cargo xtask new roberta --dry-run   print it instead

FAMILY is transformers' model type. Its config is shrunk by the rules that the registry's lints check,
the model is built and run at two sizes, and what no rule can know is marked `# guess:`; read those first.
Needs PyTorch and transformers; makes target/python/recorder from the pins the first time.";

/// Draft a family's file from transformers' own classes.
#[derive(Debug, clap::Args)]
#[command(after_help = EXAMPLES)]
pub struct Args {
    /// transformers' model type.
    #[arg(value_name = "FAMILY")]
    family: String,
    /// Print the draft and write nothing; of a family that is there already, too.
    #[arg(long)]
    dry_run: bool,
    /// How long transformers may take to find sizes that run.
    #[arg(long, value_name = "SECONDS", default_value_t = 90, value_parser = clap::value_parser!(u64).range(1..))]
    timeout: u64,
}

/// What the scaffold says about a type.
#[derive(Deserialize)]
#[serde(tag = "state", rename_all = "kebab-case")]
enum Report {
    Scaffolded { category: String },
    Failed { detail: String },
}

/// Drafts.
pub fn run(workspace: &Workspace, args: &Args) -> Result {
    let family = args.family.as_str();
    let registry = sources::registry(workspace)?;
    if let Some(known) = registry.family_called(family).filter(|_| !args.dry_run) {
        let message = format!("`{family}` is there already: {}", known.path());
        return Err(Failure::new(Exit::Usage, message));
    }
    check_name(&sources::world(workspace)?, &registry, family)?;

    let scratch = workspace.scratch().join("new").join(family);
    if scratch.exists() {
        fs::remove_dir_all(&scratch).with_context(|| format!("cannot remove {scratch}"))?;
    }
    // Laid out as a registry of its own, so that it can be checked like one.
    let families = scratch.join("families");
    workspace.make_folder(&families)?;
    let list = "tokenizers.yaml";
    fs::copy(workspace.registry().join(list), scratch.join(list))
        .with_context(|| format!("cannot read the registry's {list}"))?;
    let category = match scaffold(workspace, family, &families, args.timeout)? {
        Report::Scaffolded { category } => category,
        Report::Failed { detail } => {
            let message = format!("transformers' `{family}` cannot be drafted: {detail}");
            return Err(Failure::new(Exit::Unexpected, message));
        }
    };
    let name = format!("{category}/{family}.yaml");
    let draft = families.join(&name);
    let text = fs::read_to_string(&draft).with_context(|| format!("cannot read {draft}"))?;
    if let Err(errors) = Registry::load(&scratch) {
        let faults = output::count(errors.len(), "fault");
        let draft = workspace.relative(&draft);
        let message = format!("the draft has {faults} [it stays at {draft}]\n\n{errors}");
        return Err(Failure::new(Exit::InvalidRegistry, message));
    }
    if args.dry_run {
        output::say(text.trim_end());
        return Ok(Exit::Ok);
    }
    let path = workspace.registry().join("families").join(name);
    files::write(&path, text.as_bytes())?;
    let guesses = text.lines().filter(|line| line.contains("# guess:"));
    output::say(format_args!(
        "written: {}, with {} marked `# guess:` to read\nthen: cargo xtask regen --all && cargo xtask record {family} && cargo xtask verify {family}",
        workspace.relative(&path),
        output::count(guesses.count(), "line"),
    ));
    Ok(Exit::Ok)
}

/// A type that transformers has, and that is no part of another.
fn check_name(world: &World, registry: &Registry, family: &str) -> Result<()> {
    let catalogue = &world.catalogue;
    let message = match catalogue.types.get(family) {
        Some(about) if about.standing == Standing::Part => {
            let owners = about.part_of.join(", ");
            format!("`{family}` is a part of {owners}, which is tried as a whole")
        }
        Some(_) => return Ok(()),
        None => format!(
            "transformers {} has no model type `{family}`{}",
            catalogue.transformers,
            show::similar(world, registry, family)
        ),
    };
    Err(Failure::new(Exit::Usage, message))
}

/// Has the file written below `folder`, by category.
fn scaffold(
    workspace: &Workspace,
    family: &str,
    folder: &camino::Utf8Path,
    seconds: u64,
) -> Result<Report> {
    let mut command = python::module(workspace, Environment::Recorder, "touchstone.scaffold")?;
    command.args([family, "--folder", folder.as_str()]);
    command.args(["--seconds", &seconds.to_string()]);
    let output = command
        .stderr(Stdio::inherit())
        .output()
        .context("cannot start the scaffold")?;
    if interrupt::requested() {
        return Err(Failure::new(
            Exit::Interrupted,
            "stopped; nothing is written",
        ));
    }
    let said = String::from_utf8_lossy(&output.stdout);
    // Libraries chatter on the same stream; the report is the line that is one.
    let report = said
        .lines()
        .rev()
        .find_map(|line| serde_json::from_str(line).ok());
    report.ok_or_else(|| {
        let message = format!("the scaffold ended with {} and no word", output.status);
        Failure::new(Exit::Unexpected, message)
    })
}
