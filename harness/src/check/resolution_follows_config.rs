//! The config's resolution is meant: another image is refused, and not silently cut to fit.

use crate::{
    Case,
    array::{Array, Data, flat_indices, position},
    backend::{Backend, Failure, Session},
    check::{
        change::other_floats,
        every_patch_matters::{images, patch, sides},
        refuses_bad_input::offer,
    },
    findings::{Findings, Two},
    judge::judge,
    trial::Trial,
    verdict::Verdict,
};

/// The name of this check.
pub const NAME: &str = "resolution_follows_config";

/// An image of another size than the config's is an error; where the family says that height and width
/// are free, it is an answer that depends on all of the image.
#[track_caller]
pub fn resolution_follows_config(case: &Case, backend: impl Backend) {
    judge(NAME, case, &backend, examine);
}

/// Looks without judging.
///
/// A family whose height and width are numbers has one resolution. PyTorch refuses every other, and
/// so must a backend: an image a patch larger, one a pixel larger, whose edge a convolution would
/// drop, and one of as many patches in another arrangement, whose patches would get wrong places.
/// A family whose height and width have names takes any; then what lies past the config's resolution
/// must be seen.
pub fn examine<S: Session>(trial: &mut Trial<S>) -> Result<Verdict, Failure> {
    let mut findings = Findings::default();
    for name in images(trial)? {
        let manifest = trial.reference().manifest();
        let axes = manifest.input(&name).map(|input| input.axes.clone());
        let axes = axes.unwrap_or_default();
        let sides = &axes[axes.len().saturating_sub(2)..];
        let is_number = |axis: &String| axis.parse::<usize>().is_ok();
        if sides.iter().any(is_number) {
            refuses_others(trial, &mut findings, &name)?;
        } else {
            sides.iter().try_for_each(|axis| trial.require_free(axis))?;
            sees_more(trial, &mut findings, &name)?;
        }
    }
    Ok(findings.verdict())
}

fn refuses_others<S: Session>(
    trial: &mut Trial<S>,
    findings: &mut Findings,
    name: &str,
) -> Result<(), Failure> {
    let good = trial.inputs()?;
    // What refuses everything refuses nothing.
    trial.fresh(&good)?;
    let Some(image) = good.get(name) else {
        return Ok(());
    };
    let (high, wide) = sides(image);
    let (patch_high, patch_wide) = patch(&trial.reference().manifest().config, image);
    let mut others = vec![
        (
            "a patch larger each way",
            high + patch_high,
            wide + patch_wide,
        ),
        ("a pixel larger each way", high + 1, wide + 1),
    ];
    if high / patch_high > 1 {
        let patches = (high / patch_high) * (wide / patch_wide);
        others.push((
            "of as many patches in one row",
            patch_high,
            patches * patch_wide,
        ));
    }
    for (what, other_high, other_wide) in others {
        let mut inputs = good.clone();
        inputs.insert(name.to_owned(), resized(image, other_high, other_wide)?);
        let what = format!("`{name}` {what}, {other_high}×{other_wide} for {high}×{wide}");
        offer(trial, findings, &what, &inputs)?;
    }
    Ok(())
}

fn sees_more<S: Session>(
    trial: &mut Trial<S>,
    findings: &mut Findings,
    name: &str,
) -> Result<(), Failure> {
    let mut inputs = trial.inputs()?;
    let Some(image) = inputs.get(name) else {
        return Ok(());
    };
    let (high, wide) = sides(image);
    let (patch_high, patch_wide) = patch(&trial.reference().manifest().config, image);
    let larger = resized(image, high + patch_high, wide + patch_wide)?;
    let past = |at: &[usize]| at[at.len() - 2] >= high || at[at.len() - 1] >= wide;
    let other = other_floats(&larger, past);
    let other = other.ok_or_else(|| Failure::not_run("no pixel can be changed"))?;
    let outputs = trial.outputs()?;
    inputs.insert(name.to_owned(), larger);
    let before = trial.forward(&inputs)?;
    for (output, canvas) in &before {
        findings.all_finite(output, canvas, "given a larger image");
    }
    inputs.insert(name.to_owned(), other);
    let after = trial.forward(&inputs)?;
    let what = format!("changing `{name}` past {high}×{wide} in a larger image");
    findings.some_differ(&Two::pair(&outputs, &after, &before), &what);
    Ok(())
}

/// The image continued by itself, or cut.
fn resized(image: &Array, high: usize, wide: usize) -> Result<Array, Failure> {
    let (old_high, old_wide) = sides(image);
    let mut shape = image.shape().to_vec();
    let rank = shape.len();
    (shape[rank - 2], shape[rank - 1]) = (high, wide);
    let Data::F32(values) = image.data() else {
        return Err(Failure::not_run("the image does not hold floats"));
    };
    let count: usize = shape.iter().product();
    let pixel = |flat: usize| {
        let mut at = position(&shape, flat);
        at[rank - 2] %= old_high.max(1);
        at[rank - 1] %= old_wide.max(1);
        let one: Vec<_> = at.iter().map(|&at| at..at + 1).collect();
        flat_indices(image.shape(), &one)
            .first()
            .map_or(0.0, |&index| values[index])
    };
    let data = Data::F32((0..count).map(pixel).collect());
    Array::new(image.axes().to_vec(), shape, data).map_err(|error| Failure::run(error.to_string()))
}
