//! Families by backends, each cell with its outcomes.

use evidence::Record;
use model_registry::{Family, Registry, TOKENIZER};

use super::{Backend, runner::tally};
use crate::list;

/// The table of a run.
pub(super) fn render(
    registry: &Registry,
    families: &[&Family],
    backends: &[Backend],
    records: &[Record],
) -> String {
    let mut header = vec!["family"];
    header.extend(backends.iter().map(|backend| backend.name()));
    let mut table = list::table(&header);
    for family in families {
        let mut row = vec![family.family.clone()];
        row.extend(backends.iter().map(|backend| match backend {
            Backend::Tokenizers => tokenizer_cell(registry, family, records),
            backend => cell(family, *backend, records),
        }));
        table.add_row(row);
    }
    table.trim_fmt()
}

/// What came of the tokenizer that a family shares with others.
fn tokenizer_cell(registry: &Registry, family: &Family, records: &[Record]) -> String {
    let Some(tokenizer) = registry.tokenizer_of(family) else {
        return "none".into();
    };
    let mine = records
        .iter()
        .filter(|record| record.test.category == TOKENIZER && record.test.family == tokenizer.name);
    let text = tally(mine.map(|record| (record.outcome, record.is_as_expected())));
    if text.is_empty() {
        "waived".into()
    } else {
        text
    }
}

fn cell(family: &Family, backend: Backend, records: &[Record]) -> String {
    let mine = records.iter().filter(|record| {
        let test = &record.test;
        test.family == family.family && test.backend == backend.name()
    });
    let text = tally(mine.map(|record| (record.outcome, record.is_as_expected())));
    if text.is_empty() {
        "no binding".into()
    } else {
        text
    }
}
