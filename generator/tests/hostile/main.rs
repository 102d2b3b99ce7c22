//! Hostile text in every place of every family: refused with its place and a remedy, or shown to be harmless.
//!
//! Harmless means: the emitted Rust and Python have the shape that a plain word in the same place gives
//! them, and no path leaves the expected tree.

mod places;
mod shape;
mod strings;
mod trial;

use std::collections::{BTreeMap, BTreeSet};

use camino::{Utf8Path, Utf8PathBuf};
use rayon::prelude::*;
use serde_json::Value;

use places::{Place, places};
use trial::{Fate, Given, Trial};

/// Each kind of place gets one string in so many, another one in each kind; `HOSTILE=all` gives it all
/// of them, which takes minutes.
const STRIDE: usize = 4;
/// So many families are tried in every place; of the others, which have the same kinds of places, only
/// what is new.
const WHOLE: usize = 40;
/// Fewer would mean that places or strings went missing.
const AT_LEAST: usize = 200;

/// Every family of the registry.
fn families() -> Vec<(Utf8PathBuf, String)> {
    let root = Utf8Path::new(env!("CARGO_MANIFEST_DIR")).join("../model-registry");
    let registry =
        model_registry::Registry::load(&root).unwrap_or_else(|errors| panic!("{errors}"));
    let read = |family: &model_registry::Family| {
        let path = family.path();
        let path = path.strip_prefix("model-registry").expect("it is there");
        let text = std::fs::read_to_string(root.join(path)).expect("it was read before");
        (path.to_owned(), text)
    };
    let mut families: Vec<_> = registry.families().iter().map(read).collect();
    // Kinds of places are met in short files first, which take less time.
    families.sort_by_key(|(_, text)| text.len());
    families
}

/// Every place with a string, every kind of place with many, and every snippet with the long ones.
fn attempts(file: &Value, seen: &mut BTreeSet<String>, number: usize) -> Vec<(Place, Given)> {
    let (given, long) = (Given::all(), Given::long());
    let is_all = std::env::var_os("HOSTILE").is_some_and(|which| which == "all");
    let stride = if is_all { 1 } else { STRIDE };
    let mut attempts = Vec::new();
    for (turn, place) in places(file).into_iter().enumerate() {
        let kinds = seen.len();
        let mut put = |given: &Given| attempts.push((place.clone(), given.clone()));
        if !seen.insert(place.kind()) {
            if number >= WHOLE && !is_all {
                continue;
            }
            put(&given[(kinds + turn) % given.len()]);
            continue;
        }
        given
            .iter()
            .skip(kinds % stride)
            .step_by(stride)
            .for_each(&mut put);
        if place.is_snippet() {
            long.iter().for_each(&mut put);
        } else {
            put(&long[kinds % long.len()]);
        }
    }
    attempts
}

#[test]
fn nothing_hostile_becomes_code_or_leaves_its_place() {
    let mut seen = BTreeSet::new();
    let mut inputs = BTreeSet::new();
    let mut fates: BTreeMap<Fate, usize> = BTreeMap::new();
    let mut failures = Vec::new();
    for (number, (path, text)) in families().into_iter().enumerate() {
        let trial = Trial::new(path, &text);
        let attempts = attempts(trial.file(), &mut seen, number);
        let outcomes: Vec<_> = attempts
            .par_iter()
            .map(|(place, given)| (trial.text(place, given), trial.fate(place, given)))
            .collect();
        for (text, outcome) in outcomes {
            if !inputs.insert((trial.path().to_owned(), text)) {
                continue;
            }
            match outcome {
                Ok(fate) => *fates.entry(fate).or_default() += 1,
                Err(failure) => failures.push(failure),
            }
        }
    }
    tell(&format!(
        "{} hostile inputs in {} kinds of places: {}",
        inputs.len(),
        seen.len(),
        fates
            .iter()
            .map(|(fate, count)| format!("{count} {fate}"))
            .collect::<Vec<_>>()
            .join(", ")
    ));
    assert!(
        failures.is_empty(),
        "{} of {} are neither refused nor harmless, the first:\n{}",
        failures.len(),
        inputs.len(),
        failures
            .iter()
            .take(20)
            .cloned()
            .collect::<Vec<_>>()
            .join("\n\n")
    );
    assert!(inputs.len() >= AT_LEAST, "only {} inputs", inputs.len());
    for fate in Fate::ALL {
        assert!(fates.contains_key(fate), "no input was {fate}");
    }
}

/// The same families unchanged, so that what is compared with is what is emitted.
#[test]
fn a_family_written_as_json_is_the_same_family() {
    for (path, text) in families() {
        Trial::new(path, &text).check_unchanged(&text);
    }
}

#[expect(clippy::print_stdout, reason = "the figure that this test is run for")]
fn tell(line: &str) {
    println!("{line}");
}
