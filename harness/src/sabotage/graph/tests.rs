//! Small graphs, each with or without a place for a fault.

use onnx_model::{
    Dtype, Model,
    proto::{
        GraphProto, ModelProto, NodeProto, OperatorSetIdProto, StringStringEntryProto, TensorProto,
        ValueInfoProto,
    },
};
use serde_json::json;

use super::*;

/// A graph with the input `x`, the mask input `mask`, and the output `y`, its nodes in any order that
/// can be computed; what starts with `w` and a shape is a weight that lies outside.
struct Sketch {
    nodes: Vec<NodeProto>,
    weights: Vec<TensorProto>,
}

impl Sketch {
    fn new(nodes: &[(&str, &[&str], &str)]) -> Self {
        let node = |(op_type, inputs, output): &(&str, &[&str], &str)| {
            NodeProto::new(op_type, inputs, &[output])
        };
        Self {
            nodes: nodes.iter().map(node).collect(),
            weights: Vec::new(),
        }
    }

    fn float(mut self, name: &str, dims: &[i64], values: &[f32]) -> Self {
        let value = TensorProto::of_floats("", dims, values);
        self.nodes.insert(0, NodeProto::constant(name, value));
        self
    }

    fn int(mut self, name: &str, value: i64) -> Self {
        let value = TensorProto::of_ints("", &[], &[value]);
        self.nodes.insert(0, NodeProto::constant(name, value));
        self
    }

    fn weight(mut self, name: &str, dims: &[i64]) -> Self {
        let place = StringStringEntryProto {
            key: Some("location".to_owned()),
            value: Some("outside".to_owned()),
        };
        self.weights.push(TensorProto {
            name: Some(name.to_owned()),
            dims: dims.to_vec(),
            data_type: Some(Dtype::F32.code()),
            data_location: Some(1),
            external_data: vec![place],
            ..TensorProto::default()
        });
        self
    }

    /// Changes the node that gives a value.
    fn with(mut self, output: &str, change: impl Fn(NodeProto) -> NodeProto) -> Self {
        for node in &mut self.nodes {
            if node.output[0] == output {
                *node = change(node.clone());
            }
        }
        self
    }

    fn model(self) -> Model {
        let value = |name: &str| ValueInfoProto {
            name: Some(name.to_owned()),
            ..ValueInfoProto::default()
        };
        Model::new(ModelProto {
            ir_version: Some(10),
            opset_import: vec![OperatorSetIdProto {
                version: Some(20),
                ..OperatorSetIdProto::default()
            }],
            graph: Some(GraphProto {
                node: self.nodes,
                initializer: self.weights,
                input: vec![value("x"), value("mask")],
                output: vec![value("y")],
                ..GraphProto::default()
            }),
            ..ModelProto::default()
        })
        .expect("a graph that holds together")
    }
}

/// The sites of a fault; every place must give a model that holds together and is another one.
fn sites(model: &Model, wanted: Fault) -> Vec<String> {
    let outputs = ["y".to_owned()];
    let scene = Scene::new(model, &outputs);
    let config = json!({"sliding_window": 4, "text_config": {"attention_window": [6]}});
    let places = places(&scene, &config).into_iter();
    places
        .filter(|(fault, _)| *fault == wanted)
        .flat_map(|(_, planted)| planted)
        .map(|planted| {
            let changed = planted.patch.applied(model);
            let changed = changed.unwrap_or_else(|error| panic!("{}: {error}", planted.site));
            assert_ne!(changed, *model, "{}", planted.site);
            planted.site
        })
        .collect()
}

#[track_caller]
fn expect(fault: Fault, sketch: Sketch, expected: &[&str]) {
    assert_eq!(sites(&sketch.model(), fault), expected, "{fault}");
}

#[test]
fn activations_of_every_form() {
    let fault = Fault::ActivationSwapped;
    expect(fault, Sketch::new(&[("Gelu", &["x"], "y")]), &["y"]);
    expect(fault, Sketch::new(&[("Relu", &["x"], "y")]), &["y"]);
    let silu = [("Sigmoid", &["x"][..], "s"), ("Mul", &["s", "x"], "y")];
    expect(fault, Sketch::new(&silu), &["y"]);
    let quick = Sketch::new(&[
        ("Mul", &["x", "c"], "scaled"),
        ("Sigmoid", &["scaled"], "s"),
        ("Mul", &["x", "s"], "y"),
    ]);
    expect(fault, quick.float("c", &[], &[1.702]), &["y"]);
    let written_out = Sketch::new(&[
        ("Mul", &["x", "half"], "halved"),
        ("Pow", &["x", "three"], "cube"),
        ("Add", &["x", "cube"], "inner"),
        ("Tanh", &["inner"], "tanh"),
        ("Add", &["tanh", "one"], "gate"),
        ("Mul", &["halved", "gate"], "y"),
    ]);
    let written_out = written_out
        .float("half", &[], &[0.5])
        .float("three", &[], &[3.0])
        .float("one", &[], &[1.0]);
    expect(fault, written_out, &["y"]);
}

