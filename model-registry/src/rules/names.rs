//! Names become file names, modules, constants and comments: only what is safe there passes.

use camino::Utf8Path;

use crate::{
    Family,
    error::Fault,
    keywords::{is_python_keyword, is_rust_keyword},
    outline::path,
};

/// Would shadow the test crate's own file or what the emitted code imports.
const RESERVED_MODULES: [&str; 12] = [
    "alloc",
    "candle",
    "candle_core",
    "candle_nn",
    "candle_transformers",
    "cases",
    "check",
    "core",
    "harness",
    "main",
    "ort",
    "std",
];

/// Files that Windows takes for devices, whatever their extension.
const DEVICES: [&str; 4] = ["aux", "con", "nul", "prn"];

pub(super) fn check(file: &Utf8Path, family: &Family, faults: &mut Vec<Fault>) {
    check_family(file, family, faults);
    for (i, alias) in family.aliases.iter().enumerate() {
        if !is_spelled(alias, "._+-") {
            let help = "lower-case letters, digits, `.`, `_`, `+`, `-`";
            faults.push(Fault::value(
                path(&["aliases", &i.to_string()]),
                format!("`{alias}` is no alias"),
                help,
            ));
        }
    }
    for (i, checkpoint) in family.checkpoints.iter().enumerate() {
        let mut parts = checkpoint.split('/');
        if !(parts.clone().count() <= 2
            && parts.all(|part| is_spelled(&part.to_lowercase(), "._-")))
        {
            let key = path(&["checkpoints", &i.to_string()]);
            faults.push(Fault::value(
                key,
                format!("`{checkpoint}` is no checkpoint"),
                "owner/name, as on the hub",
            ));
        }
    }
    plain(path(&["title"]), &family.title, faults);
    for (name, variant) in &family.variants {
        let key = path(&["variants", name]);
        if !is_kebab(name) || !is_identifier(&module(name)) {
            let help =
                "words of lower-case letters and digits joined by `-`, no Rust keyword: `lm-head`";
            faults.push(Fault::key(
                key,
                format!("`{name}` is no name for a variant"),
                help,
            ));
        } else if name.starts_with("on-") {
            let help = "start it with another word than `on`";
            faults.push(Fault::key(
                key,
                format!("`{name}` would be a backend's module"),
                help,
            ));
        } else if is_taken(&module(name)) || module(name) == module(&family.family) {
            faults.push(Fault::key(
                key,
                format!("`{name}` means something else in the emitted file"),
                "another word",
            ));
        }
        plain(path(&["variants", name, "tries"]), &variant.tries, faults);
    }
}

fn check_family(file: &Utf8Path, family: &Family, faults: &mut Vec<Fault>) {
    let name = &family.family;
    let module = module(name);
    if !(is_spelled(name, "_-") && is_identifier(&module)) || is_taken(&module) {
        let help = "transformers' model_type: lower-case letters, digits, `_` and `-`, starting with a letter, no Rust keyword and no name that emitted code uses";
        faults.push(Fault::value(
            path(&["family"]),
            format!("`{name}` is no name for a family"),
            help,
        ));
    } else if file.file_stem() != Some(name) {
        let found = file.file_name().unwrap_or_default();
        let help = format!("rename the file to {name}.yaml");
        faults.push(Fault::value(
            path(&["family"]),
            format!("family `{name}` is in a file called {found}"),
            help,
        ));
    }
    let folder = file.parent().unwrap_or(Utf8Path::new(""));
    let category = family.category.name();
    if folder != Utf8Path::new("families").join(category) {
        let help = format!("move the file to families/{category}/");
        faults.push(Fault::value(
            path(&["category"]),
            format!("category `{category}` is in {folder}/"),
            help,
        ));
    }
}

fn module(name: &str) -> String {
    name.replace('-', "_")
}

/// Whether a module of that name would shadow another, or its file could not be written everywhere.
fn is_taken(module: &str) -> bool {
    RESERVED_MODULES.contains(&module) || DEVICES.contains(&module)
}

fn plain(key: Vec<String>, text: &str, faults: &mut Vec<Fault>) {
    if !is_plain(text) {
        let message = format!("{text:?} cannot stand in a comment");
        let help = "one line of visible characters without `\"`, `\\` and `*/`";
        faults.push(Fault::value(key, message, help));
    }
}

/// One line that can stand in any comment and any string, and looks like what it is.
pub(crate) fn is_plain(text: &str) -> bool {
    // The standard library escapes what does not show as itself: controls, what turns the direction
    // of text, what joins or has no width.
    let shows = |c: char| c == '\'' || c.escape_debug().len() == 1;
    !text.trim().is_empty() && text.chars().all(shows) && !text.contains("*/")
}

/// Lower-case words joined by single hyphens.
pub(crate) fn is_kebab(name: &str) -> bool {
    name.starts_with(|c: char| c.is_ascii_lowercase())
        && name.split('-').all(|word| is_spelled(word, ""))
}

/// An identifier of both Rust and Python, in lower case.
pub(crate) fn is_identifier(name: &str) -> bool {
    is_python_identifier(name)
        && !name.starts_with('_')
        && !name.contains(|c: char| c.is_ascii_uppercase())
        && !is_rust_keyword(name)
}

/// An identifier of Python, in ASCII.
pub(crate) fn is_python_identifier(name: &str) -> bool {
    let word = |c: char| c.is_ascii_alphanumeric() || c == '_';
    name.starts_with(|c: char| c.is_ascii_alphabetic() || c == '_')
        && name.chars().all(word)
        && !is_python_keyword(name)
}

/// Lower-case letters, digits and these marks, a letter or digit first.
fn is_spelled(name: &str, marks: &str) -> bool {
    let letter = |c: char| c.is_ascii_lowercase() || c.is_ascii_digit();
    name.starts_with(letter) && name.chars().all(|c| letter(c) || marks.contains(c))
}
