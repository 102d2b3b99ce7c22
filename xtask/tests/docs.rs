//! The page of checks: what its cells say, which run it is made from, and when it is stale.

use std::{collections::BTreeMap, fs, process::Command};

use camino::Utf8PathBuf;
use evidence::{FORMAT, Header, Outcome, Record, RunWriter, TestId};
use model_registry::Registry;
use xtask::{
    docs::{entries, page::Entry},
    exit::Exit,
};

const TINY: &str = "\
family: tiny
title: Tiny
category: text-encoder
architecture: encoder-only
modality: text
transformers:
  model: TinyModel
  checkpoint: {layer_norm_eps: 1.0e-5}
  config: {hidden_size: 36}
sizes:
  batch: [2, 3]
  sequence: [11, 8]
inputs:
  attention_mask: {lengths: {sequence: [11, 7]}}
  input_ids: {tokens: [batch, sequence]}
outputs:
  last_hidden_state: [batch, sequence, hidden]
waives: {padding_changes_nothing: it does in PyTorch too}
candle:
  use: candle_transformers::models::tiny::{Tiny, Config}
  config: Config
  model: Tiny
  load: Tiny::load(weights, &config)?
  outputs:
    last_hidden_state: model.forward(&input_ids)?
";

/// A workspace with one family that is bound, and one that is not.
struct Site {
    _folder: tempfile::TempDir,
    root: Utf8PathBuf,
    tests: Vec<TestId>,
}

impl Site {
    fn new() -> Self {
        let folder = tempfile::tempdir().expect("a temporary folder");
        let root = Utf8PathBuf::from_path_buf(folder.path().to_owned()).expect("UTF-8");
        let families = root.join("model-registry/families/text-encoder");
        fs::create_dir_all(&families).expect("made");
        let (unbound, _) = TINY.split_once("candle:\n").expect("a binding");
        let unbound = unbound.replace("family: tiny", "family: plain");
        fs::write(families.join("tiny.yaml"), TINY).expect("written");
        fs::write(families.join("plain.yaml"), unbound).expect("written");
        fs::create_dir_all(root.join("target/touchstone/runs")).expect("made");
        let registry = Registry::load(&root.join("model-registry")).expect("it is valid");
        let entries = entries(&registry).expect("its snippets parse");
        let mut tests: Vec<_> = entries.iter().filter_map(Entry::test).collect();
        tests.sort();
        Self {
            _folder: folder,
            root,
            tests,
        }
    }

    /// Leaves a run of these tests; `outcome` says what came of each and what was expected.
    fn run(&self, name: &str, tests: &[TestId], outcome: impl Fn(&TestId) -> [Outcome; 2]) {
        self.end(name, tests, outcome, false);
    }

    fn end(
        &self,
        name: &str,
        tests: &[TestId],
        outcome: impl Fn(&TestId) -> [Outcome; 2],
        interrupted: bool,
    ) {
        let header = Header {
            format: FORMAT,
            plan: tests.to_vec(),
            device: "cpu".into(),
            machine: "a machine".into(),
            revisions: BTreeMap::new(),
            started: 0,
        };
        let file = self.file(name);
        let mut writer = RunWriter::create(&file, &header).expect("a run file");
        for test in tests {
            let [outcome, expected] = outcome(test);
            writer
                .verdict(record(test, outcome, expected))
                .expect("a verdict");
        }
        writer.finish(interrupted, 1.0).expect("a footer");
    }

    fn file(&self, name: &str) -> Utf8PathBuf {
        self.root
            .join("target/touchstone/runs")
            .join(format!("{name}.ndjson"))
    }

    #[track_caller]
    fn docs(&self, arguments: &[&str], exit: Exit, said: &str) {
        let output = Command::new(env!("CARGO_BIN_EXE_xtask"))
            .args(["--root", self.root.as_str(), "docs"])
            .args(arguments)
            .output()
            .expect("starts");
        let text = [output.stdout, output.stderr].concat();
        let text = String::from_utf8(text).expect("UTF-8");
        assert_eq!(output.status.code(), Some(exit.code().into()), "{text}");
        assert!(text.contains(said), "{text}");
    }

