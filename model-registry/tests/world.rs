//! What names stand for: found in every spelling, refused where a note would lead nowhere, and closed
//! over all of transformers.

use std::collections::BTreeMap;

use camino::{Utf8Path, Utf8PathBuf};
use model_registry::{Meaning, NameNote, Registry, TypeNote, World};

const CATALOGUE: &str = r#"{
    "format": 1, "transformers": "5.23.0", "types": {
        "bert": {"standing": "top-level"},
        "bert_twin": {"standing": "top-level"},
        "clip-vision": {"standing": "part", "part_of": ["clip"]},
        "rag": {"standing": "task-only"},
        "x-lm": {"standing": "top-level"}
    }
}"#;

const TYPES: &str = "\
bert_twin: {same-as: bert}
rag: {waived: it asks an index that no checkpoint holds}
x-lm: {open: complex numbers in the exporter}
";

const NAMES: &str = "\
both: {several: [bert, x-lm]}
dalle: {elsewhere: a closed service}
rag-token: {means: rag}
transfo-xl: {retired: 4.57.6}
";

fn registry() -> Registry {
    registry_of("bert")
}

fn registry_of(name: &str) -> Registry {
    let family = "
family: bert
title: BERT
category: text-encoder
architecture: encoder-only
modality: text
aliases: [herbert]
transformers:
  model: BertModel
  checkpoint: {layer_norm_eps: 1.0e-5}
  config: {vocab_size: 89}
sizes: {batch: [2, 3]}
inputs: {input_ids: {tokens: [batch, 11]}}
outputs: {last_hidden_state: [batch, 11, hidden]}
";
    let family = family.replace("family: bert", &format!("family: {name}"));
    let path = Utf8PathBuf::from(format!("families/text-encoder/{name}.yaml"));
    let registry = Registry::from_sources(BTreeMap::from([(path, family)]));
    registry.unwrap_or_else(|errors| panic!("{errors}"))
}

fn world(types: &str, names: &str) -> Result<World, String> {
    World::from_sources(CATALOGUE, types, names).map_err(|errors| errors.to_string())
}

/// A meaning in few words.
fn told(meaning: Option<Meaning<'_>>) -> String {
    match meaning {
        None => "nothing".to_owned(),
        Some(Meaning::Family(family)) => format!("family {}", family.family),
        Some(Meaning::Type(name, TypeNote::Waived(_))) => format!("{name} waived"),
        Some(Meaning::Type(name, TypeNote::SameAs(other))) => format!("{name} same as {other}"),
        Some(Meaning::Type(name, TypeNote::Open(_))) => format!("{name} open"),
        Some(Meaning::Part(name, owners)) => format!("{name} part of {}", owners.join(", ")),
        Some(Meaning::Unlisted(name)) => format!("{name} unlisted"),
        Some(Meaning::Name(_, NameNote::Retired(last))) => format!("retired after {last}"),
        Some(Meaning::Name(_, NameNote::Several(types))) => format!("one of {}", types.join(", ")),
        Some(Meaning::Name(_, NameNote::Elsewhere(what) | NameNote::Means(what))) => what.clone(),
    }
}

#[test]
fn every_name_leads_somewhere_in_every_spelling() {
    let (registry, world) = (registry(), world(TYPES, NAMES).expect("a valid world"));
    for (name, expected) in [
        ("bert", "family bert"),
        ("BERT", "family bert"),
        ("herbert", "family bert"),
        ("bert-twin", "bert_twin same as bert"),
        ("clip_vision", "clip-vision part of clip"),
        ("rag", "rag waived"),
        ("rag_token", "rag waived"),
        ("X_LM", "x-lm open"),
        ("both", "one of bert, x-lm"),
        ("DALLE", "a closed service"),
        ("transfo-xl", "retired after 4.57.6"),
        ("bart", "nothing"),
        ("", "nothing"),
    ] {
        assert_eq!(told(world.find(&registry, name)), expected, "{name}");
    }
    let without = self::world("", "").expect("nothing said");
    assert_eq!(told(without.find(&registry, "x-lm")), "x-lm unlisted");
}

