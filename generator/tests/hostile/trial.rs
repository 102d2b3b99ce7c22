//! One hostile string in one place of one family, taken through the registry and the generator.

use std::{
    collections::BTreeMap,
    fmt,
    sync::{Arc, Mutex, PoisonError},
};

use camino::{Utf8Path, Utf8PathBuf};
use generator::{Templates, generate};
use model_registry::{Errors, Registry};
use serde_json::Value;

use crate::{
    places::Place,
    shape::{self, Depth},
    strings::{STRINGS, YAML, long},
};

/// Words that stand where nothing is wrong; one of them fits nearly every place.
const PLAIN: [&str; 4] = ["plain", "Plain", "plain.word", "plain.rs:1"];
/// And a number, which some places take for a length.
const NUMBER: u32 = 17;
/// Stands for text of YAML until the file is written.
const MARK: &str = "PUT HERE";

/// What is put into a place.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) enum Given {
    /// Text, quoted as YAML needs it.
    Text(String),
    /// YAML, as it is.
    Yaml(&'static str),
}

impl Given {
    pub(crate) fn all() -> Vec<Self> {
        let texts = STRINGS.iter().map(|text| Self::Text((*text).to_owned()));
        texts.chain(YAML.iter().copied().map(Self::Yaml)).collect()
    }

    pub(crate) fn long() -> Vec<Self> {
        long().into_iter().map(Self::Text).collect()
    }
}

/// What became of it.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub(crate) enum Fate {
    /// Refused with file, line, key and remedy.
    Refused,
    /// Emitted in the shape of a plain word.
    Harmless,
}

impl Fate {
    pub(crate) const ALL: &[Self] = &[Self::Refused, Self::Harmless];
}

impl fmt::Display for Fate {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::Refused => "refused",
            Self::Harmless => "harmless",
        })
    }
}

type Files = BTreeMap<Utf8PathBuf, String>;
/// The shape of each file; its own name is blanked too.
type Shapes = BTreeMap<String, Vec<String>>;

/// A file with a plain word in it, how deep it is looked at, and whether the word is a key.
type Asked = (String, Depth, bool);

/// A family to try things with.
pub(crate) struct Trial {
    path: Utf8PathBuf,
    file: Value,
    /// The list of tokenizer classes: the family's own alone, since each takes a file to emit.
    tokenizers: String,
    templates: Templates,
    /// What plain words give, by the file that they stand in.
    plain: Mutex<BTreeMap<Asked, Arc<Option<Shapes>>>>,
}

impl Trial {
    pub(crate) fn new(path: Utf8PathBuf, text: &str) -> Self {
        let file: Value = serde_saphyr::from_str(text).expect("it is YAML");
        let class = file.get("tokenizer").and_then(Value::as_str);
        let tokenizers = class.map(|class| format!("tiny: {{class: {class}}}\n"));
        let templates = Templates::embedded().expect("the build script has checked them");
        Self {
            path,
            file,
            tokenizers: tokenizers.unwrap_or_default(),
            templates,
            plain: Mutex::default(),
        }
    }

    pub(crate) fn file(&self) -> &Value {
        &self.file
    }

    pub(crate) fn path(&self) -> &Utf8Path {
        &self.path
    }

    /// The family file: JSON, a line a value, which is YAML too.
    pub(crate) fn text(&self, place: &Place, given: &Given) -> String {
        match given {
            Given::Text(text) => written(&place.put(&self.file, &text.as_str().into())),
            Given::Yaml(yaml) => {
                written(&place.put(&self.file, &MARK.into())).replace(&format!("\"{MARK}\""), yaml)
            }
        }
    }

    /// Whether the family as JSON is the family as it was written.
    pub(crate) fn check_unchanged(&self, original: &str) {
        let emitted = |text: &str| {
            self.emit(&self.path, text)
                .expect("it is a family")
                .expect("it is emitted")
        };
        assert_eq!(
            emitted(&written(&self.file)),
            emitted(original),
            "{}",
            self.path
        );
    }

    /// Refused or harmless; otherwise what is wrong.
    pub(crate) fn fate(&self, place: &Place, given: &Given) -> Result<Fate, String> {
        let text = self.text(place, given);
        let told = |what: String| {
            let given: String = format!("{given:?}").chars().take(200).collect();
            Err(format!(
                "{}: {} is {given}: {what}",
                self.path,
                place.kind()
            ))
        };
        let mut paths = vec![self.path.clone()];
        if let (true, Given::Text(name)) = (place.is_family(), given)
            && !name.contains('/')
        {
            // Where only the name, and not the file's, speaks against it.
            paths.push(self.path.with_file_name(format!("{name}.yaml")));
        }
        let mut fate = Fate::Refused;
        for path in &paths {
            match self.emit(path, &text) {
                Err(errors) => {
                    if let Err(what) = is_clear(&errors, given) {
                        return told(what);
                    }
                }
                Ok(Err(message)) => {
                    return told(format!("only the generator refuses it: {message}"));
                }
                Ok(Ok(files)) => match self.is_harmless(place, &files) {
                    Ok(()) => fate = Fate::Harmless,
                    Err(what) => return told(what),
                },
            }
        }
        Ok(fate)
    }

    /// What the registry says against it, or else what the generator makes of it.
    fn emit(&self, path: &Utf8Path, text: &str) -> Result<Result<Files, String>, Errors> {
        let sources = [(path, text), ("tokenizers.yaml".into(), &self.tokenizers)];
        let sources = sources.map(|(path, text)| (path.to_owned(), text.to_owned()));
        let registry = Registry::from_sources(sources.into())?;
        Ok(generate(&registry, &self.templates).map_err(|errors| errors[0].to_string()))
    }

