//! Families by backends, each cell with its outcomes.

use evidence::Record;
use model_registry::Family;

use super::{Backend, runner::tally};
use crate::list;

/// The table of a run.
pub(super) fn render(families: &[&Family], backends: &[Backend], records: &[Record]) -> String {
    let mut header = vec!["family"];
    header.extend(backends.iter().map(|backend| backend.name()));
    let mut table = list::table(&header);
    for family in families {
        let mut row = vec![family.family.clone()];
        row.extend(
            backends
                .iter()
                .map(|backend| cell(family, *backend, records)),
        );
        table.add_row(row);
    }
    table.trim_fmt()
}

fn cell(family: &Family, backend: Backend, records: &[Record]) -> String {
    let mine = records.iter().filter(|record| {
        record.test.family == family.family && record.test.backend == backend.name()
    });
    let text = tally(mine.map(|record| (record.outcome, record.is_as_expected())));
    if text.is_empty() {
        "no binding".into()
    } else {
        text
    }
}
