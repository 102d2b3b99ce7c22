//! Planted faults: which there are for a case, what checks say of them, and what of them is kept.

mod common;

use std::{collections::BTreeSet, fs};

use camino::{Utf8Path, Utf8PathBuf};
use common::{DECODER, ENCODER, Fixture, Flaw, Toy};
use evidence::{Fragment, Outcome, Record, Sabotage};
use harness::{
    Case,
    backend::{Backend, BuiltFrom, Device},
    check, judge, ort,
    reference::Reference,
    sabotage::mutants,
    site::{Saboteurs, Site},
};
use onnx_model::Model;

/// What a check leaves when it is shown faults.
fn shown(toy: &Toy, saboteurs: Saboteurs, check: &str) -> (Fixture, Fragment) {
    let mut fixture = Fixture::new(toy);
    let file = fixture.site.root.join("evidence.ndjson");
    fixture.site.evidence = Some(file.clone());
    fixture.site.saboteurs = Some(saboteurs);
    match check {
        "cached_decode_matches_full" => fixture.examine(check, toy, |trial| {
            check::cached_decode_matches_full::examine(trial, "sequence")
        }),
        _ => fixture.examine(check, toy, check::forward_matches_reference::examine),
    };
    let fragment = Fragment::read(&file).expect("evidence");
    (fixture, fragment)
}

fn outcomes(fragment: &Fragment) -> Vec<(String, Outcome, bool)> {
    let each = fragment.sabotages.iter();
    each.map(|one| (one.mutant(), one.outcome, one.unchanged))
        .collect()
}

#[test]
fn a_mask_that_is_dropped_or_inverted_is_noticed() {
    let (_fixture, fragment) = shown(&ENCODER, Saboteurs::All, "forward_matches_reference");
    let expected = [
        (
            "mask-dropped@attention_mask".to_owned(),
            Outcome::Mismatch,
            false,
        ),
        (
            "mask-inverted@attention_mask".to_owned(),
            Outcome::Mismatch,
            false,
        ),
    ];
    assert_eq!(outcomes(&fragment), expected);
    assert_eq!(fragment.records.len(), 1);
    assert_eq!(
        fragment.records[0].outcome,
        Outcome::Pass,
        "the verdict is without the fault"
    );
    assert!(fragment.sabotages.iter().all(|one| one.margin > Some(1.0)));
}

/// A full pass cannot tell, a cached one must: that is what other checks are for.
#[test]
fn a_cache_that_is_not_reset_is_noticed_by_who_runs_twice() {
    let toy = Toy {
        reads_mask: false,
        ..DECODER
    };
    let survivors = Saboteurs::Listed(BTreeSet::from(["cache-not-reset@reset".to_owned()]));
    let (_fixture, fragment) = shown(&toy, survivors, "cached_decode_matches_full");
    let [
        Sabotage {
            outcome, unchanged, ..
        },
    ] = &fragment.sabotages[..]
    else {
        panic!("{:?}", fragment.sabotages);
    };
    assert!(*outcome != Outcome::Pass && !unchanged, "{outcome}");
}

#[test]
fn what_changes_nothing_is_said_to_change_nothing() {
    let toy = Toy {
        reads_mask: false,
        ..DECODER
    };
    let (_fixture, fragment) = shown(&toy, Saboteurs::All, "forward_matches_reference");
    let position = fragment.sabotages.iter();
    let position: Vec<_> = position.filter(|one| one.site == "position").collect();
    assert_eq!(position.len(), 1);
    assert_eq!(
        (position[0].outcome, position[0].unchanged),
        (Outcome::Pass, true)
    );
}

#[test]
fn a_check_that_fails_anyway_is_shown_no_faults() {
    let toy = ENCODER.with(Flaw::OneElement);
    let (_fixture, fragment) = shown(&toy, Saboteurs::All, "forward_matches_reference");
    assert_eq!(fragment.records[0].outcome, Outcome::Mismatch);
    assert_eq!(fragment.sabotages, []);
}

#[test]
fn only_listed_mutants_are_shown() {
    let none = Saboteurs::Listed(BTreeSet::from(["bias-zeroed@nowhere".to_owned()]));
    let (_fixture, fragment) = shown(&ENCODER, none, "forward_matches_reference");
    assert_eq!(fragment.sabotages, []);
}

