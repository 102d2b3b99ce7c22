//! How far from PyTorch's numbers a backend may be: every constant of the comparison, and why.
//!
//! The bound is derived from what PyTorch itself loses. The recorder computes each output twice, in
//! float64 (the truth) and in float32, and keeps the difference between the two. A backend that
//! computes in float32 in another order loses about as much again, and no more:
//!
//! - in root mean square, [`K`] times PyTorch's own loss, plus [`FLOOR`] of the truth's magnitude;
//! - in any single element, [`K_MAX`] times PyTorch's own largest loss, plus [`FLOOR_MAX`] of the
//!   largest truth;
//! - where the truth is a sample, in every sum of a chunk of m elements, m times the bound on the
//!   root mean square: |Σδ| ≤ m · rms(δ) for any δ, so no chunk that keeps the first bound by
//!   itself is ever refused.
//!
//! A run at a lower precision is held against the same truth, and what PyTorch itself loses at that
//! precision takes the place of its loss in float32: a correct implementation at float16 rounds as
//! often as PyTorch does at float16. The floors are units in the last place of that precision, as they
//! are of a float32 above; [`K`] and [`K_MAX`] stay, since they speak of the order of operations. Of the
//! recorded cases, those that candle runs in both precisions and gets right in float32 need a third of
//! either bound at most.
//!
//! Where two runs of the backend are compared with each other, each may be that far from the truth,
//! so that they may be [`TWO_RUNS`] times as far apart; and if the outputs of those runs are larger
//! than the recorded ones, so is their rounding.
//!
//! The Python harness states the same constants. Change one only with the table of margins that
//! shows why.

use evidence::Bound;

use crate::{
    backend::Precision,
    reference::{Loss, Output, Truth},
};

/// How many times PyTorch's own root mean square loss is allowed. ONNX Runtime at both ends of its
/// optimiser needed at most 2.5 on the recorded references and 2.4 on 34 families before them, candle
/// at most 1.2; the median of both is 1.
pub const K: f64 = 4.0;

/// How many times PyTorch's own largest single difference is allowed. ONNX Runtime needed at most 1.9
/// on the recorded references, candle at most 1.3.
pub const K_MAX: f64 = 4.0;

/// The share of rms(truth) that is allowed even where PyTorch loses nothing: one unit in the last
/// place of a float32, since a result that is exact in one order of summation need not be in another.
pub const FLOOR: f64 = 1.0 / 8_388_608.0;

/// The share of max|truth| that any single element may be off: four units in the last place.
pub const FLOOR_MAX: f64 = 4.0 * FLOOR;

/// Two runs, each within the bound of the truth, are within twice the bound of each other.
pub const TWO_RUNS: f64 = 2.0;

/// The bound between a backend's output and the truth.
pub fn forward(output: &Output, truth: &Truth) -> Bound {
    forward_at(Precision::F32, output.float32, output, truth)
}

/// The bound between a backend's output at some precision and the truth; `loss` is PyTorch's own at
/// that precision.
pub fn forward_at(precision: Precision, loss: Loss, output: &Output, truth: &Truth) -> Bound {
    let floor = unit(precision);
    let ulp = floor.log2();
    Bound {
        rmse: K * loss.rmse + floor * output.rms,
        max_abs: K_MAX * loss.max_abs + FLOOR_MAX / FLOOR * floor * truth.largest(),
        rule: format!(
            "rmse ≤ {K}·rmse(torch {0}) + 2^{ulp}·rms(truth); \
             max|Δ| ≤ {K_MAX}·max|Δ|(torch {0}) + 2^{1}·max|truth|",
            precision.name(),
            ulp + 2.0
        ),
    }
}

/// One unit in the last place of a number near 1: 23, 10 and 7 bits of mantissa are stored.
fn unit(precision: Precision) -> f64 {
    match precision {
        Precision::F32 => FLOOR,
        Precision::F16 => 1.0 / 1024.0,
        Precision::Bf16 => 1.0 / 128.0,
    }
}

/// No difference at all.
pub fn identical() -> Bound {
    Bound {
        rmse: 0.0,
        max_abs: 0.0,
        rule: "bit by bit the same".to_owned(),
    }
}

/// The bound between two runs of one backend; `rms` is the magnitude of what they give.
pub fn two_runs(output: &Output, truth: &Truth, rms: f64) -> Bound {
    let forward = forward(output, truth);
    let grown = if output.rms > 0.0 && rms.is_finite() {
        (rms / output.rms).max(1.0)
    } else {
        1.0
    };
    Bound {
        rmse: TWO_RUNS * grown * forward.rmse,
        max_abs: TWO_RUNS * grown * forward.max_abs,
        rule: format!("{TWO_RUNS}·max(1, rms(got)/rms(truth))·({})", forward.rule),
    }
}

/// The bound on the sum of `count` elements.
pub fn sum(bound: &Bound, count: usize) -> f64 {
    count as f64 * bound.rmse
}
