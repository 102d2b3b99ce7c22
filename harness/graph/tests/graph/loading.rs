//! Loading refuses what cannot be run, in words that name the place, what is there, and what would be known.

use candle_core::{DType, Device, Tensor};
use candle_graph::{Graph, Kind};
use onnx_model::{
    Dtype,
    proto::{NodeProto, TensorProto, TypeProto, ValueInfoProto},
};

use crate::make::{Maker, graph, says, tensor, value};

/// From float32 `x` to float32 `y`, with nodes yet to come.
fn plain() -> Maker {
    graph()
        .input("x", Dtype::F32, "1 1 4 4")
        .output("y", Dtype::F32, "n")
}

/// One node between them.
fn with(node: NodeProto) -> Maker {
    plain().node(node)
}

fn op(op_type: &str) -> NodeProto {
    NodeProto::new(op_type, &["x"], &["y"])
}

#[track_caller]
fn refused(kind: Kind, rows: Vec<(Maker, &str)>) {
    for (maker, words) in rows {
        says(maker.try_load(), kind, words);
    }
}

#[test]
fn operators_that_are_not_known() {
    let named = NodeProto {
        name: Some("odd".to_owned()),
        ..op("Frobnicate")
    };
    let foreign = NodeProto {
        domain: Some("com.example".to_owned()),
        ..op("Relu")
    };
    refused(
        Kind::Unsupported,
        vec![
            (
                with(op("Frobnicate")),
                "node 0 (Frobnicate): operator `Frobnicate` (opset 20) is not known",
            ),
            (
                with(named),
                "node 0 `odd` (Frobnicate): operator `Frobnicate` (opset 20) is not known",
            ),
            (
                with(foreign),
                "node 0 (Relu): the operators of domain `com.example` are not known",
            ),
            (
                with(op("Squeeze")).opset(11),
                "node 0 (Squeeze): `Squeeze` of opset 11 is not known, only from opset 13 on",
            ),
            (
                with(op("Relu")).opset(8),
                "model: is written in opset 8 (known: 9 to 28)",
            ),
            (
                with(op("Relu")).opset(29),
                "model: is written in opset 29 (known: 9 to 28)",
            ),
        ],
    );
}

#[test]
fn the_default_domain_has_two_names() {
    let node = NodeProto {
        domain: Some("ai.onnx".to_owned()),
        ..op("Relu")
    };
    with(node).load();
}

#[test]
fn attributes_that_are_not_known() {
    let pad = NodeProto::new("Pad", &["x", "pads"], &["y"]);
    let pad = pad.with_text("mode", "circular");
    let pads = [0; 8];
    refused(
        Kind::Unsupported,
        vec![
            (
                with(op("Relu").with_int("slope", 1)),
                "node 0 (Relu): attribute `slope` is not known (known: none)",
            ),
            (
                with(op("Softmax").with_int("axes", 1)),
                "node 0 (Softmax): attribute `axes` is not known (known: axis)",
            ),
            (
                with(op("Gelu").with_text("approximate", "sigmoid")),
                "node 0 (Gelu): attribute `approximate` is `sigmoid` (known: none, tanh)",
            ),
            (
                with(pad).ints("pads", &[8], &pads),
                "node 0 (Pad): attribute `mode` is `circular` (known: constant, reflect, edge, wrap)",
            ),
            (
                with(op("Cast").with_int("to", 8)),
                "node 0 (Cast): casts to element type 8, which is not known",
            ),
            (
                plain()
                    .node(NodeProto::new("Constant", &[], &["y"]).with_text("value_string", "a")),
                "node 0 (Constant): holds Some((\"value_string\", String)) (known: a tensor, floats, integers)",
            ),
        ],
    );
    refused(
        Kind::Model,
        vec![
            (
                with(op("Softmax").with_float("axis", 1.0)),
                "node 0 (Softmax): attribute `axis` is of type Float (valid: Int)",
            ),
            (with(op("Cast")), "node 0 (Cast): has no attribute `to`"),
        ],
    );
}

#[test]
fn outputs_that_are_not_computed() {
    let pool = NodeProto::new("MaxPool", &["x"], &["y", "places"]);
    refused(
        Kind::Unsupported,
        vec![(
            with(pool.with(crate::make::ints("kernel_shape", &[2, 2]))),
            "node 0 (MaxPool): the outputs Indices are not computed",
        )],
    );
}

/// y = x · w, where w lies outside.
fn outside() -> Maker {
    with(NodeProto::new("MatMul", &["x", "w"], &["y"])).outside("w", &[4, 2])
}

