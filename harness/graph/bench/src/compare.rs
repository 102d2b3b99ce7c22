//! How far what came out is from what PyTorch gives.

use std::collections::BTreeMap;

use anyhow::{Context, Result, ensure};
use candle_core::{DType, Tensor};

/// The worst over all outputs.
#[derive(Clone, Copy, Default)]
pub(crate) struct Deviation {
    /// max |Δ|.
    pub(crate) max_delta: f64,
    /// The largest value that was compared with.
    pub(crate) largest: f64,
}

/// Compares every output that came; a side may give fewer than the graph, and of logits the last position alone.
pub(crate) fn deviation(
    found: &BTreeMap<String, Tensor>,
    truths: &BTreeMap<String, Tensor>,
) -> Result<Deviation> {
    ensure!(!found.is_empty(), "there is no output");
    found
        .iter()
        .try_fold(Deviation::default(), |worst, (name, found)| {
            let truth = truths
                .get(name)
                .with_context(|| format!("PyTorch gives no output `{name}`"))?;
            let truth = if found.rank() + 1 == truth.rank() {
                last_position(truth)?
            } else {
                truth.clone()
            };
            ensure!(
                found.dims() == truth.dims(),
                "`{name}` is {:?}, not {:?}",
                found.dims(),
                truth.dims()
            );
            let found = found.to_dtype(DType::F64)?;
            let delta = largest(&(found - &truth)?)?;
            ensure!(delta.is_finite(), "`{name}` is not finite");
            Ok(Deviation {
                max_delta: worst.max_delta.max(delta),
                largest: worst.largest.max(largest(&truth)?),
            })
        })
}

fn last_position(logits: &Tensor) -> candle_core::Result<Tensor> {
    let length = logits.dim(1)?;
    logits.narrow(1, length - 1, 1)?.squeeze(1)
}

/// The largest absolute value; not a number if one is none.
fn largest(tensor: &Tensor) -> candle_core::Result<f64> {
    let values = tensor.flatten_all()?.to_vec1::<f64>()?;
    Ok(values
        .iter()
        .map(|value| value.abs())
        .fold(0.0, |a, b| if b > a || b.is_nan() { b } else { a }))
}
