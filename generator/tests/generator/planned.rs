//! Who gets which check, and why somebody does not.

use std::collections::BTreeSet;

use generator::{Fate, Need, Planned, plan};
use model_registry::{Architecture, CHECKS, Family};

use crate::common::{family, registry};

/// The plan of a family given by its text.
#[track_caller]
fn planned(text: &str) -> Vec<Planned> {
    let registry = registry(&[("tiny", text.to_owned())]);
    let family: &Family = &registry.families()[0];
    plan(family).unwrap_or_else(|error| panic!("{error}"))
}

/// What becomes of one check, by variant, backend and setting.
#[track_caller]
fn fates(text: &str, check: &str) -> Vec<(String, Fate)> {
    let of_check = |planned: &Planned| planned.check == check;
    planned(text)
        .into_iter()
        .filter(of_check)
        .map(|planned| {
            let case = planned.variant.unwrap_or_default();
            let setting = planned.setting.unwrap_or_default();
            let place = [case.as_str(), planned.backend, setting];
            let place: Vec<_> = place.into_iter().filter(|part| !part.is_empty()).collect();
            (place.join(" "), planned.fate)
        })
        .collect()
}

#[track_caller]
fn check(text: &str, check: &str, expected: &[(&str, Fate)]) {
    // Whoever runs the graph is asked the same.
    let each = expected.iter().flat_map(|(place, fate)| {
        let on_graph = place.strip_suffix("ort");
        let candle = on_graph.map(|case| (format!("{case}candle-graph"), fate.clone()));
        candle
            .into_iter()
            .chain([((*place).to_owned(), fate.clone())])
    });
    let expected: Vec<_> = each.collect();
    assert_eq!(fates(text, check), expected, "{check}");
}

/// The checks of the base case on candle, whatever becomes of them.
fn form(architecture: &str) -> Vec<&'static str> {
    let text = family("tiny", architecture, "");
    let on_candle = |planned: &Planned| planned.backend == "candle";
    planned(&text)
        .into_iter()
        .filter(on_candle)
        .map(|planned| planned.check)
        .collect()
}

const BEFORE: [&str; 5] = [
    "forward_matches_reference",
    "reads_every_weight",
    "runs_twice_the_same",
    "batch_equals_singles",
    "padding_changes_nothing",
];
const AFTER: [&str; 4] = [
    "half_precision_within_bound",
    "reads_config_of_transformers_5",
    "reads_config_of_transformers_4",
    "refuses_bad_input",
];

