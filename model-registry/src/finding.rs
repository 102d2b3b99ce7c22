//! Findings: pages of `docs/findings` that trace what does not pass to its cause in somebody's sources.

use std::{fs, io::ErrorKind};

use camino::{Utf8Path, Utf8PathBuf};
use serde::Deserialize;

use crate::{
    Error, Errors, Expectations, Registry,
    case::family_and_variant,
    error::Fault,
    outline::{Outline, path},
    parse::parse,
    rules::is_kebab,
    words::list,
};

/// The folder of the pages, from the workspace's root.
pub const FINDINGS: &str = "docs/findings";
/// The generated list of the pages, which is none.
const INDEX: &str = "README.md";
/// What a page tells, in this order.
const SECTIONS: &[&str] = &["Symptom", "Cause", "Numbers", "Proposed fix"];
/// Where a finding that no family shows brings its own program.
const REPRODUCTION: &str = "Reproduction";

/// One page.
#[derive(Clone, Debug)]
pub struct Finding {
    /// The file's name without `.md`.
    pub name: String,
    /// What its head says.
    pub head: Head,
    /// Its own program, where no family's check shows it.
    pub program: Option<Program>,
}

/// The head of a page.
#[derive(Clone, Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Head {
    /// What is wrong, in a sentence.
    pub title: String,
    /// The package whose sources are to change, as crates.io or PyPI call it.
    pub package: String,
    /// The version that was read and run.
    pub version: String,
    /// The place to change, from the package's folder: `src/models/t5.rs:919`.
    pub at: String,
    /// What a user gets.
    pub kind: Symptom,
    /// The case and the check that show it: `t5.lm-head forward_matches_reference`.
    #[serde(default)]
    pub reproduce: Option<String>,
    /// What its own program needs besides the package.
    #[serde(default)]
    pub needs: Vec<String>,
    /// What to change, so that the reproduction agrees with PyTorch.
    #[serde(default)]
    pub fix: Vec<Edit>,
    /// The upstream report, if there is one.
    #[serde(default)]
    pub upstream: Option<String>,
}

/// What a user gets.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Symptom {
    /// Other numbers than PyTorch's.
    WrongNumbers,
    /// A field of the config that has no effect.
    IgnoredConfig,
    /// A weight of the checkpoint that is not read.
    IgnoredWeight,
    /// NaN or an infinity.
    NonFinite,
    /// A panic.
    Panic,
    /// An error while loading.
    LoadError,
    /// An error while running.
    RunError,
    /// Something that transformers does and this does not.
    MissingFeature,
    /// Right numbers, at many times their price.
    Slow,
}

impl Symptom {
    /// In words.
    pub fn words(self) -> &'static str {
        match self {
            Self::WrongNumbers => "wrong numbers",
            Self::IgnoredConfig => "ignored config",
            Self::IgnoredWeight => "ignored weight",
            Self::NonFinite => "not finite",
            Self::Panic => "panic",
            Self::LoadError => "error while loading",
            Self::RunError => "error while running",
            Self::MissingFeature => "missing feature",
            Self::Slow => "slow",
        }
    }
}

/// A change of one place of the package's sources.
#[derive(Clone, Debug, PartialEq, Eq, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Edit {
    /// The file, from the package's folder.
    pub file: Utf8PathBuf,
    /// The line that the replaced text starts in, counted from 1.
    pub line: usize,
    /// The text that stands there; `…` stands for all from what is before it to what is behind it.
    pub replace: String,
    /// The text in its place.
    pub with: String,
}

/// A program that shows the finding by itself.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Program {
    /// A `main.rs`.
    Rust(String),
    /// A script.
    Python(String),
}

/// All pages, sorted by name.
#[derive(Clone, Debug, Default)]
pub struct Findings {
    pages: Vec<Finding>,
}

impl Finding {
    /// Where the page is, from the workspace's root.
    pub fn path(&self) -> Utf8PathBuf {
        format!("{FINDINGS}/{}.md", self.name).into()
    }

    /// The case and the check that show it.
    pub fn shown_by(&self) -> Option<(&str, &str)> {
        self.head.reproduce.as_deref()?.split_once(' ')
    }

    /// Reads a page; `path` is as seen from the workspace's root.
    pub fn from_source(path: &Utf8Path, text: &str) -> Result<Self, Errors> {
        let fault = |message: &str, help: &str| {
            Errors::from(Box::new(Error::whole(path, message.to_owned(), help)))
        };
        let name = path.file_stem().unwrap_or_default().to_owned();
        if !is_kebab(&name) {
            let help = "words of lower-case letters and digits joined by `-`: `t5-tied-head`";
            return Err(fault("no name for a finding", help));
        }
        let Some((head, body)) = text
            .strip_prefix("---\n")
            .and_then(|rest| rest.split_once("\n---\n"))
        else {
            let help = "begin with the head: YAML between two lines `---`";
            return Err(fault("no head", help));
        };
        // A line in place of the first one, so that places are the file's.
        let head_text = format!("#\n{head}\n");
        let head: Head = parse(path, &head_text)?;
        let program = program(body);
        let mut faults = Vec::new();
        check_head(&head, &mut faults);
        if !faults.is_empty() {
            let outline = Outline::of(&head_text).unwrap_or_default();
            let locate = |fault: Fault| fault.locate(path, &head_text, &outline);
            Errors::check(faults.into_iter().map(locate).collect())?;
        }
        let sections: Vec<_> = body
            .lines()
            .filter_map(|line| line.strip_prefix("## "))
            .collect();
        let own = program.is_some().then_some(REPRODUCTION);
        let due: Vec<_> = SECTIONS.iter().copied().chain(own).collect();
        if sections != due {
            let message = format!("the sections are {}", list(&sections));
            return Err(fault(&message, &format!("in this order: {}", list(&due))));
        }
        if head.reproduce.is_some() == program.is_some() {
            let help = "either `reproduce: CASE CHECK` in the head, or a section `Reproduction` with one block of ```rust or ```python";
            return Err(fault("nothing reproduces it, or two things do", help));
        }
        Ok(Self {
            name,
            head,
            program,
        })
    }
}

