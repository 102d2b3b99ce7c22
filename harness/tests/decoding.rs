//! The checks on sequences: each passes on a backend that is right and fails on one that is wrong in
//! the way it looks for.

mod common;

use common::{DECODER, ENCODER, Fixture, Flaw, LENGTH, Toy};
use evidence::{Outcome, Record};
use harness::check;
use serde_json::{Value, json};

const SEQUENCE: &str = "sequence";

fn twice(toy: Toy) -> Record {
    Fixture::new(&toy).examine("runs_twice_the_same", &toy, |trial| {
        check::runs_twice_the_same::examine(trial, &toy)
    })
}

fn decode(toy: Toy) -> Record {
    Fixture::new(&toy).examine("cached_decode_matches_full", &toy, |trial| {
        check::cached_decode_matches_full::examine(trial, SEQUENCE)
    })
}

fn chunked(toy: Toy) -> Record {
    Fixture::new(&toy).examine("chunked_prefill_matches_full", &toy, |trial| {
        check::chunked_prefill_matches_full::examine(trial, SEQUENCE)
    })
}

fn lengths(toy: Toy) -> Record {
    Fixture::new(&toy).examine("every_length_agrees", &toy, |trial| {
        check::every_length_agrees::examine(trial, SEQUENCE)
    })
}

fn left(toy: Toy) -> Record {
    Fixture::new(&toy).examine("left_padding_changes_nothing", &toy, |trial| {
        check::left_padding_changes_nothing::examine(trial, SEQUENCE)
    })
}

/// The toy's outputs stand for logits over four tokens.
fn greedy(toy: Toy) -> Record {
    let tokens = toy.says(3, 5);
    greedy_with(toy, |manifest| {
        manifest["greedy"] = json!({
            "along": SEQUENCE, "input": "input_ids", "output": "hidden", "prompt": 3,
            "tokens": tokens, "gap": 0.25,
        });
    })
}

fn greedy_with(toy: Toy, change: impl FnOnce(&mut Value)) -> Record {
    Fixture::with(&toy, change).examine("greedy_tokens_match", &toy, |trial| {
        check::greedy_tokens_match::examine(trial, SEQUENCE)
    })
}

const BLIND: Toy = Toy {
    reads_mask: false,
    ..DECODER
};
const LAST: Toy = Toy {
    last_only: true,
    ..DECODER
};
const BLIND_LAST: Toy = Toy {
    last_only: true,
    ..BLIND
};

#[test]
fn a_right_backend_passes_every_check() {
    type Check = fn(Toy) -> Record;
    let table: [(Check, &[Toy]); 5] = [
        (twice, &[ENCODER, DECODER, BLIND, LAST, BLIND_LAST]),
        (chunked, &[DECODER, BLIND, LAST, BLIND_LAST]),
        (lengths, &[ENCODER, DECODER, BLIND, LAST, BLIND_LAST]),
        (left, &[ENCODER, DECODER, LAST]),
        (greedy, &[ENCODER, DECODER, BLIND, LAST, BLIND_LAST]),
    ];
    for (check, toys) in table {
        for &toy in toys {
            let record = check(toy);
            assert_eq!(record.outcome, Outcome::Pass, "{toy:?} {record:#?}");
            assert!(record.compared() + record.asserted > 0, "{record:#?}");
        }
    }
}

