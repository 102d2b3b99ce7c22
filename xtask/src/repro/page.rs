//! The README of a reproduction: what it shows, and what was done so that candle reads the checkpoint.

use std::fmt::Write as _;

use model_registry::{Binding, Finding};

use super::{manifest::CANDLE, subject::Check};
use crate::fitting;

/// Of a finding's own program.
pub(super) fn of_program(finding: &Finding) -> String {
    let head = &finding.head;
    format!(
        "# {}\n\n{} {}, {}.\n\nThe program ends with code 1 while this is so, and with 0 once it is not.\n",
        head.title, head.package, head.version, head.at
    )
}

/// Of a check of a case.
pub(super) fn of_check(check: &Check<'_>) -> String {
    let case = &check.case;
    let mut page = String::new();
    let title = match check.finding {
        Some(finding) => finding.head.title.clone(),
        None => format!("{} on candle: {}", case.name(), check.test.check),
    };
    let _infallible = writeln!(
        page,
        "# {title}\n\n\
         `cargo run` repeats the calls of `data/calls.json` with candle-transformers {CANDLE} and holds every answer against \
         what transformers' `{}` gives for the same config, weights and inputs in float64. It ends with code 1 while one \
         differs by more than four times what PyTorch itself loses in the same precision.\n\n\
         - `src/main.rs`: how candle is called; `src/candle.rs`: what makes the calls and compares.\n\
         - `data/config.json`, `data/weights.safetensors`: what candle reads. The model is tiny and its weights are drawn \
         by their names, since no number of a real checkpoint matters here.\n\
         - `data/call-*.safetensors`, `data/expected.safetensors`: what goes in, and what PyTorch gives.",
        case.model
    );
    if let Some(tries) = case.tries {
        let _infallible = writeln!(page, "\nThe case tries {tries}.");
    }
    if let Some(finding) = check.finding {
        let head = &finding.head;
        let _infallible = writeln!(
            page,
            "\nThe cause is in {} {}, {}.",
            head.package, head.version, head.at
        );
    }
    if let Some(binding) = case.candle {
        page += &translations(binding);
    }
    page
}

/// What had to be done to the checkpoint before candle could read it.
fn translations(binding: &Binding) -> String {
    let lines = fitting::lines(binding);
    if lines.is_empty() {
        return String::new();
    }
    let lines: String = lines.iter().map(|line| format!("- {line}\n")).collect();
    format!("\nWhat was done to config and checkpoint so that candle reads them:\n\n{lines}")
}
