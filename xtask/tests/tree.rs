//! The emitted tree on disk: only what differs is written, and only what is ours is touched.

use std::{collections::BTreeMap, fs};

use camino::{Utf8Path, Utf8PathBuf};
use generator::MARK;
use xtask::{
    exit::Exit,
    regen::{self, Mode},
    tree::{self, Difference, Scope},
    workspace::Workspace,
};

type Files = BTreeMap<Utf8PathBuf, String>;

/// A workspace of its own, and what should be emitted there.
struct Bed {
    _folder: tempfile::TempDir,
    root: Utf8PathBuf,
    expected: Files,
}

fn emitted(body: &str) -> String {
    format!("//! A test.\n// {MARK}\n\n{body}\n")
}

fn bed() -> Bed {
    let folder = tempfile::tempdir().expect("a temporary folder");
    let root = Utf8PathBuf::from_path_buf(folder.path().to_owned()).expect("UTF-8");
    let expected = Files::from([
        ("generated/tests/vision/main.rs".into(), emitted("mod vit;")),
        (
            "generated/tests/vision/vit.rs".into(),
            emitted("fn vit() {}"),
        ),
        ("model-registry/schema.json".into(), "{}\n".into()),
    ]);
    Bed {
        _folder: folder,
        root,
        expected,
    }
}

impl Bed {
    fn put(&self, path: &str, text: &str) {
        let path = self.root.join(path);
        fs::create_dir_all(path.parent().expect("inside")).expect("a folder");
        fs::write(path, text).expect("written");
    }

    fn get(&self, path: &str) -> Option<String> {
        fs::read_to_string(self.root.join(path)).ok()
    }

    fn compare(&self, scope: Scope) -> Difference {
        tree::compare(&self.root, &self.expected, scope).expect("readable")
    }

    fn settle(&self, mode: Mode) -> Result<String, (Exit, String)> {
        let workspace = Workspace {
            root: self.root.clone(),
        };
        regen::settle(&workspace, &self.expected, Scope::Whole, mode)
            .map(|settled| settled.summary)
            .map_err(|failure| (failure.exit, failure.to_string()))
    }

    #[track_caller]
    fn write(&self) -> String {
        let summary = self.settle(Mode::Write).expect("written");
        assert!(
            self.compare(Scope::Whole).is_none(),
            "{:?}",
            self.compare(Scope::Whole)
        );
        for (path, text) in &self.expected {
            assert_eq!(self.get(path.as_str()).as_ref(), Some(text), "{path}");
        }
        summary
    }
}

fn modified(root: &Utf8Path, path: &str) -> std::time::SystemTime {
    fs::metadata(root.join(path))
        .and_then(|data| data.modified())
        .expect("a time")
}

#[test]
fn writes_everything_and_then_nothing() {
    let bed = bed();
    assert_eq!(bed.write(), "3 written, 0 removed, 0 unchanged");
    let before = modified(&bed.root, "generated/tests/vision/vit.rs");
    assert_eq!(bed.write(), "0 written, 0 removed, 3 unchanged");
    assert_eq!(modified(&bed.root, "generated/tests/vision/vit.rs"), before);
}

#[test]
fn writes_only_what_differs() {
    let bed = bed();
    bed.write();
    let before = modified(&bed.root, "generated/tests/vision/main.rs");
    bed.put(
        "generated/tests/vision/vit.rs",
        &emitted("fn edited_by_hand() {}"),
    );
    bed.put("model-registry/schema.json", "{\"old\": true}\n");
    assert_eq!(bed.write(), "2 written, 0 removed, 1 unchanged");
    assert_eq!(
        modified(&bed.root, "generated/tests/vision/main.rs"),
        before
    );
}

#[test]
fn removes_orphans_and_the_folders_that_they_leave_empty() {
    let bed = bed();
    bed.put("generated/tests/audio/main.rs", &emitted("mod clap;"));
    bed.put(
        "generated/python/audio/test_clap.py",
        &format!("\"\"\"CLAP.\"\"\"\n# {MARK}\n"),
    );
    bed.put(
        "generated/python/audio/__pycache__/test_clap.pyc",
        "compiled",
    );
    // Two orphans; their folders `tests/audio`, `python/audio` and `python`.
    assert_eq!(bed.write(), "3 written, 5 removed, 0 unchanged");
    assert!(!bed.root.join("generated/tests/audio").exists());
    assert!(!bed.root.join("generated/python").exists());
}

#[test]
fn a_part_leaves_the_rest_alone() {
    let bed = bed();
    bed.put("generated/tests/audio/clap.rs", &emitted("fn other() {}"));
    assert_eq!(bed.compare(Scope::Part).orphaned, [] as [Utf8PathBuf; 0]);
    assert_eq!(
        bed.compare(Scope::Whole).orphaned,
        ["generated/tests/audio/clap.rs"]
    );
}

