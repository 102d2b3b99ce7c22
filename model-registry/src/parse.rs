//! One YAML file to one value, strictly, with structural faults told in the registry's words.

use camino::Utf8Path;
use evidence::Outcome;
use serde::de::DeserializeOwned;
use serde_saphyr::{
    DefaultMessageFormatter, Error as YamlError, MergeKeyPolicy, MessageFormatter, Options,
    budget::BudgetBreach,
};

use crate::{
    Architecture, Category, Error, Modality, Priority,
    outline::{Outline, Path, bytes},
    words::{list, nearest},
};

/// How strictly YAML is read: nothing is guessed, nothing is merged, nothing grows.
pub(crate) fn options() -> Options {
    serde_saphyr::options! {
        strict_booleans: true,
        merge_keys: MergeKeyPolicy::Error,
        no_schema: true,
        with_snippet: false,
        alias_limits: serde_saphyr::alias_limits! {
            max_total_replayed_events: 4096,
            max_replay_stack_depth: 8,
        },
        budget: serde_saphyr::budget! { max_depth: 32, max_nodes: 20_000 },
    }
}

/// The file's value, or its first structural fault.
pub(crate) fn parse<T: DeserializeOwned>(path: &Utf8Path, text: &str) -> Result<T, Box<Error>> {
    serde_saphyr::from_str_with_options(text, options()).map_err(|error| {
        // What is no YAML is told before what is no family.
        let (error, outline) = match Outline::of(text) {
            Ok(outline) => (error, outline),
            Err(error) => (*error, Outline::default()),
        };
        let mut place = error
            .location()
            .map_or(0..0, |location| bytes(text, location));
        let mut key = outline.path_at(place.start);
        if let YamlError::Unexpected { .. } = error
            && let Some((path, value)) = outline.passed(&key, place.start)
        {
            (key, place) = (path, value);
        } else if let YamlError::Unexpected { .. } = error
            && outline.is_key(&key, place.start)
        {
            // The reader stops at a map's first key where it expected no map.
            key.pop();
        }
        let told = Told {
            text,
            outline: &outline,
            offset: place.start,
        };
        let (key, message, help) = told.in_words(&error, key);
        let place = match &error {
            // The reader has gone on to the last key when it finds that one is missing.
            YamlError::SerdeMissingField { .. } => outline
                .find(&key)
                .and_then(|(_, place)| place.key.clone())
                .unwrap_or(0..0),
            _ => place,
        };
        Box::new(Error::at(path, text, place, &key, message, help))
    })
}

/// The same, of a file that may hold comments alone.
pub(crate) fn parse_or_empty<T: DeserializeOwned + Default>(
    path: &Utf8Path,
    text: &str,
) -> Result<T, Box<Error>> {
    let is_comment = |line: &str| line.is_empty() || line.starts_with('#');
    if text.lines().all(is_comment) {
        Ok(T::default())
    } else {
        parse(path, text)
    }
}

/// A file in which something is wrong at an offset.
struct Told<'a> {
    text: &'a str,
    outline: &'a Outline,
    offset: usize,
}

