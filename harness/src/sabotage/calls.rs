//! Faults in calls: inputs, resets and positions that reach the model otherwise than a check gives them.

use std::{
    fmt,
    sync::{Arc, Mutex, PoisonError},
};

use sha2::{Digest, Sha256};

use crate::{
    array::{Array, Data, Tensors},
    backend::{Capabilities, Failure, Session},
    reference::Manifest,
};

use super::{Fault, Plant};

/// One fault.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) enum Call {
    /// The mask of this name is all ones.
    MaskDropped(String),
    /// The mask of this name has ones for zeros.
    MaskInverted(String),
    /// What earlier runs left behind stays.
    CacheNotReset,
    /// Every position but the first is one too large.
    PositionsOffset,
}

/// The faults that a backend's calls have a place for.
pub(super) fn places(
    capabilities: &Capabilities,
    manifest: &Manifest,
) -> Vec<(Fault, String, Plant)> {
    let reads = |name: &str| capabilities.inputs.iter().any(|input| input == name);
    let masks = manifest
        .inputs
        .iter()
        .filter(|input| input.lengths.is_some());
    let mut places: Vec<(Fault, String, Plant)> = masks
        .filter(|mask| reads(&mask.name))
        .flat_map(|mask| {
            let name = mask.name.clone();
            [
                (Fault::MaskDropped, Call::MaskDropped(name.clone())),
                (Fault::MaskInverted, Call::MaskInverted(name)),
            ]
            .map(|(fault, call)| (fault, mask.name.clone(), Plant::Call(call)))
        })
        .collect();
    if capabilities.caches {
        let [reset, position] = ["reset", "position"].map(str::to_owned);
        places.push((
            Fault::CacheNotReset,
            reset,
            Plant::Call(Call::CacheNotReset),
        ));
        places.push((
            Fault::PositionsOffset,
            position,
            Plant::Call(Call::PositionsOffset),
        ));
    }
    places
}

/// A model whose calls may be tampered with, and whose answers are remembered by a digest.
pub(crate) struct Watched<S> {
    session: S,
    fault: Option<Call>,
    seen: Arc<Mutex<Sha256>>,
}

impl<S> Watched<S> {
    pub(crate) fn new(session: S) -> Self {
        Self {
            session,
            fault: None,
            seen: Arc::default(),
        }
    }

    /// Another model under the same fault, its answers remembered together with this one's.
    pub(crate) fn beside(&self, session: S) -> Self {
        Self {
            session,
            fault: self.fault.clone(),
            seen: Arc::clone(&self.seen),
        }
    }

    /// The model itself.
    pub(crate) fn inner(&self) -> &S {
        &self.session
    }

    /// Gives the model itself back.
    pub(crate) fn into_inner(self) -> S {
        self.session
    }

    /// The same with a fault.
    pub(crate) fn with(self, fault: Option<Call>) -> Self {
        Self { fault, ..self }
    }

    /// What tells two series of answers apart that differ in a bit.
    pub(crate) fn seen(&self) -> String {
        let seen = self.seen.lock().unwrap_or_else(PoisonError::into_inner);
        crate::hex(&seen.clone().finalize())
    }

    fn remember(&self, answer: &Result<Tensors, Failure>) {
        let mut seen = self.seen.lock().unwrap_or_else(PoisonError::into_inner);
        match answer {
            Ok(outputs) => {
                for (name, array) in outputs {
                    seen.update(format!("{name}{:?}", array.shape()));
                    seen.update(bytes(array));
                }
            }
            Err(failure) => seen.update(failure.to_string()),
        }
    }
}

impl<S: Session> Session for Watched<S> {
    fn run(&mut self, inputs: &Tensors, position: usize) -> Result<Tensors, Failure> {
        let answer = match &self.fault {
            Some(Call::MaskDropped(name)) => {
                self.session.run(&masked(inputs, name, |_| 1), position)
            }
            Some(Call::MaskInverted(name)) => self
                .session
                .run(&masked(inputs, name, |one| 1 - one), position),
            Some(Call::PositionsOffset) if position > 0 => self.session.run(inputs, position + 1),
            _ => self.session.run(inputs, position),
        };
        self.remember(&answer);
        answer
    }

    fn reset(&mut self) -> Result<(), Failure> {
        match self.fault {
            Some(Call::CacheNotReset) => Ok(()),
            _ => self.session.reset(),
        }
    }
}

impl<S> fmt::Debug for Watched<S> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Watched")
            .field("fault", &self.fault)
            .finish_non_exhaustive()
    }
}

fn masked(inputs: &Tensors, name: &str, change: impl Fn(i64) -> i64) -> Tensors {
    let mut inputs = inputs.clone();
    let Some(mask) = inputs.get_mut(name) else {
        return inputs;
    };
    if let Data::I64(values) = mask.data() {
        let values = values.iter().map(|&value| change(value)).collect();
        let changed = Array::new(
            mask.axes().to_vec(),
            mask.shape().to_vec(),
            Data::I64(values),
        );
        if let Ok(changed) = changed {
            *mask = changed;
        }
    }
    inputs
}

fn bytes(array: &Array) -> Vec<u8> {
    match array.data() {
        Data::F32(values) => values.iter().flat_map(|v| v.to_le_bytes()).collect(),
        Data::F64(values) => values.iter().flat_map(|v| v.to_le_bytes()).collect(),
        Data::I64(values) => values.iter().flat_map(|v| v.to_le_bytes()).collect(),
    }
}
