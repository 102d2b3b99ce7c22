//! ONNX Runtime on the recorded graphs of this workspace, at both ends of its optimiser.

mod common;

use std::{fs, process::Command};

use camino::{Utf8Path, Utf8PathBuf};
use evidence::{Outcome, Record};
use harness::{Case, backend::Device, check, judge, ort, site::Site};

fn workspace() -> Utf8PathBuf {
    Utf8Path::new(env!("CARGO_MANIFEST_DIR"))
        .parent()
        .expect("the workspace")
        .to_owned()
}

/// The case that a recorded reference is of; these tests are about the runtime, not about staleness.
fn case(root: &Utf8Path, category: &'static str, family: &'static str) -> Case {
    let path = root
        .join("snapshots/references")
        .join(family)
        .join("manifest.json");
    let text = fs::read_to_string(&path).expect("recorded");
    let manifest: serde_json::Value = serde_json::from_str(&text).expect("JSON");
    let recorded_from = manifest["recorded_from"]
        .as_str()
        .expect("a hash")
        .to_owned();
    Case {
        category,
        family,
        variant: None,
        recorded_from: Box::leak(recorded_from.into_boxed_str()),
    }
}

fn site(root: &Utf8Path, device: Device) -> Site {
    Site::at(root.to_owned(), device)
}

fn forward(site: &Site, case: &Case, graph: ort::Graph) -> Record {
    judge::record(
        site,
        "forward_matches_reference",
        case,
        &graph,
        check::forward_matches_reference::examine,
    )
    .expect("the site is in order")
}

#[test]
fn graphs_meet_the_bound_at_both_ends_of_the_optimiser() {
    let root = workspace();
    let site = site(&root, Device::Cpu);
    for (category, family) in [
        ("text-encoder", "bert"),
        ("text-decoder", "llama"),
        ("vision", "vit"),
    ] {
        let case = case(&root, category, family);
        for graph in [ort::graph(), ort::graph().unoptimised()] {
            let record = forward(&site, &case, graph);
            assert_eq!(record.outcome, Outcome::Pass, "{record:#?}");
            assert_eq!(record.versions["onnxruntime"], onnxruntime_library::VERSION);
            assert!(record.compared() > 100, "{record:#?}");
        }
    }
}

#[test]
fn a_decoder_passes_every_check_that_needs_no_cache() {
    let root = workspace();
    let site = site(&root, Device::Cpu);
    let case = case(&root, "text-decoder", "llama");
    let graph = ort::graph();
    let records = [
        judge::record(
            &site,
            "batch_equals_singles",
            &case,
            &graph,
            check::batch_equals_singles::examine,
        ),
        judge::record(
            &site,
            "padding_changes_nothing",
            &case,
            &graph,
            check::padding_changes_nothing::examine,
        ),
        judge::record(
            &site,
            "later_tokens_do_not_matter",
            &case,
            &graph,
            |trial| check::later_tokens_do_not_matter::examine(trial, "sequence"),
        ),
        judge::record(
            &site,
            "refuses_bad_input",
            &case,
            &graph,
            check::refuses_bad_input::examine,
        ),
    ];
    for record in records {
        let record = record.expect("the site is in order");
        assert_eq!(record.outcome, Outcome::Pass, "{record:#?}");
    }
    // The same graph is causal, so that it must fail what an encoder passes.
    let record = judge::record(
        &site,
        "later_tokens_do_matter",
        &case,
        &graph,
        check::later_tokens_do_matter::examine,
    );
    assert_eq!(
        record.expect("the site is in order").outcome,
        Outcome::Mismatch
    );
}

#[cfg(not(feature = "cuda"))]
#[test]
fn an_absent_device_is_not_run() {
    let root = workspace();
    let case = case(&root, "text-encoder", "bert");
    let record = forward(&site(&root, Device::Cuda), &case, ort::graph());
    assert_eq!(record.outcome, Outcome::NotRun, "{record:#?}");
    assert_eq!(
        record.detail,
        "this build has no cuda (build with `--features harness/cuda`)"
    );
    let record = forward(&site(&root, Device::Metal), &case, ort::graph());
    assert_eq!(record.detail, "ONNX Runtime has no provider for metal");
}

#[test]
fn a_damaged_graph_is_refused() {
    let copy = Copy::of("bert");
    let path = copy.folder.join("graph.onnx.xz");
    let mut bytes = fs::read(&path).expect("copied");
    let middle = bytes.len() / 2;
    bytes[middle] ^= 1;
    fs::write(&path, bytes).expect("writable");
    let record = forward(
        &site(&copy.root, Device::Cpu),
        &case(&copy.root, "text-encoder", "bert"),
        ort::graph(),
    );
    assert_eq!(record.outcome, Outcome::LoadFailed);
    assert!(
        record
            .detail
            .contains("graph.onnx.xz: is damaged: its sha256 is "),
        "{}",
        record.detail
    );
    assert!(
        record
            .detail
            .ends_with("(mend it with `cargo xtask record bert`)"),
        "{}",
        record.detail
    );
}

/// The library is looked for once a process, so that a failure to find it needs one of its own.
#[test]
fn without_a_library_the_command_is_named() {
    let exe = std::env::current_exe().expect("this test");
    let output = Command::new(exe)
        .current_dir(workspace())
        .args([
            "--exact",
            "--ignored",
            "child_without_a_library",
            "--nocapture",
        ])
        .env("ORT_DYLIB_PATH", "/nowhere/libonnxruntime.so")
        .output()
        .expect("this test runs");
    let said = String::from_utf8_lossy(&output.stdout);
    assert!(
        said.contains("load-failed: ORT_DYLIB_PATH names /nowhere/libonnxruntime.so"),
        "{said}"
    );
}

#[test]
#[ignore = "runs as a child of the test above, in an environment of its own"]
#[expect(clippy::print_stdout, reason = "the parent reads it")]
fn child_without_a_library() {
    let root = workspace();
    let record = forward(
        &site(&root, Device::Cpu),
        &case(&root, "text-encoder", "bert"),
        ort::graph(),
    );
    println!("{}: {}", record.outcome, record.detail);
}

/// A workspace of its own with one reference copied into it.
struct Copy {
    _folder: tempfile::TempDir,
    root: Utf8PathBuf,
    folder: Utf8PathBuf,
}

impl Copy {
    fn of(family: &str) -> Self {
        let temporary = tempfile::tempdir().expect("a temporary folder");
        let root = Utf8Path::from_path(temporary.path())
            .expect("UTF-8")
            .to_owned();
        let folder = root.join("snapshots/references").join(family);
        fs::create_dir_all(&folder).expect("writable");
        let original = workspace().join("snapshots/references").join(family);
        for file in original.read_dir_utf8().expect("recorded") {
            let file = file.expect("readable");
            fs::copy(file.path(), folder.join(file.file_name())).expect("writable");
        }
        Self {
            _folder: temporary,
            root,
            folder,
        }
    }
}
