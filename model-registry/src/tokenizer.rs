//! The tokenizer classes of transformers: which are recorded, and why others are not.

use std::collections::{BTreeMap, BTreeSet};

use camino::Utf8Path;
use serde::Deserialize;

use crate::{
    Error, Family, TOKENIZER_CHECKS,
    error::Fault,
    outline::{Outline, path},
    parse::parse_or_empty,
    rules::{is_kebab, is_python_identifier},
    words::{list, nearest},
};

/// Where the list lives below `model-registry/`.
pub(crate) const FILE: &str = "tokenizers.yaml";

/// The test crate of the tokenizers, beside those of the categories.
pub const TOKENIZER: &str = "tokenizer";
/// Their backend, called as the crate is.
pub const TOKENIZERS: &str = "tokenizers";

/// One tokenizer class.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Tokenizer {
    /// Its name here: `bert`.
    pub name: String,
    /// transformers' class: `BertTokenizer`.
    pub class: String,
    /// Why it is not recorded; absent where it is.
    pub waived: Option<String>,
    /// Checks that have nothing to look at, each with its reason.
    pub waives: BTreeMap<String, String>,
}

impl Tokenizer {
    /// The checks that are made of it, in the order in which they are emitted; none where it is waived.
    pub fn checks(&self) -> impl Iterator<Item = &'static str> {
        let is_made = |check: &&str| self.waived.is_none() && !self.waives.contains_key(*check);
        TOKENIZER_CHECKS.iter().copied().filter(is_made)
    }
}

/// An entry of the list.
#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct Entry {
    class: String,
    #[serde(default)]
    waived: Option<String>,
    #[serde(default)]
    waives: BTreeMap<String, String>,
}

/// The list, sorted by name, and what is wrong with it.
pub(crate) fn read(text: &str) -> Result<(Vec<Tokenizer>, Vec<Error>), Box<Error>> {
    let file = Utf8Path::new(FILE);
    let entries: BTreeMap<String, Entry> = parse_or_empty(file, text)?;
    let mut faults = Vec::new();
    let mut classes = BTreeSet::new();
    for (name, entry) in &entries {
        if !is_kebab(name) || !name.starts_with(|c: char| c.is_ascii_lowercase()) {
            let help = "words of lower-case letters and digits joined by `-`: `xlm-roberta`";
            let message = format!("`{name}` is no name for a tokenizer");
            faults.push(Fault::key(path(&[name]), message, help));
        }
        if !is_python_identifier(&entry.class) {
            let message = format!("`{}` is no name of a class", entry.class);
            let help = "a class of transformers: `BertTokenizer`";
            faults.push(Fault::value(path(&[name, "class"]), message, help));
        }
        if !classes.insert(&entry.class) {
            let message = format!("`{}` is listed twice", entry.class);
            faults.push(Fault::value(
                path(&[name, "class"]),
                message,
                "keep one of them",
            ));
        }
        if entry.waived.as_deref().is_some_and(says_nothing) {
            let message = format!("`{name}` is waived without a reason");
            let help = "say what stands in the way";
            faults.push(Fault::value(path(&[name, "waived"]), message, help));
        }
        for (check, reason) in &entry.waives {
            let at = path(&[name, "waives", check]);
            if !TOKENIZER_CHECKS.contains(&check.as_str()) {
                let near = nearest(check, TOKENIZER_CHECKS);
                let help = format!("{near}valid: {}", list(TOKENIZER_CHECKS));
                let message = format!("no check of tokenizers is called `{check}`");
                faults.push(Fault::key(at, message, help));
            } else if says_nothing(reason) {
                let message = format!("`{check}` is waived without a reason");
                faults.push(Fault::value(at, message, "say what it has not"));
            }
        }
    }
    let outline = if faults.is_empty() {
        Outline::default()
    } else {
        Outline::of(text).unwrap_or_default()
    };
    let locate = |fault: Fault| fault.locate(file, text, &outline);
    let errors = faults.into_iter().map(locate).collect();
    let tokenizer = |(name, entry): (String, Entry)| Tokenizer {
        name,
        class: entry.class,
        waived: entry.waived,
        waives: entry.waives,
    };
    Ok((entries.into_iter().map(tokenizer).collect(), errors))
}

fn says_nothing(reason: &str) -> bool {
    reason.trim().is_empty()
}

/// Whether the class that a family names is one of the list.
pub(crate) fn check(family: &Family, tokenizers: &[Tokenizer]) -> Option<Fault> {
    let class = family.tokenizer.as_ref()?;
    let classes = || tokenizers.iter().map(|tokenizer| &tokenizer.class);
    if classes().any(|known| known == class) {
        return None;
    }
    let help = format!(
        "{}listed are: {}",
        nearest(class, classes()),
        list(classes())
    );
    let message = format!("model-registry/{FILE} lists no class `{class}`");
    Some(Fault::value(path(&["tokenizer"]), message, help))
}
