//! From a graph's nodes to steps over numbered slots: made once, run many times.

use std::{
    collections::{BTreeMap, BTreeSet},
    time::{Duration, Instant},
};

use candle_core::Device;
use onnx_model::proto::{GraphProto, TensorProto, ValueInfoProto};

use crate::{
    Error, Kind,
    array::{Array, Value},
    node::{Call, Kernel, Node},
    ops,
};

/// Constants that are computed while loading may have so many elements, or as many as what they are
/// computed from: a shape that is expanded belongs into the run.
const LARGEST_FOLDED: usize = 65_536;

/// Is told what each node took, by its operator.
pub(crate) type Watch<'a> = &'a mut dyn FnMut(&str, Duration);

/// Steps in the order of the graph's nodes, which is one in which they can run.
pub(crate) struct Plan {
    steps: Vec<Step>,
    constants: Vec<Option<Value>>,
    inputs: Vec<usize>,
    captures: Vec<(String, usize)>,
    outputs: Vec<usize>,
    device: Device,
}

struct Step {
    operator: String,
    place: String,
    kernel: Kernel,
    /// The node's own inputs, then what its graphs capture.
    inputs: Vec<Option<usize>>,
    explicit: usize,
    outputs: Vec<Option<usize>>,
    /// Slots that nobody reads afterwards.
    frees: Vec<usize>,
}

impl Plan {
    /// Plans a model's graph; `weight` gives what lies outside the model.
    pub(crate) fn of_model(
        graph: &GraphProto,
        opset: i64,
        device: &Device,
        weight: &mut dyn FnMut(&TensorProto) -> Result<Array, Error>,
    ) -> Result<Self, Error> {
        Planner::new(device).plan(graph, opset, weight)
    }

    /// Plans a graph within a node. What it does not define itself it captures.
    pub(crate) fn of_body(graph: &GraphProto, opset: i64, device: &Device) -> Result<Self, Error> {
        let mut outside = |tensor: &TensorProto| {
            let what = "its numbers lie outside the model, which only those of the main graph may";
            Err(Error::new(
                Kind::Unsupported,
                format!("initializer `{}`", tensor.name()),
                what,
            ))
        };
        Planner::new(device).plan(graph, opset, &mut outside)
    }

    /// What it reads from around it, in order.
    pub(crate) fn captures(&self) -> impl Iterator<Item = &str> {
        self.captures.iter().map(|(name, _)| name.as_str())
    }

    /// Where floats lie.
    pub(crate) fn device(&self) -> &Device {
        &self.device
    }

    /// How many nodes run; those that only depend on constants ran while loading.
    pub(crate) fn steps(&self) -> usize {
        self.steps.len()
    }

    /// Inputs and outputs in the order of the graph.
    pub(crate) fn run(
        &self,
        inputs: Vec<Value>,
        captures: Vec<Value>,
    ) -> Result<Vec<Value>, Error> {
        self.watched(inputs, captures, None)
    }

    /// The same, watched; without anybody who watches no clock is read.
    pub(crate) fn watched(
        &self,
        inputs: Vec<Value>,
        captures: Vec<Value>,
        mut watch: Option<Watch<'_>>,
    ) -> Result<Vec<Value>, Error> {
        let mut slots: Vec<Option<Value>> = vec![None; self.constants.len()];
        let places = self.captures.iter().map(|&(_, slot)| slot);
        let places = self
            .inputs
            .iter()
            .copied()
            .zip(inputs)
            .chain(places.zip(captures));
        for (slot, value) in places {
            slots[slot] = Some(value);
        }
        let read = |slots: &[Option<Value>], slot: usize| {
            slots[slot]
                .as_ref()
                .or(self.constants[slot].as_ref())
                .cloned()
        };
        for step in &self.steps {
            let inputs = step.inputs.iter();
            let inputs: Vec<Option<Value>> = inputs
                .map(|slot| slot.and_then(|slot| read(&slots, slot)))
                .collect();
            for &slot in &step.frees {
                slots[slot] = None;
            }
            let start = watch.as_ref().map(|_| Instant::now());
            let given = step.run(&inputs, &self.device)?;
            if let (Some(watch), Some(start)) = (&mut watch, start) {
                watch(&step.operator, start.elapsed());
            }
            for (slot, value) in step.outputs.iter().zip(given) {
                if let &Some(slot) = slot {
                    slots[slot] = Some(value);
                }
            }
        }
        let outputs = self.outputs.iter().map(|&slot| read(&slots, slot));
        let outputs: Option<Vec<Value>> = outputs.collect();
        outputs.ok_or_else(|| Error::new(Kind::Run, "graph", "an output was not computed"))
    }
}

impl Step {
    fn run(&self, inputs: &[Option<Value>], device: &Device) -> Result<Vec<Value>, Error> {
        let call = Call {
            inputs,
            explicit: self.explicit,
            device,
        };
        (self.kernel)(&call).map_err(|error| Error::new(Kind::Run, &self.place, plain(error)))
    }
}

struct Planner<'a> {
    device: &'a Device,
    slots: BTreeMap<String, usize>,
    constants: Vec<Option<Value>>,
    captures: Vec<(String, usize)>,
    steps: Vec<Step>,
}

