//! What the Rust templates see.

use std::collections::BTreeMap;

use model_registry::{Family, ResolvedCase};
use serde::Serialize;

use super::{
    adapter::AdapterContext,
    names::{self, constant},
};
use crate::{
    error::Error,
    plan::{self, CANDLE, CANDLE_GRAPH, Fate, ORT, Planned, Way},
};

/// One family's Rust file.
#[derive(Debug, Serialize)]
pub(crate) struct RustContext {
    title: String,
    architecture: &'static str,
    modality: String,
    /// The axis that grows while decoding, if one does.
    decodes_along: Option<&'static str>,
    base: CaseContext,
    variants: Vec<CaseContext>,
}

/// The base case, or a variant.
#[derive(Debug, Serialize)]
struct CaseContext {
    #[serde(flatten)]
    names: CaseNames,
    /// What the variant tries, as a sentence.
    tries: String,
    /// The adapter that the case brings; none where it has another case's, or none at all.
    adapter: Option<AdapterContext>,
    /// Whether another case has it too.
    shares_adapter: bool,
    /// The variant that brings the adapter instead.
    adapter_of: Option<String>,
    backends: Vec<BackendContext>,
    /// The checks of the case, with those that are not made.
    #[serde(skip)]
    planned: Vec<Planned>,
}

/// What a case's constant holds.
#[derive(Debug, Serialize)]
pub(super) struct CaseNames {
    category: &'static str,
    family: String,
    variant: Option<String>,
    recorded_from: String,
    /// What it is named after.
    constant: String,
}

impl From<&ResolvedCase<'_>> for CaseNames {
    fn from(case: &ResolvedCase<'_>) -> Self {
        Self {
            category: case.family.category.name(),
            family: case.family.family.clone(),
            variant: case.variant.map(str::to_owned),
            recorded_from: case.recorded_from(),
            constant: constant(case).to_owned(),
        }
    }
}

/// One way of running a case.
#[derive(Debug, Serialize)]
struct BackendContext {
    name: &'static str,
    setting: Option<&'static str>,
    tests: Vec<TestContext>,
}

/// One `#[test]`.
#[derive(Debug, Serialize)]
struct TestContext {
    check: &'static str,
    /// The axis that the check is told, if it takes one.
    axis: Option<&'static str>,
}

impl RustContext {
    pub(crate) fn new(family: &Family, cases: &[ResolvedCase<'_>]) -> Result<Self, Error> {
        names::check(family)?;
        let mut adapters = Vec::with_capacity(cases.len());
        for case in cases {
            let own = case.own_binding();
            let adapter = own.map(|binding| AdapterContext::new(case, binding));
            adapters.push(adapter.transpose()?);
        }
        let natives: BTreeMap<_, _> = cases
            .iter()
            .zip(&adapters)
            .filter_map(|(case, adapter)| Some((case.variant, Native::from(adapter.as_ref()?))))
            .collect();
        let contexts: Vec<_> = cases
            .iter()
            .zip(adapters)
            .map(|(case, adapter)| {
                let native = case.candle.and_then(|_| natives.get(&case.binding_of));
                let has_it = |other: &&ResolvedCase<'_>| other.binding_of == case.variant;
                let is_shared = cases.iter().filter(has_it).count() > 1;
                case_context(case, adapter, is_shared, native)
            })
            .collect();
        let mut contexts = contexts.into_iter();
        let Some(base) = contexts.next() else {
            return Err(Error::registry(
                &family.family,
                family.path(),
                None,
                "the family has no case",
            ));
        };
        Ok(Self {
            title: family.title.clone(),
            architecture: family.architecture.name(),
            modality: family.modality.to_string(),
            decodes_along: family.architecture.decodes_along(),
            base,
            variants: contexts.collect(),
        })
    }

    /// The checks of every case, with those that are not made.
    pub(crate) fn planned(&self) -> impl Iterator<Item = &Planned> {
        let cases = std::iter::once(&self.base).chain(&self.variants);
        cases.flat_map(|case| &case.planned)
    }
}

/// What the plan of a case needs to know of the adapter that it has, whoever brings it.
struct Native {
    inputs: Vec<String>,
    outputs: Vec<String>,
    caches: bool,
    reads_json: bool,
}

impl From<&AdapterContext> for Native {
    fn from(adapter: &AdapterContext) -> Self {
        Self {
            inputs: adapter.inputs.clone(),
            outputs: adapter
                .outputs
                .iter()
                .map(|output| output.name.clone())
                .collect(),
            caches: adapter.caches,
            reads_json: adapter.reads_json(),
        }
    }
}

fn case_context(
    case: &ResolvedCase<'_>,
    adapter: Option<AdapterContext>,
    shares_adapter: bool,
    native: Option<&Native>,
) -> CaseContext {
    let on_candle = native.map(|native| Way {
        case,
        backend: CANDLE,
        setting: None,
        inputs: native.inputs.clone(),
        outputs: native.outputs.clone(),
        caches: native.caches,
        reads_json: native.reads_json,
    });
    let on_graphs = [
        (CANDLE_GRAPH, None),
        (ORT, None),
        (ORT, Some("unoptimised")),
    ];
    let on_graphs = on_graphs.map(|(backend, setting)| Way {
        case,
        backend,
        setting,
        inputs: case.inputs.keys().cloned().collect(),
        outputs: case.outputs.keys().cloned().collect(),
        caches: false,
        reads_json: false,
    });

    let mut planned = Vec::new();
    if on_candle.is_none() {
        planned = plan::unbound(case, CANDLE);
    }
    let mut backends = Vec::new();
    for way in on_candle.into_iter().chain(on_graphs) {
        let mut tests = Vec::new();
        for (plan, (check, axis)) in way.plan() {
            if plan.fate == Fate::Made {
                tests.push(TestContext { check, axis });
            }
            planned.push(plan);
        }
        backends.push(BackendContext {
            name: way.backend,
            setting: way.setting,
            tests,
        });
    }
    CaseContext {
        names: CaseNames::from(case),
        tries: case.tries.map(sentence).unwrap_or_default(),
        adapter_of: case
            .binding_of
            .filter(|owner| native.is_some() && case.variant != Some(owner))
            .map(str::to_owned),
        adapter,
        shares_adapter,
        backends,
        planned,
    }
}

/// `heads of an explicit size` → `Heads of an explicit size.`; names such as `mT5` stay as they are.
fn sentence(text: &str) -> String {
    let text = text.trim();
    let first = text
        .split(|c: char| !c.is_alphanumeric())
        .next()
        .unwrap_or_default();
    let mut sentence = text.to_owned();
    if !first.is_empty() && first.bytes().all(|byte| byte.is_ascii_lowercase()) {
        sentence[..1].make_ascii_uppercase();
    }
    if !sentence.ends_with(['.', '!', '?']) {
        sentence.push('.');
    }
    sentence
}
