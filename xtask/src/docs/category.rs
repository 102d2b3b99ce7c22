//! One page a category: which of its families is right where, and what to watch out for.

use std::fmt::Write as _;

use model_registry::{Category, Registry};

use super::{
    GENERATED,
    standing::{self, Standing, Verdicts, prose},
};

/// The ways to run a model, with what a reader would call them.
const WAYS: [(&str, &str); 3] = [
    ("candle", "candle-transformers"),
    ("candle-graph", "its ONNX graph on candle"),
    ("ort", "its ONNX graph on ONNX Runtime"),
];

/// The page, from the workspace's root.
pub(super) fn path(category: Category) -> String {
    format!("docs/categories/{category}.md")
}

/// The text.
pub(super) fn render(
    registry: &Registry,
    category: Category,
    verdicts: &Verdicts<'_>,
    versions: &str,
) -> String {
    let families: Vec<_> = registry
        .families()
        .iter()
        .filter(|family| family.category == category)
        .collect();
    let mut text = format!(
        "# {}\n\n{GENERATED}\n\n\
         Which model families of this kind give PyTorch's numbers elsewhere: {versions}. \"Right\" means that a tiny model of the \
         family, with every kind of layer that a checkpoint has, stays as near to transformers' float64 as float32 allows, in \
         every check that was made (their number in brackets). A dash: not implemented there. What each check is stands in \
         [checks.md](../checks.md).\n\n| family | for example | {} |\n|---|---|---|---|---|\n",
        title(category),
        WAYS.map(|(_, name)| name).join(" | "),
    );
    let mut notes = String::new();
    for family in families {
        let standings = WAYS.map(|(backend, _)| verdicts.of(family, backend));
        let words = |standing: &Option<Standing<'_>>| match standing {
            None => "–".to_owned(),
            Some(standing) => standing.words(),
        };
        let cells = standings.each_ref().map(words);
        let _infallible = writeln!(
            text,
            "| {} | {} | {} |",
            prose(&family.title),
            family.checkpoints.first().map_or("", String::as_str),
            cells.join(" | ")
        );
        let mut lines = String::new();
        for ((_, name), standing) in WAYS.iter().zip(standings) {
            let Some(standing) = standing.filter(|standing| !standing.gaps.is_empty()) else {
                continue;
            };
            let _infallible = write!(lines, "\nWith {name}:\n\n");
            for gap in &standing.gaps {
                lines += &standing::line(family, gap, "../findings");
            }
        }
        if !lines.is_empty() {
            let _infallible = write!(notes, "\n### {}\n{lines}", prose(&family.title));
        }
    }
    if !notes.is_empty() {
        text += "\n## What to watch out for\n";
        text += &notes;
    }
    text
}

/// `text-encoder-decoder` → `Text encoder-decoder`.
fn title(category: Category) -> String {
    let name = category.name().replacen('-', " ", 1);
    let (first, rest) = name.split_at(1);
    format!("{}{rest}", first.to_uppercase())
}
