//! What a mutant comes to, and what is told of it.

use std::{collections::BTreeMap, fs, process::Command};

use evidence::{Header, Outcome, Record, Sabotage, TestId};
use xtask::verify::saboteurs::{
    Found,
    double::{Answer, Movement, State, file_stem},
    faults,
    mutants::{Mutants, Status},
    report::Report,
    tally::Tally,
    unmeasured::{Unmeasured, deaths, unmeasured},
};

fn test(backend: &str, check: &str) -> TestId {
    TestId {
        category: "vision".into(),
        family: "vit".into(),
        variant: None,
        backend: backend.into(),
        setting: None,
        check: check.into(),
    }
}

fn seen(backend: &str, fault: &str, check: &str, outcome: Outcome) -> Sabotage {
    Sabotage {
        test: test(backend, check),
        fault: fault.into(),
        site: "here".into(),
        outcome,
        detail: match outcome {
            Outcome::Pass => String::new(),
            outcome => format!("it was a {outcome}\nand more"),
        },
        margin: (outcome == Outcome::Pass).then_some(0.25),
        unchanged: false,
    }
}

fn unchanged(seen: Sabotage) -> Sabotage {
    Sabotage {
        unchanged: true,
        ..seen
    }
}

fn answer(backend: &str, fault: &str, state: State, share: f64) -> Answer {
    let movement = Movement {
        max_abs: share,
        rmse: share,
        share,
        allowed_max_abs: 1.0,
        allowed_rmse: 1.0,
    };
    Answer {
        case: "vit".into(),
        backend: backend.into(),
        mutant: format!("{fault}@here"),
        state,
        detail: "`logits` moves".into(),
        outputs: BTreeMap::from([("logits".into(), movement)]),
    }
}

fn mutants(seen: Vec<Sabotage>) -> Mutants {
    let mut mutants = Mutants::default();
    seen.into_iter()
        .for_each(|seen| mutants.add(seen, "vision"));
    mutants
}

fn status(seen: Vec<Sabotage>, answers: Vec<Answer>) -> Status {
    let mut mutants = mutants(seen);
    mutants.answer(answers);
    let all: Vec<_> = mutants.iter().collect();
    assert_eq!(all.len(), 1, "one mutant");
    all[0].status
}

#[test]
fn the_status_of_a_mutant_follows_from_what_the_checks_said() {
    use Outcome::{Crashed, LoadFailed, Mismatch, Nonfinite, NotRun, Pass, Refused, RunFailed};
    use Status::{Detected, Stillborn, Survived, Unread};
    let graph = "heads-swapped";
    let config = "rope-theta";
    let call = "cache-not-reset";
    let rows: [(&str, &str, &str, &[Outcome], Status); 15] = [
        ("outside the bound", "ort", graph, &[Mismatch], Detected),
        ("not finite", "ort", graph, &[Nonfinite], Detected),
        (
            "one of two checks",
            "ort",
            graph,
            &[Pass, Mismatch],
            Detected,
        ),
        ("nobody noticed", "ort", graph, &[Pass, Pass], Survived),
        (
            "nobody could tell",
            "ort",
            graph,
            &[Refused, NotRun],
            Survived,
        ),
        (
            "the model does not load",
            "ort",
            graph,
            &[LoadFailed],
            Stillborn,
        ),
        (
            "the model does not run",
            "ort",
            graph,
            &[RunFailed],
            Stillborn,
        ),
        (
            "it breaks one check only",
            "ort",
            graph,
            &[Pass, RunFailed],
            Stillborn,
        ),
        (
            "noticed, and breaks another",
            "ort",
            graph,
            &[Mismatch, RunFailed],
            Detected,
        ),
        ("a refused call", "candle", call, &[RunFailed], Detected),
        (
            "a broken graph of the same name",
            "ort",
            call,
            &[RunFailed],
            Stillborn,
        ),
        (
            "a call cannot break loading",
            "candle",
            call,
            &[LoadFailed],
            Stillborn,
        ),
        ("a death that is told", "ort", graph, &[Crashed], Detected),
        ("a field that is read", "candle", config, &[Pass], Survived),
        (
            "no fault known here",
            "candle",
            "of-another-kind",
            &[Pass],
            Survived,
        ),
    ];
    for (name, backend, fault, outcomes, expected) in rows {
        let seen = (0..)
            .zip(outcomes)
            .map(|(number, outcome)| seen(backend, fault, &format!("check_{number}"), *outcome));
        assert_eq!(status(seen.collect(), vec![]), expected, "{name}");
    }

    let still = |backend, fault, check| unchanged(seen(backend, fault, check, Pass));
    let rows = [
        (
            "a field that is not read",
            vec![still("candle", config, "a"), still("candle", config, "b")],
            Unread,
        ),
        (
            "a field that another check shows",
            vec![
                still("candle", config, "a"),
                seen("candle", config, "b", Pass),
            ],
            Survived,
        ),
        (
            "a graph has no fields",
            vec![still("ort", config, "a")],
            Survived,
        ),
        (
            "a weight is no field",
            vec![still("candle", "bias-zeroed", "a")],
            Survived,
        ),
        (
            "once noticed and once not",
            vec![
                seen("ort", graph, "a", Mismatch),
                seen("ort", graph, "a", Pass),
            ],
            Survived,
        ),
        (
            "noticed twice",
            vec![
                seen("ort", graph, "a", Mismatch),
                seen("ort", graph, "a", Nonfinite),
            ],
            Detected,
        ),
    ];
    for (name, seen, expected) in rows {
        assert_eq!(status(seen, vec![]), expected, "{name}");
    }
}

