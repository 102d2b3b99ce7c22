//! A run file is read back as it was written, and every way of not proving its claims is refused.

use std::collections::BTreeMap;

use camino::{Utf8Path, Utf8PathBuf};
use evidence::{
    Bound, Event, FORMAT, Footer, Fragment, Header, Metrics, Outcome, Record, Run, RunWriter,
    Sabotage, TestId, append,
};

fn test_id(check: &str) -> TestId {
    TestId {
        category: "text-encoder".into(),
        family: "bert".into(),
        variant: None,
        backend: "ort".into(),
        setting: None,
        check: check.into(),
    }
}

fn header(plan: &[&str]) -> Header {
    Header {
        format: FORMAT,
        plan: plan.iter().map(|check| test_id(check)).collect(),
        device: "cpu".into(),
        machine: "linux x86_64, 2 cores".into(),
        revisions: BTreeMap::new(),
        started: 1,
    }
}

fn metrics(compared: usize, margin: f64) -> Metrics {
    let bound = Bound {
        rmse: 1.0,
        max_abs: 1.0,
        rule: "as in the test".into(),
    };
    Metrics {
        compared,
        max_abs: margin,
        rmse: margin,
        relative_l2: margin,
        argmax_agreement: 1.0,
        bound,
        margin,
        first_difference: None,
    }
}

fn record(check: &str, outcome: Outcome) -> Record {
    Record {
        test: test_id(check),
        device: "cpu".into(),
        dtype: "f32".into(),
        outcome,
        expected: Outcome::Pass,
        outputs: BTreeMap::from([("logits".into(), metrics(4, 0.5))]),
        detail: String::new(),
        cause: None,
        asserted: 0,
        seconds: 0.25,
        peak_bytes: 0,
        versions: BTreeMap::new(),
        reference: "abc".into(),
        reproduce: "cargo test".into(),
    }
}

fn verdict(check: &str, outcome: Outcome) -> Event {
    Event::Verdict(Box::new(record(check, outcome)))
}

fn footer(passes: usize) -> Event {
    let counts = BTreeMap::from([(Outcome::Pass, passes)]);
    Event::Footer(Footer {
        counts,
        unexpected: 0,
        interrupted: false,
        seconds: 1.0,
    })
}

fn lines(events: &[Event]) -> String {
    let line = |event| format!("{}\n", serde_json::to_string(event).expect("plain data"));
    events.iter().map(line).collect()
}

#[track_caller]
fn refused(text: &str, message: &str) {
    let error = Run::parse(Utf8Path::new("run.ndjson"), text).expect_err("refused");
    assert_eq!(error.to_string(), message);
}

fn scratch() -> (tempfile::TempDir, Utf8PathBuf) {
    let folder = tempfile::tempdir().expect("a temporary folder");
    let path = Utf8PathBuf::from_path_buf(folder.path().join("run.ndjson")).expect("UTF-8");
    (folder, path)
}

#[test]
fn reads_what_was_written() {
    let (_folder, path) = scratch();
    let header = header(&["a", "b"]);
    let mut writer = RunWriter::create(&path, &header).expect("starts");
    writer
        .verdict(record("b", Outcome::Mismatch))
        .expect("planned");
    assert_eq!(writer.missing(), [test_id("a")]);
    writer.verdict(record("a", Outcome::Pass)).expect("planned");
    let footer = writer.finish(false, 2.0).expect("complete");
    assert_eq!(footer.unexpected, 1);

    let run = Run::read(&path).expect("sound");
    assert_eq!(run.header, header);
    assert_eq!(run.footer, footer);
    let read: Vec<_> = run
        .records
        .iter()
        .map(|record| record.test.check.as_str())
        .collect();
    assert_eq!(read, ["b", "a"]);
}

#[test]
fn numbers_that_are_not_finite_survive() {
    let mut bad = record("a", Outcome::Nonfinite);
    bad.outputs = BTreeMap::from([
        ("nan".into(), metrics(4, f64::NAN)),
        ("inf".into(), metrics(4, f64::INFINITY)),
    ]);
    let text = serde_json::to_string(&bad).expect("plain data");
    let back: Record = serde_json::from_str(&text).expect("reads back");
    assert!(back.outputs["nan"].margin.is_nan());
    assert_eq!(back.outputs["inf"].max_abs, f64::INFINITY);
}

#[test]
fn refuses_an_empty_file() {
    refused("", "run.ndjson: is empty; a run starts with a header");
}

#[test]
fn refuses_a_missing_file() {
    let error = Run::read(Utf8Path::new("no/such/run.ndjson")).expect_err("refused");
    assert!(
        error
            .to_string()
            .starts_with("no/such/run.ndjson: cannot be read: "),
        "{error}"
    );
}

#[test]
fn refuses_a_line_that_was_cut_off() {
    let text = lines(&[Event::Header(header(&["a"])), verdict("a", Outcome::Pass)]);
    refused(
        &text[..text.len() - 9],
        "run.ndjson:2: was cut off in the middle of a line",
    );
}

