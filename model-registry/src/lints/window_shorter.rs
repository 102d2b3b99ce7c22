//! A window that no sequence outgrows is not tried.

use serde_json::Value;

use crate::{ResolvedCase, error::Fault, outline::Path};

use super::{below, config_path, configs, number};

const WINDOWS: &[&str] = &[
    "sliding_window",
    "attention_window",
    "local_attention",
    "window_size",
];

pub(super) fn check(cases: &[ResolvedCase<'_>]) -> Vec<Fault> {
    let mut wide: Option<(Path, u64, usize)> = None;
    for case in cases {
        let Some(longest) = longest(case) else {
            continue;
        };
        for (at, config) in configs(config_path(case), &case.config) {
            let disabled = config.get("use_sliding_window") == Some(&Value::Bool(false));
            let Some((name, window)) = number(config, WINDOWS).filter(|_| !disabled) else {
                continue;
            };
            if usize::try_from(window).is_ok_and(|window| window < longest) {
                return Vec::new();
            }
            wide.get_or_insert((below(&at, &name), window, longest));
        }
    }
    let fault = |(key, window, longest): (Path, u64, usize)| {
        let message =
            format!("a window of {window} in every case, and no sequence beyond {longest}");
        Fault::value(
            key,
            message,
            "add a variant with a window shorter than the sequence",
        )
    };
    wide.map(fault).into_iter().collect()
}

fn longest(case: &ResolvedCase<'_>) -> Option<usize> {
    let lengths = case.sizes.iter().filter(|(name, _)| *name != "batch");
    lengths.map(|(_, size)| size.recorded).max()
}