#[test]
fn only_float64_makes_a_survivor_equivalent() {
    use Outcome::{Mismatch, Pass};
    use State::{Equivalent, Moved, Unknown};
    let fault = "epsilon-times-ten";
    let without_numbers = Answer {
        outputs: BTreeMap::new(),
        ..answer("ort", fault, Equivalent, 0.0)
    };
    let rows = [
        (
            "it moves nothing",
            Pass,
            answer("ort", fault, Equivalent, 1e-3),
            Status::Equivalent,
        ),
        (
            "it moves something",
            Pass,
            answer("ort", fault, Moved, 7.0),
            Status::Survived,
        ),
        (
            "it cannot be repeated",
            Pass,
            answer("ort", fault, Unknown, 0.0),
            Status::Survived,
        ),
        (
            "numbers that say otherwise",
            Pass,
            answer("ort", fault, Equivalent, 1.5),
            Status::Survived,
        ),
        ("no numbers", Pass, without_numbers, Status::Survived),
        (
            "what was noticed stays noticed",
            Mismatch,
            answer("ort", fault, Equivalent, 0.0),
            Status::Detected,
        ),
        (
            "an answer on another backend",
            Pass,
            answer("candle", fault, Equivalent, 0.0),
            Status::Survived,
        ),
    ];
    for (name, outcome, answer, expected) in rows {
        let seen = vec![seen("ort", fault, "a", outcome)];
        assert_eq!(status(seen, vec![answer]), expected, "{name}");
    }
}

#[test]
fn a_field_without_effect_is_unread_unless_float64_expects_none() {
    let rows = [
        (State::Equivalent, 1e-5, Status::Equivalent),
        (State::Moved, 1e4, Status::Unread),
        (State::Unknown, 0.0, Status::Unread),
    ];
    for (state, share, expected) in rows {
        let seen = unchanged(seen("candle", "rope-theta", "a", Outcome::Pass));
        let answer = answer("candle", "rope-theta", state, share);
        assert_eq!(status(vec![seen], vec![answer]), expected, "{state:?}");
    }
}

#[test]
fn a_survivor_is_told_where_its_fault_is_caught() {
    let planted = |case: Option<&str>, backend: &str, site: &str, outcome| {
        let mut seen = seen(backend, "epsilon-times-ten", "forward", outcome);
        seen.test.variant = case.map(str::to_owned);
        seen.site = site.into();
        seen
    };
    use Outcome::{Mismatch, Pass};
    let all = mutants(vec![
        planted(None, "ort", "here", Pass),
        planted(None, "ort", "there", Mismatch),
        planted(None, "candle", "here", Mismatch),
        planted(Some("epsilon"), "ort", "here", Mismatch),
        planted(Some("epsilon"), "ort", "there", Mismatch),
        planted(Some("head"), "ort", "here", Pass),
    ]);
    let found = found(all);
    let header = header();
    let text = Report::new("id".into(), &header, &found).text();
    let told = "caught   the same fault in vit at there, vit.epsilon";
    assert_eq!(text.matches(told).count(), 1, "{text}");
    let told = "caught   the same fault in vit, vit.epsilon";
    assert_eq!(text.matches(told).count(), 1, "{text}");
}

