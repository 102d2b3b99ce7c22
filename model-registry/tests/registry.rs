//! What a registry answers once it is loaded: families, cases, digests.

use std::collections::BTreeMap;

use camino::Utf8PathBuf;
use model_registry::{Axis, Category, Family, Registry, ResolvedCase, Size};
use serde_json::json;

const BERT: &str = "
family: bert
title: BERT
category: text-encoder
architecture: encoder-only
modality: text
aliases: [herbert]
transformers:
  model: BertModel
  checkpoint: {vision_config: {hidden_act: relu}}
  config: {vocab_size: 89, hidden_size: 36, num_attention_heads: 4, vision_config: {image_size: 15}}
sizes: {batch: [2, 3], sequence: [11, 8]}
inputs:
  attention_mask: {lengths: {sequence: [11, 7]}}
  input_ids: {tokens: [batch, sequence]}
outputs:
  last_hidden_state: [batch, sequence, hidden]
variants:
  epsilon:
    tries: a larger epsilon
    config: {layer_norm_eps: 1e-5, vision_config: {hidden_act: null}}
  lm-head:
    tries: the head
    model: BertForMaskedLM
    call: {output_attentions: false}
    outputs: {logits: [batch, sequence, 89]}
    candle:
      use: candle_transformers::models::bert::{BertForMaskedLM, Config}
      config: Config
      model: BertForMaskedLM
      load: BertForMaskedLM::load(weights, &config)?
      outputs:
        logits: model.forward(&input_ids, None)?
  lm-head-relu:
    tries: the head with another activation
    model: BertForMaskedLM
    config: {hidden_act: relu}
    outputs: {logits: [batch, sequence, 89]}
    candle: lm-head
  longer:
    tries: a longer sequence and no mask
    sizes: {sequence: [13, 8]}
    inputs: {attention_mask: null}
candle:
  use: candle_transformers::models::bert::{BertModel, Config}
  config: Config
  model: BertModel
  load: BertModel::load(weights, &config)?
  outputs:
    last_hidden_state: model.forward(&input_ids, None)?
";

fn load(text: &str) -> Registry {
    let text = text.to_owned();
    let files = BTreeMap::from([(Utf8PathBuf::from("families/text-encoder/bert.yaml"), text)]);
    Registry::from_sources(files).unwrap_or_else(|errors| panic!("{errors}"))
}

fn case<'a>(family: &'a Family, name: &str) -> ResolvedCase<'a> {
    let mut cases = family.cases().into_iter();
    cases
        .find(|case| case.name() == name)
        .unwrap_or_else(|| panic!("no case {name}"))
}

#[test]
fn base_case_merges_checkpoint_and_sizes() {
    let registry = load(BERT);
    let family = registry.family("bert").expect("it was loaded");
    let base = case(family, "bert");
    assert_eq!(
        base.config["vision_config"],
        json!({"hidden_act": "relu", "image_size": 15})
    );
    assert_eq!(base.config["hidden_size"], json!(36));
    assert_eq!(
        base.sizes["sequence"],
        Size {
            recorded: 11,
            second: Some(8)
        }
    );
    assert_eq!(
        base.outputs["last_hidden_state"][2],
        Axis::Named("hidden".into())
    );
    assert!(base.own_binding().is_some());
    assert_eq!(
        family.path(),
        "model-registry/families/text-encoder/bert.yaml"
    );
}

#[test]
fn variants_change_what_they_name_and_nothing_else() {
    let registry = load(BERT);
    let family = registry.family("bert").expect("it was loaded");
    let names: Vec<_> = family.cases().iter().map(ResolvedCase::name).collect();
    assert_eq!(
        names,
        [
            "bert",
            "bert.epsilon",
            "bert.lm-head",
            "bert.lm-head-relu",
            "bert.longer"
        ]
    );

    let epsilon = case(family, "bert.epsilon");
    assert_eq!(epsilon.config["layer_norm_eps"], json!(1e-5));
    assert_eq!(
        epsilon.config["vision_config"],
        json!({"hidden_act": null, "image_size": 15})
    );
    assert!(epsilon.candle.is_some() && epsilon.own_binding().is_none());

    let head = case(family, "bert.lm-head");
    assert_eq!(head.model, "BertForMaskedLM");
    assert_eq!(head.outputs["logits"][2], Axis::Fixed(89));
    let binding = head.own_binding().expect("another class has another API");
    assert_eq!(binding.model.as_str(), "BertForMaskedLM");

    let relu = case(family, "bert.lm-head-relu");
    assert!(relu.own_binding().is_none());
    assert_eq!(relu.binding_of, Some("lm-head"));
    let shared = relu.candle.expect("it names the variant that has one");
    assert_eq!(shared.model.as_str(), "BertForMaskedLM");

    let longer = case(family, "bert.longer");
    assert_eq!(longer.sizes["sequence"].recorded, 13);
    assert_eq!(longer.inputs.keys().collect::<Vec<_>>(), ["input_ids"]);
}

