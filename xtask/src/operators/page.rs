//! The text of docs/operators.md: the same bytes for the same results.

use std::{
    collections::{BTreeMap, BTreeSet},
    fmt::Write as _,
};

use serde::Deserialize;

use crate::{
    docs::page::{prose, section},
    output,
};

/// What the test `standard` writes.
#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Results {
    /// The version of onnx that the cases come from.
    onnx: String,
    /// The operators of the standard.
    standard: BTreeSet<String>,
    /// The operators that candle-graph knows, with the opset from which on it does.
    known: BTreeMap<String, i64>,
    cases: Vec<Case>,
    /// What is not as the list of known failures says.
    pub surprises: Vec<String>,
}

#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
struct Case {
    name: String,
    operators: BTreeSet<String>,
    outcome: Outcome,
    detail: String,
    cause: Option<String>,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq, Deserialize)]
#[serde(rename_all = "kebab-case")]
enum Outcome {
    Passed,
    Refused,
    Failed,
}

/// What came of several cases.
#[derive(Clone, Copy, Debug, Default)]
struct Tally {
    passed: usize,
    refused: usize,
    failed: usize,
}

impl Tally {
    fn of<'a>(cases: impl Iterator<Item = &'a Case>) -> Self {
        let mut tally = Self::default();
        for case in cases {
            match case.outcome {
                Outcome::Passed => tally.passed += 1,
                Outcome::Refused => tally.refused += 1,
                Outcome::Failed => tally.failed += 1,
            }
        }
        tally
    }

    fn cells(self) -> String {
        format!("{} | {} | {}", self.passed, self.refused, self.failed)
    }
}

/// The element types that ONNX has and candle-graph has not, by their numbers in a model.
const ELEMENT_TYPES: [(i64, &str); 13] = [
    (8, "string"),
    (14, "complex64"),
    (15, "complex128"),
    (17, "float8e4m3fn"),
    (18, "float8e4m3fnuz"),
    (19, "float8e5m2"),
    (20, "float8e5m2fnuz"),
    (21, "uint4"),
    (22, "int4"),
    (23, "float4e2m1"),
    (24, "float8e8m0"),
    (25, "uint2"),
    (26, "int2"),
];

/// Why cases are refused: the reason as the page says it, what of its message marks it, and whether
/// what stands between these marks is worth a list.
const REASONS: [(&str, &str, &str, bool); 9] = [
    ("the operator is not known", "operator `", "` (opset", true),
    (
        "the operator is known in its later meaning alone",
        "): `",
        "` of opset",
        true,
    ),
    (
        "the operator is of another domain",
        "the operators of domain `",
        "`",
        true,
    ),
    (
        "the model imports no default operator set",
        "has no operator set of the default domain",
        "",
        false,
    ),
    (
        "the model is written in an opset that is too old",
        "is written in ",
        " (known",
        true,
    ),
    (
        "an element type is not known",
        "element type ",
        ", which is not",
        true,
    ),
    (
        "an input or output is no tensor but a sequence, a map or optional",
        ": is no tensor",
        "",
        false,
    ),
    (
        "an output that is asked for is not computed",
        "the outputs ",
        " are not computed",
        true,
    ),
    ("an attribute is not known", "attribute `", "`", true),
];

/// Why a case is refused, and what exactly, from the message of the refusal.
fn reason(detail: &str) -> (String, Option<String>) {
    for (reason, before, after, listed) in REASONS {
        let Some((_, rest)) = detail.split_once(before) else {
            continue;
        };
        let Some((what, _)) = rest.split_once(after) else {
            continue;
        };
        return (reason.to_owned(), listed.then(|| readable(what)));
    }
    // Without the node's number and name, which differ from case to case.
    let (_, what) = detail.rsplit_once("): ").unwrap_or(("", detail));
    (prose(what), None)
}

/// What stands in a message, with a type's name instead of its number.
fn readable(what: &str) -> String {
    let number = what.parse::<i64>().ok();
    let known = ELEMENT_TYPES.iter().find(|(code, _)| Some(*code) == number);
    match known {
        Some((_, name)) => format!("`{name}`"),
        None if what.contains(' ') => prose(what),
        None => format!("`{}`", prose(what)),
    }
}

