//! A run for programs: one JSON object.

use std::collections::BTreeMap;

use camino::Utf8Path;
use evidence::{Record, Run};
use serde_json::{Value, json};

/// The object; `file` is the run file from the workspace's root.
pub(super) fn render(file: &Utf8Path, run: &Run) -> Value {
    let mut cells: BTreeMap<_, Vec<&Record>> = BTreeMap::new();
    for record in &run.records {
        let test = &record.test;
        cells
            .entry((&test.category, &test.family, &test.backend))
            .or_default()
            .push(record);
    }
    let cells: Vec<_> = cells
        .into_iter()
        .map(|((category, family, backend), records)| {
            let mut counts: BTreeMap<_, usize> = BTreeMap::new();
            records
                .iter()
                .for_each(|r| *counts.entry(r.outcome.name()).or_default() += 1);
            json!({
                "category": category,
                "family": family,
                "backend": backend,
                "worst": records.iter().map(|record| record.outcome).max(),
                "counts": counts,
                "unexpected": records.iter().filter(|r| !r.is_as_expected()).count(),
            })
        })
        .collect();
    let unexpected: Vec<_> = run.records.iter().filter(|r| !r.is_as_expected()).collect();
    json!({
        "run": file,
        "device": run.header.device,
        "machine": run.header.machine,
        "revisions": run.header.revisions,
        "counts": run.footer.counts,
        "interrupted": run.footer.interrupted,
        "seconds": run.footer.seconds,
        "cells": cells,
        "unexpected": unexpected,
    })
}
