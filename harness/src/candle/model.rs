//! The adapter that an emitted test writes: a family's own candle API to named inputs and outputs.

use serde::de::DeserializeOwned;

use super::{Derived, Field, Result, Tensors, VarBuilder};

/// A family's model in candle.
pub trait Model: Sized {
    /// What `config.json` is read into.
    type Config: DeserializeOwned;

    /// The inputs that [`Model::forward`] reads.
    const INPUTS: &'static [&'static str];
    /// The outputs that it gives.
    const OUTPUTS: &'static [&'static str];
    /// Those of them that it gives for the last position only.
    const LAST_POSITION: &'static [&'static str] = &[];
    /// The axis that grows while decoding.
    const DECODES_ALONG: Option<&'static str> = None;
    /// Weights under another name: candle's → the checkpoint's; a name that ends in `.` is a prefix,
    /// and `*` stands for one part of a name.
    const RENAMES: &'static [(&'static str, &'static str)] = &[];
    /// Weights in another form: candle's name → what of the checkpoint makes them.
    const DERIVES: &'static [(&'static str, Derived)] = &[];
    /// Config fields that candle names or shapes otherwise: candle's → where its value comes from.
    const TRANSLATES: &'static [(&'static str, Field)] = &[];
    /// Whether a cache lives between runs.
    const CACHES: bool = false;

    /// Builds the model the way its users do.
    fn load(config: Self::Config, weights: VarBuilder) -> Result<Self>;

    /// One forward pass; `position` is how many positions the cache already holds.
    fn forward(&mut self, inputs: &Tensors, position: usize) -> Result<Tensors>;

    /// Empties the cache.
    fn reset(&mut self) -> Result<()> {
        Ok(())
    }
}
