//! A made-up family small enough to compute by hand, recorded into a temporary workspace, and a
//! backend for it that can be wrong in every way that a check looks for.
#![allow(dead_code, reason = "every test binary uses a part of it")]

use std::{collections::BTreeMap, fs};

use camino::{Utf8Path, Utf8PathBuf};
use evidence::Record;
use harness::{
    Case,
    array::{Array, Data, Tensors},
    backend::{Backend, Capabilities, Device, Failure, Session},
    judge,
    reference::{Reference, fill},
    site::Site,
    trial::Trial,
    verdict::Verdict,
};
use safetensors::{Dtype, tensor::TensorView};
use serde_json::{Value, json};
use sha2::{Digest, Sha256};

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
            site: Site {
                root,
                device: Device::Cpu,
                evidence: None,
            },
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
        examine: impl FnOnce(&mut Trial<B::Session>) -> Result<Verdict, Failure>,
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

fn sha256(bytes: &[u8]) -> String {
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

/// In which way the toy is wrong.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Flaw {
    /// In none.
    None,
    /// One element is a thousandth off.
    OneElement,
    /// All elements are a little off: no single one enough, all together too much.
    AllElements,
    /// An element that no sample holds is off.
    Unsampled,
    /// One element is NaN.
    Nan,
    /// It panics.
    Panics,
    /// It gives an error.
    Fails,
    /// It cannot be built.
    FailsToLoad,
    /// Its constructor panics.
    PanicsOnLoad,
    /// Its output is transposed.
    Transposed,
    /// It gives another output.
    OtherOutput,
    /// The mask is read and then forgotten.
    ForgetsMask,
    /// The mask hides all but the ids of padding.
    SeesPaddedIds,
    /// Rows see their neighbours.
    MixesRows,
    /// It looks in the wrong direction: ahead as a decoder, back only as an encoder.
    LooksWrongWay,
    /// It sees one position ahead.
    LooksOneAhead,
    /// It ignores its tokens.
    IgnoresTokens,
    /// Positions after the cache count from one too few.
    CacheOffByOne,
    /// The cache survives a reset.
    KeepsCache,
    /// It answers whatever it is given.
    AnswersAnything,
    /// It panics on bad input.
    PanicsOnBadInput,
}

/// The toy: every position is a weighted sum of what it sees.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Toy {
    pub(crate) flaw: Flaw,
    pub(crate) is_causal: bool,
    pub(crate) reads_mask: bool,
    pub(crate) last_only: bool,
    pub(crate) sampled: bool,
}

pub(crate) const ENCODER: Toy = Toy {
    flaw: Flaw::None,
    is_causal: false,
    reads_mask: true,
    last_only: false,
    sampled: false,
};
pub(crate) const DECODER: Toy = Toy {
    is_causal: true,
    ..ENCODER
};

impl Toy {
    pub(crate) fn with(self, flaw: Flaw) -> Self {
        Self { flaw, ..self }
    }

    fn right(self) -> Self {
        self.with(Flaw::None)
    }

    /// Everything from `start` on, for whole rows of ids.
    fn compute(&self, ids: &[i64], mask: Option<&[i64]>, start: usize) -> Vec<f64> {
        let rows = mask.map_or(ROWS, |mask| mask.len() / LENGTH);
        self.rows(ids, rows, mask, start)
    }

    fn rows(&self, ids: &[i64], rows: usize, mask: Option<&[i64]>, start: usize) -> Vec<f64> {
        let table = fill("embed.weight", VOCABULARY * HIDDEN, 0.5, 0.0);
        let length = ids.len() / rows;
        let mut values = Vec::new();
        for row in 0..rows {
            for at in start..length {
                for hidden in 0..HIDDEN {
                    let value = (0..rows * length).map(|flat| {
                        let (other_row, other) = (flat / length, flat % length);
                        let seen = self.sees((row, at), (other_row, other), mask, length, start);
                        let id = if self.flaw == Flaw::IgnoresTokens {
                            1
                        } else {
                            ids[flat]
                        };
                        let element = table
                            .get(id as usize * HIDDEN + hidden)
                            .copied()
                            .unwrap_or(0.0);
                        seen * f64::from(element) / (1.0 + at.abs_diff(other) as f64)
                    });
                    values.push(value.sum());
                }
            }
        }
        values
    }

    fn sees(
        &self,
        (row, at): (usize, usize),
        (other_row, other): (usize, usize),
        mask: Option<&[i64]>,
        length: usize,
        start: usize,
    ) -> f64 {
        let is_hidden = mask.is_some_and(|mask| mask[other_row * length + other] == 0);
        let is_hidden = match self.flaw {
            Flaw::ForgetsMask => false,
            Flaw::SeesPaddedIds => is_hidden && other != length - 1,
            _ => is_hidden,
        };
        let looks_back = if self.flaw == Flaw::LooksWrongWay {
            !self.is_causal
        } else {
            self.is_causal
        };
        let ahead = usize::from(self.flaw == Flaw::LooksOneAhead);
        let is_future = looks_back && other > at + ahead;
        let is_lost = self.flaw == Flaw::CacheOffByOne && start > 0 && other == 0;
        let is_elsewhere = row != other_row && self.flaw != Flaw::MixesRows;
        if is_hidden || is_future || is_lost || is_elsewhere {
            0.0
        } else {
            1.0
        }
    }
}

