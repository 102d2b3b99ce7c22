//! `xtask verify` itself, in a workspace whose cargo builds stand-ins: what the shell sees, and the run file.

use std::{
    collections::BTreeMap,
    fs,
    process::{Child, Command, Output, Stdio},
    thread,
    time::Duration,
};

use camino::Utf8PathBuf;
use evidence::{Outcome, Run, TestId};
use model_registry::Registry;
use nix::{
    sys::signal::{Signal, kill},
    unistd::Pid,
};
use xtask::exit::Exit;

use crate::bed::{binary, lives, process, script, tell};

const FORWARD: &str = "forward_matches_reference";

/// Two families in two test binaries.
const FAMILIES: [&str; 2] = ["text-encoder/bert", "vision/vit"];

/// A workspace, and in it the programs that stand in for cargo and for what it builds.
struct Place {
    _temporary: tempfile::TempDir,
    root: Utf8PathBuf,
    bin: Utf8PathBuf,
    tests: Vec<TestId>,
}

impl Place {
    fn new() -> Self {
        let temporary = tempfile::tempdir().expect("a temporary folder");
        let root = Utf8PathBuf::from_path_buf(temporary.path().to_owned()).expect("UTF-8");
        let registry = concat!(env!("CARGO_MANIFEST_DIR"), "/../model-registry/families");
        for family in FAMILIES {
            let copy = root.join(format!("model-registry/families/{family}.yaml"));
            fs::create_dir_all(copy.parent().expect("a folder")).expect("made");
            fs::copy(format!("{registry}/{family}.yaml"), copy).expect("copied");
        }
        // What the families name has to be listed; no tokenizer is recorded here.
        let list = "bert: {class: BertTokenizer, waived: not here}\n";
        fs::write(root.join("model-registry/tokenizers.yaml"), list).expect("written");
        let bin = root.join("bin");
        fs::create_dir(&bin).expect("made");
        let mut place = Self {
            _temporary: temporary,
            root,
            bin,
            tests: Vec::new(),
        };
        let regen = place.xtask(&["regen", "--all"]);
        assert!(regen.status.success(), "{}", text(&regen.stderr));
        place.build();
        place
    }

    /// What cargo would build: a binary a category with every case's forward check, and the smoke tests.
    fn build(&mut self) {
        let registry = Registry::load(&self.root.join("model-registry")).expect("sound");
        for family in registry.families() {
            let mut tests = Vec::new();
            for case in family.cases() {
                let backends = [
                    ("candle", None),
                    ("candle-graph", None),
                    ("ort", None),
                    ("ort", Some("unoptimised")),
                ];
                let native = backends
                    .iter()
                    .filter(|(name, _)| *name != "candle" || case.candle.is_some());
                tests.extend(native.map(|(backend, setting)| TestId {
                    category: family.category.name().into(),
                    family: family.family.clone(),
                    variant: case.variant.map(str::to_owned),
                    backend: (*backend).into(),
                    setting: setting.map(str::to_owned),
                    check: FORWARD.into(),
                }));
            }
            binary(&self.bin.join(family.category.name()), &tests);
            self.tests.extend(tests);
        }
        self.smoke("");
        let said = format!(
            r#"{{"reason":"compiler-artifact","target":{{"name":"%s","kind":["test"]}},"executable":"{}/%s"}}\n"#,
            self.bin,
        );
        let cargo = format!(
            "while test $# -gt 0; do\n\
             case \"$1\" in --test) printf '{said}' \"$2\" \"$2\" ;; esac\nshift\ndone\n"
        );
        script(&self.bin.join("cargo"), &cargo);
    }

    /// The smoke tests; `act` is what they do, in shell, with the test's name in `$2`.
    fn smoke(&self, act: &str) {
        let list = "harness_tells_right_from_wrong: test\\ncandle_computes: test\\ncandle_graph_computes: test\\nort_computes: test\\n";
        let text = format!(
            "case \"$1\" in --list) printf '{list}'; exit ;; esac\n{act}\necho \"test result: ok. 1 passed\"\n"
        );
        script(&self.bin.join("smoke"), &text);
    }

