//! Windows that slide over the axes after batch and channels, for convolutions and pools.

use candle_core::{Result, Tensor, bail};

use super::pad::surround;
use crate::{
    Error,
    array::{Array, every},
    node::Node,
};

/// How a node says where its windows lie.
#[derive(Clone, Debug)]
pub(super) struct Windows {
    pub(super) kernel: Option<Vec<usize>>,
    strides: Option<Vec<usize>>,
    dilations: Option<Vec<usize>>,
    pads: Option<Vec<i64>>,
    pub(super) padding: Padding,
}

/// Who decides how much is padded.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Padding {
    /// The node.
    Explicit,
    /// As many windows as the stride fits into the input, an odd pad at the end.
    SameUpper,
    /// The same with an odd pad at the start.
    SameLower,
    /// Nothing is padded.
    Valid,
}

/// The windows along one axis.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Span {
    pub(super) kernel: usize,
    pub(super) stride: usize,
    pub(super) dilation: usize,
    pub(super) before: i64,
    pub(super) after: i64,
    /// How many windows there are.
    pub(super) count: usize,
}

impl Span {
    /// From a window's first element to its last.
    pub(super) fn extent(self) -> usize {
        self.dilation * (self.kernel - 1) + 1
    }
}

impl Windows {
    pub(super) fn of(node: &Node<'_>) -> std::result::Result<Self, Error> {
        let padding = node.choice("auto_pad", &["NOTSET", "SAME_UPPER", "SAME_LOWER", "VALID"])?;
        Ok(Self {
            kernel: node.sizes("kernel_shape")?,
            strides: node.sizes("strides")?,
            dilations: node.sizes("dilations")?,
            pads: node.ints("pads")?,
            padding: [
                Padding::Explicit,
                Padding::SameUpper,
                Padding::SameLower,
                Padding::Valid,
            ][padding],
        })
    }

    /// The windows over axes of these lengths; `round_up` adds one that the input does not fill.
    pub(super) fn fit(
        &self,
        lengths: &[usize],
        kernel: &[usize],
        round_up: bool,
    ) -> Result<Vec<Span>> {
        let axes = lengths.len();
        let known = [&self.kernel, &self.strides, &self.dilations]
            .into_iter()
            .flatten();
        if kernel.len() != axes
            || known.into_iter().any(|values| values.len() != axes)
            || self
                .pads
                .as_ref()
                .is_some_and(|pads| pads.len() != 2 * axes)
        {
            bail!("has windows {self:?} for {axes} axes");
        }
        (0..axes)
            .map(|axis| self.span(axis, lengths[axis], kernel[axis], axes, round_up))
            .collect()
    }

    fn span(
        &self,
        axis: usize,
        length: usize,
        kernel: usize,
        axes: usize,
        round_up: bool,
    ) -> Result<Span> {
        let at =
            |values: &Option<Vec<usize>>| values.as_ref().map_or(1, |values| values[axis]).max(1);
        let pad = |place: usize| self.pads.as_ref().map_or(0, |pads| pads[place]);
        let (stride, dilation) = (at(&self.strides), at(&self.dilations));
        let mut span = Span {
            kernel: kernel.max(1),
            stride,
            dilation,
            before: 0,
            after: 0,
            count: 0,
        };
        let extent = span.extent() as i64;
        let (long, step) = (length as i64, stride as i64);
        match self.padding {
            Padding::Explicit => (span.before, span.after) = (pad(axis), pad(axis + axes)),
            Padding::Valid => {}
            Padding::SameUpper | Padding::SameLower => {
                let all = ((long + step - 1) / step - 1) * step + extent - long;
                let (less, more) = (all.max(0) / 2, (all.max(0) + 1) / 2);
                (span.before, span.after) = if self.padding == Padding::SameUpper {
                    (less, more)
                } else {
                    (more, less)
                };
            }
        }
        let room = long + span.before + span.after - extent;
        // Rounded up, there is always a window, also one that is longer than the axis.
        if room < 0 && !round_up {
            bail!(
                "has windows of {extent} elements over an axis of {long} (padded by {} and {})",
                span.before,
                span.after
            );
        }
        let mut count = room.div_euclid(step) + 1;
        // One more that is not full, but begins within the input or what is padded before it.
        if round_up && room.rem_euclid(step) != 0 && count * step < long + span.before {
            count += 1;
        }
        span.count = usize::try_from(count)?;
        Ok(span)
    }
}

/// All windows over the axes from 2 on, padded with a value: first where each lies, then what is in it.
/// A view, but for what is padded.
pub(super) fn view(tensor: &Tensor, spans: &[Span], value: Option<&Array>) -> Result<Tensor> {
    let mut view = tensor.clone();
    for (axis, span) in spans.iter().enumerate() {
        let axis = axis + 2;
        let needed = (span.count - 1) * span.stride + span.extent();
        let after = needed as i64 - span.before - view.dims()[axis] as i64;
        view = surround(&view, axis, span.before, after, value)?;
    }
    for (axis, span) in spans.iter().enumerate() {
        view = view.unfold(axis + 2, span.extent(), span.stride)?;
        let last = view.rank() - 1;
        view = every(&view, last, span.dilation)?;
    }
    Ok(view)
}

/// The same with zeros between the elements of an axis, so that they lie `stride` apart.
pub(super) fn spread(tensor: &Tensor, axis: usize, stride: usize) -> Result<Tensor> {
    let length = tensor.dims()[axis];
    if stride == 1 || length == 0 {
        return Ok(tensor.clone());
    }
    let wide = tensor
        .unsqueeze(axis + 1)?
        .pad_with_zeros(axis + 1, 0, stride - 1)?;
    let mut shape = tensor.dims().to_vec();
    shape[axis] = length * stride;
    wide.reshape(shape)?
        .narrow(axis, 0, (length - 1) * stride + 1)
}

/// What is in each window, as one last axis.
pub(super) fn flat(view: &Tensor, axes: usize) -> Result<Tensor> {
    let first = view.rank() - axes;
    let kernel: usize = view.dims()[first..].iter().product();
    let shape = [&view.dims()[..first], &[kernel]].concat();
    view.reshape(shape)?.contiguous()
}
