//! A made-up model given as a function: any inputs, any outputs, and a graph that says who reaches whom.

use std::{
    collections::{BTreeMap, BTreeSet},
    fs,
    io::Write,
};

use evidence::Record;
use harness::{
    array::{Array, Data, Tensors},
    backend::{Backend, Capabilities, Device, Failure, Session},
    reference::{Reference, fill},
    trial::Trial,
    verdict::Verdict,
};
use lzma_rust2::{XzOptions, XzWriter};
use onnx_model::{
    Model,
    proto::{GraphProto, ModelProto, NodeProto, OperatorSetIdProto, ValueInfoProto},
};
use safetensors::{Dtype, tensor::TensorView};
use serde_json::{Value, json};

use super::{Fixture, TOY, seal, sha256};

/// What the model computes.
pub(crate) type Answer = fn(&Tensors) -> Result<Tensors, Failure>;

/// A model.
#[derive(Clone, Debug)]
pub(crate) struct Sketch {
    /// The manifest's list of inputs.
    pub(crate) inputs: Value,
    /// Outputs with the names of their axes.
    pub(crate) outputs: &'static [(&'static str, &'static [&'static str])],
    pub(crate) config: Value,
    /// What each output depends on, weights included; `shape of x` stands for no more than that.
    pub(crate) flow: &'static [(&'static str, &'static [&'static str])],
    pub(crate) weights: &'static [&'static str],
    pub(crate) leaves: &'static [&'static str],
    /// The weights that the backend reads, and the outputs that it gives; all if it says nothing.
    pub(crate) read: &'static [&'static str],
    pub(crate) gives: Option<&'static [&'static str]>,
    /// Axes that cannot change.
    pub(crate) fixed: &'static [&'static str],
    pub(crate) answer: Answer,
}

impl Sketch {
    pub(crate) fn with(&self, answer: Answer) -> Self {
        Self {
            answer,
            ..self.clone()
        }
    }

    /// Examines this model against what the right one recorded.
    pub(crate) fn examine(
        &self,
        right: &Self,
        check: &str,
        examine: impl Fn(&mut Trial<Drawn>, &Self) -> Result<Verdict, Failure>,
    ) -> Record {
        let fixture = Fixture::new(&super::ENCODER);
        let (manifest, files) = right.record();
        for (name, bytes) in files {
            fs::write(fixture.folder().join(name), bytes).expect("writable");
        }
        fs::write(fixture.manifest(), manifest).expect("writable");
        fixture.examine(check, self, |trial| examine(trial, self))
    }

