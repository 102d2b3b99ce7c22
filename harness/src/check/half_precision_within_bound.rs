//! Half precision loses what PyTorch loses in it, and not more.

use evidence::Outcome;

use crate::{
    Case,
    backend::{Backend, Failure, Precision},
    findings::Findings,
    judge::judge,
    reference::{Loss, Output},
    trial::Trial,
    verdict::Verdict,
};

/// The name of this check.
pub const NAME: &str = "half_precision_within_bound";

/// With weights and float inputs in float16, and again in bfloat16, the outputs are as near to the
/// truth as [`crate::bounds`] allows.
#[track_caller]
pub fn half_precision_within_bound(case: &Case, backend: impl Backend) {
    judge(NAME, case, &backend, |trial| examine(trial, &backend));
}

/// Looks without judging, in each precision in which PyTorch's own loss is recorded for an output.
pub fn examine<B: Backend>(trial: &mut Trial<B::Session>, backend: &B) -> Result<Verdict, Failure> {
    let outputs = trial.outputs()?;
    let is_recorded = |precision: &Precision| {
        outputs
            .iter()
            .any(|(output, _)| loss(output, *precision).is_some())
    };
    let mut precisions = vec![Precision::F16, Precision::Bf16];
    precisions.retain(is_recorded);
    if precisions.is_empty() {
        let without = &trial.reference().manifest().without;
        let why = ["float16", "bfloat16"]
            .iter()
            .filter_map(|name| without.get(*name));
        let why: Vec<&str> = why.map(String::as_str).collect();
        let why = format!(
            "PyTorch's loss in half precision is not recorded: {}",
            why.join("; ")
        );
        return Err(Failure::not_run(why.trim_end_matches(": ")));
    }
    trial.computes_in(&precisions);

    let mut findings = Findings::default();
    let mut failures: Vec<(Precision, Failure)> = Vec::new();
    for precision in precisions {
        let given = trial
            .another(backend, precision)
            .and_then(|mut half| half.whole());
        match given {
            Err(failure) => failures.push((precision, failure)),
            Ok(given) => {
                for (output, truth) in &outputs {
                    let loss = loss(output, precision);
                    if let (Some(canvas), Some(loss)) = (given.get(&output.name), loss) {
                        findings.against_truth_at(precision, loss, output, canvas, truth);
                    }
                }
            }
        }
    }
    if failures.is_empty() {
        return Ok(findings.verdict());
    }
    Err(together(failures, findings.verdict()))
}

/// What PyTorch loses.
fn loss(output: &Output, precision: Precision) -> Option<Loss> {
    match precision {
        Precision::F32 => Some(output.float32),
        Precision::F16 => output.float16,
        Precision::Bf16 => output.bfloat16,
    }
}

/// One failure for all precisions that failed, with what came of the others.
fn together(failures: Vec<(Precision, Failure)>, others: Verdict) -> Failure {
    let outcome = failures.iter().map(|(_, failure)| failure.outcome()).max();
    let mut said: Vec<String> = failures
        .iter()
        .map(|(precision, failure)| format!("{}: {}", precision.name(), failure.detail()))
        .collect();
    if others.outcome() != Outcome::NotRun {
        let words = [others.outcome().to_string(), others.detail().to_owned()];
        said.push(format!("otherwise {}", words.join(" ").trim_end()));
    }
    Failure::observed(outcome.unwrap_or(Outcome::RunFailed), said.join("; "))
}
