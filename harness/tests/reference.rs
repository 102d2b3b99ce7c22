//! A reference whose bytes are not those that were recorded is refused, with the command that mends it.

mod common;

use std::{collections::BTreeMap, fs, io::Write};

use common::{ENCODER, Fixture, TOY, Toy, seal, sha256};
use harness::{Case, reference::Reference};
use lzma_rust2::{XzOptions, XzWriter};
use serde_json::json;

fn refusal(fixture: &Fixture, case: &Case) -> String {
    let error = Reference::load(&fixture.site.root, case)
        .expect_err("it must be refused")
        .to_string();
    error.replace(fixture.site.root.as_str(), "")
}

#[test]
fn an_intact_reference_is_read() {
    let fixture = Fixture::new(&ENCODER);
    let reference = Reference::load(&fixture.site.root, &TOY).expect("intact");
    assert_eq!(reference.manifest().name(), "toy");
    assert_eq!(reference.inputs()["input_ids"].shape(), [2, 6]);
    assert_eq!(reference.truths()["hidden"].elements.len(), 48);
}

#[test]
fn a_missing_reference_names_the_command() {
    let fixture = Fixture::new(&ENCODER);
    let relu = Case {
        variant: Some("relu"),
        ..TOY
    };
    assert_eq!(
        refusal(&fixture, &relu),
        "/snapshots/references/toy.relu/manifest.json: cannot be read: \
         No such file or directory (os error 2) (mend it with `cargo xtask record toy`)"
    );
}

#[test]
fn a_missing_file_beside_the_manifest_is_named() {
    let fixture = Fixture::new(&ENCODER);
    fs::remove_file(fixture.folder().join("expected.safetensors")).expect("it is there");
    let text = refusal(&fixture, &TOY);
    assert!(
        text.starts_with("/snapshots/references/toy/expected.safetensors: cannot be read: "),
        "{text}"
    );
}

#[test]
fn a_manifest_cut_anywhere_is_refused() {
    let fixture = Fixture::new(&ENCODER);
    let bytes = fs::read(fixture.manifest()).expect("written");
    for length in 0..bytes.len() {
        fs::write(fixture.manifest(), &bytes[..length]).expect("writable");
        let text = refusal(&fixture, &TOY);
        assert!(
            text.contains("manifest.json: is cut off"),
            "{length}: {text}"
        );
    }
}

#[test]
fn a_manifest_with_any_bit_flipped_is_refused() {
    let fixture = Fixture::new(&ENCODER);
    let bytes = fs::read(fixture.manifest()).expect("written");
    for index in 0..bytes.len() {
        let mut flipped = bytes.clone();
        flipped[index] ^= 1 << (index % 8);
        fs::write(fixture.manifest(), &flipped).expect("writable");
        let text = refusal(&fixture, &TOY);
        let is_named =
            text.contains("is damaged: its bytes have the digest") || text.contains("is cut off");
        assert!(
            is_named && text.ends_with("(mend it with `cargo xtask record toy`)"),
            "{index}: {text}"
        );
    }
}

#[test]
fn expected_numbers_with_any_bit_flipped_are_refused() {
    let fixture = Fixture::new(&ENCODER);
    let path = fixture.folder().join("expected.safetensors");
    let bytes = fs::read(&path).expect("written");
    for index in 0..bytes.len() {
        let mut flipped = bytes.clone();
        flipped[index] ^= 1 << (index % 8);
        fs::write(&path, &flipped).expect("writable");
        let text = refusal(&fixture, &TOY);
        assert!(
            text.starts_with("/snapshots/references/toy/expected.safetensors: is damaged"),
            "{text}"
        );
    }
}

#[test]
fn a_reference_of_other_facts_is_stale() {
    let fixture = Fixture::new(&ENCODER);
    let case = Case {
        recorded_from: "0123456789abcdef",
        ..TOY
    };
    assert_eq!(
        refusal(&fixture, &case),
        "/snapshots/references/toy/manifest.json: was recorded from feedfeedfeedfeed, the emitted test \
         speaks of 0123456789abcdef (mend it with `cargo xtask record toy`)"
    );
}

