//! The same model as candle-transformers implements it.

use std::collections::BTreeMap;

use anyhow::{Context, Result, bail};
use candle_core::{DType, Device, Shape, Tensor};
use candle_nn::{Init, LayerNorm, Module, VarBuilder, var_builder::SimpleBackend};
use candle_transformers::models::{bert, llama, vit};
use serde::de::DeserializeOwned;
use serde_json::Value;

use crate::{Side, case::Case, store::Store};

/// A model by how it is called.
enum Model {
    Bert(bert::BertModel),
    Vit(vit::Embeddings, vit::Encoder, LayerNorm),
    Llama(llama::Llama, llama::Cache),
}

struct Loaded {
    model: Model,
    inputs: BTreeMap<String, Tensor>,
}

pub(crate) fn load(case: &Case) -> Result<Box<dyn Side>> {
    let weights =
        VarBuilder::from_backend(Box::new(Weights(&case.weights)), DType::F32, Device::Cpu);
    let model = match case.config["model_type"].as_str() {
        Some("bert") => Model::Bert(bert::BertModel::load(weights, &config(&case.config)?)?),
        Some("vit") => vision(&config(&case.config)?, &weights)?,
        Some("llama") => decoder(&case.config, weights)?,
        other => bail!("no binding to {other:?} (known: bert, llama, vit)"),
    };
    Ok(Box::new(Loaded {
        model,
        inputs: case.inputs.tensors()?,
    }))
}

fn config<T: DeserializeOwned>(json: &Value) -> Result<T> {
    serde_json::from_value(json.clone()).context("config.json is not as candle reads it")
}

fn vision(config: &vit::Config, weights: &VarBuilder<'_>) -> Result<Model> {
    let norm = weights.pp("layernorm");
    let size = config.hidden_size;
    Ok(Model::Vit(
        vit::Embeddings::new(config, false, weights.pp("embeddings"))?,
        vit::Encoder::new(config, weights.pp("encoder"))?,
        LayerNorm::new(
            norm.get(size, "weight")?,
            norm.get(size, "bias")?,
            config.layer_norm_eps,
        ),
    ))
}

fn decoder(json: &Value, weights: VarBuilder<'_>) -> Result<Model> {
    let mut json = json.clone();
    json["rope_theta"] = json["rope_parameters"]["rope_theta"].clone();
    let config = config::<llama::LlamaConfig>(&json)?.into_config(false);
    // The graph keeps no keys and values either.
    let cache = llama::Cache::new(false, DType::F32, &config, &Device::Cpu)?;
    Ok(Model::Llama(llama::Llama::load(weights, &config)?, cache))
}

impl Side for Loaded {
    fn run(&mut self) -> Result<BTreeMap<String, Tensor>> {
        let input = |name: &str| {
            self.inputs
                .get(name)
                .with_context(|| format!("there is no input `{name}`"))
        };
        let (name, output) = match &mut self.model {
            Model::Bert(model) => {
                let mask = self.inputs.get("attention_mask");
                (
                    "last_hidden_state",
                    model.forward(input("input_ids")?, input("token_type_ids")?, mask)?,
                )
            }
            Model::Vit(embeddings, encoder, norm) => {
                let embedded = embeddings.forward(input("pixel_values")?, None, false)?;
                (
                    "last_hidden_state",
                    norm.forward(&encoder.forward(&embedded)?)?,
                )
            }
            Model::Llama(model, cache) => ("logits", model.forward(input("input_ids")?, 0, cache)?),
        };
        Ok(BTreeMap::from([(name.to_owned(), output)]))
    }
}

/// Weights, each read when the model asks for it.
struct Weights<'a>(&'a Store);

impl SimpleBackend for Weights<'_> {
    fn get(
        &self,
        shape: Shape,
        name: &str,
        _: Init,
        dtype: DType,
        device: &Device,
    ) -> candle_core::Result<Tensor> {
        let tensor = self.get_unchecked(name, dtype, device)?;
        if *tensor.shape() != shape {
            candle_core::bail!("weight `{name}` is {:?}, not {shape:?}", tensor.shape());
        }
        Ok(tensor)
    }

    fn get_unchecked(
        &self,
        name: &str,
        dtype: DType,
        device: &Device,
    ) -> candle_core::Result<Tensor> {
        let tensor = self
            .0
            .tensor(name)
            .map_err(|error| candle_core::Error::Msg(error.to_string()))?;
        tensor.to_device(device)?.to_dtype(dtype)
    }

    fn contains_tensor(&self, name: &str) -> bool {
        self.0.names().any(|known| known == name)
    }
}