    fn is_harmless(&self, place: &Place, files: &Files) -> Result<(), String> {
        let depth = if place.is_snippet() {
            Depth::Items
        } else {
            Depth::Tokens
        };
        let mut found = Shapes::new();
        for (path, text) in files {
            check_path(path)?;
            check_text(path, text)?;
            found.insert(role(path), of_place(place, shapes(path, text, depth)?));
        }
        let words = PLAIN
            .map(Value::from)
            .into_iter()
            .map(|word| place.put(&self.file, &word));
        let plain = words.chain([place.put(&self.file, &NUMBER.into()), self.file.clone()]);
        let mut difference = "no plain word fits".to_owned();
        for file in plain {
            match &*self.plain_shapes(place, &file, depth) {
                Some(known) if *known == found => return Ok(()),
                Some(known) => difference = first_difference(&found, known),
                None => {}
            }
        }
        Err(format!("another shape than a plain word: {difference}"))
    }

    /// The shape that a plain word gives, if it is taken at all.
    fn plain_shapes(&self, place: &Place, file: &Value, depth: Depth) -> Arc<Option<Shapes>> {
        let key = (written(file), depth, place.is_key());
        let known = || self.plain.lock().unwrap_or_else(PoisonError::into_inner);
        if let Some(known) = known().get(&key) {
            return Arc::clone(known);
        }
        let path = match place.is_family() {
            true => self.path.with_file_name("plain.yaml"),
            false => self.path.clone(),
        };
        let emitted = self.emit(&path, &key.0).ok().and_then(Result::ok);
        let shape = |path: &Utf8PathBuf, text: &String| {
            Some((role(path), of_place(place, shapes(path, text, depth).ok()?)))
        };
        let shapes =
            emitted.and_then(|files| files.iter().map(|(path, text)| shape(path, text)).collect());
        Arc::clone(known().entry(key).or_insert(Arc::new(shapes)))
    }
}

/// Where two shapes part, with what stands around it.
fn first_difference(found: &Shapes, known: &Shapes) -> String {
    let Some((role, found)) = found
        .iter()
        .find(|(role, shape)| known.get(*role) != Some(shape))
    else {
        return "files that a plain word does not give".to_owned();
    };
    let none = Vec::new();
    let known = known.get(role).unwrap_or(&none);
    let at = found
        .iter()
        .zip(known)
        .position(|(found, known)| found != known);
    let at = at.unwrap_or(found.len().min(known.len()));
    let near = |shape: &[String]| shape[at.saturating_sub(5)..shape.len().min(at + 5)].join(" ");
    format!("{role}: `{}` instead of `{}`", near(found), near(known))
}

fn written(file: &Value) -> String {
    serde_json::to_string_pretty(file).expect("JSON of JSON")
}

/// Whether every fault says where, what, and what would be right.
fn is_clear(errors: &Errors, given: &Given) -> Result<(), String> {
    for error in errors.iter() {
        // What is no YAML, or what YAML calls the empty name, has no key.
        let may_lack_key = matches!(given, Given::Yaml(_))
            || error.help.starts_with("YAML as ")
            || *given == Given::Text(String::new());
        let placed = error.line > 0 && error.column > 0 && (may_lack_key || !error.key.is_empty());
        let named = error.path.as_str().starts_with("model-registry/families/");
        if !placed || !named || error.message.is_empty() || error.help.is_empty() {
            return Err(format!(
                "refused without file, line, key or remedy: {error}"
            ));
        }
        if error
            .to_string()
            .contains(|c: char| c.is_control() && c != '\n')
        {
            return Err(format!(
                "refused with control characters: {:?}",
                error.to_string()
            ));
        }
    }
    Ok(())
}

/// What a file is, whichever family it is of.
fn role(path: &Utf8Path) -> String {
    match path.as_str() {
        _ if !is_own(path) => path.to_string(),
        _ => format!("the family's {}", path.extension().unwrap_or_default()),
    }
}

/// Whether a file is a family's own.
fn is_own(path: &Utf8Path) -> bool {
    !matches!(
        path.file_name(),
        Some("main.rs" | "lib.rs" | "conftest.py" | "Cargo.toml")
    )
}

/// Below `generated/`, with no part that means anything to a file system.
fn check_path(path: &Utf8Path) -> Result<(), String> {
    let plain = |part: &str| {
        !part.is_empty()
            && part
                .chars()
                .all(|c| c.is_ascii_alphanumeric() || "-_.".contains(c))
            && !part.starts_with('.')
    };
    if path.starts_with("generated") && path.as_str().split('/').all(plain) {
        Ok(())
    } else {
        Err(format!("it would write {path:?}"))
    }
}

/// Nothing that an editor, a terminal or a reviewer would take for something else.
fn check_text(path: &Utf8Path, text: &str) -> Result<(), String> {
    let hides = |c: char| {
        c != '\n'
            && (c.is_control()
                || matches!(c, '\u{200b}'..='\u{200f}' | '\u{2028}'..='\u{202e}' | '\u{2060}'..='\u{206f}' | '\u{feff}'))
    };
    match text.chars().find(|c| hides(*c)) {
        Some(c) => Err(format!("{path} holds {c:?}")),
        None => Ok(()),
    }
}

/// Another key may be emitted elsewhere, among its neighbours; it must not be emitted as anything else.
fn of_place(place: &Place, mut shape: Vec<String>) -> Vec<String> {
    if place.is_key() {
        shape.sort_unstable();
    }
    shape
}

fn shapes(path: &Utf8Path, text: &str, depth: Depth) -> Result<Vec<String>, String> {
    match path.extension() {
        Some("rs") => shape::rust(text, depth),
        Some("py") => shape::python(text),
        // The manifest: its lines, which name crates and nothing of a family.
        _ => Ok(text.lines().map(str::to_owned).collect()),
    }
}
