//! What the shell sees: the exit code of each way to end, and what is said with it.

use std::{fs, process::Command};

use camino::Utf8PathBuf;
use xtask::{exit::Exit, verify::run_file::timestamp};

struct Ended {
    code: Option<i32>,
    stdout: String,
    stderr: String,
}

fn xtask(root: &str, arguments: &[&str]) -> Ended {
    let mut command = Command::new(env!("CARGO_BIN_EXE_xtask"));
    if !root.is_empty() {
        command.args(["--root", root]);
    }
    let output = command.args(arguments).output().expect("starts");
    let text = |bytes: Vec<u8>| String::from_utf8(bytes).expect("UTF-8");
    let (stdout, stderr) = (text(output.stdout), text(output.stderr));
    Ended {
        code: output.status.code(),
        stdout,
        stderr,
    }
}

/// A workspace without families.
fn empty() -> (tempfile::TempDir, Utf8PathBuf) {
    let folder = tempfile::tempdir().expect("a temporary folder");
    let root = Utf8PathBuf::from_path_buf(folder.path().to_owned()).expect("UTF-8");
    fs::create_dir_all(root.join("model-registry/families/vision")).expect("made");
    let catalogue = r#"{"transformers": "0", "types": {}}"#;
    fs::write(root.join("model-registry/catalogue.json"), catalogue).expect("written");
    (folder, root)
}

#[track_caller]
fn ends_with(ended: &Ended, exit: Exit, said: &str) {
    assert_eq!(ended.code, Some(exit.code().into()), "{}", ended.stderr);
    assert!(ended.stderr.contains(said), "{}", ended.stderr);
}

#[test]
fn codes_are_told_apart_and_documented() {
    let codes: Vec<_> = Exit::ALL.iter().map(|exit| exit.code()).collect();
    assert_eq!(codes, [0, 1, 2, 3, 4, 5, 6, 7]);
    let help = xtask("", &["--help"]).stdout;
    for exit in Exit::ALL {
        let row = format!("{}  {}", exit.code(), exit.meaning());
        assert!(help.contains(&row), "the help lacks: {row}");
    }
}

#[test]
fn the_readme_has_the_table_of_exit_codes() {
    let readme = concat!(env!("CARGO_MANIFEST_DIR"), "/../README.md");
    let readme = fs::read_to_string(readme).expect("a README");
    for exit in Exit::ALL {
        let row = format!("| {} | {} |", exit.code(), exit.meaning());
        assert!(readme.contains(&row), "the README lacks: {row}");
    }
}

#[test]
fn no_verb_prints_the_menu() {
    let ended = xtask("", &[]);
    assert_eq!(ended.code, Some(0));
    for verb in [
        "regen",
        "verify",
        "list",
        "show",
        "new",
        "record",
        "bless",
        "diff",
        "docs",
        "operators",
        "setup",
        "bench",
    ] {
        assert!(
            ended.stdout.contains(&format!("\n  {verb} ")),
            "{}",
            ended.stdout
        );
        let help = xtask("", &[verb, "--help"]).stdout;
        let example = format!("  cargo xtask {verb}");
        assert!(
            help.contains("Examples:") && help.contains(&example),
            "{help}"
        );
    }
}

#[test]
fn what_does_not_exist_is_a_matter_of_usage() {
    ends_with(
        &xtask("", &["frobnicate"]),
        Exit::Usage,
        "unrecognized subcommand",
    );
    ends_with(
        &xtask("", &["regen", "--all", "bert"]),
        Exit::Usage,
        "cannot be used with",
    );
    ends_with(&xtask("", &["record"]), Exit::Usage, "--all");
    for (name, said) in [
        (
            "bert",
            "`bert` is there already: model-registry/families/text-encoder/bert.yaml",
        ),
        (
            "code-llama",
            "`code-llama` is there already: model-registry/families/text-decoder/llama.yaml",
        ),
        ("robrta", "has no model type `robrta` [similar: roberta]"),
        ("../../etc", "has no model type `../../etc`"),
        ("clip_text_model", "`clip_text_model` is a part of clip"),
    ] {
        ends_with(&xtask("", &["new", name]), Exit::Usage, said);
    }
    ends_with(
        &xtask("", &["verify", "--category", "smell"]),
        Exit::Usage,
        "text-encoder, ",
    );
    ends_with(
        &xtask("", &["verify", "--backend", "abacus"]),
        Exit::Usage,
        "python-torch",
    );
    ends_with(
        &xtask("", &["verify", "--timeout", "0"]),
        Exit::Usage,
        "--timeout",
    );
    ends_with(
        &xtask("", &["verify", "--memory", "0"]),
        Exit::Usage,
        "--memory",
    );
    ends_with(
        &xtask("", &["bench", "kills", "--what", "time"]),
        Exit::Usage,
        "regen, record, verify",
    );
    ends_with(
        &xtask("", &["bless", "--cause", "no equals sign"]),
        Exit::Usage,
        "in a sentence",
    );
    ends_with(
        &xtask("", &["bless", "--allow", "mismatch"]),
        Exit::Usage,
        "only crashed, timed-out",
    );
    ends_with(
        &xtask("/no/such/place", &["list"]),
        Exit::Usage,
        "is no Touchstone workspace",
    );
    let (_folder, root) = empty();
    ends_with(
        &xtask(root.as_str(), &["show", "bert"]),
        Exit::Usage,
        "no family is called `bert`",
    );
    let two = xtask(root.as_str(), &["regen", "bert", "t5"]);
    ends_with(&two, Exit::Usage, "no family is called `t5`");
    ends_with(&two, Exit::Usage, "no family is called `bert`");
}

