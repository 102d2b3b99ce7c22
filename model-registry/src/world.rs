//! What every name stands for: a family, a model type that is none yet, or something else altogether.

use std::{collections::BTreeMap, fs, io::ErrorKind};

use camino::{Utf8Path, Utf8PathBuf};
use serde::{Deserialize, Serialize, de::DeserializeOwned};

use crate::{
    Catalogue, Error, Errors, Family, Registry, Standing,
    error::Fault,
    lints::below,
    outline::{Outline, Path, path},
    parse::parse_or_empty,
    words::{list, nearest},
};

/// The catalogue of transformers, what is said of types without a family, and names that are no types.
#[derive(Clone, Debug)]
pub struct World {
    /// What transformers has.
    pub catalogue: Catalogue,
    types: Told<TypeNote>,
    names: Told<NameNote>,
}

/// Why a model type of transformers has no family.
#[derive(Clone, Debug, PartialEq, Eq, Deserialize, Serialize)]
#[serde(rename_all = "kebab-case")]
pub enum TypeNote {
    /// It cannot have one; the text names the obstacle.
    Waived(String),
    /// Its model is another type's, config and all, under a second name.
    SameAs(String),
    /// Nobody has added it yet; the text says what stands in the way as far as it is known.
    Open(String),
}

/// What a name that people use stands for, if it is no model type.
#[derive(Clone, Debug, PartialEq, Eq, Deserialize, Serialize)]
#[serde(rename_all = "kebab-case")]
pub enum NameNote {
    /// A model type that is no family, or else the family would list the name among its aliases.
    Means(String),
    /// One of these model types; people use one name for all.
    Several(Vec<String>),
    /// The last version of transformers that had it.
    Retired(String),
    /// Not a model of transformers: a closed service, another library's pipeline, a task.
    Elsewhere(String),
}

