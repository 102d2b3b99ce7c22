//! The arithmetic of one comparison: which elements, how far apart, and where first.

use evidence::{Bound, Difference, Metrics};

use crate::{
    array::position,
    bounds,
    canvas::Canvas,
    reference::{CHUNK, Truth},
};

/// One element of a comparison.
#[derive(Clone, Copy, Debug)]
pub(super) struct Pair {
    pub(super) index: usize,
    pub(super) got: f64,
    pub(super) expected: f64,
}

impl Pair {
    /// Equal infinities do not differ; a NaN differs from everything but a NaN that PyTorch gave too.
    fn delta(self) -> f64 {
        let is_same = self.got == self.expected || (self.got.is_nan() && self.expected.is_nan());
        let delta = (self.got - self.expected).abs();
        if is_same {
            0.0
        } else if delta.is_finite() {
            delta
        } else {
            f64::MAX
        }
    }
}

/// The elements that both have.
pub(super) fn common(got: &Canvas, expected: &Canvas) -> Vec<Pair> {
    let both = got.values().iter().zip(expected.values()).enumerate();
    both.filter_map(|(index, (&got, &expected))| {
        Some(Pair {
            index,
            got: got?,
            expected: expected?,
        })
    })
    .collect()
}

/// How far apart the elements are; `None` where there are none.
pub(super) fn measure(shape: &[usize], pairs: &[Pair], bound: Bound) -> Option<Metrics> {
    if pairs.is_empty() {
        return None;
    }
    let deltas: Vec<f64> = pairs.iter().map(|pair| pair.delta()).collect();
    let max_abs = deltas.iter().copied().fold(0.0, f64::max);
    let expected: Vec<f64> = pairs
        .iter()
        .map(|pair| pair.expected)
        .filter(|value| value.is_finite())
        .collect();
    let rmse = finite(norm(&deltas) / (deltas.len() as f64).sqrt());
    let first = pairs
        .iter()
        .zip(&deltas)
        .find(|&(_, &delta)| delta > bound.max_abs)
        .or_else(|| {
            (rmse > bound.rmse).then(|| {
                pairs
                    .iter()
                    .zip(&deltas)
                    .find(|&(_, &delta)| delta == max_abs)
            })?
        });
    Some(Metrics {
        compared: pairs.len(),
        max_abs,
        rmse,
        relative_l2: finite(share(norm(&deltas), norm(&expected))),
        argmax_agreement: argmax_agreement(shape, pairs),
        margin: share(rmse, bound.rmse).max(share(max_abs, bound.max_abs)),
        first_difference: first.map(|(pair, _)| Difference {
            position: position(shape, pair.index),
            got: Some(pair.got).filter(|got| got.is_finite()),
            expected: finite(pair.expected),
        }),
        bound,
    })
}

/// The first number that is not finite where one is due, in words.
pub(super) fn nonfinite(name: &str, shape: &[usize], pairs: &[Pair]) -> Option<String> {
    let pair = pairs
        .iter()
        .find(|pair| !pair.got.is_finite() && pair.expected.is_finite())?;
    let at = position(shape, pair.index);
    Some(format!(
        "`{name}` is {} at {at:?}, where {} is due",
        pair.got, pair.expected
    ))
}

/// The first chunk, all of whose elements are there, with another sum than PyTorch's.
pub(super) fn wrong_sum(
    values: &[Option<f64>],
    truth: &Truth,
    bound: &Bound,
) -> Option<(usize, f64, f64)> {
    let sums = values.chunks(CHUNK).zip(&truth.sums).enumerate();
    sums.filter_map(|(chunk, (elements, &expected))| {
        let sum: f64 = elements.iter().copied().sum::<Option<f64>>()?;
        let is_wrong = (sum - expected).abs() > bounds::sum(bound, elements.len()) || sum.is_nan();
        is_wrong.then_some((chunk, sum, expected))
    })
    .next()
}

/// The share of rows (last axis) whose largest compared element is at the same place.
fn argmax_agreement(shape: &[usize], pairs: &[Pair]) -> f64 {
    let width = shape.last().copied().unwrap_or(1).max(1);
    let rows: Vec<&[Pair]> = pairs
        .chunk_by(|a, b| a.index / width == b.index / width)
        .collect();
    let largest = |row: &[Pair], value: fn(&Pair) -> f64| {
        row.iter()
            .max_by(|a, b| value(a).total_cmp(&value(b)).then(b.index.cmp(&a.index)))
            .map(|pair| pair.index)
    };
    let same = rows
        .iter()
        .filter(|row| largest(row, |pair| pair.got) == largest(row, |pair| pair.expected))
        .count();
    same as f64 / rows.len().max(1) as f64
}

fn norm(values: &[f64]) -> f64 {
    values.iter().map(|value| value * value).sum::<f64>().sqrt()
}

/// Evidence is JSON, which has no infinity; the largest number stands for it.
fn finite(value: f64) -> f64 {
    if value.is_nan() {
        f64::MAX
    } else {
        value.clamp(-f64::MAX, f64::MAX)
    }
}

pub(super) fn share(part: f64, whole: f64) -> f64 {
    if part == 0.0 {
        0.0
    } else {
        finite(part / whole)
    }
}
