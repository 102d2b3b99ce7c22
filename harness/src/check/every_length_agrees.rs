//! Length is no accident: a sequence gives the same on both sides of every size that code likes to
//! round to, and of the window.

use evidence::Outcome;

use crate::{
    Case,
    backend::{Backend, Failure, Session},
    canvas::{Canvas, Canvases},
    check::{
        both::in_both,
        grow::{grown, kept},
        later_tokens_do_not_matter,
        lengths::lengths,
        steps::decode,
    },
    findings::Findings,
    judge::judge,
    trial::{BATCH, Trial, View, each},
    verdict::Verdict,
};

/// The name of this check.
pub const NAME: &str = "every_length_agrees";

/// Sequences of every such length give what the longest gives for the same positions, and PyTorch's
/// numbers where those are recorded.
#[track_caller]
pub fn every_length_agrees(case: &Case, backend: impl Backend, axis: &str) {
    judge(NAME, case, &backend, |trial| examine(trial, axis));
}

/// Looks without judging. In a causal model, a shorter sequence is the beginning of a longer one. Any
/// other sees the whole, so that each length alone is compared with the same row in a batch that is
/// padded to the longest. Which of the two a model is shows in what it does; one that is of the wrong
/// kind differs from PyTorch where numbers are recorded.
pub fn examine<S: Session>(trial: &mut Trial<S>, axis: &str) -> Result<Verdict, Failure> {
    trial.require_output(axis)?;
    trial.require_free(axis)?;
    let lengths = lengths(
        &trial.reference().manifest().config,
        trial.shortest_prefix(axis),
    );
    if lengths.len() < 2 {
        return Err(Failure::not_run(format!(
            "the config leaves room for {} lengths along `{axis}`",
            lengths.len()
        )));
    }
    let mut findings = Findings::default();
    if is_causal(trial, axis)? {
        prefixes(trial, &mut findings, axis, &lengths)?;
    } else {
        padded(trial, &mut findings, axis, &lengths)?;
    }
    Ok(findings.verdict())
}

/// Whether other tokens in the later half leave the earlier half as it was.
fn is_causal<S: Session>(trial: &mut Trial<S>, axis: &str) -> Result<bool, Failure> {
    if trial.capabilities().decodes_along.as_deref() == Some(axis) {
        return Ok(true);
    }
    Ok(later_tokens_do_not_matter::examine(trial, axis)?.outcome() == Outcome::Pass)
}

fn prefixes<S: Session>(
    trial: &mut Trial<S>,
    findings: &mut Findings,
    axis: &str,
    lengths: &[usize],
) -> Result<(), Failure> {
    let longest = lengths.last().copied().unwrap_or(1);
    let outputs = trial.outputs()?;
    let mut recorded = Canvases::new();
    for view in trial.views()? {
        let inputs = grown(trial, &view, axis, longest, &[])?;
        let full = longest_run(trial, &inputs, axis, longest)?;
        for &length in lengths {
            let short = trial.once(&grown(trial, &view, axis, length, &[])?)?;
            for (output, truth, full, short) in in_both(&outputs, &full, &short) {
                let mut whole = Canvas::new(full.axes(), full.shape());
                whole.paste(short, &[]).map_err(Failure::mismatch)?;
                findings.between_runs(output, truth, &whole, full);
            }
        }
        collect(trial, &mut recorded, &view, axis, &full)?;
    }
    for (output, truth) in &outputs {
        if let Some(canvas) = recorded.get(&output.name) {
            findings.against_truth(output, canvas, truth);
        }
    }
    Ok(())
}

/// Every position of the longest sequence. Where only the last is given, single steps through the
/// cache give the others: prefixes would be compared with themselves.
fn longest_run<S: Session>(
    trial: &mut Trial<S>,
    inputs: &crate::array::Tensors,
    axis: &str,
    longest: usize,
) -> Result<Canvases, Failure> {
    let full = trial.once(inputs)?;
    let along = |mut canvases: Canvases| {
        canvases.retain(|_, canvas| canvas.has(axis));
        canvases
    };
    if trial.capabilities().last_position.is_empty() {
        return Ok(along(full));
    }
    if !trial.capabilities().caches {
        return Err(Failure::refused(
            "gives the last position only and keeps no cache to give the others",
        ));
    }
    let shortest = trial.shortest_prefix(axis);
    decode(trial, inputs, axis, &full, shortest..=longest)
}

/// Puts the recorded positions of a longer run into their place.
fn collect<S: Session>(
    trial: &Trial<S>,
    recorded: &mut Canvases,
    view: &View,
    axis: &str,
    full: &Canvases,
) -> Result<(), Failure> {
    let length = trial.length(&view.inputs, axis).unwrap_or(0);
    let kept = kept(trial, view, axis);
    let cut = |(name, canvas): (&String, &Canvas)| {
        let cut = canvas.cut(axis, length).below_each(BATCH, axis, &kept);
        (name.clone(), cut)
    };
    trial.paste(recorded, &full.iter().map(cut).collect(), &view.place())
}

fn padded<S: Session>(
    trial: &mut Trial<S>,
    findings: &mut Findings,
    axis: &str,
    lengths: &[usize],
) -> Result<(), Failure> {
    if !trial.masks(true).iter().any(|mask| mask.axis == axis) {
        return Err(Failure::refused("reads no mask"));
    }
    let outputs = trial.outputs()?;
    let view = View {
        inputs: trial.inputs()?,
        row: None,
    };
    let longest = lengths.last().copied().unwrap_or(1);
    let rows = trial.require(&view.inputs, BATCH, 1)?;
    for some in lengths.chunks(rows) {
        let mut valid = some.to_vec();
        valid.resize(rows, longest);
        let together = trial.forward(&grown(trial, &view, axis, longest, &valid)?)?;
        for (row, &length) in some.iter().enumerate() {
            let alone = grown(trial, &view, axis, length, &[])?;
            let alone = if trial.require_free(BATCH).is_ok() {
                each(&alone, |array| array.slice(BATCH, row..row + 1))
            } else {
                alone
            };
            let single = trial.length(&alone, BATCH) == Some(1);
            let alone = trial.forward(&alone)?;
            for (output, truth, together, alone) in in_both(&outputs, &together, &alone) {
                let mut whole = Canvas::new(together.axes(), together.shape());
                let place = [(BATCH, if single { row } else { 0 })];
                whole.paste(alone, &place).map_err(Failure::mismatch)?;
                let row_of = |canvas: &Canvas| {
                    let ends = vec![length; rows];
                    canvas.clone().at(BATCH, row).below_each(BATCH, axis, &ends)
                };
                findings.between_runs(output, truth, &row_of(&whole), &row_of(together));
            }
        }
    }
    let kept = kept(trial, &view, axis);
    let full = trial.forward(&grown(trial, &view, axis, longest, &kept)?)?;
    let mut recorded = Canvases::new();
    collect(trial, &mut recorded, &view, axis, &full)?;
    for (output, truth) in &outputs {
        if let Some(canvas) = recorded.get(&output.name) {
            findings.against_truth(output, canvas, truth);
        }
    }
    Ok(())
}
