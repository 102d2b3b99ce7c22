//! The three judges in turn, over stand-ins for test binaries and for the float64 run.
#![cfg(unix)]

use std::{collections::BTreeMap, fs, os::unix::fs::PermissionsExt, time::Duration};

use camino::Utf8PathBuf;
use evidence::{Bound, Event, Metrics, Outcome, Record, Sabotage, TestId};
use xtask::{
    verify::{
        Device,
        judge::Bench,
        launch::Launcher,
        plan::Unit,
        saboteurs::{Found, Session, mutants::Status},
    },
    workspace::Workspace,
};

const FORWARD: &str = "forward_matches_reference";

/// For each test it writes Begin, what came of the mutants that it is asked for, and the verdict.
const BINARY: &str = r#"#!/bin/sh
here=$(dirname "$0")
for argument in "$@"; do
  case "$argument" in --*) continue ;; esac
  cat "$here/$argument.begin" >> "$TOUCHSTONE_EVIDENCE"
  if test "$TOUCHSTONE_SABOTEURS" = all; then wanted=.; else wanted=$TOUCHSTONE_SABOTEURS; fi
  for mutant in "$here/$argument@"*; do
    test -f "$mutant" || continue
    name=${mutant#"$here/$argument@"}
    if test "$wanted" = . || grep -qx "$name@here" "$wanted"; then cat "$mutant" >> "$TOUCHSTONE_EVIDENCE"; fi
  done
  test -f "$here/$argument.act" && . "$here/$argument.act"
  cat "$here/$argument.verdict" >> "$TOUCHSTONE_EVIDENCE"
done
echo "test result: whatever"
"#;

/// Says of every question what a file says.
const PYTHON: &str = r#"#!/bin/sh
here=$(dirname "$0")
cp /dev/stdin "$here/questions"
echo "a library's chatter"
cat "$here/answers"
exit 1
"#;

struct Bed {
    _temporary: tempfile::TempDir,
    root: Utf8PathBuf,
    bench: Bench,
    units: Vec<Unit>,
}

fn id(check: &str, setting: Option<&str>) -> TestId {
    TestId {
        category: "vision".into(),
        family: "vit".into(),
        variant: None,
        backend: "ort".into(),
        setting: setting.map(str::to_owned),
        check: check.into(),
    }
}

fn line(event: Event) -> String {
    format!("{}\n", serde_json::to_string(&event).expect("plain data"))
}

fn passed(test: &TestId) -> Record {
    let metrics = Metrics {
        compared: 4,
        max_abs: 0.5,
        rmse: 0.5,
        relative_l2: 0.5,
        argmax_agreement: 1.0,
        bound: Bound {
            rmse: 1.0,
            max_abs: 1.0,
            rule: "as in the test".into(),
        },
        margin: 0.5,
        first_difference: None,
    };
    Record {
        test: test.clone(),
        device: "cpu".into(),
        dtype: "f32".into(),
        outcome: Outcome::Pass,
        expected: Outcome::Pass,
        outputs: BTreeMap::from([("logits".into(), metrics)]),
        asserted: 0,
        detail: String::new(),
        cause: None,
        seconds: 0.1,
        peak_bytes: 0,
        versions: BTreeMap::new(),
        reference: "abc".into(),
        reproduce: "cargo test".into(),
    }
}

/// A family with the forward check at two settings, and two checks besides.
fn bed() -> Bed {
    let temporary = tempfile::tempdir().expect("a temporary folder");
    let root = Utf8PathBuf::from_path_buf(temporary.path().to_owned()).expect("UTF-8");
    let binary = root.join("binary");
    fs::write(&binary, BINARY).expect("written");
    fs::set_permissions(&binary, fs::Permissions::from_mode(0o755)).expect("executable");
    let tests = vec![
        id("batch", None),
        id(FORWARD, None),
        id(FORWARD, Some("unoptimised")),
        id("padding", None),
    ];
    for test in &tests {
        let file = |kind| root.join(format!("{}.{kind}", test.rust_path()));
        fs::write(file("begin"), line(Event::Begin(test.clone()))).expect("written");
        let verdict = line(Event::Verdict(Box::new(passed(test))));
        fs::write(file("verdict"), verdict).expect("written");
    }
    let bench = Bench {
        workspace: Workspace { root: root.clone() },
        folder: root.join("run"),
        device: Device::Cpu,
        expectations: BTreeMap::new(),
        limit: Duration::from_secs(20),
        memory: 1 << 30,
        threads: 1,
        environment: Vec::new(),
    };
    fs::create_dir(&bench.folder).expect("made");
    let launcher = Launcher::Rust {
        binary,
        folder: root.clone(),
    };
    let unit = Unit {
        name: "vision.vit.rust".into(),
        title: "vit".into(),
        tests,
        launcher,
    };
    Bed {
        _temporary: temporary,
        root,
        bench,
        units: vec![unit],
    }
}

impl Bed {
    /// What a check says of a mutant, if it is asked.
    fn plant(&self, fault: &str, check: &str, outcome: Outcome) {
        let test = id(check, None);
        let path = format!("{}@{fault}", test.rust_path());
        let sabotage = Sabotage {
            test,
            fault: fault.into(),
            site: "here".into(),
            outcome,
            detail: String::new(),
            margin: Some(0.5),
            unchanged: false,
        };
        let sabotage = line(Event::Sabotage(Box::new(sabotage)));
        fs::write(self.root.join(path), sabotage).expect("written");
    }

    fn act(&self, check: &str, script: &str) {
        let path = self
            .root
            .join(format!("{}.act", id(check, None).rust_path()));
        fs::write(path, script).expect("written");
    }

    /// What the harness would leave of a mutant.
    fn leave(&self, name: &str) {
        let folder = self.root.join("target/touchstone/saboteurs/vit");
        fs::create_dir_all(&folder).expect("made");
        fs::write(folder.join(name), "a graph").expect("written");
    }

    /// An environment that is complete as far as `Environment` can tell, whose Python says this.
    fn python(&self, answers: &str) {
        let pins = self.root.join("harness/python");
        fs::create_dir_all(&pins).expect("made");
        fs::write(pins.join("requirements-record.txt"), "").expect("written");
        let bin = self.root.join("target/python/recorder/bin");
        fs::create_dir_all(&bin).expect("made");
        // The digest of no pins at all.
        let stamp = "e3b0c44298fc1c149afbf4c8996fb92427ae41e4649b934ca495991b7852b855";
        fs::write(bin.join("../touchstone-pins"), stamp).expect("written");
        fs::write(bin.join("answers"), answers).expect("written");
        fs::write(bin.join("python"), PYTHON).expect("written");
        fs::set_permissions(bin.join("python"), fs::Permissions::from_mode(0o755)).expect("set");
    }

    fn questions(&self) -> String {
        fs::read_to_string(self.root.join("target/python/recorder/bin/questions"))
            .unwrap_or_default()
    }

    fn run(&self, faults: &[&str]) -> Found {
        let faults: Vec<_> = faults.iter().map(|fault| (*fault).to_owned()).collect();
        let session = Session {
            architectures: BTreeMap::from([("vit".into(), "vision")]),
            bench: &self.bench,
            units: &self.units,
            jobs: 1,
            faults: &faults,
        };
        let found = session.run().map_err(|failure| failure.to_string());
        found.expect("runs").expect("is not stopped")
    }
}

fn statuses(found: &Found) -> BTreeMap<&str, Status> {
    let mutants = found.mutants.iter();
    mutants.map(|m| (m.fault.as_str(), m.status)).collect()
}

fn checks<'f>(found: &'f Found, fault: &str) -> Vec<&'f str> {
    let mutant = found.mutants.iter().find(|mutant| mutant.fault == fault);
    let checks = &mutant.expect("a mutant").checks;
    checks.iter().map(|check| check.check.as_str()).collect()
}

