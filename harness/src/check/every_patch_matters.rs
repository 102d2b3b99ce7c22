//! The whole image is seen: no patch can change unnoticed.

use serde_json::Value;

use crate::{
    Case,
    array::{Array, Tensors},
    backend::{Backend, Failure, Session},
    check::change::other_floats,
    findings::{Findings, Two},
    judge::judge,
    trial::Trial,
    verdict::Verdict,
};

/// The name of this check.
pub const NAME: &str = "every_patch_matters";

/// Cells of an image that has no patches, along each side.
const CELLS: usize = 4;

/// Other pixels in one patch change some output, whichever patch it is.
#[track_caller]
pub fn every_patch_matters(case: &Case, backend: impl Backend) {
    judge(NAME, case, &backend, examine);
}

/// Looks without judging: every patch that lies wholly in the image, one at a time, in all rows.
pub fn examine<S: Session>(trial: &mut Trial<S>) -> Result<Verdict, Failure> {
    let images = images(trial)?;
    let outputs = trial.outputs()?;
    let inputs = trial.inputs()?;
    let before = trial.forward(&inputs)?;
    let mut findings = Findings::default();
    for name in &images {
        let Some(image) = inputs.get(name) else {
            continue;
        };
        let (high, wide) = patch(&trial.reference().manifest().config, image);
        let (rows, columns) = (sides(image).0 / high, sides(image).1 / wide);
        let patches = (0..rows).flat_map(|row| (0..columns).map(move |column| (row, column)));
        for (row, column) in patches {
            let is_within = |at: &[usize]| {
                let (y, x) = (at[at.len() - 2], at[at.len() - 1]);
                y / high == row && x / wide == column
            };
            let Some(other) = other_floats(image, is_within) else {
                continue;
            };
            let mut changed: Tensors = inputs.clone();
            changed.insert(name.clone(), other);
            let after = trial.forward(&changed)?;
            let what = format!("changing patch [{row}, {column}] of `{name}`");
            findings.some_differ(&Two::pair(&outputs, &after, &before), &what);
        }
    }
    Ok(findings.verdict())
}

/// The inputs that are images: floats whose last two axes are height and width.
pub(super) fn images<S: Session>(trial: &Trial<S>) -> Result<Vec<String>, Failure> {
    let streams = trial.streams().into_iter();
    let images: Vec<String> = streams
        .filter(|input| input.dtype == "f32" && input.axes.len() >= 4)
        .map(|input| input.name)
        .collect();
    if images.is_empty() {
        return Err(Failure::refused("reads no image"));
    }
    Ok(images)
}

/// Height and width.
pub(super) fn sides(image: &Array) -> (usize, usize) {
    match image.shape() {
        [.., high, wide] => (*high, *wide),
        _ => (1, 1),
    }
}

/// Height and width of the config's patches; where it knows none, of a cell.
pub(super) fn patch(config: &Value, image: &Array) -> (usize, usize) {
    let (high, wide) = sides(image);
    let named = named_patch(config);
    let named = named.filter(|&(h, w)| (1..=high).contains(&h) && (1..=wide).contains(&w));
    named.unwrap_or((high.div_ceil(CELLS).max(1), wide.div_ceil(CELLS).max(1)))
}

/// `patch_size` at any depth: one number or two.
fn named_patch(config: &Value) -> Option<(usize, usize)> {
    let fields = config.as_object()?;
    let number = |value: &Value| usize::try_from(value.as_u64()?).ok();
    let here = fields.get("patch_size").and_then(|size| match size {
        Value::Array(sides) => match sides.as_slice() {
            [high, wide] => Some((number(high)?, number(wide)?)),
            _ => None,
        },
        side => Some((number(side)?, number(side)?)),
    });
    here.or_else(|| fields.values().find_map(named_patch))
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;
    use crate::array::Data;

    #[test]
    fn patches_are_the_configs_or_a_sixteenth_of_the_image() {
        let image = Array::unnamed(vec![1, 1, 6, 10], Data::F32(vec![0.0; 60])).expect("sixty");
        let table = [
            (json!({"patch_size": 3}), (3, 3)),
            (json!({"vision_config": {"patch_size": [2, 5]}}), (2, 5)),
            (json!({"patch_size": null, "depths": [1]}), (2, 3)),
            (json!({"patch_size": 7}), (2, 3)),
        ];
        for (config, expected) in table {
            assert_eq!(patch(&config, &image), expected, "{config}");
        }
    }
}
