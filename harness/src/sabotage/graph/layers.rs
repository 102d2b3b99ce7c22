//! The last layer of a stack, skipped.
//!
//! A stack is a run of weights whose names differ in one number; a layer's output is the first value
//! that everything of the layer goes through on its way out. A layer can be skipped where its input
//! reaches its output by additions and norms alone, since both then have one shape.

use std::collections::{BTreeMap, BTreeSet};

use onnx_model::proto::NodeProto;

use super::Planted;
use crate::sabotage::{
    patch::Patch,
    scene::{Scene, output},
};

/// What lies on the way past a layer's branches.
const PAST: [&str; 7] = [
    "Add",
    "Cast",
    "Dropout",
    "Identity",
    "LayerNormalization",
    "Relu",
    "Reshape",
];

pub(super) fn places(scene: &Scene<'_>) -> Vec<Planted> {
    let exits = Exits::of(scene);
    let mut planted: Vec<Planted> = Vec::new();
    for layers in stacks(scene).into_values() {
        let mut last_first = layers.into_values().rev();
        let (Some(last), Some(before)) = (last_first.next(), last_first.next()) else {
            continue;
        };
        let (Some(to), Some(from)) = (exits.common(&last), exits.common(&before)) else {
            continue;
        };
        let Some((to, from)) = exits.ends(scene, to, from) else {
            continue;
        };
        if planted.iter().any(|known| known.site == to) {
            continue;
        }
        let mut patch = Patch::default();
        patch.supplant(to);
        patch.give(NodeProto::new("Identity", &[from], &[]), to);
        planted.push(Planted::at(to, patch));
    }
    planted.sort_by_key(|planted| {
        scene
            .links
            .producer(&planted.site)
            .map(|(number, _)| number)
    });
    planted
}

/// The nodes that read each layer's weights, by stack and number.
fn stacks(scene: &Scene<'_>) -> BTreeMap<String, BTreeMap<usize, BTreeSet<usize>>> {
    let mut stacks: BTreeMap<String, BTreeMap<usize, BTreeSet<usize>>> = BTreeMap::new();
    let live: BTreeSet<usize> = scene.nodes.iter().map(|&(number, _)| number).collect();
    for tensor in &scene.model.graph().initializer {
        let name = tensor.name();
        let readers: Vec<usize> = scene
            .links
            .consumers(name)
            .map(|(number, _)| number)
            .filter(|number| live.contains(number))
            .collect();
        let parts: Vec<&str> = name.split('.').collect();
        for (at, part) in parts.iter().enumerate() {
            let Ok(number) = part.parse() else { continue };
            let stack = stacks.entry(parts[..at].join(".")).or_default();
            stack.entry(number).or_default().extend(&readers);
        }
    }
    stacks
}

/// Whether one value reaches another past all branches.
fn leads(scene: &Scene<'_>, from: &str, to: &str) -> bool {
    let mut todo = vec![to];
    let mut seen = BTreeSet::new();
    while let Some(value) = todo.pop() {
        if value == from {
            return true;
        }
        let Some((number, node)) = scene.links.producer(value) else {
            continue;
        };
        if seen.insert(number) && PAST.iter().any(|op_type| node.is(op_type)) {
            todo.extend(node.input.iter().map(String::as_str));
        }
    }
    false
}

/// For each node the next one that everything from it goes through: its immediate post-dominator.
struct Exits {
    next: BTreeMap<usize, Option<usize>>,
}

impl Exits {
    fn of(scene: &Scene<'_>) -> Self {
        let mut exits = Self {
            next: BTreeMap::new(),
        };
        for &(number, node) in scene.nodes.iter().rev() {
            let is_output = node
                .output
                .iter()
                .any(|name| scene.outputs.contains(&name.as_str()));
            let names = node.output.iter().filter(|name| !name.is_empty());
            let readers: BTreeSet<usize> = names
                .flat_map(|name| scene.links.consumers(name))
                .map(|(reader, _)| reader)
                .filter(|reader| exits.next.contains_key(reader))
                .collect();
            let next = if is_output {
                None
            } else {
                exits.common(&readers)
            };
            exits.next.insert(number, next);
        }
        exits
    }

    /// The outputs of two layers, from what their branches go through: that itself, or, where branches
    /// are added to each other before they are added to what goes past them, the next.
    fn ends<'s>(&self, scene: &'s Scene<'_>, to: usize, from: usize) -> Option<(&'s str, &'s str)> {
        let next = |number| self.next.get(&number).copied().flatten();
        let further = next(to).zip(next(from));
        let ends = [Some((to, from)), further].into_iter().flatten();
        ends.map(|(to, from)| {
            let value = |number: usize| output(&scene.model.graph().node[number]);
            (value(to), value(from))
        })
        .find(|(to, from)| to != from && leads(scene, from, to))
    }

    /// The first node that everything from all of these goes through; each counts for itself.
    fn common(&self, nodes: &BTreeSet<usize>) -> Option<usize> {
        let mut rest = nodes.iter().copied();
        let mut common = rest.next()?;
        for other in rest {
            let mut other = other;
            // Nodes are in order, so that what is further on has the larger number.
            while common != other {
                let behind = common.min(other);
                let next = self.next.get(&behind).copied().flatten()?;
                (common, other) = (common.max(other), next);
            }
        }
        Some(common)
    }
}
