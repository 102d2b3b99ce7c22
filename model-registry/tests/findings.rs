//! Pages of findings: read, held against the expectations, and refused where they would rot.

use camino::Utf8Path;
use model_registry::{Expectations, Finding, Findings, Program, Registry, Symptom};

const PAGE: &str = "\
---
title: T5 multiplies where it should divide
package: candle-transformers
version: 0.11.1
at: src/models/t5.rs:919
kind: wrong-numbers
reproduce: t5.lm-head forward_matches_reference
fix:
  - file: src/models/t5.rs
    line: 919
    replace: a * b
    with: a / b
---

## Symptom
Logits are too large.

## Cause
It multiplies.

## Numbers
100 instead of 1.

## Proposed fix
Divide.
";

fn read(name: &str, text: &str) -> Result<Finding, String> {
    let path = Utf8Path::new("docs/findings").join(name);
    Finding::from_source(&path, text).map_err(|errors| errors.to_string())
}

#[test]
fn a_page_says_what_where_and_what_shows_it() {
    let page = read("t5-tied-head.md", PAGE).expect("a page");
    assert_eq!(page.name, "t5-tied-head");
    assert_eq!(page.head.kind, Symptom::WrongNumbers);
    assert_eq!(
        page.shown_by(),
        Some(("t5.lm-head", "forward_matches_reference"))
    );
    assert_eq!(page.head.fix[0].line, 919);
    assert_eq!(page.program, None);
}

#[test]
fn a_page_may_bring_its_own_program() {
    let text = PAGE.replace("reproduce: t5.lm-head forward_matches_reference\n", "");
    for (language, program) in [
        ("rust", Program::Rust("fn main() {}\n".into())),
        ("python", Program::Python("fn main() {}\n".into())),
    ] {
        let own = format!("{text}\n## Reproduction\n```{language}\nfn main() {{}}\n```\n");
        let page = read("core-pow.md", &own).expect("a page");
        assert_eq!(page.program, Some(program));
    }
}

#[test]
fn pages_that_would_rot_are_refused() {
    let without = PAGE.replace("reproduce: t5.lm-head forward_matches_reference\n", "");
    let faults = [
        read("T5.md", PAGE),
        read("a.md", "# No head\n"),
        read("a.md", &PAGE.replace("kind: wrong-numbers", "kind: wrong")),
        read(
            "a.md",
            &PAGE.replace("at: src/models/t5.rs:919", "at: t5.rs"),
        ),
        read(
            "a.md",
            &PAGE.replace("t5.lm-head forward", "t5.lm-head, forward it"),
        ),
        read("a.md", &PAGE.replace("with: a / b", "with: a * b")),
        read("a.md", &PAGE.replace("## Numbers", "## Figures")),
        read("a.md", &without),
        read(
            "a.md",
            &format!("{PAGE}\n## Reproduction\n```rust\nfn main() {{}}\n```\n"),
        ),
    ];
    let faults: Vec<_> = faults
        .into_iter()
        .map(|fault| fault.expect_err("a fault"))
        .collect();
    insta::assert_snapshot!(faults.join("\n\n"));
}

#[test]
fn pages_and_expectations_name_each_other() {
    let root = tempfile::tempdir().expect("a temporary folder");
    let root = Utf8Path::from_path(root.path()).expect("UTF-8");
    let folder = root.join("docs/findings");
    std::fs::create_dir_all(&folder).expect("writable");
    std::fs::write(folder.join("README.md"), "the index").expect("writable");
    std::fs::write(folder.join("t5-tied-head.md"), PAGE).expect("writable");
    let findings = Findings::load(root).expect("one page");
    assert!(findings.get("t5-tied-head").is_some());
    assert_eq!(findings.pages().len(), 1);

    let registry = Registry::load(Utf8Path::new(env!("CARGO_MANIFEST_DIR"))).expect("the real one");
    let check = |entry: &str| {
        let path = Utf8Path::new("expectations/candle-cpu.yaml");
        let list = Expectations::from_source(path, entry.to_owned()).expect("a list");
        let checked = findings.check_against(&registry, &[list]);
        checked.map_err(|errors| errors.to_string())
    };
    let entry = "- {family: t5, variant: lm-head, check: forward_matches_reference, outcome: mismatch, cause: a, finding: t5-tied-head}\n";
    assert_eq!(check(entry), Ok(()));
    let faults = [
        check(&entry.replace("t5-tied-head", "t5-other")),
        check(&entry.replace("variant: lm-head, ", "")),
    ];
    let faults = faults.map(|fault| fault.expect_err("a fault"));
    insta::assert_snapshot!(faults.join("\n\n"));
}

/// Every page of this workspace is one.
#[test]
fn the_pages_of_this_workspace_are_in_order() {
    let root = Utf8Path::new(env!("CARGO_MANIFEST_DIR")).join("..");
    if let Err(errors) = Findings::load(&root) {
        panic!("{errors}");
    }
}
