//! Rotary positions: pairs taken the other way, other frequencies, a query a step ahead of its keys.

use std::collections::BTreeMap;

use onnx_model::proto::{NodeProto, TensorProto};

use super::Planted;
use crate::sabotage::{
    patch::Patch,
    scene::{Scene, other, output, two},
};

/// One rotation: x · cos + (-x₂, x₁) · sin.
struct Rotation<'m> {
    /// What is rotated.
    x: &'m str,
    /// x · cos, and where in it x is.
    by_cos: (usize, &'m NodeProto),
    /// (-x₂, x₁) · sin.
    by_sin: (usize, &'m NodeProto),
    /// The two slices of x.
    slices: [(usize, &'m NodeProto); 2],
    /// The sum.
    sum: &'m str,
    /// How many of x's numbers are rotated, in pairs.
    width: i64,
}

/// Halves paired by distance become neighbours, everywhere at once: what happens when a checkpoint of
/// one convention meets an implementation of the other.
pub(super) fn pairing(scene: &Scene<'_>) -> Vec<Planted> {
    let rotations = rotations(scene);
    let Some(first) = rotations.first() else {
        return Vec::new();
    };
    let mut patch = Patch::default();
    for rotation in &rotations {
        let half = rotation.width / 2;
        // Where each number comes from so that neighbours are half a width apart, and back.
        let apart: Vec<i64> = (0..half).flat_map(|pair| [pair, pair + half]).collect();
        let together: Vec<i64> = (0..half)
            .map(|pair| 2 * pair)
            .chain((0..half).map(|pair| 2 * pair + 1))
            .collect();
        let paired = permuted(&mut patch, rotation.x, &together);
        for (number, node) in [rotation.by_cos, rotation.slices[0], rotation.slices[1]] {
            let at = node.input.iter().position(|input| input == rotation.x);
            patch.rewire(number, at.unwrap_or(0), &paired);
        }
        let sum = patch.supplant(rotation.sum);
        let order = patch.ints(&apart);
        let back = NodeProto::new("Gather", &[&sum, &order], &[]).with_int("axis", -1);
        patch.give(back, rotation.sum);
    }
    vec![Planted::at(first.sum, patch)]
}

fn permuted(patch: &mut Patch, value: &str, order: &[i64]) -> String {
    let order = patch.ints(order);
    patch.add(NodeProto::new("Gather", &[value, &order], &[]).with_int("axis", -1))
}

/// The frequencies that positions are multiplied by, each raised a little.
pub(super) fn theta(scene: &Scene<'_>) -> Vec<Planted> {
    let waves = ["Cos", "Sin"].map(|op_type| {
        let outputs = scene.all(op_type).map(|(_, node)| output(node));
        scene.links.upstream(&outputs.collect::<Vec<_>>())
    });
    let mut planted: Vec<Planted> = Vec::new();
    for &(_, node) in &scene.nodes {
        let is_product = node.is("Mul") || node.is("MatMul");
        if !is_product || !waves.iter().all(|upstream| upstream.contains(output(node))) {
            continue;
        }
        for value in &node.input {
            let origin = scene.origin(value);
            let Some((tensor, frequencies)) = frequencies(scene, origin) else {
                continue;
            };
            if planted.iter().any(|known| known.site == origin) {
                continue;
            }
            let raised = frequencies.iter().map(|number| number.powf(1.1) as f32);
            let raised = TensorProto::of_floats("", &tensor.dims, &raised.collect::<Vec<_>>());
            let mut patch = Patch::default();
            let raised = patch.tensor(raised);
            for reader in scene.links.uses(origin) {
                if let Some(input) = reader.input {
                    patch.rewire(reader.node, input, &raised);
                }
            }
            planted.push(Planted::at(origin, patch));
        }
    }
    planted
}

/// Several positive numbers, not all of them one, which no power would change.
fn frequencies(scene: &Scene<'_>, value: &str) -> Option<(TensorProto, Vec<f64>)> {
    let tensor = scene.links.constant(value)?;
    let numbers = tensor.floats()?;
    let are_frequencies = numbers.len() > 1
        && numbers.iter().all(|&number| number > 0.0)
        && numbers.iter().any(|&number| number != 1.0);
    are_frequencies.then_some((tensor, numbers))
}

/// Queries rotated one position further than their keys, one layer at a time.
pub(super) fn steps_ahead(scene: &Scene<'_>) -> Vec<Planted> {
    let rotations = rotations(scene);
    let queries = rotations
        .iter()
        .filter(|rotation| is_query(scene, rotation));
    queries
        .filter_map(|rotation| {
            let mut patch = Patch::default();
            for (number, node) in [rotation.by_cos, rotation.by_sin] {
                let at = node
                    .input
                    .iter()
                    .position(|input| angle(scene, input).is_some())?;
                let ahead = one_step_ahead(scene, &mut patch, &node.input[at])?;
                patch.rewire(number, at, &ahead);
            }
            Some(Planted::at(rotation.sum, patch))
        })
        .collect()
}

/// A query is the first factor of the scores; a key the second, transposed.
fn is_query(scene: &Scene<'_>, rotation: &Rotation<'_>) -> bool {
    let mut value = rotation.sum;
    for _ in 0..4 {
        for (_, node) in scene.links.consumers(value) {
            if node.is("MatMul") {
                return node.input.first().is_some_and(|first| first == value);
            }
        }
        let next = scene.links.consumers(value).find(|(_, node)| {
            node.is("Mul") || node.is("Concat") || node.is("Cast") || node.is("Identity")
        });
        match next {
            Some((_, node)) => value = output(node),
            None => return false,
        }
    }
    false
}

/// The Cos or Sin that a value is, scaled or laid out.
fn angle<'m>(scene: &Scene<'m>, value: &'m str) -> Option<(usize, &'m NodeProto)> {
    let mut value = value;
    for _ in 0..8 {
        value = scene.origin(value);
        let (number, node) = scene.links.producer(value)?;
        if node.is("Cos") || node.is("Sin") {
            return Some((number, node));
        }
        if !node.is("Mul") {
            return None;
        }
        value = two(node)?
            .into_iter()
            .find(|input| scene.number(input).is_none())?;
    }
    None
}

/// The same cosines or sines, at angles of positions that are one larger.
fn one_step_ahead<'m>(scene: &Scene<'m>, patch: &mut Patch, value: &'m str) -> Option<String> {
    let (_, wave) = angle(scene, value)?;
    // The product of positions and frequencies is where one is added to the positions.
    let upstream = scene.links.upstream(&[output(wave)]);
    let products = scene.nodes.iter().rev().copied();
    let mut products = products.filter(|(_, node)| {
        (node.is("Mul") || node.is("MatMul")) && upstream.contains(output(node))
    });
    let (start, product) = products.find(|(_, node)| {
        let inputs = node.input.iter();
        let mut origins = inputs.map(|input| scene.origin(input));
        origins.any(|origin| frequencies(scene, origin).is_some())
    })?;
    let at = (0..2).find(|&at| scene.constant(&product.input[at]).is_none())?;
    let one = patch.tensor(TensorProto::of_floats("", &[], &[1.0]));
    let positions = patch.apply("Add", &[&product.input[at], &one]);

    let downstream = scene.links.downstream(&[output(product)]);
    let upstream = scene.links.upstream(&[value]);
    let mut copies: BTreeMap<&str, String> = BTreeMap::new();
    for &(number, node) in &scene.nodes {
        let name = output(node);
        if !(downstream.contains(name) && upstream.contains(name)) {
            continue;
        }
        let mut copy = node.clone();
        for input in &mut copy.input {
            if let Some(copied) = copies.get(input.as_str()) {
                input.clone_from(copied);
            }
        }
        if number == start {
            copy.input[at].clone_from(&positions);
        }
        copies.insert(name, patch.add(copy));
    }
    copies.remove(value)
}

fn rotations<'m>(scene: &Scene<'m>) -> Vec<Rotation<'m>> {
    let sums = scene.all("Concat");
    sums.filter_map(|(_, joined)| {
        let [negated, first] = two(joined)?;
        let (_, negation) = scene.made_by(negated, "Neg")?;
        let second = scene.made_by(negation.input.first()?, "Slice")?;
        let first = scene.made_by(first, "Slice")?;
        let x = first.1.input.first()?.as_str();
        if second.1.input.first()? != x {
            return None;
        }
        let half = scene.number(first.1.input.get(2)?)?;
        let (by_sin_at, by_sin) = *scene.readers(output(joined), "Mul").first()?;
        let (_, sum) = *scene.readers(output(by_sin), "Add").first()?;
        let by_cos = scene.made_by(other(sum, output(by_sin))?, "Mul")?;
        if !by_cos.1.input.iter().any(|input| input == x) {
            return None;
        }
        Some(Rotation {
            x,
            by_cos,
            by_sin: (by_sin_at, by_sin),
            slices: [first, second],
            sum: output(sum),
            width: 2 * half as i64,
        })
    })
    .collect()
}
