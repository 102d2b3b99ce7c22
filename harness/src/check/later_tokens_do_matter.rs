//! Bidirectionality: an encoder sees what comes later.

use crate::{
    Case,
    backend::{Backend, Failure, Session},
    canvas::Canvas,
    check::{
        both::in_both,
        change::{change, ends},
        later_tokens_do_not_matter::half,
    },
    findings::Findings,
    judge::judge,
    trial::Trial,
    verdict::Verdict,
};

/// The name of this check.
pub const NAME: &str = "later_tokens_do_matter";

/// Other tokens in the later half change the earlier half of every output.
#[track_caller]
pub fn later_tokens_do_matter(case: &Case, backend: impl Backend) {
    judge(NAME, case, &backend, examine);
}

/// Looks without judging.
pub fn examine<S: Session>(trial: &mut Trial<S>) -> Result<Verdict, Failure> {
    let outputs = trial.outputs()?;
    let axis = trial
        .ids()
        .first()
        .and_then(|(input, _)| input.axes.last().cloned());
    let axis = axis.ok_or_else(|| Failure::refused("reads no tokens"))?;
    trial.require_output(&axis)?;
    let mut findings = Findings::default();
    for view in trial.views()? {
        let half = half(trial, &view, &axis)?;
        let ends = ends(trial, &axis);
        let changed = change(trial, &view.inputs, &axis, |row, at| {
            at >= half && ends.get(row).is_none_or(|&end| at < end)
        })
        .ok_or_else(|| Failure::not_run(format!("no token along `{axis}` can be changed")))?;
        let before = trial.forward(&view.inputs)?;
        let after = trial.forward(&changed)?;
        for (output, truth, before, after) in in_both(&outputs, &before, &after) {
            if !before.has(&axis) {
                continue;
            }
            let early = |canvas: &Canvas| canvas.clone().below(&axis, half);
            let what = format!("changing tokens from {half} on");
            findings.differ(output, truth, &early(after), &early(before), &what);
        }
    }
    Ok(findings.verdict())
}
