//! What is written about a check, and what is expected of it.

mod common;

use std::fs;

use common::{ENCODER, Fixture, Flaw, Toy};
use evidence::{Event, Outcome, Record};
use harness::{check, judge};

const CHECK: &str = "forward_matches_reference";

fn forward(fixture: &Fixture, toy: Toy) -> Result<Record, String> {
    judge::record(
        &fixture.site,
        CHECK,
        &common::TOY,
        &toy,
        check::forward_matches_reference::examine,
    )
}

fn expect(fixture: &Fixture, list: &str) {
    let folder = fixture.site.root.join("model-registry/expectations");
    fs::create_dir_all(&folder).expect("writable");
    fs::write(folder.join("candle-cpu.yaml"), list).expect("writable");
}

/// The record as a reader sees it: JSON may cost the last bit of a number.
fn reread(record: &Record) -> Event {
    let line = serde_json::to_string(&Event::Verdict(Box::new(record.clone()))).expect("JSON");
    serde_json::from_str(&line).expect("an event")
}

const ENTRY: &str = "\
- family: toy
  check: forward_matches_reference
  outcome: mismatch
  cause: the head is scaled twice
";

#[test]
fn a_check_leaves_its_beginning_and_its_verdict() {
    let mut fixture = Fixture::new(&ENCODER);
    let path = fixture.site.root.join("evidence.ndjson");
    fixture.site.evidence = Some(path.clone());
    let record = forward(&fixture, ENCODER).expect("in order");
    let text = fs::read_to_string(&path).expect("written");
    let events: Vec<Event> = text
        .lines()
        .map(|line| serde_json::from_str(line).expect("an event"))
        .collect();
    assert_eq!(events, [Event::Begin(record.test.clone()), reread(&record)]);
    assert_eq!(record.reference.len(), 64);
    assert_eq!(
        record.reproduce,
        "cargo test -p generated --test text-encoder toy::on_candle::forward_matches_reference -- --exact"
    );
    assert!(record.seconds > 0.0);
}

/// JSON has no NaN; a record of one must still be read back.
#[test]
fn a_record_of_nan_is_read_back() {
    let mut fixture = Fixture::new(&ENCODER);
    let path = fixture.site.root.join("evidence.ndjson");
    fixture.site.evidence = Some(path.clone());
    let record = forward(&fixture, ENCODER.with(Flaw::Nan)).expect("in order");
    let text = fs::read_to_string(&path).expect("written");
    let last: Event =
        serde_json::from_str(text.lines().last().expect("two lines")).expect("an event");
    assert_eq!(last, reread(&record));
    assert_eq!(
        record.outputs["hidden"]
            .first_difference
            .as_ref()
            .and_then(|first| first.got),
        None
    );
}

#[test]
fn evidence_that_cannot_be_written_fails_the_check() {
    let mut fixture = Fixture::new(&ENCODER);
    fixture.site.evidence = Some(fixture.site.root.join("nowhere/evidence.ndjson"));
    let error = forward(&fixture, ENCODER).expect_err("no such folder");
    assert!(
        error.contains("nowhere/evidence.ndjson: evidence cannot be written: No such file"),
        "{error}"
    );
}

#[test]
fn what_is_listed_is_expected() {
    let fixture = Fixture::new(&ENCODER);
    expect(&fixture, ENTRY);
    let record = forward(&fixture, ENCODER.with(Flaw::OneElement)).expect("in order");
    assert_eq!(
        (record.outcome, record.expected),
        (Outcome::Mismatch, Outcome::Mismatch)
    );
    assert_eq!(record.cause.as_deref(), Some("the head is scaled twice"));
    assert!(record.is_as_expected());
}

#[test]
fn an_unexpected_pass_and_another_failure_are_both_unexpected() {
    let fixture = Fixture::new(&ENCODER);
    expect(&fixture, ENTRY);
    assert!(
        !forward(&fixture, ENCODER)
            .expect("in order")
            .is_as_expected()
    );
    assert!(
        !forward(&fixture, ENCODER.with(Flaw::Nan))
            .expect("in order")
            .is_as_expected()
    );
}

#[test]
fn a_list_that_cannot_be_read_fails_the_check() {
    let fixture = Fixture::new(&ENCODER);
    expect(&fixture, "- family: [");
    let error = forward(&fixture, ENCODER).expect_err("no YAML");
    assert!(error.contains("expectations/candle-cpu.yaml"), "{error}");
}

#[test]
fn a_missing_reference_is_a_failure_to_load() {
    let fixture = Fixture::new(&ENCODER);
    fs::remove_dir_all(fixture.folder()).expect("it is there");
    let record = forward(&fixture, ENCODER).expect("in order");
    assert_eq!(record.outcome, Outcome::LoadFailed);
    assert!(
        record
            .detail
            .ends_with("(mend it with `cargo xtask record toy`)"),
        "{}",
        record.detail
    );
    assert_eq!((record.reference.as_str(), record.outputs.len()), ("", 0));
}