/// Sealed with a right digest, so that what is refused is the content.
#[test]
fn manifests_that_contradict_themselves_are_refused() {
    let table = [
        (
            "/format",
            json!(2),
            "manifest.json: has format 2, this harness reads format 1",
        ),
        (
            "/family",
            json!("yot"),
            "manifest.json: is the reference of `yot`",
        ),
        (
            "/sizes",
            json!([1]),
            "manifest.json: is not a manifest: invalid type: sequence, expected a map",
        ),
        (
            "/inputs/0/axes/0",
            json!({}),
            "manifest.json: is not a manifest: an axis is a name or a number, not {}",
        ),
        (
            "/files",
            json!({}),
            "expected.safetensors: is not listed in the `files` of manifest.json",
        ),
        (
            "/inputs/0/dtype",
            json!("u8"),
            "input `attention_mask` has dtype `u8` in manifest.json (valid: f32, i64)",
        ),
        (
            "/inputs/1/shape",
            json!([2, 5]),
            "input `input_ids`: 12 elements do not fill the shape [2, 5]",
        ),
        (
            "/inputs/1/name",
            json!("ids"),
            "is no safetensors file: tensor `input.ids` not found",
        ),
        (
            "/inputs/0/lengths/of",
            json!([6]),
            "the mask `attention_mask` does not have one length a row in manifest.json",
        ),
        (
            "/outputs/0/shape",
            json!([2, 5, 4]),
            "`output.hidden` has 48 elements, manifest.json says 40",
        ),
        (
            "/weights/1/1",
            json!([4]),
            "`weight.table` has shape [3], manifest.json says [4]",
        ),
        (
            "/outputs/0/axes",
            json!(["batch"]),
            "output `hidden` has shape [2, 6, 4] and the axes [batch]",
        ),
        (
            "/weights/0/1",
            json!([1_u64 << 33, 1_u64 << 33]),
            "manifest.json: asks for more than 16777216 elements in all its tensors, which no tiny case needs",
        ),
        (
            "/weights/0/1",
            json!([1 << 24]),
            "manifest.json: asks for more than 16777216 elements",
        ),
    ];
    for (pointer, value, complaint) in table {
        let fixture = Fixture::with(&ENCODER, |manifest| {
            *manifest
                .pointer_mut(pointer)
                .expect("a field of the manifest") = value;
        });
        let text = refusal(&fixture, &TOY);
        assert!(text.contains(complaint), "{pointer}: {text}");
    }
}

/// Whatever the step, as many elements are kept as the manifest says, or none.
#[test]
fn a_sample_that_keeps_an_element_twice_is_refused() {
    let sampled = Toy {
        sampled: true,
        ..ENCODER
    };
    for (step, kept) in [(0, 1), (12, 4), (u64::MAX, 16)] {
        let fixture = Fixture::with(&sampled, |manifest| {
            manifest["outputs"][0]["sample"]["step"] = json!(step);
        });
        let complaint = format!("`sample.hidden` has {kept} elements, manifest.json says 20");
        let text = refusal(&fixture, &TOY);
        assert!(text.contains(&complaint), "{step}: {text}");
    }
}

/// A megabyte of packed zeros would otherwise fill a gigabyte.
#[test]
fn a_graph_that_unpacks_without_end_is_refused() {
    let mut packed = XzWriter::new(Vec::new(), XzOptions::with_preset(0)).expect("in memory");
    for _ in 0..33 {
        packed.write_all(&vec![0; 1 << 20]).expect("in memory");
    }
    let packed = packed.finish().expect("in memory");
    let fixture = Fixture::with(&ENCODER, |manifest| {
        manifest["graph"] = json!({"inputs": [], "outputs": [], "leaves": []});
        manifest["files"]["graph.onnx.xz"] = json!(sha256(&packed));
    });
    fs::write(fixture.folder().join("graph.onnx.xz"), packed).expect("writable");
    let reference = Reference::load(&fixture.site.root, &TOY).expect("intact");
    let error = reference.graph().expect_err("too large").to_string();
    assert!(
        error.contains("graph.onnx.xz: asks for more than 33554432 bytes once unpacked"),
        "{error}"
    );
}

