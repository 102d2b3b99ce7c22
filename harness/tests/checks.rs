//! Every check passes on a backend that is right and fails on one that is wrong in the way it looks for.

mod common;

use common::{DECODER, ENCODER, Fixture, Flaw, Toy};
use evidence::{Outcome, Record};
use harness::check;

fn forward(toy: Toy) -> Record {
    Fixture::new(&toy).examine(
        "forward_matches_reference",
        &toy,
        check::forward_matches_reference::examine,
    )
}

fn batch(toy: Toy) -> Record {
    Fixture::new(&toy).examine(
        "batch_equals_singles",
        &toy,
        check::batch_equals_singles::examine,
    )
}

fn padding(toy: Toy) -> Record {
    Fixture::new(&toy).examine(
        "padding_changes_nothing",
        &toy,
        check::padding_changes_nothing::examine,
    )
}

fn later_do_matter(toy: Toy) -> Record {
    Fixture::new(&toy).examine(
        "later_tokens_do_matter",
        &toy,
        check::later_tokens_do_matter::examine,
    )
}

fn later_do_not_matter(toy: Toy) -> Record {
    Fixture::new(&toy).examine("later_tokens_do_not_matter", &toy, |trial| {
        check::later_tokens_do_not_matter::examine(trial, "sequence")
    })
}

fn decode(toy: Toy) -> Record {
    Fixture::new(&toy).examine("cached_decode_matches_full", &toy, |trial| {
        check::cached_decode_matches_full::examine(trial, "sequence")
    })
}

fn bad_input(toy: Toy) -> Record {
    Fixture::new(&toy).examine("refuses_bad_input", &toy, check::refuses_bad_input::examine)
}

/// A backend without a mask, one for the last position only, and both.
fn kinds(toy: Toy) -> [Toy; 4] {
    let blind = Toy {
        reads_mask: false,
        ..toy
    };
    [
        toy,
        blind,
        Toy {
            last_only: toy.is_causal,
            ..toy
        },
        Toy {
            last_only: toy.is_causal,
            ..blind
        },
    ]
}

#[test]
fn a_right_backend_passes_every_check() {
    for toy in kinds(ENCODER).into_iter().chain(kinds(DECODER)) {
        let mut records = vec![forward(toy), batch(toy)];
        if toy.reads_mask {
            records.push(padding(toy));
        }
        if toy.is_causal {
            records.extend([later_do_not_matter(toy), decode(toy)]);
        } else {
            records.push(later_do_matter(toy));
        }
        for record in records {
            assert_eq!(record.outcome, Outcome::Pass, "{toy:?} {record:#?}");
            assert!(record.compared() > 0, "{record:#?}");
            assert!(
                record.margin().is_some_and(|margin| margin <= 1.0),
                "{record:#?}"
            );
        }
        assert_eq!(bad_input(toy).outcome, Outcome::Pass);
    }
}

