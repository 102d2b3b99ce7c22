//! Runs the fixtures of `tests/fixtures`: a context in JSON, a template, and what comes of both.
//!
//! The parts are set apart by lines of `---`. A template that must fail says so by an expected part
//! that is the whole error.

use std::collections::BTreeMap;

use serde_json::Value;

use crate::Templates;

#[track_caller]
fn check(name: &str, fixture: &str) {
    let parts: Vec<_> = fixture.split("---\n").collect();
    let [context, template, expected] = parts[..] else {
        panic!(
            "{name}: found {} parts, expected context, template and outcome",
            parts.len()
        );
    };
    let context: Value = serde_json::from_str(context).expect("the context is JSON");
    let sources = BTreeMap::from([(name.to_owned(), template.to_owned())]);
    let outcome = Templates::from_sources(sources)
        .map_err(|errors| {
            errors
                .iter()
                .map(ToString::to_string)
                .collect::<Vec<_>>()
                .join("\n")
        })
        .and_then(|templates| {
            templates
                .render(name, &context)
                .map_err(|error| error.to_string())
        });
    let (Ok(outcome) | Err(outcome)) = outcome;
    assert_eq!(outcome.trim_end(), expected.trim_end(), "\n{outcome}");
}

include!(concat!(env!("OUT_DIR"), "/fixtures.rs"));
