//! One measurement, in a process of its own.

use std::{fmt, num::NonZeroUsize, process::Command};

use anyhow::Context;
use camino::Utf8Path;
use serde::Deserialize;

use crate::{exit::Result, workspace::Workspace};

/// How far a right answer may be from PyTorch's, as a share of the largest value: twelve layers of float32 lose
/// some millionths, and a defect far more than this.
const TOLERANCE: f64 = 1e-3;

/// Of a failure's message, what is printed.
const LONGEST_MESSAGE: usize = 400;

/// What is measured.
pub(super) struct Measurement {
    pub(super) graph: String,
    pub(super) side: &'static str,
    pub(super) threads: NonZeroUsize,
}

/// What the measuring process prints.
#[derive(Deserialize)]
pub(super) struct Measured {
    load_ms: f64,
    least_ms: f64,
    median_ms: f64,
    runs: usize,
    peak_kib: Option<u64>,
    max_delta: f64,
    largest: f64,
}

impl fmt::Display for Measurement {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(
            f,
            "{} on {}, threads: {}",
            self.graph, self.side, self.threads
        )
    }
}

impl Measurement {
    pub(super) fn cells(&self) -> [String; 3] {
        [
            self.graph.clone(),
            self.side.to_owned(),
            self.threads.to_string(),
        ]
    }

    /// Measures; what the process says if it cannot is no error here.
    pub(super) fn take(
        &self,
        workspace: &Workspace,
        program: &Utf8Path,
        folder: &Utf8Path,
        runs: NonZeroUsize,
    ) -> Result<Result<Measured, String>> {
        let output = Command::new(program)
            .args([
                self.side,
                folder.join(&self.graph).as_str(),
                &runs.to_string(),
            ])
            .env("RAYON_NUM_THREADS", self.threads.to_string())
            .env_remove("RUST_BACKTRACE")
            .current_dir(&workspace.root)
            .output()
            .with_context(|| format!("cannot start {program}"))?;
        if !output.status.success() {
            let said = String::from_utf8_lossy(&output.stderr);
            let said = said.split_whitespace().collect::<Vec<_>>().join(" ");
            let said: String = said.chars().take(LONGEST_MESSAGE).collect();
            return Ok(Err(if said.is_empty() {
                output.status.to_string()
            } else {
                said
            }));
        }
        let measured = serde_json::from_slice(&output.stdout);
        Ok(Ok(measured.with_context(|| {
            format!("{program} printed no measurement")
        })?))
    }
}

impl Measured {
    pub(super) fn is_right(&self) -> bool {
        self.max_delta <= TOLERANCE * self.largest
    }

    pub(super) fn cells(&self) -> [String; 7] {
        let time = |milliseconds: f64| format!("{milliseconds:.2} ms");
        let mebibytes = |kib: u64| format!("{} MiB", kib.div_ceil(1024));
        [
            time(self.load_ms),
            time(self.median_ms),
            time(self.least_ms),
            self.runs.to_string(),
            self.peak_kib.map_or("unknown".to_owned(), mebibytes),
            format!("{:.1e}", self.max_delta),
            format!("{:.1e}", self.max_delta / self.largest),
        ]
    }
}
