//! No operator panics, whatever tensors it is given: it computes, or says why not.

use std::panic::{AssertUnwindSafe, catch_unwind};

use candle_core::{DType, Tensor};
use candle_graph::Kind;
use onnx_model::{Dtype, proto::NodeProto};

use crate::make::{Maker, given, graph, ints, longs, tensor};

/// How often each operator is tried.
const TURNS: usize = 300;

/// A generator of numbers that are the same in every run.
struct Numbers(u64);

impl Numbers {
    fn below(&mut self, limit: usize) -> usize {
        self.0 = self
            .0
            .wrapping_mul(6_364_136_223_846_793_005)
            .wrapping_add(1_442_695_040_888_963_407);
        usize::try_from(self.0 >> 33).unwrap_or_default() % limit
    }
}

/// Inputs of all kinds; integers are small, since some are lengths.
fn pool() -> Vec<(&'static str, Dtype, Tensor)> {
    let floats = |dims: &[usize]| {
        let count = dims.iter().product::<usize>();
        let values: Vec<f32> = (0..count).map(|n| n as f32 - 2.5).collect();
        tensor(dims, &values)
    };
    let double = floats(&[2, 3]).to_dtype(DType::F64);
    vec![
        ("f", Dtype::F32, floats(&[])),
        ("f0", Dtype::F32, floats(&[0])),
        ("f1", Dtype::F32, floats(&[1])),
        ("f4", Dtype::F32, floats(&[4])),
        ("f23", Dtype::F32, floats(&[2, 3])),
        ("f32", Dtype::F32, floats(&[3, 2])),
        ("f03", Dtype::F32, floats(&[0, 3])),
        ("f234", Dtype::F32, floats(&[2, 3, 4])),
        ("f1244", Dtype::F32, floats(&[1, 2, 4, 4])),
        ("f2233", Dtype::F32, floats(&[2, 2, 3, 3])),
        ("f11222", Dtype::F32, floats(&[1, 1, 2, 2, 2])),
        ("d23", Dtype::F64, double.expect("a tensor")),
        ("i", Dtype::I64, longs(&[], &[1])),
        ("i0", Dtype::I64, longs(&[0], &[])),
        ("i1", Dtype::I64, longs(&[1], &[-1])),
        ("i2", Dtype::I64, longs(&[2], &[0, 2])),
        ("i4", Dtype::I64, longs(&[4], &[1, 0, -3, 5])),
        ("i8", Dtype::I64, longs(&[8], &[0, 1, 0, 0, 1, -1, 0, 0])),
        ("i23", Dtype::I64, longs(&[2, 3], &[0, 1, 2, -1, 5, 0])),
        ("b", Dtype::Bool, longs(&[], &[1])),
        ("b4", Dtype::Bool, longs(&[4], &[1, 0, 0, 1])),
        ("b23", Dtype::Bool, longs(&[2, 3], &[1, 0, 0, 1, 1, 0])),
    ]
}

/// An attribute, known to the operator or not; the first leaves it as it is.
fn attributed(node: NodeProto, numbers: &mut Numbers) -> NodeProto {
    let axis = [-3, -1, 0, 1, 2, 7][numbers.below(6)];
    match numbers.below(15) {
        0..=3 => node,
        4 => node.with_int("axis", axis),
        5 => node.with_int("to", [1, 7, 9, 10, 16][numbers.below(5)]),
        6 => {
            let equation = ["ij,jk->ik", "...i,...i", "ii->i", "ij->ji", "i,ij->"];
            node.with_text("equation", equation[numbers.below(5)])
        }
        7 => node.with(ints(
            "kernel_shape",
            [&[2, 2][..], &[1], &[0, 3], &[5, 5]][numbers.below(4)],
        )),
        8 => node.with_int("blocksize", [0, 1, 2, -1][numbers.below(4)]),
        9 => node.with(ints(
            "perm",
            [&[1, 0][..], &[0, 0], &[2, 0, 1], &[5], &[]][numbers.below(5)],
        )),
        10 => node.with_int("num_outputs", [0, 1, 2, -1][numbers.below(4)]),
        11 => node.with(ints(
            "axes",
            [&[0][..], &[-1, 0], &[9], &[], &[1, 1]][numbers.below(5)],
        )),
        12 => node.with_text("direction", "LEFT"),
        13 => node.with_int("group", [0, 1, 2, 3, -1][numbers.below(5)]),
        _ => node
            .with_int("num_groups", [0, 1, 2, 3][numbers.below(4)])
            .with(ints(
                "strides",
                [&[1, 1][..], &[0, 0], &[2], &[3, 1]][numbers.below(4)],
            )),
    }
}

#[test]
fn no_operator_panics() {
    let pool = pool();
    let mut numbers = Numbers(1);
    let (mut computed, mut panicked) = (0, Vec::new());
    for (op_type, _) in candle_graph::operators() {
        for _ in 0..TURNS {
            let count = numbers.below(6);
            let picked: Vec<_> = (0..count)
                .map(|_| &pool[numbers.below(pool.len())])
                .collect();
            let names: Vec<&str> = picked.iter().map(|(name, _, _)| *name).collect();
            let node = attributed(NodeProto::new(op_type, &names, &["y"]), &mut numbers);
            let mut maker = graph().node(node.clone());
            let mut tensors = Vec::new();
            for (name, dtype, tensor) in &picked {
                if tensors.iter().all(|(known, _)| known != name) {
                    maker = maker.edit(|graph| {
                        graph.input.push(crate::make::unshaped(name, *dtype));
                    });
                    tensors.push((*name, tensor));
                }
            }
            let maker = maker.output("y", Dtype::F32, "");
            match catch_unwind(AssertUnwindSafe(|| try_once(maker, &tensors))) {
                Ok(ran) => computed += usize::from(ran),
                Err(_) => panicked.push(format!("{op_type}({names:?}) {:?}", node.attribute)),
            }
        }
    }
    assert!(
        panicked.is_empty(),
        "{} panic:\n{}",
        panicked.len(),
        panicked.join("\n")
    );
    assert!(computed > 1_000, "{computed} graphs computed something");
}

/// Whether a graph computes, if only something of another type than it says.
fn try_once(maker: Maker, tensors: &[(&str, &Tensor)]) -> bool {
    let Ok(graph) = maker.try_load() else {
        return false;
    };
    match graph.run(&given(tensors)) {
        Ok(_) => true,
        Err(error) => {
            assert_eq!(error.kind(), Kind::Run, "{error}");
            error.place().starts_with("output")
        }
    }
}
