//! What a mask hides is not seen: neither its presence nor what it holds.

use crate::{
    Case,
    array::Tensors,
    backend::{Backend, Failure, Session},
    canvas::{Canvas, Canvases},
    check::{both::in_both, change::change},
    findings::Findings,
    judge::judge,
    reference::Lengths,
    trial::{BATCH, Trial, each},
    verdict::Verdict,
};

/// The name of this check.
pub const NAME: &str = "padding_changes_nothing";

/// A padded row gives what it gives without padding, whatever ids the padding holds.
#[track_caller]
pub fn padding_changes_nothing(case: &Case, backend: impl Backend) {
    judge(NAME, case, &backend, examine);
}

/// Looks without judging. Two comparisons for each mask, valid positions only: every shorter row
/// alone and cut to its length, and the whole batch with other ids in its padding. A graph whose
/// axis is fixed can only be asked the second.
pub fn examine<S: Session>(trial: &mut Trial<S>) -> Result<Verdict, Failure> {
    let masks = trial.masks(true);
    if masks.is_empty() {
        return Err(Failure::refused("reads no mask"));
    }
    let inputs = trial.inputs()?;
    let padded = trial.forward(&inputs)?;
    let mut findings = Findings::default();
    for mask in &masks {
        if !trial.capabilities().fixed.contains_key(&mask.axis) && trial.require_free(BATCH).is_ok()
        {
            let alone = each_alone(trial, &inputs, mask, &padded)?;
            compare(trial, &mut findings, mask, &padded, alone)?;
        }
        let is_padding = |row: usize, at: usize| mask.of.get(row).is_some_and(|&end| at >= end);
        if let Some(other) = change(trial, &inputs, &mask.axis, is_padding) {
            let other = trial.forward(&other)?;
            compare(trial, &mut findings, mask, &padded, other)?;
        }
    }
    Ok(findings.verdict())
}

/// Each row that is shorter than the batch, without its padding.
fn each_alone<S: Session>(
    trial: &mut Trial<S>,
    inputs: &Tensors,
    mask: &Lengths,
    padded: &Canvases,
) -> Result<Canvases, Failure> {
    let length = trial.length(inputs, &mask.axis).unwrap_or(0);
    let mut canvases: Canvases = padded
        .iter()
        .map(|(name, padded)| (name.clone(), Canvas::new(padded.axes(), padded.shape())))
        .collect();
    for (row, &end) in mask.of.iter().enumerate().filter(|&(_, &end)| end < length) {
        let cut = |array: &crate::array::Array| {
            array.slice(BATCH, row..row + 1).slice(&mask.axis, 0..end)
        };
        let alone = trial.forward(&each(inputs, cut))?;
        for (name, canvas) in &mut canvases {
            if let Some(alone) = alone.get(name).filter(|alone| alone.has(BATCH)) {
                canvas
                    .paste(alone, &[(BATCH, row)])
                    .map_err(Failure::mismatch)?;
            }
        }
    }
    Ok(canvases)
}

fn compare<S: Session>(
    trial: &Trial<S>,
    findings: &mut Findings,
    mask: &Lengths,
    padded: &Canvases,
    other: Canvases,
) -> Result<(), Failure> {
    for (output, truth, padded, other) in in_both(&trial.outputs()?, padded, &other) {
        let valid = |canvas: &Canvas| canvas.clone().below_each(BATCH, &mask.axis, &mask.of);
        findings.between_runs(output, truth, &valid(padded), &valid(other));
    }
    Ok(())
}
