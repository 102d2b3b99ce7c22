//! What the Rust templates see.

use std::collections::BTreeSet;

use model_registry::{Axis, Family, Input, ResolvedCase};
use serde::Serialize;

use super::{
    adapter::AdapterContext,
    names::{self, constant},
};
use crate::error::Error;

/// One family's Rust file.
#[derive(Debug, Serialize)]
pub(crate) struct RustContext {
    title: String,
    architecture: &'static str,
    modality: String,
    /// Whether any case runs on candle.
    native: bool,
    base: CaseContext,
    variants: Vec<CaseContext>,
}

/// The base case, or a variant.
#[derive(Debug, Serialize)]
struct CaseContext {
    category: &'static str,
    family: String,
    variant: Option<String>,
    /// What the variant tries, as a sentence.
    tries: String,
    recorded_from: String,
    /// What its constant is named after.
    constant: String,
    /// The adapter that the case brings; none where it has the base case's, or none at all.
    adapter: Option<AdapterContext>,
    backends: Vec<BackendContext>,
    /// Checks that the family waives.
    waived: Vec<String>,
}

/// One way of running a case.
#[derive(Debug, Serialize)]
struct BackendContext {
    name: &'static str,
    setting: Option<&'static str>,
    /// Whether it reads a mask that tells tokens from padding.
    reads_mask: bool,
    /// Whether it keeps keys and values from one call to the next.
    caches: bool,
    /// Whether it gives an output with one row for each of the batch.
    gives_rows: bool,
    /// The axes of what it gives: a check along another one has nothing to compare.
    gives_along: BTreeSet<String>,
}

impl RustContext {
    pub(crate) fn new(family: &Family) -> Result<Self, Error> {
        names::check(family)?;
        let cases = family.cases();
        let mut contexts = Vec::with_capacity(cases.len());
        // The base case comes first, and some variants inherit its adapter.
        let mut inherited = None;
        for case in &cases {
            let own = match case.candle {
                Some(binding) if !case.inherits_binding => {
                    Some(AdapterContext::new(case, binding)?)
                }
                _ => None,
            };
            if case.variant.is_none() {
                inherited = own.as_ref().map(Inherited::from);
            }
            contexts.push(case_context(case, own, inherited.as_ref()));
        }
        let mut contexts = contexts.into_iter();
        let Some(base) = contexts.next() else {
            return Err(Error::registry(
                &family.family,
                family.path(),
                None,
                "the family has no case",
            ));
        };
        Ok(Self {
            title: family.title.clone(),
            architecture: family.architecture.name(),
            modality: family.modality.to_string(),
            native: cases.iter().any(|case| case.candle.is_some()),
            base,
            variants: contexts.collect(),
        })
    }
}

/// What variants need to know of the adapter that they inherit.
struct Inherited {
    inputs: Vec<String>,
    outputs: Vec<String>,
    caches: bool,
}

impl From<&AdapterContext> for Inherited {
    fn from(adapter: &AdapterContext) -> Self {
        Self {
            inputs: adapter.inputs.clone(),
            outputs: adapter
                .outputs
                .iter()
                .map(|output| output.name.clone())
                .collect(),
            caches: adapter.caches,
        }
    }
}

fn case_context(
    case: &ResolvedCase<'_>,
    adapter: Option<AdapterContext>,
    inherited: Option<&Inherited>,
) -> CaseContext {
    let is_mask = |name: &String| matches!(case.inputs.get(name), Some(Input::Lengths(_)));
    let own = adapter.as_ref().map(Inherited::from);
    let native = own.as_ref().or(inherited.filter(|_| case.inherits_binding));
    let on_candle = native.map(|native| BackendContext {
        name: "candle",
        setting: None,
        reads_mask: native.inputs.iter().any(is_mask),
        caches: native.caches,
        gives_rows: gives_rows(case, &native.outputs),
        gives_along: gives_along(case, &native.outputs),
    });
    let all: Vec<String> = case.outputs.keys().cloned().collect();
    let reads_mask = case.inputs.keys().any(is_mask);
    let on_ort = [None, Some("unoptimised")].map(|setting| BackendContext {
        name: "ort",
        setting,
        reads_mask,
        caches: false,
        gives_rows: gives_rows(case, &all),
        gives_along: gives_along(case, &all),
    });
    CaseContext {
        category: case.family.category.name(),
        family: case.family.family.clone(),
        variant: case.variant.map(str::to_owned),
        tries: case.tries.map(sentence).unwrap_or_default(),
        recorded_from: case.recorded_from(),
        constant: constant(case).to_owned(),
        adapter,
        backends: on_candle.into_iter().chain(on_ort).collect(),
        waived: case
            .family
            .waived_checks()
            .map(|(check, _)| check.to_owned())
            .collect(),
    }
}

/// Whether one of these outputs has a row for each of the batch, and nothing that mixes rows.
fn gives_rows(case: &ResolvedCase<'_>, outputs: &[String]) -> bool {
    let is_batch = |axis: &&Axis| axis.name() == Some("batch");
    outputs
        .iter()
        .filter_map(|output| case.outputs.get(output))
        .any(|axes| axes.iter().filter(is_batch).count() == 1)
}

fn gives_along(case: &ResolvedCase<'_>, outputs: &[String]) -> BTreeSet<String> {
    let axes = outputs.iter().filter_map(|output| case.outputs.get(output));
    axes.flatten()
        .filter_map(Axis::name)
        .map(str::to_owned)
        .collect()
}

/// `heads of an explicit size` → `Heads of an explicit size.`; names such as `mT5` stay as they are.
fn sentence(text: &str) -> String {
    let text = text.trim();
    let first = text
        .split(|c: char| !c.is_alphanumeric())
        .next()
        .unwrap_or_default();
    let mut sentence = text.to_owned();
    if !first.is_empty() && first.bytes().all(|byte| byte.is_ascii_lowercase()) {
        sentence[..1].make_ascii_uppercase();
    }
    if !sentence.ends_with(['.', '!', '?']) {
        sentence.push('.');
    }
    sentence
}
