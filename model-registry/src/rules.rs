//! What a well-formed file may still get wrong: everything is told at once.

mod binding;
mod config;
mod duplicates;
mod names;
mod nesting;
mod snippet;
mod tensors;

use std::collections::BTreeMap;

use camino::Utf8PathBuf;
use rayon::prelude::*;

use crate::{Family, error::Fault, lints};

pub(crate) use names::{is_identifier, is_kebab, is_plain, is_python_identifier};

/// The faults of all files, by file.
pub(crate) fn check<'a>(
    files: &[(&'a Utf8PathBuf, Family)],
) -> BTreeMap<&'a Utf8PathBuf, Vec<Fault>> {
    let each: Vec<_> = files
        .par_iter()
        .map(|(path, family)| (*path, faults(path, family)))
        .collect();
    let mut all: BTreeMap<_, Vec<_>> = each.into_iter().collect();
    duplicates::check(files, &mut all);
    all.retain(|_, faults| !faults.is_empty());
    all
}

fn faults(path: &Utf8PathBuf, family: &Family) -> Vec<Fault> {
    let cases = family.cases();
    let mut faults = Vec::new();
    names::check(path, family, &mut faults);
    config::check(family, &mut faults);
    tensors::check(family, &cases, &mut faults);
    binding::check(family, &cases, &mut faults);
    lints::check(family, &cases, &mut faults);
    faults
}
