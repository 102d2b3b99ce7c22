//! Any bytes as the only family file: told what is wrong with them, or every case resolved, within a second.
#![no_main]

use std::{collections::BTreeMap, hint::black_box, time::Duration};

use camino::Utf8PathBuf;
use cpu_time::ProcessTime;
use libfuzzer_sys::fuzz_target;
use model_registry::{Errors, Registry};

fuzz_target!(|bytes: &[u8]| {
    let Ok(text) = std::str::from_utf8(bytes) else {
        return;
    };
    let begun = ProcessTime::now();
    match Registry::from_sources(BTreeMap::from([(place(text), text.to_owned())])) {
        Ok(registry) => resolve(&registry),
        Err(errors) => show(&errors),
    }
    let took = begun.elapsed();
    assert!(took < Duration::from_secs(1), "it took {took:?}");
});

/// Where the file would have to lie, so that its name alone is no reason to refuse it.
fn place(text: &str) -> Utf8PathBuf {
    let given = |key: &str| {
        text.lines()
            .find_map(|line| line.strip_prefix(key))
            .unwrap_or("bert")
            .trim()
    };
    format!(
        "families/{}/{}.yaml",
        given("category: "),
        given("family: ")
    )
    .into()
}

/// What the generator asks of a family.
fn resolve(registry: &Registry) {
    for family in registry.families() {
        for case in family.cases() {
            black_box((case.name(), case.recorded_from()));
        }
        black_box((family.path(), registry.suggest(&family.family)));
    }
}

/// A fault without words or without a remedy is a crash too.
fn show(errors: &Errors) {
    assert!(errors.len() > 0);
    for error in errors.iter() {
        assert!(
            !error.message.is_empty() && !error.help.is_empty(),
            "{error}"
        );
    }
    black_box(errors.to_string());
}
