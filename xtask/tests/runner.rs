//! Processes that answer, die, hang or stay silent, and the verdicts that they get.
#![cfg(unix)]

use std::{collections::BTreeMap, fs, os::unix::fs::PermissionsExt, time::Duration};

use camino::Utf8PathBuf;
use evidence::{Bound, Event, Metrics, Outcome, Record, TestId};
use model_registry::{Expectation, Expectations};
use xtask::{
    verify::{
        Device,
        judge::{Bench, Judged, judge},
        launch::Launcher,
        plan::Unit,
        runner,
    },
    workspace::Workspace,
};

/// A stand-in for a test binary: for each test that it is given it writes Begin, does what `<path>.act`
/// says, and writes the verdict.
const SCRIPT: &str = r#"#!/bin/sh
here=$(dirname "$0")
code=0
echo "given: $*"
for argument in "$@"; do
  case "$argument" in --*) continue ;; esac
  test -f "$here/$argument.before" && . "$here/$argument.before"
  cat "$here/$argument.begin" >> "$TOUCHSTONE_EVIDENCE"
  test -f "$here/$argument.act" && . "$here/$argument.act"
  cat "$here/$argument.verdict" >> "$TOUCHSTONE_EVIDENCE"
done
echo "test result: whatever"
exit $code
"#;

struct Bed {
    _temporary: tempfile::TempDir,
    folder: Utf8PathBuf,
    bench: Bench,
    unit: Unit,
}

fn id(check: &str) -> TestId {
    TestId {
        category: "vision".into(),
        family: "vit".into(),
        variant: None,
        backend: "ort".into(),
        setting: None,
        check: check.into(),
    }
}

fn passed(test: &TestId) -> Record {
    let bound = Bound {
        rmse: 1.0,
        max_abs: 1.0,
        rule: "as in the test".into(),
    };
    let metrics = Metrics {
        compared: 4,
        max_abs: 0.5,
        rmse: 0.5,
        relative_l2: 0.5,
        argmax_agreement: 1.0,
        bound,
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
        detail: String::new(),
        cause: None,
        asserted: 0,
        seconds: 0.1,
        peak_bytes: 0,
        versions: BTreeMap::new(),
        reference: "abc".into(),
        reproduce: "cargo test".into(),
    }
}

fn bed(checks: &[&str]) -> Bed {
    let temporary = tempfile::tempdir().expect("a temporary folder");
    let folder = Utf8PathBuf::from_path_buf(temporary.path().to_owned()).expect("UTF-8");
    let binary = folder.join("binary");
    fs::write(&binary, SCRIPT).expect("written");
    fs::set_permissions(&binary, fs::Permissions::from_mode(0o755)).expect("executable");
    let tests: Vec<_> = checks.iter().map(|check| id(check)).collect();
    for test in &tests {
        let event = |event| format!("{}\n", serde_json::to_string(&event).expect("plain data"));
        let file = |kind| folder.join(format!("{}.{kind}", test.rust_path()));
        fs::write(file("begin"), event(Event::Begin(test.clone()))).expect("written");
        let verdict = event(Event::Verdict(Box::new(passed(test))));
        fs::write(file("verdict"), verdict).expect("written");
    }
    let bench = Bench {
        workspace: Workspace {
            root: folder.clone(),
        },
        folder: folder.clone(),
        device: Device::Cpu,
        expectations: BTreeMap::new(),
        limit: Duration::from_secs(20),
        memory: 1 << 30,
        threads: 1,
        environment: Vec::new(),
    };
    let launcher = Launcher::Rust {
        binary,
        folder: folder.clone(),
    };
    let unit = Unit {
        name: "vision.vit.rust".into(),
        title: "vit".into(),
        tests,
        launcher,
    };
    Bed {
        _temporary: temporary,
        folder,
        bench,
        unit,
    }
}