    fn page(&self) -> String {
        fs::read_to_string(self.root.join("docs/checks.md")).expect("a page")
    }
}

fn record(test: &TestId, outcome: Outcome, expected: Outcome) -> Record {
    let known = expected != Outcome::Pass;
    Record {
        test: test.clone(),
        device: "cpu".into(),
        dtype: "f32".into(),
        outcome,
        expected,
        outputs: BTreeMap::new(),
        asserted: 1,
        detail: String::new(),
        cause: known.then(|| "the length is fixed, tiny.rs:7".to_owned()),
        seconds: 0.1,
        peak_bytes: 0,
        versions: BTreeMap::from([(test.backend.clone(), "1.0".to_owned())]),
        reference: String::new(),
        reproduce: String::new(),
    }
}

fn all_pass(_: &TestId) -> [Outcome; 2] {
    [Outcome::Pass; 2]
}

/// Passes, but for a refusal that is known and one that is not, a gap that is known, and a surprise.
fn mixed(test: &TestId) -> [Outcome; 2] {
    match (
        test.check.as_str(),
        test.backend.as_str(),
        test.family.as_str(),
    ) {
        ("every_length_agrees", "ort", "tiny") => [Outcome::Refused; 2],
        ("runs_twice_the_same", "ort", "tiny") => [Outcome::Refused, Outcome::Pass],
        ("refuses_bad_input", "candle", _) => [Outcome::RunFailed; 2],
        ("batch_equals_singles", "ort", "plain") => [Outcome::Mismatch, Outcome::Pass],
        _ => [Outcome::Pass; 2],
    }
}

#[test]
fn cells_say_what_came_of_what_is_made_and_why_the_rest_is_not() {
    let site = Site::new();
    site.run("20260101T000000Z", &site.tests, mixed);
    site.docs(&[], Exit::Ok, "written: docs/checks.md");
    let page = site.page();
    for line in [
        "What is checked of which architecture, and what came of it on cpu with candle 1.0, candle-graph 1.0, ort 1.0.",
        "| check | architecture | candle | candle-graph | ort |",
        "| `forward_matches_reference` | encoder-only | 1 made: 1 pass; 1 not made[^unbound] | 2 made: 2 pass | 4 made: 4 pass |",
        "| `batch_equals_singles` | encoder-only | 1 made: 1 pass; 1 not made[^unbound] | 2 made: 2 pass | 2 made: 1 pass, 1 unexpected |",
        "| `every_length_agrees` | encoder-only | 1 made: 1 pass; 1 not made[^unbound] | 2 made: 2 pass | 2 made: 1 pass, 1 refused |",
        "| `padding_changes_nothing` | encoder-only | 2 waived | 2 waived | 2 waived |",
        "| `half_precision_within_bound` | encoder-only | 1 made: 1 pass; 1 not made[^unbound] | –[^half] | –[^half] |",
        "| `refuses_bad_input` | encoder-only | 1 made: 1 known gap; 1 not made[^unbound] | 2 made: 2 pass | 2 made: 2 pass |",
        "| `runs_twice_the_same` | encoder-only | 1 made: 1 pass; 1 not made[^unbound] | 2 made: 2 pass | 2 made: 1 pass, 1 refused |",
        "2 verdicts of this run differ from what the expectations list.",
        "| `every_length_agrees` | 5 | 1 | 20.0 % | 0 | 1 |",
        "| `padding_changes_nothing` | 0 | 0 | – | 6 | 0 |",
        "[^half]: The recorded graph is float32.",
        "- plain, `padding_changes_nothing`: it does in PyTorch too",
        "- tiny on ort, `every_length_agrees`: the length is fixed, tiny.rs:7",
    ] {
        assert!(page.lines().any(|found| found == line), "{line}\n{page}");
    }
    assert!(
        !page.contains("vision"),
        "no row of what no family is:\n{page}"
    );
    assert!(
        !page.contains("[^mask]:"),
        "no note that nothing refers to:\n{page}"
    );
}

