//! What the standard's cases, one shape and one node each, do not show.

use std::thread;

use candle_core::{DType, Device, Tensor};
use candle_graph::{Graph, Length, Port};
use onnx_model::{
    Dtype,
    proto::{NodeProto, TensorProto},
};

use crate::make::{Maker, given, graph, is, longs, run, tensor};

/// Rows of `x` times `w` plus `b`, flattened through a shape that is computed.
fn layer() -> Maker {
    graph()
        .input("x", Dtype::F32, "batch sequence 2")
        .floats("w", &[2, 3], &[1.0, 0.0, 2.0, 0.0, 1.0, 3.0])
        .floats("b", &[3], &[10.0, 20.0, 30.0])
        .ints("first", &[1], &[0])
        .ints("open", &[1], &[-1])
        .op("MatMul", &["x", "w"], &["product"])
        .op("Add", &["product", "b"], &["sum"])
        .op("Shape", &["x"], &["lengths"])
        .op("Gather", &["lengths", "first"], &["batch"])
        .node(NodeProto::new("Concat", &["batch", "open"], &["flat"]).with_int("axis", 0))
        .op("Reshape", &["sum", "flat"], &["y"])
        .output("y", Dtype::F32, "batch n")
}

#[test]
fn one_graph_runs_at_any_length() {
    let graph = layer().load();
    for (batch, sequence) in [(1, 1), (1, 3), (2, 5), (3, 1), (1, 1)] {
        let count = batch * sequence;
        let x: Vec<f32> = (0..2 * count).map(|n| n as f32).collect();
        let wanted = x.chunks(2).flat_map(|pair| {
            let (a, b) = (f64::from(pair[0]), f64::from(pair[1]));
            [a + 10.0, b + 20.0, 2.0 * a + 3.0 * b + 30.0]
        });
        let outputs = run(&graph, &[("x", &tensor(&[batch, sequence, 2], &x))]);
        let wanted: Vec<f64> = wanted.collect();
        is(&outputs["y"], &[batch, 3 * sequence], &wanted);
    }
}

#[test]
fn threads_share_a_graph() {
    let graph = layer().load();
    thread::scope(|scope| {
        for number in 0..4_u8 {
            let graph = &graph;
            scope.spawn(move || {
                for turn in 0..50_u8 {
                    let (a, sequence) = (f32::from(number) * 100.0 + f32::from(turn), 1 + turn % 3);
                    let sequence = usize::from(sequence);
                    let x = tensor(&[1, sequence, 2], &vec![a; 2 * sequence]);
                    let a = f64::from(a);
                    let row = [a + 10.0, a + 20.0, 5.0 * a + 30.0];
                    let wanted = row.repeat(sequence);
                    is(&run(graph, &[("x", &x)])["y"], &[1, 3 * sequence], &wanted);
                }
            });
        }
    });
}

#[test]
fn ports_are_as_the_graph_says() {
    let graph = layer().load();
    let port = |name: &str, shape: &[Length]| Port {
        name: name.to_owned(),
        dtype: Dtype::F32,
        shape: Some(shape.to_vec()),
    };
    let any = |name: &str| Length::Any(name.to_owned());
    assert_eq!(
        graph.inputs(),
        [port(
            "x",
            &[any("batch"), any("sequence"), Length::Fixed(2)]
        )]
    );
    assert_eq!(graph.outputs(), [port("y", &[any("batch"), any("n")])]);
    let words: Vec<String> = [Length::Fixed(2), any("batch"), any("")]
        .iter()
        .map(Length::to_string)
        .collect();
    assert_eq!(words, ["2", "batch", "?"]);
}

/// Some exporters write minus one where a length is not known.
#[test]
fn a_length_below_zero_is_any() {
    let graph = graph()
        .input("x", Dtype::F32, "-1 2")
        .output("y", Dtype::F32, "n 2")
        .op("Neg", &["x"], &["y"])
        .load();
    let outputs = run(&graph, &[("x", &tensor(&[1, 2], &[1.0, 2.0]))]);
    is(&outputs["y"], &[1, 2], &[-1.0, -2.0]);
}

#[test]
fn what_is_constant_runs_while_loading() {
    let plain = || {
        graph()
            .input("x", Dtype::F32, "n")
            .output("y", Dtype::F32, "n")
    };
    for (maker, steps) in [
        // Only what depends on the input runs, and only if an output depends on it.
        (
            plain()
                .floats("a", &[1], &[1.0])
                .op("Neg", &["a"], &["b"])
                .op("Exp", &["b"], &["c"])
                .op("Add", &["x", "c"], &["y"])
                .op("Sub", &["x", "c"], &["unread"]),
            1,
        ),
        (plain().op("Identity", &["x"], &["y"]), 1),
        // A shape that is expanded would be kept for nothing.
        (
            plain()
                .ints("many", &[1], &[100_000])
                .op("ConstantOfShape", &["many"], &["zeros"])
                .op("Add", &["x", "zeros"], &["y"]),
            2,
        ),
        (
            plain()
                .ints("few", &[1], &[1_000])
                .op("ConstantOfShape", &["few"], &["zeros"])
                .op("Add", &["x", "zeros"], &["y"]),
            1,
        ),
    ] {
        assert_eq!(maker.load().steps(), steps);
    }
}