fn check_head(head: &Head, faults: &mut Vec<Fault>) {
    let place = head.at.rsplit_once(':');
    let is_line = |line: &str| line.parse::<usize>().is_ok_and(|line| line > 0);
    if !place.is_some_and(|(file, line)| !file.is_empty() && is_line(line)) {
        let help = "a file of the package and a line: `src/models/t5.rs:919`";
        faults.push(Fault::value(path(&["at"]), "no place", help));
    }
    if let Some(reproduce) = &head.reproduce
        && reproduce.split(' ').count() != 2
    {
        let help = "a case and a check: `t5.lm-head forward_matches_reference`";
        faults.push(Fault::value(
            path(&["reproduce"]),
            "no check of a case",
            help,
        ));
    }
    for (i, edit) in head.fix.iter().enumerate() {
        if edit.line == 0 || edit.replace.trim().is_empty() || edit.replace == edit.with {
            let key = path(&["fix", &i.to_string()]);
            let help = "a line from 1, what stands there, and something else";
            faults.push(Fault::value(key, "an edit that changes nothing", help));
        }
    }
    if let Some(link) = &head.upstream
        && !link.starts_with("https://")
    {
        faults.push(Fault::value(path(&["upstream"]), "no link", "https://…"));
    }
}

/// The one block of code of the last section.
fn program(body: &str) -> Option<Program> {
    let (_, last) = body.split_once(&format!("\n## {REPRODUCTION}\n"))?;
    let block = |language: &str| {
        let (_, rest) = last.split_once(&format!("```{language}\n"))?;
        let (code, rest) = rest.split_once("\n```")?;
        (!rest.contains("```")).then(|| format!("{code}\n"))
    };
    block("rust")
        .map(Program::Rust)
        .or_else(|| block("python").map(Program::Python))
}

impl From<Vec<Finding>> for Findings {
    fn from(mut pages: Vec<Finding>) -> Self {
        pages.sort_by(|a, b| a.name.cmp(&b.name));
        Self { pages }
    }
}

impl Findings {
    /// Reads every page below the workspace's root; without the folder there is none.
    pub fn load(root: &Utf8Path) -> Result<Self, Errors> {
        let folder = root.join(FINDINGS);
        let unreadable = |error: std::io::Error| {
            let help = "make it readable UTF-8 text";
            Errors::from(Box::new(Error::whole(Utf8Path::new(FINDINGS), error, help)))
        };
        let entries = match folder.read_dir_utf8() {
            Ok(entries) => entries,
            Err(error) if error.kind() == ErrorKind::NotFound => return Ok(Self::default()),
            Err(error) => return Err(unreadable(error)),
        };
        let mut names = Vec::new();
        for entry in entries {
            let name = entry.map_err(unreadable)?.file_name().to_owned();
            if name.ends_with(".md") && name != INDEX {
                names.push(name);
            }
        }
        let mut pages = Vec::new();
        let mut faults = Vec::new();
        for name in names {
            let text = fs::read_to_string(folder.join(&name)).map_err(unreadable)?;
            match Finding::from_source(&Utf8Path::new(FINDINGS).join(&name), &text) {
                Ok(page) => pages.push(page),
                Err(errors) => faults.extend(errors.iter().cloned()),
            }
        }
        Errors::check(faults)?;
        Ok(pages.into())
    }

    /// All of them, sorted by name.
    pub fn pages(&self) -> &[Finding] {
        &self.pages
    }

    /// One by its name.
    pub fn get(&self, name: &str) -> Option<&Finding> {
        self.pages.iter().find(|page| page.name == name)
    }

    /// Every entry names a page that there is, and every page that names a check is named by its entry.
    pub fn check_against(&self, registry: &Registry, lists: &[Expectations]) -> Result<(), Errors> {
        let mut faults = Vec::new();
        for list in lists {
            for entry in list.entries() {
                if let Some(finding) = &entry.finding
                    && self.get(finding).is_none()
                {
                    let message =
                        format!("`{entry}` names the finding `{finding}`, which has no page");
                    let help = format!("write {FINDINGS}/{finding}.md");
                    faults.push(Error::whole(list.file(), message, &help));
                }
            }
        }
        for page in &self.pages {
            let Some((case, check)) = page.shown_by() else {
                continue;
            };
            let (family, variant) = family_and_variant(case);
            let known = registry.family(family).is_some_and(|family| {
                variant.is_none_or(|variant| family.variants.contains_key(variant))
            });
            let names_it = lists.iter().flat_map(Expectations::entries).any(|entry| {
                entry.family == family
                    && entry.variant.as_deref() == variant
                    && entry.check == check
                    && entry.finding.as_deref() == Some(&page.name)
            });
            if !known || !names_it {
                let message = format!("no expectation of `{case} {check}` names this finding");
                let help =
                    "name a case and a check whose entry has `finding:` with this page's name";
                faults.push(Error::whole(&page.path(), message, help));
            }
        }
        Errors::check(faults)
    }
}
