//! An epsilon that float32 cannot tell from zero leaves a wrong one unseen.

use crate::{Architecture, Family, ResolvedCase, error::Fault, outline::path};

use super::configs;

/// What float32 can tell from zero beside a variance of about one.
const TELLING: f64 = 1e-5;

pub(super) fn check(family: &Family, cases: &[ResolvedCase<'_>]) -> Vec<Fault> {
    // Others consist of parts that are tried as families, or normalise by other means.
    let normalises = matches!(
        family.architecture,
        Architecture::EncoderOnly
            | Architecture::DecoderOnly
            | Architecture::StateSpace
            | Architecture::EncoderDecoder
            | Architecture::Vision
            | Architecture::DualEncoder
    );
    let tells = cases.iter().any(|case| {
        configs(Vec::new(), &case.config).iter().any(|(_, config)| {
            config.iter().any(|(name, value)| {
                is_epsilon(name) && value.as_f64().is_some_and(|epsilon| epsilon >= TELLING)
            })
        })
    });
    if !normalises || tells {
        return Vec::new();
    }
    let message = "no case has a normalisation epsilon of 1e-5 or more";
    let help = "add a variant with one: `config: {layer_norm_eps: 1.0e-5}`";
    vec![Fault::key(path(&["transformers", "config"]), message, help)]
}

fn is_epsilon(name: &str) -> bool {
    name == "eps" || name.ends_with("_eps") || name.ends_with("_epsilon")
}
