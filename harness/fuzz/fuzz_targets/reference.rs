//! Any bytes as a reference's three files, their digests made right: refused, or read whole, within a second.
//!
//! An input is the manifest up to its digest, then after `=== expected ===` and `=== graph ===` the other
//! files; `@EXPECTED@` and `@GRAPH@` in the manifest become their digests. Without right digests every
//! input would be refused for the same reason.
#![no_main]

use std::{collections::BTreeMap, time::Duration};

use cpu_time::ProcessTime;
use harness::{Case, reference::Reference};
use libfuzzer_sys::fuzz_target;
use sha2::{Digest, Sha256};

const CASE: Case = Case {
    category: "text-encoder",
    family: "toy",
    variant: None,
    recorded_from: "0",
};

fuzz_target!(|bytes: &[u8]| {
    let (manifest, rest) = cut(bytes, b"\n=== expected ===\n");
    let (expected, graph) = cut(rest, b"\n=== graph ===\n");
    let files = BTreeMap::from([
        ("manifest.json", seal(manifest, expected, graph)),
        ("expected.safetensors", expected.to_vec()),
        ("graph.onnx.xz", graph.to_vec()),
    ]);
    let begun = ProcessTime::now();
    match Reference::from_files(&CASE, &files) {
        Ok((reference, _)) => check(&reference),
        Err(error) => assert!(error.to_string().contains("cargo xtask record"), "{error}"),
    }
    let took = begun.elapsed();
    assert!(took < Duration::from_secs(1), "it took {took:?}");
});

/// What every check of the harness takes for granted.
fn check(reference: &Reference) {
    let manifest = reference.manifest();
    for input in &manifest.inputs {
        let array = &reference.inputs()[&input.name];
        assert_eq!(array.shape().iter().product::<usize>(), array.data().len());
    }
    for (name, truth) in reference.truths() {
        assert_eq!(truth.axes.len(), truth.shape.len(), "{name}");
        let total = truth.shape.iter().product::<usize>();
        assert!(
            truth.elements.iter().all(|(index, _)| *index < total),
            "{name}"
        );
        assert!(
            truth.elements.is_sorted_by(|one, other| one.0 < other.0),
            "{name}"
        );
        assert!(
            truth.elements.len() == total || !truth.sums.is_empty(),
            "{name}"
        );
    }
}

fn cut<'a>(bytes: &'a [u8], mark: &[u8]) -> (&'a [u8], &'a [u8]) {
    match bytes.windows(mark.len()).position(|window| window == mark) {
        Some(at) => (&bytes[..at], &bytes[at + mark.len()..]),
        None => (bytes, &[]),
    }
}

fn seal(manifest: &[u8], expected: &[u8], graph: &[u8]) -> Vec<u8> {
    let mut sealed = replace(manifest, b"@EXPECTED@", sha256(expected).as_bytes());
    sealed = replace(&sealed, b"@GRAPH@", sha256(graph).as_bytes());
    if sealed.last() != Some(&b'\n') {
        sealed.push(b'\n');
    }
    let digest = sha256(&sealed);
    sealed.extend(format!(" \"digest\": \"{digest}\"\n}}\n").bytes());
    sealed
}

fn replace(bytes: &[u8], mark: &[u8], with: &[u8]) -> Vec<u8> {
    let (before, after) = cut(bytes, mark);
    if before.len() == bytes.len() {
        bytes.to_vec()
    } else {
        [before, with, after].concat()
    }
}

fn sha256(bytes: &[u8]) -> String {
    Sha256::digest(bytes)
        .iter()
        .map(|byte| format!("{byte:02x}"))
        .collect()
}
