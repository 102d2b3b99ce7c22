//! The whole sound is heard: no stretch of it can change unnoticed.

use crate::{
    Case,
    array::Array,
    backend::{Backend, Failure, Session},
    check::change::{other_floats, row_of},
    findings::{Findings, Two},
    judge::judge,
    reference::Lengths,
    trial::{BATCH, Trial, View},
    verdict::Verdict,
};

/// The name of this check.
pub const NAME: &str = "every_frame_matters";

/// How many stretches a sound is cut into.
const SEGMENTS: usize = 8;

/// Another eighth of the sound changes some output of every row, whichever eighth it is.
#[track_caller]
pub fn every_frame_matters(case: &Case, backend: impl Backend) {
    judge(NAME, case, &backend, examine);
}

/// Looks without judging. Each row is cut within its own length, where a mask gives it one.
pub fn examine<S: Session>(trial: &mut Trial<S>) -> Result<Verdict, Failure> {
    let outputs = trial.outputs()?;
    let sounds = sounds(trial)?;
    let masks = trial.masks(true);
    let mut findings = Findings::default();
    for view in trial.views()? {
        let before = trial.forward(&view.inputs)?;
        let rows = trial.length(&view.inputs, BATCH).unwrap_or(1);
        for name in &sounds {
            let Some(sound) = view.inputs.get(name) else {
                continue;
            };
            for segment in 0..SEGMENTS {
                let Some(other) = other_segment(sound, &masks, segment) else {
                    continue;
                };
                let mut changed = view.inputs.clone();
                changed.insert(name.clone(), other);
                let after = trial.forward(&changed)?;
                for row in 0..rows {
                    let mut twos = Two::pair(&outputs, &after, &before);
                    twos.retain(|two| two.got.has(BATCH));
                    twos.iter_mut().for_each(|two| two.narrow(BATCH, row));
                    findings.some_differ(&twos, &what(&view, name, segment, row));
                }
            }
        }
    }
    Ok(findings.verdict())
}

fn what(view: &View, name: &str, segment: usize, row: usize) -> String {
    let row = view.row.unwrap_or(row);
    format!("changing eighth {segment} of row {row} of `{name}`")
}

/// The inputs that are sounds: all floats of the architectures that ask for this check.
pub(super) fn sounds<S: Session>(trial: &Trial<S>) -> Result<Vec<String>, Failure> {
    let streams = trial.streams().into_iter();
    let sounds: Vec<String> = streams
        .filter(|input| input.dtype == "f32")
        .map(|input| input.name)
        .collect();
    if sounds.is_empty() {
        return Err(Failure::refused("reads no sound"));
    }
    Ok(sounds)
}

/// The same with another segment, in each row within its length.
fn other_segment(sound: &Array, masks: &[Lengths], segment: usize) -> Option<Array> {
    let mask = masks.iter().find(|mask| sound.has(&mask.axis));
    let along = time(sound, mask)?;
    let is_within = |at: &[usize]| {
        let length = mask.and_then(|mask| mask.of.get(row_of(sound, at)).copied());
        let length = length.unwrap_or(sound.shape()[along]);
        let start = segment * length / SEGMENTS;
        (start..(segment + 1) * length / SEGMENTS).contains(&at[along])
    };
    other_floats(sound, is_within)
}

/// The axis of time: the one that a mask is over, else the longest; features are fewer than frames.
fn time(sound: &Array, mask: Option<&Lengths>) -> Option<usize> {
    let masked = mask.and_then(|mask| sound.axes().iter().position(|axis| *axis == mask.axis));
    masked.or_else(|| {
        let axes = sound.axes().iter().zip(sound.shape()).enumerate();
        let axes = axes.filter(|(_, (name, _))| *name != BATCH);
        axes.max_by_key(|(_, (_, length))| **length)
            .map(|(axis, _)| axis)
    })
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::array::Data;

    #[test]
    fn time_is_the_longest_axis_unless_a_mask_names_another() {
        let axes = ["batch", "mel", "samples"].map(str::to_owned).to_vec();
        let table = [([9, 2, 4], None, Some(2)), ([1, 8, 3], None, Some(1))];
        let sound = |shape: [usize; 3]| {
            let data = Data::F32(vec![0.0; shape.iter().product()]);
            Array::new(axes.clone(), shape.to_vec(), data).expect("zeros")
        };
        for (shape, mask, expected) in table {
            assert_eq!(time(&sound(shape), mask), expected, "{shape:?}");
        }
        let mask = Lengths {
            axis: "samples".to_owned(),
            of: vec![3],
        };
        assert_eq!(time(&sound([1, 8, 3]), Some(&mask)), Some(2));
    }
}
