//! Masks that hide nothing, or hide the wrong half.
//!
//! A mask is a boolean that decides between a number and a very negative one, or between a value and
//! nothing. Where several masks are joined by And, each is tried alone as well.

use super::Planted;
use crate::sabotage::{
    patch::Patch,
    scene::{Scene, output, two},
};

/// What is below this before a softmax is not seen after it.
const VERY_NEGATIVE: f64 = -50.0;

/// One mask: a boolean, who reads it, and whether true means hidden.
struct Mask {
    value: String,
    reader: usize,
    input: usize,
    hides: bool,
}

/// Everything is seen.
pub(super) fn dropped(scene: &Scene<'_>) -> Vec<Planted> {
    planted(scene, |patch, mask| {
        let not = patch.apply("Not", &[&mask.value]);
        let op_type = if mask.hides { "And" } else { "Or" };
        patch.apply(op_type, &[&mask.value, &not])
    })
}

/// What was hidden is seen, and what was seen is hidden.
pub(super) fn inverted(scene: &Scene<'_>) -> Vec<Planted> {
    planted(scene, |patch, mask| patch.apply("Not", &[&mask.value]))
}

fn planted(scene: &Scene<'_>, fault: impl Fn(&mut Patch, &Mask) -> String) -> Vec<Planted> {
    let masks = masks(scene).into_iter();
    masks
        .map(|mask| {
            let mut patch = Patch::default();
            let wrong = fault(&mut patch, &mask);
            patch.rewire(mask.reader, mask.input, &wrong);
            Planted::at(&mask.value, patch)
        })
        .collect()
}

/// Whole masks first, then their parts.
fn masks(scene: &Scene<'_>) -> Vec<Mask> {
    let whole = scene.all("Where").filter_map(|(reader, node)| {
        let [condition, if_true, if_false] = node.input.as_slice() else {
            return None;
        };
        let numbers = [if_true, if_false].map(|value| scene.number(value));
        let is_low = |number: Option<f64>| number.is_some_and(|number| number < VERY_NEGATIVE);
        let is_zero = |at: usize| numbers[at] == Some(0.0) && numbers[1 - at].is_none();
        let is_of_inputs = !scene.is_free_of_inputs(condition);
        let hides = if is_low(numbers[0]) || (is_zero(0) && is_of_inputs) {
            true
        } else if is_low(numbers[1]) || (is_zero(1) && is_of_inputs) {
            false
        } else {
            return None;
        };
        Some(Mask {
            value: condition.clone(),
            reader,
            input: 0,
            hides,
        })
    });
    let mut masks: Vec<Mask> = whole.collect();
    let mut parts = Vec::new();
    for mask in masks.iter().filter(|mask| !mask.hides) {
        let mut todo = vec![scene.origin(&mask.value)];
        while let Some(value) = todo.pop() {
            let Some((reader, and)) = scene.made_by(value, "And") else {
                continue;
            };
            for (input, value) in and.input.iter().enumerate() {
                let origin = scene.origin(value);
                if decides(scene, origin) {
                    parts.push(Mask {
                        value: value.clone(),
                        reader,
                        input,
                        hides: false,
                    });
                }
                todo.push(origin);
            }
        }
    }
    parts.sort_by_key(|part| part.reader);
    masks.extend(parts);
    masks
}

/// Whether a part of a mask can be false: one of an input, or a comparison of two positions. A
/// position compared with a constant is how exporters write that all is seen.
fn decides(scene: &Scene<'_>, value: &str) -> bool {
    let Some((_, node)) = scene.links.producer(value) else {
        return !scene.is_free_of_inputs(value);
    };
    if node.is("And") {
        return false;
    }
    let is_comparison = ["Equal", "Greater", "GreaterOrEqual", "Less", "LessOrEqual"]
        .iter()
        .any(|op_type| node.is(op_type));
    let compares = || two(node).is_some_and(|two| two.iter().all(|v| scene.number(v).is_none()));
    !output(node).is_empty()
        && ((is_comparison && compares()) || (!is_comparison && !scene.is_free_of_inputs(value)))
}
