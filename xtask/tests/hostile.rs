//! What the command line makes of arguments and files that mean harm or nothing: a clear word and the right code.

use std::{collections::BTreeMap, fs, process::Command};

use camino::{Utf8Path, Utf8PathBuf};
use evidence::{Event, FORMAT, Footer, Header, Outcome, Record, TestId};
use xtask::exit::Exit;

const FAMILY: &str = "
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
";

/// A workspace with one family, and what it holds, to see that nothing is added.
struct Bed {
    _folder: tempfile::TempDir,
    root: Utf8PathBuf,
}

impl Bed {
    fn new() -> Self {
        let folder = tempfile::tempdir().expect("a temporary folder");
        let root = Utf8PathBuf::from_path_buf(folder.path().join("workspace")).expect("UTF-8");
        let families = root.join("model-registry/families/text-encoder");
        fs::create_dir_all(&families).expect("a folder");
        fs::write(families.join("bert.yaml"), FAMILY).expect("a file");
        let catalogue = r#"{"transformers": "0", "types": {}}"#;
        fs::write(root.join("model-registry/catalogue.json"), catalogue).expect("a file");
        fs::create_dir_all(root.join("target/touchstone/runs")).expect("a folder");
        Self {
            _folder: folder,
            root,
        }
    }

    /// Everything in the workspace and beside it.
    fn files(&self) -> Vec<String> {
        let above = self.root.parent().expect("a folder");
        let walk = walkdir::WalkDir::new(above).sort_by_file_name().into_iter();
        walk.map(|entry| entry.expect("readable").path().display().to_string())
            .collect()
    }

    /// Ends with this code and these words, in no more time than it takes to say them.
    #[track_caller]
    fn refuses(&self, arguments: &[&str], exit: Exit, said: &str) {
        let before = self.files();
        let output = Command::new(env!("CARGO_BIN_EXE_xtask"))
            .args(["--root", self.root.as_str()])
            .args(arguments)
            .current_dir(&self.root)
            .output()
            .expect("it starts");
        let stderr = String::from_utf8_lossy(&output.stderr);
        assert_eq!(
            output.status.code(),
            Some(exit.code().into()),
            "{arguments:?}: {stderr}"
        );
        assert!(stderr.contains(said), "{arguments:?}: {stderr}");
        assert!(!stderr.contains("panicked"), "{arguments:?}: {stderr}");
        assert_eq!(self.files(), before, "{arguments:?}");
    }
}

#[test]
fn names_that_are_none_are_usage() {
    let bed = Bed::new();
    for name in [
        "../../etc/passwd",
        "/etc/passwd",
        "..",
        ".",
        "",
        " ",
        "bert ",
        "bert.yaml",
        "bert/../bert",
        "bert; touch x",
        "$(touch x)",
        "`touch x`",
        "*",
        "ber?",
        "bert\nbert",
        "\u{202e}treb",
        "b\u{435}rt",
        "bert::on_ort",
        "{{ 7*7 }}",
    ] {
        let told = format!("no family is called `{name}`");
        for verb in ["show", "regen", "record", "verify"] {
            bed.refuses(&[verb, name], Exit::Usage, &told);
        }
    }
    // What a name stands for does not hang on its case; what a command works on does.
    for verb in ["regen", "record", "verify"] {
        bed.refuses(&[verb, "BERT"], Exit::Usage, "no family is called `BERT`");
    }
    // Behind `--` they are names too, and not the options of what is started.
    for name in ["--nocapture", "-Zunstable-options", "--all"] {
        bed.refuses(
            &["verify", "--", name],
            Exit::Usage,
            &format!("no family is called `{name}`"),
        );
    }
}

#[test]
fn options_that_are_none_are_usage() {
    let bed = Bed::new();
    let table: &[(&[&str], &str)] = &[
        (&["verify", "--bert"], "unexpected argument '--bert'"),
        (&["verify", "-x"], "unexpected argument '-x'"),
        (&["show"], "<NAME>"),
        (&["show", "bert", "t5"], "unexpected argument 't5'"),
        (&["verify", "--category", "../vision"], "the categories are"),
        (&["verify", "--backend", "ort;ls"], "python-torch"),
        (&["verify", "--backend", ""], "python-torch"),
        (&["verify", "--device", "../cpu"], "possible values"),
        (&["verify", "--jobs", "0"], "--jobs"),
        (&["verify", "--jobs", "-1"], "unexpected argument '-1'"),
        (&["verify", "--timeout", "1e9"], "--timeout"),
        (
            &["verify", "--timeout", "18446744073709551616"],
            "--timeout",
        ),
        (
            &["verify", "--saboteurs", "--faults", "../x", "bert"],
            "../x",
        ),
        (&["bless", "--cause", ""], "in a sentence"),
        (&["bless", "--cause", "="], "in a sentence"),
        (&["bless", "--cause", "=x"], "in a sentence"),
        (&["bless", "--cause", "x="], "in a sentence"),
        (&["bless", "--cause", " = \t"], "in a sentence"),
        (&["bless", "--allow", "pass"], "only crashed, timed-out"),
        (&["bless", "--allow", ""], "only crashed, timed-out"),
        (&["diff", "latest"], "<RUN>"),
        (
            &["\u{0}".trim_matches('\0'), "list"],
            "unrecognized subcommand",
        ),
    ];
    for (arguments, said) in table {
        bed.refuses(arguments, Exit::Usage, said);
    }
}

