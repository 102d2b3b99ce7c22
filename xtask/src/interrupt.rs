//! Ctrl-C, and what a server sends to end a job: the first asks the command to end in order, the second
//! ends it at once.

use std::{
    process,
    sync::atomic::{AtomicBool, Ordering},
};

use anyhow::Context;

use crate::exit::{Exit, Result};

static REQUESTED: AtomicBool = AtomicBool::new(false);

/// Starts to listen; call once.
pub fn watch() -> Result<()> {
    ctrlc::set_handler(|| {
        if REQUESTED.swap(true, Ordering::SeqCst) {
            process::exit(Exit::Interrupted.code().into());
        }
    })
    .context("cannot listen for Ctrl-C")?;
    Ok(())
}

/// Whether the user wants the command to end.
pub fn requested() -> bool {
    REQUESTED.load(Ordering::SeqCst)
}
