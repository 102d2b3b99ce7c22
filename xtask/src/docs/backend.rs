//! One page a backend: what works on it, how a checkpoint is made fit for it, and what to watch out for.

use std::fmt::Write as _;

use model_registry::{Binding, Category, Family, Registry, ResolvedCase};

use super::{
    GENERATED,
    standing::{self, Standing, Verdicts, prose},
};
use crate::fitting;

/// A backend with its page.
pub(super) struct Backend {
    /// The name in evidence.
    pub(super) name: &'static str,
    title: &'static str,
    about: &'static str,
}

/// All that have one.
pub(super) const BACKENDS: [Backend; 3] = [
    Backend {
        name: "candle",
        title: "What works in candle-transformers",
        about: "Families that candle-transformers implements itself. The tables say what a user has to do to config and \
                checkpoint before it reads them, and where its numbers are not PyTorch's.",
    },
    Backend {
        name: "candle-graph",
        title: "What works as an ONNX graph on candle",
        about: "Every family's graph, exported by PyTorch and run by this workspace's `candle-graph` on candle-core.",
    },
    Backend {
        name: "ort",
        title: "What works as an ONNX graph on ONNX Runtime",
        about: "Every family's graph, exported by PyTorch and run by ONNX Runtime, as it optimises by default and without.",
    },
];

/// The page, from the workspace's root.
pub(super) fn path(backend: &Backend) -> String {
    format!("docs/backends/{}.md", backend.name)
}

/// The text.
pub(super) fn render(
    registry: &Registry,
    backend: &Backend,
    verdicts: &Verdicts<'_>,
    versions: &str,
) -> String {
    let mut text = format!(
        "# {}\n\n{GENERATED}\n\n{} Tried with {versions}.\n\n\
         | category | families | right | right but for gaps | not right |\n|---|---|---|---|---|\n",
        backend.title, backend.about,
    );
    let mut parts = String::new();
    for &category in Category::ALL {
        let families = registry.families().iter();
        let tried: Vec<_> = families
            .filter(|family| family.category == category)
            .filter_map(|family| Some((family, verdicts.of(family, backend.name)?)))
            .collect();
        if tried.is_empty() {
            continue;
        }
        let count = |is: &dyn Fn(&Standing<'_>) -> bool| {
            tried.iter().filter(|(_, standing)| is(standing)).count()
        };
        let _infallible = writeln!(
            text,
            "| [{category}](../categories/{category}.md) | {} | {} | {} | {} |",
            tried.len(),
            count(&|standing| standing.is_right()),
            count(&|standing| standing.is_right_at_base() && !standing.is_right()),
            count(&|standing| !standing.is_right_at_base()),
        );
        let mut section = String::new();
        for (family, standing) in &tried {
            section += &entry(backend, family, standing);
        }
        if !section.is_empty() {
            let _infallible = write!(parts, "\n## {category}\n{section}");
        }
    }
    if backend.name == "candle" {
        parts += &unbound(registry);
    }
    text + &parts
}

/// Families that a module is named after, and that it does not compute.
fn unbound(registry: &Registry) -> String {
    let families = registry.families().iter();
    let lines = families.filter_map(|family| {
        let reason = prose(family.unbound.as_deref()?);
        Some(format!("- {}: {reason}\n", prose(&family.title)))
    });
    let lines: String = lines.collect();
    if lines.is_empty() {
        return lines;
    }
    format!("\n## Not tried, though there is a module\n\n{lines}")
}

/// What is to be said of a family; nothing of one that is right and needs nothing.
fn entry(backend: &Backend, family: &Family, standing: &Standing<'_>) -> String {
    let binding = (backend.name == "candle").then(|| bindings(family));
    let mut lines = binding.as_deref().map(made_fit).unwrap_or_default();
    for gap in &standing.gaps {
        lines += &standing::line(family, gap, "../findings");
    }
    if lines.is_empty() && binding.is_none() {
        return lines;
    }
    let checkpoint = family.checkpoints.first();
    let example = checkpoint
        .map(|name| format!(", {name}"))
        .unwrap_or_default();
    let gap = if lines.is_empty() { "" } else { "\n" };
    format!(
        "\n### {}\n\n`{}`{example}: {}\n{gap}{lines}",
        prose(&family.title),
        family.family,
        standing.words()
    )
}

/// The bindings of a family's cases, each once.
fn bindings(family: &Family) -> Vec<&Binding> {
    let cases = family.cases();
    cases.iter().filter_map(ResolvedCase::own_binding).collect()
}

/// What is done to config and checkpoint before candle reads them, and what it does not give.
fn made_fit(bindings: &[&Binding]) -> String {
    let mut lines: Vec<String> = Vec::new();
    for binding in bindings {
        lines.extend(fitting::lines(binding));
        for (output, why) in &binding.missing {
            lines.push(format!("does not give `{output}`: {}", prose(why)));
        }
    }
    let mut told = Vec::new();
    for line in lines {
        if !told.contains(&line) {
            told.push(line);
        }
    }
    told.iter().map(|line| format!("- {line}\n")).collect()
}
