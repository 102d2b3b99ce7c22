//! What comparing showed, output by output, and the verdict that follows from it.

use std::collections::BTreeMap;

use evidence::{Bound, Difference, Metrics};

use crate::{
    array::position,
    bounds,
    canvas::Canvas,
    reference::{CHUNK, Output, Truth},
    verdict::Verdict,
};

/// Everything compared so far.
#[derive(Debug, Default)]
pub struct Findings {
    pub(crate) outputs: BTreeMap<String, Metrics>,
    pub(crate) nonfinite: Vec<String>,
    pub(crate) complaints: Vec<String>,
}

/// One element of a comparison.
#[derive(Clone, Copy, Debug)]
struct Pair {
    index: usize,
    got: f64,
    expected: f64,
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

impl Findings {
    /// Compares an output with what PyTorch gave.
    pub fn against_truth(&mut self, output: &Output, got: &Canvas, truth: &Truth) {
        if got.shape() != truth.shape {
            let complaint = format!(
                "`{}` has shape {:?}, PyTorch gives {:?}",
                output.name,
                got.shape(),
                truth.shape
            );
            self.complaints.push(complaint);
            return;
        }
        let values = got.values();
        let pairs: Vec<Pair> = truth
            .elements
            .iter()
            .filter_map(|&(index, expected)| {
                Some(Pair {
                    index,
                    got: values[index]?,
                    expected,
                })
            })
            .collect();
        let bound = bounds::forward(output, truth);
        let wrong = wrong_sum(values, truth, &bound);
        if let Some((chunk, found, expected)) = wrong {
            self.complaints.push(format!(
                "`{}`: elements {}.. sum to {found:.9}, PyTorch's to {expected:.9}",
                output.name,
                chunk * CHUNK
            ));
        }
        self.note(&output.name, got.shape(), &pairs, bound);
    }

    /// Compares two runs of one backend where both have a value.
    pub fn between_runs(
        &mut self,
        output: &Output,
        truth: &Truth,
        got: &Canvas,
        expected: &Canvas,
    ) {
        if got.shape() != expected.shape() {
            let (got, expected) = (got.shape(), expected.shape());
            let name = &output.name;
            self.complaints.push(format!(
                "`{name}` has shape {got:?} in one run, {expected:?} in the other"
            ));
            return;
        }
        let bound = bounds::two_runs(output, truth, got.rms().max(expected.rms()));
        self.note(&output.name, got.shape(), &common(got, expected), bound);
    }

    /// Compares two runs that must *not* agree: the margin is the bound as a share of the effect.
    pub fn differ(
        &mut self,
        output: &Output,
        truth: &Truth,
        got: &Canvas,
        expected: &Canvas,
        what: &str,
    ) {
        let pairs = common(got, expected);
        let mut bound = bounds::two_runs(output, truth, got.rms().max(expected.rms()));
        bound.rule = format!("max|Δ| > {}", bound.rule);
        let Some(mut metrics) = self.measure(&output.name, got.shape(), &pairs, bound) else {
            return;
        };
        metrics.first_difference = None;
        metrics.margin = share(metrics.bound.max_abs, metrics.max_abs);
        if metrics.margin >= 1.0 {
            self.complaints.push(format!(
                "{what} leaves `{}` as it was: max|Δ| {:.3e} is within the noise of {:.3e}",
                output.name, metrics.max_abs, metrics.bound.max_abs
            ));
        }
        self.merge(&output.name, metrics);
    }

    /// Adds something that is wrong besides numbers.
    pub fn complain(&mut self, complaint: String) {
        self.complaints.push(complaint);
    }

    /// What follows.
    pub fn verdict(self) -> Verdict {
        Verdict::from_findings(self)
    }

    fn note(&mut self, name: &str, shape: &[usize], pairs: &[Pair], bound: Bound) {
        if let Some(metrics) = self.measure(name, shape, pairs, bound) {
            self.merge(name, metrics);
        }
    }

    /// The worse of two comparisons of one output stands for both.
    fn merge(&mut self, name: &str, metrics: Metrics) {
        let Some(known) = self.outputs.get_mut(name) else {
            self.outputs.insert(name.to_owned(), metrics);
            return;
        };
        let compared = known.compared + metrics.compared;
        if metrics.margin > known.margin {
            *known = metrics;
        }
        known.compared = compared;
    }