#[test]
fn an_answer_is_read_strictly() {
    let line = r#"{"case": "vit", "mutant": "a@b", "backend": "ort", "state": "unknown", "detail": "why"}"#;
    let answer: Answer = serde_json::from_str(line).expect("an answer");
    assert_eq!((answer.state, answer.share()), (State::Unknown, None));
    for (from, to) in [
        ("unknown", "probably"),
        ("detail", "details"),
        ("backend", "backends"),
    ] {
        let changed = line.replace(from, to);
        assert!(
            serde_json::from_str::<Answer>(&changed).is_err(),
            "{changed}"
        );
    }
}

#[test]
fn a_mutants_file_cannot_leave_its_folder() {
    for (name, stem) in [
        ("bias-zeroed@h.0.bias", "bias-zeroed_h.0.bias"),
        ("bias-zeroed@../../etc", "bias-zeroed_.._.._etc"),
        ("rope-theta@a b/ü", "rope-theta_a_b__"),
    ] {
        assert_eq!(file_stem(name), stem);
    }
}

#[test]
fn what_cannot_be_detected_is_no_part_of_the_score() {
    let mut all = mutants(vec![
        seen("ort", "heads-swapped", "a", Outcome::Mismatch),
        seen("ort", "rope-pairing", "a", Outcome::Pass),
        seen("ort", "epsilon-times-ten", "a", Outcome::Pass),
        seen("ort", "logits-scaled", "a", Outcome::LoadFailed),
        unchanged(seen("candle", "rope-theta", "a", Outcome::Pass)),
    ]);
    all.answer(vec![answer(
        "ort",
        "epsilon-times-ten",
        State::Equivalent,
        0.1,
    )]);
    let expected = Tally {
        applicable: 5,
        detected: 1,
        survived: 1,
        equivalent: 1,
        unread: 1,
        stillborn: 1,
        score: Some(0.5),
    };
    assert_eq!(Tally::of(all.iter()), expected);
    assert_eq!(Tally::of(all.of(Status::Unread)).score, None);
    let by_backend = Tally::by(all.iter(), |mutant| mutant.backend.as_str());
    assert_eq!(by_backend["candle"].applicable, 1);
    let unnoticed: Vec<_> = all.unnoticed().map(|m| m.fault.as_str()).collect();
    assert_eq!(unnoticed, ["rope-theta", "rope-pairing"]);
}

fn record(test: TestId, outcome: Outcome, expected: Outcome) -> Record {
    Record {
        test,
        device: "cpu".into(),
        dtype: "f32".into(),
        outcome,
        expected,
        outputs: BTreeMap::new(),
        asserted: 0,
        detail: "the process ended with SIGSEGV\nits last words".into(),
        cause: (expected != Outcome::Pass).then(|| "candle has another norm".into()),
        seconds: 0.0,
        peak_bytes: 0,
        versions: BTreeMap::new(),
        reference: String::new(),
        reproduce: String::new(),
    }
}