#[test]
fn files_that_are_no_runs_are_refused() {
    let bed = Bed::new();
    let file = |name: &str, bytes: &[u8]| {
        fs::write(bed.root.join(name), bytes).expect("a file");
    };
    file("empty.ndjson", b"");
    file("picture.ndjson", b"\x89PNG\r\n\x1a\n\0\0\0\rIHDR");
    file("zeros.ndjson", &[0; 4096]);
    file("nested.ndjson", "[".repeat(1 << 20).as_bytes());
    file("text.ndjson", b"header\n");
    file("cut.ndjson", b"{\"header\":");
    file("null.ndjson", b"null\n");
    fs::create_dir(bed.root.join("folder.ndjson")).expect("a folder");
    for (name, said) in [
        ("nobody", "is neither a file nor the name of a run"),
        (
            "../../../../etc/nobody",
            "is neither a file nor the name of a run",
        ),
        ("", "is neither a file nor the name of a run"),
        (".", "is neither a file nor the name of a run"),
        ("folder.ndjson", "is neither a file nor the name of a run"),
        ("empty.ndjson", "empty.ndjson"),
        ("picture.ndjson", "picture.ndjson"),
        ("zeros.ndjson", "zeros.ndjson:1"),
        ("nested.ndjson", "nested.ndjson:1"),
        ("text.ndjson", "text.ndjson:1"),
        ("cut.ndjson", "cut.ndjson:1"),
        ("null.ndjson", "null.ndjson:1"),
        (
            "model-registry/families/text-encoder/bert.yaml",
            "bert.yaml:1",
        ),
    ] {
        bed.refuses(&["diff", name, name], Exit::Usage, said);
        if name.ends_with("on") && !name.starts_with("folder") {
            bed.refuses(&["bless", "--run", name], Exit::Setup, said);
        }
    }
    bed.refuses(
        &["bless", "--run", "folder.ndjson"],
        Exit::Setup,
        "folder.ndjson",
    );
    bed.refuses(&["bless"], Exit::Setup, "latest.ndjson");
}

/// A whole run of one check that failed, which `bless` would list under these names.
fn run(backend: &str, device: &str) -> String {
    let test = TestId {
        category: "text-encoder".into(),
        family: "bert".into(),
        variant: None,
        backend: backend.into(),
        setting: None,
        check: "forward_matches_reference".into(),
    };
    let record = Record {
        test: test.clone(),
        device: device.into(),
        dtype: "f32".into(),
        outcome: Outcome::Mismatch,
        expected: Outcome::Pass,
        outputs: BTreeMap::new(),
        asserted: 0,
        detail: "it differs".into(),
        cause: None,
        seconds: 0.1,
        peak_bytes: 0,
        versions: BTreeMap::new(),
        reference: String::new(),
        reproduce: String::new(),
    };
    let header = Header {
        format: FORMAT,
        plan: vec![test],
        device: device.into(),
        machine: String::new(),
        revisions: BTreeMap::new(),
        started: 1,
    };
    let footer = Footer {
        counts: BTreeMap::from([(Outcome::Mismatch, 1)]),
        unexpected: 1,
        interrupted: false,
        seconds: 1.0,
    };
    let events = [
        Event::Header(header),
        Event::Verdict(Box::new(record)),
        Event::Footer(footer),
    ];
    let line = |event: &Event| serde_json::to_string(event).expect("JSON") + "\n";
    events.iter().map(line).collect()
}

/// The names in a run file become the name of the file that `bless` writes.
#[test]
fn a_run_file_does_not_choose_where_bless_writes() {
    for (backend, device, said) in [
        (
            "../../../stolen",
            "cpu",
            "no backend is called \"../../../stolen\"",
        ),
        ("/stolen", "cpu", "no backend is called \"/stolen\""),
        (
            "ort",
            "/../../../stolen",
            "no device is called \"/../../../stolen\"",
        ),
        ("", "cpu", "no backend is called \"\""),
        (
            "ort\u{1b}[2J",
            "cpu",
            "no backend is called \"ort\\u{1b}[2J\"",
        ),
    ] {
        let bed = Bed::new();
        fs::write(bed.root.join("run.ndjson"), run(backend, device)).expect("a file");
        bed.refuses(
            &["bless", "--run", "run.ndjson", "--cause", "bert=it differs"],
            Exit::Setup,
            said,
        );
    }
    let bed = Bed::new();
    fs::write(bed.root.join("run.ndjson"), run("ort", "cpu")).expect("a file");
    let cause = "bert=one\n- family: \"t5\"\n\u{0085}#: {{ x }} \u{202e}";
    let arguments = [
        "--root",
        bed.root.as_str(),
        "bless",
        "--run",
        "run.ndjson",
        "--cause",
        cause,
    ];
    let mut command = Command::new(env!("CARGO_BIN_EXE_xtask"));
    let output = command
        .args(arguments)
        .current_dir(&bed.root)
        .output()
        .expect("it starts");
    assert!(
        output.status.success(),
        "{}",
        String::from_utf8_lossy(&output.stderr)
    );
    let root = bed.root.join("model-registry");
    let list = model_registry::Expectations::load(&root, "ort", "cpu")
        .expect("what is written can be read");
    let causes: Vec<_> = list
        .entries()
        .iter()
        .map(|entry| entry.cause.as_str())
        .collect();
    assert_eq!(causes, [cause.trim_start_matches("bert=")]);
}

#[test]
fn places_that_are_none_are_told() {
    let bed = Bed::new();
    for root in ["/", "/dev/null", "", "model-registry", "../../.."] {
        bed.refuses(&["--root", root, "list"], Exit::Usage, "");
    }
    let root = Utf8Path::new("model-registry/families/text-encoder/bert.yaml");
    bed.refuses(&["--root", root.as_str(), "list"], Exit::Usage, "");
}
