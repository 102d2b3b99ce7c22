//! The templates: those of this workspace, or others to try.

use std::{collections::BTreeMap, fmt};

use minijinja::{Environment, value::Serde};
use serde::Serialize;

use crate::{
    environment::environment,
    error::{Error, ErrorKind},
};

/// Name and text of each template of this workspace, as the build script found them.
const EMBEDDED: &[(&str, &str)] = include!(concat!(env!("OUT_DIR"), "/templates.rs"));

/// Parsed templates, ready to render; names are relative to `templates/`.
pub struct Templates {
    environment: Environment<'static>,
}

impl Templates {
    /// The templates of this workspace.
    pub fn embedded() -> Result<Self, Vec<Error>> {
        Self::from_sources(
            EMBEDDED
                .iter()
                .map(|(name, text)| ((*name).into(), (*text).into()))
                .collect(),
        )
    }

    /// Other templates: name, such as `rust/encoder_only.rs.j2`, to text.
    pub fn from_sources(sources: BTreeMap<String, String>) -> Result<Self, Vec<Error>> {
        let mut errors = Vec::new();
        let mut environment =
            environment().map_err(|error| vec![template_error("", error, None)])?;
        for (name, text) in sources {
            if let Err(error) = environment.add_template_owned(name.clone(), text.clone()) {
                errors.push(template_error(&name, error, Some(text)));
            }
        }
        if errors.is_empty() {
            Ok(Self { environment })
        } else {
            Err(errors)
        }
    }

    /// The names, sorted.
    pub fn names(&self) -> Vec<&str> {
        let mut names: Vec<_> = self.environment.templates().map(|(name, _)| name).collect();
        names.sort_unstable();
        names
    }

    /// Renders one template; the caller adds whose file it was.
    pub(crate) fn render(&self, name: &str, context: &impl Serialize) -> Result<String, Error> {
        let Ok(template) = self.environment.get_template(name) else {
            let known = self.names().into_iter().map(str::to_owned).collect();
            let kind = ErrorKind::Missing { known };
            return Err(Error {
                family: None,
                template: name.to_owned(),
                kind,
            });
        };
        template.render(Serde(context)).map_err(|error| {
            let at = error.name().unwrap_or(name);
            let source = self.environment.get_template(at).ok();
            let source = source.map(|template| template.source().to_owned());
            template_error(name, error, source)
        })
    }
}

impl fmt::Debug for Templates {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_list().entries(self.names()).finish()
    }
}

fn template_error(name: &str, error: minijinja::Error, source: Option<String>) -> Error {
    Error {
        family: None,
        template: name.to_owned(),
        kind: ErrorKind::Template { error, source },
    }
}
