//! Names that must be one family's alone, over all files.

use std::collections::BTreeMap;

use camino::Utf8PathBuf;

use crate::{
    Family,
    error::{Fault, from_workspace},
    outline::path,
};

pub(super) fn check<'a>(
    files: &[(&'a Utf8PathBuf, Family)],
    all: &mut BTreeMap<&'a Utf8PathBuf, Vec<Fault>>,
) {
    // Modules, since `a-b` and `a_b` would share one.
    let mut families: BTreeMap<String, &Utf8PathBuf> = BTreeMap::new();
    for (file, family) in files {
        match families.get(&module(&family.family)) {
            Some(first) => {
                let message = format!(
                    "family `{}` is defined by {} already",
                    family.family,
                    from_workspace(first)
                );
                let fault = Fault::value(path(&["family"]), message, "keep one of the two files");
                all.entry(*file).or_default().push(fault);
            }
            None => drop(families.insert(module(&family.family), file)),
        }
    }
    let mut aliases: BTreeMap<&str, &str> = BTreeMap::new();
    for (file, family) in files {
        for (i, alias) in family.aliases.iter().enumerate() {
            let taken = match (families.get(&module(alias)), aliases.get(alias.as_str())) {
                (Some(file), _) => {
                    Some(format!("the family that {} defines", from_workspace(file)))
                }
                (None, Some(other)) => Some(format!("an alias of `{other}` already")),
                (None, None) => None,
            };
            if let Some(taken) = taken {
                let key = path(&["aliases", &i.to_string()]);
                let fault = Fault::value(
                    key,
                    format!("`{alias}` is {taken}"),
                    "an alias names one family",
                );
                all.entry(*file).or_default().push(fault);
            }
            aliases.insert(alias, &family.family);
        }
    }
}

fn module(name: &str) -> String {
    name.replace('-', "_")
}