#[test]
fn each_flaw_is_found_by_the_check_that_looks_for_it() {
    type Check = fn(Toy) -> Record;
    let table: [(Check, Toy, Flaw, Outcome); 21] = [
        (forward, ENCODER, Flaw::OneElement, Outcome::Mismatch),
        (forward, ENCODER, Flaw::AllElements, Outcome::Mismatch),
        (forward, ENCODER, Flaw::Nan, Outcome::Nonfinite),
        (forward, ENCODER, Flaw::Panics, Outcome::RunFailed),
        (forward, ENCODER, Flaw::Fails, Outcome::RunFailed),
        (forward, ENCODER, Flaw::FailsToLoad, Outcome::LoadFailed),
        (forward, ENCODER, Flaw::PanicsOnLoad, Outcome::LoadFailed),
        (forward, ENCODER, Flaw::Transposed, Outcome::Mismatch),
        (forward, ENCODER, Flaw::OtherOutput, Outcome::Mismatch),
        (forward, ENCODER, Flaw::ForgetsMask, Outcome::Mismatch),
        (
            forward,
            Toy {
                last_only: true,
                ..DECODER
            },
            Flaw::KeepsCache,
            Outcome::Mismatch,
        ),
        (batch, ENCODER, Flaw::MixesRows, Outcome::Mismatch),
        (padding, ENCODER, Flaw::ForgetsMask, Outcome::Mismatch),
        (padding, ENCODER, Flaw::SeesPaddedIds, Outcome::Mismatch),
        (
            later_do_not_matter,
            DECODER,
            Flaw::LooksWrongWay,
            Outcome::Mismatch,
        ),
        (
            later_do_not_matter,
            DECODER,
            Flaw::LooksOneAhead,
            Outcome::Mismatch,
        ),
        (
            later_do_not_matter,
            DECODER,
            Flaw::IgnoresTokens,
            Outcome::Mismatch,
        ),
        (
            later_do_matter,
            ENCODER,
            Flaw::LooksWrongWay,
            Outcome::Mismatch,
        ),
        (
            later_do_matter,
            ENCODER,
            Flaw::IgnoresTokens,
            Outcome::Mismatch,
        ),
        (decode, DECODER, Flaw::CacheOffByOne, Outcome::Mismatch),
        (decode, DECODER, Flaw::KeepsCache, Outcome::Mismatch),
    ];
    for (check, toy, flaw, outcome) in table {
        let record = check(toy.with(flaw));
        assert_eq!(record.outcome, outcome, "{flaw:?}: {record:#?}");
        assert!(!record.detail.is_empty(), "{record:#?}");
    }
}

/// What a check says is for somebody who has never seen the code.
#[test]
fn details_say_what_is_wrong() {
    let table = [
        (
            forward(ENCODER.with(Flaw::OneElement)),
            "outside the bound: hidden",
        ),
        (
            forward(ENCODER.with(Flaw::Panics)),
            "panicked: index out of bounds (at harness/tests/common/toy.rs:",
        ),
        (forward(ENCODER.with(Flaw::Fails)), "unsupported dtype"),
        (
            forward(ENCODER.with(Flaw::PanicsOnLoad)),
            "panicked: odd head size (at harness/tests/common/toy.rs:",
        ),
        (
            forward(ENCODER.with(Flaw::Transposed)),
            "`hidden` has shape [4, 6, 2], due is [2, 6, 4] (batch, sequence, 4)",
        ),
        (
            forward(ENCODER.with(Flaw::OtherOutput)),
            "gives `pooled`, which the reference does not have",
        ),
        (
            forward(ENCODER.with(Flaw::Nan)),
            "`hidden` is NaN at [0, 2, 1], where ",
        ),
        (
            later_do_not_matter(DECODER.with(Flaw::IgnoresTokens)),
            "the changed tokens change nothing at all, not even what comes later",
        ),
        (
            later_do_matter(ENCODER.with(Flaw::LooksWrongWay)),
            "changing tokens from 2 on leaves `hidden` as it was: max|Δ| 0.000e0 is within the noise of ",
        ),
        (
            bad_input(ENCODER.with(Flaw::AnswersAnything)),
            "`input_ids` with one axis too many: answered `hidden` [1, 1, 4]; \
             `input_ids` with floats where ids are due: answered `hidden` [1, 1, 4]; \
             `input_ids` with an id past the vocabulary: answered `hidden` [1, 1, 4]",
        ),
        (
            bad_input(ENCODER.with(Flaw::PanicsOnBadInput)),
            "`input_ids` with one axis too many: panicked: ids must have two axes (at harness/tests/",
        ),
    ];
    for (record, beginning) in table {
        assert!(record.detail.starts_with(beginning), "{}", record.detail);
    }
}

#[test]
fn an_answer_to_nonsense_is_worse_than_a_panic() {
    assert_eq!(
        bad_input(ENCODER.with(Flaw::AnswersAnything)).outcome,
        Outcome::Mismatch
    );
    assert_eq!(
        bad_input(ENCODER.with(Flaw::PanicsOnBadInput)).outcome,
        Outcome::RunFailed
    );
    assert_eq!(
        bad_input(ENCODER.with(Flaw::Fails)).outcome,
        Outcome::RunFailed
    );
}

