//! One fault in one check of one family: whose verdicts it costs, and what they say.

use std::{collections::BTreeMap, fs, thread, time::Duration};

use evidence::{Outcome, Record};
use xtask::verify::{retry, runner};

use crate::{
    bed::{Bed, lives},
    stand_in::FLOOD,
};

/// Long enough for a busy machine.
const PATIENCE: Duration = Duration::from_secs(120);

/// Long enough to begin, even there.
const IMPATIENCE: Duration = Duration::from_secs(4);

/// Runs two families, one with the fault in its second check, and holds the verdicts against this one.
#[track_caller]
fn inject(act: &str, limit: Duration, outcome: Outcome, words: &[&str]) -> Bed {
    let bed = Bed::new(limit);
    let units = [bed.unit("detr", Some(act)), bed.unit("vit", None)];
    let results = runner::run(&bed.bench, &units, 2);
    assert_eq!(results.problems, [] as [String; 0]);

    let records: Vec<_> = results
        .judged
        .iter()
        .flat_map(|judged| &judged.records)
        .collect();
    let outcomes: BTreeMap<_, _> = records
        .iter()
        .map(|r| ((r.test.family.as_str(), r.test.check.as_str()), r.outcome))
        .collect();
    // What hangs once is not waited for again and again.
    let after = if outcome == Outcome::TimedOut {
        Outcome::NotRun
    } else {
        Outcome::Pass
    };
    let expected = [
        (("detr", "a"), Outcome::Pass),
        (("detr", "b"), outcome),
        (("detr", "c"), after),
        (("vit", "a"), Outcome::Pass),
        (("vit", "b"), Outcome::Pass),
        (("vit", "c"), Outcome::Pass),
    ];
    assert_eq!(outcomes, BTreeMap::from(expected), "{act}: {records:#?}");
    let bad = records
        .iter()
        .find(|r| r.test.family == "detr" && r.test.check == "b");
    let detail = &bad.expect("a verdict").detail;
    for word in words {
        assert!(detail.contains(word), "{act}: no `{word}` in: {detail}");
    }
    bed
}

#[test]
fn a_process_that_takes_itself_down_has_crashed() {
    let rows = [
        ("segfault", &["signal: 11"][..]),
        ("abort", &["signal: 6"]),
        (
            "overflow the stack",
            &["signal: 6", "has overflowed its stack"],
        ),
        ("half a line", &["signal: 6"]),
        ("exit 23", &["exit status: 23"]),
        // The codes with which libtest ends in order, but without its last word.
        ("exit 0", &["exit status: 0"]),
        ("exit 101", &["exit status: 101"]),
    ];
    for (act, words) in rows {
        inject(act, PATIENCE, Outcome::Crashed, words);
    }
}

#[test]
fn an_endless_loop_is_timed_out() {
    inject("loop", IMPATIENCE, Outcome::TimedOut, &["killed after 4 s"]);
}

#[test]
fn a_deadlock_is_timed_out() {
    inject(
        "deadlock",
        IMPATIENCE,
        Outcome::TimedOut,
        &["killed after 4 s"],
    );
}

#[test]
fn a_process_that_eats_is_out_of_memory() {
    let words = ["killed when it held ", " MiB; the limit is 128 MiB"];
    inject("eat", PATIENCE, Outcome::OutOfMemory, &words);
}

#[test]
fn a_process_pays_for_its_children() {
    let words = ["the limit is 128 MiB"];
    inject("a grandchild eats", PATIENCE, Outcome::OutOfMemory, &words);
}

#[test]
fn a_flood_costs_nothing_but_its_beginning() {
    let bed = inject("flood", PATIENCE, Outcome::Pass, &[]);
    let log = bed.folder.join("vision.detr.rust.1.log");
    let size = fs::metadata(log).expect("there").len() >> 20;
    assert!(size <= 33, "{size} MiB of {FLOOD} are kept");
}

