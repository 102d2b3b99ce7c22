//! Convolutions, forwards and backwards.

use candle_core::{Result, Tensor, bail};

use super::{
    Operator, depthwise,
    pad::surround,
    shape::lengths,
    windows::{Padding, Span, Windows, spread, view},
};
use crate::{
    Error,
    array::Array,
    node::{Built, Call, Node, one},
};

pub(super) const OPERATORS: &[Operator] = &[
    ("Col2Im", 18, col2im),
    ("Conv", 11, conv),
    ("ConvTranspose", 11, conv_transpose),
];

fn group_count(node: &Node<'_>) -> std::result::Result<usize, Error> {
    let groups = usize::try_from(node.int_or("group", 1)?)
        .ok()
        .filter(|&groups| groups > 0);
    groups.ok_or_else(|| node.wrong("attribute `group` is below one"))
}

fn conv(node: &Node<'_>) -> Built {
    let windows = Windows::of(node)?;
    let groups = group_count(node)?;
    one(move |call| {
        let (input, kernel) = operands(call, 1, groups)?;
        let spans = windows.fit(&input.dims()[2..], &kernel.dims()[2..], false)?;
        let convolved = convolve(&input.tensor, &kernel.tensor, &spans, groups)?;
        with_bias(call, input, convolved)
    })
}

/// The input and the kernel, whose axis `axis` must fit the input's channels.
fn operands<'a>(call: &'a Call<'_>, axis: usize, groups: usize) -> Result<(&'a Array, &'a Array)> {
    let (input, kernel) = (call.array(0)?, call.array(1)?);
    let channels = if axis == 1 { groups } else { 1 };
    let fits = input.rank() > 2
        && kernel.rank() == input.rank()
        && kernel.dims()[axis] * channels == input.dims()[1]
        && kernel.dims()[0] % groups == 0;
    if !fits || input.dtype != kernel.dtype {
        bail!(
            "convolves {:?} {:?} with {:?} {:?} in {groups} groups",
            input.dtype,
            input.dims(),
            kernel.dtype,
            kernel.dims()
        );
    }
    Ok((input, kernel))
}

fn with_bias(call: &Call<'_>, input: &Array, convolved: Tensor) -> Result<Array> {
    let Some(bias) = call.optional(2)? else {
        return Ok(input.with(convolved));
    };
    let mut shape = vec![1; convolved.rank()];
    shape[1] = bias.tensor.elem_count();
    Ok(input.with(convolved.broadcast_add(&bias.tensor.reshape(shape)?)?))
}

/// `input` (batch, channels, lengths…) with `kernel` (filters, channels of a group, lengths…).
fn convolve(input: &Tensor, kernel: &Tensor, spans: &[Span], groups: usize) -> Result<Tensor> {
    if let Some(convolved) = by_candle(input, kernel, spans, groups)? {
        return Ok(convolved);
    }
    if let Some(convolved) = depthwise::convolve(input, kernel, spans)? {
        return Ok(convolved);
    }
    by_matrices(input, kernel, spans, groups)
}

/// The windows as rows of a matrix, of any type and along any number of axes.
pub(super) fn by_matrices(
    input: &Tensor,
    kernel: &Tensor,
    spans: &[Span],
    groups: usize,
) -> Result<Tensor> {
    let axes = spans.len();
    let (batch, filters) = (input.dims()[0], kernel.dims()[0]);
    let inner: usize = kernel.dims()[1..].iter().product();
    let counts: Vec<usize> = spans.iter().map(|span| span.count).collect();
    let places: usize = counts.iter().product();
    // (batch, channels, places…, window…) becomes (groups, batch · places, channels of a group · window).
    let view = view(input, spans, None)?;
    let of_groups = [
        &[batch, groups, kernel.dims()[1]],
        &counts[..],
        &kernel.dims()[2..],
    ]
    .concat();
    let split = split_channels(&view, groups, of_groups)?;
    let order: Vec<usize> = [1, 0]
        .into_iter()
        .chain(3..3 + axes)
        .chain([2])
        .chain(3 + axes..3 + 2 * axes)
        .collect();
    let rows = split
        .permute(order)?
        .reshape((groups, batch * places, inner))?;
    let kernel = kernel
        .reshape((groups, filters / groups, inner))?
        .transpose(1, 2)?;
    let products = rows.matmul(&kernel.contiguous()?)?;
    let products = products
        .reshape((groups, batch, places, filters / groups))?
        .permute((1, 0, 3, 2))?;
    products.reshape([&[batch, filters], &counts[..]].concat())
}

/// The second axis as groups of channels; a view where there is one group.
fn split_channels(view: &Tensor, groups: usize, shape: Vec<usize>) -> Result<Tensor> {
    if groups == 1 {
        view.unsqueeze(1)
    } else {
        view.reshape(shape)
    }
}

