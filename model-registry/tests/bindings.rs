//! Bindings that call, reshape and select are accepted, whatever Rust they are written in.

use std::collections::BTreeMap;

use camino::Utf8PathBuf;
use model_registry::Registry;

/// Loads a family whose binding has these statements and this output.
#[track_caller]
fn accepts(forward: &str, output: &str) {
    let indented = forward.trim().replace('\n', "\n    ");
    let text = format!(
        "family: bert
title: BERT
category: text-encoder
architecture: encoder-only
modality: text
transformers:
  model: BertModel
  checkpoint: {{layer_norm_eps: 1.0e-5}}
  config: {{vocab_size: 89}}
sizes: {{batch: [2, 3], sequence: [11, 8]}}
inputs:
  input_ids: {{tokens: [batch, sequence]}}
outputs:
  logits: [batch, sequence, vocab]
  pooler_output: [batch, hidden]
candle:
  use: \"{{candle_core::{{DType, IndexOp, Tensor}}, candle_nn::Module, candle_transformers::models::bert::{{BertModel, Config as BertConfig}}, harness::candle, std::sync::Arc}}\"
  config: candle::Json
  translate:
    rope_theta: {{from: rope_parameters.rope_theta}}
    position_embedding_type: {{value: absolute}}
    sliding_window: {{value: null}}
  rename:
    bert.: \"\"
    cls.decoder.weight: embeddings.weight
  prepare: |
    BertConfig {{
        hidden_size: config.get(\"hidden_size\")?,
        head_dim: config.get::<usize>(\"hidden_size\")? / config.get::<usize>(\"num_attention_heads\")?,
        ..Default::default()
    }}
  model: Arc<BertModel>
  load: Arc::new(BertModel::load(weights.pp(\"bert\"), &config)?)
  forward: |
    {indented}
  outputs:
    logits: |
      {output}
  missing:
    pooler_output: BertModel returns the sequence output only, bert.rs:500
"
    );
    let files = BTreeMap::from([(Utf8PathBuf::from("families/text-encoder/bert.yaml"), text)]);
    if let Err(errors) = Registry::from_sources(files) {
        panic!("{errors}");
    }
}

macro_rules! accepted {
    ($($name:ident: $forward:literal, $output:literal;)*) => {
        $(
            #[test]
            fn $name() {
                accepts($forward, $output);
            }
        )*
    };
}

accepted! {
    let_and_question_mark: "let (_, logits) = model.forward(&input_ids)?;", "logits";
    method_chains: "let hidden = model\n    .forward(&input_ids)?\n    .transpose(1, 2)?;", "hidden.squeeze(1)?.contiguous()?";
    closures: "let rows = (0..2).map(|i| model.forward(&input_ids.i(i)?)).collect::<candle::Result<Vec<_>>>()?;", "Tensor::stack(&rows, 0)?";
    loops: "let mut rows = Vec::new();\nfor i in 0..input_ids.dim(0)? {\n    rows.push(model.forward(&input_ids.narrow(0, i, 1)?)?);\n}", "Tensor::cat(&rows, 0)?";
    matches: "let logits = match model.forward(&input_ids)? {\n    Some(logits) => logits,\n    None => model.again(&input_ids)?,\n};", "logits";
    struct_literals: "let options = Options { mask: None, position, ..Default::default() };", "model.forward(&input_ids, &options)?";
    selects_and_casts: "let hidden = model.forward(&input_ids)?;", "hidden.to_dtype(DType::F32)?.i((.., 0))?";
    negative_literals: "let mask = candle::mask(-1, -1.5);", "model.forward(&input_ids, &mask)?";
    dereferences_and_comparisons: "let first = *model.first() && position == 0 || position < 3;", "model.forward(&input_ids, !first)?";
    indexing: "let all = model.hidden_states(&input_ids)?;", "all[1].clone()";
    nothing_before: "", "model.forward(&input_ids, usize::MAX)?";
}
