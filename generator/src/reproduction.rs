//! A case's binding as a program of its own, for somebody who has candle and nothing of Touchstone.

use model_registry::ResolvedCase;
use serde::Serialize;

use crate::{
    Templates,
    context::AdapterContext,
    error::{Error, ErrorKind},
    layout::{self, Broken},
};

const MAIN: &str = "repro/main.rs.j2";
const KIT: &str = "repro/candle.rs.j2";

/// The sources of a reproduction.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Reproduction {
    /// `src/main.rs`: the family's own calls.
    pub main: String,
    /// `src/candle.rs`: what makes the calls and compares; the same for all families.
    pub kit: String,
}

#[derive(Serialize)]
struct Context {
    title: String,
    decodes_along: Option<&'static str>,
    adapter: AdapterContext,
}

/// The sources for a case; none where candle-transformers does not implement it. The config and the
/// weights that they read are candle's already: translated, renamed and derived.
pub fn reproduction(
    case: &ResolvedCase<'_>,
    templates: &Templates,
) -> Result<Option<Reproduction>, Error> {
    let Some(binding) = case.candle else {
        return Ok(None);
    };
    let context = Context {
        title: case.family.title.clone(),
        decodes_along: case.family.architecture.decodes_along(),
        adapter: AdapterContext::new(case, binding)?.on_its_own(),
    };
    let rendered = templates.render(MAIN, &context)?;
    let main = layout::rust::layout(&rendered).map_err(|broken| refused(broken, rendered))?;
    let kit = templates.render(KIT, &())?;
    Ok(Some(Reproduction { main, kit }))
}

fn refused(broken: Broken, rendered: String) -> Error {
    let kind = ErrorKind::Output {
        language: "Rust",
        message: broken.message,
        line: broken.line,
        column: broken.column,
        rendered,
    };
    Error {
        family: None,
        template: MAIN.to_owned(),
        kind,
    }
}
