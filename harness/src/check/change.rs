//! Other values in place of some, so that a check can see who notices.

use serde_json::Value;

use crate::{
    array::{Array, Data, Tensors, position},
    backend::Session,
    reference::Input,
    trial::Trial,
};

/// Replaces ids where `is_chosen(row, place on the axis)` says so, in every input of ids that has
/// the axis. Special ids stay, since a model may count or look for them; `None` if nothing changed.
pub(super) fn change<S: Session>(
    trial: &Trial<S>,
    inputs: &Tensors,
    axis: &str,
    is_chosen: impl Fn(usize, usize) -> bool,
) -> Option<Tensors> {
    let mut changed = inputs.clone();
    let mut is_any = false;
    for (input, below) in trial.ids() {
        let Some(array) = inputs.get(&input.name).filter(|array| array.has(axis)) else {
            continue;
        };
        if let Some(other) = other_ids(trial, array, below, axis, &is_chosen) {
            changed.insert(input.name.clone(), other);
            is_any = true;
        }
    }
    is_any.then_some(changed)
}

/// Replaces one whole stream, ids or floats, in its valid positions; `None` where nothing can be.
pub(super) fn change_stream<S: Session>(
    trial: &Trial<S>,
    inputs: &Tensors,
    input: &Input,
) -> Option<Tensors> {
    let array = inputs.get(&input.name)?;
    let masks = trial.masks(true);
    let mask = masks.iter().find(|mask| array.has(&mask.axis));
    let is_valid = |row: usize, at: usize| {
        mask.is_none_or(|mask| mask.of.get(row).is_none_or(|&end| at < end))
    };
    let axis = mask.map(|mask| mask.axis.clone());
    let axis = axis.or_else(|| array.axes().last().cloned())?;
    let other = match input.below {
        Some(below) => other_ids(trial, array, below, &axis, is_valid)?,
        None => {
            let along = array.axes().iter().position(|name| *name == axis)?;
            other_floats(array, |at| is_valid(row_of(array, at), at[along]))?
        }
    };
    let mut changed = inputs.clone();
    changed.insert(input.name.clone(), other);
    Some(changed)
}

/// Moves floats by one where `is_chosen` says so, towards zero, so that they stay as large as they
/// were; `None` if there are none.
pub(super) fn other_floats(array: &Array, is_chosen: impl Fn(&[usize]) -> bool) -> Option<Array> {
    let Data::F32(values) = array.data() else {
        return None;
    };
    let mut is_any = false;
    let mut moved = |(index, &value): (usize, &f32)| {
        if !is_chosen(&position(array.shape(), index)) {
            return value;
        }
        is_any = true;
        if value < 0.0 {
            value + 1.0
        } else {
            value - 1.0
        }
    };
    let moved: Vec<f32> = values.iter().enumerate().map(&mut moved).collect();
    let axes = array.axes().to_vec();
    let array = Array::new(axes, array.shape().to_vec(), Data::F32(moved)).ok()?;
    is_any.then_some(array)
}

/// Where each row ends under a mask that is read; changes to padding should not be seen.
pub(super) fn ends<S: Session>(trial: &Trial<S>, axis: &str) -> Vec<usize> {
    let mut masks = trial.masks(true).into_iter();
    masks
        .find(|mask| mask.axis == axis)
        .map_or_else(Vec::new, |mask| mask.of)
}

/// The row of a batch that a position belongs to.
pub(super) fn row_of(array: &Array, at: &[usize]) -> usize {
    let row = array
        .axes()
        .iter()
        .position(|name| name == crate::trial::BATCH);
    row.map_or(0, |axis| at[axis])
}

fn other_ids<S: Session>(
    trial: &Trial<S>,
    array: &Array,
    below: i64,
    axis: &str,
    is_chosen: impl Fn(usize, usize) -> bool,
) -> Option<Array> {
    let special = special_ids(&trial.reference().manifest().config);
    let along = array.axes().iter().position(|name| name == axis)?;
    let Data::I64(ids) = array.data() else {
        return None;
    };
    let replaced: Vec<i64> = ids
        .iter()
        .enumerate()
        .map(|(index, &id)| {
            let at = position(array.shape(), index);
            if !is_chosen(row_of(array, &at), at[along]) || special.contains(&id) {
                return id;
            }
            another(id, below, &special)
        })
        .collect();
    if replaced == *ids {
        return None;
    }
    let axes = array.axes().to_vec();
    Array::new(axes, array.shape().to_vec(), Data::I64(replaced)).ok()
}

/// The next id that is no special one.
fn another(id: i64, below: i64, special: &[i64]) -> i64 {
    let next = (1..below).map(|step| (id + step).rem_euclid(below));
    next.into_iter()
        .find(|next| !special.contains(next))
        .unwrap_or(id)
}

/// The ids that the config gives a meaning: transformers calls these fields `*_token_id`,
/// `*_token_ids`, `*_token_index` and, of an image's placeholders, `*_patch_id`, at any depth.
pub(super) fn special_ids(config: &Value) -> Vec<i64> {
    let is_id = |key: &str| {
        ["_token_id", "_token_ids", "_token_index", "_patch_id"]
            .iter()
            .any(|end| key.ends_with(end))
    };
    let Value::Object(fields) = config else {
        return Vec::new();
    };
    fields
        .iter()
        .flat_map(|(key, value)| match value {
            Value::Number(id) if is_id(key) => id.as_i64().into_iter().collect(),
            Value::Array(ids) if is_id(key) => ids.iter().filter_map(Value::as_i64).collect(),
            nested => special_ids(nested),
        })
        .collect()
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    #[test]
    fn special_ids_are_found_at_any_depth() {
        let config = json!({
            "pad_token_id": 0, "eos_token_id": [2, 3], "vocab_size": 9, "bos_token_id": null,
            "text_config": {"image_token_index": 7, "image_patch_id": 8},
        });
        let mut found = special_ids(&config);
        found.sort_unstable();
        assert_eq!(found, [0, 2, 3, 7, 8]);
    }

    #[test]
    fn another_id_is_valid_and_not_special() {
        assert_eq!(another(8, 9, &[0, 1]), 2);
        assert_eq!(another(4, 9, &[]), 5);
        assert_eq!(another(0, 2, &[1]), 0);
    }
}