impl<'a> Planner<'a> {
    fn new(device: &'a Device) -> Self {
        Self {
            device,
            slots: BTreeMap::new(),
            constants: Vec::new(),
            captures: Vec::new(),
            steps: Vec::new(),
        }
    }

    fn plan(
        mut self,
        graph: &GraphProto,
        opset: i64,
        weight: &mut dyn FnMut(&TensorProto) -> Result<Array, Error>,
    ) -> Result<Plan, Error> {
        let inputs: Vec<usize> = graph
            .input
            .iter()
            .map(|input| self.define(input.name()))
            .collect();
        for tensor in &graph.initializer {
            let name = tensor.name();
            let array = if tensor.is_external() {
                weight(tensor)?
            } else {
                let place = || format!("initializer `{name}`");
                Array::from_proto(tensor, self.device)
                    .map_err(|error| Error::new(Kind::Unsupported, place(), error))?
            };
            // So far only inputs are defined, and a model names no initializer twice.
            if self.slots.contains_key(name) {
                let what = "is an input as well, with a default";
                return Err(Error::new(
                    Kind::Unsupported,
                    format!("initializer `{name}`"),
                    what,
                ));
            }
            let slot = self.define(name);
            self.constants[slot] = Some(array.into());
        }
        for (number, proto) in graph.node.iter().enumerate() {
            let node = Node::new(proto, number, opset, self.device);
            self.add(node)?;
        }
        let outputs = graph.output.iter().map(ValueInfoProto::name);
        let outputs: Vec<usize> = outputs.map(|name| self.read(name)).collect();
        Ok(self.finish(inputs, outputs))
    }

    fn define(&mut self, name: &str) -> usize {
        let slot = self.constants.len();
        self.constants.push(None);
        self.slots.insert(name.to_owned(), slot);
        slot
    }

    /// The slot of a value; one that is not defined here is captured.
    fn read(&mut self, name: &str) -> usize {
        match self.slots.get(name) {
            Some(&slot) => slot,
            None => {
                let slot = self.define(name);
                self.captures.push((name.to_owned(), slot));
                slot
            }
        }
    }

    fn add(&mut self, node: Node<'_>) -> Result<(), Error> {
        let proto = node.proto;
        let place = node.place().to_owned();
        let kernel = ops::kernel(&node)?;
        let captures = node.finish()?;
        let names = proto.input.iter().chain(&captures);
        let inputs = names
            .map(|name| (!name.is_empty()).then(|| self.read(name)))
            .collect();
        let outputs = proto.output.iter();
        let outputs = outputs
            .map(|name| (!name.is_empty()).then(|| self.define(name)))
            .collect();
        let step = Step {
            operator: proto.op_type().to_owned(),
            place,
            kernel,
            inputs,
            explicit: proto.input.len(),
            outputs,
            frees: Vec::new(),
        };
        if !self.fold(&step) {
            self.steps.push(step);
        }
        Ok(())
    }

    /// Runs what depends on constants alone. What fails here fails again, with its place, when the graph runs.
    fn fold(&mut self, step: &Step) -> bool {
        if step.operator.starts_with("Random") {
            return false;
        }
        let inputs = step.inputs.iter().map(|slot| match slot {
            None => Some(None),
            Some(slot) => self.constants[*slot].clone().map(Some),
        });
        let Some(inputs) = inputs.collect::<Option<Vec<Option<Value>>>>() else {
            return false;
        };
        let Ok(given) = step.run(&inputs, self.device) else {
            return false;
        };
        let read: usize = inputs.iter().flatten().map(elements).sum();
        if given.iter().map(elements).sum::<usize>() > read.max(LARGEST_FOLDED) {
            return false;
        }
        for (slot, value) in step.outputs.iter().zip(given) {
            if let &Some(slot) = slot {
                self.constants[slot] = Some(value);
            }
        }
        true
    }

    /// Leaves out what no output depends on, and finds the last reader of every value.
    fn finish(mut self, inputs: Vec<usize>, outputs: Vec<usize>) -> Plan {
        let mut used: BTreeSet<usize> = outputs.iter().copied().collect();
        let mut steps = Vec::new();
        while let Some(mut step) = self.steps.pop() {
            if !step
                .outputs
                .iter()
                .flatten()
                .any(|slot| used.contains(slot))
            {
                continue;
            }
            // What nobody reads is not kept.
            for slot in &mut step.outputs {
                *slot = slot.filter(|slot| used.contains(slot));
            }
            let read = step.inputs.iter().flatten();
            step.frees = read.copied().filter(|&slot| used.insert(slot)).collect();
            steps.push(step);
        }
        steps.reverse();
        for (slot, constant) in self.constants.iter_mut().enumerate() {
            if !used.contains(&slot) {
                *constant = None;
            }
        }
        Plan {
            steps,
            constants: self.constants,
            inputs,
            captures: self.captures,
            outputs,
            device: self.device.clone(),
        }
    }
}

fn elements(value: &Value) -> usize {
    match value {
        Value::Array(array) => array.tensor.elem_count(),
        Value::Sequence(arrays) => arrays.iter().map(|array| array.tensor.elem_count()).sum(),
    }
}

/// What went wrong, without where candle was at the time.
pub(crate) fn plain(error: candle_core::Error) -> String {
    match error {
        candle_core::Error::WithBacktrace { inner, .. } => plain(*inner),
        other => other.to_string(),
    }
}