    fn measure(
        &mut self,
        name: &str,
        shape: &[usize],
        pairs: &[Pair],
        bound: Bound,
    ) -> Option<Metrics> {
        if pairs.is_empty() {
            return None;
        }
        if let Some(pair) = pairs
            .iter()
            .find(|pair| !pair.got.is_finite() && pair.expected.is_finite())
        {
            let at = position(shape, pair.index);
            self.nonfinite.push(format!(
                "`{name}` is {} at {at:?}, where {} is due",
                pair.got, pair.expected
            ));
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
}

fn common(got: &Canvas, expected: &Canvas) -> Vec<Pair> {
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

/// The first chunk, all of whose elements are there, with another sum than PyTorch's.
fn wrong_sum(values: &[Option<f64>], truth: &Truth, bound: &Bound) -> Option<(usize, f64, f64)> {
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

fn share(part: f64, whole: f64) -> f64 {
    if part == 0.0 {
        0.0
    } else {
        finite(part / whole)
    }
}

#[cfg(test)]
mod tests {
    use evidence::Outcome;

    use super::*;
    use crate::array::{Array, Data};

    const INFINITE: f64 = f64::INFINITY;

    fn output() -> Output {
        let text = r#"{"name": "x", "axes": ["row", 2], "shape": [2, 2], "rms": 1.0,
                       "float32": {"rmse": 1e-7, "max_abs": 1e-6}}"#;
        serde_json::from_str(text).expect("an output")
    }

    fn canvas(values: [f64; 4]) -> Canvas {
        let axes = vec!["row".to_owned(), "2".to_owned()];
        Canvas::full(&Array::new(axes, vec![2, 2], Data::F64(values.to_vec())).expect("four"))
    }

    fn truth(values: [f64; 4]) -> Truth {
        let output = output();
        let elements = values.into_iter().enumerate().collect();
        Truth {
            axes: output.axes,
            shape: output.shape,
            elements,
            sums: Vec::new(),
        }
    }

    fn judged(got: [f64; 4], due: [f64; 4]) -> (Outcome, Metrics) {
        let mut findings = Findings::default();
        findings.against_truth(&output(), &canvas(got), &truth(due));
        let metrics = findings.outputs["x"].clone();
        (findings.verdict().outcome(), metrics)
    }

    #[test]
    fn nothing_compared_is_no_pass() {
        assert_eq!(Findings::default().verdict().outcome(), Outcome::NotRun);
        let mut findings = Findings::default();
        let empty = Canvas::new(&output().axes, &[2, 2]);
        findings.against_truth(&output(), &empty, &truth([1.0; 4]));
        assert_eq!(findings.verdict().outcome(), Outcome::NotRun);
    }

    #[test]
    fn infinities_are_compared_like_numbers() {
        let due = [1.0, -INFINITE, f64::NAN, 1.0];
        assert_eq!(judged(due, due).0, Outcome::Pass);
        assert_eq!(
            judged([1.0, INFINITE, f64::NAN, 1.0], due).0,
            Outcome::Mismatch
        );
        assert_eq!(judged([1.0, 0.0, f64::NAN, 1.0], due).0, Outcome::Mismatch);
        assert_eq!(
            judged([INFINITE, -INFINITE, f64::NAN, 1.0], due).0,
            Outcome::Nonfinite
        );
    }

    #[test]
    fn the_bound_is_the_documented_one() {
        let (_, metrics) = judged([1.0; 4], [1.0, -3.0, 1.0, 1.0]);
        let floor = f64::from(f32::EPSILON);
        assert!(
            (metrics.bound.rmse - (4e-7 + floor)).abs() < 1e-12,
            "{metrics:?}"
        );
        assert!(
            (metrics.bound.max_abs - (4e-6 + 12.0 * floor)).abs() < 1e-12,
            "{metrics:?}"
        );
        assert_eq!(metrics.argmax_agreement, 1.0);
        assert_eq!(
            judged([1.0, 2.0, 2.0, 1.0], [2.0, 1.0, 2.0, 1.0])
                .1
                .argmax_agreement,
            0.5
        );
    }

    #[test]
    fn either_half_of_the_bound_can_be_broken_alone() {
        let (outcome, metrics) = judged([1.0 + 9e-6, 1.0, 1.0, 1.0], [1.0; 4]);
        assert_eq!(outcome, Outcome::Mismatch);
        assert_eq!(
            metrics.first_difference.map(|first| first.position),
            Some(vec![0, 0])
        );
        let (outcome, metrics) = judged([1.0 + 2e-6; 4], [1.0; 4]);
        assert_eq!(outcome, Outcome::Mismatch);
        assert!(metrics.max_abs < metrics.bound.max_abs && metrics.rmse > metrics.bound.rmse);
    }

    #[test]
    fn the_worse_of_two_comparisons_stands_for_both() {
        let mut findings = Findings::default();
        for got in [[1.0; 4], [2.0; 4], [1.0; 4]] {
            findings.between_runs(&output(), &truth([1.0; 4]), &canvas(got), &canvas([1.0; 4]));
        }
        let metrics = &findings.outputs["x"];
        assert_eq!((metrics.compared, metrics.max_abs), (12, 1.0));
    }
}
