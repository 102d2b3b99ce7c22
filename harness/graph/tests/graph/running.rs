//! Running refuses what does not fit, names the input or the node, and leaves the graph as it was.

use candle_core::{DType, Device, Tensor};
use candle_graph::Kind;
use onnx_model::{Dtype, proto::NodeProto};

use crate::make::{Maker, given, graph, is, longs, run, says, tensor};

#[test]
fn inputs_that_do_not_fit() {
    let graph = graph()
        .input("x", Dtype::F32, "batch 3")
        .input("ids", Dtype::I64, "n")
        .output("y", Dtype::F32, "batch 3")
        .op("Relu", &["x"], &["y"])
        .load();
    let (x, ids) = (tensor(&[1, 3], &[1.0, -1.0, 0.0]), longs(&[1], &[0]));
    let double = x.to_dtype(DType::F64).expect("a tensor");
    let wide = tensor(&[1, 4], &[0.0; 4]);
    let flat = tensor(&[3], &[0.0; 3]);
    for (tensors, words) in [
        (vec![("x", &x)], "input `ids`: is missing"),
        (vec![], "input `x`: is missing"),
        (
            vec![("x", &x), ("ids", &ids), ("mask", &x)],
            "input `mask`: is no input of the graph (known: x, ids)",
        ),
        (
            vec![("x", &double), ("ids", &ids)],
            "input `x`: has dtype f64 (valid: F32)",
        ),
        (
            vec![("x", &x), ("ids", &flat)],
            "input `ids`: has dtype f32 (valid: I64)",
        ),
        (
            vec![("x", &flat), ("ids", &ids)],
            "input `x`: has shape [3] (valid: [batch, 3])",
        ),
        (
            vec![("x", &wide), ("ids", &ids)],
            "input `x`: has shape [1, 4] (valid: [batch, 3])",
        ),
    ] {
        says(graph.run(&given(&tensors)), Kind::Input, words);
    }
    let outputs = run(&graph, &[("x", &x), ("ids", &ids)]);
    is(&outputs["y"], &[1, 3], &[1.0, 0.0, 0.0]);
}

#[test]
fn numbers_that_do_not_fit_their_type() {
    let graph = graph()
        .input("x", Dtype::I8, "n")
        .output("y", Dtype::I8, "n")
        .op("Identity", &["x"], &["y"])
        .load();
    let outputs = run(&graph, &[("x", &longs(&[2], &[-128, 127]))]);
    is(&outputs["y"], &[2], &[-128.0, 127.0]);
    says(
        graph.run(&given(&[("x", &longs(&[2], &[0, 128]))])),
        Kind::Input,
        "input `x`: holds 128, which I8 does not",
    );
}

/// One node, named `it`, that reads float32 `x`, float32 `z` and int64 `i`, whatever their shapes.
fn one(op_type: &str, inputs: &[&str]) -> NodeProto {
    NodeProto {
        name: Some("it".to_owned()),
        ..NodeProto::new(op_type, inputs, &["y"])
    }
}

fn around(node: NodeProto, dtype: Dtype) -> Maker {
    graph()
        .input("x", Dtype::F32, "a b")
        .input("z", Dtype::F32, "c d")
        .input("i", Dtype::I64, "e")
        .output("y", dtype, "")
        .node(node)
        .floats("w", &[2, 2], &[1.0, 2.0, 3.0, 4.0])
        .floats("p", &[], &[0.0])
        .floats("q", &[], &[1.0])
        .floats("t", &[1, 4], &[1.0, 2.0, 3.0, 4.0])
        .ints("r", &[1, 4], &[0, 0, 1, 1])
}

