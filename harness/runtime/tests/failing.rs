//! The ways in which there is no library: each error names what happened and the command that mends it.

use camino::{Utf8Path, Utf8PathBuf};
use onnxruntime_library::{Search, Wheel};

struct Place {
    _folder: tempfile::TempDir,
    search: Search,
}

fn place() -> Place {
    let folder = tempfile::tempdir().expect("a temporary folder");
    let root = Utf8Path::from_path(folder.path())
        .expect("UTF-8")
        .to_owned();
    let search = Search {
        named: None,
        ..Search::from_env(&root)
    };
    Place {
        _folder: folder,
        search,
    }
}

/// An interpreter whose pip "downloads" a file of the given content.
#[cfg(unix)]
fn fake_python(root: &Utf8Path, script: &str) -> String {
    use std::os::unix::fs::PermissionsExt;

    let path = root.join("fake-python");
    std::fs::write(
        &path,
        format!("#!/bin/sh\n[ \"$3\" = --version ] && exit 0\n{script}\n"),
    )
    .expect("writable");
    std::fs::set_permissions(&path, std::fs::Permissions::from_mode(0o755)).expect("its owner");
    path.into_string()
}

fn leftovers(root: &Utf8Path) -> Vec<String> {
    let folder = root.join("target/onnxruntime");
    let entries = folder.read_dir_utf8().expect("made by the fetch");
    let names = entries.map(|entry| entry.expect("readable").file_name().to_owned());
    names.filter(|name| name != "lock").collect()
}

#[test]
fn a_named_library_that_is_not_there_is_refused() {
    let mut place = place();
    place.search.named = Some(Utf8PathBuf::from("/nowhere/libonnxruntime.so"));
    let error = place.search.ensure().expect_err("it is not there");
    assert_eq!(
        error.to_string(),
        "ORT_DYLIB_PATH names /nowhere/libonnxruntime.so, which is no file \
         (unset it, or point it to libonnxruntime)"
    );
}

#[test]
fn a_named_library_is_taken_as_it_is() {
    let mut place = place();
    let path = place.search.root.join("mine.so");
    std::fs::write(&path, "").expect("writable");
    place.search.named = Some(path.clone());
    assert_eq!(place.search.ensure().expect("it is there"), path);
}

#[test]
fn an_unpacked_library_needs_no_python() {
    let mut place = place();
    place.search.interpreters.clear();
    let library = place
        .search
        .wheel
        .clone()
        .expect("this machine has a wheel")
        .library;
    std::fs::create_dir_all(place.search.folder()).expect("writable");
    std::fs::write(place.search.folder().join(library), "").expect("writable");
    assert_eq!(
        place.search.ensure().expect("it is there"),
        place.search.folder().join(library)
    );
}

#[test]
fn without_python_the_command_is_named() {
    let mut place = place();
    place.search.interpreters = vec!["no-such-python".to_owned(), "nor-this".to_owned()];
    let error = place.search.ensure().expect_err("no interpreter");
    assert_eq!(
        error.to_string(),
        "no Python interpreter with pip was found (tried no-such-python, nor-this; \
         install one or set PYTHON, then run `cargo xtask setup ort`)"
    );
    assert!(leftovers(&place.search.root).is_empty());
}

#[test]
fn a_machine_without_a_wheel_is_told_so() {
    let mut place = place();
    place.search.wheel = Err("linux x86_64".to_owned());
    let text = place.search.ensure().expect_err("no wheel").to_string();
    assert!(
        text.starts_with("there is no pinned onnxruntime wheel for "),
        "{text}"
    );
    assert!(
        text.ends_with(
            "(pinned: linux x86_64; set ORT_DYLIB_PATH to a libonnxruntime of your own)"
        ),
        "{text}"
    );
}

