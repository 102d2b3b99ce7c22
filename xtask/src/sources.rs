//! What everything is made from, read from disk: the registry, the templates, and the tree they stand for.

use std::{collections::BTreeMap, fs};

use anyhow::Context;
use camino::{Utf8Path, Utf8PathBuf};
use generator::Templates;
use model_registry::{Expectations, Findings, Registry, World};
use walkdir::WalkDir;

use crate::{
    exit::{Exit, Failure, OrExit, Result},
    output,
    verify::Backend,
    workspace::Workspace,
};

/// All families; every fault in their files is told at once.
pub fn registry(workspace: &Workspace) -> Result<Registry> {
    Registry::load(&workspace.registry()).map_err(|errors| {
        let faults = output::count(errors.len(), "fault");
        Failure::new(
            Exit::InvalidRegistry,
            format!("the registry has {faults}\n\n{errors}"),
        )
    })
}

/// What every name stands for.
pub fn world(workspace: &Workspace) -> Result<World> {
    World::load(&workspace.registry()).or_exit(Exit::InvalidRegistry)
}

/// The findings, each held against the registry and the expectations of every backend on the processor.
pub fn findings(workspace: &Workspace, registry: &Registry) -> Result<Findings> {
    let findings = Findings::load(&workspace.root).or_exit(Exit::InvalidRegistry)?;
    let mut lists = Vec::new();
    for backend in Backend::ALL {
        let list = Expectations::load(&workspace.registry(), backend.name(), "cpu");
        lists.push(list.or_exit(Exit::InvalidRegistry)?);
    }
    let checked = findings.check_against(registry, &lists);
    checked.or_exit(Exit::InvalidRegistry)?;
    Ok(findings)
}

/// The templates built into this command, or those of a folder to try.
pub fn templates(folder: Option<&Utf8Path>) -> Result<Templates> {
    let templates = match folder {
        None => Templates::embedded(),
        Some(folder) => Templates::from_sources(read_templates(folder)?),
    };
    templates.map_err(|errors| invalid("the templates", &errors))
}

/// Every file that is emitted, by its path from the workspace's root.
pub fn emitted(
    registry: &Registry,
    templates: &Templates,
) -> Result<BTreeMap<Utf8PathBuf, String>> {
    let files = generator::generate(registry, templates);
    Ok(with_schema(
        files.map_err(|errors| invalid("the emitted files", &errors))?,
    ))
}

/// The files of some families, and those that list families.
pub fn emitted_for(
    registry: &Registry,
    templates: &Templates,
    families: &[&str],
) -> Result<BTreeMap<Utf8PathBuf, String>> {
    generator::generate_some(registry, templates, families)
        .map_err(|errors| invalid("the emitted files", &errors))
}

fn with_schema(mut files: BTreeMap<Utf8PathBuf, String>) -> BTreeMap<Utf8PathBuf, String> {
    files.insert(
        "model-registry/schema.json".into(),
        model_registry::schema(),
    );
    files
}

fn invalid(what: &str, errors: &[generator::Error]) -> Failure {
    let reports: Vec<_> = errors.iter().map(ToString::to_string).collect();
    let faults = output::count(errors.len(), "fault");
    Failure::new(
        Exit::InvalidRegistry,
        format!("{what}: {faults}\n\n{}", reports.join("\n\n")),
    )
}

fn read_templates(folder: &Utf8Path) -> Result<BTreeMap<String, String>> {
    let mut templates = BTreeMap::new();
    for entry in WalkDir::new(folder) {
        let entry = entry
            .with_context(|| format!("cannot read {folder}"))
            .or_exit(Exit::Usage)?;
        let Some(path) = Utf8Path::from_path(entry.path()) else {
            continue;
        };
        if path.extension() == Some("j2") {
            let text = fs::read_to_string(path).with_context(|| format!("cannot read {path}"))?;
            let name = path.strip_prefix(folder).unwrap_or(path);
            let parts: Vec<_> = name.components().map(|part| part.as_str()).collect();
            templates.insert(parts.join("/"), text);
        }
    }
    if templates.is_empty() {
        return Err(Failure::new(
            Exit::Usage,
            format!("no `*.j2` below {folder}"),
        ));
    }
    Ok(templates)
}
