//! What is known not to pass, per backend and device.

use std::{fmt, fs, io::ErrorKind};

use camino::{Utf8Path, Utf8PathBuf};
use evidence::{Outcome, TestId};
use serde::{Deserialize, Serialize};

use crate::{
    Error, Errors, Registry,
    error::Fault,
    outline::{Outline, path},
    parse::parse_or_empty,
    rules::is_kebab,
    tokenizer::TOKENIZERS,
    words::{list, nearest},
};

/// The checks of the harness, by the names of their functions.
pub const CHECKS: &[&str] = &[
    "batch_equals_singles",
    "cached_decode_matches_full",
    "chunked_prefill_matches_full",
    "each_stream_matters",
    "encoder_reaches_decoder",
    "every_frame_matters",
    "every_length_agrees",
    "every_patch_matters",
    "forward_matches_reference",
    "greedy_tokens_match",
    "half_precision_within_bound",
    "later_tokens_do_matter",
    "later_tokens_do_not_matter",
    "left_padding_changes_nothing",
    "padding_changes_nothing",
    "reads_config_of_transformers_4",
    "reads_config_of_transformers_5",
    "reads_every_weight",
    "refuses_bad_input",
    "resolution_follows_config",
    "runs_twice_the_same",
    "silence_stays_finite",
];

/// The checks of tokenizers, likewise.
pub const TOKENIZER_CHECKS: &[&str] = &[
    "encodings_match",
    "offsets_match",
    "pairs_match",
    "truncation_matches",
    "padding_matches",
    "decodings_match",
];

/// What an entry calls the usual setting of a backend, which has no name in a test.
pub const USUAL_SETTING: &str = "default";

/// The list for one backend on one device, sorted; a check that is not in it is expected to pass.
#[derive(Clone, Debug)]
pub struct Expectations {
    file: Utf8PathBuf,
    text: String,
    entries: Vec<Expectation>,
}

/// One check that is known not to pass.
#[derive(Clone, Debug, PartialEq, Eq, Deserialize, Serialize)]
#[serde(deny_unknown_fields)]
pub struct Expectation {
    /// transformers' `model_type`.
    pub family: String,
    /// Absent for the base case.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub variant: Option<String>,
    /// The check, as its function in the harness is called.
    pub check: String,
    /// Absent for every setting of the backend, `default` for the usual one alone.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub setting: Option<String>,
    /// What comes of it; never `pass`.
    pub outcome: Outcome,
    /// Why, in a sentence.
    pub cause: String,
    /// The page of `docs/findings` that traces it to its cause, by its name without `.md`.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub finding: Option<String>,
    /// The upstream report, if there is one.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub upstream: Option<String>,
}

impl Expectation {
    /// Whether it speaks of a test at this setting.
    pub fn is_at(&self, setting: Option<&str>) -> bool {
        let named = self.setting.as_deref();
        named.is_none_or(|named| named == setting.unwrap_or(USUAL_SETTING))
    }

    /// What the list is sorted by.
    fn order(&self) -> (&str, Option<&str>, &str, Option<&str>) {
        (
            &self.family,
            self.variant.as_deref(),
            &self.check,
            self.setting.as_deref(),
        )
    }
}

impl fmt::Display for Expectation {
    /// `bert.relu: forward_matches_reference (unoptimised)`
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.family)?;
        if let Some(variant) = &self.variant {
            write!(f, ".{variant}")?;
        }
        write!(f, ": {}", self.check)?;
        if let Some(setting) = &self.setting {
            write!(f, " ({setting})")?;
        }
        Ok(())
    }
}

impl Expectations {
    /// Where the list lives below `model-registry/`.
    pub fn path(backend: &str, device: &str) -> Utf8PathBuf {
        format!("expectations/{backend}-{device}.yaml").into()
    }

    /// The same for names from elsewhere, such as a run file: no name leads out of the folder.
    fn checked_path(backend: &str, device: &str) -> Result<Utf8PathBuf, Errors> {
        let path = Self::path(backend, device);
        for name in [backend, device] {
            if !is_kebab(name) {
                let message = format!("`{name}` is no name of a backend or a device");
                let help =
                    "words of lower-case letters and digits joined by `-`: `python-ort`, `cpu`";
                return Err(Box::new(Error::whole(&path, message, help)).into());
            }
        }
        Ok(path)
    }

    /// Reads the list; an absent file is an empty one. `root` is `model-registry/`.
    pub fn load(root: &Utf8Path, backend: &str, device: &str) -> Result<Self, Errors> {
        let path = Self::checked_path(backend, device)?;
        match fs::read_to_string(root.join(&path)) {
            Ok(text) => Self::from_source(&path, text),
            Err(error) if error.kind() == ErrorKind::NotFound => Ok(Self {
                file: path,
                text: String::new(),
                entries: Vec::new(),
            }),
            Err(error) => {
                Err(Box::new(Error::whole(&path, error, "make it readable UTF-8 text")).into())
            }
        }
    }

    /// What [`Expectations::load`] makes of the file once read.
    pub fn from_source(path: &Utf8Path, text: String) -> Result<Self, Errors> {
        let entries = parse_or_empty(path, &text)?;
        let this = Self {
            file: path.to_owned(),
            text,
            entries,
        };
        this.located(this.lint())?;
        Ok(this)
    }

