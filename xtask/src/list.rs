//! `list`: every family with its facts on one line.

use comfy_table::{Table, presets};
use serde_json::json;

use crate::{
    exit::{Exit, Result},
    output, sources,
    workspace::Workspace,
};

const EXAMPLES: &str = "\
Examples:
  cargo xtask list
  cargo xtask list --json | jq '.[] | select(.candle) | .family'";

/// List the families.
#[derive(Debug, clap::Args)]
#[command(after_help = EXAMPLES)]
pub struct Args {
    /// For programs: an array with one object a family.
    #[arg(long)]
    json: bool,
}

/// Lists.
pub fn run(workspace: &Workspace, args: &Args) -> Result {
    let registry = sources::registry(workspace)?;
    if args.json {
        let families: Vec<_> = registry
            .families()
            .iter()
            .map(|family| {
                json!({
                    "family": family.family,
                    "title": family.title,
                    "category": family.category.name(),
                    "architecture": family.architecture.name(),
                    "modality": family.modality.name(),
                    "priority": family.priority.name(),
                    "aliases": family.aliases,
                    "variants": family.variants.keys().collect::<Vec<_>>(),
                    "candle": family.candle.is_some(),
                })
            })
            .collect();
        output::say(format_args!("{:#}", json!(families)));
        return Ok(Exit::Ok);
    }

    let mut table = table(&[
        "family",
        "category",
        "architecture",
        "priority",
        "variants",
        "candle",
    ]);
    for family in registry.families() {
        table.add_row([
            family.family.as_str(),
            family.category.name(),
            family.architecture.name(),
            family.priority.name(),
            &family.variants.len().to_string(),
            if family.candle.is_some() {
                "yes"
            } else {
                "no binding"
            },
        ]);
    }
    output::say(table.trim_fmt());
    let cases: usize = registry
        .families()
        .iter()
        .map(|family| 1 + family.variants.len())
        .sum();
    let families = output::count(registry.families().len(), "family");
    output::say(format_args!("{families}, {}", output::count(cases, "case")));
    Ok(Exit::Ok)
}

/// A table as all commands print it.
pub(crate) fn table(header: &[&str]) -> Table {
    let mut table = Table::new();
    table
        .load_style(presets::NOTHING)
        .set_header(header.to_vec());
    table
}