/// candle's own kernels know one stride, dilation and pad for all axes.
fn by_candle(
    input: &Tensor,
    kernel: &Tensor,
    spans: &[Span],
    groups: usize,
) -> Result<Option<Tensor>> {
    let first = spans[0];
    let uniform = spans.iter().all(|span| {
        let settings = |span: &Span| (span.stride, span.dilation, span.before);
        settings(span) == settings(&first) && span.before == span.after && span.before >= 0
    });
    let is_empty = input.elem_count() == 0;
    if !uniform || groups != 1 || is_empty || input.dtype() == candle_core::DType::BF16 {
        return Ok(None);
    }
    let padding = usize::try_from(first.before)?;
    let (input, kernel) = (input.contiguous()?, kernel.contiguous()?);
    match spans.len() {
        1 => input
            .conv1d(&kernel, padding, first.stride, first.dilation, groups)
            .map(Some),
        2 => input
            .conv2d(&kernel, padding, first.stride, first.dilation, groups)
            .map(Some),
        _ => Ok(None),
    }
}

fn conv_transpose(node: &Node<'_>) -> Built {
    let windows = Windows::of(node)?;
    let groups = group_count(node)?;
    let (extra, wanted) = (node.sizes("output_padding")?, node.sizes("output_shape")?);
    one(move |call| {
        let (input, kernel) = operands(call, 0, groups)?;
        let axes = input.rank() - 2;
        let mut tensor = input.tensor.clone();
        let mut spans = Vec::new();
        for axis in 0..axes {
            let length = input.dims()[axis + 2];
            let extra = extra
                .as_ref()
                .and_then(|extra| extra.get(axis))
                .copied()
                .unwrap_or(0);
            let wanted = wanted
                .as_ref()
                .map(|wanted| wanted[wanted.len() - axes + axis]);
            let settings = windows.backwards(axis, axes, kernel.dims()[axis + 2])?;
            let (before, after) = settings.cut(length, extra, wanted, windows.padding);
            let reach = settings.extent() as i64 - 1;
            tensor = surround(
                &spread(&tensor, axis + 2, settings.stride)?,
                axis + 2,
                reach - before,
                reach - after + extra as i64,
                None,
            )?;
            let count = (tensor.dims()[axis + 2] + 1).saturating_sub(settings.extent());
            spans.push(Span {
                stride: 1,
                before: 0,
                after: 0,
                count,
                ..settings
            });
        }
        // What spreads one element over a window is a convolution of the spread elements with the kernel turned round.
        let (channels, filters) = (kernel.dims()[0], kernel.dims()[1]);
        let rest = &kernel.dims()[2..];
        let turned = kernel
            .tensor
            .contiguous()?
            .flip(&(2..kernel.rank()).collect::<Vec<_>>())?;
        let turned = turned
            .reshape([&[groups, channels / groups, filters], rest].concat())?
            .transpose(1, 2)?;
        let turned = turned.reshape([&[groups * filters, channels / groups], rest].concat())?;
        let convolved = convolve(&tensor, &turned, &spans, groups)?;
        with_bias(call, input, convolved)
    })
}

impl Windows {
    /// The settings along an axis, without a count of windows.
    fn backwards(&self, axis: usize, axes: usize, kernel: usize) -> Result<Span> {
        // Any length that holds a window: the count is not used.
        let lengths = vec![1 << 20; axes];
        let mut kernels = vec![1; axes];
        kernels[axis] = kernel;
        Ok(self.fit(&lengths, &kernels, false)?[axis])
    }
}

impl Span {
    /// How much is cut from either end of what the windows cover.
    fn cut(
        self,
        length: usize,
        extra: usize,
        wanted: Option<usize>,
        padding: Padding,
    ) -> (i64, i64) {
        let same = matches!(padding, Padding::SameUpper | Padding::SameLower);
        let wanted = wanted.or_else(|| same.then(|| length * self.stride));
        let Some(wanted) = wanted else {
            return (self.before, self.after);
        };
        let covered = self.stride * length.saturating_sub(1) + extra + self.extent();
        let all = covered as i64 - wanted as i64;
        let half = all.div_euclid(2);
        if padding == Padding::SameUpper {
            (half, all - half)
        } else {
            (all - half, half)
        }
    }
}

fn col2im(node: &Node<'_>) -> Built {
    let windows = Windows::of(node)?;
    one(move |call| {
        let input = call.array(0)?;
        let (image, block) = (
            lengths(&call.array(1)?.to_ints()?)?,
            lengths(&call.array(2)?.to_ints()?)?,
        );
        let spans = windows.fit(&image, &block, false)?;
        let taps: usize = block.iter().product();
        let &[batch, rows, _] = input.dims() else {
            bail!("has an input of shape {:?} (valid: 3 axes)", input.dims());
        };
        let channels = rows / taps.max(1);
        let counts: Vec<usize> = spans.iter().map(|span| span.count).collect();
        let columns = input
            .tensor
            .reshape([&[batch, channels, taps], &counts[..]].concat())?;
        let mut sum: Option<Tensor> = None;
        for tap in 0..taps {
            let mut layer = columns.narrow(2, tap, 1)?.squeeze(2)?;
            let mut rest = tap;
            for axis in (0..spans.len()).rev() {
                let span = spans[axis];
                let offset = (rest % span.kernel * span.dilation) as i64 - span.before;
                rest /= span.kernel;
                layer = spread(&layer, axis + 2, span.stride)?;
                let after = image[axis] as i64 - offset - layer.dims()[axis + 2] as i64;
                layer = surround(&layer, axis + 2, offset, after, None)?;
            }
            sum = Some(match sum {
                None => layer,
                Some(sum) => (sum + layer)?,
            });
        }
        match sum {
            Some(sum) => Ok(input.with(sum)),
            None => bail!("has blocks without elements"),
        }
    })
}
