//! A check that is known to take its process down is run in a process of its own, which is this binary
//! again: the tests below stand where the toy's emitted tests would.

mod common;

use std::{fs, time::Duration};

use common::{ENCODER, Fixture, Flaw, TOY, Toy};
use evidence::{Outcome, Record};
use harness::{check::forward_matches_reference, child::Limits, judge, site::Site};

/// The toy's check in a fixture whose list expects it to end so.
fn record(check: &str, toy: Toy, listed: &str) -> Record {
    let fixture = Fixture::new(&ENCODER);
    let folder = fixture.site.root.join("model-registry/expectations");
    fs::create_dir_all(&folder).expect("writable");
    let list = format!(
        "- family: toy\n  check: {check}\n  outcome: {listed}\n  cause: the toy is made so\n"
    );
    fs::write(folder.join("candle-cpu.yaml"), list).expect("writable");
    let site = Site {
        root: fixture.site.root.clone(),
        child: Limits {
            time: Duration::from_secs(3),
            memory: 256 << 20,
        },
        ..Site::from_env().expect("in order")
    };
    judge::record(&site, check, &TOY, &toy, forward_matches_reference::examine)
        .expect("the site is in order")
}

/// In the parent, what came of the child; in the child, which does not come back, nothing.
fn expect(check: &str, flaw: Flaw, listed: &str, outcome: Outcome, said: &str) {
    let record = record(check, ENCODER.with(flaw), listed);
    if std::env::var_os("TOUCHSTONE_CHILD").is_some() {
        return;
    }
    assert_eq!(record.outcome, outcome, "{record:#?}");
    assert_eq!(record.expected.to_string(), listed);
    assert!(record.detail.starts_with(said), "{}", record.detail);
    assert_eq!(record.reference.len(), 64);
}

mod toy {
    mod on_candle {
        use super::super::*;

        #[test]
        fn forward_matches_reference() {
            let said = "the process ended with signal: 6 (SIGABRT)";
            expect(
                "forward_matches_reference",
                Flaw::Aborts,
                "crashed",
                Outcome::Crashed,
                said,
            );
        }

        #[test]
        fn batch_equals_singles() {
            let said = "killed after 3 s";
            expect(
                "batch_equals_singles",
                Flaw::Hangs,
                "timed-out",
                Outcome::TimedOut,
                said,
            );
        }

        #[test]
        fn padding_changes_nothing() {
            let said = "the process ended with signal: 6 (SIGABRT)";
            let (flaw, outcome) = (Flaw::ExhaustsMemory, Outcome::OutOfMemory);
            expect(
                "padding_changes_nothing",
                flaw,
                "out-of-memory",
                outcome,
                said,
            );
        }

        #[test]
        fn every_length_agrees() {
            let said = "killed: it held more than 256 MiB";
            let (flaw, outcome) = (Flaw::Grows, Outcome::OutOfMemory);
            expect("every_length_agrees", flaw, "out-of-memory", outcome, said);
        }

        /// A gap that has closed: the child's own verdict is the verdict.
        #[test]
        fn later_tokens_do_matter() {
            expect(
                "later_tokens_do_matter",
                Flaw::None,
                "crashed",
                Outcome::Pass,
                "",
            );
        }

        #[test]
        fn refuses_bad_input() {
            let said = "outside the bound: hidden";
            let (flaw, outcome) = (Flaw::OneElement, Outcome::Mismatch);
            expect("refuses_bad_input", flaw, "crashed", outcome, said);
        }
    }
}

/// No test of this name is in this binary, so that the child has nothing to run.
#[test]
fn a_child_without_a_verdict_is_not_run() {
    let record = record("runs_twice_the_same", ENCODER, "crashed");
    assert_eq!(record.outcome, Outcome::NotRun, "{record:#?}");
    let said = "the process ran no test of this name";
    assert!(record.detail.starts_with(said), "{}", record.detail);
}

/// What is expected to fail otherwise stays in this process.
#[test]
fn a_mismatch_needs_no_child() {
    let record = record(
        "forward_matches_reference",
        ENCODER.with(Flaw::OneElement),
        "mismatch",
    );
    assert_eq!(record.outcome, Outcome::Mismatch, "{record:#?}");
    assert!(record.compared() > 0);
}
