//! Downloading the wheel, verifying it, and taking the library out of it.

use std::{
    fs::{self, File},
    io,
};

use camino::{Utf8Path, Utf8PathBuf};
use fs4::FileExt;
use sha2::{Digest, Sha256};

use crate::{Error, Search, VERSION, Wheel, python};

/// A Python that onnxruntime has wheels for; the user's own may be older or newer.
const PYTHON_VERSION: &str = "3.12";

/// Fetches the library, unless another process did so while this one waited for the lock.
pub(crate) fn fetch(search: &Search, wheel: &Wheel) -> Result<Utf8PathBuf, Error> {
    let parent = search.root.join("target/onnxruntime");
    fs::create_dir_all(&parent).map_err(Error::io(&parent))?;
    let lock_path = parent.join("lock");
    let lock = File::create(&lock_path).map_err(Error::io(&lock_path))?;
    FileExt::lock(&lock).map_err(Error::io(&lock_path))?;
    if let Some(path) = search.find()? {
        return Ok(path);
    }

    // The temporary folder lies beside its destination, so that moving it is one step.
    let scratch = tempfile::Builder::new()
        .prefix("fetch-")
        .tempdir_in(&parent)
        .map_err(Error::io(&parent))?;
    let scratch_path = Utf8Path::from_path(scratch.path())
        .ok_or_else(|| Error::io(&parent)(io::Error::other("the path is not UTF-8")))?;
    let archive = download(search, wheel, scratch_path)?;
    verify(&archive, wheel)?;
    let unpacked = scratch_path.join("unpacked");
    unpack(&archive, &unpacked, wheel)?;

    let folder = search.folder();
    if folder.exists() {
        // Left by something else than this function, which moves whole folders only.
        fs::remove_dir_all(&folder).map_err(Error::io(&folder))?;
    }
    fs::rename(&unpacked, &folder).map_err(Error::io(&folder))?;
    Ok(folder.join(wheel.library))
}

fn download(search: &Search, wheel: &Wheel, folder: &Utf8Path) -> Result<Utf8PathBuf, Error> {
    let interpreter = python::find(search)?;
    let requirement = format!("onnxruntime=={VERSION}");
    let arguments = [
        "-m",
        "pip",
        "download",
        "--no-deps",
        "--only-binary=:all:",
        "--disable-pip-version-check",
        "--python-version",
        PYTHON_VERSION,
        "--platform",
        wheel.platform,
        &requirement,
    ];
    let command = format!("{interpreter} {}", arguments.join(" "));
    let output = python::command(search, interpreter, folder)
        .args(arguments)
        .output();
    let output = output.map_err(|error| Error::Pip {
        command: command.clone(),
        said: error.to_string(),
    })?;
    let found = wheels_in(folder).map_err(Error::io(folder))?.pop();
    match found {
        Some(archive) if output.status.success() => Ok(archive),
        _ => Err(Error::Pip {
            command,
            said: python::said(&output),
        }),
    }
}

fn wheels_in(folder: &Utf8Path) -> io::Result<Vec<Utf8PathBuf>> {
    let entries: io::Result<Vec<_>> = folder.read_dir_utf8()?.collect();
    let paths = entries?.into_iter().map(|entry| entry.into_path());
    Ok(paths
        .filter(|path| path.extension() == Some("whl"))
        .collect())
}

fn verify(archive: &Utf8Path, wheel: &Wheel) -> Result<(), Error> {
    let bytes = fs::read(archive).map_err(Error::io(archive))?;
    let found: String = Sha256::digest(&bytes)
        .iter()
        .map(|byte| format!("{byte:02x}"))
        .collect();
    if found == wheel.sha256 {
        return Ok(());
    }
    let pinned = wheel.sha256.to_owned();
    Err(Error::Sha256 {
        wheel: name(archive),
        found,
        pinned,
    })
}

/// Takes out the libraries and nothing else: providers lie beside the one that loads them.
fn unpack(archive: &Utf8Path, folder: &Utf8Path, wheel: &Wheel) -> Result<(), Error> {
    let failed = |said: String| Error::Wheel {
        wheel: name(archive),
        said,
    };
    let file = File::open(archive).map_err(Error::io(archive))?;
    let mut zip = zip::ZipArchive::new(file).map_err(|error| failed(error.to_string()))?;
    fs::create_dir_all(folder).map_err(Error::io(folder))?;
    for index in 0..zip.len() {
        let mut entry = zip
            .by_index(index)
            .map_err(|error| failed(error.to_string()))?;
        let entry_name = entry
            .name()
            .map_err(|error| failed(error.to_string()))?
            .into_owned();
        let Some(file_name) = library_name(&entry_name) else {
            continue;
        };
        let path = folder.join(file_name);
        let mut target = File::create(&path).map_err(Error::io(&path))?;
        io::copy(&mut entry, &mut target).map_err(Error::io(&path))?;
    }
    if folder.join(wheel.library).is_file() {
        return Ok(());
    }
    Err(failed(format!(
        "it does not hold onnxruntime/capi/{}",
        wheel.library
    )))
}

/// The file name of a library in the wheel: those of Python itself (`.pyd`, `_pybind11_state`) are none.
fn library_name(entry: &str) -> Option<&str> {
    let name = entry.strip_prefix("onnxruntime/capi/")?;
    let is_plain = !name.contains(['/', '\\']);
    let is_library = name.starts_with("libonnxruntime")
        || (name.starts_with("onnxruntime") && name.ends_with(".dll"));
    (is_plain && is_library).then_some(name)
}

fn name(path: &Utf8Path) -> String {
    path.file_name().unwrap_or(path.as_str()).to_owned()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_libraries_are_taken() {
        let table = [
            (
                "onnxruntime/capi/libonnxruntime.so.1.31.1",
                Some("libonnxruntime.so.1.31.1"),
            ),
            ("onnxruntime/capi/onnxruntime.dll", Some("onnxruntime.dll")),
            ("onnxruntime/capi/onnxruntime_pybind11_state.so", None),
            ("onnxruntime/capi/libonnxruntime/../../evil", None),
            ("onnxruntime/__init__.py", None),
        ];
        for (entry, name) in table {
            assert_eq!(library_name(entry), name, "{entry}");
        }
    }
}
