//! A binding as the adapter from candle-transformers to named inputs and outputs.

use std::collections::BTreeSet;

use model_registry::{Binding, Derived, Piece, ResolvedCase, Source, Translation};
use serde::Serialize;

use crate::{
    error::Error,
    snippet::{self, Kind},
};

/// What the template of the adapter needs.
#[derive(Debug, Serialize)]
pub(crate) struct AdapterContext {
    /// What the binding imports, one `use` each, sorted.
    imports: Vec<String>,
    config: String,
    model: String,
    /// The inputs that the snippets read, sorted.
    pub(super) inputs: Vec<String>,
    /// What is computed for its output alone, before the outputs are put together.
    lets: Vec<Output>,
    pub(super) outputs: Vec<Output>,
    last_position: Vec<String>,
    renames: Vec<Rename>,
    derives: Vec<Derives>,
    translates: Vec<Translates>,
    /// Whether a key-value cache lives from one call to the next, whoever owns it.
    pub(super) caches: bool,
    /// The cache, where the caller owns it.
    cache: Option<Cache>,
    /// Whether the config outlives loading.
    keeps_config: bool,
    load: Load,
    forward: Forward,
    /// What empties the model's own cache.
    reset: Option<Reset>,
}

#[derive(Debug, Serialize)]
struct Cache {
    #[serde(rename = "type")]
    ty: String,
    new: String,
}

#[derive(Debug, Serialize)]
struct Load {
    prepare: Option<String>,
    model: String,
    reads_config: bool,
    reads_device: bool,
    reads_dtype: bool,
}

#[derive(Debug, Serialize)]
struct Forward {
    /// What comes before the outputs.
    statements: Option<String>,
    reads: Fields,
    reads_position: bool,
}

#[derive(Debug, Serialize)]
struct Reset {
    statements: String,
    reads: Fields,
}

/// The fields of the adapter that snippets read.
#[derive(Debug, Serialize)]
struct Fields {
    fields: Vec<&'static str>,
    /// Whether there are others.
    leaves: bool,
}

#[derive(Debug, Serialize)]
pub(super) struct Output {
    pub(super) name: String,
    expression: String,
}

#[derive(Debug, Serialize)]
struct Rename {
    to: String,
    from: String,
}

#[derive(Debug, Serialize)]
struct Derives {
    to: String,
    /// The variant of the harness' `Derived`.
    kind: &'static str,
    sources: Vec<Joined>,
    /// Which of how many parts.
    part: Option<(usize, usize)>,
}

#[derive(Debug, Serialize)]
struct Joined {
    name: String,
    /// Whether it stands for zeros of its shape.
    zeros: bool,
}

#[derive(Debug, Serialize)]
struct Translates {
    field: String,
    /// A dotted path.
    from: Option<String>,
    /// JSON text.
    value: Option<String>,
}

impl AdapterContext {
    /// Reads the binding of a case that does not inherit it.
    pub(crate) fn new(case: &ResolvedCase<'_>, binding: &Binding) -> Result<Self, Error> {
        let reader = Reader { case };
        let mut forward_reads = reader.maybe(Kind::Statements, binding.forward.as_ref())?;
        for output in binding.outputs.values() {
            forward_reads.extend(reader.reads(Kind::Expression, output)?);
        }
        let reset_reads = reader.maybe(Kind::Statements, binding.reset.as_ref())?;
        let keeps_config = forward_reads.contains("config") || reset_reads.contains("config");
        if let (true, Some(prepare)) = (keeps_config, &binding.prepare) {
            // Its type would have to stand in the struct, and no key of the registry says it.
            let message = "`config` is prepared, so only `load` and `cache` can read it; expected `forward`, `outputs` and `reset` without it";
            return Err(reader.refused(prepare, message));
        }
        let mut held = vec!["model"];
        held.extend(binding.cache.iter().flat_map(|_| ["cache", "empty_cache"]));
        held.extend(keeps_config.then_some("config"));
        let fields = |reads: &BTreeSet<String>| {
            let fields: Vec<_> = held
                .iter()
                .copied()
                .filter(|field| reads.contains(*field))
                .collect();
            Fields {
                leaves: fields.len() < held.len(),
                fields,
            }
        };

        let (lets, outputs) = outputs(&reader, binding)?;
        Ok(Self {
            imports: reader.imports(&binding.imports)?,
            config: binding.config.as_str().to_owned(),
            model: binding.model.as_str().to_owned(),
            inputs: case
                .inputs
                .keys()
                .filter(|input| forward_reads.contains(*input))
                .cloned()
                .collect(),
            lets,
            outputs,
            last_position: binding.last_position.clone(),
            renames: binding.rename.iter().map(rename).collect(),
            derives: binding.derive.iter().map(derives).collect(),
            translates: binding.translate.iter().map(translates).collect(),
            caches: binding.cache.is_some() || binding.reset.is_some(),
            cache: binding.cache.as_ref().map(|cache| Cache {
                ty: cache.ty.as_str().to_owned(),
                new: cache.new.as_str().to_owned(),
            }),
            keeps_config,
            load: load(&reader, binding, keeps_config)?,
            forward: Forward {
                statements: text(binding.forward.as_ref()),
                reads: fields(&forward_reads),
                reads_position: forward_reads.contains("position"),
            },
            reset: binding.reset.as_ref().map(|reset| Reset {
                statements: reset.as_str().to_owned(),
                reads: fields(&reset_reads),
            }),
        })
    }
}

