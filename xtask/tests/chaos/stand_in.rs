//! What is started in place of a test binary: this very program, which does to itself what a bad backend may do.
//!
//! It runs below libtest as the emitted tests do, so that what libtest says and does is the same.

use std::{
    env, fs,
    hint::black_box,
    io::{self, Write as _},
    process::{self, Command},
    sync::Mutex,
    thread,
    time::Duration,
};

use camino::{Utf8Path, Utf8PathBuf};
use evidence::{Event, Outcome, TestId, append};

use crate::bed::record;

/// How much a flood is, in MiB.
pub(crate) const FLOOD: usize = 256;

/// Runs the tests that `STAND_IN` names; an ordinary run of these tests finds it unset and does nothing.
#[test]
fn stand_in() {
    let Ok(arguments) = env::var("STAND_IN") else {
        return;
    };
    let folder = Utf8PathBuf::from(env::var("STAND_IN_FOLDER").expect("the folder"));
    let evidence = Utf8PathBuf::from(env::var("TOUCHSTONE_EVIDENCE").expect("a file"));
    for path in arguments.split(' ').filter(|word| !word.starts_with("--")) {
        let read = |kind| fs::read_to_string(folder.join(format!("{path}.{kind}")));
        let test: TestId = serde_json::from_str(&read("id").expect("known")).expect("sound");
        append(&evidence, &Event::Begin(test.clone())).expect("written");
        let mut verdict = record(&test, Outcome::Pass);
        if let Ok(act) = read("act") {
            fs::write(folder.join("acting"), process::id().to_string()).expect("written");
            verdict.outcome = perform(&act, &folder, &evidence);
            verdict.detail = "so it was told".into();
        }
        append(&evidence, &Event::Verdict(Box::new(verdict))).expect("written");
    }
}

/// Does it; what comes back from it has the outcome that is given back.
fn perform(act: &str, folder: &Utf8Path, evidence: &Utf8Path) -> Outcome {
    match act {
        "mismatch" => return Outcome::Mismatch,
        "mismatch the first time" => {
            let again = folder.join("again");
            if !again.exists() {
                fs::write(again, "").expect("written");
                return Outcome::Mismatch;
            }
        }
        "segfault" => {
            // Not null: that would be caught and told as a panic.
            let nowhere = std::ptr::without_provenance::<u8>(8);
            // SAFETY: none; this is the fault that is wanted.
            black_box(unsafe { nowhere.read_volatile() });
        }
        "abort" => process::abort(),
        "loop" => loop {
            black_box(());
        },
        "deadlock" => {
            let lock = Mutex::new(());
            let held = lock.lock();
            thread::scope(|scope| scope.spawn(|| drop(lock.lock())).join().expect("never"));
            drop(held);
        }
        "eat" => eat(),
        "overflow the stack" => {
            black_box(dig(1));
        }
        "exit 0" => process::exit(0),
        "exit 23" => process::exit(23),
        "exit 101" => process::exit(101),
        "flood" => {
            let line = [&[b'x'; (1 << 20) - 1][..], b"\n"].concat();
            for _ in 0..FLOOD {
                io::stdout().write_all(&line).expect("written");
            }
        }
        "half a line" => {
            let mut file = fs::OpenOptions::new().append(true).open(evidence);
            let half = b"{\"verdict\":{\"test\":{\"cat";
            file.as_mut()
                .expect("there")
                .write_all(half)
                .expect("written");
            process::abort();
        }
        "leave a grandchild" => grandchild(folder),
        "hang with a grandchild" => {
            grandchild(folder);
            thread::sleep(Duration::from_secs(600));
        }
        "a grandchild eats" => {
            let mut command = Command::new(env::current_exe().expect("itself"));
            command.args(["--exact", "stand_in::grandchild_eats", "--ignored"]);
            command.status().expect("started");
        }
        other => panic!("there is no act `{other}`"),
    }
    Outcome::Pass
}

/// A process that holds on to our output and would outlive us.
#[expect(
    clippy::zombie_processes,
    reason = "that nobody waits for it is the point"
)]
fn grandchild(folder: &Utf8Path) {
    let child = Command::new("sleep").arg("600").spawn().expect("started");
    fs::write(folder.join("grandchild"), child.id().to_string()).expect("written");
}

#[test]
#[ignore = "it eats memory until somebody stops it; an act starts it"]
fn grandchild_eats() {
    eat();
}

/// Until somebody stops it, or for half a minute.
fn eat() {
    let mut eaten = Vec::new();
    for _ in 0..3_000 {
        eaten.push(black_box(vec![1_u8; 1 << 20]));
        thread::sleep(Duration::from_millis(10));
    }
}

#[expect(unconditional_recursion, reason = "this is the fault that is wanted")]
fn dig(depth: usize) -> usize {
    black_box([depth; 64]);
    dig(black_box(depth + 1)) + 1
}
