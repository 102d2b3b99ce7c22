//! Pools: the largest, the mean or a norm of each window.

use candle_core::{D, Result, Tensor, bail};

use super::{
    Operator,
    arithmetic::number,
    elementwise::floats,
    windows::{Span, Windows, flat, view},
};
use crate::{
    array::Array,
    node::{Built, Node, one},
};

pub(super) const OPERATORS: &[Operator] = &[
    ("AveragePool", 11, average_pool),
    ("GlobalAveragePool", 1, |_| {
        floats(|x| over_all(x, |rows| rows.mean_keepdim(D::Minus1)))
    }),
    ("GlobalMaxPool", 1, |_| {
        floats(|x| over_all(x, |rows| rows.max_keepdim(D::Minus1)))
    }),
    ("LpPool", 11, lp_pool),
    ("MaxPool", 8, max_pool),
];

fn over_all(x: &Tensor, function: fn(&Tensor) -> Result<Tensor>) -> Result<Tensor> {
    let shape: Vec<usize> = (0..x.rank())
        .map(|axis| if axis < 2 { x.dims()[axis] } else { 1 })
        .collect();
    function(&x.flatten_from(2)?)?.reshape(shape)
}

/// Reads where the windows lie, and has a function reduce the last axis.
fn pool(
    node: &Node<'_>,
    value: f64,
    function: impl Fn(&Tensor, &[usize], &[Span]) -> Result<Tensor> + Send + Sync + 'static,
) -> Built {
    let windows = Windows::of(node)?;
    let round_up = node.flag("ceil_mode", false)?;
    let kernel = windows
        .kernel
        .clone()
        .ok_or_else(|| node.wrong("has no attribute `kernel_shape`"))?;
    one(move |call| {
        let input = call.array(0)?;
        if input.rank() < 3 {
            bail!("pools shape {:?}", input.dims());
        }
        let lengths = &input.dims()[2..];
        let spans = windows.fit(lengths, &kernel, round_up)?;
        let value = if input.is_float() {
            number(value, input)?
        } else {
            Array {
                tensor: Tensor::full(i64::MIN, (), input.tensor.device())?,
                dtype: input.dtype,
            }
        };
        let shown = spans.iter().zip(lengths);
        let shown: Vec<Span> = shown.map(|(span, &length)| span.within(length)).collect();
        let rows = flat(&view(&input.tensor, &shown, Some(&value))?, spans.len())?;
        Ok(input.with(function(&rows, lengths, &spans)?))
    })
}

fn max_pool(node: &Node<'_>) -> Built {
    node.gives_at_most(1, "Indices")?;
    // Of the indices only.
    node.int("storage_order")?;
    pool(node, f64::NEG_INFINITY, |rows, _, _| rows.max(D::Minus1))
}

fn average_pool(node: &Node<'_>) -> Built {
    let count_pads = node.flag("count_include_pad", false)?;
    pool(node, 0.0, move |rows, lengths, spans| {
        let sums = rows.sum(D::Minus1)?;
        let mut counts = Tensor::full(1f64, (), &candle_core::Device::Cpu)?;
        for (&length, span) in lengths.iter().zip(spans) {
            let along = Tensor::from_vec(
                span.counts(length, count_pads),
                span.count,
                &candle_core::Device::Cpu,
            )?;
            counts = counts.unsqueeze(D::Minus1)?.broadcast_mul(&along)?;
        }
        sums.broadcast_div(&counts.to_dtype(sums.dtype())?.to_device(sums.device())?)
    })
}

impl Span {
    /// The same without what lies past the end of the axis, where there is one window: it may be much
    /// longer than the axis.
    fn within(self, length: usize) -> Self {
        let before = usize::try_from(self.before).unwrap_or(0);
        if self.count != 1 || self.dilation != 1 || self.kernel <= before + length {
            return self;
        }
        Self {
            kernel: before + length,
            ..self
        }
    }

    /// How many elements each window holds, with or without what was padded.
    fn counts(self, length: usize, count_pads: bool) -> Vec<f64> {
        let (first, last) = if count_pads {
            (-self.before, length as i64 + self.after)
        } else {
            (0, length as i64)
        };
        let of = |window: usize| {
            let start = (window * self.stride) as i64 - self.before;
            let places = (0..self.kernel).map(|tap| start + (tap * self.dilation) as i64);
            places.filter(|place| (first..last).contains(place)).count() as f64
        };
        (0..self.count).map(of).collect()
    }
}

fn lp_pool(node: &Node<'_>) -> Built {
    let order = node.int_or("p", 2)? as f64;
    pool(node, 0.0, move |rows, _, _| {
        rows.abs()?.powf(order)?.sum(D::Minus1)?.powf(1.0 / order)
    })
}