#[test]
fn what_a_process_leaves_behind_ends_with_it() {
    let rows = [
        ("leave a grandchild", Outcome::Pass, PATIENCE),
        ("hang with a grandchild", Outcome::TimedOut, IMPATIENCE),
    ];
    for (act, outcome, limit) in rows {
        let bed = inject(act, limit, outcome, &[]);
        let grandchild = bed.process("grandchild");
        // A kill takes a moment to arrive.
        let gone = (0..200).any(|_| {
            thread::sleep(Duration::from_millis(10));
            !lives(grandchild)
        });
        assert!(gone, "{act}: {grandchild} lives");
    }
}

/// Runs and repeats one family; gives its second verdict.
fn repeat(act: &str) -> Record {
    let bed = Bed::new(PATIENCE);
    let units = [bed.unit("detr", Some(act)), bed.unit("vit", None)];
    let mut results = runner::run(&bed.bench, &units, 2);
    retry::repeat(&bed.bench, &units, &mut results);
    assert_eq!(results.notes, [] as [String; 0]);
    let again = |family| {
        bed.folder
            .join(format!("vision.{family}.rust.again-1.1.log"))
            .exists()
    };
    assert!(
        again("detr") && !again("vit"),
        "surprises alone are repeated"
    );
    let mut records = results.judged.iter().flat_map(|judged| &judged.records);
    let bad = records.find(|r| r.test.family == "detr" && r.test.check == "b");
    bad.expect("a verdict").clone()
}

#[test]
fn a_surprise_that_repeats_stays_and_says_so() {
    let record = repeat("mismatch");
    assert_eq!(record.outcome, Outcome::Mismatch);
    let detail = "so it was told\nrepeated alone in a fresh process: mismatch again";
    assert_eq!(record.detail, detail);
    let record = repeat("abort");
    assert_eq!(record.outcome, Outcome::Crashed);
    let ending = "repeated alone in a fresh process: crashed again";
    assert!(record.detail.ends_with(ending), "{}", record.detail);
}

#[test]
fn a_surprise_that_flips_is_flaky_and_never_a_pass() {
    let record = repeat("mismatch the first time");
    assert_eq!(record.outcome, Outcome::Flaky);
    assert!(!record.is_as_expected());
    let detail = "first mismatch: so it was told\n\
                  repeated alone in a fresh process: pass: so it was told";
    assert_eq!(record.detail, detail);
}

#[test]
fn a_broken_backend_does_not_double_a_run() {
    let bed = Bed::new(PATIENCE);
    let families: Vec<_> = (0..3).map(|n| format!("family{n}")).collect();
    let units: Vec<_> = families
        .iter()
        .map(|family| bed.unit(family, None))
        .collect();
    let mut results = runner::run(&bed.bench, &units, 2);
    // As if sixty checks had failed; the stand-ins know of nine.
    let records: Vec<_> = results
        .judged
        .iter()
        .flat_map(|judged| judged.records.clone())
        .collect();
    for (number, record) in (0..60).zip(records.iter().cycle()) {
        let mut record = record.clone();
        record.outcome = Outcome::RunFailed;
        record.detail = number.to_string();
        results.judged[0].records.push(record);
    }
    retry::repeat(&bed.bench, &units, &mut results);
    let told = "10 unexpected verdicts of 60 not repeated: a run repeats at most 50, \
                and begins none after 120 s of it";
    assert_eq!(results.notes, [told]);
}

#[test]
fn what_is_known_or_was_never_tried_is_not_repeated() {
    let bed = Bed::new(PATIENCE);
    let units = [bed.unit("vit", Some("mismatch"))];
    let mut results = runner::run(&bed.bench, &units, 1);
    let [first, bad, last] = &mut results.judged[0].records[..] else {
        panic!("three verdicts");
    };
    bad.expected = Outcome::Mismatch;
    first.outcome = Outcome::NotRun;
    last.outcome = Outcome::Interrupted;
    let before = results.judged[0].records.clone();
    retry::repeat(&bed.bench, &units, &mut results);
    assert_eq!(results.judged[0].records, before);
}
