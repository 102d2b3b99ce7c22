//! The part of docs/checks.md about tokenizers: class by check, what is known, and what is not recorded.

use std::{
    collections::{BTreeMap, BTreeSet},
    fmt::Write as _,
};

use evidence::{Outcome, Record, TestId};
use model_registry::{Registry, TOKENIZER_CHECKS, Tokenizer};

use super::page::{prose, section};
use crate::verify::plan;

/// All three sections; `records` are the run's.
pub(super) fn render(registry: &Registry, records: &BTreeMap<&TestId, &Record>) -> String {
    let (recorded, waived): (Vec<_>, Vec<_>) = registry
        .tokenizers()
        .iter()
        .partition(|tokenizer| tokenizer.waived.is_none());
    let checks: Vec<_> = TOKENIZER_CHECKS
        .iter()
        .map(|check| format!("`{check}`"))
        .collect();
    let mut text = format!(
        "## Tokenizers\n\n\
         Each class is trained on a small text, and the crate reads the tokenizer.json that it leaves; every id, offset and character is compared.\n\n\
         | class | families | {} |\n|---|---:|{}\n",
        checks.join(" | "),
        "---|".repeat(TOKENIZER_CHECKS.len()),
    );
    let mut gaps: BTreeMap<_, BTreeSet<&str>> = BTreeMap::new();
    for tokenizer in recorded {
        let users = registry.families().iter();
        let users = users.filter(|family| family.tokenizer.as_ref() == Some(&tokenizer.class));
        let cells: Vec<_> = cells(tokenizer, records, &mut gaps);
        // Writing to a String cannot fail.
        let _ = writeln!(
            text,
            "| {} | {} | {} |",
            tokenizer.class,
            users.count(),
            cells.join(" | ")
        );
    }
    let gaps = gaps.into_iter().map(|((class, cause), checks)| {
        let checks: Vec<_> = checks.iter().map(|check| format!("`{check}`")).collect();
        format!("- {class}, {}: {cause}\n", checks.join(", "))
    });
    let waived = waived.into_iter().map(|tokenizer| {
        let reason = tokenizer.waived.as_deref().unwrap_or_default();
        format!("- {}: {}\n", tokenizer.class, prose(reason))
    });
    [
        text,
        section("Known gaps of tokenizers", gaps),
        section("Tokenizers that are not recorded", waived),
    ]
    .join("\n")
}

/// What came of each check; what has a cause goes to the gaps.
fn cells<'a>(
    tokenizer: &'a Tokenizer,
    records: &BTreeMap<&TestId, &'a Record>,
    gaps: &mut BTreeMap<(&'a str, String), BTreeSet<&'static str>>,
) -> Vec<&'static str> {
    let tests: BTreeMap<_, _> = plan::of_tokenizer(tokenizer)
        .map(|test| (test.check.clone(), test))
        .collect();
    let cell = |check: &&'static str| match tests.get(*check).and_then(|test| records.get(test)) {
        None => "–",
        Some(record) if !record.is_as_expected() => "unexpected",
        Some(record) => {
            if let Some(cause) = &record.cause {
                let gap = (tokenizer.class.as_str(), prose(cause));
                gaps.entry(gap).or_default().insert(check);
            }
            match record.outcome {
                Outcome::Pass => "pass",
                _ => "known gap",
            }
        }
    };
    TOKENIZER_CHECKS.iter().map(cell).collect()
}