#[test]
fn refuses_a_run_without_footer() {
    let text = lines(&[Event::Header(header(&["a"])), verdict("a", Outcome::Pass)]);
    refused(&text, "run.ndjson: has no footer: the run was cut off");
}

#[test]
fn refuses_a_run_without_header() {
    refused(
        &lines(&[footer(0)]),
        "run.ndjson:1: does not start with a header",
    );
}

#[test]
fn refuses_a_line_that_is_no_event() {
    let text = lines(&[Event::Header(header(&["a"]))]) + "{\"pass\": true}\n";
    let error = Run::parse(Utf8Path::new("run.ndjson"), &text).expect_err("refused");
    let start = "run.ndjson:2: is not an event: unknown variant `pass`, expected one of `header`";
    assert!(error.to_string().starts_with(start), "{error}");
}

#[test]
fn refuses_what_does_not_fit_the_plan() {
    let frame = |plan: &[&str], verdicts: &[Event], passes| {
        let mut events = vec![Event::Header(header(plan))];
        events.extend_from_slice(verdicts);
        events.push(footer(passes));
        lines(&events)
    };
    let pass = |check| verdict(check, Outcome::Pass);
    let rows = [
        (
            frame(&[], &[], 0),
            ":1: has an empty plan; a run of nothing is no run",
        ),
        (
            frame(&["a", "a"], &[pass("a")], 1),
            ":1: plans `bert on ort: a` twice",
        ),
        (
            frame(&["a", "b"], &[pass("a")], 1),
            ": lacks 1 of the planned verdicts, the first of them `bert on ort: b`",
        ),
        (
            frame(&["a"], &[pass("a"), pass("a")], 2),
            ":3: has a second verdict on `bert on ort: a`",
        ),
        (
            frame(&["a"], &[pass("c")], 1),
            ":2: has a verdict on `bert on ort: c`, which is not in the plan",
        ),
        (
            frame(&["a"], &[pass("a")], 2),
            ": counts 2 pass in its footer, but holds 1",
        ),
        (
            frame(&["a"], &[pass("a"), footer(1)], 1),
            ":4: goes on after the footer",
        ),
        (
            frame(&["a"], &[Event::Header(header(&["a"]))], 1),
            ":2: is a second header; a file holds one run",
        ),
    ];
    for (text, message) in rows {
        refused(&text, &format!("run.ndjson{message}"));
    }
}

#[test]
fn refuses_passes_that_nothing_proves() {
    let mut empty = record("a", Outcome::Pass);
    empty.outputs.clear();
    let mut outside = record("a", Outcome::Pass);
    outside.outputs.insert("pooled".into(), metrics(4, 1.5));
    let mut not_a_number = record("a", Outcome::Pass);
    not_a_number
        .outputs
        .insert("pooled".into(), metrics(4, f64::NAN));
    let mut forged = record("a", Outcome::Pass);
    let wide = Metrics {
        max_abs: 40.0,
        ..metrics(4, 0.5)
    };
    forged.outputs.insert("pooled".into(), wide);
    let mut elsewhere = record("a", Outcome::Pass);
    elsewhere.device = "cuda".into();
    let rows = [
        (
            empty,
            "says that `bert on ort: a` passed without having compared or asserted anything",
        ),
        (
            outside,
            "says that `bert on ort: a` passed with 1.5 times what was allowed",
        ),
        (
            not_a_number,
            "says that `bert on ort: a` passed with NaN times what was allowed",
        ),
        (
            forged,
            "says that `bert on ort: a` passed with a margin of 0.5, which does not follow from its numbers",
        ),
        (elsewhere, "has a verdict from `cuda` in a run on `cpu`"),
    ];
    for (record, message) in rows {
        let events = [
            Event::Header(header(&["a"])),
            Event::Verdict(Box::new(record)),
            footer(1),
        ];
        refused(&lines(&events), &format!("run.ndjson:2: {message}"));
    }
}

#[test]
fn asserted_facts_prove_a_pass_without_numbers() {
    let mut refusal = record("refuses_bad_input", Outcome::Pass);
    refusal.outputs.clear();
    refusal.asserted = 6;
    let header = Event::Header(header(&["refuses_bad_input"]));
    let text = lines(&[header, Event::Verdict(Box::new(refusal)), footer(1)]);
    assert!(Run::parse(Utf8Path::new("run.ndjson"), &text).is_ok());
}

#[test]
fn refuses_what_came_of_a_planted_fault() {
    let sabotage = Sabotage {
        test: test_id("a"),
        fault: "norm-zeroed".into(),
        site: "norm.weight".into(),
        outcome: Outcome::Mismatch,
        detail: String::new(),
        margin: None,
        unchanged: false,
    };
    assert_eq!(sabotage.mutant(), "norm-zeroed@norm.weight");
    let header = Event::Header(header(&["a"]));
    let text = lines(&[header, Event::Sabotage(Box::new(sabotage)), footer(0)]);
    let said = "holds what came of a fault planted on purpose; that is no verdict on a backend";
    refused(&text, &format!("run.ndjson:2: {said}"));
}

