//! A row does not depend on its neighbours: together they give what each gives alone.

use crate::{
    Case,
    backend::{Backend, Failure, Session},
    canvas::{Canvas, Canvases},
    check::both::in_both,
    findings::Findings,
    judge::judge,
    trial::{BATCH, Trial, each},
    verdict::Verdict,
};

/// The name of this check.
pub const NAME: &str = "batch_equals_singles";

/// The batch gives what its rows give one by one.
#[track_caller]
pub fn batch_equals_singles(case: &Case, backend: impl Backend) {
    judge(NAME, case, &backend, examine);
}

/// Looks without judging. Where a mask is not read, rows are cut to the shortest, so that no row is
/// padded in the batch.
pub fn examine<S: Session>(trial: &mut Trial<S>) -> Result<Verdict, Failure> {
    trial.require_free(BATCH)?;
    trial.require_output(BATCH)?;
    let mut inputs = trial.inputs()?;
    for mask in trial.masks(false) {
        let shortest = mask.of.iter().copied().min().unwrap_or(usize::MAX);
        inputs = each(&inputs, |array| array.slice(&mask.axis, 0..shortest));
    }
    let rows = trial.require(&inputs, BATCH, 2)?;

    let together = trial.forward(&inputs)?;
    let mut singles: Canvases = together
        .iter()
        .filter(|(_, whole)| whole.has(BATCH))
        .map(|(name, whole)| (name.clone(), Canvas::new(whole.axes(), whole.shape())))
        .collect();
    for row in 0..rows {
        let alone = trial.forward(&each(&inputs, |array| array.slice(BATCH, row..row + 1)))?;
        for (name, single) in &mut singles {
            if let Some(alone) = alone.get(name) {
                single
                    .paste(alone, &[(BATCH, row)])
                    .map_err(Failure::mismatch)?;
            }
        }
    }

    let mut findings = Findings::default();
    for (output, truth, together, single) in in_both(&trial.outputs()?, &together, &singles) {
        findings.between_runs(output, truth, together, single);
    }
    Ok(findings.verdict())
}
