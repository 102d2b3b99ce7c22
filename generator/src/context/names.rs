//! The names that a family's files, modules and constants get, and the ones that are taken.

use std::collections::BTreeMap;

use model_registry::{Architecture, Family, ResolvedCase};

use crate::error::Error;

/// Names that an emitted module uses for something else.
const TAKEN: &[&str] = &[
    "candle",
    "candle_core",
    "candle_nn",
    "candle_transformers",
    "cases",
    "check",
    "harness",
    "on_candle",
    "on_ort",
    "on_ort_unoptimised",
    "ort",
    "pytest",
    "std",
];

/// `xlm-roberta` → `xlm_roberta`, which names the module and both files.
pub(crate) fn module(name: &str) -> String {
    name.replace('-', "_")
}

/// `encoder-only` → `encoder_only`.
pub(crate) fn template_stem(architecture: Architecture) -> String {
    architecture.name().replace('-', "_")
}

/// What names the case's constant: the variant, or the family itself.
pub(super) fn constant<'a>(case: &ResolvedCase<'a>) -> &'a str {
    case.variant.unwrap_or(&case.family.family)
}

/// Refuses names that would mean two things in one emitted file.
pub(super) fn check(family: &Family) -> Result<(), Error> {
    let mut owners = BTreeMap::from([(module(&family.family), family.family.as_str())]);
    if TAKEN.contains(&module(&family.family).as_str()) {
        return Err(refused(
            family,
            &format!(
                "the family's name `{}` is taken by emitted code",
                family.family
            ),
        ));
    }
    for variant in family.variants.keys() {
        let module = module(variant);
        if TAKEN.contains(&module.as_str()) {
            return Err(refused(
                family,
                &format!("the variant's name `{variant}` is taken by emitted code"),
            ));
        }
        if let Some(owner) = owners.insert(module, variant) {
            return Err(refused(
                family,
                &format!("the variant `{variant}` would get the same constant as `{owner}`"),
            ));
        }
    }
    Ok(())
}

fn refused(family: &Family, message: &str) -> Error {
    let message = format!(
        "{message}; expected another name [taken: {}]",
        TAKEN.join(", ")
    );
    Error::registry(&family.family, family.path(), None, message)
}