/// What a name stands for.
#[derive(Clone, Debug)]
pub enum Meaning<'a> {
    /// A family, by its own name, another spelling of it or an alias.
    Family(&'a Family),
    /// A model type without a family, and why it has none.
    Type(&'a str, &'a TypeNote),
    /// A model type whose config is a part of these types' and which is tried with them.
    Part(&'a str, &'a [String]),
    /// A model type that nothing is said of.
    Unlisted(&'a str),
    /// No model type of the pinned transformers.
    Name(&'a str, &'a NameNote),
}

/// A file of notes by name.
#[derive(Clone, Debug)]
struct Told<T> {
    file: Utf8PathBuf,
    text: String,
    notes: BTreeMap<String, T>,
}

impl World {
    /// Reads `catalogue.json`, `types.yaml` and `names.yaml`; `root` is `model-registry/`.
    pub fn load(root: &Utf8Path) -> Result<Self, Errors> {
        Ok(Self {
            catalogue: Catalogue::load(root)?,
            types: Told::load(root, "types.yaml")?,
            names: Told::load(root, "names.yaml")?,
        })
    }

    /// What [`World::load`] makes of the files once read.
    pub fn from_sources(catalogue: &str, types: &str, names: &str) -> Result<Self, Errors> {
        Ok(Self {
            catalogue: Catalogue::from_source(catalogue)?,
            types: Told::from_source("types.yaml", types.to_owned())?,
            names: Told::from_source("names.yaml", names.to_owned())?,
        })
    }

    /// What is said of types without a family, by type.
    pub fn types(&self) -> &BTreeMap<String, TypeNote> {
        &self.types.notes
    }

    /// What a name stands for; `-` and `_`, large and small letters are the same.
    pub fn find<'a>(&'a self, registry: &'a Registry, name: &str) -> Option<Meaning<'a>> {
        self.exactly(registry, name).or_else(|| {
            let wanted = plain(name);
            let known = self.known(registry);
            let spelled = known.into_iter().find(|known| plain(known) == wanted)?;
            self.exactly(registry, spelled)
        })
    }

    fn exactly<'a>(&'a self, registry: &'a Registry, name: &str) -> Option<Meaning<'a>> {
        if let Some(family) = registry.family_called(name) {
            return Some(Meaning::Family(family));
        }
        if let Some((name, about)) = self.catalogue.types.get_key_value(name) {
            return Some(match (self.types.notes.get(name), about.standing) {
                (Some(note), _) => Meaning::Type(name, note),
                (None, Standing::Part) => Meaning::Part(name, &about.part_of),
                (None, _) => Meaning::Unlisted(name),
            });
        }
        let (name, note) = self.names.notes.get_key_value(name)?;
        Some(match note {
            NameNote::Means(of) => self.exactly(registry, of)?,
            other => Meaning::Name(name, other),
        })
    }

    /// Every name that stands for something.
    fn known<'a>(&'a self, registry: &'a Registry) -> Vec<&'a str> {
        let families = registry.families().iter();
        let families = families.flat_map(|family| family.aliases.iter().chain([&family.family]));
        families
            .chain(self.catalogue.types.keys())
            .chain(self.names.notes.keys())
            .map(String::as_str)
            .collect()
    }

    /// Names near one that stands for nothing, the nearest first.
    pub fn suggest<'a>(&'a self, registry: &'a Registry, name: &str) -> Vec<&'a str> {
        let wanted = plain(name);
        let near = |known: &'a str| {
            let known_plain = plain(known);
            let distance = strsim::damerau_levenshtein(&wanted, &known_plain);
            let is_near = distance <= 2.min(wanted.len() / 2).max(wanted.len() / 4);
            let is_start = wanted.len() > 2 && known_plain.starts_with(&wanted);
            (is_near || is_start).then_some((distance, known))
        };
        let mut near: Vec<_> = self.known(registry).into_iter().filter_map(near).collect();
        near.sort_unstable();
        near.dedup();
        near.into_iter().take(5).map(|(_, known)| known).collect()
    }

    /// Whether every model type is exactly one of: a family, or listed with what is to be said of it;
    /// and whether every other name leads somewhere.
    pub fn check_against(&self, registry: &Registry) -> Result<(), Errors> {
        let mut errors = self.types.located(self.type_faults(registry));
        errors.extend(self.names.located(self.name_faults(registry)));
        let is_silent = |(name, about): &(&String, &crate::ModelType)| {
            about.standing == Standing::TopLevel
                && registry.family_of(name).is_none()
                && !self.types.notes.contains_key(*name)
        };
        let silent: Vec<_> = self.catalogue.types.iter().filter(is_silent).collect();
        if !silent.is_empty() {
            let names = list(silent.iter().map(|(name, _)| name));
            let message = format!("model types that are neither a family nor listed: {names}");
            let help = "draft each with `cargo xtask new TYPE`, or list it with its reason: `TYPE: {waived: …}`";
            errors.push(Error::whole(&self.types.file, message, help));
        }
        for family in registry.families() {
            let file = family.path();
            let file = file.strip_prefix("model-registry").unwrap_or(&file);
            let (name, version) = (&family.family, &self.catalogue.transformers);
            let Some(about) = self.catalogue.of_family(name) else {
                let message = format!("`{name}` is no model type of transformers {version}");
                errors.push(Error::whole(file, message, "name it as transformers does"));
                continue;
            };
            if family.tokenizer != about.tokenizer {
                let said = |class: &Option<String>| class.clone().unwrap_or("none".to_owned());
                let (found, due) = (said(&family.tokenizer), said(&about.tokenizer));
                let message = format!("the tokenizer is {found}; transformers {version}: {due}");
                errors.push(Error::whole(
                    file,
                    message,
                    "name the class as transformers does",
                ));
            }
        }
        Errors::check(errors)
    }

    fn type_faults(&self, registry: &Registry) -> Vec<Fault> {
        let mut faults = Vec::new();
        for (name, note) in &self.types.notes {
            let at = path(&[name]);
            let about = self.catalogue.types.get(name);
            match about.map(|about| about.standing) {
                None => {
                    let types = self.catalogue.types.keys();
                    let help = format!("{}remove it", nearest(name, types));
                    let message = format!("transformers has no model type `{name}`");
                    faults.push(Fault::key(at.clone(), message, help));
                }
                Some(Standing::Part) => {
                    let owners = about.map_or_else(String::new, |about| list(&about.part_of));
                    let message = format!("`{name}` is a part of {owners}");
                    faults.push(Fault::key(at.clone(), message, "remove it"));
                }
                Some(Standing::TopLevel | Standing::TaskOnly) => {}
            }
            if let Some(family) = registry.family_of(name) {
                let message = format!("`{name}` is a family: {}", family.path());
                faults.push(Fault::key(at.clone(), message, "remove one of them"));
            }
            let (key, text) = match note {
                TypeNote::Waived(reason) => ("waived", reason),
                TypeNote::Open(obstacle) => ("open", obstacle),
                TypeNote::SameAs(other) => {
                    self.same_as(registry, &at, other, &mut faults);
                    continue;
                }
            };
            without_text(&at, key, text, "the obstacle in a sentence", &mut faults);
        }
        faults
    }

    fn same_as(&self, registry: &Registry, at: &Path, other: &str, faults: &mut Vec<Fault>) {
        if registry.family(other).is_none() {
            let names = registry.families().iter().map(|family| &family.family);
            let help = format!("{}the family that tries it", nearest(other, names));
            let message = format!("no family is called `{other}`");
            faults.push(Fault::value(below(at, "same-as"), message, help));
        }
    }

    fn name_faults(&self, registry: &Registry) -> Vec<Fault> {
        let mut faults = Vec::new();
        for (name, note) in &self.names.notes {
            let at = path(&[name]);
            let family = registry.family_called(name).map(Family::path);
            let ty = self.catalogue.types.contains_key(name);
            if let Some(file) = family {
                let message = format!("`{name}` is a family or an alias of one: {file}");
                faults.push(Fault::key(at.clone(), message, "remove it here"));
            } else if ty {
                let message = format!("`{name}` is a model type, which needs no entry");
                faults.push(Fault::key(at.clone(), message, "remove it"));
            }
            match note {
                NameNote::Means(of) => {
                    if let Some(family) = registry.family(of) {
                        let help = format!("put `{name}` into the aliases of {}", family.path());
                        let message = format!("`{of}` is a family");
                        faults.push(Fault::value(below(&at, "means"), message, help));
                    }
                    faults.extend(self.no_type(below(&at, "means"), of));
                }
                NameNote::Several(types) => {
                    let at = below(&at, "several");
                    if types.len() < 2 {
                        let message = format!("{} of several", types.len());
                        let help = "two model types at least; `means` leads to one";
                        faults.push(Fault::value(at.clone(), message, help));
                    }
                    let places = types.iter().enumerate();
                    faults.extend(
                        places.filter_map(|(i, of)| self.no_type(below(&at, &i.to_string()), of)),
                    );
                }
                NameNote::Retired(version) if !is_version(version) => {
                    let message = format!("`{version}` is no version");
                    let help = "the last version that had it: `4.57.6`";
                    faults.push(Fault::value(below(&at, "retired"), message, help));
                }
                NameNote::Retired(_) => {}
                NameNote::Elsewhere(what) => {
                    without_text(&at, "elsewhere", what, "what it is instead", &mut faults);
                }
            }
        }
        faults
    }

    fn no_type(&self, at: Path, name: &str) -> Option<Fault> {
        let types = &self.catalogue.types;
        if types.contains_key(name) {
            return None;
        }
        let help = format!(
            "{}valid: a model type of transformers",
            nearest(name, types.keys())
        );
        let message = format!("transformers has no model type `{name}`");
        Some(Fault::value(at, message, help))
    }
}

