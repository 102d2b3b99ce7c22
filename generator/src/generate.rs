//! The function itself: every file of the emitted tree, or every reason why not.

use std::collections::{BTreeMap, BTreeSet};

use camino::Utf8PathBuf;
use model_registry::{Family, Registry, ResolvedCase, TOKENIZER};
use rayon::prelude::*;
use serde::Serialize;

use crate::{
    FOLDER, Templates,
    context::{self, ManifestContext, PythonContext, RustContext, SmokeContext},
    error::{Error, ErrorKind},
    header::{self, Language},
    layout::{self, Broken},
    syntax,
};

/// Files by their path relative to the workspace's root.
type Files = BTreeMap<Utf8PathBuf, String>;
/// One of them.
type Emitted = (Utf8PathBuf, String);

/// What the registry holds as a whole, for the header of files that no family owns.
const REGISTRY: &str = "model-registry/families";

/// The list that tokenizer tests come from.
const TOKENIZERS: &str = "model-registry/tokenizers.yaml";

/// The whole emitted tree.
pub fn generate(registry: &Registry, templates: &Templates) -> Result<Files, Vec<Error>> {
    emit(registry, registry.families().iter().collect(), templates)
}

/// The files of some families, and those that all families share.
pub fn generate_some(
    registry: &Registry,
    templates: &Templates,
    families: &[&str],
) -> Result<Files, Vec<Error>> {
    let mut chosen = Vec::new();
    let mut errors = Vec::new();
    for name in families.iter().collect::<BTreeSet<_>>() {
        match registry.family(name) {
            Some(family) => chosen.push(family),
            None => {
                let similar = registry
                    .suggest(name)
                    .into_iter()
                    .map(str::to_owned)
                    .collect();
                let kind = ErrorKind::UnknownFamily {
                    name: (*name).to_owned(),
                    similar,
                };
                errors.push(Error {
                    family: None,
                    template: String::new(),
                    kind,
                });
            }
        }
    }
    if errors.is_empty() {
        emit(registry, chosen, templates)
    } else {
        Err(errors)
    }
}

fn emit(
    registry: &Registry,
    families: Vec<&Family>,
    templates: &Templates,
) -> Result<Files, Vec<Error>> {
    // Collected in the order of the families, so that errors come in the same order every time.
    let of_families = || -> Vec<_> {
        families
            .into_par_iter()
            .flat_map_iter(|family| family_files(family, templates))
            .collect()
    };
    let (mut results, shared) = rayon::join(of_families, || shared_files(registry, templates));
    results.extend(shared);

    let mut files = Vec::with_capacity(results.len());
    let mut errors = Vec::new();
    for result in results {
        match result {
            Ok(file) => files.push(file),
            // A family that cannot be read fails alike in each of its files: once is enough.
            Err(error)
                if errors
                    .iter()
                    .any(|known: &Error| known.to_string() == error.to_string()) => {}
            Err(error) => errors.push(error),
        }
    }
    if errors.is_empty() {
        Ok(files.into_iter().collect())
    } else {
        Err(errors)
    }
}

fn family_files(family: &Family, templates: &Templates) -> [Result<Emitted, Error>; 2] {
    let cases = family.cases();
    [
        rust_file(family, &cases, templates),
        python_file(family, &cases, templates),
    ]
}

fn rust_file(
    family: &Family,
    cases: &[ResolvedCase<'_>],
    templates: &Templates,
) -> Result<Emitted, Error> {
    let stem = context::template_stem(family.architecture);
    let template = Template {
        name: format!("rust/{stem}.rs.j2"),
        language: Language::Rust,
    };
    let path = format!(
        "tests/{}/{}.rs",
        family.category,
        context::module(&family.family)
    );
    family_file(
        family,
        &path,
        &template,
        &RustContext::new(family, cases)?,
        templates,
    )
}

fn python_file(
    family: &Family,
    cases: &[ResolvedCase<'_>],
    templates: &Templates,
) -> Result<Emitted, Error> {
    let stem = context::template_stem(family.architecture);
    let template = Template {
        name: format!("python/{stem}.py.j2"),
        language: Language::Python,
    };
    let path = format!(
        "python/{}/test_{}.py",
        family.category,
        context::module(&family.family)
    );
    family_file(
        family,
        &path,
        &template,
        &PythonContext::new(family, cases)?,
        templates,
    )
}

fn family_file(
    family: &Family,
    path: &str,
    template: &Template,
    context: &impl Serialize,
    templates: &Templates,
) -> Result<Emitted, Error> {
    template
        .emit(path, family.path().as_str(), context, templates)
        .map_err(|error| Error {
            family: Some(family.family.clone()),
            ..error
        })
}

/// The files that no family owns: the lists of modules, and what makes the tree a package.
fn shared_files(registry: &Registry, templates: &Templates) -> Vec<Result<Emitted, Error>> {
    let template = |name: &str, language| Template {
        name: name.to_owned(),
        language,
    };
    let main = template("rust/main.rs.j2", Language::Rust);
    let manifest = template("rust/Cargo.toml.j2", Language::Toml);
    let library = template("rust/lib.rs.j2", Language::Rust);
    let smoke = template("rust/smoke.rs.j2", Language::Rust);
    let conftest = template("python/conftest.py.j2", Language::Python);

    let tokenizer = template("rust/tokenizer.rs.j2", Language::Rust);
    let mut files: Vec<_> = context::categories(registry)
        .iter()
        .chain(&context::tokenizer_crate(registry))
        .map(|category| {
            main.emit(
                &format!("tests/{}/main.rs", category.category),
                REGISTRY,
                category,
                templates,
            )
        })
        .collect();
    files.extend(context::tokenizers(registry).iter().map(|class| {
        tokenizer.emit(
            &format!("tests/{TOKENIZER}/{}.rs", context::module(class.name)),
            TOKENIZERS,
            class,
            templates,
        )
    }));
    files.push(
        ManifestContext::new(registry)
            .and_then(|context| manifest.emit("Cargo.toml", REGISTRY, &context, templates)),
    );
    files.push(library.emit("src/lib.rs", REGISTRY, &(), templates));
    files.extend(
        SmokeContext::new(registry)
            .map(|context| smoke.emit("tests/smoke/main.rs", REGISTRY, &context, templates)),
    );
    files.push(conftest.emit("python/conftest.py", REGISTRY, &(), templates));
    files
}

/// A template by name, and the language that it renders.
struct Template {
    name: String,
    language: Language,
}

impl Template {
    /// Renders, checks, lays out, and heads one file.
    fn emit(
        &self,
        path: &str,
        source: &str,
        context: &impl Serialize,
        templates: &Templates,
    ) -> Result<Emitted, Error> {
        let rendered = templates.render(&self.name, context)?;
        let text = match self.language {
            Language::Rust => layout::rust::layout(&rendered),
            Language::Python => layout::python::layout(&rendered),
            Language::Toml => Ok(rendered.clone()),
        };
        let text = text.map_err(|broken| self.refused(broken, rendered))?;
        let template = format!("{}/{}", syntax::FOLDER, self.name);
        let text = header::insert(&text, self.language, &[source, &template]);
        Ok((Utf8PathBuf::from(format!("{FOLDER}/{path}")), text))
    }

    fn refused(&self, broken: Broken, rendered: String) -> Error {
        let Broken {
            message,
            line,
            column,
        } = broken;
        let language = self.language.name();
        let kind = ErrorKind::Output {
            language,
            message,
            line,
            column,
            rendered,
        };
        Error {
            family: None,
            template: self.name.clone(),
            kind,
        }
    }
}
