//! The references are those of the registry: none is missing, none is left over, none is of other facts.

use std::{collections::BTreeMap, fs};

use camino::{Utf8Path, Utf8PathBuf};
use model_registry::{RECORDER_FORMAT, Registry};
use serde_json::Value;

const FILES: [&str; 3] = ["expected.safetensors", "graph.onnx.xz", "manifest.json"];

/// Every case by the name of its reference, with the digest of what recording reads.
fn cases() -> BTreeMap<String, String> {
    let root = Utf8Path::new(env!("CARGO_MANIFEST_DIR")).join("../model-registry");
    let registry = Registry::load(&root).unwrap_or_else(|errors| panic!("{errors}"));
    let cases = registry.families().iter().flat_map(|family| family.cases());
    cases
        .map(|case| (case.name(), case.recorded_from()))
        .collect()
}

fn folder() -> Utf8PathBuf {
    Utf8Path::new(env!("CARGO_MANIFEST_DIR")).join("references")
}

fn names(folder: &Utf8Path) -> Vec<String> {
    let entries = folder.read_dir_utf8().expect("the folder is readable");
    let mut names: Vec<String> = entries
        .map(|entry| entry.expect("the entry is readable").file_name().to_owned())
        .collect();
    names.sort();
    names
}

#[test]
fn every_case_has_one_and_nothing_else_does() {
    let expected: Vec<String> = cases().into_keys().collect();
    assert_eq!(
        names(&folder()),
        expected,
        "run `cargo xtask record --all`, and remove folders of cases that are gone"
    );
}

#[test]
fn each_holds_three_files_recorded_from_the_case_as_it_is() {
    let mut faults = Vec::new();
    for (name, recorded_from) in cases() {
        let folder = folder().join(&name);
        if names(&folder) != FILES {
            faults.push(format!("{folder}: holds other files than {FILES:?}"));
            continue;
        }
        let text = fs::read_to_string(folder.join("manifest.json")).expect("it is listed");
        let manifest: Value = serde_json::from_str(&text).expect("the manifest is JSON");
        if manifest["recorded_from"] != recorded_from.as_str() {
            faults.push(format!("{folder}: recorded from other facts"));
        }
        if manifest["provenance"]["recorder"] != RECORDER_FORMAT {
            faults.push(format!("{folder}: recorded by another recorder"));
        }
    }
    assert!(
        faults.is_empty(),
        "{}\nrun `cargo xtask record --all`",
        faults.join("\n")
    );
}