#[test]
fn digests_are_distinct_and_read_only_what_recording_reads() {
    let digests = |text: &str| -> Vec<String> {
        let registry = load(text);
        registry.families()[0]
            .cases()
            .iter()
            .map(ResolvedCase::recorded_from)
            .collect()
    };
    let before = digests(BERT);
    let mut distinct = before.clone();
    distinct.sort();
    distinct.dedup();
    assert_eq!(distinct.len(), before.len());
    assert!(before.iter().all(|digest| digest.len() == 16), "{before:?}");
    // A change here ages every reference: raise RECORDER_FORMAT on purpose or not at all.
    assert_eq!(before[0], "64b3985f937c2830");

    for (from, to, what) in [
        ("[herbert]", "[herbert, bertweet]", "an alias"),
        ("title: BERT", "title: Bert", "a title"),
        ("tries: the head", "tries: a head", "what a variant tries"),
        (
            "(&input_ids, None)?",
            "(&input_ids, Some(position))?.squeeze(1)?",
            "a binding",
        ),
        (
            "modality: text",
            "modality: text\npriority: critical",
            "a priority",
        ),
        (
            "{batch: [2, 3], sequence: [11, 8]}",
            "{sequence: [11, 8], batch: [2, 3]}",
            "the order of keys",
        ),
    ] {
        assert_eq!(
            digests(&BERT.replace(from, to)),
            before,
            "{what} aged the reference"
        );
    }
    for (from, to, what) in [
        ("vocab_size: 89", "vocab_size: 97", "a config"),
        (
            "model: BertModel\n  checkpoint",
            "model: BertModel2\n  checkpoint",
            "a class",
        ),
        ("[11, 8]}\ninputs", "[11, 9]}\ninputs", "a size"),
        (
            "{tokens: [batch, sequence]}",
            "{floats: [batch, sequence]}",
            "an input",
        ),
        (
            "[batch, sequence, hidden]",
            "[batch, sequence, width]",
            "an output",
        ),
        (
            "architecture: encoder-only",
            "architecture: decoder-only",
            "the axis that grows while decoding",
        ),
    ] {
        assert_ne!(
            digests(&BERT.replace(from, to))[0],
            before[0],
            "{what} did not age it"
        );
    }
}

#[test]
fn families_are_sorted_by_category_then_name() {
    let file = |category: Category, name: &str| {
        let text = BERT
            .replace("family: bert", &format!("family: {name}"))
            .replace("category: text-encoder", &format!("category: {category}"))
            .replace("aliases: [herbert]\n", "");
        (
            Utf8PathBuf::from(format!("families/{category}/{name}.yaml")),
            text,
        )
    };
    let files = BTreeMap::from([
        file(Category::Audio, "aist"),
        file(Category::Vision, "vit"),
        file(Category::TextEncoder, "roberta"),
        file(Category::TextEncoder, "bert"),
    ]);
    let registry = Registry::from_sources(files).unwrap_or_else(|errors| panic!("{errors}"));
    let names: Vec<_> = registry
        .families()
        .iter()
        .map(|family| family.family.as_str())
        .collect();
    assert_eq!(names, ["bert", "roberta", "vit", "aist"]);
    assert_eq!(registry.suggest("robertta"), ["roberta"]);
    assert_eq!(registry.suggest("xyzzy-very-long"), Vec::<&str>::new());
}

#[test]
fn suggestions_know_aliases() {
    assert_eq!(load(BERT).suggest("herberd"), ["bert"]);
}

#[test]
fn an_absent_folder_is_an_error() {
    let errors = Registry::load("/nowhere/model-registry".into()).expect_err("nothing is there");
    assert_eq!(errors.len(), 1);
}
