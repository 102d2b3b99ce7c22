//! What a case gets of the list of checks, backend by backend, and why it gets no more.

use model_registry::{Axis, Family, Input, ResolvedCase};

use crate::{
    checks::{CHECKS, Check, Need},
    context::RustContext,
    error::Error,
};

/// The base name of candle's backend.
pub(crate) const CANDLE: &str = "candle";
/// candle again, on the graph.
pub(crate) const CANDLE_GRAPH: &str = "candle-graph";
/// The base name of ONNX Runtime's.
pub(crate) const ORT: &str = "ort";

/// One check of one case on one backend, made or not.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub struct Planned {
    /// The variant's name; `None` for the base case.
    pub variant: Option<String>,
    /// `candle`, `candle-graph` or `ort`.
    pub backend: &'static str,
    /// How the backend is set, where it is tried in more than one way.
    pub setting: Option<&'static str>,
    /// The check's name in the harness.
    pub check: &'static str,
    /// What becomes of it.
    pub fate: Fate,
}

/// What becomes of a check.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum Fate {
    /// It is emitted.
    Made,
    /// The family waives it.
    Waived,
    /// Nothing binds the case to the backend.
    Unbound,
    /// The case or the backend lacks what the check looks at.
    Unmet(Need),
}

/// The names of all checks, in the order in which they are emitted.
pub fn checks() -> impl Iterator<Item = &'static str> {
    CHECKS.iter().map(|check| check.name)
}

/// Every check of a family's architecture, for each of its cases on each backend.
pub fn plan(family: &Family) -> Result<Vec<Planned>, Error> {
    let context = RustContext::new(family, &family.cases())?;
    Ok(context.planned().cloned().collect())
}

/// What a backend reads and gives of a case.
#[derive(Debug)]
pub(crate) struct Way<'a> {
    pub(crate) case: &'a ResolvedCase<'a>,
    pub(crate) backend: &'static str,
    pub(crate) setting: Option<&'static str>,
    pub(crate) inputs: Vec<String>,
    pub(crate) outputs: Vec<String>,
    pub(crate) caches: bool,
    pub(crate) reads_json: bool,
}

/// A check to be emitted: its name, and the axis that it is told.
pub(crate) type Emitted = (&'static str, Option<&'static str>);

impl Way<'_> {
    /// The checks of the case's architecture, in the order of the list.
    pub(crate) fn plan(&self) -> Vec<(Planned, Emitted)> {
        let checks = CHECKS
            .iter()
            .filter(|check| is_due(check, self.case, self.setting));
        checks
            .map(|check| {
                let axis = self.axis().filter(|_| check.takes_axis);
                let planned = planned(
                    self.case,
                    self.backend,
                    self.setting,
                    check,
                    self.fate(check),
                );
                (planned, (check.name, axis))
            })
            .collect()
    }

    fn fate(&self, check: &Check) -> Fate {
        if is_waived(check, self.case) {
            return Fate::Waived;
        }
        let along = check.takes_axis.then_some(Need::Along);
        let unmet = along
            .iter()
            .chain(check.needs)
            .find(|need| !self.meets(**need));
        unmet.map_or(Fate::Made, |need| Fate::Unmet(*need))
    }

    fn meets(&self, need: Need) -> bool {
        match need {
            Need::Rows => self
                .given()
                .any(|axes| axes.iter().filter(|axis| is(axis, "batch")).count() == 1),
            Need::Mask => self.inputs.iter().any(|input| self.is_mask(input)),
            Need::Along => self
                .axis()
                .is_some_and(|along| self.given().flatten().any(|axis| is(axis, along))),
            Need::Cache => self.caches,
            Need::Logits => self.axis().is_some_and(|along| {
                let logits = self.outputs.iter().find(|output| *output == "logits");
                let axes = logits.and_then(|output| self.case.outputs.get(output));
                axes.is_some_and(|axes| {
                    matches!(axes.as_slice(), [batch, axis, vocab]
                        if is(batch, "batch") && is(axis, along) && is(vocab, "vocab"))
                })
            }),
            Need::Growth => self.axis().is_some_and(|along| grows(self.case, along)),
            Need::HalfPrecision => self.backend == CANDLE,
            Need::JsonConfig => self.reads_json,
        }
    }

    /// The axis that positions lie along.
    fn axis(&self) -> Option<&'static str> {
        self.case.family.architecture.positions_along()
    }

    /// The axes of each output that the backend gives.
    fn given(&self) -> impl Iterator<Item = &Vec<Axis>> {
        self.outputs
            .iter()
            .filter_map(|output| self.case.outputs.get(output))
    }

    fn is_mask(&self, input: &str) -> bool {
        matches!(self.case.inputs.get(input), Some(Input::Lengths(_)))
    }
}

/// The same list for a case that nothing binds to a backend.
pub(crate) fn unbound(case: &ResolvedCase<'_>, backend: &'static str) -> Vec<Planned> {
    let checks = CHECKS.iter().filter(|check| is_due(check, case, None));
    checks
        .map(|check| {
            let fate = if is_waived(check, case) {
                Fate::Waived
            } else {
                Fate::Unbound
            };
            planned(case, backend, None, check, fate)
        })
        .collect()
}

fn planned(
    case: &ResolvedCase<'_>,
    backend: &'static str,
    setting: Option<&'static str>,
    check: &Check,
    fate: Fate,
) -> Planned {
    Planned {
        variant: case.variant.map(str::to_owned),
        backend,
        setting,
        check: check.name,
        fate,
    }
}

fn is_due(check: &Check, case: &ResolvedCase<'_>, setting: Option<&str>) -> bool {
    check.architectures.contains(&case.family.architecture)
        && (case.variant.is_none() || check.on_variants)
        && (setting.is_none() || check.at_every_setting)
}

fn is_waived(check: &Check, case: &ResolvedCase<'_>) -> bool {
    case.family
        .waived_checks()
        .any(|(waived, _)| waived == check.name)
}

/// Whether a token can be appended along the axis: ids and masks grow by their own rule, and nothing
/// else may lie there. The recorder draws the same line.
fn grows(case: &ResolvedCase<'_>, along: &str) -> bool {
    let mut ids = 0;
    for input in case.inputs.values() {
        match input {
            Input::Lengths(_) => {}
            Input::Tokens(axes) if lies_along(axes, along) => ids += 1,
            Input::Prompt(prompt) if lies_along(&prompt.shape, along) => ids += 1,
            Input::Tokens(axes) | Input::Floats(axes) => {
                if axes.iter().any(|axis| is(axis, along)) {
                    return false;
                }
            }
            Input::Prompt(model_registry::Prompt { shape, .. })
            | Input::Integers(model_registry::Range { shape, .. })
            | Input::Boxes(model_registry::Range { shape, .. })
            | Input::Constant(model_registry::Filled { shape, .. }) => {
                if shape.iter().any(|axis| is(axis, along)) {
                    return false;
                }
            }
            // Their length is written out.
            Input::Rows(_) => {}
        }
    }
    ids == 1
}

fn lies_along(axes: &[Axis], along: &str) -> bool {
    matches!(axes, [batch, axis] if is(batch, "batch") && is(axis, along))
}

fn is(axis: &Axis, name: &str) -> bool {
    axis.name() == Some(name)
}