#[test]
fn nodes_that_cannot_compute_are_named() {
    let x = tensor(&[2, 3], &[0.0; 6]);
    let z = tensor(&[2, 2], &[0.0; 4]);
    let i = longs(&[2], &[0, 5]);
    let floats = [
        (
            one("Gather", &["x", "i"]),
            "node 0 `it` (Gather): index 5 is out of range for an axis of length 2",
        ),
        (
            one("Gather", &["x", "i"]).with_int("axis", 2),
            "node 0 `it` (Gather): axis 2 of a tensor with 2 axes",
        ),
        (
            one("GatherND", &["x", "i"]),
            "node 0 `it` (GatherND): index 5 is out of range for an axis of length 3",
        ),
        (
            one("Add", &["x", "z"]),
            "node 0 `it` (Add): shape mismatch in broadcast_add, lhs: [2, 3], rhs: [2, 2]",
        ),
        (
            one("Add", &["x", "i"]),
            "node 0 `it` (Add): has inputs of F32 and I64 (valid: the same type)",
        ),
        (
            one("MatMul", &["x", "z"]),
            "node 0 `it` (MatMul): multiplies matrices of shapes [2, 3] and [2, 2]",
        ),
        (
            one("MatMul", &["x", "i"]),
            "node 0 `it` (MatMul): multiplies F32 with I64 (valid: floats of one type)",
        ),
        (
            one("Reshape", &["x", "i"]),
            "node 0 `it` (Reshape): asks for shape [0, 5] of shape [2, 3]",
        ),
        (
            one("Squeeze", &["x", "i"]),
            "node 0 `it` (Squeeze): axis 5 of a tensor with 2 axes",
        ),
        (
            one("Concat", &["x", "z"]).with_int("axis", 2),
            "node 0 `it` (Concat): axis 2 of a tensor with 2 axes",
        ),
        (
            one("ScatterElements", &["x", "r", "t"]),
            "node 0 `it` (ScatterElements): scatters [1, 4] by [1, 4] into [2, 3]",
        ),
        (
            one("TopK", &["x", "i"]),
            "node 0 `it` (TopK): has shape [2], where one element is due",
        ),
        (
            one("OneHot", &["i", "i", "x"]),
            "node 0 `it` (OneHot): has shape [2], where one element is due",
        ),
        (
            one("ReverseSequence", &["x", "i"]),
            "node 0 `it` (ReverseSequence): reverses 2 sequences of shape [2, 3] along axis 0",
        ),
        (
            one("ReverseSequence", &["x", "i"])
                .with_int("batch_axis", 0)
                .with_int("time_axis", 1),
            "node 0 `it` (ReverseSequence): reverses 5 of 3 elements",
        ),
        (
            one("Range", &["p", "q", "p"]),
            "node 0 `it` (Range): goes from 0 to 1 in steps of 0",
        ),
        (
            one("BatchNormalization", &["i", "x", "x", "x", "x"]),
            "node 0 `it` (BatchNormalization): has an input of I64 (valid: floats)",
        ),
        (
            one("BatchNormalization", &["w", "i", "q", "q", "q"]),
            "node 0 `it` (BatchNormalization): has an input of I64 (valid: floats)",
        ),
        (
            one("InstanceNormalization", &["i", "x", "x"]),
            "node 0 `it` (InstanceNormalization): has an input of I64 (valid: floats)",
        ),
        (
            one("GroupNormalization", &["q", "q", "q"]).with_int("num_groups", 1),
            "node 0 `it` (GroupNormalization): has an input of shape [] (valid: 2 axes or more)",
        ),
        (
            one("Sqrt", &["i"]),
            "node 0 `it` (Sqrt): has an input of I64 (valid: floats)",
        ),
        (
            one("Relu", &["", "x"]),
            "node 0 `it` (Relu): input 0 is missing",
        ),
        (
            one("SequenceLength", &["x"]),
            "node 0 `it` (SequenceLength): input 0 is no sequence",
        ),
    ];
    let integers = [
        (
            one("Div", &["i", "i"]),
            "node 0 `it` (Div): divides integers by zero",
        ),
        (
            one("Mod", &["i", "i"]),
            "node 0 `it` (Mod): divides integers by zero",
        ),
    ];
    let rows = floats.map(|row| (row, Dtype::F32)).into_iter();
    let rows = rows.chain(integers.map(|row| (row, Dtype::I64)));
    for ((node, words), dtype) in rows {
        let graph = around(node, dtype).load();
        let tensors = given(&[("x", &x), ("z", &z), ("i", &i)]);
        says(graph.run(&tensors), Kind::Run, words);
        // Nothing is left of the attempt.
        says(graph.run(&tensors), Kind::Run, words);
    }
}

/// What depends on constants alone fails where it would run, and not while loading.
#[test]
fn constants_that_cannot_be_folded_fail_in_their_turn() {
    let graph = graph()
        .ints("seven", &[], &[7])
        .ints("zero", &[], &[0])
        .op("Identity", &["seven"], &["same"])
        .op("Div", &["same", "zero"], &["y"])
        .output("y", Dtype::I64, "")
        .load();
    assert_eq!(graph.steps(), 1);
    says(
        graph.run(&given(&[])),
        Kind::Run,
        "node 1 (Div): divides integers by zero",
    );
}

#[test]
fn an_output_is_what_the_graph_says_it_is() {
    let graph = graph()
        .input("x", Dtype::F32, "n")
        .output("y", Dtype::F32, "")
        .op("Size", &["x"], &["y"])
        .load();
    says(
        graph.run(&given(&[("x", &tensor(&[1], &[0.0]))])),
        Kind::Run,
        "output `y`: has dtype I64, the graph says F32",
    );
}

#[test]
fn a_sequence_is_not_handed_out() {
    let graph = graph()
        .input("x", Dtype::F32, "n")
        .output("y", Dtype::F32, "")
        .op("SequenceConstruct", &["x", "x"], &["y"])
        .load();
    let x = Tensor::zeros(1, DType::F32, &Device::Cpu).expect("a tensor");
    says(
        graph.run(&given(&[("x", &x)])),
        Kind::Run,
        "output `y`: is a sequence",
    );
}