#[test]
fn weights_that_do_not_fit() {
    says(
        outside().try_load(),
        Kind::Model,
        "weight `w`: lies outside the model and was not given",
    );
    let zeros =
        |dtype, shape: (usize, usize)| Tensor::zeros(shape, dtype, &Device::Cpu).expect("a tensor");
    for (weight, words) in [
        (
            zeros(DType::F32, (2, 4)),
            "weight `w`: has shape [2, 4], the graph asks for [4, 2]",
        ),
        (
            zeros(DType::F64, (4, 2)),
            "weight `w`: has dtype f64 (valid: F32)",
        ),
        (
            zeros(DType::I64, (4, 2)),
            "weight `w`: has dtype i64 (valid: F32)",
        ),
    ] {
        let model = outside().model();
        let loaded = Graph::with_weights(&model, &Device::Cpu, |_| Some(weight.clone()));
        says(loaded, Kind::Model, words);
    }
    let mut asked = Vec::new();
    let loaded = Graph::with_weights(&outside().model(), &Device::Cpu, |name| {
        asked.push(name.to_owned());
        Some(zeros(DType::F32, (4, 2)))
    });
    assert!(loaded.is_ok());
    assert_eq!(asked, ["w"]);
}

#[test]
fn values_that_are_not_read() {
    let sequence = ValueInfoProto {
        name: Some("s".to_owned()),
        r#type: Some(TypeProto {
            sequence_type: Some(vec![]),
            ..TypeProto::default()
        }),
        ..ValueInfoProto::default()
    };
    refused(
        Kind::Unsupported,
        vec![
            (
                with(op("Relu")).edit(|graph| graph.input.push(value("text", 8, "n"))),
                "input `text`: has element type 8, which is not read here",
            ),
            (
                with(op("Relu")).edit(|graph| graph.input.push(sequence)),
                "input `s`: is no tensor",
            ),
            (
                with(op("Relu")).weight(TensorProto::of_floats("x", &[1, 1, 4, 4], &[0.0; 16])),
                "initializer `x`: is an input as well, with a default",
            ),
        ],
    );
}

#[test]
fn what_is_within_a_node_is_named_with_it() {
    let branch = |op_type: &str| {
        graph()
            .op(op_type, &["x"], &["inner"])
            .output("inner", Dtype::F32, "n")
    };
    let choice =
        |yes: Maker| NodeProto::new("If", &["truth"], &["y"]).with(yes.within("then_branch"));
    let whole = |node: NodeProto| with(node).input("truth", Dtype::Bool, "");
    refused(
        Kind::Unsupported,
        vec![
            (
                whole(choice(branch("Frobnicate"))),
                "node 0 (If): node 0 (Frobnicate): operator `Frobnicate` (opset 20) is not known",
            ),
            (
                whole(choice(branch("Relu").outside("w", &[1]))),
                "node 0 (If): initializer `w`: its numbers lie outside the model, which only those of the main graph may",
            ),
        ],
    );
    refused(
        Kind::Model,
        vec![
            (
                whole(choice(branch("Relu"))),
                "node 0 (If): has no graph `else_branch`",
            ),
            (
                whole(
                    NodeProto::new("Loop", &["truth"], &["y"]).with(branch("Relu").within("body")),
                ),
                "node 0 (Loop): has 1 input (valid: 2 or more)",
            ),
            (
                whole(NodeProto::new("Scan", &["x"], &["y"]).with(branch("Relu").within("body"))),
                "node 0 (Scan): has no attribute `num_scan_inputs`",
            ),
            (
                whole(
                    NodeProto::new("Scan", &["x"], &["y"])
                        .with_int("num_scan_inputs", 2)
                        .with(branch("Relu").within("body")),
                ),
                "node 0 (Scan): scans more inputs than it has",
            ),
        ],
    );
}

/// Of several faults, the first node's is told.
#[test]
fn the_first_fault_is_told() {
    let maker = plain()
        .op("First", &["x"], &["a"])
        .op("Second", &["a"], &["y"]);
    says(
        maker.try_load(),
        Kind::Unsupported,
        "node 0 (First): operator `First` (opset 20) is not known",
    );
}

#[test]
fn an_error_has_parts() {
    let error = with(op("Frobnicate")).try_load().err().expect("refused");
    assert_eq!(error.place(), "node 0 (Frobnicate)");
    assert_eq!(
        error.what(),
        "operator `Frobnicate` (opset 20) is not known"
    );
    assert_eq!(error.kind(), Kind::Unsupported);
}

#[test]
fn tensors_that_are_not_read() {
    let ragged = TensorProto {
        raw_data: Some(vec![0; 3]),
        ..TensorProto::of_floats("t", &[1], &[0.0])
    };
    let text = TensorProto {
        data_type: Some(8),
        ..TensorProto::of_floats("t", &[1], &[0.0])
    };
    says(
        candle_graph::tensor(&text, &Device::Cpu),
        Kind::Unsupported,
        "tensor `t`: has element type 8, which is not read here",
    );
    let error = candle_graph::tensor(&ragged, &Device::Cpu).expect_err("three bytes are no float");
    assert_eq!(error.kind(), Kind::Model);
    let whole = TensorProto::of_floats("t", &[2], &[1.0, 2.0]);
    let read = candle_graph::tensor(&whole, &Device::Cpu).expect("two floats");
    crate::make::is(&read, &[2], &[1.0, 2.0]);
    assert_eq!(read.dtype(), tensor(&[1], &[0.0]).dtype());
}
