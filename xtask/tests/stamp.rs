//! The stamp spares a run only while nothing at all has changed.

use std::fs;

use camino::{Utf8Path, Utf8PathBuf};
use xtask::{stamp::Stamp, workspace::Workspace};

const FAMILY: &str = "model-registry/families/vision/vit.yaml";
const EMITTED: &str = "generated/tests/vision/vit.rs";
const SCHEMA: &str = "model-registry/schema.json";

fn write(root: &Utf8Path, path: &str, text: &str) {
    let path = root.join(path);
    fs::create_dir_all(path.parent().expect("it has a folder")).expect("writable");
    fs::write(path, text).expect("writable");
}

fn check(claim: &str, change: impl FnOnce(&Utf8Path), expected: Option<usize>) {
    let folder = tempfile::tempdir().expect("a temporary folder");
    let root = Utf8PathBuf::from_path_buf(folder.path().to_owned()).expect("UTF-8");
    for path in [FAMILY, EMITTED, SCHEMA] {
        write(&root, path, path);
    }
    let workspace = Workspace { root: root.clone() };
    let stamp = Stamp::of(&workspace).expect("readable");
    assert_eq!(stamp.unchanged(), None, "there is none yet");
    stamp.leave(2).expect("writable");
    change(&root);
    let stamp = Stamp::of(&workspace).expect("readable");
    assert_eq!(stamp.unchanged(), expected, "{claim}");
}

#[test]
fn it_holds_while_nothing_changes() {
    check("untouched", |_| {}, Some(2));
    check(
        "written again with the same bytes",
        |root| write(root, EMITTED, EMITTED),
        Some(2),
    );
}

#[test]
fn anything_that_goes_in_or_comes_out_breaks_it() {
    check("another fact", |root| write(root, FAMILY, "other"), None);
    check(
        "another family",
        |root| write(root, "model-registry/families/vision/detr.yaml", ""),
        None,
    );
    check(
        "a list of tokenizers",
        |root| write(root, "model-registry/tokenizers.yaml", ""),
        None,
    );
    check(
        "an edited file",
        |root| write(root, EMITTED, "edited"),
        None,
    );
    check(
        "a file that is gone",
        |root| fs::remove_file(root.join(EMITTED)).expect("removable"),
        None,
    );
    check(
        "a foreign file",
        |root| write(root, "generated/notes.txt", ""),
        None,
    );
    check("an edited schema", |root| write(root, SCHEMA, "{}"), None);
    check(
        "a stamp that was cut off",
        |root| write(root, "target/touchstone/regen.stamp", "0f3a"),
        None,
    );
}
