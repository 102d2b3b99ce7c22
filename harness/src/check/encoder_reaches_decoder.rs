//! The decoder listens: what the encoder is given changes every position of what the decoder gives.

use crate::{
    Case,
    backend::{Backend, Failure, Session},
    check::{both::in_both, change::change_stream},
    findings::Findings,
    judge::judge,
    trial::{BATCH, Trial},
    verdict::Verdict,
};

/// The name of this check.
pub const NAME: &str = "encoder_reaches_decoder";

/// Another input to the encoder changes every row and every position of the decoder's outputs.
#[track_caller]
pub fn encoder_reaches_decoder(case: &Case, backend: impl Backend, axis: &str) {
    judge(NAME, case, &backend, |trial| examine(trial, axis));
}

/// Looks without judging. The encoder's inputs are those that do not lie along the decoder's axis.
pub fn examine<S: Session>(trial: &mut Trial<S>, axis: &str) -> Result<Verdict, Failure> {
    trial.require_output(axis)?;
    let outputs = trial.outputs()?;
    let mut findings = Findings::default();
    for view in trial.views()? {
        let read = trial.streams();
        let streams = read
            .iter()
            .filter(|input| !input.axes.iter().any(|name| name == axis));
        let changed = streams.fold(None, |changed, input| {
            let before = changed.as_ref().unwrap_or(&view.inputs);
            change_stream(trial, before, input).or(changed)
        });
        let changed = changed
            .ok_or_else(|| Failure::not_run("nothing that the encoder reads can be changed"))?;
        let before = trial.forward(&view.inputs)?;
        let after = trial.forward(&changed)?;
        let rows = trial.length(&view.inputs, BATCH).unwrap_or(1);
        let length = trial.require(&view.inputs, axis, 1)?;
        for (output, truth, before, after) in in_both(&outputs, &before, &after) {
            if !before.has(axis) {
                continue;
            }
            for (row, at) in (0..rows).flat_map(|row| (0..length).map(move |at| (row, at))) {
                let one =
                    |canvas: &crate::canvas::Canvas| canvas.clone().at(BATCH, row).at(axis, at);
                let number = view.row.unwrap_or(row);
                let what = format!("changing the encoder's input, row {number}, position {at},");
                findings.differ(output, truth, &one(after), &one(before), &what);
            }
        }
    }
    Ok(findings.verdict())
}
