//! A tiny config changes sizes only; anything else would tune the family until it passes.

use serde_json::Value;

use crate::{
    Family, Object,
    error::Fault,
    outline::{Path, path},
};

use super::below;

pub(super) fn check(family: &Family) -> Vec<Fault> {
    let mut faults = Vec::new();
    walk(
        &path(&["transformers", "config"]),
        &family.transformers.config,
        false,
        &mut faults,
    );
    faults
}

fn walk(at: &Path, config: &Object, is_part: bool, faults: &mut Vec<Fault>) {
    for (name, value) in config {
        let key = below(at, name);
        match value {
            Value::Object(part) if name.ends_with("_config") => walk(&key, part, true, faults),
            // Says which class the part is.
            Value::String(_) if is_part && name == "model_type" => {}
            _ if is_size(name) && is_whole(value) => {}
            // No id at all is as small as an id can be.
            Value::Null if name.ends_with("_token_id") => {}
            _ => faults.push(Fault::key(
                key,
                format!("`{name}: {value}` is not a size"),
                "move it to `transformers.checkpoint` if the first checkpoint has it, else to a variant",
            )),
        }
    }
}

/// Sizes are told by their names, since nothing else tells 4 heads from a factor of 4.
fn is_size(name: &str) -> bool {
    const PREFIXES: [&str; 6] = ["d_", "dim_", "max_", "n_", "num_", "vocab"];
    const SUFFIXES: [&str; 24] = [
        "_channels",
        "_depth",
        "_depths",
        "_dim",
        "_dims",
        "_groups",
        "_head",
        "_heads",
        "_height",
        "_kernel",
        "_layer",
        "_layers",
        "_length",
        "_per_clip",
        "_points",
        "_positions",
        "_rank",
        "_size",
        "_sizes",
        "_stride",
        "_token_id",
        "_token_ids",
        "_token_index",
        "_tokens",
    ];
    const NAMES: [&str; 10] = [
        "depth",
        "depths",
        "dim",
        "dims",
        "image_grid_pinpoints",
        "relative_attention_max_distance",
        "relative_attention_num_buckets",
        "width",
        "height",
        "stride",
    ];
    PREFIXES.iter().any(|prefix| name.starts_with(prefix))
        || SUFFIXES.iter().any(|suffix| name.ends_with(suffix))
        || NAMES.contains(&name)
}

/// A whole number, or a list of them however deep.
fn is_whole(value: &Value) -> bool {
    match value {
        Value::Number(number) => number.is_u64() || number.is_i64(),
        Value::Array(values) => values.iter().all(is_whole),
        _ => false,
    }
}