impl Backend for Toy {
    type Session = ToySession;

    fn name(&self) -> &'static str {
        "candle"
    }

    fn versions(&self) -> BTreeMap<String, String> {
        BTreeMap::from([("toy".to_owned(), "1".to_owned())])
    }

    fn capabilities(&self, _reference: &Reference) -> Capabilities {
        let owned = |names: &[&str]| names.iter().map(|&name| name.to_owned()).collect();
        let outputs = owned(if self.flaw == Flaw::OtherOutput {
            &["pooled"]
        } else {
            &["hidden"]
        });
        Capabilities {
            inputs: owned(if self.reads_mask {
                &["attention_mask", "input_ids"]
            } else {
                &["input_ids"]
            }),
            last_position: if self.last_only {
                owned(&["hidden"])
            } else {
                Vec::new()
            },
            outputs,
            decodes_along: self.is_causal.then(|| "sequence".to_owned()),
            caches: self.is_causal,
            fixed: BTreeMap::new(),
        }
    }

    fn load(&self, _reference: &Reference, _device: Device) -> Result<ToySession, Failure> {
        match self.flaw {
            Flaw::FailsToLoad => Err(Failure::load("no weight `head.weight`")),
            Flaw::PanicsOnLoad => panic!("odd head size"),
            _ => Ok(ToySession {
                toy: *self,
                cache: Vec::new(),
            }),
        }
    }
}

pub(crate) struct ToySession {
    toy: Toy,
    /// The ids seen so far, a row each.
    cache: Vec<Vec<i64>>,
}

impl Session for ToySession {
    fn run(&mut self, inputs: &Tensors, _position: usize) -> Result<Tensors, Failure> {
        match self.toy.flaw {
            Flaw::Panics => panic!("index out of bounds"),
            Flaw::Fails => return Err(Failure::run("unsupported dtype")),
            _ => {}
        }
        let (rows, fresh) = match self.read(&inputs["input_ids"]) {
            Ok(read) => read,
            Err(error) => match self.toy.flaw {
                Flaw::AnswersAnything => (1, vec![1]),
                Flaw::PanicsOnBadInput => panic!("{error}"),
                _ => return Err(Failure::run(error)),
            },
        };
        let new = fresh.len() / rows;
        self.cache.resize(rows, Vec::new());
        for (row, ids) in self.cache.iter_mut().zip(fresh.chunks(new)) {
            row.extend_from_slice(ids);
        }
        let ids = self.cache.concat();
        let length = ids.len() / rows;
        let mask = inputs
            .get("attention_mask")
            .and_then(|mask| match mask.data() {
                Data::I64(mask) if mask.len() == ids.len() => Some(mask.clone()),
                _ => None,
            });
        let values = self.toy.rows(&ids, rows, mask.as_deref(), length - new);
        let values = self.spoil(values.iter().map(|&value| value as f32).collect());
        let mut shape = vec![rows, new, HIDDEN];
        let mut data = values;
        if self.toy.last_only {
            data = data
                .chunks(new * HIDDEN)
                .flat_map(|row| row[(new - 1) * HIDDEN..].to_vec())
                .collect();
            shape = vec![rows, HIDDEN];
        }
        if self.toy.flaw == Flaw::Transposed {
            shape.reverse();
        }
        if !self.toy.is_causal {
            self.cache.clear();
        }
        let array = Array::unnamed(shape, Data::F32(data)).expect("the toy's own shape");
        Ok(Tensors::from([("hidden".to_owned(), array)]))
    }

    fn reset(&mut self) -> Result<(), Failure> {
        if self.toy.flaw != Flaw::KeepsCache {
            self.cache.clear();
        }
        Ok(())
    }
}

impl ToySession {
    fn read(&self, array: &Array) -> Result<(usize, Vec<i64>), String> {
        let Data::I64(ids) = array.data() else {
            return Err("ids must be integers".to_owned());
        };
        let [rows, _] = array.shape() else {
            return Err("ids must have two axes".to_owned());
        };
        if ids.iter().any(|&id| id >= VOCABULARY as i64) {
            return Err("an id is past the vocabulary".to_owned());
        }
        Ok((*rows, ids.clone()))
    }

    fn spoil(&self, mut values: Vec<f32>) -> Vec<f32> {
        match self.toy.flaw {
            Flaw::OneElement => values[9] += 1e-3,
            Flaw::AllElements => values.iter_mut().for_each(|value| *value += 6e-7),
            Flaw::Unsampled => values[1] += 1e-3,
            Flaw::Nan => values[9] = f32::NAN,
            _ => {}
        }
        values
    }
}
