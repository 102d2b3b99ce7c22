//! `docs`: the page that says which check is made of what, and what came of it.

pub mod newest;
pub mod page;
mod tokenizers;

use camino::Utf8PathBuf;
use model_registry::Registry;

use page::{Entry, Page};

use crate::{
    exit::{Exit, OrExit, Result},
    sources,
    verify::{Device, plan},
    workspace::Workspace,
};

const EXAMPLES: &str = "\
Examples:
  cargo xtask verify && cargo xtask docs   write docs/checks.md from a run of everything
  cargo xtask docs --check                 exit code 3 if it is not what registry and run say

Reads the newest run that made every emitted check, or the one that is named.";

/// The page, from the workspace's root.
const PAGE: &str = "docs/checks.md";
const WRITE: &str = "cargo xtask docs";

/// Write docs/checks.md: check by architecture by backend.
#[derive(Debug, clap::Args)]
#[command(after_help = EXAMPLES)]
pub struct Args {
    /// Write nothing; fail if the page is stale.
    #[arg(long)]
    check: bool,
    /// Another run than the newest that is complete.
    #[arg(long, value_name = "FILE")]
    run: Option<Utf8PathBuf>,
}

/// Writes the page, or says whether it is fresh.
pub fn run(workspace: &Workspace, args: &Args) -> Result {
    let registry = sources::registry(workspace)?;
    let entries = entries(&registry)?;
    let mut made: Vec<_> = entries.iter().filter_map(Entry::test).collect();
    made.extend(registry.tokenizers().iter().flat_map(plan::of_tokenizer));
    let run = match &args.run {
        Some(file) => newest::exactly(file, &made)?,
        None => newest::of(workspace, &made, Device::Cpu)?,
    };
    let text = Page::new(&registry, &entries, &run).render();

    crate::page::settle(&workspace.root, PAGE, &text, args.check, |_| {
        format!("{PAGE} is not what the registry and the newest run say\nmend with `{WRITE}`")
    })
}

/// Every check of every family, made or not.
pub fn entries(registry: &Registry) -> Result<Vec<Entry>> {
    let mut entries = Vec::new();
    for family in registry.families() {
        let planned = generator::plan(family).or_exit(Exit::InvalidRegistry)?;
        entries.extend(planned.into_iter().map(|planned| Entry {
            category: family.category,
            family: family.family.clone(),
            architecture: family.architecture,
            planned,
        }));
    }
    Ok(entries)
}