#[test]
fn an_output_may_be_an_input_or_a_weight() {
    let graph = graph()
        .input("x", Dtype::F32, "n")
        .floats("w", &[1], &[3.0])
        .output("x", Dtype::F32, "n")
        .output("w", Dtype::F32, "1")
        .load();
    let outputs = run(&graph, &[("x", &tensor(&[1], &[2.0]))]);
    is(&outputs["x"], &[1], &[2.0]);
    is(&outputs["w"], &[1], &[3.0]);
    assert_eq!(graph.steps(), 0);
}

#[test]
fn weights_are_shared() {
    let weight = tensor(&[2], &[1.0, 2.0]);
    let model = graph()
        .outside("w", &[2])
        .input("x", Dtype::F32, "2")
        .op("Add", &["x", "w"], &["y"])
        .output("y", Dtype::F32, "2")
        .output("w", Dtype::F32, "2")
        .model();
    let x = tensor(&[2], &[10.0, 20.0]);
    for _ in 0..2 {
        let graph = Graph::with_weights(&model, &Device::Cpu, |_| Some(weight.clone()));
        let outputs = run(&graph.expect("it loads"), &[("x", &x)]);
        is(&outputs["y"], &[2], &[11.0, 22.0]);
        // The very tensor, and no copy of it.
        assert_eq!(outputs["w"].id(), weight.id());
    }
}

#[test]
fn nothing_is_a_length_too() {
    let pair = || {
        graph()
            .input("x", Dtype::F32, "n 2")
            .output("y", Dtype::F32, "a b")
    };
    let w = [1.0, 2.0, 3.0, 4.0];
    let axis = |node: NodeProto, axis| node.with_int("axis", axis);
    for (maker, dims, values) in [
        (pair().op("Neg", &["x"], &["y"]), vec![0, 2], vec![]),
        (pair().op("Add", &["x", "x"], &["y"]), vec![0, 2], vec![]),
        (
            pair()
                .floats("w", &[2, 2], &w)
                .op("MatMul", &["x", "w"], &["y"]),
            vec![0, 2],
            vec![],
        ),
        (pair().op("Transpose", &["x"], &["y"]), vec![2, 0], vec![]),
        (
            pair()
                .floats("w", &[2, 2], &w)
                .node(axis(NodeProto::new("Concat", &["x", "w"], &["y"]), 0)),
            vec![2, 2],
            w.map(f64::from).to_vec(),
        ),
        (
            pair()
                .ints("zero", &[1], &[0])
                .op("ReduceSum", &["x", "zero"], &["y"]),
            vec![1, 2],
            vec![0.0, 0.0],
        ),
        (
            pair().node(axis(NodeProto::new("Softmax", &["x"], &["y"]), 1)),
            vec![0, 2],
            vec![],
        ),
        (
            pair()
                .ints("none", &[0], &[])
                .op("Gather", &["x", "none"], &["y"]),
            vec![0, 2],
            vec![],
        ),
        (
            pair()
                .op("Shape", &["x"], &["lengths"])
                .op("Expand", &["x", "lengths"], &["y"]),
            vec![0, 2],
            vec![],
        ),
        (pair().op("Relu", &["x"], &["y"]), vec![0, 2], vec![]),
        (pair().op("Tanh", &["x"], &["y"]), vec![0, 2], vec![]),
        (pair().op("Tan", &["x"], &["y"]), vec![0, 2], vec![]),
    ] {
        let graph = maker.load();
        is(
            &run(&graph, &[("x", &tensor(&[0, 2], &[]))])["y"],
            &dims,
            &values,
        );
    }
}

#[test]
fn half_precision_stays_half() {
    for (dtype, storage) in [(Dtype::F16, DType::F16), (Dtype::Bf16, DType::BF16)] {
        let half = |dims: &[usize], values: &[f32]| {
            tensor(dims, values).to_dtype(storage).expect("a tensor")
        };
        let graph = graph()
            .input("x", dtype, "n 2")
            .input("w", dtype, "2 2")
            .op("MatMul", &["x", "w"], &["product"])
            .op("Relu", &["product"], &["y"])
            .node(NodeProto::new("Cast", &["x"], &["wide"]).with_int("to", 1))
            .op("CastLike", &["wide", "w"], &["narrow"])
            .op("Greater", &["x", "narrow"], &["greater"])
            .output("y", dtype, "n 2")
            .output("wide", Dtype::F32, "n 2")
            .output("greater", Dtype::Bool, "n 2")
            .load();
        let x = half(&[1, 2], &[1.5, -2.0]);
        let w = half(&[2, 2], &[1.0, 0.0, 0.25, 4.0]);
        let outputs = run(&graph, &[("x", &x), ("w", &w)]);
        is(&outputs["y"], &[1, 2], &[1.0, 0.0]);
        is(&outputs["wide"], &[1, 2], &[1.5, -2.0]);
        is(&outputs["greater"], &[1, 2], &[0.0, 0.0]);
        let types = outputs.values().map(Tensor::dtype).collect::<Vec<_>>();
        assert_eq!(types, [DType::U8, DType::F32, storage]);
    }
}

