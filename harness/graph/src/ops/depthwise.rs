//! Convolutions whose filters read one channel each, for float32 on the processor.
//!
//! As products of matrices they have a single column each, which takes some ten times as long.

use std::ops::Range;

use candle_core::{CpuStorage, CustomOp2, DType, Layout, Result, Shape, Tensor, bail};

use super::windows::Span;

/// What a convolution along one axis lacks of one along two.
const SINGLE: Span = Span {
    kernel: 1,
    stride: 1,
    dilation: 1,
    before: 0,
    after: 0,
    count: 1,
};

/// Filter by filter, and tap by tap along the rows.
struct Depthwise {
    rows: Span,
    columns: Span,
}

/// The windows in which one tap lies within the input, and where it lies in the first of them.
struct Tap {
    rows: Range<usize>,
    columns: Range<usize>,
    row: usize,
    column: usize,
}

impl Depthwise {
    /// All taps of a kernel over channels of this size, row by row.
    fn taps(&self, height: usize, width: usize) -> Vec<Tap> {
        let rows = (0..self.rows.kernel).map(|tap| within(self.rows, tap, height));
        let of_row = |(rows, row): (Range<usize>, usize)| {
            (0..self.columns.kernel).map(move |tap| {
                let (columns, column) = within(self.columns, tap, width);
                Tap {
                    rows: rows.clone(),
                    columns,
                    row,
                    column,
                }
            })
        };
        rows.flat_map(of_row).collect()
    }

    /// Adds what one filter makes of one channel.
    fn add(&self, channel: &[f32], width: usize, kernel: &[f32], taps: &[Tap], output: &mut [f32]) {
        for (tap, weight) in taps.iter().zip(kernel) {
            for (step, line) in tap.rows.clone().enumerate() {
                let row = tap.row + step * self.rows.stride;
                let values = channel[row * width..][..width].get(tap.column..);
                let values = values.unwrap_or_default();
                let sums = &mut output[line * self.columns.count..][tap.columns.clone()];
                let add = |(sum, value): (&mut f32, &f32)| *sum += weight * value;
                if self.columns.stride == 1 {
                    // Without a stride to step by it is vectorised.
                    sums.iter_mut().zip(values).for_each(add);
                } else {
                    let values = values.iter().step_by(self.columns.stride);
                    sums.iter_mut().zip(values).for_each(add);
                }
            }
        }
    }
}

/// The windows in which a tap lies within the input, and where it lies in the first of them.
fn within(span: Span, tap: usize, length: usize) -> (Range<usize>, usize) {
    let lies = |window: usize| (window * span.stride + tap * span.dilation) as i64 - span.before;
    let first = (0..span.count).find(|window| lies(*window) >= 0);
    let first = first.unwrap_or(span.count);
    let inside = |window: &usize| lies(*window) < length as i64;
    let end = (first..span.count).take_while(inside).last();
    let windows = first..end.map_or(first, |last| last + 1);
    (windows, usize::try_from(lies(first)).unwrap_or(length))
}

impl CustomOp2 for Depthwise {
    fn name(&self) -> &'static str {
        "depthwise convolution"
    }

    fn cpu_fwd(
        &self,
        input: &CpuStorage,
        of_input: &Layout,
        kernel: &CpuStorage,
        of_kernel: &Layout,
    ) -> Result<(CpuStorage, Shape)> {
        let (CpuStorage::F32(input), CpuStorage::F32(kernel)) = (input, kernel) else {
            bail!("{} is for float32", self.name());
        };
        let (Some((first, end)), Some((first_tap, last_tap))) = (
            of_input.contiguous_offsets(),
            of_kernel.contiguous_offsets(),
        ) else {
            bail!("{} is for contiguous tensors", self.name());
        };
        let (input, kernel) = (&input[first..end], &kernel[first_tap..last_tap]);
        let (batch, channels, height, width) = of_input.shape().dims4()?;
        let (filters, _, down, right) = of_kernel.shape().dims4()?;
        let shape = Shape::from((batch, filters, self.rows.count, self.columns.count));
        let mut output = vec![0f32; shape.elem_count()];
        let places = self.rows.count * self.columns.count;
        let taps = self.taps(height, width);
        // Nothing to fill has no chunks, and a chunk of nothing is refused.
        for (at, output) in output.chunks_exact_mut(places.max(1)).enumerate() {
            let (image, filter) = (at / filters, at % filters);
            let channel = image * channels + filter * channels / filters;
            let channel = &input[channel * height * width..][..height * width];
            let kernel = &kernel[filter * down * right..][..down * right];
            self.add(channel, width, kernel, &taps, output);
        }
        Ok((CpuStorage::F32(output), shape))
    }
}

