//! A fuzzer that starts from models which are all refused alike finds nothing.

use std::{collections::BTreeMap, fs};

use onnx_model::Model;

#[test]
fn the_seeds_of_the_fuzzer_lead_to_every_end() {
    let folder = concat!(env!("CARGO_MANIFEST_DIR"), "/fuzz/seeds/model");
    let mut ends = BTreeMap::new();
    for entry in fs::read_dir(folder).expect("the seeds are there") {
        let path = entry.expect("readable").path();
        let name = path
            .file_name()
            .expect("a name")
            .to_string_lossy()
            .into_owned();
        let end = match Model::read(&fs::read(&path).expect("readable")) {
            Ok(_) => "read".to_owned(),
            Err(error) => error.to_string(),
        };
        ends.insert(name, end);
    }
    let impossible = "[4611686018427387904, 4611686018427387904]";
    let expected = [
        ("branches", "read"),
        ("clip_vision", "read"),
        (
            "cut",
            "model: is no ONNX message: failed to decode Protobuf message: ModelProto.graph: buffer underflow",
        ),
        ("deep", "graph: has graphs nested deeper than 6"),
        ("external", "read"),
        (
            "huge",
            &format!("initializer w: has the impossible shape {impossible}"),
        ),
        ("lists", "read"),
        ("old", "model: has ir_version 2 (valid: 3 to 14)"),
        ("small", "read"),
        ("twice", "node 1 (Neg): value `y` is there twice"),
        ("typed", "read"),
        (
            "undefined",
            "node 0 (Add): `nobody` is not defined before it is used",
        ),
    ];
    let expected: BTreeMap<_, _> = expected
        .map(|(name, end)| (name.to_owned(), end.to_owned()))
        .into();
    assert_eq!(ends, expected);
}