impl Told<'_> {
    /// The key that is meant, what is wrong with it, and what would be valid.
    fn in_words(&self, error: &YamlError, mut key: Path) -> (Path, String, String) {
        let name = named(&key);
        let found = self
            .outline
            .find(&key)
            .map_or_else(String::new, |(_, place)| place.what.clone());
        let (message, help) = match error {
            YamlError::AliasError { error, .. } | YamlError::WithSnippet { error, .. } => {
                return self.in_words(error, key);
            }
            YamlError::SerdeUnknownField {
                field, expected, ..
            } => (
                format!("unknown key `{field}`"),
                format!("{}valid keys: {}", nearest(field, expected), list(expected)),
            ),
            YamlError::SerdeUnknownVariant {
                variant, expected, ..
            } => {
                let what = if key.last() == Some(variant) {
                    "key"
                } else {
                    &name
                };
                let help = format!("{}valid: {}", nearest(variant, expected), list(expected));
                (format!("unknown {what} `{variant}`"), help)
            }
            YamlError::SerdeMissingField { field, .. } => {
                key.pop();
                (
                    format!("missing key `{field}`"),
                    format!("every {} needs one", holder(&key)),
                )
            }
            YamlError::DuplicateMappingKey { key: given, .. } => {
                let given = given.as_deref().unwrap_or("?");
                let (first, path) = self.outline.before(given, self.offset);
                key = path;
                let line = self.text[..first].matches('\n').count() + 1;
                let help = format!("keep one of them; the first is in line {line}");
                (format!("key `{given}` is given twice"), help)
            }
            YamlError::SerdeInvalidType {
                unexpected,
                expected,
                ..
            }
            | YamlError::SerdeInvalidValue {
                unexpected,
                expected,
                ..
            } => (
                format!("{name} is {unexpected}"),
                format!("valid: {expected}"),
            ),
            YamlError::QuotingRequired { .. } if found == "empty" => (
                format!("{name} is empty"),
                format!("valid: {}", choices(&key)),
            ),
            YamlError::QuotingRequired { value, .. } => (
                format!("{name} is `{value}`, which YAML readers take for a number or a boolean"),
                format!("quote it to make it text: \"{value}\""),
            ),
            YamlError::Unexpected { .. } if matches!(key.as_slice(), [.., of, _] if of == "inputs") => {
                (
                    format!("{name} is {found}"),
                    format!("valid: {}", choices(&key)),
                )
            }
            YamlError::Unexpected { expected, .. } => (
                format!("{name} is {found}"),
                format!("valid: {}", plainly(expected)),
            ),
            YamlError::InvalidScalar { ty, .. } => (
                format!("{name} is {found}"),
                format!("valid: {}", plainly(ty)),
            ),
            YamlError::NonFiniteFloat { value, .. } => (
                format!("{name} is `{value}`"),
                "valid: a finite number".to_owned(),
            ),
            YamlError::NullIntoString { .. } => (
                format!("{name} is empty"),
                format!("valid: {}", plainly("string scalar")),
            ),
            YamlError::ExternallyTaggedEnumExpectedScalarOrMapping { .. } => (
                format!("{name} is {found}"),
                format!("valid: {}", choices(&key)),
            ),
            YamlError::ExpectedMappingEndAfterEnumVariantValue { .. } => (
                format!("{name} is one key too many"),
                "choose one of the keys".to_owned(),
            ),
            other => self.of_the_file(other),
        };
        (key, message, help)
    }

    /// What is wrong with the file as a whole, whatever it holds.
    fn of_the_file(&self, error: &YamlError) -> (String, String) {
        let (message, help) = match error {
            YamlError::MergeKeyNotAllowed { .. } => {
                ("found a merge key `<<`", "write the keys out")
            }
            YamlError::AliasReplayLimitExceeded { .. }
            | YamlError::AliasExpansionLimitExceeded { .. }
            | YamlError::AliasReplayStackDepthExceeded { .. } => (
                "the file grows too large once its aliases are written out",
                "write the values out without `&` and `*`",
            ),
            YamlError::UnknownAnchor { .. } => {
                ("an alias `*` of nothing", "quote text that starts with `*`")
            }
            YamlError::Budget {
                breach: BudgetBreach::Depth { .. },
                ..
            } => (
                "the file nests too deep",
                "no family needs more than a few levels",
            ),
            YamlError::Budget { .. } => ("the file is too large", "one family a file"),
            YamlError::MultipleDocuments { .. } => {
                ("the file holds several documents", "one family a file")
            }
            YamlError::Eof { .. } => ("the file is empty or cut off", "one family a file"),
            other => {
                return (
                    DefaultMessageFormatter.format_message(other).into_owned(),
                    "YAML as in the neighbouring files; text that holds signs of YAML stands in quotes"
                        .to_owned(),
                );
            }
        };
        (message.to_owned(), help.to_owned())
    }
}

/// What the value at a path is called.
fn named(key: &[String]) -> String {
    let is_index = |name: &String| name.parse::<usize>().is_ok();
    match key {
        [] => "the file".to_owned(),
        [.., of, index] if is_index(index) => format!("an entry of {of}"),
        [.., name] => name.clone(),
    }
}

/// What a path's map is called.
fn holder(key: &[String]) -> String {
    match key {
        [] => "file".to_owned(),
        [.., of, _] if of == "variants" => "variant".to_owned(),
        [.., name] => format!("`{name}`"),
    }
}

/// What a path that holds a choice may hold.
fn choices(key: &[String]) -> String {
    match key.last().map(String::as_str) {
        Some("category") => list(Category::ALL),
        Some("architecture") => list(Architecture::ALL),
        Some("modality") => list(Modality::ALL),
        Some("priority") => list(Priority::ALL),
        Some("outcome") => list(Outcome::ALL),
        _ if key.iter().any(|part| part == "inputs") => {
            "a recipe: `{tokens: [batch, sequence]}`".to_owned()
        }
        _ if key.iter().any(|part| part == "translate") => "`{from: …}` or `{value: …}`".to_owned(),
        _ => "a value".to_owned(),
    }
}

/// The reader's words for what it expected, in plainer ones.
fn plainly(expected: &str) -> &str {
    match expected {
        "string scalar" => "text",
        "sequence start" => "a list: `[…]`",
        "mapping start" => "a map: `key: value`",
        "u64" | "usize" | "u32" => "a whole number from 0 on",
        "i64" | "isize" | "i32" => "a whole number",
        other => other,
    }
}