#[test]
fn a_list_that_is_not_there_is_an_error() {
    let error = Saboteurs::parse("/nowhere/survivors").expect_err("no such file");
    assert_eq!(
        error,
        "/nowhere/survivors cannot be read: No such file or directory (os error 2) \
         (valid: `all`, or a file with one mutant a line)"
    );
    assert_eq!(Saboteurs::parse("all"), Ok(Saboteurs::All));
}

fn workspace() -> Utf8PathBuf {
    let here = Utf8PathBuf::from(env!("CARGO_MANIFEST_DIR"));
    here.parent().expect("the workspace").to_owned()
}

/// A recorded case by its name; these tests are about faults, not about staleness.
fn case(name: &str) -> Case {
    let path = workspace().join("snapshots/references").join(name);
    let text = fs::read_to_string(path.join("manifest.json")).expect("recorded");
    let manifest: serde_json::Value = serde_json::from_str(&text).expect("JSON");
    let field = |key: &str| {
        let text = manifest[key].as_str().map(str::to_owned);
        text.map(|text| &*Box::leak(text.into_boxed_str()))
    };
    Case {
        category: "recorded",
        family: field("family").expect("a family"),
        variant: field("variant"),
        recorded_from: field("recorded_from").expect("a hash"),
    }
}

/// The names of the recorded cases that have a graph.
fn recorded() -> Vec<String> {
    let references = workspace().join("snapshots/references");
    let folders = references.read_dir_utf8().expect("recorded").flatten();
    let mut names: Vec<String> = folders
        .filter(|folder| folder.path().join("graph.onnx.xz").exists())
        .map(|folder| folder.file_name().to_owned())
        .collect();
    names.sort();
    names
}

fn faults(name: &str) -> BTreeSet<&'static str> {
    let reference = Reference::load(&workspace(), &case(name)).expect("recorded");
    let capabilities = ort::graph().capabilities(&reference);
    let mutants = mutants(&reference, &capabilities, Some(BuiltFrom::Graph));
    let mutants = mutants.unwrap_or_else(|error| panic!("{name}: {error}"));
    for mutant in &mutants {
        assert_eq!(mutant.broken(), None, "{name}: {mutant}");
    }
    mutants.iter().map(|mutant| mutant.fault.name()).collect()
}

/// Families whose every form is known to the faults; in others an operator may be built in a way that
/// a fault does not recognise, or be absent.
const KNOWN: [&str; 27] = [
    "bart",
    "bert",
    "clap",
    "clip",
    "detr",
    "dinov2",
    "distilbert",
    "electra",
    "gemma2",
    "gpt2",
    "gpt_neox",
    "hubert",
    "llama",
    "llava",
    "llava_next",
    "mistral",
    "mixtral",
    "opt",
    "qwen2",
    "resnet",
    "roberta",
    "siglip",
    "t5",
    "vit",
    "wav2vec2",
    "whisper",
    "xclip",
];

#[test]
fn every_recorded_graph_has_places_and_every_mutant_holds_together() {
    let names = recorded();
    assert!(names.len() > 40, "{names:?}");
    let usual = [
        "activation-swapped",
        "epsilon-times-ten",
        "half-precision",
        "heads-swapped",
        "layer-skipped",
        "logits-scaled",
        "norm-zeroed",
    ];
    let mut without = Vec::new();
    for name in names {
        let faults = faults(&name);
        assert!(!faults.is_empty(), "{name}: no fault can be planted");
        let family = name.split('.').next().unwrap_or_default();
        if !KNOWN.contains(&family) {
            continue;
        }
        let lacks = usual.iter().filter(|fault| !faults.contains(**fault));
        without.extend(lacks.map(|fault| format!("{name}: {fault}")));
    }
    // Convolutions alone: no heads, and no product of matrices. Where features of all stages are given,
    // none is the last layer's. A case of one layer has none to spare.
    assert_eq!(
        without,
        [
            "bert.tanh-gelu: layer-skipped",
            "detr.segmentation: layer-skipped",
            "dinov2.classification-518: layer-skipped",
            "dinov2.larger-image: layer-skipped",
            "distilbert.masked-lm: layer-skipped",
            "distilbert.relu: layer-skipped",
            "gemma2.query-scale: layer-skipped",
            "mistral.nemo: layer-skipped",
            "mixtral.saved-config: layer-skipped",
            "mixtral.window: layer-skipped",
            "resnet: half-precision",
            "resnet: heads-swapped",
            "resnet: logits-scaled",
            "resnet.backbone: half-precision",
            "resnet.backbone: heads-swapped",
            "resnet.backbone: layer-skipped",
            "resnet.backbone: logits-scaled",
            "resnet.resnet-18: heads-swapped",
            "roberta.bare-config: layer-skipped",
            "vit.interpolated-positions: layer-skipped",
            "vit.masked-patches: layer-skipped",
            "whisper.no-suppression: layer-skipped",
        ]
    );
}

