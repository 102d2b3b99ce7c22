//! The graph on ONNX Runtime, optimised as users run it.

use std::{collections::BTreeMap, env};

use anyhow::{Context, Result, anyhow};
use camino::Utf8PathBuf;
use candle_core::{Device, utils::get_num_threads};
use ort::{
    environment::Environment,
    logging::LogLevel,
    session::{Session, SessionInputValue, builder::GraphOptimizationLevel},
    value::{DynValue, Tensor},
};

use crate::{
    Side,
    case::Case,
    store::{Elements, Store},
};

struct Loaded {
    session: Session,
    inputs: Vec<(String, DynValue)>,
    /// Ends with the session, not before.
    _environment: Environment,
}

pub(crate) fn load(case: &Case) -> Result<Box<dyn Side>> {
    let root = Utf8PathBuf::try_from(env::current_dir()?)?;
    let library = onnxruntime_library::ensure(&root)?;
    let environment = ort::init_from(&library)?.with_telemetry(false).build()?;
    let mut builder = Session::builder(&environment)?
        .with_optimization_level(GraphOptimizationLevel::All)
        .map_err(failed)?
        .with_intra_threads(get_num_threads())
        .map_err(failed)?
        .with_inter_threads(1)
        .map_err(failed)?
        .with_log_level(LogLevel::Fatal)
        .map_err(failed)?;
    // The graph says where in their file the weights lie.
    let session = builder.commit_from_file(case.graph())?;
    let inputs = case
        .inputs
        .names()
        .map(|name| Ok((name.to_owned(), value(&case.inputs, name)?)));
    Ok(Box::new(Loaded {
        session,
        inputs: inputs.collect::<Result<_>>()?,
        _environment: environment,
    }))
}

fn value(store: &Store, name: &str) -> Result<DynValue> {
    let (shape, elements) = store.elements(name)?;
    Ok(match elements {
        Elements::F32(values) => Tensor::from_array((shape, values))?.into_dyn(),
        Elements::F64(values) => Tensor::from_array((shape, values))?.into_dyn(),
        Elements::I64(values) => Tensor::from_array((shape, values))?.into_dyn(),
    })
}

/// A builder's error holds the builder, which cannot be sent.
fn failed<R>(error: ort::Error<R>) -> anyhow::Error {
    anyhow!("{error}")
}

impl Side for Loaded {
    fn run(&mut self) -> Result<BTreeMap<String, candle_core::Tensor>> {
        let inputs = self
            .inputs
            .iter()
            .map(|(name, value)| (name.as_str(), SessionInputValue::from(value)));
        let outputs = self.session.run(inputs.collect::<Vec<_>>())?;
        let outputs = outputs.iter().map(|(name, value)| {
            let (shape, values) = value
                .try_extract_tensor::<f32>()
                .with_context(|| format!("`{name}`"))?;
            let shape: Vec<usize> = shape.iter().map(|&length| length as usize).collect();
            Ok((
                name.to_owned(),
                candle_core::Tensor::from_slice(values, shape, &Device::Cpu)?,
            ))
        });
        outputs.collect()
    }
}
