//! What is emitted, for every architecture: it renders, it holds the checks of its form, and it is the same every time.

use std::collections::BTreeSet;

use generator::{Fate, MARK, Templates, generate, generate_some, plan};
use model_registry::{Architecture, Registry, TOKENIZER_CHECKS};

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
    assert_eq!(files.len(), Architecture::ALL.len() * 2 + 7);
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
        // Those are for one finding at a time.
        .filter(|name| !name.starts_with("repro/"))
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
    assert_eq!(some.len(), 2 + 7);
    assert!(some.iter().all(|(path, text)| all.get(path) == Some(text)));
}

/// The paths of the tests that a family is planned to have.
fn planned(registry: &Registry, name: &str) -> Vec<String> {
    let family = registry.family(name).expect("it is there");
    let plan = plan(family).expect("its snippets parse");
    let made = plan
        .into_iter()
        .filter(|planned| planned.fate == Fate::Made);
    made.map(|planned| {
        let variant = planned.variant.map_or_else(String::new, |variant| {
            format!("{}::", variant.replace('-', "_"))
        });
        let setting = planned
            .setting
            .map_or_else(String::new, |setting| format!("_{setting}"));
        format!(
            "{variant}on_{}{setting}::{}",
            planned.backend.replace('-', "_"),
            planned.check
        )
    })
    .collect()
}

#[test]
fn what_is_planned_is_emitted_and_nothing_else() {
    for architecture in Architecture::ALL {
        let name = architecture.name();
        let text = family(name, name, "variants: {small-head: {tries: it}}");
        let registry = registry(&[(name, text.clone())]);
        let planned = planned(&registry, name);
        assert!(planned.len() > 12, "{planned:?}");
        assert_eq!(tests(&rust(name, text)), planned);
    }
}

#[test]
fn checks_along_positions_are_told_the_axis() {
    let text = family("tiny", "encoder-decoder", "")
        .replace("[batch, sequence, hidden]", "[batch, target, hidden]");
    let rust = rust("tiny", text);
    let told = [
        "check::later_tokens_do_not_matter(&TINY, ort::graph(), \"target\");",
        "check::batch_equals_singles(&TINY, ort::graph());",
        "const DECODES_ALONG: Option<&str> = Some(\"target\");",
    ];
    for line in told {
        assert!(rust.contains(line), "{line}\n{rust}");
    }
}

#[test]
fn a_model_that_keeps_a_cache_empties_it() {
    let text = family("tiny", "decoder-only", "").replace(
        "  outputs:\n    last",
        "  reset: model.clear_cache();\n  outputs:\n    last",
    );
    let rust = rust("tiny", text);
    assert!(rust.contains("const CACHES: bool = true;"), "{rust}");
    assert!(
        rust.contains("model.clear_cache();\n        Ok(())"),
        "{rust}"
    );
}

#[test]
fn variants_that_share_a_binding_share_its_adapter() {
    let variants = "variants:
  a-head-too: {tries: it, model: Head, candle: head}
  head:
    tries: it
    model: Head
    candle:
      use: candle_transformers::models::tiny::{Head, Config}
      config: Config
      model: Head
      load: Head::load(weights, &config)?
      reset: model.clear_cache();
      outputs:
        last_hidden_state: model.forward(&input_ids)?
      missing:
        pooler_output: not there, tiny.rs:1
  unbound: {tries: it, model: Other}";
    let text = family("tiny", "decoder-only", variants);
    let registry = registry(&[("tiny", text.clone())]);
    let rust = rust("tiny", text);
    assert_eq!(rust.matches("model: Head,").count(), 1, "{rust}");
    assert!(rust.contains("    pub(super) struct Native {"), "{rust}");
    assert!(rust.contains("\nstruct Native {"), "{rust}");
    let sharing = "mod a_head_too {\n    use super::*;\n    use super::head::Native;\n";
    assert!(rust.contains(sharing), "{rust}");
    let planned = planned(&registry, "tiny");
    for variant in ["a_head_too", "head"] {
        let cached = format!("{variant}::on_candle::cached_decode_matches_full");
        assert!(planned.contains(&cached), "{planned:?}");
    }
    assert!(!planned.contains(&"unbound::on_candle::forward_matches_reference".to_owned()));
}

#[test]
fn a_family_without_a_binding_runs_on_candle_as_a_graph() {
    let text = family("tiny", "encoder-only", "");
    let (text, _) = text.split_once("candle:\n").expect("there is one");
    let rust = rust("tiny", text.to_owned());
    assert!(rust.contains("candle::graph()"), "{rust}");
    assert!(!rust.contains("candle::native"), "{rust}");
    assert!(!rust.contains("candle_transformers"), "{rust}");
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
fn the_smoke_tests_need_the_first_family_alone() {
    let files = generate(&every_architecture(), &embedded()).expect("they render");
    let smoke = &files[camino::Utf8Path::new("generated/tests/smoke/main.rs")];
    assert_eq!(
        tests(smoke),
        [
            "harness_tells_right_from_wrong",
            "candle_computes",
            "candle_graph_computes",
            "ort_computes"
        ]
    );
    assert!(smoke.contains("family: \"any-to-any\","), "{smoke}");
}

#[test]
fn a_tokenizer_gets_its_checks_and_a_waived_one_no_file() {
    let list = "bert-like: {class: BertTokenizer, waives: {padding_matches: none}}\n\
                slow: {class: SlowTokenizer, waived: no file}\n";
    let tiny = family("tiny", "encoder-only", "");
    let sources = [
        ("families/text-encoder/tiny.yaml".into(), tiny),
        ("tokenizers.yaml".into(), list.into()),
    ];
    let registry = Registry::from_sources(sources.into()).expect("it loads");
    let files = generate(&registry, &embedded()).expect("they render");
    let path = camino::Utf8Path::new("generated/tests/tokenizer/bert_like.rs");
    let expected: Vec<_> = TOKENIZER_CHECKS
        .iter()
        .filter(|check| **check != "padding_matches")
        .map(|check| format!("on_tokenizers::{check}"))
        .collect();
    assert_eq!(tests(&files[path]), expected);
    assert!(files[path].contains("class: \"BertTokenizer\","));
    let slow = files.keys().find(|path| path.as_str().contains("slow"));
    assert_eq!(slow, None);
    let main = &files[camino::Utf8Path::new("generated/tests/tokenizer/main.rs")];
    assert!(main.contains("mod bert_like;"), "{main}");
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
