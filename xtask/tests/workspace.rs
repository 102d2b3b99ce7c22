//! What must stay true of this workspace as a whole.

use std::fs;

use camino::{Utf8Path, Utf8PathBuf};
use walkdir::WalkDir;
use xtask::{regen, sources, workspace::Workspace};

fn workspace() -> Workspace {
    let package = Utf8Path::new(env!("CARGO_MANIFEST_DIR"));
    Workspace {
        root: package
            .parent()
            .expect("a member of a workspace")
            .to_owned(),
    }
}

fn rust_files(root: &Utf8Path) -> Vec<Utf8PathBuf> {
    let hidden = |name: &str| name == "target" || (name.starts_with('.') && name.len() > 1);
    let walk = WalkDir::new(root).min_depth(1).into_iter();
    walk.filter_entry(|entry| !entry.file_name().to_str().is_some_and(hidden))
        .map(|entry| entry.expect("readable").into_path())
        .filter_map(|path| Utf8PathBuf::from_path_buf(path).ok())
        .filter(|path| path.extension() == Some("rs"))
        .collect()
}

#[test]
fn the_emitted_tests_are_fresh() {
    let workspace = workspace();
    let registry = sources::registry(&workspace).unwrap_or_else(|failure| panic!("{failure}"));
    if let Err(failure) = regen::require_fresh(&workspace, &registry) {
        panic!("{failure}");
    }
}

#[test]
fn every_rust_file_says_what_it_is_for() {
    let files = rust_files(&workspace().root);
    assert!(files.len() > 20, "found only {}", files.len());
    let silent: Vec<_> = files
        .into_iter()
        .filter(|path| {
            !fs::read_to_string(path)
                .expect("readable")
                .starts_with("//! ")
        })
        .collect();
    assert!(
        silent.is_empty(),
        "these lack `//!` and a sentence on their first line: {silent:#?}"
    );
}
