//! The graphs recorded in this workspace: each is read, and written back as it was, byte by byte.

use std::{
    fs::{self, File},
    io::Read,
    path::{Path, PathBuf},
};

use lzma_rust2::XzReader;
use onnx_model::Model;

fn recorded() -> Vec<(PathBuf, Vec<u8>)> {
    let references = Path::new(env!("CARGO_MANIFEST_DIR")).join("../../snapshots/references");
    let folders = fs::read_dir(references).expect("recorded").flatten();
    let mut files: Vec<PathBuf> = folders
        .map(|folder| folder.path().join("graph.onnx.xz"))
        .filter(|file| file.exists())
        .collect();
    files.sort();
    let unpacked = files.into_iter().map(|path| {
        let mut bytes = Vec::new();
        let file = File::open(&path).expect("readable");
        XzReader::new(file, false)
            .read_to_end(&mut bytes)
            .expect("xz");
        (path, bytes)
    });
    unpacked.collect()
}

#[test]
fn every_recorded_graph_is_read_and_written_back_as_it_was() {
    let recorded = recorded();
    assert!(recorded.len() > 40, "{} graphs", recorded.len());
    for (path, bytes) in recorded {
        let model = Model::read(&bytes).unwrap_or_else(|error| panic!("{path:?}: {error}"));
        assert!(model.write() == bytes, "{path:?} is written otherwise");
    }
}

#[test]
fn all_outputs_together_reach_every_initializer() {
    for (path, bytes) in recorded() {
        let model = Model::read(&bytes).unwrap_or_else(|error| panic!("{path:?}: {error}"));
        let links = model.links();
        let outputs = model.graph().output.iter().map(|output| output.name());
        let outputs: Vec<&str> = outputs.collect();
        let reached = links.reachable_initializers(&outputs);
        let all = &model.graph().initializer;
        let unread: Vec<&str> = all
            .iter()
            .map(|tensor| tensor.name())
            .filter(|name| !reached.contains(name))
            .collect();
        assert!(unread.is_empty(), "{path:?}: {unread:?}");
    }
}

/// Whatever is cut off or changed, the answer is a model or an error.
#[test]
fn damaged_bytes_are_an_error_or_another_model() {
    let (_, bytes) = recorded().swap_remove(0);
    let mut refused = 0;
    for at in (0..bytes.len()).step_by(97) {
        refused += usize::from(Model::read(&bytes[..at]).is_err());
        let mut changed = bytes.clone();
        changed[at] ^= 0x15;
        refused += usize::from(Model::read(&changed).is_err());
    }
    assert!(refused > bytes.len() / 97, "{refused} refused");
}
