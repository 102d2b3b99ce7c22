//! The smoke test is itself worth something: a check that cannot tell is found out.

mod common;

use common::{ENCODER, Fixture, TOY};
use harness::{
    backend::Failure,
    canvas::Canvas,
    check::forward_matches_reference,
    findings::Findings,
    smoke::{self, Echo, tells_right_from_wrong},
    trial::Trial,
    verdict::Verdict,
};

type Examine = fn(&mut Trial<Echo>) -> Result<Verdict, Failure>;

#[track_caller]
fn check(examine: Examine, expected: Result<(), &str>) {
    let fixture = Fixture::new(&ENCODER);
    let told = tells_right_from_wrong(&fixture.site, &TOY, examine);
    assert_eq!(told, expected.map_err(str::to_owned));
}

/// Compares the first answer with itself.
fn passes_everything(trial: &mut Trial<Echo>) -> Result<Verdict, Failure> {
    let mut findings = Findings::default();
    for (output, truth) in &trial.outputs()? {
        let mut itself = Canvas::new(&truth.axes, &truth.shape);
        let recorded = truth.elements.iter().map(|(_, value)| *value).collect();
        let array = harness::array::Array::new(
            truth.axes.clone(),
            truth.shape.clone(),
            harness::array::Data::F64(recorded),
        );
        itself
            .paste(&Canvas::full(&array.expect("it fits")), &[])
            .expect("it fits");
        findings.against_truth(output, &itself, truth);
    }
    Ok(findings.verdict())
}

#[test]
fn the_forward_check_tells_right_from_wrong() {
    check(forward_matches_reference::examine, Ok(()));
}

#[test]
fn a_check_that_passes_everything_is_found_out() {
    check(
        passes_everything,
        Err("an answer with one element ten bounds off is judged pass, and mismatch is due: "),
    );
}

#[test]
fn a_check_that_passes_nothing_is_found_out() {
    check(
        |_| Err(Failure::mismatch("no")),
        Err("PyTorch's own answer is judged mismatch, and pass is due: no"),
    );
}

#[test]
fn a_check_that_compares_nothing_is_found_out() {
    check(
        |_| Ok(Findings::default().verdict()),
        Err(
            "PyTorch's own answer is judged not-run, and pass is due: nothing was compared: no output has an element to compare",
        ),
    );
}

#[test]
fn a_missing_reference_says_how_to_record_it() {
    let fixture = Fixture::new(&ENCODER);
    let other = harness::Case {
        family: "other",
        ..TOY
    };
    let told = tells_right_from_wrong(&fixture.site, &other, forward_matches_reference::examine);
    let told = told.expect_err("there is none");
    assert!(told.contains("cargo xtask record other"), "{told}");
}

#[test]
fn candle_computes_here() {
    smoke::candle_computes();
}

#[test]
fn ort_computes_here() {
    smoke::ort_computes();
}