#[test]
fn layers_are_those_of_a_models_call() {
    let (_folder, root) = empty();
    fs::create_dir_all(root.join("docs/findings")).expect("made");
    let page = "---\ntitle: Wrong\npackage: candle-core\nversion: 0.11.1\nat: src/lib.rs:1\nkind: panic\n---\n\
                ## Symptom\n## Cause\n## Numbers\n## Proposed fix\n## Reproduction\n```rust\nfn main() {}\n```\n";
    fs::write(root.join("docs/findings/of-its-own.md"), page).expect("written");
    let repro = |arguments: &[&str]| xtask(root.as_str(), &[&["repro"], arguments].concat());
    let own = repro(&["of-its-own", "--layers"]);
    let said = "`of-its-own` is shown by a program of its own, which calls no model of PyTorch's";
    ends_with(&own, Exit::Usage, said);
    for other in [&["--fixed"][..], &["--out", "somewhere"]] {
        let both = repro(&[&["of-its-own", "--layers"], other].concat());
        ends_with(&both, Exit::Usage, "cannot be used with");
    }
}

#[test]
fn nothing_to_verify_is_never_green() {
    let (_folder, root) = empty();
    ends_with(
        &xtask(root.as_str(), &["verify"]),
        Exit::Usage,
        "nothing to verify",
    );
}

#[test]
fn a_registry_that_is_wrong_has_its_own_code() {
    let (_folder, root) = empty();
    fs::write(
        root.join("model-registry/families/vision/vit.yaml"),
        "family: [\n",
    )
    .expect("written");
    for arguments in [
        &["list"][..],
        &["regen", "--all"],
        &["verify"],
        &["record", "--all"],
    ] {
        ends_with(
            &xtask(root.as_str(), arguments),
            Exit::InvalidRegistry,
            "vision/vit.yaml",
        );
    }
}

#[test]
fn a_tree_that_is_stale_has_its_own_code() {
    let (_folder, root) = empty();
    let ended = xtask(root.as_str(), &["regen", "--all", "--check"]);
    ends_with(&ended, Exit::Stale, "missing  model-registry/schema.json");
    ends_with(&ended, Exit::Stale, "mend with `cargo xtask regen --all`");
    let ended = xtask(root.as_str(), &["regen", "--all"]);
    assert_eq!(ended.code, Some(0), "{}", ended.stderr);
    let ended = xtask(root.as_str(), &["regen", "--all", "--check"]);
    assert_eq!(ended.code, Some(0), "{}", ended.stderr);
}

#[test]
fn bless_without_a_run_is_a_matter_of_setup() {
    let (_folder, root) = empty();
    ends_with(
        &xtask(root.as_str(), &["bless"]),
        Exit::Setup,
        "latest.ndjson: cannot be read",
    );
}

#[test]
fn run_names_are_dates_that_sort() {
    let rows = [
        (0, "19700101T000000Z"),
        (951_782_400, "20000229T000000Z"),
        (951_868_799, "20000229T235959Z"),
        (951_868_800, "20000301T000000Z"),
        (1_767_225_599, "20251231T235959Z"),
        (4_107_542_400, "21000301T000000Z"),
    ];
    for (seconds, name) in rows {
        assert_eq!(timestamp(seconds), name);
    }
}
