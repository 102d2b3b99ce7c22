//! Families whose test binaries are stand-ins, and what each of their tests is told to do.

use std::{collections::BTreeMap, env, fs, os::unix::fs::PermissionsExt as _, time::Duration};

use camino::{Utf8Path, Utf8PathBuf};
use evidence::{Bound, Metrics, Outcome, Record, TestId};
use xtask::{
    verify::{Device, judge::Bench, launch::Launcher, plan::Unit},
    workspace::Workspace,
};

/// How much memory a stand-in may hold: libtest and half of a flood, but no eater.
pub(crate) const MEMORY: u64 = 128 << 20;

pub(crate) fn id(family: &str, check: &str) -> TestId {
    TestId {
        category: "vision".into(),
        family: family.into(),
        variant: None,
        backend: "candle".into(),
        setting: None,
        check: check.into(),
    }
}

/// A verdict that a reader accepts whatever its outcome.
pub(crate) fn record(test: &TestId, outcome: Outcome) -> Record {
    let metrics = Metrics {
        compared: 4,
        max_abs: 0.5,
        rmse: 0.5,
        relative_l2: 0.5,
        argmax_agreement: 1.0,
        bound: Bound {
            rmse: 1.0,
            max_abs: 1.0,
            rule: "as in the test".into(),
        },
        margin: 0.5,
        first_difference: None,
    };
    Record {
        test: test.clone(),
        device: "cpu".into(),
        dtype: "f32".into(),
        outcome,
        expected: Outcome::Pass,
        outputs: BTreeMap::from([("logits".into(), metrics)]),
        asserted: 0,
        detail: String::new(),
        cause: None,
        seconds: 0.1,
        peak_bytes: 0,
        versions: BTreeMap::new(),
        reference: "abc".into(),
        reproduce: "cargo test".into(),
    }
}

/// Writes a program for `sh`.
pub(crate) fn script(path: &Utf8Path, text: &str) {
    fs::write(path, format!("#!/bin/sh\n{text}")).expect("written");
    fs::set_permissions(path, fs::Permissions::from_mode(0o755)).expect("executable");
}

/// Makes a test binary that holds these tests out of this program.
pub(crate) fn binary(path: &Utf8Path, tests: &[TestId]) {
    let folder = path.parent().expect("a folder");
    for test in tests {
        let text = serde_json::to_string(test).expect("plain data");
        fs::write(folder.join(format!("{}.id", test.rust_path())), text).expect("written");
    }
    let list: String = tests
        .iter()
        .map(|test| format!("{}: test\n", test.rust_path()))
        .collect();
    let listed = path.with_extension("list");
    fs::write(&listed, list).expect("written");
    let this = env::current_exe().expect("this program");
    let this = this.display();
    script(
        path,
        &format!(
            "case \"$1\" in --list) exec cat '{listed}' ;; esac\n\
             STAND_IN=\"$*\" STAND_IN_FOLDER='{folder}' \
             exec '{this}' --exact stand_in::stand_in --nocapture --test-threads=1\n"
        ),
    );
}

/// Tells a test what to do between its Begin and its verdict.
pub(crate) fn tell(folder: &Utf8Path, test: &TestId, act: &str) {
    fs::write(folder.join(format!("{}.act", test.rust_path())), act).expect("written");
}

/// A folder for a bench and its units.
pub(crate) struct Bed {
    _temporary: tempfile::TempDir,
    pub(crate) folder: Utf8PathBuf,
    pub(crate) bench: Bench,
}

impl Bed {
    pub(crate) fn new(limit: Duration) -> Self {
        let temporary = tempfile::tempdir().expect("a temporary folder");
        let folder = Utf8PathBuf::from_path_buf(temporary.path().to_owned()).expect("UTF-8");
        let bench = Bench {
            workspace: Workspace {
                root: folder.clone(),
            },
            folder: folder.clone(),
            device: Device::Cpu,
            expectations: BTreeMap::new(),
            limit,
            memory: MEMORY,
            threads: 1,
            environment: Vec::new(),
        };
        Self {
            _temporary: temporary,
            folder,
            bench,
        }
    }

    /// A family of three tests, of which the second is told what to do.
    pub(crate) fn unit(&self, family: &str, act: Option<&str>) -> Unit {
        let tests = ["a", "b", "c"].map(|check| id(family, check));
        let path = self.folder.join(family);
        binary(&path, &tests);
        if let Some(act) = act {
            tell(&self.folder, &tests[1], act);
        }
        Unit {
            name: format!("vision.{family}.rust"),
            title: family.into(),
            tests: tests.into(),
            launcher: Launcher::Rust {
                binary: path,
                folder: self.folder.clone(),
            },
        }
    }

    /// The process that a stand-in has noted under this name.
    pub(crate) fn process(&self, name: &str) -> i32 {
        process(&self.folder, name)
    }
}

pub(crate) fn process(folder: &Utf8Path, name: &str) -> i32 {
    let text = fs::read_to_string(folder.join(name)).expect("noted");
    text.parse().expect("a number")
}

/// Whether a process lives; one that has ended and that nobody waits for does not.
pub(crate) fn lives(process: i32) -> bool {
    let found = nix::sys::signal::kill(nix::unistd::Pid::from_raw(process), None).is_ok();
    let stat = fs::read_to_string(format!("/proc/{process}/stat")).unwrap_or_default();
    found
        && !stat
            .rsplit(')')
            .next()
            .is_some_and(|rest| rest.starts_with(" Z"))
}