impl Results {
    /// From what the test has written.
    ///
    /// # Errors
    /// Says what is missing, unknown, or does not go together.
    pub fn read(json: &str) -> Result<Self, String> {
        let results: Self = serde_json::from_str(json).map_err(|error| error.to_string())?;
        if results.cases.is_empty() {
            return Err("it tells of no cases".to_owned());
        }
        for case in &results.cases {
            let name = &case.name;
            match case.outcome {
                Outcome::Refused | Outcome::Failed if case.detail.is_empty() => {
                    return Err(format!("{name} does not say why it did not pass"));
                }
                Outcome::Failed if case.cause.is_none() && results.surprises.is_empty() => {
                    return Err(format!("{name} fails without a cause, and is no surprise"));
                }
                _ => {}
            }
        }
        Ok(results)
    }

    /// The whole text.
    pub fn render(&self) -> String {
        let parts = [
            self.head(),
            self.failures(),
            self.refusals(),
            self.operators(),
            self.unknown(),
        ];
        parts.join("\n")
    }

    fn head(&self) -> String {
        let tally = Tally::of(self.cases.iter());
        format!(
            "# Operators\n\n\
             <!-- @generated by `cargo xtask operators` from a run of the ONNX standard's node cases; do not edit. -->\n\n\
             What candle-graph, which runs ONNX graphs on candle, makes of the node cases of onnx {}, at the standard's own tolerances.\n\
             A refused case is one whose model does not load: nothing of it is computed.\n\
             A failed one gives other numbers than the standard expects, or none.\n\n\
             | cases | passed | refused | failed |\n|---:|---:|---:|---:|\n| {} | {} |\n",
            self.onnx,
            self.cases.len(),
            tally.cells()
        )
    }

    fn failures(&self) -> String {
        let failed = self.cases.iter();
        let failed = failed.filter(|case| case.outcome == Outcome::Failed);
        let lines = failed.map(|case| {
            let cause = case.cause.as_deref().unwrap_or("not known");
            format!(
                "- `{}`: {}.\n  Cause: {}.\n",
                case.name,
                prose(&case.detail),
                prose(cause)
            )
        });
        section("Failed, and why", lines)
    }

    fn refusals(&self) -> String {
        let mut reasons: BTreeMap<String, (usize, BTreeMap<String, usize>)> = BTreeMap::new();
        for case in self.refused() {
            let (reason, what) = reason(&case.detail);
            let (count, whats) = reasons.entry(reason).or_default();
            *count += 1;
            if let Some(what) = what {
                *whats.entry(what).or_default() += 1;
            }
        }
        let mut reasons: Vec<_> = reasons.into_iter().collect();
        // The most frequent first, equals by name.
        reasons.sort_by_key(|(_, (count, _))| std::cmp::Reverse(*count));
        let mut text = "## Refused, and why\n\n\
            A case is counted by what is found first.\n\n\
            | reason | cases | what |\n|---|---:|---|\n"
            .to_owned();
        for (reason, (count, whats)) in reasons {
            let whats: Vec<_> = whats
                .iter()
                .map(|(what, count)| format!("{what}: {count}"))
                .collect();
            // Writing to a String cannot fail.
            let _ = writeln!(text, "| {reason} | {count} | {} |", whats.join(", "));
        }
        text
    }

    fn operators(&self) -> String {
        let mut text = format!(
            "## Known operators\n\n\
             {}, each with the opset from which on its meaning is the one computed here.\n\
             A case counts for every operator that its model holds, so that a refusal may be another operator's.\n\n\
             | operator | from opset | passed | refused | failed |\n|---|---:|---:|---:|---:|\n",
            output::count(self.known.len(), "operator")
        );
        for (operator, since) in &self.known {
            let cells = Tally::of(self.with(operator)).cells();
            let _ = writeln!(text, "| {operator} | {since} | {cells} |");
        }
        text
    }

    fn unknown(&self) -> String {
        let held = self.cases.iter().flat_map(|case| &case.operators);
        let all: BTreeSet<&String> = self.standard.iter().chain(held).collect();
        let unknown = all.into_iter();
        let unknown = unknown.filter(|operator| !self.known.contains_key(*operator));
        let lines = unknown.map(|operator| {
            let cases = output::count(self.with(operator).count(), "case");
            let retired = match self.standard.contains(operator) {
                true => "",
                false => ", no longer in the standard",
            };
            format!("- {operator}: {cases}{retired}\n")
        });
        section("Operators of the standard that are refused", lines)
    }

    fn refused(&self) -> impl Iterator<Item = &Case> {
        let cases = self.cases.iter();
        cases.filter(|case| case.outcome == Outcome::Refused)
    }

    fn with(&self, operator: &str) -> impl Iterator<Item = &Case> {
        let cases = self.cases.iter();
        cases.filter(move |case| case.operators.contains(operator))
    }
}
