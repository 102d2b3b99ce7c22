//! Representative emitted files, to be read and approved; the whole tree is in `generated/`.
//!
//! After a change on purpose: `INSTA_UPDATE=always cargo test -p snapshots`, then read the difference.

use std::{
    collections::BTreeMap,
    env,
    io::Write,
    process::{Command, Stdio},
};

use camino::{Utf8Path, Utf8PathBuf};
use generator::{Templates, generate};
use model_registry::Registry;

/// Every emitted file of the registry as it is.
fn emitted() -> BTreeMap<Utf8PathBuf, String> {
    let root = Utf8Path::new(env!("CARGO_MANIFEST_DIR")).join("../model-registry");
    let registry = Registry::load(&root).unwrap_or_else(|errors| panic!("{errors}"));
    let templates = Templates::embedded().expect("the build script has checked them");
    generate(&registry, &templates).unwrap_or_else(|errors| {
        panic!(
            "{}",
            errors
                .iter()
                .map(ToString::to_string)
                .collect::<Vec<_>>()
                .join("\n\n")
        )
    })
}

#[track_caller]
fn check(category: &str, family: &str) {
    let files = emitted();
    let mut settings = insta::Settings::clone_current();
    settings.set_snapshot_path("emitted");
    settings.set_prepend_module_to_snapshot(false);
    settings.set_omit_expression(true);
    settings.set_description(format!("model-registry/families/{category}/{family}.yaml"));
    settings.bind(|| {
        for (language, path) in [
            ("rust", format!("generated/tests/{category}/{family}.rs")),
            (
                "python",
                format!("generated/python/{category}/test_{family}.py"),
            ),
        ] {
            insta::assert_snapshot!(format!("{family}.{language}"), files[Utf8Path::new(&path)]);
        }
    });
}

/// A plain binding, heads of its own, and a variant that candle does not have.
#[test]
fn bert() {
    check("text-encoder", "bert");
}

/// A cache that the caller owns, translated fields, and logits of the last position only.
#[test]
fn llama() {
    check("text-decoder", "llama");
}

/// Two inputs that meet, nested configs, and parts that are variants.
#[test]
fn clip() {
    check("multimodal", "clip");
}

/// Statements before the outputs, and an axis that grows on the decoder's side.
#[test]
fn whisper() {
    check("audio", "whisper");
}

/// The generator's parser misses a few errors that CPython finds.
#[test]
fn python_compiles() {
    let files = emitted();
    let python: Vec<_> = files
        .iter()
        .filter(|(path, _)| path.extension() == Some("py"))
        .collect();
    assert!(!python.is_empty());

    // One process for all: each file is its path, its length in bytes, and its text.
    let compile = "import sys\n\
        data = sys.stdin.buffer\n\
        while line := data.readline():\n    \
            path, length = line.decode().split('\\0')\n    \
            compile(data.read(int(length)).decode(), path, 'exec')\n";
    let interpreter = env::var("PYTHON").unwrap_or_else(|_| "python3".to_owned());
    let mut child = Command::new(&interpreter)
        .args(["-I", "-c", compile])
        .current_dir(env!("CARGO_MANIFEST_DIR"))
        .stdin(Stdio::piped())
        .stderr(Stdio::piped())
        .spawn()
        .unwrap_or_else(|error| panic!("cannot run {interpreter}: {error} [set PYTHON]"));
    let mut input = child.stdin.take().expect("it is piped");
    for (path, text) in python {
        // A reader that has failed closes its end; its own words tell more.
        let _ = write!(input, "{path}\0{}\n{text}", text.len());
    }
    drop(input);
    let output = child.wait_with_output().expect("it ends");
    assert!(
        output.status.success(),
        "{}",
        String::from_utf8_lossy(&output.stderr)
    );
}
