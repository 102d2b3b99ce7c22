//! Two runs side by side: what is told of verdicts and margins, in which order, and with which exit code.

use std::{collections::BTreeMap, fs, process::Command};

use camino::Utf8PathBuf;
use evidence::{Bound, FORMAT, Header, Metrics, Outcome, Record, RunWriter, TestId};
use xtask::diff::compare;

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

/// `check`, its outcome, and the margins of the outputs `a`, `b`, ….
fn record((check, outcome, margins): (&str, Outcome, &[f64])) -> Record {
    let metrics = |margin: f64| Metrics {
        compared: 4,
        max_abs: margin,
        rmse: margin,
        relative_l2: margin,
        argmax_agreement: 1.0,
        bound: Bound {
            rmse: 1.0,
            max_abs: 1.0,
            rule: "as in the test".into(),
        },
        margin,
        first_difference: None,
    };
    let names = ('a'..).map(String::from);
    Record {
        test: id(check),
        device: "cpu".into(),
        dtype: "f32".into(),
        outcome,
        expected: Outcome::Pass,
        outputs: names.zip(margins.iter().copied().map(metrics)).collect(),
        detail: String::new(),
        cause: None,
        asserted: 1,
        seconds: 0.1,
        peak_bytes: 0,
        versions: BTreeMap::new(),
        reference: "abc".into(),
        reproduce: "cargo test".into(),
    }
}

type Row<'a> = (&'a str, Outcome, &'a [f64]);

#[track_caller]
fn check(old: &[Row<'_>], new: &[Row<'_>], expected: &str) {
    let [old, new] = [old, new].map(|rows| rows.iter().copied().map(record).collect::<Vec<_>>());
    assert_eq!(compare(&old, &new).to_string(), expected);
}

const NOTHING: &str = "0 added, 0 deleted, 0 changed; 0 margins moved";

#[test]
fn what_is_the_same_is_not_told() {
    use Outcome::{Mismatch, Pass};
    let rows: [(&[f64], &[f64]); 6] = [
        (&[], &[]),
        (&[0.3], &[0.3]),
        // Exactly twice is not more than twice.
        (&[0.2], &[0.4]),
        // Rounding, however many times larger it is.
        (&[1e-9], &[9e-4]),
        (&[0.0], &[0.0]),
        (&[f64::NAN], &[f64::NAN]),
    ];
    for (before, after) in rows {
        check(&[("x", Pass, before)], &[("x", Pass, after)], NOTHING);
        check(
            &[("x", Mismatch, before)],
            &[("x", Mismatch, after)],
            NOTHING,
        );
    }
}

#[test]
fn verdicts_that_differ_are_told_the_worst_first() {
    use Outcome::{Crashed, Flaky, Mismatch, Pass};
    let old: [Row<'_>; 5] = [
        ("better", Mismatch, &[]),
        ("gone", Pass, &[]),
        ("gone_bad", Crashed, &[]),
        ("same", Mismatch, &[]),
        ("worse", Pass, &[]),
    ];
    let new: [Row<'_>; 5] = [
        ("better", Pass, &[]),
        ("new", Pass, &[]),
        ("new_bad", Flaky, &[]),
        ("same", Mismatch, &[]),
        ("worse", Crashed, &[]),
    ];
    let told = "\
changed  vit on ort: worse: pass → crashed (unexpected)
changed  vit on ort: better: mismatch → pass
added    vit on ort: new_bad: flaky
added    vit on ort: new: pass
deleted  vit on ort: gone_bad: crashed
deleted  vit on ort: gone: pass
2 added, 2 deleted, 2 changed; 0 margins moved";
    check(&old, &new, told);
}

#[test]
fn margins_that_moved_are_told_the_largest_rise_first() {
    use Outcome::Pass;
    let old: [Row<'_>; 4] = [
        ("fell", Pass, &[0.9]),
        ("from_nothing", Pass, &[0.0]),
        ("infinite", Pass, &[0.5]),
        // The outputs of a test are compared one by one.
        ("two", Pass, &[0.1, 0.1]),
    ];
    let new: [Row<'_>; 4] = [
        ("fell", Pass, &[0.3]),
        ("from_nothing", Pass, &[0.002]),
        ("infinite", Pass, &[f64::NAN]),
        ("two", Pass, &[0.15, 0.8]),
    ];
    let told = "\
margin   vit on ort: infinite: a: 0.5000 → NaN (×inf)
margin   vit on ort: two: b: 0.1000 → 0.8000 (×8.0)
margin   vit on ort: from_nothing: a: 0.0000 → 0.0020 (×inf)
margin   vit on ort: fell: a: 0.9000 → 0.3000 (÷3.0)
0 added, 0 deleted, 0 changed; 4 margins moved";
    check(&old, &new, told);
}