impl Bed {
    /// What the stand-in does between Begin and the verdict of a check.
    fn act(&self, check: &str, script: &str) {
        let file = self.folder.join(format!("{}.act", id(check).rust_path()));
        fs::write(file, script).expect("written");
    }

    /// What it does before Begin.
    fn before(&self, check: &str, script: &str) {
        let file = self
            .folder
            .join(format!("{}.before", id(check).rust_path()));
        fs::write(file, script).expect("written");
    }

    fn expect(&mut self, check: &str, outcome: Outcome) {
        let entry = Expectation {
            family: "vit".into(),
            variant: None,
            check: check.into(),
            setting: None,
            outcome,
            cause: "known for a test".into(),
            finding: None,
            upstream: None,
        };
        let list = Expectations::from_entries("ort", "cpu", vec![entry]).expect("sound");
        self.bench.expectations.insert("ort", list);
    }

    fn judge(&self) -> Judged {
        judge(&self.bench, &self.unit)
    }
}

fn outcomes(judged: &Judged) -> BTreeMap<&str, Outcome> {
    judged
        .records
        .iter()
        .map(|r| (r.test.check.as_str(), r.outcome))
        .collect()
}

fn detail<'a>(judged: &'a Judged, check: &str) -> &'a str {
    let record = judged
        .records
        .iter()
        .find(|record| record.test.check == check);
    &record.expect("a verdict").detail
}

#[test]
fn takes_the_verdicts_of_a_process_that_ends_in_order() {
    let judged = bed(&["a", "b"]).judge();
    assert_eq!(
        outcomes(&judged),
        BTreeMap::from([("a", Outcome::Pass), ("b", Outcome::Pass)])
    );
    assert_eq!(judged.problems, [] as [String; 0]);
}

#[test]
fn a_crash_costs_the_check_that_had_begun_and_no_other() {
    let bed = bed(&["a", "b", "c"]);
    bed.act("b", "echo about to fall; kill -SEGV $$\n");
    let judged = bed.judge();
    let expected = [
        ("a", Outcome::Pass),
        ("b", Outcome::Crashed),
        ("c", Outcome::Pass),
    ];
    assert_eq!(outcomes(&judged), BTreeMap::from(expected));
    let detail = detail(&judged, "b");
    assert!(
        detail.contains("SIGSEGV") && detail.contains("about to fall"),
        "{detail}"
    );
}

#[test]
fn an_exit_from_within_a_check_is_a_crash_too() {
    let bed = bed(&["a", "b"]);
    bed.act("a", "exit 3\n");
    let judged = bed.judge();
    assert_eq!(
        outcomes(&judged),
        BTreeMap::from([("a", Outcome::Crashed), ("b", Outcome::Pass)])
    );
}

#[test]
fn the_end_of_memory_is_told_from_a_crash() {
    let bed = bed(&["a", "b"]);
    bed.act(
        "a",
        "echo memory allocation of 4096 bytes failed; kill -ABRT $$\n",
    );
    bed.act("b", "kill -KILL $$\n");
    let both = [("a", Outcome::OutOfMemory), ("b", Outcome::OutOfMemory)];
    assert_eq!(outcomes(&bed.judge()), BTreeMap::from(both));
}

#[test]
fn a_hang_is_timed_out_and_what_follows_is_not_run() {
    let mut bed = bed(&["a", "b", "c"]);
    bed.bench.limit = Duration::from_millis(400);
    bed.act("b", "sleep 60\n");
    let judged = bed.judge();
    let expected = [
        ("a", Outcome::Pass),
        ("b", Outcome::TimedOut),
        ("c", Outcome::NotRun),
    ];
    assert_eq!(outcomes(&judged), BTreeMap::from(expected));
    assert!(detail(&judged, "b").starts_with("killed after 0.4 s"));
    assert_eq!(
        detail(&judged, "c"),
        "`vit on ort: b` hung, so this was not begun"
    );
}