impl<T: DeserializeOwned> Told<T> {
    fn load(root: &Utf8Path, file: &str) -> Result<Self, Errors> {
        match fs::read_to_string(root.join(file)) {
            Ok(text) => Self::from_source(file, text),
            Err(error) if error.kind() == ErrorKind::NotFound => {
                Self::from_source(file, String::new())
            }
            Err(error) => {
                let help = "make it readable UTF-8 text";
                Err(Box::new(Error::whole(Utf8Path::new(file), error, help)).into())
            }
        }
    }

    fn from_source(file: &str, text: String) -> Result<Self, Errors> {
        let file = Utf8PathBuf::from(file);
        let notes = parse_or_empty(&file, &text)?;
        Ok(Self { file, text, notes })
    }
}

impl<T> Told<T> {
    fn located(&self, faults: Vec<Fault>) -> Vec<Error> {
        if faults.is_empty() {
            return Vec::new();
        }
        let outline = Outline::of(&self.text).unwrap_or_default();
        let locate = |fault: Fault| fault.locate(&self.file, &self.text, &outline);
        faults.into_iter().map(locate).collect()
    }
}

fn without_text(at: &Path, key: &str, text: &str, wanted: &str, faults: &mut Vec<Fault>) {
    if text.trim().is_empty() {
        let message = format!("`{key}` says nothing");
        faults.push(Fault::value(below(at, key), message, wanted));
    }
}

/// Digits between points.
fn is_version(text: &str) -> bool {
    let is_number = |part: &str| !part.is_empty() && part.bytes().all(|byte| byte.is_ascii_digit());
    text.split('.').count() > 1 && text.split('.').all(is_number)
}

/// How a name is spelled, without what people mix up.
fn plain(name: &str) -> String {
    name.to_lowercase().replace(['_', '-', '.', ' '], "-")
}
