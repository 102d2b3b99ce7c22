//! Small parts of messages.

use std::fmt::Display;

/// `a, b, c`, or `none`.
pub(crate) fn list<T: Display>(items: impl IntoIterator<Item = T>) -> String {
    let items: Vec<_> = items.into_iter().map(|item| item.to_string()).collect();
    if items.is_empty() {
        "none".to_owned()
    } else {
        items.join(", ")
    }
}

/// `did you mean `x`? `, or nothing if no candidate is near.
pub(crate) fn nearest<T: AsRef<str>>(
    found: &str,
    candidates: impl IntoIterator<Item = T>,
) -> String {
    let distance = |candidate: T| {
        (
            strsim::damerau_levenshtein(found, candidate.as_ref()),
            candidate.as_ref().to_owned(),
        )
    };
    match candidates.into_iter().map(distance).min() {
        Some((distance, name)) if distance <= 2.max(found.chars().count() / 3) => {
            format!("did you mean `{name}`? ")
        }
        _ => String::new(),
    }
}
