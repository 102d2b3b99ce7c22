//! All families, loaded and checked as a whole.

use std::{collections::BTreeMap, fs};

use camino::{Utf8Path, Utf8PathBuf};
use rayon::prelude::*;

use crate::{Error, Errors, Family, Tokenizer, outline::Outline, parse::parse, rules, tokenizer};

/// All families.
#[derive(Clone, Debug)]
pub struct Registry {
    families: Vec<Family>,
    tokenizers: Vec<Tokenizer>,
}

impl Registry {
    /// Reads `families/<category>/<family>.yaml` and `tokenizers.yaml` below `root`, which is `model-registry/`.
    ///
    /// A file that is wrong does not hide what is wrong with the others.
    pub fn load(root: &Utf8Path) -> Result<Self, Errors> {
        let mut files = BTreeMap::new();
        let mut errors = Vec::new();
        for entry in walkdir::WalkDir::new(root.join("families")).sort_by_file_name() {
            match entry
                .map_err(unreadable)
                .and_then(|entry| read(root, &entry))
            {
                Ok(Some((path, text))) => drop(files.insert(path, text)),
                Ok(None) => {}
                Err(error) => errors.push(*error),
            }
        }
        let list = root.join(tokenizer::FILE);
        if list.exists() {
            let help = "make it readable UTF-8 text";
            match fs::read_to_string(&list) {
                Ok(text) => drop(files.insert(tokenizer::FILE.into(), text)),
                Err(error) => {
                    errors.push(Error::whole(Utf8Path::new(tokenizer::FILE), error, help));
                }
            }
        }
        Self::checked(files, errors)
    }

    /// What [`Registry::load`] makes of the files once read: path from `model-registry/` → text.
    pub fn from_sources(files: BTreeMap<Utf8PathBuf, String>) -> Result<Self, Errors> {
        Self::checked(files, Vec::new())
    }

    fn checked(
        mut files: BTreeMap<Utf8PathBuf, String>,
        mut errors: Vec<Error>,
    ) -> Result<Self, Errors> {
        let list = files.remove(Utf8Path::new(tokenizer::FILE));
        let tokenizers = match tokenizer::read(list.as_deref().unwrap_or_default()) {
            Ok((tokenizers, faults)) => {
                errors.extend(faults);
                tokenizers
            }
            Err(error) => {
                errors.push(*error);
                Vec::new()
            }
        };
        let attempts: Vec<_> = files
            .par_iter()
            .map(|(path, text)| (path, parse(path, text)))
            .collect();
        let mut parsed: Vec<(&Utf8PathBuf, Family)> = Vec::new();
        for (path, attempt) in attempts {
            match attempt {
                Ok(family) => parsed.push((path, family)),
                Err(error) => errors.push(*error),
            }
        }
        let mut found = rules::check(&parsed);
        for (path, family) in &parsed {
            let fault = tokenizer::check(family, &tokenizers);
            found.entry(*path).or_default().extend(fault);
        }
        found.retain(|_, faults| !faults.is_empty());
        for (path, faults) in found {
            let text = &files[path];
            let outline = Outline::of(text).unwrap_or_default();
            errors.extend(
                faults
                    .into_iter()
                    .map(|fault| fault.locate(path, text, &outline)),
            );
        }
        Errors::check(errors)?;
        let mut families: Vec<_> = parsed.into_iter().map(|(_, family)| family).collect();
        families.sort_by(|a, b| (a.category, &a.family).cmp(&(b.category, &b.family)));
        Ok(Self {
            families,
            tokenizers,
        })
    }

    /// Sorted by category, then by name.
    pub fn families(&self) -> &[Family] {
        &self.families
    }

    /// The tokenizer classes, sorted by name.
    pub fn tokenizers(&self) -> &[Tokenizer] {
        &self.tokenizers
    }

    /// The tokenizer class that a family names.
    pub fn tokenizer_of(&self, family: &Family) -> Option<&Tokenizer> {
        let class = family.tokenizer.as_ref()?;
        self.tokenizers.iter().find(|known| known.class == *class)
    }

    /// The family of that name.
    pub fn family(&self, name: &str) -> Option<&Family> {
        self.families.iter().find(|family| family.family == name)
    }

    /// The family of a model type, in whose name `_` stands for a dot: a dot divides a family from a variant.
    pub fn family_of(&self, model_type: &str) -> Option<&Family> {
        self.family(&model_type.replace('.', "_"))
    }

    /// The family of that name or alias.
    pub fn family_called(&self, name: &str) -> Option<&Family> {
        let is_called = |family: &&Family| family.aliases.iter().any(|alias| alias == name);
        self.family(name)
            .or_else(|| self.families.iter().find(is_called))
    }

    /// Families whose name or alias is near a name that is not one, the nearest first.
    pub fn suggest(&self, name: &str) -> Vec<&str> {
        let mut near: Vec<_> = self
            .families
            .iter()
            .filter_map(|family| {
                let names = family.aliases.iter().chain([&family.family]);
                let distances = names.map(|known| strsim::damerau_levenshtein(name, known));
                let nearest = distances.min()?;
                (nearest <= 2.max(name.len() / 3)).then_some((nearest, family.family.as_str()))
            })
            .collect();
        near.sort_unstable();
        near.truncate(3);
        near.into_iter().map(|(_, family)| family).collect()
    }
}

/// A family file's path and text; `None` for what is not meant to be one.
fn read(
    root: &Utf8Path,
    entry: &walkdir::DirEntry,
) -> Result<Option<(Utf8PathBuf, String)>, Box<Error>> {
    let fault = |path: &Utf8Path, message: &str, help: &str| {
        Box::new(Error::whole(
            path.strip_prefix(root).unwrap_or(path),
            message,
            help,
        ))
    };
    let name = entry.file_name().to_string_lossy();
    let is_folder = entry.file_type().is_dir();
    if name.starts_with('.') || is_folder && !name.ends_with(".yaml") {
        return Ok(None);
    }
    let Some(path) = Utf8Path::from_path(entry.path()) else {
        let path = Utf8PathBuf::from(entry.path().to_string_lossy().into_owned());
        return Err(fault(&path, "the path is not UTF-8", "rename the file"));
    };
    if path.extension() != Some("yaml") {
        let help = "every file here is a family: <category>/<family>.yaml";
        return Err(fault(
            path,
            &format!("found `{name}`, which is no family file"),
            help,
        ));
    }
    if !entry.file_type().is_file() {
        // A link could lead out of the folder, and reading a pipe would wait for ever.
        let found = if is_folder {
            "a folder"
        } else {
            "a link or a device"
        };
        let help = "put the file itself here";
        return Err(fault(path, &format!("`{name}` is {found}"), help));
    }
    let bytes =
        fs::read(path).map_err(|error| fault(path, &error.to_string(), "make it readable"))?;
    match String::from_utf8(bytes) {
        Ok(text) => Ok(Some((
            path.strip_prefix(root).unwrap_or(path).to_owned(),
            text,
        ))),
        Err(error) => {
            let good = error.utf8_error().valid_up_to();
            let line = error.as_bytes()[..good]
                .iter()
                .filter(|byte| **byte == b'\n')
                .count()
                + 1;
            let message = format!("the file is not UTF-8: line {line} holds another encoding");
            Err(fault(path, &message, "save it as UTF-8"))
        }
    }
}

fn unreadable(error: walkdir::Error) -> Box<Error> {
    Box::new(Error::whole(
        Utf8Path::new("families"),
        error,
        "give the folder that holds families/<category>/<family>.yaml",
    ))
}
