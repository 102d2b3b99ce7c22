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
const LAYERS: &str = "repro/layers.rs.j2";
const LISTENER: &str = "repro/touchstone.rs.j2";

/// What a reproduction looks at.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Detail {
    /// What the calls give.
    Outputs,
    /// Every tensor on the way as well, which takes a candle-core that tells of them.
    Layers,
}

/// The sources of a reproduction.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Reproduction {
    /// `src/main.rs`: the family's own calls.
    pub main: String,
    /// `src/candle.rs`: what makes the calls and compares; the same for all families.
    pub kit: String,
    /// Where the tensors on the way are looked at.
    pub layers: Option<Layers>,
}

/// What writes the tensors on the way down.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Layers {
    /// `src/layers.rs` of the reproduction.
    pub module: String,
    /// `src/touchstone.rs` of a copy of candle-core, which tells of its tensors by it.
    pub listener: String,
}

#[derive(Serialize)]
struct Context {
    title: String,
    decodes_along: Option<&'static str>,
    adapter: AdapterContext,
    layers: bool,
}

#[derive(Serialize)]
struct KitContext {
    layers: bool,
}

/// The sources for a case; none where candle-transformers does not implement it. The config that
/// they read is candle's already: translated.
pub fn reproduction(
    case: &ResolvedCase<'_>,
    templates: &Templates,
    detail: Detail,
) -> Result<Option<Reproduction>, Error> {
    let Some(binding) = case.candle else {
        return Ok(None);
    };
    let with_layers = detail == Detail::Layers;
    let context = Context {
        title: case.family.title.clone(),
        decodes_along: case.family.architecture.decodes_along(),
        adapter: AdapterContext::new(case, binding)?.on_its_own(),
        layers: with_layers,
    };
    let rendered = templates.render(MAIN, &context)?;
    let main = layout::rust::layout(&rendered).map_err(|broken| refused(broken, rendered))?;
    let kit = templates.render(
        KIT,
        &KitContext {
            layers: with_layers,
        },
    )?;
    let layers = match detail {
        Detail::Outputs => None,
        Detail::Layers => Some(Layers {
            module: templates.render(LAYERS, &())?,
            listener: templates.render(LISTENER, &())?,
        }),
    };
    Ok(Some(Reproduction { main, kit, layers }))
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
