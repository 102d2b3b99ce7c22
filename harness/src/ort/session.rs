//! A graph in ONNX Runtime, its weights handed over from memory.

use ort::{
    logging::LogLevel,
    session::{
        Session as OrtSession, SessionInputValue,
        builder::{GraphOptimizationLevel, SessionBuilder},
    },
    value::DynValue,
};

use super::{
    graph::Optimisation,
    pool::{self, Key},
    runtime, values,
};
use crate::{
    array::Tensors,
    backend::{Device, Failure, Session},
    reference::{Graph, Reference},
};

/// What ONNX Runtime says when a provider leaves nodes to the processor and may not.
const FELL_BACK: &str = "fallback to CPU EP has been explicitly disabled";

/// A loaded graph.
#[derive(Debug)]
pub struct GraphSession {
    /// Absent where the graph is nobody else's: it has a fault.
    key: Option<Key>,
    /// Absent only while it is being given back.
    session: Option<OrtSession>,
    inputs: Vec<String>,
}

pub(super) fn load(
    reference: &Reference,
    device: Device,
    optimisation: Optimisation,
) -> Result<GraphSession, Failure> {
    let model = reference
        .graph()
        .map_err(|error| Failure::load(error.to_string()))?;
    let graph = reference.manifest().graph.as_ref();
    let graph = graph.ok_or_else(|| Failure::load("the reference has no graph"))?;
    let key = Key {
        digest: reference.manifest().digest.clone(),
        optimisation,
        device,
    };
    let is_shared = !reference.is_sabotaged();
    let idle = is_shared.then(|| pool::take(&key)).flatten();
    let session = match idle {
        Some(session) => session,
        None => build(reference, graph, &model, &key)?,
    };
    Ok(GraphSession {
        key: is_shared.then_some(key),
        session: Some(session),
        inputs: graph.inputs.clone(),
    })
}

fn build(
    reference: &Reference,
    graph: &Graph,
    model: &[u8],
    key: &Key,
) -> Result<OrtSession, Failure> {
    let environment = runtime::environment(reference.root())?;
    let builder = OrtSession::builder(environment).map_err(failed)?;
    let builder = settle(builder, key.optimisation).map_err(failed)?;
    let builder = place(builder, key.device)?;
    let mut builder = weigh(builder, reference, graph)?;
    builder.commit_from_memory(model).map_err(failed)
}

impl Drop for GraphSession {
    fn drop(&mut self) {
        if let (Some(key), Some(session)) = (self.key.take(), self.session.take()) {
            pool::give_back(key, session);
        }
    }
}

/// One thread a session: tests run side by side, and sums keep their order from run to run.
fn settle(builder: SessionBuilder, optimisation: Optimisation) -> ort::Result<SessionBuilder> {
    let level = match optimisation {
        Optimisation::All => GraphOptimizationLevel::All,
        Optimisation::Disabled => GraphOptimizationLevel::Disable,
    };
    let builder = builder.with_optimization_level(level)?;
    let builder = builder.with_intra_threads(1)?.with_inter_threads(1)?;
    // Errors come back as errors; printed as well, they would look like somebody's fault.
    Ok(builder.with_log_level(LogLevel::Fatal)?)
}

/// The device asked for or nothing: a provider that cannot take the whole graph is an error.
#[cfg(feature = "cuda")]
fn place(builder: SessionBuilder, device: Device) -> Result<SessionBuilder, Failure> {
    use ort::ep::{CUDA, ExecutionProvider};

    match device {
        Device::Cpu => Ok(builder),
        Device::Cuda => {
            if !CUDA::is_available().unwrap_or(false) {
                return Err(Failure::not_run(
                    "this libonnxruntime has no CUDA (point ORT_DYLIB_PATH to that of onnxruntime-gpu)",
                ));
            }
            // TF32 rounds inputs to 10 bits of mantissa, which is no longer the float32 of the bound.
            let provider = CUDA::default().with_tf32(false).build().error_on_failure();
            let builder = builder
                .with_execution_providers([provider])
                .map_err(|error| {
                    Failure::not_run(format!("there is no cuda device here: {error}"))
                })?;
            builder.with_disable_cpu_fallback().map_err(failed)
        }
        Device::Metal => Err(no_metal()),
    }
}

/// The device asked for or nothing.
#[cfg(not(feature = "cuda"))]
fn place(builder: SessionBuilder, device: Device) -> Result<SessionBuilder, Failure> {
    match device {
        Device::Cpu => Ok(builder),
        Device::Cuda => Err(Failure::not_run(
            "this build has no cuda (build with `--features harness/cuda`)",
        )),
        Device::Metal => Err(no_metal()),
    }
}

fn no_metal() -> Failure {
    Failure::not_run("ONNX Runtime has no provider for metal")
}

fn weigh(
    builder: SessionBuilder,
    reference: &Reference,
    graph: &Graph,
) -> Result<SessionBuilder, Failure> {
    let weights = reference.weights()?;
    weights
        .iter()
        .filter(|(weight, _)| !graph.leaves.contains(&weight.name))
        .try_fold(builder, |builder, (weight, bytes)| {
            let name = &weight.name;
            let value = values::from_bytes(&weight.dtype, &weight.shape, bytes)
                .map_err(|error| Failure::load(format!("`{name}`: {error}")))?;
            builder
                .with_external_initializer(name, value)
                .map_err(failed)
        })
}

impl Session for GraphSession {
    fn run(&mut self, inputs: &Tensors, position: usize) -> Result<Tensors, Failure> {
        if position > 0 {
            return Err(Failure::run("the graph keeps no cache"));
        }
        let given: Result<Vec<(String, DynValue)>, Failure> = inputs
            .iter()
            .filter(|(name, _)| self.inputs.contains(name))
            .map(|(name, array)| Ok((name.clone(), values::to_value(array).map_err(Failure::run)?)))
            .collect();
        let given: Vec<(String, SessionInputValue<'_>)> = given?
            .into_iter()
            .map(|(name, value)| (name, SessionInputValue::from(value)))
            .collect();
        let session = self.session.as_mut();
        let session = session.ok_or_else(|| Failure::run("the session was given back"))?;
        let outputs = session
            .run(given)
            .map_err(|error| Failure::run(error.to_string()))?;
        outputs
            .iter()
            .map(|(name, value)| {
                let array = values::to_array(&value)
                    .map_err(|error| Failure::run(format!("`{name}`: {error}")))?;
                Ok((name.to_owned(), array))
            })
            .collect()
    }

    fn reset(&mut self) -> Result<(), Failure> {
        Ok(())
    }
}

fn failed<R>(error: ort::Error<R>) -> Failure {
    let text = error.to_string();
    if text.contains(FELL_BACK) {
        Failure::fell_back(text)
    } else {
        Failure::load(text)
    }
}
