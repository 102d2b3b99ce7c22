//! The graph on candle-core, by this workspace's crate.

use std::{collections::BTreeMap, fs};

use anyhow::Result;
use candle_core::{Device, Tensor};
use candle_graph::Graph;
use onnx_model::Model;

use crate::{Side, case::Case};

struct Loaded {
    graph: Graph,
    inputs: BTreeMap<String, Tensor>,
}

pub(crate) fn load(case: &Case) -> Result<Box<dyn Side>> {
    let model = Model::read(&fs::read(case.graph())?)?;
    let graph = Graph::with_weights(&model, &Device::Cpu, |name| case.weights.tensor(name).ok())?;
    Ok(Box::new(Loaded {
        graph,
        inputs: case.inputs.tensors()?,
    }))
}

impl Side for Loaded {
    fn run(&mut self) -> Result<BTreeMap<String, Tensor>> {
        Ok(self.graph.run(&self.inputs)?)
    }
}
