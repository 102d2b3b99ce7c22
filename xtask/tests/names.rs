//! `show` and `list`, as a user meets them: what any name stands for, and what there is in numbers.

use std::process::Command;

use serde_json::Value;

/// The exit code, and what was said on standard output and standard error.
fn xtask(arguments: &[&str]) -> (Option<i32>, String) {
    let output = Command::new(env!("CARGO_BIN_EXE_xtask"))
        .args(arguments)
        .output()
        .expect("starts");
    let said = [output.stdout, output.stderr].concat();
    (
        output.status.code(),
        String::from_utf8(said).expect("UTF-8"),
    )
}

#[test]
fn show_tells_what_a_name_stands_for() {
    for (name, code, said) in [
        ("bert", 0, "BERT (bert)"),
        ("vicuna", 0, "Llama (llama)"),
        ("xlm_roberta", 0, "(xlm-roberta)"),
        (
            "clip_vision_model",
            0,
            "clip_vision_model: part\n`clip_vision_model` is a part of clip, and tried with it",
        ),
        (
            "dalle",
            0,
            "dalle: elsewhere\nnot a model of transformers: a closed service of OpenAI",
        ),
        (
            "graphormer",
            0,
            "graphormer: retired\ntransformers 4.57.6 was the last version that had it",
        ),
        (
            "mobilenet",
            0,
            "mobilenet: several\none name for several model types: mobilenet_v1, mobilenet_v2",
        ),
        (
            "sam2_video",
            0,
            "sam2_video: waived\ntransformers has `sam2_video`, which is not tried: ",
        ),
        (
            "gpt-sw3",
            0,
            "gpt-sw3: same\ntransformers' `gpt-sw3` is the model of `gpt2`",
        ),
        ("bertt", 2, "no family is called `bertt` [similar: bert, "),
        (
            "quite something else",
            2,
            "no family is called `quite something else` [all families: `cargo xtask list`]",
        ),
    ] {
        let (ended, told) = xtask(&["show", name]);
        assert_eq!(ended, Some(code), "{name}: {told}");
        assert!(told.contains(said), "{name}: {told}");
    }
}

#[test]
fn show_tells_programs_the_same() {
    let (_, told) = xtask(&["show", "graphormer", "--json"]);
    let facts: Value = serde_json::from_str(&told).expect("JSON");
    assert_eq!(facts["name"], "graphormer");
    assert_eq!(facts["standing"], "retired");
}

#[test]
fn list_counts_every_family_and_every_type_once() {
    let (_, told) = xtask(&["list", "--json"]);
    let all: Value = serde_json::from_str(&told).expect("JSON");
    let number = |value: &Value| value.as_u64().expect("a number");
    let families = all["families"].as_array().expect("a list").len() as u64;
    let categories = all["categories"].as_array().expect("a list");
    let sum = |pick: &dyn Fn(&Value) -> u64| categories.iter().map(pick).sum::<u64>();
    assert_eq!(sum(&|c| number(&c["families"])), families);
    for backend in ["candle", "ort"] {
        let cells = |c: &Value| {
            let kinds = ["pass", "known-gap", "unbound"];
            kinds.iter().map(|kind| number(&c[backend][kind])).sum()
        };
        assert_eq!(sum(&cells), families, "{backend}");
    }
    let graphs = |c: &Value| {
        let kinds = ["dynamic", "partly", "fixed", "unrecorded"];
        kinds.iter().map(|kind| number(&c["graphs"][kind])).sum()
    };
    assert_eq!(sum(&graphs), sum(&|c| number(&c["cases"])));
    let types = &all["types"];
    let standings = ["families", "same-as", "waived", "open"];
    let counted: u64 = standings.iter().map(|kind| number(&types[*kind])).sum();
    assert_eq!(counted, number(&types["top-level"]));
}
