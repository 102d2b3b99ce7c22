//! The checks on recorded graphs of this workspace: PyTorch's own graph must pass what PyTorch's model
//! keeps, and fail what it does not.

use std::fs;

use camino::{Utf8Path, Utf8PathBuf};
use evidence::{Outcome, Record};
use harness::{
    Case,
    backend::{Device, Failure},
    check, judge,
    ort::{self, GraphSession},
    site::Site,
    trial::Trial,
    verdict::Verdict,
};

type Examine = fn(&mut Trial<GraphSession>) -> Result<Verdict, Failure>;
/// A check by name.
type Named = (&'static str, Examine);

fn workspace() -> Utf8PathBuf {
    let here = Utf8Path::new(env!("CARGO_MANIFEST_DIR"));
    here.parent().expect("the workspace").to_owned()
}

/// These tests are about checks and not about staleness.
fn case(family: &'static str, variant: Option<&'static str>) -> Case {
    let mut case = Case {
        category: "any",
        family,
        variant,
        recorded_from: "",
    };
    let folder = workspace().join("snapshots/references").join(case.name());
    let text = fs::read_to_string(folder.join("manifest.json")).expect("recorded");
    let manifest: serde_json::Value = serde_json::from_str(&text).expect("JSON");
    let recorded_from = manifest["recorded_from"].as_str().expect("a hash");
    case.recorded_from = Box::leak(recorded_from.to_owned().into_boxed_str());
    case
}

fn examine(case: &Case, check: &str, examine: Examine) -> Record {
    let site = Site::at(workspace(), Device::Cpu);
    judge::record(&site, check, case, &ort::graph(), examine).expect("the site is in order")
}

const ALL: [Named; 2] = [
    ("runs_twice_the_same", |trial| {
        check::runs_twice_the_same::examine(trial, &ort::graph())
    }),
    ("reads_every_weight", |trial| {
        check::reads_every_weight::examine(trial, &ort::graph())
    }),
];
const DECODER: [Named; 3] = [
    ("every_length_agrees", |trial| {
        check::every_length_agrees::examine(trial, "sequence")
    }),
    ("left_padding_changes_nothing", |trial| {
        check::left_padding_changes_nothing::examine(trial, "sequence")
    }),
    ("greedy_tokens_match", |trial| {
        check::greedy_tokens_match::examine(trial, "sequence")
    }),
];
const ENCODER: [Named; 1] = [DECODER[0]];
const VISION: [Named; 2] = [
    ("every_patch_matters", check::every_patch_matters::examine),
    (
        "resolution_follows_config",
        check::resolution_follows_config::examine,
    ),
];
const PAIR: [Named; 1] = [("each_stream_matters", check::each_stream_matters::examine)];
const SPEECH: [Named; 5] = [
    ("every_frame_matters", check::every_frame_matters::examine),
    ("silence_stays_finite", check::silence_stays_finite::examine),
    ("every_length_agrees", |trial| {
        check::every_length_agrees::examine(trial, "target")
    }),
    ("encoder_reaches_decoder", |trial| {
        check::encoder_reaches_decoder::examine(trial, "target")
    }),
    ("greedy_tokens_match", |trial| {
        check::greedy_tokens_match::examine(trial, "target")
    }),
];

#[test]
fn a_graph_passes_every_check_of_its_architecture() {
    let table: [(&str, Option<&str>, &[Named]); 6] = [
        ("llama", None, &DECODER),
        ("bert", None, &ENCODER),
        ("vit", None, &VISION),
        ("clip", None, &PAIR),
        ("wav2vec2", None, &SPEECH[..2]),
        ("whisper", Some("lm-head"), &SPEECH),
    ];
    for (family, variant, checks) in table {
        let case = case(family, variant);
        for (name, look) in ALL.iter().chain(checks) {
            let record = examine(&case, name, *look);
            assert_eq!(record.outcome, Outcome::Pass, "{record:#?}");
            assert!(record.compared() + record.asserted > 0, "{record:#?}");
        }
    }
}

/// Positions that are counted from the left are PyTorch's own: no backend can keep what it does not.
#[test]
fn absolute_positions_are_seen_by_left_padding() {
    let (name, look) = DECODER[1];
    let record = examine(&case("gpt2", None), name, look);
    assert_eq!(record.outcome, Outcome::Mismatch, "{record:#?}");
}

#[test]
fn a_fixed_axis_is_told_with_the_reason() {
    let (name, look) = DECODER[0];
    let record = examine(&case("llava_next", None), name, look);
    assert_eq!(record.outcome, Outcome::Refused, "{record:#?}");
    let said = "the axis `sequence` is fixed: ";
    assert!(record.detail.starts_with(said), "{}", record.detail);
}

#[test]
fn half_precision_is_not_what_the_recorded_graph_computes_in() {
    let record = examine(&case("vit", None), "half_precision_within_bound", |trial| {
        check::half_precision_within_bound::examine(trial, &ort::graph())
    });
    assert_eq!(record.outcome, Outcome::Refused, "{record:#?}");
    assert_eq!(
        record.detail,
        "f16: computes in f32 only; bf16: computes in f32 only"
    );
}