#[test]
fn refuses_another_format_and_a_wrong_count_of_surprises() {
    let mut other = header(&["a"]);
    other.format = 7;
    let text = lines(&[Event::Header(other), verdict("a", Outcome::Pass), footer(1)]);
    refused(
        &text,
        "run.ndjson:1: has format 7, but this reader knows only format 1",
    );

    let counts = BTreeMap::from([(Outcome::Mismatch, 1)]);
    let silent = Footer {
        counts,
        unexpected: 0,
        interrupted: false,
        seconds: 1.0,
    };
    let header = Event::Header(header(&["a"]));
    let text = lines(&[
        header,
        verdict("a", Outcome::Mismatch),
        Event::Footer(silent),
    ]);
    refused(
        &text,
        "run.ndjson: counts 0 unexpected verdicts in its footer, but holds 1",
    );
}

#[test]
fn refuses_a_run_that_mixes_revisions() {
    let computed = |check: &str, versions: &[(&str, &str)]| {
        let mut record = record(check, Outcome::Pass);
        let pairs = versions
            .iter()
            .map(|(name, version)| ((*name).into(), (*version).into()));
        record.versions = pairs.collect();
        record
    };
    let older = computed("a", &[("onnxruntime", "1.31.0"), ("ort", "2.0.0")]);
    let newer = computed("b", &[("onnxruntime", "1.31.1"), ("ort", "2.0.0")]);
    let mut elsewhere = newer.clone();
    elsewhere.test.backend = "python-ort".into();
    let mut variant = record("b", Outcome::Pass);
    variant.test.variant = Some("relu".into());
    variant.reference = "def".into();
    let mut recorded_anew = record("b", Outcome::Pass);
    recorded_anew.test.backend = "candle".into();
    recorded_anew.reference = "def".into();
    let mut died = record("b", Outcome::Pass);
    died.reference.clear();

    let rows = [
        (
            [older.clone(), newer],
            Some(
                "`bert on ort: b` was computed with onnxruntime 1.31.1, ort 2.0.0, \
                 but what is above it on ort with onnxruntime 1.31.0, ort 2.0.0",
            ),
        ),
        (
            [record("a", Outcome::Pass), recorded_anew],
            Some(
                "`bert on candle: b` was held against the reference def, \
                 but what is above it on the same case against abc",
            ),
        ),
        ([older, elsewhere], None),
        ([record("a", Outcome::Pass), variant], None),
        ([record("a", Outcome::Pass), died], None),
    ];
    for (records, message) in rows {
        let mut frame = header(&[]);
        frame.plan = records.iter().map(|record| record.test.clone()).collect();
        let verdicts = records.map(|record| Event::Verdict(Box::new(record)));
        let text = lines(&[&[Event::Header(frame)], &verdicts[..], &[footer(2)]].concat());
        match message {
            Some(message) => {
                refused(&text, &format!("run.ndjson:3: mixes revisions: {message}"));
            }
            None => assert!(Run::parse(Utf8Path::new("run.ndjson"), &text).is_ok()),
        }
    }
}

#[test]
fn the_writer_refuses_what_the_reader_would() {
    let (_folder, path) = scratch();
    let error = RunWriter::create(&path, &header(&[]))
        .err()
        .expect("refused")
        .to_string();
    assert!(
        error.ends_with("has an empty plan; a run of nothing is no run"),
        "{error}"
    );

    let mut writer = RunWriter::create(&path, &header(&["a"])).expect("starts");
    assert!(
        RunWriter::create(&path, &header(&["a"])).is_err(),
        "a second run in the same file"
    );
    assert!(
        writer.verdict(record("b", Outcome::Pass)).is_err(),
        "unplanned"
    );
    let error = writer.finish(false, 1.0).expect_err("refused").to_string();
    assert!(
        error.ends_with("the first of them `bert on ort: a`"),
        "{error}"
    );
    assert!(Run::read(&path).is_err(), "an unfinished file is no run");
}

#[test]
fn a_fragment_names_the_checks_that_a_dead_process_left_open() {
    let (_folder, path) = scratch();
    assert_eq!(
        Fragment::read(&path).expect("nothing yet"),
        Fragment::default()
    );
    append(&path, &Event::Begin(test_id("a"))).expect("appends");
    append(&path, &verdict("a", Outcome::Pass)).expect("appends");
    append(&path, &Event::Begin(test_id("b"))).expect("appends");
    let whole = std::fs::read_to_string(&path).expect("written");

    let fragment = Fragment::read(&path).expect("sound");
    assert_eq!(fragment.records.len(), 1);
    assert_eq!(fragment.open(), [&test_id("b")]);

    let cut = Fragment::parse(&path, &format!("{whole}{{\"verdict\":{{\"te")).expect("a cut end");
    assert_eq!(cut, fragment);
    let error = Fragment::parse(&path, &format!("garbage\n{whole}")).expect_err("refused");
    assert_eq!(error.line, Some(1));
}
