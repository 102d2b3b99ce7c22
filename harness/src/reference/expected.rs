//! The numbers that PyTorch gave: whole, or a sample with sums over everything.

use super::manifest::{Output, Sample};

/// How many consecutive elements one recorded sum covers.
pub const CHUNK: usize = 64;

/// What PyTorch gave for one output, in float64.
#[derive(Clone, Debug)]
pub struct Truth {
    /// Names of the axes.
    pub axes: Vec<String>,
    /// Length of each axis.
    pub shape: Vec<usize>,
    /// Flat index and value of each element kept, in ascending order.
    pub elements: Vec<(usize, f64)>,
    /// Sums of consecutive chunks over all elements; empty where every element is kept.
    pub sums: Vec<f64>,
}

impl Truth {
    pub(super) fn whole(output: &Output, values: Vec<f64>) -> Self {
        let elements = values.into_iter().enumerate().collect();
        Self {
            axes: output.axes.clone(),
            shape: output.shape.clone(),
            elements,
            sums: Vec::new(),
        }
    }

    pub(super) fn sampled(
        output: &Output,
        sample: Sample,
        values: Vec<f64>,
        sums: Vec<f64>,
    ) -> Self {
        let total: usize = output.shape.iter().product();
        let mut elements: Vec<(usize, f64)> = values
            .into_iter()
            .enumerate()
            .map(|(number, value)| (sample.index(number, total), value))
            .collect();
        elements.sort_by_key(|&(index, _)| index);
        elements.dedup_by_key(|&mut (index, _)| index);
        Self {
            axes: output.axes.clone(),
            shape: output.shape.clone(),
            elements,
            sums,
        }
    }

    /// The largest magnitude among the elements kept.
    pub fn largest(&self) -> f64 {
        let finite = self
            .elements
            .iter()
            .map(|(_, value)| value.abs())
            .filter(|value| value.is_finite());
        finite.fold(0.0, f64::max)
    }
}