#[test]
fn a_hang_that_is_known_keeps_nothing_from_running() {
    let mut bed = bed(&["a", "b"]);
    bed.bench.limit = Duration::from_millis(400);
    bed.expect("a", Outcome::TimedOut);
    bed.act("a", "sleep 60\n");
    let judged = bed.judge();
    assert_eq!(
        outcomes(&judged),
        BTreeMap::from([("a", Outcome::TimedOut), ("b", Outcome::Pass)])
    );
    assert!(judged.records.iter().all(Record::is_as_expected));
    assert_eq!(judged.records[0].cause.as_deref(), Some("known for a test"));
}

#[test]
fn a_crash_that_is_listed_is_known() {
    let mut bed = bed(&["a"]);
    bed.expect("a", Outcome::Crashed);
    bed.act("a", "kill -SEGV $$\n");
    assert!(bed.judge().records[0].is_as_expected());
}

#[test]
fn several_open_checks_are_tried_one_by_one() {
    let mut bed = bed(&["a", "b"]);
    bed.bench.threads = 2;
    // Both begin before the process dies, but only when it runs two at a time.
    bed.act(
        "a",
        "case \"$*\" in *threads=2*) cat \"$here/vit::on_ort::b.begin\" >> \"$TOUCHSTONE_EVIDENCE\"; kill -SEGV $$ ;; esac\n",
    );
    bed.act("b", "kill -SEGV $$\n");
    let judged = bed.judge();
    assert_eq!(
        outcomes(&judged),
        BTreeMap::from([("a", Outcome::Pass), ("b", Outcome::Crashed)])
    );
}

#[test]
fn a_process_that_dies_before_any_check_leaves_everything_not_run() {
    let bed = bed(&["a", "b"]);
    bed.before("a", "echo no such library >&2; exit 127\n");
    let judged = bed.judge();
    let both = [("a", Outcome::NotRun), ("b", Outcome::NotRun)];
    assert_eq!(outcomes(&judged), BTreeMap::from(both));
    let detail = detail(&judged, "a");
    assert!(detail.contains("before any check began"), "{detail}");
    assert!(detail.contains("no such library"), "{detail}");
}

#[test]
fn a_binary_that_does_not_start_is_not_run() {
    let mut bed = bed(&["a"]);
    let binary = bed.folder.join("absent");
    bed.unit.launcher = Launcher::Rust {
        binary,
        folder: bed.folder.clone(),
    };
    let judged = bed.judge();
    assert_eq!(outcomes(&judged), BTreeMap::from([("a", Outcome::NotRun)]));
    assert!(detail(&judged, "a").starts_with("cannot run "));
}

#[test]
fn silence_is_never_green() {
    let bed = bed(&["a", "b"]);
    fs::write(bed.folder.join("vit::on_ort::a.verdict"), "").expect("written");
    fs::write(bed.folder.join("vit::on_ort::b.begin"), "").expect("written");
    fs::write(bed.folder.join("vit::on_ort::b.verdict"), "").expect("written");
    bed.before(
        "a",
        "echo '---- vit::on_ort::a stdout ----'; echo 'went away'; echo\n",
    );
    let judged = bed.judge();
    let both = [("a", Outcome::RunFailed), ("b", Outcome::NotRun)];
    assert_eq!(outcomes(&judged), BTreeMap::from(both));
    assert!(
        detail(&judged, "a").ends_with("went away"),
        "{}",
        detail(&judged, "a")
    );
}

#[test]
fn a_failure_after_the_last_verdict_is_a_problem() {
    let bed = bed(&["a"]);
    bed.act("a", "code=101\n");
    let judged = bed.judge();
    assert_eq!(outcomes(&judged), BTreeMap::from([("a", Outcome::Pass)]));
    assert!(judged.problems[0].contains("although every verdict is as expected"));
}

