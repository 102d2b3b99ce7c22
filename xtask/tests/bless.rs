//! Expectations follow a run, but never without a cause, and never quietly.

use std::collections::BTreeMap;

use evidence::{Outcome, Record, TestId};
use model_registry::Expectation;
use xtask::bless::{Cause, rewrite};

const FORWARD: &str = "forward_matches_reference";

fn record(family: &str, setting: Option<&str>, outcome: Outcome, expected: Outcome) -> Record {
    let test = TestId {
        category: "vision".into(),
        family: family.into(),
        variant: None,
        backend: "ort".into(),
        setting: setting.map(str::to_owned),
        check: FORWARD.into(),
    };
    Record {
        test,
        device: "cpu".into(),
        dtype: "f32".into(),
        outcome,
        expected,
        outputs: BTreeMap::new(),
        detail: String::new(),
        cause: None,
        asserted: 0,
        seconds: 0.1,
        peak_bytes: 0,
        versions: BTreeMap::new(),
        reference: String::new(),
        reproduce: String::new(),
    }
}

fn entry(family: &str, setting: Option<&str>, outcome: Outcome, cause: &str) -> Expectation {
    Expectation {
        family: family.into(),
        variant: None,
        check: FORWARD.into(),
        setting: setting.map(str::to_owned),
        outcome,
        cause: cause.into(),
        finding: None,
        upstream: None,
    }
}

fn cause(filter: &str, text: &str) -> Cause {
    Cause {
        filter: filter.into(),
        text: text.into(),
    }
}

#[track_caller]
fn check(
    old: &[Expectation],
    records: &[Record],
    causes: &[Cause],
    allowed: &[Outcome],
    expected: Result<&[Expectation], &[&str]>,
) {
    let records: Vec<_> = records.iter().collect();
    let found = rewrite(old, &records, causes, allowed);
    let found = found
        .as_deref()
        .map_err(|faults| faults.iter().map(String::as_str).collect());
    assert_eq!(found, expected.map_err(<[&str]>::to_vec));
}

#[test]
fn a_surprise_needs_a_cause() {
    let surprise = [record("vit", None, Outcome::Mismatch, Outcome::Pass)];
    let message = "vit::on_ort::forward_matches_reference: mismatch has no cause; \
                   give one: --cause 'vit::on_ort::forward_matches_reference=…'";
    check(&[], &surprise, &[], &[], Err(&[message]));
    let written = [entry(
        "vit",
        None,
        Outcome::Mismatch,
        "GELU is approximated",
    )];
    check(
        &[],
        &surprise,
        &[cause("vit::on_ort", "GELU is approximated")],
        &[],
        Ok(&written),
    );
}

#[test]
fn a_known_gap_keeps_its_cause() {
    let old = [entry(
        "vit",
        None,
        Outcome::Mismatch,
        "GELU is approximated",
    )];
    let run = [record("vit", None, Outcome::Mismatch, Outcome::Mismatch)];
    check(&old, &run, &[], &[], Ok(&old));
    // A filter that happens to fit leaves what is known alone.
    check(&old, &run, &[cause("vit", "something else")], &[], Ok(&old));
}

#[test]
fn a_gap_that_closed_is_deleted() {
    let old = [entry(
        "vit",
        None,
        Outcome::Mismatch,
        "GELU is approximated",
    )];
    let run = [record("vit", None, Outcome::Pass, Outcome::Mismatch)];
    check(&old, &run, &[], &[], Ok(&[]));
}

#[test]
fn what_was_not_run_keeps_its_entry() {
    let old = [entry(
        "vit",
        None,
        Outcome::Mismatch,
        "GELU is approximated",
    )];
    let run = [record("bert", None, Outcome::Pass, Outcome::Pass)];
    check(&old, &run, &[], &[], Ok(&old));
}

#[test]
fn an_entry_that_no_test_falls_under_is_deleted() {
    let mut gone = entry("vit", None, Outcome::Mismatch, "GELU is approximated");
    gone.check = "padding_changes_nothing".into();
    let run = [record("vit", None, Outcome::Pass, Outcome::Pass)];
    check(&[gone], &run, &[], &[], Ok(&[]));
}

