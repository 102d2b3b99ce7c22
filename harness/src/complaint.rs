//! What a failing test says.

use std::fmt::Write;

use evidence::{Metrics, Outcome, Record};

/// The message for a record that is not as expected.
pub(crate) fn about(record: &Record) -> String {
    let mut text = format!(
        "{}: {}, expected {}\n",
        record.test, record.outcome, record.expected
    );
    let mut line = |words: String| {
        let _ = writeln!(text, "  {words}");
    };
    if !record.detail.is_empty() {
        line(record.detail.clone());
    }
    for (name, metrics) in &record.outputs {
        line(numbers(name, metrics));
        if let Some(first) = &metrics.first_difference {
            let got = first
                .got
                .map_or_else(|| "not finite".to_owned(), |got| got.to_string());
            line(format!(
                "  first at {:?}: got {got}, due {}",
                first.position, first.expected
            ));
        }
    }
    let list = format!(
        "model-registry/expectations/{}-{}.yaml",
        record.test.backend, record.device
    );
    match (record.outcome, &record.cause) {
        (Outcome::Pass, Some(cause)) => {
            line(format!("{list} lists it as {}: {cause}", record.expected));
            line("it passes now: take the entry out, or run `cargo xtask bless`".to_owned());
        }
        (_, Some(cause)) => line(format!("{list} lists it as {}: {cause}", record.expected)),
        (_, None) => {}
    }
    line(format!("repeat it with `{}`", record.reproduce));
    text
}

fn numbers(name: &str, metrics: &Metrics) -> String {
    let Metrics {
        max_abs,
        rmse,
        compared,
        argmax_agreement,
        bound,
        ..
    } = metrics;
    let margin = metrics.shown_margin();
    format!(
        "{name}: max|Δ| {max_abs:.3e} (bound {:.3e}), rmse {rmse:.3e} (bound {:.3e}), margin {margin}, \
         argmax agrees in {:.1} % of rows, {compared} elements",
        bound.max_abs,
        bound.rmse,
        argmax_agreement * 100.0
    )
}

#[cfg(test)]
mod tests {
    use std::collections::BTreeMap;

    use evidence::{Bound, Difference, TestId};

    use super::*;

    fn record(outcome: Outcome, expected: Outcome, cause: Option<&str>) -> Record {
        let test = TestId {
            category: "text-encoder".to_owned(),
            family: "toy".to_owned(),
            variant: Some("relu".to_owned()),
            backend: "candle".to_owned(),
            setting: None,
            check: "forward_matches_reference".to_owned(),
        };
        let bound = Bound {
            rmse: 1e-7,
            max_abs: 1e-6,
            rule: "a rule".to_owned(),
        };
        let first = Difference {
            position: vec![0, 7],
            got: None,
            expected: 0.5,
        };
        let metrics = Metrics {
            compared: 48,
            max_abs: 1e-3,
            rmse: 2e-4,
            relative_l2: 1e-4,
            argmax_agreement: 0.75,
            bound,
            margin: 2000.0,
            first_difference: Some(first),
        };
        Record {
            test,
            device: "cpu".to_owned(),
            dtype: "f32".to_owned(),
            outcome,
            expected,
            outputs: BTreeMap::from([("hidden".to_owned(), metrics)]),
            detail: "outside the bound: hidden".to_owned(),
            cause: cause.map(str::to_owned),
            asserted: 0,
            seconds: 0.1,
            peak_bytes: 0,
            versions: BTreeMap::new(),
            reference: String::new(),
            reproduce: "cargo test …".to_owned(),
        }
    }

    #[test]
    fn a_mismatch_is_told_in_numbers() {
        assert_eq!(
            about(&record(Outcome::Mismatch, Outcome::Pass, None)),
            "\
toy.relu on candle: forward_matches_reference: mismatch, expected pass
  outside the bound: hidden
  hidden: max|Δ| 1.000e-3 (bound 1.000e-6), rmse 2.000e-4 (bound 1.000e-7), margin 2000.000, \
argmax agrees in 75.0 % of rows, 48 elements
    first at [0, 7]: got not finite, due 0.5
  repeat it with `cargo test …`
"
        );
    }

    #[test]
    fn an_unexpected_pass_says_what_to_do() {
        let mut record = record(
            Outcome::Pass,
            Outcome::Mismatch,
            Some("the head is scaled twice"),
        );
        record.detail.clear();
        record.outputs.clear();
        assert_eq!(
            about(&record),
            "\
toy.relu on candle: forward_matches_reference: pass, expected mismatch
  model-registry/expectations/candle-cpu.yaml lists it as mismatch: the head is scaled twice
  it passes now: take the entry out, or run `cargo xtask bless`
  repeat it with `cargo test …`
"
        );
    }
}