#[cfg(unix)]
#[test]
fn without_a_network_pip_is_quoted() {
    let mut place = place();
    place.search.environment = vec![
        ("PIP_NO_INDEX".to_owned(), "1".to_owned()),
        ("PIP_FIND_LINKS".to_owned(), String::new()),
    ];
    let text = place.search.ensure().expect_err("no index").to_string();
    assert!(
        text.contains("pip download --no-deps --only-binary=:all:"),
        "{text}"
    );
    assert!(
        text.contains("failed (mend it, then run `cargo xtask setup ort`):"),
        "{text}"
    );
    assert!(
        text.contains("No matching distribution found for onnxruntime"),
        "{text}"
    );
    assert!(leftovers(&place.search.root).is_empty());
}

#[cfg(unix)]
#[test]
fn a_wheel_with_other_bytes_is_refused_and_not_kept() {
    let mut place = place();
    let python = fake_python(&place.search.root, "printf other > onnxruntime.whl");
    place.search.interpreters = vec![python];
    place.search.wheel = Ok(Wheel {
        platform: "any",
        sha256: "00",
        library: "libonnxruntime.so",
    });
    let error = place.search.ensure().expect_err("other bytes");
    assert_eq!(
        error.to_string(),
        "onnxruntime.whl has the sha256 d9298a10d1b0735837dc4bd85dac641b0f3cef27a47e5d53a54f2f3f5b2fcffa, \
         pinned is 00 (run `cargo xtask setup ort` to fetch it anew)"
    );
    assert!(leftovers(&place.search.root).is_empty());
}

#[cfg(unix)]
#[test]
fn a_wheel_that_is_no_zip_is_refused() {
    let mut place = place();
    let python = fake_python(&place.search.root, "printf other > onnxruntime.whl");
    place.search.interpreters = vec![python];
    place.search.wheel = Ok(Wheel {
        platform: "any",
        sha256: "d9298a10d1b0735837dc4bd85dac641b0f3cef27a47e5d53a54f2f3f5b2fcffa",
        library: "libonnxruntime.so",
    });
    let text = place.search.ensure().expect_err("no zip").to_string();
    assert!(text.starts_with("onnxruntime.whl: "), "{text}");
    assert!(
        text.ends_with("(run `cargo xtask setup ort` to fetch it anew)"),
        "{text}"
    );
}

/// Eight askers, one download: the fake pip counts how often it is called.
#[cfg(unix)]
#[test]
fn parallel_askers_fetch_once() {
    let mut place = place();
    let root = place.search.root.clone();
    let archive = root.join("made.whl");
    write_wheel(&archive, "onnxruntime/capi/libonnxruntime.so");
    let script = format!("echo x >> {root}/calls\nsleep 0.2\ncp {archive} onnxruntime.whl");
    place.search.interpreters = vec![fake_python(&root, &script)];
    let sha256: &'static str = Box::leak(sha256(&archive).into_boxed_str());
    place.search.wheel = Ok(Wheel {
        platform: "any",
        sha256,
        library: "libonnxruntime.so",
    });

    let search = &place.search;
    std::thread::scope(|scope| {
        for _ in 0..8 {
            scope.spawn(move || search.ensure().expect("fetched or found"));
        }
    });
    let calls = std::fs::read_to_string(root.join("calls")).expect("written by the fake pip");
    assert_eq!(calls.lines().count(), 1);
    assert_eq!(leftovers(&root), [onnxruntime_library::VERSION]);
}

#[cfg(unix)]
fn write_wheel(path: &Utf8Path, entry: &str) {
    use std::io::Write;

    let file = std::fs::File::create(path).expect("writable");
    let mut zip = zip::ZipWriter::new(file);
    zip.start_file(entry, zip::write::SimpleFileOptions::default())
        .expect("an entry");
    zip.write_all(b"a library").expect("writable");
    zip.finish().expect("writable");
}

#[cfg(unix)]
fn sha256(path: &Utf8Path) -> String {
    use sha2::{Digest, Sha256};

    let bytes = std::fs::read(path).expect("written above");
    Sha256::digest(&bytes)
        .iter()
        .map(|byte| format!("{byte:02x}"))
        .collect()
}
