//! Causality: what comes later does not change what came before.

use crate::{
    Case,
    backend::{Backend, Failure, Session},
    canvas::Canvas,
    check::{both::in_both, change::change},
    findings::Findings,
    judge::judge,
    trial::{Trial, View},
    verdict::Verdict,
};

/// The name of this check.
pub const NAME: &str = "later_tokens_do_not_matter";

/// Other tokens in the later half of the axis leave the earlier half of every output as it was.
#[track_caller]
pub fn later_tokens_do_not_matter(case: &Case, backend: impl Backend, axis: &str) {
    judge(NAME, case, &backend, |trial| examine(trial, axis));
}

/// Looks without judging. Where nothing at all changes, not even later, the tokens were not read and
/// the check would be empty: that is a complaint too.
pub fn examine<S: Session>(trial: &mut Trial<S>, axis: &str) -> Result<Verdict, Failure> {
    trial.require_output(axis)?;
    let outputs = trial.outputs()?;
    let mut findings = Findings::default();
    let mut largest_effect: f64 = 0.0;
    for view in trial.views()? {
        let half = half(trial, &view, axis)?;
        let changed = change(trial, &view.inputs, axis, |_, at| at >= half)
            .ok_or_else(|| Failure::not_run(format!("no token along `{axis}` can be changed")))?;
        let before = trial.forward(&view.inputs)?;
        let after = trial.forward(&changed)?;
        for (output, truth, before, after) in in_both(&outputs, &before, &after) {
            if !before.has(axis) {
                continue;
            }
            let early = |canvas: &Canvas| canvas.clone().below(axis, half);
            findings.between_runs(output, truth, &early(after), &early(before));
            let late = |canvas: &Canvas| canvas.clone().from(axis, half);
            largest_effect = largest_effect.max(effect(&late(after), &late(before)));
        }
    }
    if largest_effect == 0.0 {
        findings.complain(
            "the changed tokens change nothing at all, not even what comes later".to_owned(),
        );
    }
    Ok(findings.verdict())
}

/// The first changed position: half of what every row holds past the shortest prefix.
pub(super) fn half<S: Session>(
    trial: &Trial<S>,
    view: &View,
    axis: &str,
) -> Result<usize, Failure> {
    let length = trial.require(&view.inputs, axis, 2)?;
    let masks = trial.masks(true);
    let shortest = masks
        .iter()
        .filter(|mask| mask.axis == axis)
        .flat_map(|mask| &mask.of)
        .copied();
    let first = trial.shortest_prefix(axis) - 1;
    let rest = shortest.fold(length, usize::min).saturating_sub(first);
    Ok(first + (rest / 2).max(1))
}

fn effect(after: &Canvas, before: &Canvas) -> f64 {
    let both = after.values().iter().zip(before.values());
    let deltas = both.filter_map(|(&after, &before)| Some((after? - before?).abs()));
    // A NaN is an effect as well; `max` would pass over it.
    deltas.fold(0.0, |largest, delta| {
        if delta > largest || delta.is_nan() {
            delta
        } else {
            largest
        }
    })
}