#[test]
fn what_a_killed_run_left_behind_is_cleaned() {
    let bed = bed();
    // Killed while the second file was written: the first is in place, the second still beside its place.
    bed.put("generated/tests/vision/main.rs", &emitted("mod vit;"));
    bed.put(
        "generated/tests/vision/.xtask-4711-vit.rs.tmp",
        "//! Half a",
    );
    let findings = bed.compare(Scope::Whole);
    assert_eq!(
        findings.leftovers,
        ["generated/tests/vision/.xtask-4711-vit.rs.tmp"]
    );
    assert_eq!(bed.write(), "2 written, 1 removed, 1 unchanged");
    assert_eq!(
        fs::read_dir(bed.root.join("generated/tests/vision"))
            .expect("there")
            .count(),
        2
    );
}

#[test]
fn a_run_killed_after_any_step_is_repaired_by_the_next() {
    let whole = bed();
    whole.put("generated/tests/audio/clap.rs", &emitted("fn orphan() {}"));
    let steps = whole.expected.len() + 2;
    for step in 0..=steps {
        let bed = bed();
        bed.put("generated/tests/audio/clap.rs", &emitted("fn orphan() {}"));
        // The order of `apply`: orphans, files, folders.
        if step > 0 {
            fs::remove_file(bed.root.join("generated/tests/audio/clap.rs")).expect("removed");
        }
        for (path, text) in bed.expected.iter().take(step.saturating_sub(1)) {
            bed.put(path.as_str(), text);
        }
        bed.write();
    }
}

#[test]
fn refuses_to_overwrite_what_is_not_ours() {
    let bed = bed();
    bed.put("generated/tests/vision/vit.rs", "//! Written by hand.\n");
    let (exit, message) = bed.settle(Mode::Write).expect_err("refused");
    assert_eq!(exit, Exit::Stale);
    assert_eq!(
        message,
        "these files are in the way and lack our mark; nothing was written \
         [move them, or delete them if they may be replaced]:\n  generated/tests/vision/vit.rs"
    );
    assert_eq!(
        bed.get("generated/tests/vision/vit.rs").as_deref(),
        Some("//! Written by hand.\n")
    );
    assert_eq!(
        bed.get("generated/tests/vision/main.rs"),
        None,
        "not even the others"
    );
}

#[test]
fn a_mark_far_below_the_top_is_no_mark() {
    let bed = bed();
    let quoted = format!("{}// {MARK}\n", "// A line.\n".repeat(10));
    bed.put("generated/tests/vision/vit.rs", &quoted);
    assert_eq!(
        bed.compare(Scope::Whole).unmarked,
        ["generated/tests/vision/vit.rs"]
    );
}

#[test]
fn never_removes_what_is_not_ours() {
    let bed = bed();
    bed.put("generated/notes.txt", "mine\n");
    assert_eq!(
        bed.settle(Mode::Write),
        Ok("3 written, 0 removed, 0 unchanged".into())
    );
    assert_eq!(bed.get("generated/notes.txt").as_deref(), Some("mine\n"));
    let workspace = Workspace {
        root: bed.root.clone(),
    };
    let again = regen::settle(&workspace, &bed.expected, Scope::Whole, Mode::Write);
    assert!(again.expect("nothing to write").is_foreign_there);
    let (exit, message) = bed.settle(Mode::Check).expect_err("not only emitted files");
    assert_eq!(exit, Exit::Stale);
    assert!(
        message.contains("\n  foreign  generated/notes.txt\n"),
        "{message}"
    );
}

#[test]
fn check_lists_everything_and_the_command_that_mends_it() {
    let bed = bed();
    bed.put("generated/tests/vision/vit.rs", &emitted("fn old() {}"));
    bed.put("generated/tests/audio/clap.rs", &emitted("fn orphan() {}"));
    bed.put("model-registry/schema.json", "{}\n");
    let (exit, message) = bed.settle(Mode::Check).expect_err("stale");
    assert_eq!(exit, Exit::Stale);
    assert_eq!(
        message,
        "the emitted tests are not what registry and templates say:
  stale    generated/tests/vision/vit.rs
  missing  generated/tests/vision/main.rs
  orphaned generated/tests/audio/clap.rs
  empty    generated/tests/audio
mend with `cargo xtask regen --all`"
    );
    assert_eq!(
        bed.get("generated/tests/vision/main.rs"),
        None,
        "a check writes nothing"
    );
}

#[test]
fn a_dry_run_writes_nothing() {
    let bed = bed();
    bed.put("generated/tests/vision/vit.rs", &emitted("fn old() {}"));
    assert_eq!(
        bed.settle(Mode::DryRun),
        Ok("dry run: 3 written, 0 removed, 0 unchanged".into())
    );
    assert_eq!(
        bed.get("generated/tests/vision/vit.rs"),
        Some(emitted("fn old() {}"))
    );
    assert_eq!(bed.get("generated/tests/vision/main.rs"), None);
}

#[test]
fn a_file_where_a_folder_should_be_is_an_error_with_its_path() {
    let bed = bed();
    bed.put("generated/tests/vision", "in the way\n");
    let (exit, message) = bed.settle(Mode::Write).expect_err("in the way");
    assert_eq!(exit, Exit::Setup);
    assert!(message.contains("generated/tests/vision"), "{message}");
}
