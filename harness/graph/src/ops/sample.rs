//! Sampling at places that are computed; on the processor.

use candle_core::{Result, bail};

use super::Operator;
use crate::{
    array::Array,
    node::{Built, Node, one},
};

pub(super) const OPERATORS: &[Operator] = &[("GridSample", 16, grid_sample)];

#[derive(Clone, Copy)]
enum Mode {
    Linear,
    Nearest,
    Cubic,
}

/// What lies outside.
#[derive(Clone, Copy)]
enum Outside {
    Zeros,
    Border,
    Reflection,
}

#[derive(Clone, Copy)]
struct Sampler {
    mode: Mode,
    outside: Outside,
    align_corners: bool,
}

fn grid_sample(node: &Node<'_>) -> Built {
    // Opset 20 renamed two of them.
    let names = if node.opset < 20 {
        ["bilinear", "nearest", "bicubic"]
    } else {
        ["linear", "nearest", "cubic"]
    };
    let sampler = Sampler {
        mode: [Mode::Linear, Mode::Nearest, Mode::Cubic][node.choice("mode", &names)?],
        outside: [Outside::Zeros, Outside::Border, Outside::Reflection]
            [node.choice("padding_mode", &["zeros", "border", "reflection"])?],
        align_corners: node.flag("align_corners", false)?,
    };
    one(move |call| sampler.sample(call.array(0)?, call.array(1)?))
}

impl Sampler {
    /// `input` (batch, channels, lengths…) at `grid` (batch, places…, axes), whose axes come last first.
    fn sample(self, input: &Array, grid: &Array) -> Result<Array> {
        let axes = input.rank().saturating_sub(2);
        if axes == 0
            || grid.rank() != input.rank()
            || grid.dims()[axes + 1] != axes
            || grid.dims()[0] != input.dims()[0]
        {
            bail!("samples {:?} at {:?}", input.dims(), grid.dims());
        }
        let (batch, channels, lengths) = (input.dims()[0], input.dims()[1], &input.dims()[2..]);
        let size: usize = lengths.iter().product();
        let places: usize = grid.dims()[1..=axes].iter().product();
        let (values, grid_values) = (input.to_doubles()?, grid.to_doubles()?);
        let mut sampled = vec![0.0; batch * channels * places];
        for row in 0..batch {
            for place in 0..places {
                let point = &grid_values[(row * places + place) * axes..][..axes];
                let taps = self.taps(point, lengths);
                for channel in 0..channels {
                    let image = &values[(row * channels + channel) * size..][..size];
                    sampled[(row * channels + channel) * places + place] =
                        taps.iter().map(|&(tap, weight)| image[tap] * weight).sum();
                }
            }
        }
        let shape = [&[batch, channels], &grid.dims()[1..=axes]].concat();
        Array::from_doubles(sampled, shape, input.dtype, input.tensor.device())
    }

    /// Which elements of an image make up a point, and how much each adds.
    fn taps(self, point: &[f64], lengths: &[usize]) -> Vec<(usize, f64)> {
        let mut taps = vec![(0, 1.0)];
        for (&x, &length) in point.iter().rev().zip(lengths) {
            let along = self.along(x, length);
            taps = taps
                .iter()
                .flat_map(|&(tap, weight)| {
                    along
                        .iter()
                        .map(move |&(place, share)| (tap * length + place, weight * share))
                })
                .collect();
        }
        taps
    }

    #[expect(
        clippy::cast_possible_truncation,
        clippy::cast_sign_loss,
        reason = "places"
    )]
    fn along(self, x: f64, length: usize) -> Vec<(usize, f64)> {
        let long = length as f64;
        let x = if self.align_corners {
            (x + 1.0) / 2.0 * (long - 1.0)
        } else {
            ((x + 1.0) * long - 1.0) / 2.0
        };
        let x = match (self.mode, self.outside) {
            (Mode::Cubic, _) | (_, Outside::Zeros) => x,
            (_, Outside::Border) => x.clamp(0.0, long - 1.0),
            (_, Outside::Reflection) => self.reflect(x, long).clamp(0.0, long - 1.0),
        };
        let (floor, ratio) = (x.floor(), x - x.floor());
        let taps = match self.mode {
            Mode::Nearest => vec![(x.round_ties_even(), 1.0)],
            Mode::Linear => vec![(floor, 1.0 - ratio), (floor + 1.0, ratio)],
            Mode::Cubic => (-1..3)
                .map(|tap| {
                    (
                        floor + f64::from(tap),
                        cubic((f64::from(tap) - ratio).abs()),
                    )
                })
                .collect(),
        };
        let inside = |place: f64| match self.outside {
            Outside::Zeros => place,
            Outside::Border => place.clamp(0.0, long - 1.0),
            Outside::Reflection => self.reflect(place, long).clamp(0.0, long - 1.0),
        };
        let taps = taps
            .into_iter()
            .map(|(place, weight)| (inside(place), weight));
        taps.filter(|(place, _)| (0.0..long).contains(place))
            .map(|(place, weight)| (place as usize, weight))
            .collect()
    }

    /// Mirrored at the first and last element, or half an element outside.
    fn reflect(self, x: f64, long: f64) -> f64 {
        let (first, last) = if self.align_corners {
            (0.0, long - 1.0)
        } else {
            (-0.5, long - 0.5)
        };
        let range = last - first;
        if range <= 0.0 {
            return 0.0;
        }
        let away = (x - first).rem_euclid(2.0 * range);
        first + away.min(2.0 * range - away)
    }
}

/// The cubic convolution kernel with a = -0.75.
fn cubic(x: f64) -> f64 {
    const A: f64 = -0.75;
    match x {
        x if x <= 1.0 => ((A + 2.0) * x - (A + 3.0)) * x * x + 1.0,
        x if x < 2.0 => (((x - 5.0) * x + 8.0) * x - 4.0) * A,
        _ => 0.0,
    }
}