#[test]
fn where_nothing_could_be_planted_is_told() {
    let (ort, candle) = (test("ort", "forward"), test("candle", "forward"));
    let mutants = mutants(vec![seen(
        "ort",
        "heads-swapped",
        "forward",
        Outcome::Mismatch,
    )]);
    let find = |test: &TestId, records: &[Record], some_only: bool| {
        let found = unmeasured([test].into_iter(), records, &mutants, some_only);
        found
            .into_iter()
            .next()
            .map(|u| (u.outcome, u.cause, u.known))
    };
    use Outcome::{Crashed, Mismatch, NotRun, Pass};
    let rows = [
        (&ort, Some((Pass, Pass)), false, None),
        (
            &candle,
            Some((Pass, Pass)),
            false,
            Some((Pass, "no fault was planted", false)),
        ),
        (&candle, Some((Pass, Pass)), true, None),
        (
            &candle,
            Some((Mismatch, Mismatch)),
            true,
            Some((Mismatch, "candle has another norm", true)),
        ),
        (
            &ort,
            Some((Crashed, Pass)),
            true,
            Some((
                Crashed,
                "the process ended with SIGSEGV\nits last words",
                false,
            )),
        ),
        (
            &candle,
            Some((Crashed, Mismatch)),
            true,
            Some((
                Crashed,
                "the process ended with SIGSEGV\nits last words",
                false,
            )),
        ),
        (
            &ort,
            None,
            true,
            Some((NotRun, "it left no verdict", false)),
        ),
    ];
    for (test, made, some_only, expected) in rows {
        let records: Vec<_> = made
            .map(|(outcome, due)| record(test.clone(), outcome, due))
            .into_iter()
            .collect();
        let expected = expected.map(|(outcome, cause, known): (Outcome, &str, bool)| {
            (outcome, cause.to_owned(), known)
        });
        assert_eq!(
            find(test, &records, some_only),
            expected,
            "{test}: {made:?}"
        );
    }
}

#[test]
fn a_death_among_the_other_checks_is_a_problem() {
    use Outcome::{Crashed, Mismatch, Pass, TimedOut};
    let records = [
        record(test("ort", "a"), Crashed, Pass),
        record(test("ort", "b"), TimedOut, TimedOut),
        record(test("ort", "c"), Mismatch, Pass),
    ];
    assert_eq!(
        deaths(&records),
        ["vit on ort: a: crashed: the process ended with SIGSEGV"]
    );
}

fn header() -> Header {
    Header {
        format: evidence::FORMAT,
        plan: vec![test("ort", "a")],
        device: "cpu".into(),
        machine: "a machine".into(),
        revisions: BTreeMap::new(),
        started: 0,
    }
}

fn found(mutants: Mutants) -> Found {
    Found {
        mutants,
        unmeasured: vec![],
        problems: vec![],
        seconds: 12.34,
    }
}

#[test]
fn a_report_tells_everything_that_was_not_detected() {
    let mut mutants = mutants(vec![
        seen("ort", "heads-swapped", "forward", Outcome::Mismatch),
        seen("ort", "epsilon-times-ten", "forward", Outcome::Pass),
        seen("ort", "rope-pairing", "forward", Outcome::Pass),
        seen("ort", "rope-pairing", "batch", Outcome::Pass),
        seen("ort", "logits-scaled", "forward", Outcome::LoadFailed),
        unchanged(seen("candle", "rope-theta", "forward", Outcome::Pass)),
    ]);
    mutants.answer(vec![
        answer("ort", "epsilon-times-ten", State::Equivalent, 5e-5),
        answer("ort", "rope-pairing", State::Moved, 1.7),
    ]);
    let mut found = found(mutants);
    found.unmeasured.push(Unmeasured {
        case: "vit.wide".into(),
        backend: "candle".into(),
        outcome: Outcome::Mismatch,
        cause: "candle has another norm".into(),
        known: true,
    });
    found.problems.push("something else went wrong".into());
    let header = header();
    let report = Report::new("id".into(), &header, &found);
    let text = report.text();
    let golden = "\
survived:
  vit on ort: rope-pairing@here: not noticed by 2 checks, nearest batch with margin 0.250
    float64  `logits` moves
    needs    more than one rotary frequency

stillborn:
  vit on ort: logits-scaled@here: forward: it was a load-failed

equivalent in float64:
  vit on ort: epsilon-times-ten at here: moves by 5.0e-5 of what PyTorch loses in float32

fields of the config that the backend does not read, and what they do in float64:
  vit on candle: rope-theta at here

not measured:
  vit.wide on candle: mismatch (known): candle has another norm

problems:
  something else went wrong

5 mutants: 1 of 2 detected, score 50.0 % (goal 99.0 %); 12.3 s";
    assert!(text.ends_with(golden), "{text}");
    let row = |table: &str, first: &str| {
        let section = text
            .split("\n\n")
            .find(|section| section.trim_start().starts_with(table));
        let rows = section.expect("a table").lines();
        let mut rows = rows.map(|row| row.split_whitespace().collect::<Vec<_>>());
        rows.find(|row| row[0] == first).expect("a row").join(" ")
    };
    assert_eq!(row("architecture", "vision"), "vision 5 1 1 1 1 1 50.0 %");
    assert_eq!(row("fault", "rope-theta"), "rope-theta 1 0 0 0 1 0 -");
    assert_eq!(row("family", "all"), "all 5 1 1 1 1 1 50.0 %");
    let json: serde_json::Value =
        serde_json::from_str(&report.json().expect("plain data")).expect("JSON");
    assert_eq!(json["total"]["score"], 0.5);
    assert_eq!(json["mutants"].as_array().map(Vec::len), Some(5));
    assert_eq!(json["mutants"][1]["float64"]["state"], "equivalent");
}

