//! Sessions that no check uses at the moment: building one costs several times what running it does.
//!
//! A session keeps nothing from run to run, so that which check had it before makes no difference.

use std::sync::{Mutex, PoisonError};

use ort::session::Session;

use super::graph::Optimisation;
use crate::backend::Device;

/// What makes two sessions interchangeable: the reference's digest and how the graph is run.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Key {
    pub(super) digest: String,
    pub(super) optimisation: Optimisation,
    pub(super) device: Device,
}

static IDLE: Mutex<Vec<(Key, Session)>> = Mutex::new(Vec::new());

/// An idle session of this kind, which is then nobody else's.
pub(super) fn take(key: &Key) -> Option<Session> {
    let mut idle = IDLE.lock().unwrap_or_else(PoisonError::into_inner);
    let at = idle.iter().position(|(known, _)| known == key)?;
    Some(idle.swap_remove(at).1)
}

/// Gives a session back; one that panicked is not worth keeping.
pub(super) fn give_back(key: Key, session: Session) {
    if !std::thread::panicking() {
        IDLE.lock()
            .unwrap_or_else(PoisonError::into_inner)
            .push((key, session));
    }
}