#[track_caller]
fn check_form(architecture: &str, expected: &[&'static str]) {
    let wanted = [&BEFORE[..], expected, &AFTER].concat();
    assert_eq!(form(architecture), wanted, "{architecture}");
}

#[test]
fn each_form_has_its_checks() {
    check_form(
        "encoder-only",
        &["every_length_agrees", "later_tokens_do_matter"],
    );
    check_form(
        "decoder-only",
        &[
            "left_padding_changes_nothing",
            "every_length_agrees",
            "later_tokens_do_not_matter",
            "cached_decode_matches_full",
            "chunked_prefill_matches_full",
            "greedy_tokens_match",
        ],
    );
    check_form(
        "vision-language",
        &[
            "left_padding_changes_nothing",
            "every_length_agrees",
            "later_tokens_do_not_matter",
            "cached_decode_matches_full",
            "chunked_prefill_matches_full",
            "greedy_tokens_match",
            "each_stream_matters",
        ],
    );
    let decoding_with_an_encoder = [
        "every_length_agrees",
        "later_tokens_do_not_matter",
        "encoder_reaches_decoder",
        "cached_decode_matches_full",
        "chunked_prefill_matches_full",
        "greedy_tokens_match",
    ];
    let hearing = ["every_frame_matters", "silence_stays_finite"];
    check_form("encoder-decoder", &decoding_with_an_encoder);
    check_form(
        "speech-encoder-decoder",
        &[&decoding_with_an_encoder[..], &hearing].concat(),
    );
    check_form(
        "vision",
        &["every_patch_matters", "resolution_follows_config"],
    );
    check_form("detection", &["every_patch_matters"]);
    check_form("speech-encoder", &hearing);
    check_form(
        "audio-text",
        &[&hearing[..], &["each_stream_matters"]].concat(),
    );
    for meeting in ["dual-encoder", "video-text"] {
        check_form(meeting, &["each_stream_matters"]);
    }
}

#[test]
fn every_check_of_the_registry_is_somebodys() {
    let made: BTreeSet<_> = Architecture::ALL
        .iter()
        .flat_map(|architecture| form(architecture.name()))
        .collect();
    let known: BTreeSet<_> = CHECKS.iter().copied().collect();
    assert_eq!(made, known);
}

#[test]
fn only_the_forward_check_is_made_at_every_setting() {
    let tried: BTreeSet<_> = planned(&family("tiny", "encoder-only", ""))
        .into_iter()
        .filter(|planned| planned.setting.is_some())
        .map(|planned| planned.check)
        .collect();
    assert_eq!(tried, BTreeSet::from(["forward_matches_reference"]));
}

#[test]
fn variants_get_what_tells_their_numbers() {
    let text = family("tiny", "decoder-only", "variants: {other: {tries: it}}");
    let of_variant: Vec<_> = planned(&text)
        .into_iter()
        .filter(|planned| planned.variant.is_some() && planned.backend == "candle")
        .map(|planned| planned.check)
        .collect();
    let expected = [
        "forward_matches_reference",
        "reads_every_weight",
        "cached_decode_matches_full",
        "greedy_tokens_match",
    ];
    assert_eq!(of_variant, expected);
}

/// The fixture's outputs lie along `sequence`; those of a decoder lie along `target`.
#[test]
fn positions_are_looked_at_along_an_axis_that_the_outputs_have() {
    let unmet = Fate::Unmet(Need::Along);
    for causal in ["encoder-decoder", "speech-encoder-decoder"] {
        let text = family("tiny", causal, "");
        let along_target = text.replace("[batch, sequence, hidden]", "[batch, target, hidden]");
        for name in [
            "every_length_agrees",
            "later_tokens_do_not_matter",
            "encoder_reaches_decoder",
        ] {
            check(
                &text,
                name,
                &[("candle", unmet.clone()), ("ort", unmet.clone())],
            );
            check(
                &along_target,
                name,
                &[("candle", Fate::Made), ("ort", Fate::Made)],
            );
        }
    }
    let pooled =
        family("tiny", "encoder-only", "").replace("[batch, sequence, hidden]", "[batch, hidden]");
    check(
        &pooled,
        "later_tokens_do_matter",
        &[("candle", unmet.clone()), ("ort", unmet)],
    );
}

/// The graph gives the pooled output as well; candle does not.
#[test]
fn rows_are_compared_where_an_output_has_them() {
    let text =
        family("tiny", "vision", "").replace("[batch, sequence, hidden]", "[patches, hidden]");
    check(
        &text,
        "batch_equals_singles",
        &[("candle", Fate::Unmet(Need::Rows)), ("ort", Fate::Made)],
    );
}

#[test]
fn a_mask_that_candle_does_not_read_is_checked_on_the_graph_only() {
    let text = family("tiny", "decoder-only", "").replace(", &attention_mask", "");
    for name in ["padding_changes_nothing", "left_padding_changes_nothing"] {
        check(
            &text,
            name,
            &[("candle", Fate::Unmet(Need::Mask)), ("ort", Fate::Made)],
        );
    }
}

#[test]
fn half_precision_is_for_what_loads_weights_itself() {
    check(
        &family("tiny", "vision", ""),
        "half_precision_within_bound",
        &[
            ("candle", Fate::Made),
            ("ort", Fate::Unmet(Need::HalfPrecision)),
        ],
    );
}

#[test]
fn a_cache_is_tried_where_something_keeps_one() {
    let text = family("tiny", "decoder-only", "variants: {other: {tries: it}}").replace(
        "  outputs:\n    last",
        "  reset: model.clear_cache();\n  outputs:\n    last",
    );
    let unmet = Fate::Unmet(Need::Cache);
    check(
        &text,
        "cached_decode_matches_full",
        &[
            ("candle", Fate::Made),
            ("ort", unmet.clone()),
            ("other candle", Fate::Made),
            ("other ort", unmet.clone()),
        ],
    );
    check(
        &text,
        "chunked_prefill_matches_full",
        &[("candle", Fate::Made), ("ort", unmet)],
    );
}

/// A decoder whose graph gives logits; candle's binding gives the hidden states only.
fn speaking() -> String {
    family("tiny", "decoder-only", "")
        .replace("[batch, hidden]", "[batch, sequence, vocab]")
        .replace("pooler_output", "logits")
        .replace(
            "  decoder_input_ids: {tokens: [batch, target]}\n",
            "  labels: {tokens: [batch, target]}\n",
        )
}

#[test]
fn greedy_tokens_are_asked_of_what_gives_logits() {
    let no_logits = Fate::Unmet(Need::Logits);
    let name = "greedy_tokens_match";
    check(
        &speaking(),
        name,
        &[("candle", no_logits.clone()), ("ort", Fate::Made)],
    );
    for other in [
        "[batch, target, vocab]",
        "[batch, sequence, labels]",
        "[batch, vocab]",
    ] {
        let text = speaking().replace("[batch, sequence, vocab]", other);
        check(
            &text,
            name,
            &[("candle", no_logits.clone()), ("ort", no_logits.clone())],
        );
    }
}

#[test]
fn greedy_tokens_are_asked_where_every_input_can_grow() {
    let cannot_grow = [
        ("candle", Fate::Unmet(Need::Logits)),
        ("ort", Fate::Unmet(Need::Growth)),
    ];
    for labels in [
        "{tokens: [batch, sequence]}",
        "{floats: [batch, sequence, 3]}",
        "{integers: {shape: [batch, sequence], below: 3}}",
        "{constant: {shape: [batch, sequence], value: 1}}",
    ] {
        let text = speaking()
            .replace("{tokens: [batch, target]}", labels)
            .replace("  target: [9, 6]\n", "");
        check(&text, "greedy_tokens_match", &cannot_grow);
    }
}

#[test]
fn a_waived_check_is_not_made_anywhere() {
    let text = family(
        "tiny",
        "encoder-only",
        "waives: {padding_changes_nothing: it does}",
    );
    check(
        &text,
        "padding_changes_nothing",
        &[("candle", Fate::Waived), ("ort", Fate::Waived)],
    );
}

#[test]
fn a_case_without_a_binding_says_so() {
    let text = family("tiny", "vision", "");
    let (text, _) = text.split_once("candle:\n").expect("there is one");
    check(
        text,
        "every_patch_matters",
        &[("candle", Fate::Unbound), ("ort", Fate::Made)],
    );
}
