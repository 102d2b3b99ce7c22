//! The toy, a backend that can be wrong in every way that a check on sequences looks for.

use std::{
    collections::BTreeMap,
    sync::atomic::{AtomicUsize, Ordering},
};

use harness::{
    array::{Array, Data, Tensors},
    backend::{Backend, Capabilities, Device, Failure, Session},
    reference::{Reference, fill},
};

use super::{HIDDEN, LENGTH, ROWS, VOCABULARY, ids};

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
    /// Every run gives a little more than the one before.
    Drifts,
    /// Every model built gives a little more than the one before.
    BuildsAnother,
    /// Within a chunk that follows others, later positions are seen.
    ChunksLookAhead,
    /// More than sixteen positions at once forget the first.
    ForgetsBeyondSixteen,
    /// Positions count from the start of the batch and not among themselves.
    CountsFromTheLeft,
    /// It likes best what it should like least.
    Negated,
    /// It takes its process down.
    Aborts,
    /// It never ends.
    Hangs,
    /// It asks for more memory than there is.
    ExhaustsMemory,
    /// It takes more and more memory.
    Grows,
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

    /// What a right toy goes on with after so many of the recorded tokens of each row: the index of its
    /// largest number, again and again.
    pub(crate) fn says(self, prompt: usize, count: usize) -> Vec<Vec<i64>> {
        let says = |row: &[i64]| {
            let mut ids = row[..prompt].to_vec();
            for _ in 0..count {
                let values = self.right().rows(&ids, 1, None, ids.len() - 1);
                let best = (0..HIDDEN).max_by(|&a, &b| values[a].total_cmp(&values[b]));
                ids.push(best.expect("four numbers") as i64);
            }
            ids.split_off(prompt)
        };
        ids().chunks(LENGTH).map(says).collect()
    }

    pub(super) fn right(self) -> Self {
        self.with(Flaw::None)
    }

    /// Everything from `start` on, for whole rows of ids.
    pub(super) fn compute(&self, ids: &[i64], mask: Option<&[i64]>, start: usize) -> Vec<f64> {
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
                    let value: f64 = value.sum();
                    values.push(match self.flaw {
                        Flaw::CountsFromTheLeft => value + 0.01 * at as f64,
                        Flaw::Negated => -value,
                        _ => value,
                    });
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
        let is_open = self.flaw == Flaw::ChunksLookAhead && start > 0;
        let is_future = looks_back && other > at + ahead && !is_open;
        let is_lost = match self.flaw {
            Flaw::CacheOffByOne => start > 0 && other == 0,
            Flaw::ForgetsBeyondSixteen => length - start > 16 && other == 0,
            _ => false,
        };
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
                built: BUILT.fetch_add(1, Ordering::Relaxed),
                runs: 0,
            }),
        }
    }
}

/// How many sessions there have been.
static BUILT: AtomicUsize = AtomicUsize::new(0);

pub(crate) struct ToySession {
    toy: Toy,
    /// The ids seen so far, a row each.
    cache: Vec<Vec<i64>>,
    built: usize,
    runs: usize,
}

impl Session for ToySession {
    fn run(&mut self, inputs: &Tensors, _position: usize) -> Result<Tensors, Failure> {
        match self.toy.flaw {
            Flaw::Panics => panic!("index out of bounds"),
            Flaw::Fails => return Err(Failure::run("unsupported dtype")),
            Flaw::Aborts => std::process::abort(),
            Flaw::Hangs => std::thread::sleep(std::time::Duration::from_secs(60)),
            Flaw::Grows => {
                let mut taken = Vec::new();
                loop {
                    taken.push(vec![1u8; 16 << 20]);
                    std::thread::sleep(std::time::Duration::from_millis(20));
                }
            }
            Flaw::ExhaustsMemory => {
                std::alloc::handle_alloc_error(std::alloc::Layout::new::<[u8; 1 << 40]>())
            }
            _ => {}
        }
        self.runs += 1;
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
            Flaw::Drifts => values[3] += 1e-6 * self.runs as f32,
            Flaw::BuildsAnother => values[3] += 1e-6 * self.built as f32,
            _ => {}
        }
        values
    }
}