#[test]
fn faults_are_where_somebody_would_expect_them() {
    let table = [
        ("bert", "positions-offset", true),
        ("bert", "mask-dropped", true),
        ("bert", "rope-pairing", false),
        ("bert", "window-off-by-one", false),
        ("clip", "positions-offset", true),
        ("gpt2", "positions-offset", true),
        ("llama", "rope-pairing", true),
        ("llama", "rope-theta", true),
        ("llama", "positions-offset", true),
        ("llama", "bias-zeroed", false),
        ("llama.attention-bias", "bias-zeroed", true),
        ("qwen2", "window-off-by-one", false),
        ("qwen2.sliding-window", "window-off-by-one", true),
        ("t5", "mask-inverted", true),
        ("vit", "rope-theta", false),
        ("vit", "weight-transposed", true),
        ("whisper", "positions-offset", true),
    ];
    for (name, fault, has) in table {
        assert_eq!(faults(name).contains(fault), has, "{name}: {fault}");
    }
}

/// Forward on ONNX Runtime, shown faults.
fn forward(name: &str, saboteurs: Saboteurs) -> (Record, Vec<Sabotage>) {
    let folder = tempfile::tempdir().expect("a temporary folder");
    let file = Utf8Path::from_path(folder.path()).expect("UTF-8");
    let file = file.join("evidence.ndjson");
    let mut site = Site::at(workspace(), Device::Cpu);
    site.evidence = Some(file.clone());
    site.saboteurs = Some(saboteurs);
    let examine = check::forward_matches_reference::examine;
    let record = judge::record(
        &site,
        check::forward_matches_reference::NAME,
        &case(name),
        &ort::graph(),
        examine,
    );
    let sabotages = Fragment::read(&file).expect("evidence").sabotages;
    (record.expect("the site is in order"), sabotages)
}

#[test]
fn every_fault_in_an_encoder_is_noticed() {
    let (record, sabotages) = forward("bert.epsilon", Saboteurs::All);
    assert_eq!(record.outcome, Outcome::Pass, "{record:#?}");
    assert!(sabotages.len() > 25, "{} faults", sabotages.len());
    for sabotage in sabotages {
        let outcome = sabotage.outcome;
        let is_noticed = matches!(outcome, Outcome::Mismatch | Outcome::Nonfinite);
        assert!(is_noticed && !sabotage.unchanged, "{sabotage:#?}");
    }
}

/// Sessions are shared between checks: none of them may be a faulty one.
#[test]
fn a_fault_does_not_outlive_its_check() {
    for _ in 0..2 {
        let (record, _) = forward("bert.relu", Saboteurs::All);
        assert_eq!(record.outcome, Outcome::Pass, "{record:#?}");
    }
}

#[test]
fn listed_mutants_are_kept_whole() {
    let listed = [
        "bias-zeroed@bert.embeddings.LayerNorm.bias",
        "mask-dropped@attention_mask",
    ];
    let names = listed.map(str::to_owned).into();
    let (_, sabotages) = forward("bert.masked-lm", Saboteurs::Listed(names));
    let shown: Vec<String> = sabotages.iter().map(Sabotage::mutant).collect();
    assert_eq!(shown, listed);
    let folder = workspace().join("target/touchstone/saboteurs/bert.masked-lm");
    let read = |name: &str| {
        let bytes = fs::read(folder.join(name)).expect(name);
        Model::read(&bytes).expect(name)
    };
    let original = read("original.onnx");
    for stem in listed.map(|name| name.replace('@', "_")) {
        let changed = read(&format!("{stem}.onnx"));
        assert_ne!(changed, original);
        let mut initializers = changed.graph().initializer.iter();
        assert!(initializers.all(|tensor| !tensor.is_external()), "{stem}");
    }
}
