//! From names on the command line to families: by name, by alias, or with a suggestion.

use model_registry::{Family, Registry};
use sha2::{Digest, Sha256};

use crate::exit::{Exit, Failure, Result};

/// The families of these names, each once, in the registry's order; every unknown name is told.
pub fn families<'r>(registry: &'r Registry, names: &[String]) -> Result<Vec<&'r Family>> {
    let mut faults = Vec::new();
    let mut found = Vec::new();
    for name in names {
        match registry.family_called(name) {
            Some(family) => found.push(family.family.as_str()),
            None => faults.push(unknown(registry, name)),
        }
    }
    if !faults.is_empty() {
        return Err(Failure::new(Exit::Usage, faults.join("\n")));
    }
    let chosen = |family: &&Family| found.contains(&family.family.as_str());
    Ok(registry.families().iter().filter(chosen).collect())
}

/// Leaves so many families, drawn by a seed: a family that is added or removed moves no other in or out
/// but the one whose place it takes.
pub fn sample(families: &mut Vec<&Family>, count: usize, seed: u64) {
    let mut drawn: Vec<_> = families.iter().map(|family| &family.family).collect();
    drawn.sort_by_cached_key(|name| Sha256::digest(format!("{seed} {name}")));
    drawn.truncate(count);
    let drawn: Vec<_> = drawn.into_iter().cloned().collect();
    families.retain(|family| drawn.contains(&family.family));
}

/// What to say about a name that is none.
pub fn unknown(registry: &Registry, name: &str) -> String {
    let near = registry.suggest(name);
    if near.is_empty() {
        format!("no family is called `{name}` [all of them: `cargo xtask list`]")
    } else {
        format!(
            "no family is called `{name}` [similar: {}]",
            near.join(", ")
        )
    }
}
