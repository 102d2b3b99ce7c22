//! A made-up family small enough to compute by hand, recorded into a temporary workspace.
#![allow(
    dead_code,
    unused_imports,
    reason = "every test binary uses a part of it"
)]

pub(crate) mod drawn;
pub(crate) mod sketch;
mod toy;

use std::fs;

use camino::{Utf8Path, Utf8PathBuf};
use evidence::Record;
use harness::{
    Case,
    backend::{Backend, Device, Failure},
    judge,
    site::Site,
    trial::Trial,
    verdict::Verdict,
};
use safetensors::{Dtype, tensor::TensorView};
use serde_json::{Value, json};
use sha2::{Digest, Sha256};

pub(crate) use toy::{DECODER, ENCODER, Flaw, Toy};

pub(crate) const VOCABULARY: usize = 13;
pub(crate) const HIDDEN: usize = 4;
pub(crate) const ROWS: usize = 2;
pub(crate) const LENGTH: usize = 6;
pub(crate) const LENGTHS: [usize; ROWS] = [LENGTH, 4];

/// The made-up family.
pub(crate) const TOY: Case = Case {
    category: "text-encoder",
    family: "toy",
    variant: None,
    recorded_from: "feedfeedfeedfeed",
};

/// A temporary workspace with the toy's reference in it.
pub(crate) struct Fixture {
    _folder: tempfile::TempDir,
    pub(crate) site: Site,
}

impl Fixture {
    pub(crate) fn new(toy: &Toy) -> Self {
        Self::with(toy, |_| {})
    }

    /// A fixture whose manifest is changed before it is sealed.
    pub(crate) fn with(toy: &Toy, change: impl FnOnce(&mut Value)) -> Self {
        let folder = tempfile::tempdir().expect("a temporary folder");
        let root = Utf8Path::from_path(folder.path())
            .expect("UTF-8")
            .to_owned();
        let fixture = Self {
            _folder: folder,
            site: Site::at(root, Device::Cpu),
        };
        fs::create_dir_all(fixture.folder()).expect("writable");
        let (manifest, expected) = record(toy, change);
        fs::write(fixture.folder().join("expected.safetensors"), expected).expect("writable");
        fs::write(fixture.manifest(), manifest).expect("writable");
        fixture
    }

    pub(crate) fn folder(&self) -> Utf8PathBuf {
        self.site.root.join("snapshots/references/toy")
    }

    pub(crate) fn manifest(&self) -> Utf8PathBuf {
        self.folder().join("manifest.json")
    }

    pub(crate) fn examine<B: Backend>(
        &self,
        check: &str,
        backend: &B,
        examine: impl Fn(&mut Trial<B::Session>) -> Result<Verdict, Failure>,
    ) -> Record {
        judge::record(&self.site, check, &TOY, backend, examine).expect("the site is in order")
    }
}

fn record(toy: &Toy, change: impl FnOnce(&mut Value)) -> (Vec<u8>, Vec<u8>) {
    let truth = toy.right().compute(&ids(), Some(&mask()), 0);
    let sampled = |index: usize| truth[index * 7 % truth.len()];
    let output: Vec<f64> = if toy.sampled {
        (0..20).map(sampled).collect()
    } else {
        truth.clone()
    };
    let sums: Vec<f64> = truth.chunks(64).map(|chunk| chunk.iter().sum()).collect();
    let rms = (truth.iter().map(|value| value * value).sum::<f64>() / truth.len() as f64).sqrt();

    let bytes = |values: &[f64]| {
        values
            .iter()
            .flat_map(|value| value.to_le_bytes())
            .collect::<Vec<u8>>()
    };
    let integers = |values: &[i64]| {
        values
            .iter()
            .flat_map(|value| value.to_le_bytes())
            .collect::<Vec<u8>>()
    };
    let mut tensors = vec![
        (
            "input.input_ids",
            Dtype::I64,
            vec![ROWS, LENGTH],
            integers(&ids()),
        ),
        ("weight.table", Dtype::I64, vec![3], integers(&[1, 2, 3])),
    ];
    let shape = if toy.sampled {
        vec![output.len()]
    } else {
        vec![ROWS, LENGTH, HIDDEN]
    };
    tensors.push(("output.hidden", Dtype::F64, shape, bytes(&output)));
    if toy.sampled {
        tensors.push(("sums.hidden", Dtype::F64, vec![sums.len()], bytes(&sums)));
    }
    let views: Vec<(&str, TensorView<'_>)> = tensors
        .iter()
        .map(|(name, dtype, shape, bytes)| {
            (
                *name,
                TensorView::new(*dtype, shape.clone(), bytes).expect("a tensor"),
            )
        })
        .collect();
    let expected = safetensors::serialize(views, None).expect("serialisable");

    let mut manifest = json!({
        "format": 1, "family": "toy", "variant": null, "model": "ToyModel",
        "recorded_from": TOY.recorded_from, "provenance": {"recorder": 1},
        "config": {"hidden_size": HIDDEN, "pad_token_id": 0, "sizes": {"vocab": VOCABULARY}},
        "sizes": {"batch": ROWS, "sequence": LENGTH},
        "inputs": [
            {"name": "attention_mask", "axes": ["batch", "sequence"], "shape": [ROWS, LENGTH],
             "dtype": "i64", "lengths": {"axis": "sequence", "of": LENGTHS}},
            {"name": "input_ids", "axes": ["batch", "sequence"], "shape": [ROWS, LENGTH],
             "dtype": "i64", "below": VOCABULARY},
        ],
        "weights": [
            ["embed.weight", [VOCABULARY, HIDDEN], "f32", 0.5, 0.0],
            ["table", [3], "i64", null, null],
        ],
        "inert": [],
        "outputs": [{
            "name": "hidden", "axes": ["batch", "sequence", HIDDEN], "shape": [ROWS, LENGTH, HIDDEN],
            "rms": rms, "float32": {"rmse": 2e-8, "max_abs": 1e-7},
            "sample": toy.sampled.then(|| json!({"count": output.len(), "step": 7})),
        }],
        "files": {"expected.safetensors": sha256(&expected)},
    });
    change(&mut manifest);
    (seal(&manifest), expected)
}

/// One key a line, then the digest of all that.
pub(crate) fn seal(manifest: &Value) -> Vec<u8> {
    let fields = manifest.as_object().expect("an object");
    let lines: Vec<String> = fields
        .iter()
        .map(|(key, value)| format!(" \"{key}\": {value},\n"))
        .collect();
    let head = format!("{{\n{}", lines.concat());
    let digest = sha256(head.as_bytes());
    format!("{head} \"digest\": \"{digest}\"\n}}\n").into_bytes()
}

pub(crate) fn sha256(bytes: &[u8]) -> String {
    Sha256::digest(bytes)
        .iter()
        .map(|byte| format!("{byte:02x}"))
        .collect()
}

fn ids() -> Vec<i64> {
    vec![5, 9, 2, 12, 7, 3, 4, 8, 11, 6, 2, 9]
}

fn mask() -> Vec<i64> {
    LENGTHS
        .iter()
        .flat_map(|&end| (0..LENGTH).map(move |at| i64::from(at < end)))
        .collect()
}