#[test]
fn only_what_the_forward_check_misses_meets_the_others() {
    let bed = bed();
    bed.plant("heads-swapped", FORWARD, Outcome::Mismatch);
    bed.plant("heads-swapped", "batch", Outcome::Mismatch);
    bed.plant("rope-pairing", FORWARD, Outcome::Pass);
    bed.plant("rope-pairing", "batch", Outcome::Pass);
    bed.plant("rope-pairing", "padding", Outcome::Mismatch);
    let found = bed.run(&[]);
    let expected = [
        ("heads-swapped", Status::Detected),
        ("rope-pairing", Status::Detected),
    ];
    assert_eq!(statuses(&found), BTreeMap::from(expected));
    assert_eq!(checks(&found, "heads-swapped"), [FORWARD]);
    assert_eq!(
        checks(&found, "rope-pairing"),
        [FORWARD, "batch", "padding"]
    );
    assert_eq!(found.problems, [] as [String; 0]);
    assert_eq!(found.unmeasured, []);
}

#[test]
fn what_all_checks_miss_is_asked_of_float64() {
    let bed = bed();
    for fault in [
        "epsilon-times-ten",
        "rope-pairing",
        "rope-theta",
        "window-off-by-one",
    ] {
        bed.plant(fault, FORWARD, Outcome::Pass);
        let leave = match fault {
            "window-off-by-one" => "true",
            "rope-theta" => "touch $left/rope-theta_here.json",
            _ => {
                "touch $left/original.onnx $left/epsilon-times-ten_here.onnx $left/rope-pairing_here.onnx"
            }
        };
        // As the harness does, only once the folder has been emptied and the mutant was asked for.
        let script =
            format!("left=$here/target/touchstone/saboteurs/vit; mkdir -p $left; {leave}\n");
        let before =
            fs::read_to_string(bed.root.join("vit::on_ort::batch.act")).unwrap_or_default();
        bed.act("batch", &(before + &script));
    }
    let head = r#"{"case": "vit", "backend": "ort", "mutant":"#;
    let moves = r#""outputs": {"y": {"max_abs": 0, "rmse": 0, "share": 0, "allowed_max_abs": 1, "allowed_rmse": 1}}"#;
    bed.python(&format!(
        "{head} \"epsilon-times-ten@here\", \"state\": \"equivalent\", \"detail\": \"\", {moves}}}\n{head} \"rope-pairing@here\", \"state\": \"moved\", \"detail\": \"far\", {moves}}}\n",
    ));
    bed.leave("window-off-by-one_here.onnx");
    let found = bed.run(&[]);
    let expected = [
        ("epsilon-times-ten", Status::Equivalent),
        ("rope-pairing", Status::Survived),
        ("rope-theta", Status::Survived),
        ("window-off-by-one", Status::Survived),
    ];
    assert_eq!(statuses(&found), BTreeMap::from(expected));
    let told: BTreeMap<_, _> = found
        .mutants
        .iter()
        .filter_map(|m| Some((m.fault.as_str(), m.float64.as_ref()?.detail.as_str())))
        .collect();
    assert_eq!(
        told["rope-theta"],
        "the float64 run ended without an answer"
    );
    // What an earlier run left is gone.
    assert_eq!(
        told["window-off-by-one"],
        "the harness left no file to repeat it with"
    );

    let questions = bed.questions();
    let fields = [
        "original.onnx",
        "epsilon-times-ten_here.onnx",
        "rope-theta_here.json",
    ];
    assert!(
        fields.iter().all(|field| questions.contains(field)),
        "{questions}"
    );
    assert_eq!(questions.lines().count(), 3);
}

