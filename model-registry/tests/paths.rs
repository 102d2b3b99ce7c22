//! Files that are not what their place says: refused with the place, never followed, never waited for.
#![cfg(unix)]

use std::{
    ffi::OsStr,
    fs,
    os::unix::{ffi::OsStrExt, fs::symlink},
    process::Command,
};

use camino::{Utf8Path, Utf8PathBuf};
use model_registry::Registry;

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

struct Bed {
    _folder: tempfile::TempDir,
    root: Utf8PathBuf,
}

impl Bed {
    /// A registry with one family that nothing is wrong with.
    fn new() -> Self {
        let folder = tempfile::tempdir().expect("a temporary folder");
        let root = Utf8PathBuf::from_path_buf(folder.path().to_owned()).expect("UTF-8");
        let bed = Self {
            _folder: folder,
            root,
        };
        fs::create_dir_all(bed.families()).expect("a folder");
        fs::write(bed.families().join("bert.yaml"), FAMILY).expect("a file");
        bed
    }

    fn families(&self) -> Utf8PathBuf {
        self.root.join("families/text-encoder")
    }

    #[track_caller]
    fn refuses(&self, expected: &[&str]) {
        let errors = Registry::load(&self.root)
            .map(|_| ())
            .expect_err("it must be refused");
        let found: Vec<_> = errors
            .iter()
            .map(|error| format!("{}: {}: {}", error.path, error.message, error.help))
            .collect();
        assert_eq!(found, expected);
        assert!(
            !errors
                .to_string()
                .contains(|c: char| c.is_control() && c != '\n'),
            "{errors}"
        );
    }
}

#[test]
fn the_bed_itself_is_in_order() {
    assert_eq!(
        Registry::load(&Bed::new().root)
            .expect("it loads")
            .families()
            .len(),
        1
    );
}

#[test]
fn a_link_is_not_followed() {
    let bed = Bed::new();
    symlink("/etc/passwd", bed.families().join("gpt2.yaml")).expect("a link");
    symlink("/etc", bed.families().join("t5.yaml")).expect("a link");
    symlink("/", bed.root.join("families/vision")).expect("a link");
    bed.refuses(&[
        "model-registry/families/text-encoder/gpt2.yaml: `gpt2.yaml` is a link or a device: put the file itself here",
        "model-registry/families/text-encoder/t5.yaml: `t5.yaml` is a link or a device: put the file itself here",
        "model-registry/families/vision: found `vision`, which is no family file: every file here is a family: <category>/<family>.yaml",
    ]);
}

#[test]
fn a_pipe_is_not_waited_for() {
    let bed = Bed::new();
    let pipe = bed.families().join("gpt2.yaml");
    let made = Command::new("mkfifo")
        .arg(&pipe)
        .current_dir(&bed.root)
        .status();
    assert!(
        made.is_ok_and(|status| status.success()),
        "mkfifo is part of every Unix"
    );
    bed.refuses(&[
        "model-registry/families/text-encoder/gpt2.yaml: `gpt2.yaml` is a link or a device: put the file itself here",
    ]);
}

#[test]
fn a_folder_is_no_family() {
    let bed = Bed::new();
    fs::create_dir_all(bed.families().join("gpt2.yaml")).expect("a folder");
    bed.refuses(&[
        "model-registry/families/text-encoder/gpt2.yaml: `gpt2.yaml` is a folder: put the file itself here",
    ]);
}

#[test]
fn names_that_are_no_text_are_told_as_far_as_they_go() {
    let bed = Bed::new();
    fs::write(
        bed.families()
            .as_std_path()
            .join(OsStr::from_bytes(b"gpt\xff2.yaml")),
        FAMILY,
    )
    .expect("a file");
    bed.refuses(&[
        "model-registry/families/text-encoder/gpt\u{fffd}2.yaml: the path is not UTF-8: rename the file",
    ]);
}

#[test]
fn names_that_only_look_like_a_family_are_refused() {
    for (name, found) in [
        ("Bert.yaml", "Bert.yaml"),
        ("bert .yaml", "bert .yaml"),
        ("b\u{435}rt.yaml", "b\u{435}rt.yaml"),
        ("bert\u{1b}[31m.yaml", "bert\u{1b}[31m.yaml"),
        ("bert.yaml.yaml", "bert.yaml.yaml"),
    ] {
        let bed = Bed::new();
        fs::rename(bed.families().join("bert.yaml"), bed.families().join(name)).expect("renamed");
        let path = Utf8Path::new("model-registry/families/text-encoder").join(name);
        let message = format!(
            "family `bert` is in a file called {}",
            found.replace('\u{1b}', "\u{fffd}")
        );
        bed.refuses(&[&format!("{path}: {message}: rename the file to bert.yaml")]);
    }
}

#[test]
fn the_same_family_in_other_case_is_refused() {
    let bed = Bed::new();
    // Where names are told apart by case; elsewhere the second file is the first.
    fs::write(bed.families().join("BERT.yaml"), FAMILY).expect("a file");
    if fs::read_dir(bed.families()).expect("readable").count() == 2 {
        bed.refuses(&[
            "model-registry/families/text-encoder/BERT.yaml: family `bert` is in a file called BERT.yaml: rename the file to bert.yaml",
            "model-registry/families/text-encoder/bert.yaml: family `bert` is defined by model-registry/families/text-encoder/BERT.yaml already: keep one of the two files",
        ]);
    }
}