#[test]
fn another_outcome_may_have_another_cause() {
    let old = [entry(
        "vit",
        None,
        Outcome::Mismatch,
        "GELU is approximated",
    )];
    let run = [record("vit", None, Outcome::RunFailed, Outcome::Mismatch)];
    let kept = [entry(
        "vit",
        None,
        Outcome::RunFailed,
        "GELU is approximated",
    )];
    check(&old, &run, &[], &[], Ok(&kept));
    let given = [entry(
        "vit",
        None,
        Outcome::RunFailed,
        "an operator is gone",
    )];
    check(
        &old,
        &run,
        &[cause("vit", "an operator is gone")],
        &[],
        Ok(&given),
    );
}

#[test]
fn a_crash_is_taken_over_only_when_allowed() {
    let run = [record("vit", None, Outcome::Crashed, Outcome::Pass)];
    let causes = [cause("vit", "stack overflow in its converter")];
    let path = "vit::on_ort::forward_matches_reference";
    let refused = format!("{path}: crashed is taken over only with `--allow crashed`");
    check(&[], &run, &causes, &[], Err(&[&refused]));
    check(&[], &run, &causes, &[Outcome::TimedOut], Err(&[&refused]));
    let written = [entry(
        "vit",
        None,
        Outcome::Crashed,
        "stack overflow in its converter",
    )];
    check(&[], &run, &causes, &[Outcome::Crashed], Ok(&written));
    // What is known already was allowed once.
    let known = [record("vit", None, Outcome::Crashed, Outcome::Crashed)];
    check(&written, &known, &[], &[], Ok(&written));
}

#[test]
fn what_says_nothing_is_never_expected() {
    for outcome in [Outcome::NotRun, Outcome::Interrupted, Outcome::Flaky] {
        let run = [record("vit", None, outcome, Outcome::Pass)];
        let path = "vit::on_ort::forward_matches_reference";
        let refused = format!("{path}: {outcome} is no finding, so it cannot be expected");
        check(
            &[],
            &run,
            &[cause("vit", "whatever")],
            &[outcome],
            Err(&[&refused]),
        );
    }
}

#[test]
fn every_fault_is_told() {
    let run = [
        record("bert", None, Outcome::Mismatch, Outcome::Pass),
        record("vit", None, Outcome::Crashed, Outcome::Pass),
    ];
    let found = rewrite(&[], &run.iter().collect::<Vec<_>>(), &[], &[]);
    assert_eq!(found.expect_err("refused").len(), 2);
}

#[test]
fn one_entry_stands_for_all_settings_that_agree() {
    let run = [
        record("vit", None, Outcome::Mismatch, Outcome::Pass),
        record("vit", Some("unoptimised"), Outcome::Mismatch, Outcome::Pass),
    ];
    let causes = [cause("vit", "an operator is wrong")];
    let written = [entry(
        "vit",
        None,
        Outcome::Mismatch,
        "an operator is wrong",
    )];
    check(&[], &run, &causes, &[], Ok(&written));
}

#[test]
fn a_setting_that_fails_alone_has_an_entry_of_its_own() {
    let run = [
        record("vit", None, Outcome::Pass, Outcome::Pass),
        record("vit", Some("unoptimised"), Outcome::Mismatch, Outcome::Pass),
    ];
    let causes = [cause("vit::on_ort_unoptimised", "an operator is wrong")];
    let written = [entry(
        "vit",
        Some("unoptimised"),
        Outcome::Mismatch,
        "an operator is wrong",
    )];
    check(&[], &run, &causes, &[], Ok(&written));
}

#[test]
fn what_the_usual_setting_alone_shows_is_written_under_its_name() {
    let run = [
        record("vit", None, Outcome::Mismatch, Outcome::Pass),
        record("vit", Some("unoptimised"), Outcome::Pass, Outcome::Pass),
    ];
    let written = [entry(
        "vit",
        Some("default"),
        Outcome::Mismatch,
        "a fusion is wrong",
    )];
    let causes = [cause("vit", "a fusion is wrong")];
    check(&[], &run, &causes, &[], Ok(&written));
    check(&written, &run, &[], &[], Ok(&written));
}
