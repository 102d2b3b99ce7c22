//! What a check found, in numbers and in facts, and the verdict that follows from it.

mod facts;
mod numbers;
#[cfg(test)]
mod tests;

use std::collections::BTreeMap;

use evidence::{Bound, Metrics};

use crate::{
    backend::Precision,
    bounds,
    canvas::{Canvas, Canvases},
    reference::{CHUNK, Loss, Output, Truth},
    verdict::Verdict,
};

use numbers::{Pair, common, measure, nonfinite, share, wrong_sum};

/// Everything found so far.
#[derive(Debug, Default)]
pub struct Findings {
    pub(crate) outputs: BTreeMap<String, Metrics>,
    /// Facts that hold, besides numbers.
    pub(crate) asserted: usize,
    /// Numbers that are not finite and should be.
    pub(crate) nonfinite: Vec<String>,
    /// Everything else that is wrong.
    pub(crate) complaints: Vec<String>,
    /// Panics where an error was due.
    pub(crate) panics: Vec<String>,
}

/// One output of two runs.
pub(crate) struct Two<'a> {
    pub(crate) output: &'a Output,
    pub(crate) truth: &'a Truth,
    pub(crate) got: Canvas,
    pub(crate) expected: Canvas,
}

impl<'a> Two<'a> {
    /// All outputs that both runs have.
    pub(crate) fn pair(
        outputs: &'a [(Output, Truth)],
        got: &Canvases,
        expected: &Canvases,
    ) -> Vec<Self> {
        let both = |(output, truth): &'a (Output, Truth)| {
            Some(Self {
                output,
                truth,
                got: got.get(&output.name)?.clone(),
                expected: expected.get(&output.name)?.clone(),
            })
        };
        outputs.iter().filter_map(both).collect()
    }

    /// Leaves one place of an axis.
    pub(crate) fn narrow(&mut self, axis: &str, place: usize) {
        self.got = self.got.clone().at(axis, place);
        self.expected = self.expected.clone().at(axis, place);
    }
}

impl Findings {
    /// Compares an output with what PyTorch gave.
    pub fn against_truth(&mut self, output: &Output, got: &Canvas, truth: &Truth) {
        let bound = bounds::forward(output, truth);
        self.against(&output.name, bound, got, truth);
    }

    /// Compares an output of a less precise run with what PyTorch gave in float64; `loss` is what
    /// PyTorch itself loses at that precision.
    pub fn against_truth_at(
        &mut self,
        precision: Precision,
        loss: Loss,
        output: &Output,
        got: &Canvas,
        truth: &Truth,
    ) {
        let bound = bounds::forward_at(precision, loss, output, truth);
        let name = format!("{} ({})", output.name, precision.name());
        self.against(&name, bound, got, truth);
    }

    fn against(&mut self, name: &str, bound: Bound, got: &Canvas, truth: &Truth) {
        if got.shape() != truth.shape {
            self.complaints.push(format!(
                "`{name}` has shape {:?}, PyTorch gives {:?}",
                got.shape(),
                truth.shape
            ));
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
        if let Some((chunk, found, expected)) = wrong_sum(values, truth, &bound) {
            self.complaints.push(format!(
                "`{name}`: elements {}.. sum to {found:.9}, PyTorch's to {expected:.9}",
                chunk * CHUNK
            ));
        }
        self.note(name, got.shape(), &pairs, bound);
    }

    /// Compares two runs of one backend where both have a value.
    pub fn between_runs(
        &mut self,
        output: &Output,
        truth: &Truth,
        got: &Canvas,
        expected: &Canvas,
    ) {
        let bound = bounds::two_runs(output, truth, got.rms().max(expected.rms()));
        if let Some(pairs) = self.pairs(&output.name, got, expected) {
            self.note(&output.name, got.shape(), &pairs, bound);
        }
    }

    /// Compares two runs that must agree to the last bit.
    pub fn identical(&mut self, output: &Output, got: &Canvas, expected: &Canvas, when: &str) {
        let Some(pairs) = self.pairs(&output.name, got, expected) else {
            return;
        };
        let bits = |pair: &&Pair| pair.got.to_bits() != pair.expected.to_bits();
        if let Some(pair) = pairs.iter().find(bits) {
            let at = crate::array::position(got.shape(), pair.index);
            self.complaints.push(format!(
                "{when}, `{}` is {:?} at {at:?}, not {:?}",
                output.name, pair.got, pair.expected
            ));
        }
        self.note(&output.name, got.shape(), &pairs, bounds::identical());
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
        let Some(metrics) = self.effect(output, truth, got, expected) else {
            return;
        };
        if metrics.margin >= 1.0 {
            self.complaints.push(format!(
                "{what} leaves `{}` as it was: max|Δ| {:.3e} is within the noise of {:.3e}",
                output.name, metrics.max_abs, metrics.bound.max_abs
            ));
        }
        self.merge(&output.name, metrics);
    }

    /// Compares outputs of two runs of which at least one must differ; the one that does most stands
    /// for all.
    pub(crate) fn some_differ(&mut self, twos: &[Two<'_>], what: &str) {
        let mut best: Option<(&str, Metrics)> = None;
        for two in twos {
            let metrics = self.effect(two.output, two.truth, &two.got, &two.expected);
            let Some(metrics) = metrics else { continue };
            if best
                .as_ref()
                .is_none_or(|(_, best)| metrics.margin < best.margin)
            {
                best = Some((&two.output.name, metrics));
            }
        }
        let Some((name, metrics)) = best else { return };
        if metrics.margin >= 1.0 {
            self.complaints.push(format!(
                "{what} leaves every output as it was: the largest max|Δ|, {:.3e} in `{name}`, is within the noise of {:.3e}",
                metrics.max_abs, metrics.bound.max_abs
            ));
        }
        self.merge(name, metrics);
    }

    /// Adds something that is wrong besides numbers.
    pub fn complain(&mut self, complaint: String) {
        self.complaints.push(complaint);
    }

    /// What follows.
    pub fn verdict(self) -> Verdict {
        Verdict::from_findings(self)
    }

    /// How far two runs are apart that must not agree.
    fn effect(
        &mut self,
        output: &Output,
        truth: &Truth,
        got: &Canvas,
        expected: &Canvas,
    ) -> Option<Metrics> {
        let pairs = self.pairs(&output.name, got, expected)?;
        let mut bound = bounds::two_runs(output, truth, got.rms().max(expected.rms()));
        bound.rule = format!("max|Δ| > {}", bound.rule);
        self.nonfinite
            .extend(nonfinite(&output.name, got.shape(), &pairs));
        let mut metrics = measure(got.shape(), &pairs, bound)?;
        metrics.first_difference = None;
        metrics.margin = if metrics.max_abs == 0.0 {
            f64::MAX
        } else {
            share(metrics.bound.max_abs, metrics.max_abs)
        };
        Some(metrics)
    }

    /// The elements that two runs have in common; shapes that differ are a complaint.
    fn pairs(&mut self, name: &str, got: &Canvas, expected: &Canvas) -> Option<Vec<Pair>> {
        if got.shape() == expected.shape() {
            return Some(common(got, expected));
        }
        let (got, expected) = (got.shape(), expected.shape());
        self.complaints.push(format!(
            "`{name}` has shape {got:?} in one run, {expected:?} in the other"
        ));
        None
    }

    fn note(&mut self, name: &str, shape: &[usize], pairs: &[Pair], bound: Bound) {
        self.nonfinite.extend(nonfinite(name, shape, pairs));
        if let Some(metrics) = measure(shape, pairs, bound) {
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
}
