//! Lists of what is known not to pass: looked up, written, and refused where they would rot.

use std::collections::BTreeMap;

use camino::{Utf8Path, Utf8PathBuf};
use evidence::{Outcome, TestId};
use model_registry::{Expectation, Expectations, Registry};

const LIST: &str = "\
- family: bert
  check: forward_matches_reference
  setting: unoptimised
  outcome: mismatch
  cause: another GELU
- family: bert
  variant: relu
  check: refuses_bad_input
  outcome: run-failed
  cause: it panics
  upstream: https://example.org/1
";

fn read(text: &str) -> Result<Expectations, String> {
    let path = Utf8Path::new("expectations/candle-cpu.yaml");
    Expectations::from_source(path, text.to_owned()).map_err(|errors| errors.to_string())
}

fn test(variant: Option<&str>, check: &str, setting: Option<&str>) -> TestId {
    TestId {
        category: "text-encoder".into(),
        family: "bert".into(),
        variant: variant.map(Into::into),
        backend: "candle".into(),
        setting: setting.map(Into::into),
        check: check.into(),
    }
}

#[test]
fn entries_are_found_by_what_they_name() {
    let list = read(LIST).expect("a valid list");
    let forward = "forward_matches_reference";
    let refuses = "refuses_bad_input";
    for (variant, check, setting, outcome) in [
        (None, forward, Some("unoptimised"), Some(Outcome::Mismatch)),
        (None, forward, None, None),
        (Some("relu"), forward, Some("unoptimised"), None),
        (Some("relu"), refuses, None, Some(Outcome::RunFailed)),
        (
            Some("relu"),
            refuses,
            Some("unoptimised"),
            Some(Outcome::RunFailed),
        ),
        (None, refuses, None, None),
    ] {
        let test = test(variant, check, setting);
        assert_eq!(
            list.lookup(&test).map(|entry| entry.outcome),
            outcome,
            "{test}"
        );
    }
}

#[test]
fn absent_and_empty_files_expect_everything_to_pass() {
    let root = tempfile::tempdir().expect("a temporary folder");
    let root = Utf8Path::from_path(root.path()).expect("a UTF-8 path");
    let list = Expectations::load(root, "candle", "cpu").expect("absent is fine");
    assert!(list.entries().is_empty());
    assert!(
        read("# Nothing yet.\n\n")
            .expect("empty is fine")
            .entries()
            .is_empty()
    );
}

#[test]
fn entries_are_written_sorted_and_read_back() {
    let mut entries = read(LIST).expect("a valid list").entries().to_vec();
    entries.push(Expectation {
        family: "albert".into(),
        variant: None,
        check: "batch_equals_singles".into(),
        setting: None,
        outcome: Outcome::LoadFailed,
        cause: "a \"quoted\" name: √d, and\nanother line # no comment".into(),
        finding: Some("albert-rows-leak".into()),
        upstream: None,
    });
    entries.swap(0, 1);
    let list = Expectations::from_entries("candle", "cpu", entries).expect("valid entries");
    let families: Vec<_> = list.entries().iter().map(ToString::to_string).collect();
    assert_eq!(
        families,
        [
            "albert: batch_equals_singles",
            "bert: forward_matches_reference (unoptimised)",
            "bert.relu: refuses_bad_input",
        ]
    );
    let again = read(list.text()).expect("what is written can be read");
    assert_eq!(again.entries(), list.entries());
    insta::assert_snapshot!(list.text());
}

#[test]
fn lists_that_would_rot_are_refused() {
    let twice = format!(
        "{LIST}{}",
        &LIST[LIST.find("- family: bert\n  variant").expect("it is there")..]
    );
    let unsorted = LIST.replacen("family: bert", "family: roberta", 1);
    let overlapping = "\
- {family: bert, check: refuses_bad_input, outcome: crashed, cause: a}
- {family: bert, check: refuses_bad_input, setting: unoptimised, outcome: crashed, cause: b}
";
    for (name, text) in [
        ("duplicate", twice.as_str()),
        ("unsorted", &unsorted),
        ("overlapping", overlapping),
        ("pass", &LIST.replace("mismatch", "pass")),
        ("no_cause", &LIST.replace("another GELU", "\"\"")),
        (
            "no_link",
            &LIST.replace("https://example.org/1", "somewhere"),
        ),
        ("unknown_outcome", &LIST.replace("mismatch", "wrong")),
        ("unknown_key", &LIST.replace("cause: it", "because: it")),
        ("not_a_list", "family: bert\n"),
    ] {
        let error = read(text).expect_err(name);
        insta::with_settings!({description => text, omit_expression => true}, {
            insta::assert_snapshot!(name, error);
        });
    }
}

#[test]
fn entries_of_nothing_are_refused() {
    let family = "
family: bert
title: BERT
category: text-encoder
architecture: encoder-only
modality: text
transformers:
  model: BertModel
  checkpoint: {layer_norm_eps: 1.0e-5}
  config: {vocab_size: 89}
sizes: {batch: [2, 3]}
inputs: {input_ids: {tokens: [batch, 11]}}
outputs: {last_hidden_state: [batch, 11, hidden]}
variants:
  relu: {tries: ReLU, config: {hidden_act: relu}}
";
    let path = Utf8PathBuf::from("families/text-encoder/bert.yaml");
    let registry = Registry::from_sources(BTreeMap::from([(path, family.to_owned())]));
    let registry = registry.unwrap_or_else(|errors| panic!("{errors}"));
    let list = read(LIST).expect("a valid list");
    assert!(list.check_against(&registry).is_ok());
    let list = read(
        &LIST
            .replace("relu", "rleu")
            .replace("forward_matches", "matches")
            .replacen("bert", "bart", 1),
    );
    let errors = list
        .expect("well-formed")
        .check_against(&registry)
        .expect_err("three of nothing");
    insta::assert_snapshot!(errors);
}

#[test]
fn names_from_a_run_file_do_not_leave_the_folder() {
    let root = tempfile::tempdir().expect("a temporary folder");
    let root = Utf8Path::from_path(root.path()).expect("a UTF-8 path");
    for (backend, device) in [
        ("../../x", "cpu"),
        ("ort", "/../../x"),
        ("/etc/x", "cpu"),
        ("..", "cpu"),
        ("", "cpu"),
        ("ort", ""),
        ("ort\n", "cpu"),
        ("Ort", "cpu"),
    ] {
        let read = Expectations::load(root, backend, device).map(|_| ());
        let written = Expectations::from_entries(backend, device, Vec::new()).map(|_| ());
        for refused in [read, written] {
            let error = refused.expect_err(backend).to_string();
            assert!(
                error.contains("is no name of a backend or a device"),
                "{error}"
            );
        }
    }
}