#[test]
fn the_first_difference_is_told_with_both_values() {
    let record = forward(ENCODER.with(Flaw::OneElement));
    let metrics = &record.outputs["hidden"];
    let first = metrics.first_difference.as_ref().expect("it differs");
    assert_eq!(first.position, [0, 2, 1]);
    let got = first.got.expect("a number");
    assert!((got - first.expected - 1e-3).abs() < 1e-6, "{first:?}");
    assert!(
        metrics.margin > 1.0 && (metrics.max_abs - 1e-3).abs() < 1e-6,
        "{metrics:?}"
    );
}

#[test]
fn a_sample_is_compared_and_so_is_what_it_leaves_out() {
    let sampled = Toy {
        sampled: true,
        ..ENCODER
    };
    let right = forward(sampled);
    assert_eq!(
        (right.outcome, right.compared()),
        (Outcome::Pass, 20),
        "{right:#?}"
    );
    let wrong = forward(sampled.with(Flaw::Unsampled));
    assert_eq!(wrong.outcome, Outcome::Mismatch, "{wrong:#?}");
    assert!(
        wrong.detail.starts_with("`hidden`: elements 0.. sum to "),
        "{}",
        wrong.detail
    );
}

#[test]
fn without_a_mask_only_valid_positions_are_compared() {
    let blind = Toy {
        reads_mask: false,
        ..ENCODER
    };
    let valid: usize = common::LENGTHS.iter().sum();
    assert_eq!(forward(blind).compared(), valid * common::HIDDEN);
    assert_eq!(padding(blind).outcome, Outcome::Refused);
}

#[test]
fn a_cacheless_backend_cannot_be_asked_to_decode() {
    let record = decode(ENCODER);
    assert_eq!(
        (record.outcome, record.detail.as_str()),
        (Outcome::Refused, "keeps no cache")
    );
}

#[test]
fn an_axis_that_no_output_has_is_refused() {
    let record = Fixture::new(&DECODER).examine("later_tokens_do_not_matter", &DECODER, |trial| {
        check::later_tokens_do_not_matter::examine(trial, "target")
    });
    assert_eq!(record.outcome, Outcome::Refused);
    assert_eq!(record.detail, "gives no output along `target`");
}

#[test]
fn an_axis_that_no_input_has_is_refused() {
    let fixture = Fixture::with(&DECODER, |manifest| {
        manifest["outputs"][0]["axes"][1] = "target".into()
    });
    let record = fixture.examine("later_tokens_do_not_matter", &DECODER, |trial| {
        check::later_tokens_do_not_matter::examine(trial, "target")
    });
    assert_eq!(record.outcome, Outcome::Refused);
    assert_eq!(record.detail, "reads no input along `target`");
}

/// Placeholders that stand for one image cannot be cut apart: shorter prefixes are left out, and what
/// lies past them is compared all the same.
#[test]
fn prefixes_keep_placeholders_together() {
    let toy = Toy {
        last_only: true,
        ..DECODER
    };
    let with_media = |manifest: &mut serde_json::Value| {
        manifest["inputs"][1]["media_end"] = 3.into();
    };
    let whole = forward(toy);
    let fixture = Fixture::with(&toy, with_media);
    let part = fixture.examine(
        "forward_matches_reference",
        &toy,
        check::forward_matches_reference::examine,
    );
    assert_eq!(part.outcome, Outcome::Pass, "{}", part.detail);
    assert!(0 < part.compared() && part.compared() < whole.compared());

    let causal = fixture.examine("later_tokens_do_not_matter", &toy, |trial| {
        check::later_tokens_do_not_matter::examine(trial, "sequence")
    });
    assert_eq!(causal.outcome, Outcome::Pass, "{}", causal.detail);

    let wrong = Toy {
        flaw: Flaw::IgnoresTokens,
        ..toy
    };
    let fixture = Fixture::with(&wrong, with_media);
    let found = fixture.examine(
        "forward_matches_reference",
        &wrong,
        check::forward_matches_reference::examine,
    );
    assert_eq!(found.outcome, Outcome::Mismatch);
}
