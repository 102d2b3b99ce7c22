//! How long loading and running take, and the peak of memory.

use std::{
    collections::BTreeMap,
    fs,
    time::{Duration, Instant},
};

use anyhow::Result;
use candle_core::Tensor;
use serde_json::{Value, json};

use crate::{Side, compare::Deviation};

/// Tiny graphs run more often than asked, until as much time has passed: one run of theirs says little.
const LEAST: Duration = Duration::from_millis(500);

/// What was measured, and what came out.
pub(crate) struct Measured {
    load: Duration,
    runs: Vec<Duration>,
    peak_kib: Option<u64>,
    pub(crate) outputs: BTreeMap<String, Tensor>,
}

/// Loads, runs once to warm up, and then at least `runs` times.
pub(crate) fn measure(
    load: impl FnOnce() -> Result<Box<dyn Side>>,
    runs: usize,
) -> Result<Measured> {
    let start = Instant::now();
    let mut side = load()?;
    let load = start.elapsed();
    let outputs = side.run()?;
    let (start, mut times) = (Instant::now(), Vec::new());
    while times.len() < runs || start.elapsed() < LEAST {
        let start = Instant::now();
        let _same = side.run()?;
        times.push(start.elapsed());
    }
    Ok(Measured {
        load,
        runs: times,
        peak_kib: peak_kib(),
        outputs,
    })
}

/// The largest resident size that this process had; known on Linux alone.
fn peak_kib() -> Option<u64> {
    let status = fs::read_to_string("/proc/self/status").ok()?;
    let line = status
        .lines()
        .find_map(|line| line.strip_prefix("VmHWM:"))?;
    line.trim().strip_suffix("kB")?.trim().parse().ok()
}

impl Measured {
    pub(crate) fn report(&self, deviation: Deviation) -> Value {
        let mut runs = self.runs.clone();
        runs.sort();
        let milliseconds = |time: Duration| time.as_secs_f64() * 1e3;
        json!({
            "load_ms": milliseconds(self.load),
            "least_ms": milliseconds(runs[0]),
            "median_ms": milliseconds(runs[runs.len() / 2]),
            "runs": runs.len(),
            "peak_kib": self.peak_kib,
            "max_delta": deviation.max_delta,
            "largest": deviation.largest,
        })
    }
}
