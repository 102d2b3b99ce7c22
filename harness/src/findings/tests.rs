//! What follows from comparisons, on arrays of four numbers.

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