    fn record(&self) -> (Vec<u8>, BTreeMap<&'static str, Vec<u8>>) {
        let inputs = self.recorded();
        let outputs = (self.answer)(&inputs).expect("the right one answers");
        let mut tensors: Vec<(String, Dtype, Vec<usize>, Vec<u8>)> = Vec::new();
        for (name, array) in &inputs {
            if let Data::I64(ids) = array.data() {
                let bytes = ids.iter().flat_map(|id| id.to_le_bytes()).collect();
                tensors.push((
                    format!("input.{name}"),
                    Dtype::I64,
                    array.shape().to_vec(),
                    bytes,
                ));
            }
        }
        let mut entries = Vec::new();
        for (name, axes) in self.outputs {
            let array = &outputs[*name];
            let values = array.to_f64();
            let squares: f64 = values.iter().map(|value| value * value).sum();
            let rms = (squares / values.len() as f64).sqrt();
            entries.push(json!({
                "name": name, "axes": axes, "shape": array.shape(), "rms": rms,
                "float32": {"rmse": 2e-8, "max_abs": 1e-7},
            }));
            let bytes = values
                .iter()
                .flat_map(|value| value.to_le_bytes())
                .collect();
            tensors.push((
                format!("output.{name}"),
                Dtype::F64,
                array.shape().to_vec(),
                bytes,
            ));
        }
        let views: Vec<(&str, TensorView<'_>)> = tensors
            .iter()
            .map(|(name, dtype, shape, bytes)| {
                let view = TensorView::new(*dtype, shape.clone(), bytes);
                (name.as_str(), view.expect("a tensor"))
            })
            .collect();
        let expected = safetensors::serialize(views, None).expect("serialisable");
        let graph = self.graph();
        let weights = self.weights.iter();
        let weights: Vec<Value> = weights
            .map(|name| json!([name, [2], "f32", 0.5, 0.0]))
            .collect();
        let names = |key: &str| -> Vec<Value> {
            let list = if key == "inputs" {
                self.inputs.clone()
            } else {
                json!(entries)
            };
            let list = list.as_array().expect("a list").clone();
            list.into_iter()
                .map(|entry| entry["name"].clone())
                .collect()
        };
        let manifest = json!({
            "format": 1, "family": "toy", "variant": null, "model": "Sketch",
            "recorded_from": TOY.recorded_from, "provenance": {"recorder": 1},
            "config": self.config, "sizes": {}, "inputs": self.inputs, "weights": weights,
            "inert": [], "outputs": entries,
            "graph": {"inputs": names("inputs"), "outputs": names("outputs"), "leaves": self.leaves},
            "files": {"expected.safetensors": sha256(&expected), "graph.onnx.xz": sha256(&graph)},
        });
        let files = [("expected.safetensors", expected), ("graph.onnx.xz", graph)];
        (seal(&manifest), files.into_iter().collect())
    }

    /// The recorded inputs, as the harness will read them.
    fn recorded(&self) -> Tensors {
        let list = self.inputs.as_array().expect("a list");
        let array = |input: &Value| {
            let name = input["name"].as_str().expect("a name");
            let axes = input["axes"].as_array().expect("axes").iter();
            let axes = axes.map(|axis| {
                axis.as_str()
                    .map_or_else(|| axis.to_string(), str::to_owned)
            });
            let shape: Vec<usize> =
                serde_json::from_value(input["shape"].clone()).expect("a shape");
            let count: usize = shape.iter().product();
            let data = match (input["dtype"].as_str(), input["below"].as_i64()) {
                (Some("f32"), _) => Data::F32(fill(&format!("input/{name}"), count, 1.0, 0.0)),
                (_, Some(below)) => Data::I64(
                    (0..count as i64)
                        .map(|flat| (flat * 7 + 3) % below)
                        .collect(),
                ),
                _ => {
                    let of = &input["lengths"]["of"];
                    let of: Vec<usize> = serde_json::from_value(of.clone()).expect("lengths");
                    let row = |&end: &usize| (0..shape[1]).map(move |at| i64::from(at < end));
                    Data::I64(of.iter().flat_map(row).collect())
                }
            };
            let array = Array::new(axes.collect(), shape, data).expect("it fits");
            (name.to_owned(), array)
        };
        list.iter().map(array).collect()
    }

    fn graph(&self) -> Vec<u8> {
        let value = |name: &str| ValueInfoProto {
            name: Some(name.to_owned()),
            ..ValueInfoProto::default()
        };
        let list = self.inputs.as_array().expect("a list").iter();
        let inputs = list.map(|input| input["name"].as_str().expect("a name"));
        let inputs = inputs.chain(self.weights.iter().copied());
        let mut node = Vec::new();
        for (output, sources) in self.flow {
            let mut read = Vec::new();
            for source in *sources {
                match source.strip_prefix("shape of ") {
                    None => read.push((*source).to_owned()),
                    Some(input) => {
                        let shape = format!("{output}/shape of {input}");
                        node.push(NodeProto::new("Shape", &[input], &[&shape]));
                        read.push(shape);
                    }
                }
            }
            let read: Vec<&str> = read.iter().map(String::as_str).collect();
            node.push(NodeProto::new("Sum", &read, &[output]));
        }
        let model = ModelProto {
            ir_version: Some(8),
            opset_import: vec![OperatorSetIdProto {
                domain: None,
                version: Some(18),
            }],
            graph: Some(GraphProto {
                node,
                name: Some("sketch".to_owned()),
                input: inputs.map(value).collect(),
                output: self.flow.iter().map(|(output, _)| value(output)).collect(),
                ..GraphProto::default()
            }),
            ..ModelProto::default()
        };
        let bytes = Model::new(model).expect("it holds together").write();
        let mut packed = XzWriter::new(Vec::new(), XzOptions::with_preset(0)).expect("in memory");
        packed.write_all(&bytes).expect("memory");
        packed.finish().expect("memory")
    }
}

impl Backend for Sketch {
    type Session = Drawn;

    fn name(&self) -> &'static str {
        "candle"
    }

    fn versions(&self) -> BTreeMap<String, String> {
        BTreeMap::new()
    }

    fn capabilities(&self, reference: &Reference) -> Capabilities {
        let manifest = reference.manifest();
        let all = || {
            manifest
                .outputs
                .iter()
                .map(|output| output.name.clone())
                .collect()
        };
        let some = |names: &[&str]| names.iter().map(|&name| name.to_owned()).collect();
        let because = "it is drawn so".to_owned();
        let fixed = self
            .fixed
            .iter()
            .map(|&axis| (axis.to_owned(), because.clone()));
        Capabilities {
            inputs: manifest
                .inputs
                .iter()
                .map(|input| input.name.clone())
                .collect(),
            outputs: self.gives.map_or_else(all, some),
            fixed: fixed.collect(),
            ..Capabilities::default()
        }
    }

    fn load(&self, _reference: &Reference, _device: Device) -> Result<Drawn, Failure> {
        Ok(Drawn(self.answer))
    }

    fn weights_read(&self, _: &Reference, _: &Drawn) -> Result<BTreeSet<String>, Failure> {
        Ok(self.read.iter().map(|&name| name.to_owned()).collect())
    }
}

/// The function.
#[derive(Debug)]
pub(crate) struct Drawn(Answer);

impl Session for Drawn {
    fn run(&mut self, inputs: &Tensors, _position: usize) -> Result<Tensors, Failure> {
        (self.0)(inputs)
    }

    fn reset(&mut self) -> Result<(), Failure> {
        Ok(())
    }
}
