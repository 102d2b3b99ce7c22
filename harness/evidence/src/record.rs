//! One NDJSON line each: what is about to be checked, what came of it, and the frame around a run.

use std::{collections::BTreeMap, fmt};

use serde::{Deserialize, Serialize};

use crate::Outcome;

/// One line of a run file, tagged by its kind: `{"verdict": {…}}`.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Event {
    /// First line of a run: what was planned, on what machine, from which revisions.
    Header(Header),
    /// A check starts; a process that dies leaves this as its last word.
    Begin(TestId),
    /// A check ended.
    Verdict(Box<Record>),
    /// A check was repeated with a fault planted on purpose; only in what single processes leave.
    Sabotage(Box<Sabotage>),
    /// Last line of a run; a file without one was cut off.
    Footer(Footer),
}

/// Names one emitted test: what is tried, where, and by which check.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct TestId {
    /// The category, which is the test binary's name: `text-encoder`.
    pub category: String,
    /// transformers' `model_type`.
    pub family: String,
    /// The variant's name; absent for the family's base case.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub variant: Option<String>,
    /// `candle`, `ort`, `python-ort` or `python-torch`.
    pub backend: String,
    /// How the backend was set where it is tried in more than one way: `unoptimised`.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub setting: Option<String>,
    /// The check, as its function in the harness is called: `forward_matches_reference`.
    pub check: String,
}

impl TestId {
    /// The path of the emitted Rust test: `bert::masked_lm::on_ort_unoptimised::forward_matches_reference`.
    pub fn rust_path(&self) -> String {
        let identifier = |name: &str| name.replace('-', "_");
        let mut path = identifier(&self.family);
        if let Some(variant) = &self.variant {
            path = format!("{path}::{}", identifier(variant));
        }
        path = format!("{path}::on_{}", identifier(&self.backend));
        if let Some(setting) = &self.setting {
            path = format!("{path}_{}", identifier(setting));
        }
        format!("{path}::{}", self.check)
    }
}

impl fmt::Display for TestId {
    /// `bert.relu on ort (unoptimised): forward_matches_reference`.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.family)?;
        if let Some(variant) = &self.variant {
            write!(f, ".{variant}")?;
        }
        write!(f, " on {}", self.backend)?;
        if let Some(setting) = &self.setting {
            write!(f, " ({setting})")?;
        }
        write!(f, ": {}", self.check)
    }
}

/// One check's evidence.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Record {
    /// What was checked.
    pub test: TestId,
    /// `cpu`, `cuda`, `metal`, ….
    pub device: String,
    /// The dtype that the backend computed in: `f32`.
    pub dtype: String,
    /// What came of it.
    pub outcome: Outcome,
    /// What the expectations list; `pass` where they list nothing.
    pub expected: Outcome,
    /// The numbers, one entry an output compared; empty unless something was compared.
    pub outputs: BTreeMap<String, Metrics>,
    /// Facts asserted besides numbers: refusals that happened, weights that were read, tokens that
    /// are the same.
    #[serde(default, skip_serializing_if = "is_zero")]
    pub asserted: usize,
    /// What went wrong, in words; empty for a pass.
    #[serde(default, skip_serializing_if = "String::is_empty")]
    pub detail: String,
    /// The cause that the expectations give.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub cause: Option<String>,
    /// Duration of the check in seconds, loading included.
    pub seconds: f64,
    /// Peak resident memory of the process so far in bytes; 0 where the system does not tell.
    pub peak_bytes: u64,
    /// Versions of what computed: `candle` → `0.11.1`, `onnxruntime` → `1.31.1`.
    pub versions: BTreeMap<String, String>,
    /// The digest of the reference's manifest; empty if it could not be read.
    pub reference: String,
    /// The command that repeats this one check.
    pub reproduce: String,
}

impl Record {
    /// Whether the outcome is the one that the expectations list.
    pub fn is_as_expected(&self) -> bool {
        self.outcome == self.expected
    }

    /// The largest margin over all outputs; `None` if nothing was compared.
    pub fn margin(&self) -> Option<f64> {
        self.outputs
            .values()
            .map(|metrics| metrics.margin)
            .reduce(f64::max)
    }

