//! The backend that runs a family's binding to candle-transformers.

use std::{
    collections::{BTreeMap, BTreeSet},
    marker::PhantomData,
};

use candle_core::{DType, Device, safetensors::MmapedSafetensors};
use serde_json::Value;

use super::{
    Model, Tensors, VarBuilder,
    checkpoint::{Asked, Checkpoint},
    config, device,
    names::Names,
    trace::Trace,
};
use crate::{
    array,
    backend::{self, Backend, BuiltFrom, Capabilities, Failure, Precision, Session},
    judge::versions,
    reference::Reference,
    words::without_backtrace,
};

/// The version that the workspace pins; a test compares it with the table.
pub(super) const VERSION: &str = "0.11.1";

/// candle, through a family's own API.
#[derive(Clone, Copy, Debug)]
pub struct Native<M>(PhantomData<M>);

/// The family as candle-transformers implements it.
pub fn native<M: Model>() -> Native<M> {
    Native(PhantomData)
}

impl<M: Model> Backend for Native<M> {
    type Session = NativeSession<M>;

    fn name(&self) -> &'static str {
        "candle"
    }

    fn versions(&self) -> BTreeMap<String, String> {
        versions([("candle", VERSION)])
    }

    fn built_from(&self) -> Option<BuiltFrom> {
        Some(BuiltFrom::Config)
    }

    fn capabilities(&self, _reference: &Reference) -> Capabilities {
        let owned = |names: &[&str]| names.iter().map(|&name| name.to_owned()).collect();
        Capabilities {
            inputs: owned(M::INPUTS),
            outputs: owned(M::OUTPUTS),
            last_position: owned(M::LAST_POSITION),
            decodes_along: M::DECODES_ALONG.map(str::to_owned),
            caches: M::CACHES,
            fixed: BTreeMap::new(),
        }
    }

    fn load(
        &self,
        reference: &Reference,
        device: backend::Device,
    ) -> Result<NativeSession<M>, Failure> {
        self.load_at(reference, device, Precision::F32)
    }

    fn load_at(
        &self,
        reference: &Reference,
        device: backend::Device,
        precision: Precision,
    ) -> Result<NativeSession<M>, Failure> {
        let config = config::translate(&reference.manifest().config, M::TRANSLATES)
            .map_err(Failure::load)?;
        build(reference, device, precision, config)
    }

    fn load_from(
        &self,
        reference: &Reference,
        device: backend::Device,
        config: &Value,
    ) -> Result<NativeSession<M>, Failure> {
        build(reference, device, Precision::F32, config.clone())
    }

    /// What the model asked for while it was built, by the names that the checkpoint has for it.
    fn weights_read(
        &self,
        reference: &Reference,
        session: &NativeSession<M>,
    ) -> Result<BTreeSet<String>, Failure> {
        if let (Some(trace), Some(graph)) = (&session.trace, &reference.manifest().graph) {
            // What only an output that candle does not give depends on is not told apart here.
            let names = reference.manifest().weights.iter();
            let names = names.map(|weight| weight.name.as_str());
            let due: Vec<_> = names
                .filter(|name| !graph.leaves.iter().any(|leaf| leaf == name))
                .collect();
            trace
                .due(&due)
                .map_err(|error| Failure::run(error.to_string()))?;
        }
        Ok(session.asked.names())
    }
}

/// Builds the model from a config that candle is to read as it is.
fn build<M: Model>(
    reference: &Reference,
    device: backend::Device,
    precision: Precision,
    config: Value,
) -> Result<NativeSession<M>, Failure> {
    let device = device::open(device)?;
    let dtype = match precision {
        Precision::F32 => DType::F32,
        Precision::F16 => DType::F16,
        Precision::Bf16 => DType::BF16,
    };
    let failure = |error: candle_core::Error| Failure::load(without_backtrace(&error.to_string()));
    let path = reference.weights()?.path().to_owned();
    let trace = Trace::begin(reference, precision, M::LAST_POSITION, &config, &path);
    let trace = trace.map_err(failure)?;
    let config = config::read(config).map_err(Failure::load)?;
    // SAFETY: the file is written once, under a name that holds its content's digest, and
    // replaced only by renaming another over it, which leaves this mapping alone.
    let tensors = unsafe { MmapedSafetensors::multi(&[path.as_std_path()]) }.map_err(|error| {
        Failure::load(format!("{path}: {}", without_backtrace(&error.to_string())))
    })?;
    let asked = Asked::default();
    let names = Names {
        renames: M::RENAMES,
        derives: M::DERIVES,
    };
    let checkpoint = Checkpoint::new(tensors, names, asked.clone());
    let weights = VarBuilder::from_backend(Box::new(checkpoint), dtype, device.clone());
    let model = M::load(config, weights).map_err(failure)?;
    Ok(NativeSession {
        model,
        trace,
        device,
        dtype,
        asked,
    })
}

/// A model in candle.
#[derive(Debug)]
pub struct NativeSession<M> {
    model: M,
    device: Device,
    dtype: DType,
    asked: Asked,
    trace: Option<Trace>,
}

impl<M: Model> Session for NativeSession<M> {
    fn run(&mut self, inputs: &array::Tensors, position: usize) -> Result<array::Tensors, Failure> {
        let failure =
            |error: candle_core::Error| Failure::run(without_backtrace(&error.to_string()));
        let inputs = Tensors::to_device(inputs, &self.device, self.dtype).map_err(failure)?;
        if let Some(trace) = &self.trace {
            trace.call(&inputs, position).map_err(failure)?;
        }
        self.model
            .forward(&inputs, position)
            .and_then(|outputs| outputs.to_arrays())
            .map_err(failure)
    }

    fn reset(&mut self) -> Result<(), Failure> {
        let trace = self.trace.as_ref().map_or(Ok(()), Trace::reset);
        trace.and_then(|()| self.model.reset()).map_err(|error| {
            Failure::run(format!("reset: {}", without_backtrace(&error.to_string())))
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_version_is_the_one_that_the_workspace_pins() {
        let table = include_str!("../../../Cargo.toml");
        assert!(
            table.contains(&format!("candle-core = {{ version = \"={VERSION}\"")),
            "{VERSION}"
        );
    }
}
