//! What sketches are put together from, and judged by.

use evidence::{Outcome, Record};
use harness::array::{Array, Data};
use serde_json::json;

use super::sketch::{Answer, Sketch};

/// Numbers of one output.
pub(crate) fn output(name: &str, shape: Vec<usize>, values: Vec<f32>) -> (String, Array) {
    let array = Array::unnamed(shape, Data::F32(values)).expect("it fits");
    (name.to_owned(), array)
}

/// Every row's numbers, each with a weight of its own so that no two changes cancel.
pub(crate) fn weighed(array: &Array) -> Vec<Vec<f32>> {
    let values = array.to_f64();
    let width = values.len() / array.shape()[0];
    let weigh = |(at, value): (usize, &f64)| *value as f32 * (1.0 + at as f32 / 7.0);
    values
        .chunks(width)
        .map(|row| row.iter().enumerate().map(weigh).collect())
        .collect()
}

pub(crate) fn sums(rows: &[Vec<f32>]) -> Vec<f32> {
    rows.iter().map(|row| row.iter().sum()).collect()
}

/// A sketch of which nothing but inputs, outputs and the answer matters.
pub(crate) fn sketch(
    inputs: serde_json::Value,
    outputs: &'static [(&'static str, &'static [&'static str])],
    answer: Answer,
) -> Sketch {
    Sketch {
        inputs,
        outputs,
        config: json!({"patch_size": 3}),
        flow: &[],
        weights: &[],
        leaves: &[],
        read: &[],
        gives: None,
        fixed: &[],
        answer,
    }
}

/// Judges each answer: the right one passes, and each wrong one is told in these words.
pub(crate) fn judged(
    right: &Sketch,
    check: fn(&Sketch, &Sketch) -> Record,
    wrong: &[(Answer, Outcome, &str)],
) -> Record {
    let record = check(right, right);
    assert_eq!(record.outcome, Outcome::Pass, "{record:#?}");
    for (answer, outcome, said) in wrong {
        let record = check(&right.with(*answer), right);
        assert_eq!(record.outcome, *outcome, "{record:#?}");
        assert!(record.detail.starts_with(said), "{}", record.detail);
    }
    record
}