#[test]
fn a_death_between_checks_is_a_problem_and_costs_no_verdict() {
    let bed = bed(&["a", "b"]);
    bed.before("b", "case \"$*\" in *::a*) echo no more; exit 3 ;; esac\n");
    bed.act("b", "code=3\n");
    let judged = bed.judge();
    let both = [("a", Outcome::Pass), ("b", Outcome::Pass)];
    assert_eq!(outcomes(&judged), BTreeMap::from(both));
    let told = "had its verdict, but then: the process ended with exit status: 3";
    let of = |check| format!("`vit on ort: {check}` {told}");
    assert!(
        judged.problems[0].starts_with(&of("a")),
        "{:?}",
        judged.problems
    );
    assert!(
        judged.problems[0].ends_with("no more"),
        "{:?}",
        judged.problems
    );
    assert!(
        judged.problems[1].starts_with(&of("b")),
        "{:?}",
        judged.problems
    );
}

#[test]
fn a_process_has_ended_in_order_when_it_has_said_its_last_word() {
    let bed = bed(&["a"]);
    let python = Launcher::Python {
        python: "python".into(),
        root: bed.folder.clone(),
        path: bed.folder.clone(),
        file: "test_vit.py".into(),
    };
    let rust = &bed.unit.launcher;
    let failed = "running 1 test\n\ntest result: FAILED. 0 passed; 1 failed\n";
    let rows = [
        (
            rust,
            Some(0),
            "\ntest result: ok. 1 passed; 0 failed\n",
            true,
        ),
        (rust, Some(101), failed, true),
        (rust, Some(101), "running 1 test\n", false),
        (rust, Some(0), "", false),
        (rust, Some(3), failed, false),
        (rust, None, failed, false),
        (&python, Some(0), ".\n1 passed in 0.12s\n", true),
        (&python, Some(1), "F.\n1 failed, 1 passed in 2.10s\n", true),
        (&python, Some(1), "E\n1 error in 0.05s\n", true),
        (&python, Some(0), "a library says hello in French\n", false),
        (&python, Some(1), "", false),
        (&python, Some(2), "1 error in 0.05s\n", false),
    ];
    for (launcher, code, log, in_order) in rows {
        let found = launcher.ended_in_order(code, log);
        assert_eq!(found, in_order, "{code:?} {log:?}");
    }
}

#[test]
fn verdicts_that_nobody_asked_for_are_a_problem() {
    let bed = bed(&["a", "b"]);
    let twice = "cat \"$here/vit::on_ort::a.verdict\" >> \"$TOUCHSTONE_EVIDENCE\"\n";
    bed.act("b", twice);
    let judged = bed.judge();
    assert_eq!(judged.records.len(), 2);
    assert_eq!(
        judged.problems,
        ["vit on ort: a: a verdict that nobody asked for"]
    );
}

#[test]
fn evidence_that_is_no_evidence_is_a_problem() {
    let bed = bed(&["a"]);
    fs::write(
        bed.folder.join("vit::on_ort::a.verdict"),
        "{\"pass\": true}\n",
    )
    .expect("written");
    let judged = bed.judge();
    assert_eq!(outcomes(&judged), BTreeMap::from([("a", Outcome::NotRun)]));
    assert!(
        judged.problems[0].contains("is not an event"),
        "{:?}",
        judged.problems
    );
}

#[test]
fn every_unit_is_run_whatever_becomes_of_the_others() {
    let good = bed(&["a"]);
    let bad = bed(&["b"]);
    bad.act("b", "kill -SEGV $$\n");
    let results = runner::run(&good.bench, &[bad.unit.clone(), good.unit.clone()], 2);
    let outcomes: BTreeMap<_, _> = results.judged.iter().flat_map(outcomes).collect();
    assert_eq!(
        outcomes,
        BTreeMap::from([("a", Outcome::Pass), ("b", Outcome::Crashed)])
    );
    assert!(!results.interrupted);
}