/// What goes in comes out, in the candle type that is nearest.
#[test]
fn every_element_type_goes_through() {
    for (dtype, goes_in, comes_out) in [
        (Dtype::F32, DType::F32, DType::F32),
        (Dtype::F64, DType::F64, DType::F64),
        (Dtype::F16, DType::F16, DType::F16),
        (Dtype::Bf16, DType::BF16, DType::BF16),
        (Dtype::I64, DType::I64, DType::I64),
        (Dtype::I32, DType::I32, DType::I32),
        (Dtype::I16, DType::I16, DType::I16),
        (Dtype::I8, DType::I64, DType::I64),
        (Dtype::U8, DType::U8, DType::U8),
        (Dtype::U16, DType::I64, DType::I64),
        (Dtype::U32, DType::U32, DType::U32),
        (Dtype::U64, DType::I64, DType::I64),
        (Dtype::Bool, DType::U8, DType::U8),
        (Dtype::Bool, DType::I64, DType::U8),
    ] {
        let graph = graph()
            .input("x", dtype, "n")
            .op("Identity", &["x"], &["y"])
            .output("y", dtype, "n")
            .load();
        let x = longs(&[2], &[0, 1]).to_dtype(goes_in).expect("a tensor");
        let y = &run(&graph, &[("x", &x)])["y"];
        assert_eq!(y.dtype(), comes_out, "{dtype:?}");
        is(y, &[2], &[0.0, 1.0]);
    }
}

/// Any number but zero is true, also as an input.
#[test]
fn truths_are_zero_or_one() {
    let graph = graph()
        .input("x", Dtype::Bool, "n")
        .op("Not", &["x"], &["y"])
        .output("y", Dtype::Bool, "n")
        .output("x", Dtype::Bool, "n")
        .load();
    let outputs = run(&graph, &[("x", &longs(&[3], &[0, 1, 7]))]);
    is(&outputs["x"], &[3], &[0.0, 1.0, 1.0]);
    is(&outputs["y"], &[3], &[1.0, 0.0, 0.0]);
}

#[test]
fn integers_wrap_around_as_their_type_does() {
    for (dtype, storage, values, wanted) in [
        (
            Dtype::I32,
            DType::I32,
            [i64::from(i32::MAX), 5],
            [f64::from(i32::MIN), 6.0],
        ),
        (Dtype::U8, DType::U8, [255, 5], [0.0, 6.0]),
        (Dtype::I16, DType::I16, [32_767, 5], [-32_768.0, 6.0]),
    ] {
        let one = TensorProto::from_bytes(
            "one",
            &[],
            dtype,
            1_i64.to_le_bytes()[..dtype.width()].to_vec(),
        );
        let graph = graph()
            .input("x", dtype, "n")
            .weight(one)
            .op("Add", &["x", "one"], &["y"])
            .output("y", dtype, "n")
            .load();
        let x = longs(&[2], &values).to_dtype(storage).expect("a tensor");
        is(&run(&graph, &[("x", &x)])["y"], &[2], &wanted);
    }
}

/// From one end of int64 to the other is further than an int64 counts.
#[test]
fn a_range_may_span_everything() {
    let graph = graph()
        .input("start", Dtype::I64, "")
        .input("limit", Dtype::I64, "")
        .input("delta", Dtype::I64, "")
        .op("Range", &["start", "limit", "delta"], &["y"])
        .output("y", Dtype::I64, "n")
        .load();
    for (start, limit, delta, wanted) in [
        (0, 7, 3, vec![0.0, 3.0, 6.0]),
        (7, 0, -3, vec![7.0, 4.0, 1.0]),
        (0, 7, -3, vec![]),
        (
            i64::MIN,
            i64::MAX,
            i64::MAX,
            vec![i64::MIN as f64, -1.0, i64::MAX as f64 - 1.0],
        ),
    ] {
        let [start, limit, delta] = [start, limit, delta].map(|value| longs(&[], &[value]));
        let tensors = [("start", &start), ("limit", &limit), ("delta", &delta)];
        is(&run(&graph, &tensors)["y"], &[wanted.len()], &wanted);
    }
}

/// An input keeps its numbers, whatever is made of views of it.
#[test]
fn inputs_are_left_alone() {
    let graph = graph()
        .input("x", Dtype::F32, "2 2")
        .op("Transpose", &["x"], &["turned"])
        .op("Add", &["turned", "x"], &["y"])
        .output("y", Dtype::F32, "2 2")
        .load();
    let x = tensor(&[2, 2], &[1.0, 2.0, 3.0, 4.0]);
    let turned = x.t().expect("a view");
    is(
        &graph.run(&given(&[("x", &turned)])).expect("it runs")["y"],
        &[2, 2],
        &[2.0, 5.0, 5.0, 8.0],
    );
    is(&x, &[2, 2], &[1.0, 2.0, 3.0, 4.0]);
}
