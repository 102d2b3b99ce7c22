//! Where keys and values may have fewer heads than queries, some case has fewer.

use crate::{ResolvedCase, error::Fault, outline::Path};

use super::{below, config_path, configs, number};

const HEADS: &[&str] = &["num_attention_heads", "n_head", "num_heads"];
const KEY_VALUE_HEADS: &[&str] = &["num_key_value_heads", "num_kv_heads", "n_head_kv"];

pub(super) fn check(cases: &[ResolvedCase<'_>]) -> Vec<Fault> {
    let mut equal: Option<(Path, u64)> = None;
    for case in cases {
        for (at, config) in configs(config_path(case), &case.config) {
            let (Some((_, heads)), Some((name, fewer))) =
                (number(config, HEADS), number(config, KEY_VALUE_HEADS))
            else {
                continue;
            };
            if fewer < heads {
                return Vec::new();
            }
            equal.get_or_insert((below(&at, &name), heads));
        }
    }
    let fault = |(key, heads): (Path, u64)| {
        let message =
            format!("keys and values have {heads} heads, as many as queries, in every case");
        Fault::value(key, message, "add a variant with fewer")
    };
    equal.map(fault).into_iter().collect()
}
