//! Positions that are off by one: in a table of positions, or between a query and its keys.
//!
//! Rotary angles that are *all* off by one change nothing, since only differences of positions count;
//! the fault is one query that is a step ahead of its keys.

use onnx_model::proto::TensorProto;

use super::{Planted, rope};
use crate::sabotage::{
    patch::Patch,
    scene::{Scene, output},
};

pub(super) fn places(scene: &Scene<'_>) -> Vec<Planted> {
    let mut planted = tables(scene);
    planted.extend(rope::steps_ahead(scene));
    planted
}

/// Tables whose rows are chosen by something else than an input as it is, each rolled by one row.
fn tables(scene: &Scene<'_>) -> Vec<Planted> {
    let nodes = scene.nodes.iter();
    nodes
        .filter_map(|&(number, node)| {
            let (input, axis, rows) = match node.op_type() {
                "Gather" | "GatherND" => {
                    let [table, indices] = node.input.as_slice() else {
                        return None;
                    };
                    let is_given = scene.links.producer(scene.origin(indices)).is_none()
                        && scene.links.initializer(scene.origin(indices)).is_none();
                    let weight = scene.weight(table).filter(|_| !is_given)?;
                    let &[rows, _] = weight.dims.as_slice() else {
                        return None;
                    };
                    (0, 0, rows)
                }
                // A row for each patch, added as it is.
                "Add" => {
                    let row = |input: usize| scene.links.initializer(node.input.get(input)?);
                    let input = (0..2).find(|&input| row(input).is_some_and(is_positions))?;
                    (input, 1, *row(input)?.dims.get(1)?)
                }
                _ => return None,
            };
            if rows < 2 {
                return None;
            }
            let order: Vec<i64> = (1..rows).chain([0]).collect();
            let mut patch = Patch::default();
            let order = patch.ints(&order);
            let gather =
                onnx_model::proto::NodeProto::new("Gather", &[&node.input[input], &order], &[]);
            let rolled = patch.add(gather.with_int("axis", axis));
            patch.rewire(number, input, &rolled);
            Some(Planted::at(output(node), patch))
        })
        .collect()
}

fn is_positions(weight: &TensorProto) -> bool {
    weight.is_external()
        && matches!(weight.dims.as_slice(), &[1, rows, width] if rows > 1 && width > 1)
}