    /// The base case of a family on candle.
    fn test(&self, family: &str) -> &TestId {
        let base = |test: &&TestId| {
            test.family == family && test.variant.is_none() && test.backend == "candle"
        };
        self.tests.iter().find(base).expect("a test")
    }

    fn tell(&self, family: &str, act: &str) {
        tell(&self.bin, self.test(family), act);
    }

    fn command(&self, arguments: &[&str]) -> Command {
        let mut command = Command::new(env!("CARGO_BIN_EXE_xtask"));
        command.args(["--root", self.root.as_str()]).args(arguments);
        command
            .current_dir(&self.root)
            .env("CARGO", self.bin.join("cargo"));
        command
    }

    fn xtask(&self, arguments: &[&str]) -> Output {
        self.command(arguments).output().expect("starts")
    }

    fn verify(&self, arguments: &[&str]) -> Output {
        self.xtask(&[&["verify", "--backend", "candle", "--jobs", "2"], arguments].concat())
    }

    /// The run files, without the pointer to the newest.
    fn runs(&self) -> Vec<Utf8PathBuf> {
        let folder = self.root.join("target/touchstone/runs");
        let Ok(entries) = folder.read_dir_utf8() else {
            return Vec::new();
        };
        let files = entries.map(|entry| entry.expect("readable").into_path());
        let mut runs: Vec<_> = files
            .filter(|file| file.extension() == Some("ndjson"))
            .filter(|file| file.file_stem() != Some("latest"))
            .collect();
        runs.sort();
        runs
    }

    fn latest(&self) -> Run {
        let file = self.root.join("target/touchstone/runs/latest.ndjson");
        Run::read(&file).expect("a sound run")
    }
}

fn text(bytes: &[u8]) -> String {
    String::from_utf8_lossy(bytes).into_owned()
}

#[track_caller]
fn ends_with(ended: &Output, exit: Exit, said: &str) {
    let (stdout, stderr) = (text(&ended.stdout), text(&ended.stderr));
    assert_eq!(
        ended.status.code(),
        Some(exit.code().into()),
        "{stdout}{stderr}"
    );
    assert!(
        stdout.contains(said) || stderr.contains(said),
        "{stdout}{stderr}"
    );
}

/// What came of each family, the base case of `bad` apart.
fn others(run: &Run, bad: &TestId) -> BTreeMap<Outcome, usize> {
    let mut counts = BTreeMap::new();
    for record in run.records.iter().filter(|record| record.test != *bad) {
        *counts.entry(record.outcome).or_default() += 1;
    }
    counts
}

#[test]
fn a_run_survives_what_one_of_its_checks_does() {
    let place = Place::new();
    ends_with(&place.verify(&[]), Exit::Ok, "0 unexpected");
    let owed = place.latest().records.len();
    let bad = place.test("vit").clone();
    let rows = [
        ("segfault", Outcome::Crashed, &[][..]),
        ("eat", Outcome::OutOfMemory, &["--memory", "128"]),
        ("mismatch the first time", Outcome::Flaky, &[]),
        ("mismatch", Outcome::Mismatch, &[]),
    ];
    for (act, outcome, arguments) in rows {
        place.tell("vit", act);
        ends_with(&place.verify(arguments), Exit::Unexpected, "1 unexpected");
        let run = place.latest();
        let record = run.records.iter().find(|record| record.test == bad);
        let record = record.expect("a verdict");
        assert_eq!(record.outcome, outcome, "{record:?}");
        let repeated = "repeated alone in a fresh process";
        assert!(record.detail.contains(repeated), "{}", record.detail);
        assert_eq!(
            others(&run, &bad),
            BTreeMap::from([(Outcome::Pass, owed - 1)])
        );
    }
    let [old, new] = &place.runs()[3..] else {
        panic!("five runs")
    };
    let names = [old, new].map(|file| file.file_stem().expect("a name"));
    let changed = "vit on candle: forward_matches_reference: flaky → mismatch";
    ends_with(
        &place.xtask(&["diff", names[0], names[1]]),
        Exit::Unexpected,
        changed,
    );
}