#[test]
fn each_flaw_is_found_by_the_check_that_looks_for_it() {
    type Check = fn(Toy) -> Record;
    let table: [(Check, Toy, Flaw); 14] = [
        (twice, ENCODER, Flaw::Drifts),
        (twice, ENCODER, Flaw::BuildsAnother),
        (twice, DECODER, Flaw::KeepsCache),
        (chunked, DECODER, Flaw::ChunksLookAhead),
        (chunked, LAST, Flaw::KeepsCache),
        (chunked, DECODER, Flaw::CacheOffByOne),
        (lengths, DECODER, Flaw::ForgetsBeyondSixteen),
        (lengths, BLIND_LAST, Flaw::ForgetsBeyondSixteen),
        (lengths, DECODER, Flaw::LooksOneAhead),
        (lengths, ENCODER, Flaw::ForgetsMask),
        (lengths, ENCODER, Flaw::LooksWrongWay),
        (left, DECODER, Flaw::CountsFromTheLeft),
        (left, DECODER, Flaw::ForgetsMask),
        (left, LAST, Flaw::CountsFromTheLeft),
    ];
    for (check, toy, flaw) in table {
        let record = check(toy.with(flaw));
        assert_eq!(record.outcome, Outcome::Mismatch, "{flaw:?}: {record:#?}");
        assert!(!record.detail.is_empty(), "{record:#?}");
    }
    for toy in [ENCODER, DECODER, BLIND_LAST] {
        let record = greedy(toy.with(Flaw::Negated));
        assert_eq!(record.outcome, Outcome::Mismatch, "{record:#?}");
    }
    assert_eq!(greedy(DECODER.with(Flaw::Nan)).outcome, Outcome::Nonfinite);
}

/// Single steps never meet what chunks meet: that is why both are checked.
#[test]
fn a_chunk_that_looks_ahead_is_found_by_chunks_alone() {
    let toy = DECODER.with(Flaw::ChunksLookAhead);
    assert_eq!(decode(toy).outcome, Outcome::Pass);
    assert_eq!(chunked(toy).outcome, Outcome::Mismatch);
}

/// A millionth is far within every bound, and yet it is not the same.
#[test]
fn twice_the_same_means_every_bit() {
    let record = twice(ENCODER.with(Flaw::Drifts));
    let said = "run again after a reset, `hidden` is ";
    assert!(record.detail.starts_with(said), "{}", record.detail);
    assert!(record.outputs["hidden"].max_abs < 4e-6);
    assert_eq!(record.outputs["hidden"].bound.rule, "bit by bit the same");
    let record = twice(ENCODER.with(Flaw::BuildsAnother));
    let said = "loaded again, `hidden` is ";
    assert!(record.detail.starts_with(said), "{}", record.detail);
}

#[test]
fn every_token_that_is_the_same_is_a_fact() {
    assert_eq!(greedy(DECODER).asserted, 2 * 5);
    let record = greedy(DECODER.with(Flaw::Negated));
    let said = "row 0, step 0: picks ";
    assert!(record.detail.starts_with(said), "{}", record.detail);
    let said = "whose lead is nowhere below 2.5e-1 of the size of `hidden`; row 1, step 0: picks ";
    assert!(record.detail.contains(said), "{}", record.detail);
}

#[test]
fn what_cannot_be_asked_is_told_with_the_reason() {
    let no_cache = "keeps no cache";
    let no_mask = "reads no mask";
    let no_tokens = "the reference holds no tokens generated along `sequence`";
    let table = [
        (chunked(ENCODER), Outcome::Refused, no_cache),
        (left(BLIND), Outcome::Refused, no_mask),
        (
            lengths(Toy {
                reads_mask: false,
                ..ENCODER
            }),
            Outcome::Refused,
            no_mask,
        ),
        (greedy_with(DECODER, |_| {}), Outcome::NotRun, no_tokens),
        (
            greedy_with(DECODER, |manifest| {
                manifest["without"] = json!({"greedy": "the best two are too near"});
            }),
            Outcome::NotRun,
            "the reference holds no generated tokens: the best two are too near",
        ),
    ];
    for (record, outcome, said) in table {
        assert_eq!((record.outcome, record.detail.as_str()), (outcome, said));
    }
}

#[test]
fn placeholders_stay_together_in_the_first_chunk() {
    let with_media = |end: usize| {
        let fixture = Fixture::with(&DECODER, |manifest| {
            manifest["inputs"][1]["media_end"] = end.into();
        });
        fixture.examine("chunked_prefill_matches_full", &DECODER, |trial| {
            check::chunked_prefill_matches_full::examine(trial, SEQUENCE)
        })
    };
    let part = with_media(3);
    assert_eq!(part.outcome, Outcome::Pass, "{part:#?}");
    let none = with_media(LENGTH - 1);
    assert_eq!(none.outcome, Outcome::NotRun);
    assert_eq!(
        none.detail,
        "6 positions along `sequence`, at least 8 are needed"
    );
}
