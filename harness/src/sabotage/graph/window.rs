//! A sliding window that is one position too wide.

use onnx_model::proto::TensorProto;
use serde_json::Value;

use super::Planted;
use crate::sabotage::{
    patch::Patch,
    scene::{Scene, output},
};

const COMPARISONS: [&str; 5] = ["Equal", "Greater", "GreaterOrEqual", "Less", "LessOrEqual"];

/// Where a position that is compared is moved by as much as the config's window.
pub(super) fn places(scene: &Scene<'_>, config: &Value) -> Vec<Planted> {
    let mut windows = Vec::new();
    collect(config, &mut windows);
    let nodes = scene.nodes.iter();
    nodes
        .filter_map(|&(number, node)| {
            let is_compared = |op_type: &&str| !scene.readers(output(node), op_type).is_empty();
            let moves = (node.is("Sub") || node.is("Add")) && COMPARISONS.iter().any(is_compared);
            if !moves && !COMPARISONS.iter().any(|op_type| node.is(op_type)) {
                return None;
            }
            let is_window = |value: &String| {
                let ints = scene.constant(value).and_then(|tensor| tensor.ints());
                ints.filter(|ints| ints.len() == 1 && windows.contains(&ints[0]))
            };
            let found = node.input.iter().map(is_window);
            let (input, window) = found
                .enumerate()
                .find_map(|(at, one)| Some((at, one?[0])))?;
            let mut patch = Patch::default();
            let wider = patch.tensor(TensorProto::of_ints("", &[], &[window + 1]));
            patch.rewire(number, input, &wider);
            Some(Planted::at(output(node), patch))
        })
        .collect()
}

/// Every whole number above one that the config calls a window.
fn collect(config: &Value, windows: &mut Vec<i64>) {
    match config {
        Value::Object(fields) => {
            for (key, value) in fields {
                match value.as_i64() {
                    Some(window) if key.contains("window") && window > 1 => windows.push(window),
                    _ => collect(value, windows),
                }
            }
        }
        Value::Array(items) => items.iter().for_each(|item| collect(item, windows)),
        _ => {}
    }
}