#[test]
fn near_misses_are_suggested() {
    let (registry, world) = (registry(), world(TYPES, NAMES).expect("a valid world"));
    for (name, expected) in [
        ("bret", &["bert"][..]),
        ("herbrt", &["herbert"]),
        ("rag-", &["rag", "rag-token"]),
        ("quite something else", &[]),
    ] {
        assert_eq!(world.suggest(&registry, name), expected, "{name}");
    }
}

#[test]
fn notes_that_lead_nowhere_are_refused() {
    assert!(
        world(TYPES, NAMES)
            .expect("valid")
            .check_against(&registry())
            .is_ok()
    );
    for (name, types, names) in [
        ("type_unknown", "x-ml: {open: a}\n", ""),
        ("type_is_family", "bert: {open: a}\n", ""),
        ("type_is_part", "clip-vision: {waived: a}\n", ""),
        ("waived_for_nothing", "rag: {waived: \"\"}\n", ""),
        ("same_as_no_family", "bert_twin: {same-as: rag}\n", ""),
        ("types_missing", "", ""),
        ("name_is_alias", TYPES, "herbert: {elsewhere: a}\n"),
        ("name_is_type", TYPES, "rag: {elsewhere: a}\n"),
        ("means_family", TYPES, "berta: {means: bert}\n"),
        ("means_nothing", TYPES, "berta: {means: bret}\n"),
        ("several_of_one", TYPES, "berta: {several: [bret]}\n"),
        ("retired_when", TYPES, "berta: {retired: long ago}\n"),
        ("elsewhere_unsaid", TYPES, "berta: {elsewhere: \" \"}\n"),
    ] {
        let world = world(types, names).expect("well-formed");
        let error = world.check_against(&registry()).expect_err(name);
        insta::with_settings!({description => format!("{types}---\n{names}"), omit_expression => true}, {
            insta::assert_snapshot!(name, error);
        });
    }
}

#[test]
fn files_that_are_no_notes_are_refused() {
    for (name, types, names) in [
        ("note_unknown", "x-lm: {lost: a}\n", ""),
        ("note_is_text", "x-lm: later\n", ""),
        ("note_twice", "x-lm: {open: a}\nx-lm: {open: b}\n", ""),
        ("version_is_number", "", "a: {retired: 4.5}\n"),
    ] {
        let error = world(types, names).expect_err(name);
        insta::with_settings!({description => format!("{types}---\n{names}"), omit_expression => true}, {
            insta::assert_snapshot!(name, error);
        });
    }
    let error = World::from_sources("[]", "", "").expect_err("no catalogue");
    insta::assert_snapshot!("catalogue_is_a_list", error);
}

#[test]
fn every_model_type_is_a_family_or_listed() {
    let root = Utf8Path::new(env!("CARGO_MANIFEST_DIR"));
    let registry = Registry::load(root).unwrap_or_else(|errors| panic!("{errors}"));
    let world = World::load(root).unwrap_or_else(|errors| panic!("{errors}"));
    if let Err(errors) = world.check_against(&registry) {
        panic!("{} faults\n\n{errors}", errors.len());
    }
}

#[test]
fn every_name_in_use_stands_for_something() {
    let root = Utf8Path::new(env!("CARGO_MANIFEST_DIR"));
    let registry = Registry::load(root).unwrap_or_else(|errors| panic!("{errors}"));
    let world = World::load(root).unwrap_or_else(|errors| panic!("{errors}"));
    let names = include_str!("names-in-use.txt").lines();
    let unknown: Vec<_> = names
        .filter(|name| world.find(&registry, name).is_none())
        .collect();
    assert!(unknown.is_empty(), "nobody knows {unknown:?}");
}

#[test]
fn a_dot_in_a_type_is_an_underscore_in_its_family() {
    let catalogue = CATALOGUE.replace("\"bert\"", "\"be.rt\"");
    let types = TYPES.replace("same-as: bert", "same-as: be_rt");
    let world = World::from_sources(&catalogue, &types, "").expect("a valid world");
    world
        .check_against(&registry_of("be_rt"))
        .unwrap_or_else(|errors| panic!("{errors}"));
    assert!(world.check_against(&registry()).is_err());
}
