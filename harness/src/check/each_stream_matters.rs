//! Text, image, sound: each is heard by every output that it belongs to, and by no other.

use crate::{
    Case,
    backend::{Backend, Failure, Session},
    canvas::Canvases,
    check::{both::in_both, change::change_stream},
    findings::Findings,
    judge::judge,
    reference::{Flow, Input},
    trial::Trial,
    verdict::Verdict,
};

/// The name of this check.
pub const NAME: &str = "each_stream_matters";

/// Another stream changes every output that depends on it in PyTorch's graph, and leaves the others as
/// they were.
#[track_caller]
pub fn each_stream_matters(case: &Case, backend: impl Backend) {
    judge(NAME, case, &backend, examine);
}

/// Looks without judging.
pub fn examine<S: Session>(trial: &mut Trial<S>) -> Result<Verdict, Failure> {
    let flow = Flow::of(trial.reference())?;
    let outputs = trial.outputs()?;
    let before = trial.whole()?;
    let mut findings = Findings::default();
    for input in trial.streams() {
        let after = with_other(trial, &input)?;
        for (output, truth, before, after) in in_both(&outputs, &before, &after) {
            if flow.reaches(&input.name, &output.name) {
                let what = format!("changing `{}`", input.name);
                findings.differ(output, truth, after, before, &what);
            } else {
                findings.between_runs(output, truth, after, before);
            }
        }
    }
    Ok(findings.verdict())
}

/// Everything it gives with another stream in place of the recorded one.
fn with_other<S: Session>(trial: &mut Trial<S>, input: &Input) -> Result<Canvases, Failure> {
    let mut canvases = Canvases::new();
    for view in trial.views()? {
        let changed = change_stream(trial, &view.inputs, input);
        let changed = changed
            .ok_or_else(|| Failure::not_run(format!("`{}` cannot be changed", input.name)))?;
        let outputs = trial.forward(&changed)?;
        trial.paste(&mut canvases, &outputs, &view.place())?;
    }
    Ok(canvases)
}
