//! Other ids in place of some, so that a check can see who notices.

use serde_json::Value;

use crate::{
    array::{Array, Data, Tensors, position},
    backend::Session,
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
    let special = special_ids(&trial.reference().manifest().config);
    let mut changed = inputs.clone();
    let mut count = 0;
    for (input, below) in trial.ids() {
        let Some(array) = changed.get_mut(&input.name).filter(|array| array.has(axis)) else {
            continue;
        };
        let along = array
            .axes()
            .iter()
            .position(|name| name == axis)
            .unwrap_or(0);
        let Data::I64(ids) = array.data() else {
            continue;
        };
        let replaced: Vec<i64> = ids
            .iter()
            .enumerate()
            .map(|(index, &id)| {
                let at = position(array.shape(), index);
                let row = if along == 0 { 0 } else { at[0] };
                if !is_chosen(row, at[along]) || special.contains(&id) {
                    return id;
                }
                another(id, below, &special)
            })
            .collect();
        count += replaced
            .iter()
            .zip(ids)
            .filter(|(new, old)| new != old)
            .count();
        let axes = array.axes().to_vec();
        let shape = array.shape().to_vec();
        *array = Array::new(axes, shape, Data::I64(replaced)).ok()?;
    }
    (count > 0).then_some(changed)
}

/// The next id that is no special one.
fn another(id: i64, below: i64, special: &[i64]) -> i64 {
    let next = (1..below).map(|step| (id + step).rem_euclid(below));
    next.into_iter()
        .find(|next| !special.contains(next))
        .unwrap_or(id)
}

/// The ids that the config gives a meaning: transformers calls these fields `*_token_id`,
/// `*_token_ids` and `*_token_index`, at any depth.
fn special_ids(config: &Value) -> Vec<i64> {
    let is_id = |key: &str| {
        ["_token_id", "_token_ids", "_token_index"]
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
            "text_config": {"image_token_index": 7},
        });
        let mut found = special_ids(&config);
        found.sort_unstable();
        assert_eq!(found, [0, 2, 3, 7]);
    }

    #[test]
    fn another_id_is_valid_and_not_special() {
        assert_eq!(another(8, 9, &[0, 1]), 2);
        assert_eq!(another(4, 9, &[]), 5);
        assert_eq!(another(0, 2, &[1]), 0);
    }
}