/// A workspace with runs of these names.
fn workspace(runs: &[(&str, &[Row<'_>])]) -> (tempfile::TempDir, Utf8PathBuf) {
    let temporary = tempfile::tempdir().expect("a temporary folder");
    let root = Utf8PathBuf::from_path_buf(temporary.path().to_owned()).expect("UTF-8");
    fs::create_dir_all(root.join("model-registry/families")).expect("made");
    let folder = root.join("target/touchstone/runs");
    fs::create_dir_all(&folder).expect("made");
    for (name, rows) in runs {
        let header = Header {
            format: FORMAT,
            plan: rows.iter().map(|(check, ..)| id(check)).collect(),
            device: "cpu".into(),
            machine: "linux x86_64, 2 cores".into(),
            revisions: BTreeMap::from([("git".into(), format!("of-{name}"))]),
            started: 1,
        };
        let file = folder.join(format!("{name}.ndjson"));
        let mut writer = RunWriter::create(&file, &header).expect("starts");
        for row in *rows {
            writer.verdict(record(*row)).expect("planned");
        }
        writer.finish(false, 1.0).expect("complete");
    }
    (temporary, root)
}

fn diff(root: &Utf8PathBuf, arguments: &[&str]) -> (Option<i32>, String, String) {
    let mut command = Command::new(env!("CARGO_BIN_EXE_xtask"));
    command
        .args(["--root", root.as_str(), "diff"])
        .args(arguments);
    let output = command.current_dir(root).output().expect("starts");
    let text = |bytes| String::from_utf8(bytes).expect("UTF-8");
    (
        output.status.code(),
        text(output.stdout),
        text(output.stderr),
    )
}

#[test]
fn runs_are_named_by_name_by_file_and_as_the_latest() {
    use Outcome::{Mismatch, Pass};
    let (_temporary, root) = workspace(&[
        ("one", &[("x", Pass, &[0.1])]),
        ("moved", &[("x", Pass, &[0.9])]),
        ("latest", &[("x", Mismatch, &[2.0])]),
    ]);
    let file = "target/touchstone/runs/one.ndjson";
    let rows = [
        (["one", file], 0, "0 changed; 0 margins moved"),
        (["one", "moved"], 0, "0 changed; 1 margin moved"),
        (
            [file, "latest"],
            1,
            "changed  vit on ort: x: pass → mismatch (unexpected)",
        ),
        (
            ["latest", "one"],
            1,
            "changed  vit on ort: x: mismatch → pass\n",
        ),
    ];
    for (runs, code, said) in rows {
        let (found, stdout, stderr) = diff(&root, &runs);
        assert_eq!(found, Some(code), "{runs:?}: {stderr}");
        assert!(stdout.contains(said), "{runs:?}: {stdout}");
    }
    let (_, stdout, _) = diff(&root, &["one", "latest"]);
    let head = "\
old  target/touchstone/runs/one.ndjson: 1 verdict on cpu, revision of-one
new  target/touchstone/runs/latest.ndjson: 1 verdict on cpu, revision of-latest
";
    assert!(stdout.starts_with(head), "{stdout}");
}

#[test]
fn programs_get_one_object() {
    use Outcome::{Mismatch, Pass};
    let (_temporary, root) = workspace(&[
        ("one", &[("gone", Pass, &[]), ("x", Pass, &[0.1])]),
        ("two", &[("x", Mismatch, &[f64::INFINITY])]),
    ]);
    let (code, stdout, stderr) = diff(&root, &["one", "two", "--json"]);
    assert_eq!(code, Some(1), "{stderr}");
    let facts: serde_json::Value = serde_json::from_str(&stdout).expect("JSON");
    let rows = [
        ("/old/verdicts", "2"),
        ("/new/revisions/git", "\"of-two\""),
        ("/added", "[]"),
        ("/deleted/0/outcome", "\"pass\""),
        ("/changed/0/new", "\"mismatch\""),
        ("/changed/0/expected", "\"pass\""),
        ("/margins/0/old", "0.1"),
        ("/margins/0/new", "\"inf\""),
    ];
    for (pointer, value) in rows {
        let found = facts.pointer(pointer).map(ToString::to_string);
        assert_eq!(found.as_deref(), Some(value), "{pointer}: {stdout}");
    }
}

#[test]
fn what_is_no_run_is_refused_in_the_readers_words() {
    let (_temporary, root) = workspace(&[("one", &[("x", Outcome::Pass, &[0.1])])]);
    let runs = root.join("target/touchstone/runs");
    let whole = fs::read_to_string(runs.join("one.ndjson")).expect("there");
    let headless = whole.split_inclusive('\n').take(2).collect::<String>();
    fs::write(runs.join("killed.ndjson"), headless).expect("written");
    fs::write(runs.join("empty.ndjson"), "").expect("written");
    let rows = [
        (
            ["one", "killed"],
            "killed.ndjson: has no footer: the run was cut off",
        ),
        (
            ["empty", "one"],
            "empty.ndjson: is empty; a run starts with a header",
        ),
        (["empty", "killed"], "has no footer: the run was cut off"),
        (["one", "latest"], "latest.ndjson: cannot be read"),
        (
            ["one", "yesterday"],
            "`yesterday` is neither a file nor the name of a run in target/touchstone/runs",
        ),
    ];
    for (names, message) in rows {
        let (code, stdout, stderr) = diff(&root, &names);
        assert_eq!(
            (code, stdout.as_str()),
            (Some(2), ""),
            "{names:?}: {stderr}"
        );
        assert!(stderr.contains(message), "{names:?}: {stderr}");
    }
}