#[test]
fn green_is_a_score_at_the_goal_and_nothing_left_open() {
    let detected = |n: usize| {
        let mut all = Mutants::default();
        for number in 0..n {
            let mut one = seen("ort", "heads-swapped", "forward", Outcome::Mismatch);
            one.site = format!("head {number}");
            all.add(one, "vision");
        }
        all
    };
    let with = |n, fault: &str, outcome| {
        let mut all = detected(n);
        all.add(seen("ort", fault, "forward", outcome), "vision");
        found(all)
    };
    let unmeasured = |known| Unmeasured {
        case: "vit".into(),
        backend: "ort".into(),
        outcome: Outcome::Mismatch,
        cause: "why".into(),
        known,
    };
    let rows = [
        ("all detected", found(detected(3)), true),
        ("nothing planted", found(detected(0)), false),
        (
            "one in a hundred survives",
            with(99, "rope-pairing", Outcome::Pass),
            true,
        ),
        (
            "one in fifty survives",
            with(49, "rope-pairing", Outcome::Pass),
            false,
        ),
        (
            "a broken saboteur",
            with(99, "rope-pairing", Outcome::RunFailed),
            false,
        ),
        (
            "a known gap",
            Found {
                unmeasured: vec![unmeasured(true)],
                ..found(detected(3))
            },
            true,
        ),
        (
            "an unknown gap",
            Found {
                unmeasured: vec![unmeasured(false)],
                ..found(detected(3))
            },
            false,
        ),
        (
            "a problem",
            Found {
                problems: vec!["why".into()],
                ..found(detected(3))
            },
            false,
        ),
    ];
    let header = header();
    for (name, found, green) in rows {
        assert_eq!(
            Report::new("id".into(), &header, &found).is_green(),
            green,
            "{name}"
        );
    }
}

#[test]
fn faults_are_sorted_and_found_by_name() {
    assert!(faults::FAULTS.is_sorted_by_key(|fault| fault.name));
    assert!(faults::find("mask-dropped").is_some_and(|fault| fault.in_calls && !fault.in_config));
    assert!(faults::find("mask").is_none());
}

#[test]
fn a_command_line_that_makes_no_sense_is_told_before_anything_is_built() {
    let folder = tempfile::tempdir().expect("a temporary folder");
    fs::create_dir_all(folder.path().join("model-registry/families")).expect("made");
    let rows = [
        (
            &["--saboteurs", "--faults", "rope-theta,rope"][..],
            "no fault is called `rope` [known: activation-swapped, bias-zeroed, ",
        ),
        (
            &["--saboteurs", "--backend", "python-torch"],
            "faults are planted by the Rust harness, and python-torch does without it",
        ),
        (&["--faults", "rope-theta"], "--saboteurs"),
        (&["--saboteurs", "--junit", "file"], "cannot be used with"),
    ];
    for (arguments, said) in rows {
        let mut command = Command::new(env!("CARGO_BIN_EXE_xtask"));
        command.arg("--root").arg(folder.path()).arg("verify");
        let output = command.args(arguments).output().expect("starts");
        let stderr = String::from_utf8_lossy(&output.stderr);
        assert_eq!(output.status.code(), Some(2), "{stderr}");
        assert!(stderr.contains(said), "{stderr}");
    }
}