/// `input` (batch, channels, lengths…) with `kernel` (filters, 1, lengths…); none where that is not what
/// it is for.
pub(super) fn convolve(input: &Tensor, kernel: &Tensor, spans: &[Span]) -> Result<Option<Tensor>> {
    let is_for = |tensor: &Tensor| tensor.dtype() == DType::F32 && tensor.device().is_cpu();
    if kernel.dims()[1] != 1 || !is_for(input) || !is_for(kernel) {
        return Ok(None);
    }
    let (input, kernel) = (input.contiguous()?, kernel.contiguous()?);
    let apply = |input: &Tensor, kernel: &Tensor, rows, columns| {
        input.apply_op2_no_bwd(kernel, &Depthwise { rows, columns })
    };
    match *spans {
        [columns] => {
            let (input, kernel) = (input.unsqueeze(2)?, kernel.unsqueeze(2)?);
            apply(&input, &kernel, SINGLE, columns)?
                .squeeze(2)
                .map(Some)
        }
        [rows, columns] => apply(&input, &kernel, rows, columns).map(Some),
        _ => Ok(None),
    }
}

#[cfg(test)]
mod tests {
    use candle_core::Device;

    use super::{super::conv::by_matrices, *};

    /// Whole numbers, so that every sum is exact whatever its order.
    fn numbers(shape: &[usize]) -> Tensor {
        let count: usize = shape.iter().product();
        let values = (0..count).map(|at| ((at * 7 + at / 5) % 11) as f32 - 5.0);
        Tensor::from_iter(values, &Device::Cpu)
            .and_then(|tensor| tensor.reshape(shape))
            .expect("a tensor")
    }

    fn span(
        kernel: usize,
        stride: usize,
        dilation: usize,
        pads: (i64, i64),
        length: usize,
    ) -> Span {
        let span = Span {
            kernel,
            stride,
            dilation,
            before: pads.0,
            after: pads.1,
            count: 0,
        };
        let room = length as i64 + pads.0 + pads.1 - span.extent() as i64;
        let count = usize::try_from(room).expect("a window fits") / stride + 1;
        Span { count, ..span }
    }

    #[test]
    fn agrees_with_products_of_matrices() {
        let settings = [
            (1, 1, 1, (0, 0)),
            (3, 1, 1, (1, 1)),
            (3, 2, 1, (1, 1)),
            (3, 2, 1, (0, 1)),
            (2, 3, 2, (2, 0)),
            (5, 1, 2, (4, 4)),
            (3, 1, 1, (-1, -2)),
            (2, 1, 1, (3, 5)),
            (4, 5, 1, (0, 0)),
        ];
        for (channels, filters) in [(1, 1), (3, 3), (2, 6)] {
            for (at, (kernel, stride, dilation, pads)) in settings.into_iter().enumerate() {
                let (height, width) = (7, 9);
                let other = settings[(at + 2) % settings.len()];
                let rows = span(other.0, other.1, other.2, other.3, height);
                let columns = span(kernel, stride, dilation, pads, width);
                let cases = [
                    (
                        vec![2, channels, width],
                        vec![filters, 1, kernel],
                        vec![columns],
                    ),
                    (
                        vec![2, channels, height, width],
                        vec![filters, 1, other.0, kernel],
                        vec![rows, columns],
                    ),
                ];
                for (input, taps, spans) in cases {
                    let (input, taps) = (numbers(&input), numbers(&taps));
                    let got = convolve(&input, &taps, &spans)
                        .expect("runs")
                        .expect("is for it");
                    let wanted = by_matrices(&input, &taps, &spans, channels).expect("runs");
                    assert_eq!(got.dims(), wanted.dims(), "{spans:?}");
                    let values =
                        |tensor: &Tensor| tensor.flatten_all().and_then(|all| all.to_vec1::<f32>());
                    assert_eq!(
                        values(&got).expect("f32"),
                        values(&wanted).expect("f32"),
                        "{spans:?}"
                    );
                }
            }
        }
    }

    #[test]
    fn leaves_what_it_is_not_for() {
        let (input, spans) = (numbers(&[1, 4, 9]), [span(3, 1, 1, (0, 0), 9)]);
        let kernel = numbers(&[4, 1, 3]);
        let double = |tensor: &Tensor| tensor.to_dtype(DType::F64).expect("f64");
        let refused = [
            (input.clone(), numbers(&[4, 2, 3])),
            (double(&input), double(&kernel)),
        ];
        for (input, kernel) in refused {
            assert!(
                convolve(&input, &kernel, &spans)
                    .expect("no error")
                    .is_none()
            );
        }
    }
}
