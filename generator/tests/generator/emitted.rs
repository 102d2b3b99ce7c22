//! What is emitted, for every architecture: it renders, it holds the checks of its form, and it is the same every time.

use std::collections::BTreeSet;

use generator::{MARK, Templates, generate, generate_some};
use model_registry::{Architecture, Registry};

use crate::common::{family, registry, sources};

fn every_architecture() -> Registry {
    let families: Vec<_> = Architecture::ALL
        .iter()
        .map(|architecture| {
            (
                architecture.name(),
                family(architecture.name(), architecture.name(), ""),
            )
        })
        .collect();
    registry(&families)
}

fn embedded() -> Templates {
    Templates::embedded().expect("the build script has checked them")
}

/// The emitted Rust of one family.
#[track_caller]
fn rust(name: &str, text: String) -> String {
    let files = generate(&registry(&[(name, text)]), &embedded()).expect("it renders");
    let path = format!("generated/tests/text-encoder/{}.rs", name.replace('-', "_"));
    files[camino::Utf8Path::new(&path)].clone()
}

/// The paths of the tests in emitted Rust, without the family: `on_ort::refuses_bad_input`.
fn tests(rust: &str) -> Vec<String> {
    fn collect(items: &[syn::Item], path: &str, into: &mut Vec<String>) {
        for item in items {
            match item {
                syn::Item::Mod(module) => {
                    let path = format!("{path}{}::", module.ident);
                    collect(
                        module.content.as_ref().map_or(&[], |(_, items)| items),
                        &path,
                        into,
                    );
                }
                syn::Item::Fn(function) => into.push(format!("{path}{}", function.sig.ident)),
                _ => {}
            }
        }
    }
    let mut into = Vec::new();
    collect(
        &syn::parse_file(rust).expect("emitted Rust parses").items,
        "",
        &mut into,
    );
    into
}

#[test]
fn every_architecture_has_templates_that_render() {
    let files = generate(&every_architecture(), &embedded()).expect("all of them render");
    assert_eq!(files.len(), Architecture::ALL.len() * 2 + 4);
    for (path, text) in &files {
        assert!(
            text.lines().take(2).any(|line| line.ends_with(MARK)),
            "{path}\n{text}"
        );
        assert!(
            text.ends_with('\n') && !text.contains('\r') && !text.contains("\n\n\n\n"),
            "{path}"
        );
    }
    let sources_lines: BTreeSet<_> = files
        .values()
        .flat_map(|text| text.lines().find(|line| line.contains("Sources: ")))
        .collect();
    for name in sources()
        .keys()
        .filter(|name| !name.contains("/base.") && !name.contains("/macros."))
    {
        assert!(
            sources_lines
                .iter()
                .any(|line| line.ends_with(&format!("templates/{name}"))),
            "{name} makes no file"
        );
    }
}

#[test]
fn what_is_embedded_is_what_lies_in_the_folder() {
    assert_eq!(
        embedded().names(),
        sources().keys().map(String::as_str).collect::<Vec<_>>()
    );
}

#[test]
fn bytes_depend_on_input_alone() {
    let once = generate(&every_architecture(), &embedded()).expect("they render");
    let one_thread = rayon::ThreadPoolBuilder::new()
        .num_threads(1)
        .build()
        .expect("a thread");
    let twice = one_thread.install(|| generate(&every_architecture(), &embedded()));
    assert_eq!(once, twice.expect("they render"));
}

#[test]
fn some_families_come_with_the_files_that_all_share() {
    let registry = every_architecture();
    let all = generate(&registry, &embedded()).expect("they render");
    let some = generate_some(&registry, &embedded(), &["vision"]).expect("it renders");
    assert_eq!(some.len(), 2 + 4);
    assert!(some.iter().all(|(path, text)| all.get(path) == Some(text)));
}

#[track_caller]
fn check_form(architecture: &str, expected: &[&str]) {
    let all = [
        "forward_matches_reference",
        "batch_equals_singles",
        "padding_changes_nothing",
    ];
    let mut wanted = Vec::new();
    for backend in ["on_candle", "on_ort"] {
        wanted.extend(
            all.iter()
                .chain(expected)
                .map(|check| format!("{backend}::{check}")),
        );
        wanted.push(format!("{backend}::refuses_bad_input"));
    }
    wanted.push("on_ort_unoptimised::forward_matches_reference".to_owned());
    assert_eq!(
        tests(&rust("tiny", family("tiny", architecture, ""))),
        wanted
    );
}

#[test]
fn each_form_has_its_checks() {
    check_form("encoder-only", &["later_tokens_do_matter"]);
    for causal in ["decoder-only", "vision-language"] {
        check_form(causal, &["later_tokens_do_not_matter"]);
    }
    for plain in [
        "vision",
        "detection",
        "dual-encoder",
        "video-text",
        "speech-encoder",
        "audio-text",
    ] {
        check_form(plain, &[]);
    }
}