    /// Takes entries in any order; what is wrong with them is shown in the file they would make.
    pub fn from_entries(
        backend: &str,
        device: &str,
        mut entries: Vec<Expectation>,
    ) -> Result<Self, Errors> {
        entries.sort_by(|a, b| a.order().cmp(&b.order()));
        let file = Self::checked_path(backend, device)?;
        let mut text = format!(
            "# What {backend} on {device} is known not to pass; `cargo xtask bless` rewrites it and keeps the causes.\n"
        );
        if !entries.is_empty() {
            let yaml = serde_saphyr::to_string(&entries);
            text += &yaml.map_err(|error| Box::new(Error::whole(&file, error, "plain text")))?;
        }
        Self::from_source(&file, text)
    }

    /// The entry that a test falls under.
    pub fn lookup(&self, test: &TestId) -> Option<&Expectation> {
        self.entries.iter().find(|entry| {
            entry.family == test.family
                && entry.variant == test.variant
                && entry.check == test.check
                && entry.is_at(test.setting.as_deref())
        })
    }

    /// Where the list lives below `model-registry/`.
    pub fn file(&self) -> &Utf8Path {
        &self.file
    }

    /// All entries, sorted.
    pub fn entries(&self) -> &[Expectation] {
        &self.entries
    }

    /// The file's text.
    pub fn text(&self) -> &str {
        &self.text
    }

    /// Whether every family, variant and check in the list exists.
    pub fn check_against(&self, registry: &Registry) -> Result<(), Errors> {
        // The tokenizers have a list of their own, and their names stand where families' stand elsewhere.
        let is_of_tokenizers = self.file == Self::path(TOKENIZERS, "cpu");
        let (what, names, checks): (_, Vec<_>, _) = if is_of_tokenizers {
            let names = registry.tokenizers().iter().map(|known| &known.name);
            ("tokenizer", names.collect(), TOKENIZER_CHECKS)
        } else {
            let names = registry.families().iter().map(|known| &known.family);
            ("family", names.collect(), CHECKS)
        };
        let mut faults = Vec::new();
        for (i, entry) in self.entries.iter().enumerate() {
            let at = |key: &str| path(&[&i.to_string(), key]);
            match (registry.family(&entry.family), &entry.variant) {
                _ if !names.contains(&&entry.family) => {
                    let near = nearest(&entry.family, &names);
                    let help = format!("{near}remove the entry, or add the {what}");
                    let message = format!("no {what} is called `{}`", entry.family);
                    faults.push(Fault::value(at("family"), message, help));
                }
                (Some(family), Some(variant)) if !family.variants.contains_key(variant) => {
                    let names = family.variants.keys();
                    let help = format!("{}valid: {}", nearest(variant, names.clone()), list(names));
                    let message = format!("`{}` has no variant `{variant}`", entry.family);
                    faults.push(Fault::value(at("variant"), message, help));
                }
                _ => {}
            }
            if !checks.contains(&entry.check.as_str()) {
                let help = format!("{}valid: {}", nearest(&entry.check, checks), list(checks));
                faults.push(Fault::value(
                    at("check"),
                    format!("no check is called `{}`", entry.check),
                    help,
                ));
            }
        }
        self.located(faults)
    }

    fn lint(&self) -> Vec<Fault> {
        let mut faults = Vec::new();
        for (i, entry) in self.entries.iter().enumerate() {
            let at = |key: &str| path(&[&i.to_string(), key]);
            if entry.outcome == Outcome::Pass {
                let help = "remove the entry; what is not listed is expected to pass";
                faults.push(Fault::value(at("outcome"), "an expected pass", help));
            }
            if entry.cause.trim().is_empty() {
                faults.push(Fault::value(
                    at("cause"),
                    "an empty cause",
                    "say in a sentence why it does not pass",
                ));
            }
            if entry
                .setting
                .as_deref()
                .is_some_and(|setting| !is_kebab(setting))
            {
                faults.push(Fault::value(
                    at("setting"),
                    "no name for a setting",
                    "`unoptimised`",
                ));
            }
            if entry
                .finding
                .as_deref()
                .is_some_and(|finding| !is_kebab(finding))
            {
                let help = "the name of a file below docs/findings, without `.md`";
                faults.push(Fault::value(at("finding"), "no name for a finding", help));
            }
            if entry
                .upstream
                .as_deref()
                .is_some_and(|link| !link.starts_with("https://"))
            {
                faults.push(Fault::value(at("upstream"), "no link", "https://…"));
            }
            let Some(before) = i.checked_sub(1).and_then(|before| self.entries.get(before)) else {
                continue;
            };
            if entry.order() < before.order() {
                let message = format!("`{entry}` stands after `{before}`");
                faults.push(Fault::value(
                    at("family"),
                    message,
                    "sort by family, variant, check and setting",
                ));
            }
            let twin = self.entries[..i].iter().find(|other| {
                other.family == entry.family
                    && other.variant == entry.variant
                    && other.check == entry.check
                    && (other.setting == entry.setting
                        || other.setting.is_none()
                        || entry.setting.is_none())
            });
            if let Some(twin) = twin {
                let message = format!("`{entry}` is listed already, as `{twin}`");
                faults.push(Fault::value(
                    at("family"),
                    message,
                    "keep one; no setting means every setting",
                ));
            }
        }
        faults
    }

    fn located(&self, faults: Vec<Fault>) -> Result<(), Errors> {
        if faults.is_empty() {
            return Ok(());
        }
        let outline = Outline::of(&self.text).unwrap_or_default();
        let locate = |fault: Fault| fault.locate(&self.file, &self.text, &outline);
        Errors::check(faults.into_iter().map(locate).collect())
    }
}
