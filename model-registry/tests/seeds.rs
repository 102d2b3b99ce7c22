//! A fuzzer that starts from files which are all refused alike finds nothing.

use std::{collections::BTreeMap, fs};

use camino::Utf8Path;
use model_registry::{Expectations, Registry};

/// Name and text of each seed of a fuzz target.
fn seeds(target: &str) -> BTreeMap<String, String> {
    let folder = Utf8Path::new(env!("CARGO_MANIFEST_DIR"))
        .join("fuzz/seeds")
        .join(target);
    let entries = folder.read_dir_utf8().expect("the seeds are there");
    let seed = |path: &Utf8Path| {
        let text = fs::read_to_string(path).expect("readable");
        (path.file_stem().expect("a name").to_owned(), text)
    };
    entries
        .map(|entry| seed(entry.expect("readable").path()))
        .collect()
}

#[track_caller]
fn check(ends: &BTreeMap<String, Option<String>>, read: &[&str]) {
    let found: Vec<_> = ends
        .iter()
        .filter(|(_, fault)| fault.is_none())
        .map(|(name, _)| name.as_str())
        .collect();
    assert_eq!(found, read, "{ends:#?}");
    let faults: std::collections::BTreeSet<_> = ends.values().flatten().collect();
    assert_eq!(
        faults.len() + read.len(),
        ends.len(),
        "two are refused alike: {ends:#?}"
    );
}

#[test]
fn the_families_lead_to_every_end() {
    let mut ends = BTreeMap::new();
    for (name, text) in seeds("family") {
        let given = |key: &str| {
            text.lines()
                .find_map(|line| line.strip_prefix(key))
                .unwrap_or("bert")
                .to_owned()
        };
        let path = format!(
            "families/{}/{}.yaml",
            given("category: "),
            given("family: ")
        );
        let loaded = Registry::from_sources(BTreeMap::from([(path.into(), text.clone())]));
        ends.insert(name, loaded.err().map(|errors| errors.to_string()));
    }
    check(
        &ends,
        &["bert", "detr", "llama", "llava", "whisper", "xclip"],
    );
}

#[test]
fn the_lists_lead_to_every_end() {
    let mut ends = BTreeMap::new();
    for (name, text) in seeds("expectations") {
        let list = Expectations::from_source(Utf8Path::new("expectations/candle-cpu.yaml"), text);
        ends.insert(name, list.err().map(|errors| errors.to_string()));
    }
    check(&ends, &["blocks", "empty", "one", "real"]);
}
