//! With as many experts as are chosen, routing chooses nothing.

use crate::{ResolvedCase, error::Fault};

use super::{below, config_path, configs, number};

const EXPERTS: &[&str] = &[
    "num_experts",
    "num_local_experts",
    "n_routed_experts",
    "moe_num_experts",
];
const CHOSEN: &[&str] = &[
    "num_experts_per_tok",
    "num_experts_per_token",
    "moe_top_k",
    "top_k",
];

pub(super) fn check(cases: &[ResolvedCase<'_>]) -> Vec<Fault> {
    let mut faults = Vec::new();
    for case in cases {
        for (at, config) in configs(config_path(case), &case.config) {
            if let (Some((name, experts)), Some((_, chosen))) =
                (number(config, EXPERTS), number(config, CHOSEN))
                && experts <= chosen
            {
                let message = format!("{chosen} of {experts} experts are chosen");
                faults.push(Fault::value(
                    below(&at, &name),
                    message,
                    "more experts than are chosen",
                ));
            }
        }
    }
    faults
}
