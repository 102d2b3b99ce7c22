//! What a run owes a verdict for, and which process runs it.

use std::collections::BTreeMap;

use evidence::TestId;
use model_registry::{Category, Family, Registry, ResolvedCase, TOKENIZER, TOKENIZERS, Tokenizer};

use super::{
    Backend, Device, build,
    launch::Launcher,
    smoke::{self, Trial},
};
use crate::{
    exit::{Exit, Failure, OrExit, Result},
    python::{self, Environment},
    regen::REGENERATE,
    workspace::Workspace,
};

/// The check that every case has on every backend.
pub(super) const FORWARD: &str = "forward_matches_reference";

/// Every test of a run.
#[derive(Debug)]
pub struct Plan {
    /// What has to hold before any of them is run.
    pub trials: Vec<Trial>,
    /// One process each.
    pub units: Vec<Unit>,
}

/// The tests of one family that share a process.
#[derive(Clone, Debug)]
pub struct Unit {
    /// The name of its files: `text-encoder.bert.rust`.
    pub name: String,
    /// What is shown while it runs: `bert`.
    pub title: String,
    /// The tests, sorted.
    pub tests: Vec<TestId>,
    /// How its process is started.
    pub launcher: Launcher,
}

impl Plan {
    /// Every test, sorted.
    pub fn tests(&self) -> Vec<TestId> {
        let mut tests: Vec<_> = self
            .units
            .iter()
            .flat_map(|unit| &unit.tests)
            .cloned()
            .collect();
        tests.sort();
        tests
    }
}

/// Builds what has to be built and says what there is to run; nothing to run is an error.
pub(super) fn make(
    workspace: &Workspace,
    registry: &Registry,
    families: &[&Family],
    backends: &[Backend],
    device: Device,
) -> Result<Plan> {
    let (mut units, mut trials) = (Vec::new(), Vec::new());
    if backends.iter().any(|backend| backend.is_rust()) {
        (units, trials) = rust_units(workspace, registry, families, backends, device)?;
    }
    for backend in backends.iter().filter(|backend| !backend.is_rust()) {
        let environment = match backend {
            Backend::PythonTorch => Environment::Recorder,
            _ => Environment::Ort,
        };
        let python = environment.ensure(workspace)?;
        trials.extend(smoke::of_python(workspace, &python, *backend));
        units.extend(families.iter().map(|family| {
            let name = format!("{}.{}.{}", family.category, family.family, backend.name());
            let title = format!("{} on {}", family.family, backend.name());
            let file = python::test_file(family.category.name(), &family.family);
            let launcher = Launcher::python(workspace, &python, &file);
            let tests = family
                .cases()
                .iter()
                .map(|case| id(case, *backend, None, FORWARD))
                .collect();
            Unit {
                name,
                title,
                tests,
                launcher,
            }
        }));
    }
    units.retain(|unit| !unit.tests.is_empty());
    if units.is_empty() {
        let names: Vec<_> = backends.iter().map(|backend| backend.name()).collect();
        let message = format!(
            "none of these families has a test on {}",
            names.join(" or ")
        );
        return Err(Failure::new(Exit::Usage, message));
    }
    Ok(Plan { trials, units })
}

fn rust_units(
    workspace: &Workspace,
    registry: &Registry,
    families: &[&Family],
    backends: &[Backend],
    device: Device,
) -> Result<(Vec<Unit>, Vec<Trial>)> {
    if backends.contains(&Backend::Ort) {
        // Once and here: a fetch that fails is one clear message and not one for each family.
        onnxruntime_library::ensure(&workspace.root).or_exit(Exit::Setup)?;
    }
    let mut categories = Vec::new();
    if backends.iter().any(|backend| backend.runs_models()) {
        categories.extend(families.iter().map(|family| family.category));
        categories.dedup();
    }
    let tokenizers = if backends.contains(&Backend::Tokenizers) {
        tokenizers(registry, families)
    } else {
        Vec::new()
    };
    let mut names: Vec<_> = categories.iter().map(|category| category.name()).collect();
    names.push(build::SMOKE);
    names.extend((!tokenizers.is_empty()).then_some(TOKENIZER));
    let binaries = build::binaries(workspace, &names, device)?;
    let trials = smoke::of_rust(workspace, &binaries[build::SMOKE], backends)?;
    let mut units = Vec::new();
    for category in categories {
        let binary = &binaries[category.name()];
        let listed = build::list(binary)?;
        let tests = identify(registry, category, &listed)
            .map_err(|faults| Failure::new(Exit::Stale, disagreement(category.name(), &faults)))?;
        for family in families.iter().filter(|family| family.category == category) {
            let wanted = |test: &&TestId| {
                test.family == family.family
                    && backends
                        .iter()
                        .any(|backend| backend.name() == test.backend)
            };
            units.push(Unit {
                name: format!("{category}.{}.rust", family.family),
                title: family.family.clone(),
                tests: tests.iter().filter(wanted).cloned().collect(),
                launcher: Launcher::rust(workspace, binary),
            });
        }
    }
    if let Some(binary) = binaries.get(TOKENIZER) {
        let tests = identify_tokenizers(registry, &build::list(binary)?)
            .map_err(|faults| Failure::new(Exit::Stale, disagreement(TOKENIZER, &faults)))?;
        units.extend(tokenizers.into_iter().map(|tokenizer| {
            Unit {
                name: format!("{TOKENIZER}.{}.rust", tokenizer.name),
                title: tokenizer.class.clone(),
                tests: tests
                    .iter()
                    .filter(|test| test.family == tokenizer.name)
                    .cloned()
                    .collect(),
                launcher: Launcher::rust(workspace, binary),
            }
        }));
    }
    Ok((units, trials))
}