#[test]
fn a_gate_of_something_else_is_no_activation() {
    let fault = Fault::ActivationSwapped;
    let gate = [("Sigmoid", &["mask"][..], "s"), ("Mul", &["s", "x"], "y")];
    expect(fault, Sketch::new(&gate), &[]);
    expect(fault, Sketch::new(&[("Tanh", &["x"], "y")]), &[]);
    let dead = [("Gelu", &["x"][..], "nobody"), ("Neg", &["x"], "y")];
    expect(fault, Sketch::new(&dead), &[]);
}

#[test]
fn epsilons_of_operators_and_under_roots() {
    let fault = Fault::EpsilonTimesTen;
    let norm = [("LayerNormalization", &["x", "w"][..], "y")];
    expect(fault, Sketch::new(&norm).weight("w", &[4]), &["y"]);
    let root = |epsilon: f32| {
        let nodes = [("Add", &["x", "e"][..], "sum"), ("Sqrt", &["sum"], "y")];
        Sketch::new(&nodes).float("e", &[], &[epsilon])
    };
    expect(fault, root(1e-6), &["sum"]);
    expect(fault, root(1.0), &[]);
    expect(fault, root(0.0), &[]);
    let no_root = Sketch::new(&[("Add", &["x", "e"], "y")]);
    expect(fault, no_root.float("e", &[], &[1e-6]), &[]);
}

#[test]
fn masks_as_a_whole_and_in_parts() {
    let masked = |low: f32| {
        let nodes = [
            ("Cast", &["mask"][..], "padding"),
            ("Shape", &["x"], "length"),
            ("LessOrEqual", &["length", "x"], "causal"),
            ("GreaterOrEqual", &["length", "zero"], "always"),
            ("And", &["causal", "always"], "first"),
            ("And", &["first", "padding"], "both"),
            ("Expand", &["both", "length"], "expanded"),
            ("Where", &["expanded", "zero", "low"], "bias"),
            ("Add", &["x", "bias"], "y"),
        ];
        let sketch = Sketch::new(&nodes).float("low", &[], &[low]);
        sketch.float("zero", &[], &[0.0])
    };
    for fault in [Fault::MaskDropped, Fault::MaskInverted] {
        expect(fault, masked(-3e38), &["expanded", "causal", "padding"]);
        expect(fault, masked(-1.0), &[]);
    }
    let zeroed = Sketch::new(&[
        ("Not", &["mask"], "hidden"),
        ("Where", &["hidden", "zero", "x"], "y"),
    ]);
    let zeroed = zeroed.float("zero", &[], &[0.0]);
    expect(Fault::MaskDropped, zeroed, &["hidden"]);
}

#[test]
fn heads_that_follow_from_probabilities() {
    let attention = |perm: &[i64]| {
        let nodes = [
            ("Softmax", &["x"][..], "probabilities"),
            ("Cast", &["probabilities"], "cast"),
            ("MatMul", &["cast", "x"], "heads"),
            ("Transpose", &["heads"], "y"),
        ];
        let perm = perm.to_vec();
        Sketch::new(&nodes).with("y", move |node| {
            let mut node = node.with_int("perm", 0);
            node.attribute[0].i = None;
            node.attribute[0].ints.clone_from(&perm);
            node.attribute[0].r#type = Some(7);
            node
        })
    };
    expect(Fault::HeadsSwapped, attention(&[0, 2, 1, 3]), &["heads"]);
    expect(Fault::HeadsSwapped, attention(&[0, 1, 3, 2]), &[]);
}

#[test]
fn the_last_of_a_stack_is_skipped() {
    let layers = |stacks: [&str; 2]| {
        let [first, second] = stacks;
        let weights = [first, first, second, second]
            .into_iter()
            .zip(["a", "b", "a", "b"]);
        let names = weights.map(|(stack, weight)| format!("{stack}.{weight}"));
        let names: Vec<String> = names.collect();
        let nodes = [
            ("MatMul", &["x", names[0].as_str()][..], "attended 0"),
            ("Add", &["x", "attended 0"], "between 0"),
            ("MatMul", &["between 0", &names[1]], "projected 0"),
            ("Add", &["between 0", "projected 0"], "layer 0"),
            ("MatMul", &["layer 0", &names[2]], "attended 1"),
            ("Add", &["layer 0", "attended 1"], "between 1"),
            ("MatMul", &["between 1", &names[3]], "projected 1"),
            ("Add", &["between 1", "projected 1"], "layer 1"),
            ("Neg", &["layer 1"], "y"),
        ];
        let sketch = Sketch::new(&nodes);
        names
            .iter()
            .fold(sketch, |sketch, name| sketch.weight(name, &[4, 4]))
    };
    let fault = Fault::LayerSkipped;
    expect(fault, layers(["layer.0", "layer.1"]), &["layer 1"]);
    expect(fault, layers(["layer.0", "other.1"]), &[]);
    // Without a way past, shapes may differ.
    let straight = Sketch::new(&[
        ("MatMul", &["x", "layer.0.w"], "first"),
        ("MatMul", &["first", "layer.1.w"], "y"),
    ]);
    let straight = straight
        .weight("layer.0.w", &[4, 4])
        .weight("layer.1.w", &[4, 4]);
    expect(fault, straight, &[]);
}

