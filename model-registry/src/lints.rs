//! Rules that keep a family from being too easy; a family may waive one with a reason.

mod batch_of_two;
mod distinct_dimensions;
mod dynamic_graph;
mod epsilon_variant;
mod grouped_heads;
mod more_experts;
mod sizes_only;
mod unequal_lengths;
mod window_shorter;

use serde_json::Value;

use crate::{
    CHECKS, Family, Object, ResolvedCase,
    error::Fault,
    outline::{Path, path},
    words::{list, nearest},
};

/// Every lint by the name that a waiver gives.
pub(crate) const LINTS: &[(&str, Lint)] = &[
    ("batch-of-two", |family, _| batch_of_two::check(family)),
    ("distinct-dimensions", |family, _| {
        distinct_dimensions::check(family)
    }),
    ("dynamic-graph", |family, _| dynamic_graph::check(family)),
    ("epsilon-variant", epsilon_variant::check),
    ("grouped-heads", |_, cases| grouped_heads::check(cases)),
    ("more-experts", |_, cases| more_experts::check(cases)),
    ("sizes-only", |family, _| sizes_only::check(family)),
    ("unequal-lengths", |family, _| {
        unequal_lengths::check(family)
    }),
    ("window-shorter", |_, cases| window_shorter::check(cases)),
];

/// Given a family and its cases.
type Lint = fn(&Family, &[ResolvedCase<'_>]) -> Vec<Fault>;

pub(crate) fn check(family: &Family, cases: &[ResolvedCase<'_>], faults: &mut Vec<Fault>) {
    for (rule, lint) in LINTS {
        let broken = lint(family, cases);
        match family.waives.get(*rule) {
            None => faults.extend(
                broken
                    .into_iter()
                    .map(|fault| fault.of_rule(rule).where_given(&family.transformers)),
            ),
            Some(_) if broken.is_empty() => {
                let message = format!("`{rule}` is waived, and nothing breaks it");
                faults.push(Fault::key(
                    path(&["waives", rule]),
                    message,
                    "remove the waiver",
                ));
            }
            Some(reason) if reason.trim().is_empty() => faults.push(without_reason(rule)),
            Some(_) => {}
        }
    }
    waived_checks(family, faults);
    let names: Vec<_> = LINTS
        .iter()
        .map(|(rule, _)| *rule)
        .chain(waivable_checks())
        .collect();
    for rule in family
        .waives
        .keys()
        .filter(|rule| !names.contains(&rule.as_str()))
    {
        let help = format!("{}valid: {}", nearest(rule, &names), list(&names));
        faults.push(Fault::key(
            path(&["waives", rule]),
            format!("no rule is called `{rule}`"),
            help,
        ));
    }
}

/// Checks that a family may waive where PyTorch itself does not keep what they claim.
fn waivable_checks() -> impl Iterator<Item = &'static str> {
    CHECKS
        .iter()
        .copied()
        .filter(|check| *check != "forward_matches_reference")
}

fn waived_checks(family: &Family, faults: &mut Vec<Fault>) {
    for check in waivable_checks() {
        if family
            .waives
            .get(check)
            .is_some_and(|reason| reason.trim().is_empty())
        {
            faults.push(without_reason(check));
        }
    }
}

fn without_reason(rule: &str) -> Fault {
    let message = format!("`{rule}` is waived without a reason");
    Fault::key(
        path(&["waives", rule]),
        message,
        "say why this family cannot keep it",
    )
}

/// A config and the configs of its parts, each with its path.
fn configs(at: Path, config: &Object) -> Vec<(Path, &Object)> {
    let mut all = vec![(at.clone(), config)];
    for (name, value) in config {
        if let Value::Object(part) = value {
            let mut at = at.clone();
            at.push(name.clone());
            all.extend(configs(at, part));
        }
    }
    all
}

/// Where a case's config is written.
fn config_path(case: &ResolvedCase<'_>) -> Path {
    match case.variant {
        Some(variant) => path(&["variants", variant, "config"]),
        None => path(&["transformers", "config"]),
    }
}

/// The first of these fields that is a whole number.
fn number(config: &Object, names: &[&str]) -> Option<(String, u64)> {
    names
        .iter()
        .find_map(|name| Some(((*name).to_owned(), config.get(*name)?.as_u64()?)))
}

pub(crate) fn below(at: &Path, name: &str) -> Path {
    let mut at = at.clone();
    at.push(name.to_owned());
    at
}
