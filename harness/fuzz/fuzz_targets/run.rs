//! Any bytes as a run file and as what one process left: refused, or a run in which no pass is empty, within a second.
#![no_main]

use std::{collections::BTreeSet, time::Duration};

use camino::Utf8Path;
use cpu_time::ProcessTime;
use evidence::{Fragment, Outcome, Run};
use libfuzzer_sys::fuzz_target;

fuzz_target!(|bytes: &[u8]| {
    let Ok(text) = std::str::from_utf8(bytes) else {
        return;
    };
    let begun = ProcessTime::now();
    let file = Utf8Path::new("latest.ndjson");
    match Run::parse(file, text) {
        Ok(run) => check(&run),
        Err(error) => assert!(error.to_string().contains("latest.ndjson"), "{error}"),
    }
    if let Ok(fragment) = Fragment::parse(file, text) {
        assert!(fragment.open().len() <= fragment.begun.len());
    }
    let took = begun.elapsed();
    assert!(took < Duration::from_secs(1), "it took {took:?}");
});

/// What a table of this run would claim.
fn check(run: &Run) {
    let planned: BTreeSet<_> = run.header.plan.iter().collect();
    let judged: BTreeSet<_> = run.records.iter().map(|record| &record.test).collect();
    assert!(!planned.is_empty() && planned == judged && judged.len() == run.records.len());
    for record in run
        .records
        .iter()
        .filter(|record| record.outcome == Outcome::Pass)
    {
        assert!(
            record.compared() > 0 || record.asserted > 0,
            "{}",
            record.test
        );
        assert!(
            record.outputs.values().all(|metrics| metrics.margin <= 1.0),
            "{}",
            record.test
        );
    }
}