    /// How many elements were compared, over all outputs.
    pub fn compared(&self) -> usize {
        let counts = self.outputs.values().map(|metrics| metrics.compared);
        // A file may claim any count; a sum that wraps around could end at none.
        counts.fold(0, usize::saturating_add)
    }
}

fn is_zero(count: &usize) -> bool {
    *count == 0
}

/// What a check made of one planted fault.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Sabotage {
    /// The check, which passes without the fault.
    pub test: TestId,
    /// The kind of fault: `epsilon-times-ten`.
    pub fault: String,
    /// Where it was planted: a weight, a value of the graph, a key of the config.
    pub site: String,
    /// What the check said; `pass` means that it did not notice.
    pub outcome: Outcome,
    /// In words, where it is no pass.
    #[serde(default, skip_serializing_if = "String::is_empty")]
    pub detail: String,
    /// The largest margin over all outputs; absent if nothing was compared.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub margin: Option<f64>,
    /// Whether every output is, bit by bit, what it is without the fault.
    pub unchanged: bool,
}

impl Sabotage {
    /// The fault and its place in one word: `epsilon-times-ten@layer_norm`.
    pub fn mutant(&self) -> String {
        format!("{}@{}", self.fault, self.site)
    }
}

/// How far one output is from what it was compared with.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Metrics {
    /// Elements compared.
    pub compared: usize,
    /// max |Δ|.
    #[serde(with = "crate::number")]
    pub max_abs: f64,
    /// Root mean square of Δ.
    #[serde(with = "crate::number")]
    pub rmse: f64,
    /// ‖Δ‖₂ / ‖truth‖₂.
    #[serde(with = "crate::number")]
    pub relative_l2: f64,
    /// Share of rows (last axis) whose largest element is at the same place.
    #[serde(with = "crate::number")]
    pub argmax_agreement: f64,
    /// What was allowed.
    pub bound: Bound,
    /// The larger of rmse and max |Δ| as a share of its bound; a pass has at most 1.
    #[serde(with = "crate::number")]
    pub margin: f64,
    /// The first element outside the element-wise bound.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub first_difference: Option<Difference>,
}

impl Metrics {
    /// Whether the margin follows from the numbers beside it: the larger share of the bounds, or,
    /// where two runs must differ, the bound as a share of the difference.
    pub fn margin_follows(&self) -> bool {
        let share = |part: f64, whole: f64| if part == 0.0 { 0.0 } else { part / whole };
        let Bound { rmse, max_abs, .. } = self.bound;
        let agree = share(self.rmse, rmse).max(share(self.max_abs, max_abs));
        let differ = share(max_abs, self.max_abs);
        let is_same = |due: f64| (self.margin - due).abs() <= 1e-9 * due.max(1e-300);
        is_same(agree) || is_same(differ)
    }

    /// The margin for people: three decimals, or a power of ten where those would fill the line.
    pub fn shown_margin(&self) -> String {
        if self.margin < 1e4 {
            format!("{:.3}", self.margin)
        } else {
            format!("{:.1e}", self.margin)
        }
    }
}

/// The bound and the rule that it was derived by.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Bound {
    /// Largest rmse allowed.
    pub rmse: f64,
    /// Largest |Δ| of one element allowed.
    pub max_abs: f64,
    /// The rule in words, with its constants.
    pub rule: String,
}

/// One element that differs.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Difference {
    /// Its index, one number an axis.
    pub position: Vec<usize>,
    /// The backend's value; `null` in JSON if it is not finite.
    pub got: Option<f64>,
    /// PyTorch's value.
    pub expected: f64,
}

/// What a run set out to do.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Header {
    /// Version of this format.
    pub format: u32,
    /// Every test that the run owes a verdict for.
    pub plan: Vec<TestId>,
    /// The device asked for.
    pub device: String,
    /// Operating system, architecture, number of cores.
    pub machine: String,
    /// Touchstone's revision and the versions of its parts.
    pub revisions: BTreeMap<String, String>,
    /// Seconds since the epoch.
    pub started: u64,
}

/// How a run ended.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Footer {
    /// Verdicts by outcome.
    pub counts: BTreeMap<Outcome, usize>,
    /// Verdicts that were not as expected.
    pub unexpected: usize,
    /// Whether the run was stopped before its end.
    pub interrupted: bool,
    /// Duration of the run in seconds.
    pub seconds: f64,
}