#[test]
fn readers_are_told_what_is_right_and_what_to_watch_out_for() {
    let site = Site::new();
    site.run("20260101T000000Z", &site.tests, mixed);
    site.docs(&[], Exit::Ok, "written: docs/backends/candle.md");
    let read = |name: &str| fs::read_to_string(site.root.join("docs").join(name)).expect("a page");
    for (page, line) in [
        (
            "categories/text-encoder.md",
            "| Tiny |  | right but for 1 gap (9 of 10) | right (7) | right but for 2 gaps (6 of 8) |",
        ),
        ("categories/text-encoder.md", "With candle-transformers:"),
        (
            "categories/text-encoder.md",
            "- does not run, in the base case (refuses bad input): the length is fixed, tiny.rs:7",
        ),
        (
            "backends/candle.md",
            "| [text-encoder](../categories/text-encoder.md) | 1 | 0 | 1 | 0 |",
        ),
        (
            "backends/candle.md",
            "`tiny`: right but for 1 gap (9 of 10)",
        ),
    ] {
        let text = read(page);
        assert!(text.lines().any(|found| found == line), "{line}\n{text}");
    }
}

#[test]
fn a_page_is_stale_when_a_newer_run_says_otherwise() {
    let site = Site::new();
    site.run("20260101T000000Z", &site.tests, all_pass);
    site.docs(&["--check"], Exit::Stale, "mend with `cargo xtask docs`");
    site.docs(&[], Exit::Ok, "written");
    site.docs(&["--check"], Exit::Ok, "fresh: docs/checks.md");
    let before = site.page();
    assert!(
        before.contains("\n## Refused, and why\n\nNone.\n"),
        "{before}"
    );

    site.run("20260102T000000Z", &site.tests, mixed);
    site.docs(&["--check"], Exit::Stale, "docs/checks.md is not what");
    assert_eq!(site.page(), before, "a check writes nothing");
}

#[test]
fn a_run_that_tells_less_is_passed_over() {
    let site = Site::new();
    site.docs(
        &[],
        Exit::Setup,
        "no run in target/touchstone/runs made every emitted check on cpu [cargo xtask verify]",
    );
    site.run("20260101T000000Z", &site.tests, all_pass);
    site.docs(&[], Exit::Ok, "written");
    let page = site.page();

    site.run("20260102T000000Z", &site.tests[1..], mixed);
    site.end("20260103T000000Z", &site.tests, mixed, true);
    fs::write(site.file("20260104T000000Z"), "cut").expect("written");
    site.run("latest", &site.tests, mixed);
    site.docs(&["--check"], Exit::Ok, "fresh");
    assert_eq!(site.page(), page);
}

#[test]
fn a_run_that_is_named_must_be_whole() {
    let site = Site::new();
    site.run("partial", &site.tests[1..], mixed);
    site.end("stopped", &site.tests, mixed, true);
    for (name, said) in [
        (
            "partial",
            "it did not make plain on candle-graph: batch_equals_singles",
        ),
        ("stopped", "it was stopped before its end"),
    ] {
        site.docs(&["--run", site.file(name).as_str()], Exit::Usage, said);
    }
    site.docs(&["--run", "nowhere.ndjson"], Exit::Setup, "nowhere.ndjson");
}

/// Line ends, dates and hosts would differ from machine to machine.
#[test]
fn bytes_depend_on_registry_and_verdicts_alone() {
    let [one, other] = [(), ()].map(|()| {
        let site = Site::new();
        site.run("20260101T000000Z", &site.tests, mixed);
        site.docs(&[], Exit::Ok, "written");
        site.page()
    });
    assert_eq!(one, other);
    assert!(!one.contains("a machine") && !one.contains("2026"), "{one}");
}