#[test]
fn projections_before_an_output() {
    let projected = || {
        let nodes = [
            ("MatMul", &["x", "first"][..], "a"),
            ("Transpose", &["second"], "turned"),
            ("MatMul", &["a", "turned"], "b"),
            ("MatMul", &["b", "x"], "y"),
        ];
        let sketch = Sketch::new(&nodes).weight("first", &[4, 4]);
        sketch.weight("second", &[4, 4])
    };
    expect(Fault::LogitsScaled, projected(), &["b"]);
    expect(Fault::HalfPrecision, projected(), &["a", "b"]);
    let none = Sketch::new(&[("MatMul", &["x", "x"], "y")]);
    expect(Fault::LogitsScaled, none, &[]);
}

#[test]
fn tables_of_positions_and_not_of_tokens() {
    let looked_up = |indices: &str| {
        let nodes = [
            ("Shape", &["x"][..], "positions"),
            ("Cast", &["x"], "ids"),
            ("Add", &["x", "positions"], "shifted"),
            ("Gather", &["w", indices], "y"),
        ];
        Sketch::new(&nodes).weight("w", &[7, 4])
    };
    let fault = Fault::PositionsOffset;
    expect(fault, looked_up("positions"), &["y"]);
    expect(fault, looked_up("shifted"), &["y"]);
    expect(fault, looked_up("ids"), &[]);
    let added = |dims: &[i64]| Sketch::new(&[("Add", &["x", "w"], "y")]).weight("w", dims);
    expect(fault, added(&[1, 10, 4]), &["y"]);
    expect(fault, added(&[1, 1, 4]), &[]);
    expect(fault, added(&[4]), &[]);
}

/// One rotation of eight numbers by positions times four frequencies, as query of a product.
fn rotated() -> Sketch {
    let nodes = [
        ("Mul", &["mask", "frequencies"][..], "angles"),
        ("Concat", &["angles", "angles"], "both"),
        ("Cos", &["both"], "cos"),
        ("Sin", &["both"], "sin"),
        ("Slice", &["x", "zero", "four"], "first"),
        ("Slice", &["x", "four", "end"], "second"),
        ("Neg", &["second"], "negated"),
        ("Concat", &["negated", "first"], "turned"),
        ("Mul", &["x", "cos"], "by cos"),
        ("Mul", &["turned", "sin"], "by sin"),
        ("Add", &["by cos", "by sin"], "rotated"),
        ("MatMul", &["rotated", "x"], "y"),
    ];
    let last = |node: NodeProto| node.with_int("axis", -1);
    let sketch = Sketch::new(&nodes).with("both", last).with("turned", last);
    let sketch = sketch.int("zero", 0).int("four", 4).int("end", i64::MAX);
    sketch.float("frequencies", &[4], &[1.0, 0.1, 0.01, 0.001])
}

#[test]
fn rotations_and_their_frequencies() {
    expect(Fault::RopePairing, rotated(), &["rotated"]);
    expect(Fault::RopeTheta, rotated(), &["frequencies"]);
    expect(Fault::PositionsOffset, rotated(), &["rotated"]);
    // A key is not a step ahead of itself.
    let key = rotated().with("y", |_| NodeProto::new("MatMul", &["x", "rotated"], &["y"]));
    expect(Fault::PositionsOffset, key, &[]);
    let table = Sketch::new(&[("Mul", &["x", "table"], "y")]);
    expect(
        Fault::RopeTheta,
        table.float("table", &[2], &[1.0, 0.5]),
        &[],
    );
}

#[test]
fn windows_that_the_config_knows() {
    let window = |length: i64| {
        let nodes = [
            ("Sub", &["x", "window"][..], "edge"),
            ("Greater", &["mask", "edge"], "y"),
        ];
        Sketch::new(&nodes).int("window", length)
    };
    expect(Fault::WindowOffByOne, window(4), &["edge"]);
    expect(Fault::WindowOffByOne, window(5), &[]);
    let shape = Sketch::new(&[("Sub", &["x", "window"], "y")]);
    expect(Fault::WindowOffByOne, shape.int("window", 4), &[]);
}