#[test]
fn a_broken_harness_or_backend_is_told_before_any_family() {
    let place = Place::new();
    let rows = [
        (
            "case $2 in harness*) echo it saw no difference; exit 101 ;; esac",
            "the harness is broken, not the backends: harness_tells_right_from_wrong ended with exit status: 101",
        ),
        (
            "case $2 in candle*) echo no such instruction; kill -ILL $$ ;; esac",
            "the backend candle is broken here: candle_computes ended with signal: 4",
        ),
        // A binary that has no such test ends well, having tried nothing.
        (
            "case $2 in candle*) echo 'test result: ok. 0 passed'; exit 0 ;; esac",
            "the backend candle is broken here: candle_computes ended with exit status: 0",
        ),
    ];
    for (act, message) in rows {
        place.smoke(act);
        let ended = place.verify(&[]);
        ends_with(&ended, Exit::Setup, message);
        assert_eq!(place.runs(), [] as [Utf8PathBuf; 0], "no family was tried");
        assert!(
            !text(&ended.stderr).contains("[1/2]"),
            "no family was tried"
        );
    }
    // What was not asked for may be broken.
    place.smoke("case $2 in ort*) exit 101 ;; esac");
    ends_with(&place.verify(&[]), Exit::Ok, "0 unexpected");
    place.smoke("sleep 60");
    ends_with(
        &place.verify(&["--timeout", "1"]),
        Exit::Setup,
        "was killed after 1 s",
    );
}

/// Waits until a stand-in does what it was told to.
fn acting(place: &Place, child: &mut Child) -> i32 {
    for _ in 0..1_200 {
        let noted = fs::read_to_string(place.bin.join("acting")).unwrap_or_default();
        if !noted.is_empty() && place.bin.join("grandchild").exists() {
            return process(&place.bin, "acting");
        }
        assert_eq!(child.try_wait().expect("known"), None, "it runs");
        thread::sleep(Duration::from_millis(50));
    }
    panic!("it never came to the act");
}

#[test]
fn ctrl_c_ends_the_children_and_closes_the_run() {
    stop(Signal::SIGINT);
}

#[test]
fn so_does_what_ends_a_job_on_a_server() {
    stop(Signal::SIGTERM);
}

/// Stops a run in the middle of a check that has a process of its own.
#[track_caller]
fn stop(signal: Signal) {
    let place = Place::new();
    ends_with(&place.verify(&[]), Exit::Ok, "0 unexpected");
    let before = place.latest();
    place.tell("vit", "hang with a grandchild");

    let mut command = place.command(&["verify", "--backend", "candle", "--jobs", "1"]);
    command.stdout(Stdio::piped()).stderr(Stdio::piped());
    let mut child = command.spawn().expect("starts");
    let acting = acting(&place, &mut child);
    let xtask = Pid::from_raw(child.id().try_into().expect("small"));
    kill(xtask, signal).expect("sent");
    let ended = child.wait_with_output().expect("ends");
    ends_with(&ended, Exit::Interrupted, "stopped by the user");

    for process in [acting, process(&place.bin, "grandchild")] {
        let gone = (0..200).any(|_| {
            thread::sleep(Duration::from_millis(10));
            !lives(process)
        });
        assert!(gone, "{process} lives");
    }
    let runs = place.runs();
    let run = Run::read(&runs[1]).expect("a stopped run is sound");
    assert!(run.footer.interrupted);
    assert_eq!(run.header.plan, before.header.plan);
    let hung = run
        .records
        .iter()
        .find(|record| record.test == *place.test("vit"));
    assert_eq!(hung.expect("a verdict").outcome, Outcome::Interrupted);
    let done = |record: &&evidence::Record| record.test.family == "bert";
    assert!(
        run.records
            .iter()
            .filter(done)
            .all(|record| record.outcome == Outcome::Pass)
    );
    assert_eq!(place.latest(), before, "the newest complete run is another");
}
