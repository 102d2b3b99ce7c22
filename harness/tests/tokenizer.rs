//! Tokenizers: what transformers answered passes, and every other answer is noticed by its check.

use std::fs;

use camino::{Utf8Path, Utf8PathBuf};
use evidence::Outcome;
use harness::{
    Tokenizer,
    backend::Device,
    site::Site,
    tokenizer::{self, CHECKS},
};
use serde_json::{Value, json};

const BERT: Tokenizer = Tokenizer {
    name: "bert",
    class: "BertTokenizer",
};

/// A change to what was recorded.
type Change<'a> = &'a dyn Fn(&mut Value);

fn recorded() -> Utf8PathBuf {
    Utf8Path::new(env!("CARGO_MANIFEST_DIR")).join("../snapshots/tokenizers/bert")
}

/// What came of every check once the recorded answers were changed.
fn outcomes(change: impl Fn(&mut Value), tokenizer: &Tokenizer) -> Vec<(&'static str, Outcome)> {
    let root = tempfile::tempdir().expect("a temporary folder");
    let root = Utf8Path::from_path(root.path()).expect("a UTF-8 path");
    let folder = root.join("snapshots/tokenizers").join(tokenizer.name);
    fs::create_dir_all(&folder).expect("a folder");
    let read = |name: &str| fs::read(recorded().join(name)).expect("it is recorded");
    let mut answers: Value = serde_json::from_slice(&read("expected.json")).expect("JSON");
    change(&mut answers);
    fs::write(folder.join("expected.json"), answers.to_string()).expect("written");
    fs::write(folder.join("tokenizer.json"), read("tokenizer.json")).expect("written");
    let site = Site::at(root.to_owned(), Device::Cpu);
    let outcome = |(name, examine): &(&'static str, tokenizer::Examine)| {
        let record = tokenizer::record(&site, name, tokenizer, *examine).expect("a record");
        let proven = record.asserted > 0;
        assert_eq!(
            record.outcome == Outcome::Pass,
            proven && record.detail.is_empty()
        );
        (*name, record.outcome)
    };
    CHECKS.iter().map(outcome).collect()
}

/// The first encoding of a text or a pair, whole or cut.
fn encoding<'a>(answers: &'a mut Value, kind: &str, cut: bool) -> &'a mut Value {
    let all = answers["encodings"].as_array_mut().expect("a list");
    let is_meant = |of: &&mut Value| of.get(kind).is_some() && of["max_length"].is_null() != cut;
    all.iter_mut().find(is_meant).expect("one")
}

/// The checks that did not pass, and how.
fn failing(change: impl Fn(&mut Value)) -> Vec<(&'static str, Outcome)> {
    let all = outcomes(change, &BERT).into_iter();
    all.filter(|(_, outcome)| *outcome != Outcome::Pass)
        .collect()
}

#[test]
fn what_transformers_answered_passes() {
    assert_eq!(failing(|_| {}), []);
}

#[test]
fn every_other_answer_is_noticed_by_its_check() {
    let table: [(&str, Change<'_>, &[&str]); 8] = [
        (
            "an id",
            &|a| encoding(a, "text", false)["ids"][1] = json!(7),
            &["encodings_match", "decodings_match"],
        ),
        (
            "an id too many",
            &|a| {
                let ids = &mut encoding(a, "pair", false)["ids"];
                ids.as_array_mut().expect("a list").push(json!(7));
            },
            &["pairs_match"],
        ),
        (
            "a type",
            &|a| encoding(a, "pair", false)["type_ids"] = json!("1"),
            &["pairs_match"],
        ),
        (
            "a special id",
            &|a| encoding(a, "text", true)["special_tokens_mask"] = json!("000"),
            &["truncation_matches"],
        ),
        (
            "an offset",
            &|a| encoding(a, "text", false)["offsets"][2] = json!(9),
            &["offsets_match"],
        ),
        (
            "a padded id",
            &|a| a["padding"]["ids"][1][5] = json!(9),
            &["padding_matches"],
        ),
        (
            "the side",
            &|a| a["padding"]["side"] = json!("left"),
            &["padding_matches"],
        ),
        (
            "a character",
            &|a| a["decodings"][0]["text"] = json!("[CLS] x"),
            &["decodings_match"],
        ),
    ];
    for (what, change, checks) in table {
        let expected: Vec<_> = checks
            .iter()
            .map(|check| (*check, Outcome::Mismatch))
            .collect();
        assert_eq!(failing(change), expected, "{what}");
    }
}

#[test]
fn what_cannot_be_held_against_anything_is_no_pass() {
    let all = |outcome| CHECKS.map(|(name, _)| (name, outcome)).to_vec();
    let table: [(&str, Change<'_>); 5] = [
        ("another format", &|a| a["format"] = json!(2)),
        ("another class", &|a| a["class"] = json!("BartTokenizer")),
        ("another file", &|a| a["tokenizer_sha256"] = json!("0")),
        ("a key too many", &|a| a["more"] = json!(1)),
        ("a key too few", &|a| {
            drop(a.as_object_mut().expect("a map").remove("texts"))
        }),
    ];
    for (what, change) in table {
        assert_eq!(failing(change), all(Outcome::LoadFailed), "{what}");
    }
    let absent = Tokenizer {
        name: "absent",
        ..BERT
    };
    let nothing = outcomes(|answers| answers["class"] = json!("Other"), &absent);
    assert_eq!(nothing, all(Outcome::LoadFailed));
    assert_eq!(
        failing(|answers| answers["padding"] = Value::Null),
        [("padding_matches", Outcome::NotRun)]
    );
    assert_eq!(
        failing(|answers| answers["decodings"] = json!([])),
        [("decodings_match", Outcome::NotRun)]
    );
}
