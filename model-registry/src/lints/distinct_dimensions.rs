//! Two axes of one length could be swapped without a trace.

use crate::{
    Family, Object,
    error::Fault,
    outline::{Path, path},
};

use super::{below, configs, number};

/// Fields that give the length of an axis.
const LENGTHS: &[&str] = &[
    "d_ff",
    "d_kv",
    "d_model",
    "decoder_ffn_dim",
    "embed_dim",
    "embedding_size",
    "encoder_ffn_dim",
    "ffn_dim",
    "head_dim",
    "hidden_dim",
    "hidden_size",
    "intermediate_size",
    "max_position_embeddings",
    "max_source_positions",
    "max_target_positions",
    "moe_intermediate_size",
    "n_embd",
    "n_inner",
    "n_positions",
    "num_labels",
    "num_mel_bins",
    "projection_dim",
    "vocab_size",
];
const WIDTHS: &[&str] = &[
    "hidden_size",
    "d_model",
    "n_embd",
    "embed_dim",
    "hidden_dim",
];
const HEAD_SIZES: &[&str] = &["head_dim", "d_kv"];
const HEADS: &[&str] = &[
    "num_attention_heads",
    "n_head",
    "num_heads",
    "encoder_attention_heads",
    "decoder_attention_heads",
];

pub(super) fn check(family: &Family) -> Vec<Fault> {
    let case = family.base_case();
    let mut faults = Vec::new();
    let mut widths: Vec<(String, u64)> = Vec::new();
    for (at, config) in configs(path(&["transformers", "config"]), &case.config) {
        let mut lengths = lengths(config);
        let sizes = case
            .sizes
            .iter()
            .map(|(name, size)| (name.clone(), size.recorded as u64));
        let own = lengths.len();
        lengths.extend(sizes);
        for (i, (name, length)) in lengths[..own].iter().enumerate() {
            for (other, _) in lengths[i + 1..].iter().filter(|(_, other)| other == length) {
                faults.push(equal(&at, name, other, *length));
            }
        }
        for (heads, count) in HEADS.iter().filter_map(|name| number(config, &[*name])) {
            let sizes = lengths[..own]
                .iter()
                .filter(|(name, _)| is_head_size(name, &heads));
            for (name, _) in sizes.filter(|(_, size)| *size == count) {
                faults.push(equal(&at, &heads, name, count));
            }
        }
        if let Some((name, width)) = number(config, WIDTHS) {
            let part = at[2..]
                .iter()
                .chain([&name])
                .cloned()
                .collect::<Vec<_>>()
                .join(".");
            for (other, _) in widths.iter().filter(|(_, other)| *other == width) {
                let fault = format!("`{part}` and `{other}` are both {width}");
                faults.push(Fault::value(
                    below(&at, &name),
                    fault,
                    "make one of them different",
                ));
            }
            widths.push((part, width));
        }
    }
    faults
}

/// The lengths that a config gives, and the size of a head where it follows from them.
fn lengths(config: &Object) -> Vec<(String, u64)> {
    let mut lengths: Vec<_> = LENGTHS
        .iter()
        .filter_map(|name| number(config, &[*name]))
        .collect();
    if number(config, HEAD_SIZES).is_none()
        && let Some((width, size)) = number(config, WIDTHS)
    {
        for (heads, count) in HEADS.iter().filter_map(|name| number(config, &[*name])) {
            if let Some(head) = size.checked_div(count) {
                lengths.push((format!("{width} / {heads}"), head));
            }
        }
    }
    // Encoder and decoder may have equal heads; only swapped axes are of interest.
    lengths.dedup_by(|a, b| a.0.contains(" / ") && b.0.contains(" / ") && a.1 == b.1);
    lengths
}

fn is_head_size(name: &str, heads: &str) -> bool {
    HEAD_SIZES.contains(&name) || name.ends_with(&format!("/ {heads}"))
}

fn equal(at: &Path, name: &str, other: &str, length: u64) -> Fault {
    let field = name.split(" / ").next().unwrap_or(name);
    let message = format!("`{name}` and `{other}` are both {length}");
    Fault::value(below(at, field), message, "make one of them different")
}