/// The recorded tokenizers of some families; of all families, those that no family names as well.
fn tokenizers<'r>(registry: &'r Registry, families: &[&Family]) -> Vec<&'r Tokenizer> {
    let all = families.len() == registry.families().len();
    let is_wanted = |tokenizer: &&Tokenizer| {
        let mut classes = families.iter().filter_map(|f| f.tokenizer.as_ref());
        tokenizer.waived.is_none() && (all || classes.any(|class| *class == tokenizer.class))
    };
    registry.tokenizers().iter().filter(is_wanted).collect()
}

/// The tests of one tokenizer.
pub fn of_tokenizer(tokenizer: &Tokenizer) -> impl Iterator<Item = TestId> {
    tokenizer.checks().map(|check| TestId {
        category: TOKENIZER.into(),
        family: tokenizer.name.clone(),
        variant: None,
        backend: TOKENIZERS.into(),
        setting: None,
        check: check.into(),
    })
}

/// From the paths in the tokenizers' binary to what they test; both ways, so that nothing is left out.
pub fn identify_tokenizers(
    registry: &Registry,
    listed: &[String],
) -> Result<Vec<TestId>, Vec<String>> {
    let owed = registry.tokenizers().iter().flat_map(of_tokenizer);
    let owed: BTreeMap<_, _> = owed.map(|test| (test.rust_path(), test)).collect();
    let missing = owed.keys().filter(|path| !listed.contains(path));
    let unknown = listed.iter().filter(|path| !owed.contains_key(*path));
    let faults: Vec<_> = missing
        .map(|path| format!("it lacks {path}"))
        .chain(unknown.map(|path| format!("the registry knows nothing of {path}")))
        .collect();
    if faults.is_empty() {
        Ok(owed.into_values().collect())
    } else {
        Err(faults)
    }
}

/// From the paths in a category's binary to what they test; both ways, so that nothing is left out.
pub fn identify(
    registry: &Registry,
    category: Category,
    listed: &[String],
) -> Result<Vec<TestId>, Vec<String>> {
    let mut owed = Vec::new();
    let mut modules = BTreeMap::new();
    for family in registry
        .families()
        .iter()
        .filter(|family| family.category == category)
    {
        for case in family.cases() {
            for backend in Backend::ALL
                .into_iter()
                .filter(|backend| backend.runs_models())
            {
                for setting in backend.settings() {
                    let forward = id(&case, backend, *setting, FORWARD);
                    modules.insert(module(&forward.rust_path()).to_owned(), forward.clone());
                    if backend != Backend::Candle || case.candle.is_some() {
                        owed.push(forward.rust_path());
                    }
                }
            }
        }
    }

    let missing = owed.iter().filter(|path| !listed.contains(path));
    let mut faults: Vec<_> = missing.map(|path| format!("it lacks {path}")).collect();
    let mut tests = Vec::new();
    for path in listed {
        match modules.get(module(path)) {
            Some(forward) => {
                let check = path.rsplit("::").next().unwrap_or_default().to_owned();
                tests.push(TestId {
                    check,
                    ..forward.clone()
                });
            }
            None => faults.push(format!("the registry knows nothing of {path}")),
        }
    }
    tests.sort();
    if faults.is_empty() {
        Ok(tests)
    } else {
        Err(faults)
    }
}

fn disagreement(category: &str, faults: &[String]) -> String {
    format!(
        "the test binary `{category}` is not what the registry says:\n  {}\nmend with `{REGENERATE}`, which makes the next run rebuild it",
        faults.join("\n  "),
    )
}

fn module(path: &str) -> &str {
    path.rsplit_once("::").map_or("", |(module, _)| module)
}

fn id(case: &ResolvedCase<'_>, backend: Backend, setting: Option<&str>, check: &str) -> TestId {
    TestId {
        category: case.family.category.name().into(),
        family: case.family.family.clone(),
        variant: case.variant.map(str::to_owned),
        backend: backend.name().into(),
        setting: setting.map(str::to_owned),
        check: check.into(),
    }
}
