//! The backend that runs a reference's graph on candle: for families that candle does not implement,
//! and as a second opinion on those that it does.

use std::{
    collections::{BTreeMap, BTreeSet},
    sync::{Arc, Mutex, PoisonError},
};

use candle_core::{DType, Tensor, safetensors::MmapedSafetensors};
use candle_graph::{Kind, Port};
use onnx_model::{Dtype, Model};

use super::{device, native::VERSION, tensors::to_array};
use crate::{
    array::{Array, Data, Tensors},
    backend::{Backend, BuiltFrom, Capabilities, Device, Failure, Session},
    judge::versions,
    reference::{Flow, Reference},
    words::without_backtrace,
};

/// candle-core on a case's graph.
#[derive(Clone, Copy, Debug)]
pub struct Graph(());

/// The family's graph, run by candle.
pub fn graph() -> Graph {
    Graph(())
}

impl Backend for Graph {
    type Session = GraphSession;

    fn name(&self) -> &'static str {
        "candle-graph"
    }

    fn versions(&self) -> BTreeMap<String, String> {
        versions([("candle", VERSION)])
    }

    fn built_from(&self) -> Option<BuiltFrom> {
        Some(BuiltFrom::Graph)
    }

    fn capabilities(&self, reference: &Reference) -> Capabilities {
        Capabilities::of_graph(reference)
    }

    fn load(&self, reference: &Reference, device: Device) -> Result<GraphSession, Failure> {
        if reference.is_sabotaged() {
            return load(reference, device).map(Arc::new).map(GraphSession);
        }
        /// Planned graphs by what they were planned from, since a test reads what its neighbours do.
        static KNOWN: Mutex<BTreeMap<(String, Device), Arc<candle_graph::Graph>>> =
            Mutex::new(BTreeMap::new());
        let key = (reference.manifest().digest.clone(), device);
        let known = KNOWN
            .lock()
            .unwrap_or_else(PoisonError::into_inner)
            .get(&key)
            .cloned();
        let graph = match known {
            Some(graph) => graph,
            None => {
                let graph = Arc::new(load(reference, device)?);
                let mut known = KNOWN.lock().unwrap_or_else(PoisonError::into_inner);
                known.insert(key, Arc::clone(&graph));
                graph
            }
        };
        Ok(GraphSession(graph))
    }

    /// A graph reads what its outputs depend on; the rest of it is never computed.
    fn weights_read(
        &self,
        reference: &Reference,
        _session: &GraphSession,
    ) -> Result<BTreeSet<String>, Failure> {
        Ok(Flow::of(reference)?.all())
    }
}

fn load(reference: &Reference, device: Device) -> Result<candle_graph::Graph, Failure> {
    let device = device::open(device)?;
    let bytes = reference
        .graph()
        .map_err(|error| Failure::load(error.to_string()))?;
    let model = Model::read(&bytes).map_err(|error| Failure::load(error.to_string()))?;
    let path = reference.weights()?.path().to_owned();
    let failed = |error: candle_core::Error| {
        Failure::load(format!("{path}: {}", without_backtrace(&error.to_string())))
    };
    // SAFETY: the file is written once, under a name that holds its content's digest, and replaced only
    // by renaming another over it, which leaves this mapping alone.
    let weights = unsafe { MmapedSafetensors::multi(&[path.as_std_path()]) }.map_err(failed)?;
    let graph =
        candle_graph::Graph::with_weights(&model, &device, |name| weights.load(name, &device).ok());
    graph.map_err(|error| match error.kind() {
        Kind::Unsupported => Failure::refused(error.to_string()),
        _ => Failure::load(error.to_string()),
    })
}

/// A planned graph.
pub struct GraphSession(Arc<candle_graph::Graph>);

impl Session for GraphSession {
    fn run(&mut self, inputs: &Tensors, position: usize) -> Result<Tensors, Failure> {
        if position > 0 {
            return Err(Failure::run("the graph keeps no cache"));
        }
        let failed =
            |error: candle_core::Error| Failure::run(without_backtrace(&error.to_string()));
        let given = inputs.iter().filter_map(|(name, array)| {
            let port = self.0.inputs().iter().find(|port| port.name == *name)?;
            Some(as_asked(port, array).map(|tensor| (name.clone(), tensor)))
        });
        let given = given
            .collect::<candle_core::Result<BTreeMap<String, Tensor>>>()
            .map_err(failed)?;
        let outputs = self
            .0
            .run(&given)
            .map_err(|error| Failure::run(error.to_string()))?;
        let arrays = outputs
            .into_iter()
            .map(|(name, tensor)| Ok((name, to_array(&tensor)?)));
        arrays.collect::<candle_core::Result<_>>().map_err(failed)
    }

    fn reset(&mut self) -> Result<(), Failure> {
        Ok(())
    }
}

/// On the processor, from where the graph takes it to its device. Arrays know one type of integers; that
/// floats stand for integers, or the reverse, is for the graph to refuse.
fn as_asked(port: &Port, array: &Array) -> candle_core::Result<Tensor> {
    let (shape, device) = (array.shape(), &candle_core::Device::Cpu);
    match array.data() {
        Data::F32(values) => Tensor::from_slice(values, shape, device),
        Data::F64(values) => Tensor::from_slice(values, shape, device),
        Data::I64(values) if port.dtype == Dtype::I32 => {
            Tensor::from_slice(values, shape, device)?.to_dtype(DType::I32)
        }
        Data::I64(values) => Tensor::from_slice(values, shape, device),
    }
}