/// The module that has the same name in the emitted tests and in a program of its own.
const HARNESS: &str = "harness::candle::";

impl AdapterContext {
    /// Whether candle's own type is read from `config.json`, and not put together by the binding.
    pub(super) fn reads_json(&self) -> bool {
        !self.config.ends_with("candle::Json")
    }

    /// For a program whose config is candle's own, and which has no harness.
    pub(crate) fn on_its_own(mut self) -> Self {
        self.translates.clear();
        let here = |text: &str| text.replace(HARNESS, "candle::");
        self.config = here(&self.config);
        self.load.model = here(&self.load.model);
        self.load.prepare = self.load.prepare.as_deref().map(here);
        for import in &mut self.imports {
            *import = here(import);
        }
        self
    }
}

fn load(reader: &Reader<'_>, binding: &Binding, keeps_config: bool) -> Result<Load, Error> {
    let prepare_reads = reader.maybe(Kind::Expression, binding.prepare.as_ref())?;
    let mut reads = reader.reads(Kind::Expression, &binding.load)?;
    if let Some(cache) = &binding.cache {
        reads.extend(reader.reads(Kind::Expression, &cache.new)?);
    }
    // Preparing shadows the config that was given.
    let reads_config = if binding.prepare.is_some() {
        prepare_reads.contains("config")
    } else {
        keeps_config || reads.contains("config")
    };
    reads.extend(prepare_reads);
    Ok(Load {
        prepare: text(binding.prepare.as_ref()),
        model: binding.load.as_str().to_owned(),
        reads_config,
        reads_device: reads.contains("device"),
        reads_dtype: reads.contains("dtype"),
    })
}

/// What is computed first, by a `let` of the output's name, and then every output by a plain name.
///
/// Names that snippets have given already are used as they are, and last: that may move them.
fn outputs(reader: &Reader<'_>, binding: &Binding) -> Result<(Vec<Output>, Vec<Output>), Error> {
    let mut lets = Vec::new();
    let mut outputs = Vec::new();
    for (name, source) in &binding.outputs {
        let expression = source.as_str().trim().to_owned();
        let name = name.clone();
        if snippet::is_identifier(&expression) {
            outputs.push(Output { name, expression });
            continue;
        }
        // A later expression would read the output instead of what its snippet meant.
        for (other, source) in binding.outputs.iter().filter(|(other, _)| **other > name) {
            if reader.reads(Kind::Expression, source)?.contains(&name) {
                let message = format!(
                    "the output `{other}` reads `{name}`, which is the name of an output; expected another name for the local"
                );
                return Err(reader.refused(source, &message));
            }
        }
        outputs.push(Output {
            name: name.clone(),
            expression: name.clone(),
        });
        lets.push(Output { name, expression });
    }
    Ok((lets, outputs))
}

fn rename((to, from): (&String, &String)) -> Rename {
    Rename {
        to: to.clone(),
        from: from.clone(),
    }
}

fn derives((to, derived): (&String, &Derived)) -> Derives {
    let (kind, part) = match derived {
        Derived::Join(_) => ("Join", None),
        Derived::Part(part) => ("Part", Some((part.at, part.count))),
        Derived::Norm(_) => ("Norm", None),
        Derived::Reshape(_) => ("Reshape", None),
        Derived::Transpose(_) => ("Transpose", None),
    };
    let zeros = |place: usize| match derived {
        Derived::Join(pieces) => matches!(pieces.get(place), Some(Piece::Zeros(_))),
        _ => false,
    };
    let sources = derived.sources().into_iter().enumerate();
    Derives {
        to: to.clone(),
        kind,
        sources: sources
            .map(|(place, name)| Joined {
                name: name.to_owned(),
                zeros: zeros(place),
            })
            .collect(),
        part,
    }
}

fn text(source: Option<&Source>) -> Option<String> {
    source.map(|source| source.as_str().to_owned())
}

fn translates((field, translation): (&String, &Translation)) -> Translates {
    let (from, value) = match translation {
        Translation::From(path) => (Some(path.clone()), None),
        Translation::Value(value) => (None, Some(value.to_string())),
    };
    Translates {
        field: field.clone(),
        from,
        value,
    }
}

/// Reads snippets of one case, and knows where they stand when they do not parse.
struct Reader<'a> {
    case: &'a ResolvedCase<'a>,
}

impl Reader<'_> {
    fn imports(&self, source: &Source) -> Result<Vec<String>, Error> {
        let mut trees =
            snippet::use_trees(source.as_str()).map_err(|error| self.refused(source, &error))?;
        trees.sort_unstable();
        Ok(trees)
    }

    fn maybe(&self, kind: Kind, source: Option<&Source>) -> Result<BTreeSet<String>, Error> {
        source.map_or_else(|| Ok(BTreeSet::new()), |source| self.reads(kind, source))
    }

    fn reads(&self, kind: Kind, source: &Source) -> Result<BTreeSet<String>, Error> {
        snippet::reads(kind, source.as_str()).map_err(|error| self.refused(source, &error))
    }

    fn refused(&self, source: &Source, message: &str) -> Error {
        let family = self.case.family;
        Error::registry(&family.family, family.path(), Some(source.line()), message)
    }
}