/// The fixture's outputs lie along `sequence`; those of a decoder lie along `target`.
#[test]
fn causality_is_tried_along_an_axis_that_the_outputs_have() {
    for causal in ["encoder-decoder", "speech-encoder-decoder"] {
        check_form(causal, &[]);
        let text = family("tiny", causal, "")
            .replace("[batch, sequence, hidden]", "[batch, target, hidden]");
        let tests = tests(&rust("tiny", text));
        for backend in ["on_candle", "on_ort"] {
            assert!(
                tests.contains(&format!("{backend}::later_tokens_do_not_matter")),
                "{tests:?}"
            );
        }
    }
}

#[test]
fn rows_are_compared_where_an_output_has_them() {
    let text =
        family("tiny", "vision", "").replace("[batch, sequence, hidden]", "[patches, hidden]");
    let tests = tests(&rust("tiny", text));
    let rows: Vec<_> = tests
        .iter()
        .filter(|test| test.ends_with("batch_equals_singles"))
        .collect();
    // The graph gives the pooled output as well; candle does not.
    assert_eq!(rows, ["on_ort::batch_equals_singles"]);
}

#[test]
fn a_waived_check_is_not_emitted() {
    let text = family(
        "tiny",
        "encoder-only",
        "waives: {padding_changes_nothing: it does}",
    );
    let tests = tests(&rust("tiny", text));
    assert!(
        !tests.iter().any(|test| test.contains("padding")),
        "{tests:?}"
    );
}

#[test]
fn a_mask_that_candle_does_not_read_is_checked_on_the_graph_only() {
    let text = family("tiny", "vision", "").replace(", &attention_mask", "");
    let tests = tests(&rust("tiny", text));
    let padding: Vec<_> = tests
        .iter()
        .filter(|test| test.ends_with("padding_changes_nothing"))
        .collect();
    assert_eq!(padding, ["on_ort::padding_changes_nothing"]);
}

#[test]
fn a_cache_is_tried_where_something_decodes() {
    let cached = |architecture| {
        family("tiny", architecture, "variants:\n  other: {tries: it}\n").replace(
            "  outputs:\n    last",
            "  reset: model.clear_cache();\n  outputs:\n    last",
        )
    };
    let decoder = rust("tiny", cached("decoder-only"));
    let tests = tests(&decoder);
    let cached_tests: Vec<_> = tests
        .iter()
        .filter(|test| test.ends_with("cached_decode_matches_full"))
        .collect();
    assert_eq!(
        cached_tests,
        [
            "on_candle::cached_decode_matches_full",
            "other::on_candle::cached_decode_matches_full"
        ]
    );
    assert!(decoder.contains("const CACHES: bool = true;"), "{decoder}");
    assert!(
        decoder.contains("model.clear_cache();\n        Ok(())"),
        "{decoder}"
    );
}

#[test]
fn a_family_without_a_binding_does_not_name_candle() {
    let text = family("tiny", "encoder-only", "");
    let (text, _) = text.split_once("candle:\n").expect("there is one");
    let rust = rust("tiny", text.to_owned());
    assert!(rust.contains("use harness::{Case, check, ort};"), "{rust}");
    assert!(!rust.contains("candle"), "{rust}");
}

#[test]
fn only_what_snippets_read_is_bound() {
    let rust = rust("tiny", family("tiny", "decoder-only", ""));
    assert!(
        rust.contains("const INPUTS: &[&str] = &[\"attention_mask\", \"input_ids\"];"),
        "{rust}"
    );
    assert!(!rust.contains("decoder_input_ids"), "{rust}");
    assert!(rust.contains("_position: usize"), "{rust}");
}

#[test]
fn an_output_computed_before_is_given_after_the_ones_that_read_it() {
    let text = family("tiny", "encoder-only", "")
        .replace("  outputs:\n    last_hidden_state: model.forward(&input_ids, &attention_mask)?", "  forward: let all = model.forward(&input_ids)?;\n  outputs:\n    last_hidden_state: all\n    pooler_output: all.get(0)?")
        .replace("  missing:\n    pooler_output: not there, tiny.rs:1\n", "");
    let rust = rust("tiny", text);
    let pooled = rust.find("let pooler_output = all.get(0)?;").expect(&rust);
    let given = rust.find("(\"last_hidden_state\", all)").expect(&rust);
    assert!(pooled < given, "{rust}");
}

#[test]
fn the_manifest_names_what_is_used() {
    let files = generate(&every_architecture(), &embedded()).expect("they render");
    let manifest = &files[camino::Utf8Path::new("generated/Cargo.toml")];
    assert!(
        manifest.contains("\ncandle-transformers.workspace = true\n"),
        "{manifest}"
    );
    assert!(!manifest.contains("candle-nn"), "{manifest}");
    assert!(!manifest.contains("serde_json"), "{manifest}");
}
