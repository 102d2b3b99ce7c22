//! What the files that families share see: the lists of modules, and the manifest.

use std::collections::{BTreeMap, BTreeSet};

use model_registry::{Family, Registry, Source, TOKENIZER, Tokenizer};
use serde::Serialize;

use super::{names::module, rust::CaseNames};
use crate::{error::Error, snippet};

/// One test crate.
#[derive(Debug, Serialize)]
pub(crate) struct CategoryContext {
    pub(crate) category: &'static str,
    modules: Vec<String>,
}

/// The test crates that have a family, by name.
pub(crate) fn categories(registry: &Registry) -> Vec<CategoryContext> {
    let mut modules = BTreeMap::<_, BTreeSet<String>>::new();
    for family in registry.families() {
        modules
            .entry(family.category.name())
            .or_default()
            .insert(module(&family.family));
    }
    modules
        .into_iter()
        .map(|(category, modules)| CategoryContext {
            category,
            modules: modules.into_iter().collect(),
        })
        .collect()
}

/// One tokenizer class.
#[derive(Debug, Serialize)]
pub(crate) struct TokenizerContext<'a> {
    pub(crate) name: &'a str,
    class: &'a str,
    checks: Vec<&'static str>,
}

/// The classes that are recorded.
pub(crate) fn tokenizers(registry: &Registry) -> Vec<TokenizerContext<'_>> {
    let recorded = |tokenizer: &&Tokenizer| tokenizer.waived.is_none();
    let recorded = registry.tokenizers().iter().filter(recorded);
    recorded
        .map(|tokenizer| TokenizerContext {
            name: &tokenizer.name,
            class: &tokenizer.class,
            checks: tokenizer.checks().collect(),
        })
        .collect()
}

/// The test crate of the tokenizers; none where none is recorded.
pub(crate) fn tokenizer_crate(registry: &Registry) -> Option<CategoryContext> {
    let modules: Vec<_> = tokenizers(registry)
        .iter()
        .map(|tokenizer| module(tokenizer.name))
        .collect();
    (!modules.is_empty()).then_some(CategoryContext {
        category: TOKENIZER,
        modules,
    })
}

/// The tests that need no family but a recorded case to hold the harness against.
#[derive(Debug, Serialize)]
pub(crate) struct SmokeContext {
    case: CaseNames,
}

impl SmokeContext {
    /// The base case of the first family; none where there is no family.
    pub(crate) fn new(registry: &Registry) -> Option<Self> {
        let family = registry.families().first()?;
        let case = CaseNames::from(&family.base_case());
        Some(Self { case })
    }
}

/// The manifest of the emitted package.
#[derive(Debug, Serialize)]
pub(crate) struct ManifestContext {
    /// The packages of candle that emitted code names.
    candle: Vec<&'static str>,
    /// The other packages that it names.
    others: Vec<&'static str>,
}

impl ManifestContext {
    pub(crate) fn new(registry: &Registry) -> Result<Self, Error> {
        let mut names = BTreeSet::new();
        for family in registry.families() {
            names.extend(crates(family)?);
        }
        let known = |packages: &[&'static str]| {
            packages
                .iter()
                .copied()
                .filter(|name| names.contains(&name.replace('-', "_")))
                .collect()
        };
        Ok(Self {
            candle: known(&["candle-core", "candle-nn", "candle-transformers"]),
            others: known(&["serde_json"]),
        })
    }
}

/// The identifiers of a family's emitted Rust that could name a crate.
fn crates(family: &Family) -> Result<BTreeSet<String>, Error> {
    let mut names = BTreeSet::new();
    for case in family.cases() {
        let Some(binding) = case.own_binding() else {
            continue;
        };
        let snippets = [
            &binding.imports,
            &binding.config,
            &binding.model,
            &binding.load,
        ]
        .into_iter()
        .chain(&binding.prepare)
        .chain(&binding.reset)
        .chain(&binding.forward)
        .chain(
            binding
                .cache
                .iter()
                .flat_map(|cache| [&cache.ty, &cache.new]),
        )
        .chain(binding.outputs.values());
        let read = |source: &Source| {
            snippet::identifiers(source.as_str()).map_err(|error| {
                Error::registry(&family.family, family.path(), Some(source.line()), error)
            })
        };
        for source in snippets {
            names.extend(read(source)?);
        }
    }
    Ok(names)
}