/// What is read from memory is what is read from disk.
#[test]
fn a_reference_is_read_from_bytes_alone() {
    let fixture = Fixture::new(&ENCODER);
    let file = |name: &str| fs::read(fixture.folder().join(name)).expect("written");
    let names = ["manifest.json", "expected.safetensors"];
    let mut files: BTreeMap<&str, Vec<u8>> = names.map(|name| (name, file(name))).into();
    let (reference, graph) = Reference::from_files(&TOY, &files).expect("intact");
    assert_eq!(
        (reference.manifest().name(), graph),
        ("toy".to_owned(), None)
    );
    files.remove("expected.safetensors");
    let error = Reference::from_files(&TOY, &files).expect_err("a file is missing");
    assert!(
        error
            .to_string()
            .contains("expected.safetensors: cannot be read"),
        "{error}"
    );
}

#[test]
fn a_changed_manifest_needs_a_new_digest() {
    let fixture = Fixture::new(&ENCODER);
    let text = fs::read_to_string(fixture.manifest()).expect("written");
    fs::write(fixture.manifest(), text.replace("1e-7", "1e-2")).expect("writable");
    assert!(refusal(&fixture, &TOY).contains("is damaged"));
    let mut manifest: serde_json::Value = serde_json::from_str(&text).expect("JSON");
    manifest
        .as_object_mut()
        .expect("an object")
        .remove("digest");
    fs::write(fixture.manifest(), seal(&manifest)).expect("writable");
    Reference::load(&fixture.site.root, &TOY).expect("sealed anew");
}

/// A fuzzer that starts from references which are all refused alike finds nothing.
#[test]
fn the_seeds_of_the_fuzzer_lead_to_every_end() {
    let case = Case {
        recorded_from: "0",
        ..TOY
    };
    let folder = concat!(env!("CARGO_MANIFEST_DIR"), "/fuzz/seeds/reference");
    let mut ends = BTreeMap::new();
    for entry in fs::read_dir(folder).expect("the seeds are there") {
        let path = entry.expect("readable").path();
        let name = path
            .file_name()
            .expect("a name")
            .to_string_lossy()
            .into_owned();
        let files = files_of(&fs::read(&path).expect("readable"));
        let end = match Reference::from_files(&case, &files) {
            Ok((_, graph)) => format!("read, {}", graph.map_or("no graph", |_| "with its graph")),
            Err(error) => error.kind.to_string(),
        };
        ends.insert(name, end);
    }
    let too_large =
        "asks for more than 16777216 elements in all its tensors, which no tiny case needs";
    let expected = [
        ("bert", "read, with its graph"),
        ("toy", "read, with its graph"),
        ("toy_bomb", "read, with its graph"),
        (
            "toy_graph_cut",
            "cannot be read: failed to fill whole buffer",
        ),
        ("toy_no_graph", "read, no graph"),
        ("toy_nothing_in_it", "read, with its graph"),
        (
            "toy_other_rank",
            "output `hidden` has shape [2, 5] and the axes [batch]",
        ),
        ("toy_shape_is_huge", too_large),
        ("toy_shape_overflows", too_large),
        (
            "toy_step_of_zero",
            "`sample.big` has 1 elements, manifest.json says 7",
        ),
        ("toy_step_overflows", "read, with its graph"),
        ("vit", "read, with its graph"),
    ];
    let expected = expected.map(|(name, end)| (name.to_owned(), end.to_owned()));
    assert_eq!(ends, expected.into());
}

/// As the fuzz target makes them: three files in one, the digests put in.
fn files_of(seed: &[u8]) -> BTreeMap<&'static str, Vec<u8>> {
    let cut = |bytes: &[u8], mark: &str| {
        let found = bytes
            .windows(mark.len())
            .position(|window| window == mark.as_bytes());
        let at = found.unwrap_or_else(|| panic!("a seed has `{mark}`"));
        (bytes[..at].to_vec(), bytes[at + mark.len()..].to_vec())
    };
    let (manifest, rest) = cut(seed, "\n=== expected ===\n");
    let (expected, graph) = cut(&rest, "\n=== graph ===\n");
    let manifest = String::from_utf8(manifest).expect("a manifest is text");
    let head = manifest
        .replace("@EXPECTED@", &sha256(&expected))
        .replace("@GRAPH@", &sha256(&graph));
    let digest = sha256(format!("{head}\n").as_bytes());
    let manifest = format!("{head}\n \"digest\": \"{digest}\"\n}}\n").into_bytes();
    BTreeMap::from([
        ("manifest.json", manifest),
        ("expected.safetensors", expected),
        ("graph.onnx.xz", graph),
    ])
}
