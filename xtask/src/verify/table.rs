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
    let ways = backends
        .iter()
        .copied()
        .filter(|backend| ON_CANDLE.contains(backend));
    let ways: Vec<Backend> = ways.collect();
    let others = backends
        .iter()
        .filter(|backend| !ON_CANDLE.contains(backend));
    let mut header = vec!["family"];
    header.extend((!ways.is_empty()).then_some("candle"));
    header.extend(others.clone().map(|backend| backend.name()));
    let mut table = list::table(&header);
    for family in families {
        let mut row = vec![family.family.clone()];
        row.extend((!ways.is_empty()).then(|| candle_cell(family, &ways, records)));
        row.extend(others.clone().map(|backend| match backend {
            Backend::Tokenizers => tokenizer_cell(registry, family, records),
            backend => cell(family, *backend, records).unwrap_or_default(),
        }));
        table.add_row(row);
    }
    table.trim_fmt()
}

/// The two ways to run a family on candle, which share a column.
const ON_CANDLE: [Backend; 2] = [Backend::Candle, Backend::CandleGraph];

/// `native 14 pass; graph 12 pass`: each way that was taken.
fn candle_cell(family: &Family, ways: &[Backend], records: &[Record]) -> String {
    let told = ways.iter().filter_map(|&way| {
        let label = if way == Backend::Candle {
            "native"
        } else {
            "graph"
        };
        Some(format!("{label} {}", cell(family, way, records)?))
    });
    let told: Vec<String> = told.collect();
    if told.is_empty() {
        "no binding".into()
    } else {
        told.join("; ")
    }
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

/// `None` where nothing was tried.
fn cell(family: &Family, backend: Backend, records: &[Record]) -> Option<String> {
    let mine = records.iter().filter(|record| {
        let test = &record.test;
        test.family == family.family && test.backend == backend.name()
    });
    let text = tally(mine.map(|record| (record.outcome, record.is_as_expected())));
    (!text.is_empty()).then_some(text)
}
