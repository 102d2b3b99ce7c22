//! A reference whose bytes are not those that were recorded is refused, with the command that mends it.

mod common;

use std::fs;

use common::{ENCODER, Fixture, TOY, seal};
use harness::{Case, reference::Reference};
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
