//! Small families and the templates of this workspace, for the tests of the generator.

use std::{collections::BTreeMap, fs};

use camino::{Utf8Path, Utf8PathBuf};
use generator::{Error, Templates};
use model_registry::Registry;

/// A family that every architecture can be tried with; `ARCHITECTURE` and `NAME` are replaced.
const FAMILY: &str = "\
family: NAME
title: Tiny
category: text-encoder
architecture: ARCHITECTURE
modality: text
transformers:
  model: TinyModel
  checkpoint: {layer_norm_eps: 1.0e-5}
  config: {hidden_size: 36}
sizes:
  batch: [2, 3]
  sequence: [11, 8]
  target: [9, 6]
inputs:
  attention_mask: {lengths: {sequence: [11, 7]}}
  decoder_input_ids: {tokens: [batch, target]}
  input_ids: {tokens: [batch, sequence]}
outputs:
  last_hidden_state: [batch, sequence, hidden]
  pooler_output: [batch, hidden]
VARIANTS
candle:
  use: candle_transformers::models::tiny::{Tiny, Config}
  config: Config
  model: Tiny
  load: Tiny::load(weights, &config)?
  outputs:
    last_hidden_state: model.forward(&input_ids, &attention_mask)?
  missing:
    pooler_output: not there, tiny.rs:1
";

/// The text of a family file.
pub(crate) fn family(name: &str, architecture: &str, variants: &str) -> String {
    FAMILY
        .replace("NAME", name)
        .replace("ARCHITECTURE", architecture)
        .replace("VARIANTS", variants)
}

/// A registry of text encoders, each given by name and text, and of one tokenizer.
#[track_caller]
pub(crate) fn registry(families: &[(&str, String)]) -> Registry {
    let mut files = families
        .iter()
        .map(|(name, text)| {
            (
                format!("families/text-encoder/{name}.yaml").into(),
                text.clone(),
            )
        })
        .collect::<BTreeMap<Utf8PathBuf, _>>();
    let list = "bert: {class: BertTokenizer}\n";
    files.insert("tokenizers.yaml".into(), list.to_owned());
    Registry::from_sources(files).unwrap_or_else(|errors| panic!("{errors}"))
}

/// The templates of this workspace by name.
pub(crate) fn sources() -> BTreeMap<String, String> {
    let root = Utf8Path::new(env!("CARGO_MANIFEST_DIR")).join("../templates");
    let mut sources = BTreeMap::new();
    for folder in ["python", "repro", "rust"] {
        for entry in root
            .join(folder)
            .read_dir_utf8()
            .expect("the folder is there")
        {
            let entry = entry.expect("it can be read");
            let text = fs::read_to_string(entry.path()).expect("it is text");
            sources.insert(format!("{folder}/{}", entry.file_name()), text);
        }
    }
    sources
}

/// These templates with one replaced.
#[track_caller]
pub(crate) fn templates_with(name: &str, text: &str) -> Templates {
    let mut sources = sources();
    sources.insert(name.to_owned(), text.to_owned());
    Templates::from_sources(sources).unwrap_or_else(|errors| panic!("{}", told(&errors)))
}

/// All errors as one text.
pub(crate) fn told(errors: &[Error]) -> String {
    errors
        .iter()
        .map(ToString::to_string)
        .collect::<Vec<_>>()
        .join("\n\n")
}