#[test]
fn float64_is_not_asked_when_nothing_survives() {
    let bed = bed();
    bed.plant("heads-swapped", FORWARD, Outcome::Mismatch);
    bed.run(&[]);
    assert!(!bed.root.join("target/python").exists());
}

#[test]
fn faults_that_were_not_asked_for_do_not_count() {
    let bed = bed();
    bed.plant("heads-swapped", FORWARD, Outcome::Mismatch);
    bed.plant("rope-pairing", FORWARD, Outcome::Mismatch);
    let found = bed.run(&["rope-pairing"]);
    let expected = BTreeMap::from([("rope-pairing", Status::Detected)]);
    assert_eq!(statuses(&found), expected);
}

#[test]
fn a_fault_that_the_report_does_not_know_is_a_problem() {
    let bed = bed();
    bed.plant("of-another-kind", FORWARD, Outcome::Mismatch);
    let expected =
        format!("vit on ort: {FORWARD}: `of-another-kind` is no fault that is known here");
    assert_eq!(bed.run(&[]).problems, [expected]);
}

#[test]
fn a_harness_that_plants_nothing_is_not_measured() {
    let found = bed().run(&[]);
    assert_eq!(found.unmeasured.len(), 1);
    assert_eq!(found.unmeasured[0].cause, "no fault was planted");
}

#[test]
fn a_death_among_the_mutants_keeps_what_was_seen_and_is_never_green() {
    let bed = bed();
    bed.plant("heads-swapped", FORWARD, Outcome::Mismatch);
    bed.act(FORWARD, "kill -SEGV $$\n");
    let found = bed.run(&[]);
    assert_eq!(statuses(&found)["heads-swapped"], Status::Detected);
    let unmeasured = &found.unmeasured[0];
    assert_eq!(
        (unmeasured.outcome, unmeasured.known),
        (Outcome::Crashed, false)
    );
}

#[test]
fn a_death_among_the_other_checks_is_never_green() {
    let bed = bed();
    bed.plant("rope-pairing", FORWARD, Outcome::Pass);
    bed.plant("rope-pairing", "padding", Outcome::Mismatch);
    bed.act("batch", "kill -SEGV $$\n");
    let found = bed.run(&[]);
    assert_eq!(statuses(&found)["rope-pairing"], Status::Detected);
    assert!(
        found.problems[0].starts_with("vit on ort: batch: crashed: "),
        "{:?}",
        found.problems
    );
}
