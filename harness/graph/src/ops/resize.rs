//! Resampling along axes, each by a table of who adds how much to whom.

use candle_core::{D, Result, Tensor, bail};
use onnx_model::Dtype;

use super::{Operator, arithmetic::number, linear::product, logic::choose, shape::lengths};
use crate::{
    array::Array,
    node::{Built, Call, Node, one},
};

pub(super) const OPERATORS: &[Operator] = &[("Resize", 13, resize)];

/// How a node resamples.
struct Settings {
    mode: usize,
    coordinates: usize,
    rounding: usize,
    policy: usize,
    cubic: f64,
    smooth: bool,
    exclude_outside: bool,
    beyond: f64,
    axes: Option<Vec<i64>>,
}

const MODES: [&str; 3] = ["nearest", "linear", "cubic"];
const COORDINATES: [&str; 6] = [
    "half_pixel",
    "half_pixel_symmetric",
    "pytorch_half_pixel",
    "align_corners",
    "asymmetric",
    "tf_crop_and_resize",
];
const ROUNDINGS: [&str; 4] = ["round_prefer_floor", "round_prefer_ceil", "floor", "ceil"];
const POLICIES: [&str; 3] = ["stretch", "not_larger", "not_smaller"];

fn resize(node: &Node<'_>) -> Built {
    let settings = Settings {
        mode: node.choice("mode", &MODES)?,
        coordinates: node.choice("coordinate_transformation_mode", &COORDINATES)?,
        rounding: node.choice("nearest_mode", &ROUNDINGS)?,
        policy: node.choice("keep_aspect_ratio_policy", &POLICIES)?,
        cubic: node.float_or("cubic_coeff_a", -0.75)?,
        smooth: node.flag("antialias", false)?,
        exclude_outside: node.flag("exclude_outside", false)?,
        beyond: node.float_or("extrapolation_value", 0.0)?,
        axes: node.ints("axes")?,
    };
    one(move |call| settings.run(call))
}

/// One axis before and after.
struct Line {
    axis: usize,
    length: usize,
    wanted: usize,
    scale: f64,
    roi: (f64, f64),
}

impl Settings {
    fn run(&self, call: &Call<'_>) -> Result<Array> {
        let input = call.array(0)?;
        let mut result = input.clone();
        for line in self.lines(call, input)? {
            if line.wanted != line.length || self.coordinates == 5 || line.scale != 1.0 {
                result = self.resample(&result, &line)?;
            }
        }
        Ok(result)
    }

    #[expect(
        clippy::cast_possible_truncation,
        clippy::cast_sign_loss,
        reason = "lengths"
    )]
    fn lines(&self, call: &Call<'_>, input: &Array) -> Result<Vec<Line>> {
        let axes = match &self.axes {
            Some(axes) => axes
                .iter()
                .map(|&axis| input.axis(axis))
                .collect::<Result<Vec<_>>>()?,
            None => (0..input.rank()).collect(),
        };
        let given = |index: usize| -> Result<Option<Vec<f64>>> {
            let values = call.optional(index)?.map(Array::to_doubles).transpose()?;
            Ok(values.filter(|values| !values.is_empty()))
        };
        let (roi, scales) = (given(1)?, given(2)?);
        let sizes = call
            .ints(3)?
            .filter(|sizes| !sizes.is_empty())
            .map(|sizes| lengths(&sizes))
            .transpose()?;
        let dims: Vec<usize> = axes.iter().map(|&axis| input.dims()[axis]).collect();
        let (scales, wanted) = match (scales, sizes) {
            (Some(scales), None) if scales.len() == axes.len() => {
                let wanted = dims
                    .iter()
                    .zip(&scales)
                    .map(|(&length, scale)| (length as f64 * scale).floor() as usize);
                (scales.clone(), wanted.collect::<Vec<_>>())
            }
            (None, Some(sizes)) if sizes.len() == axes.len() => {
                let scales: Vec<f64> = sizes
                    .iter()
                    .zip(&dims)
                    .map(|(&size, &length)| size as f64 / length as f64)
                    .collect();
                match self.policy {
                    0 => (scales, sizes),
                    policy => {
                        let pick = if policy == 1 { f64::min } else { f64::max };
                        let scale = scales.into_iter().reduce(pick).unwrap_or(1.0);
                        let sizes = dims
                            .iter()
                            .map(|&length| (length as f64 * scale + 0.5).floor() as usize);
                        (vec![scale; axes.len()], sizes.collect())
                    }
                }
            }
            (scales, sizes) => bail!(
                "has scales {scales:?} and sizes {sizes:?} for {} axes",
                axes.len()
            ),
        };
        let corners = |place: usize| match &roi {
            Some(roi) if roi.len() == 2 * axes.len() => (roi[place], roi[place + axes.len()]),
            _ => (0.0, 1.0),
        };
        let line = |place: usize| Line {
            axis: axes[place],
            length: dims[place],
            wanted: wanted[place],
            scale: scales[place],
            roi: corners(place),
        };
        Ok((0..axes.len()).map(line).collect())
    }

    /// Where an element of the result lies in the input.
    fn origin(&self, line: &Line, place: usize) -> f64 {
        let (x, length, scale) = (place as f64, line.length as f64, line.scale);
        // What a scale asks for need not be whole.
        let wanted = scale * length;
        let half = (x + 0.5) / scale - 0.5;
        match self.coordinates {
            0 => half,
            1 => {
                let adjustment = line.wanted as f64 / wanted;
                length / 2.0 * (1.0 - adjustment) + half
            }
            2 if line.wanted == 1 => 0.0,
            2 => half,
            3 if line.wanted == 1 => 0.0,
            3 => x * (length - 1.0) / (wanted - 1.0),
            4 => x / scale,
            _ => {
                let (start, end) = line.roi;
                if line.wanted == 1 {
                    0.5 * (start + end) * (length - 1.0)
                } else {
                    start * (length - 1.0) + x * (end - start) * (length - 1.0) / (wanted - 1.0)
                }
            }
        }
    }

    /// The elements that make up one of the result, from the first on, and how much each adds.
    fn taps(&self, origin: f64, scale: f64) -> (f64, Vec<f64>) {
        // Where a shrunk image is to be smooth, each element reaches over all that it stands for.
        let scale = if self.smooth { scale.min(1.0) } else { 1.0 };
        let (floor, reach) = (
            origin.floor(),
            if self.mode == 1 { 1.0 } else { 2.0 } / scale,
        );
        let first = (-reach).floor() + 1.0;
        let count = 2.0 - 2.0 * first;
        let ratio = origin - floor;
        let mut weights = Vec::new();
        let mut step = 0.0;
        while step < count {
            weights.push(self.weight(((first + step) - ratio).abs() * scale));
            step += 1.0;
        }
        (floor + first, weights)
    }

    fn weight(&self, distance: f64) -> f64 {
        let (x, a) = (distance, self.cubic);
        match self.mode {
            1 => (1.0 - x).max(0.0),
            _ if x <= 1.0 => ((a + 2.0) * x - (a + 3.0)) * x * x + 1.0,
            _ if x < 2.0 => ((x - 5.0) * x + 8.0) * x * a - 4.0 * a,
            _ => 0.0,
        }
    }

    #[expect(
        clippy::cast_possible_truncation,
        clippy::cast_sign_loss,
        reason = "places"
    )]
    fn resample(&self, input: &Array, line: &Line) -> Result<Array> {
        let last = line.length.saturating_sub(1) as f64;
        let origins: Vec<f64> = (0..line.wanted)
            .map(|place| self.origin(line, place))
            .collect();
        let device = input.tensor.device();
        let result = if self.mode == 0 {
            let nearest = |x: f64| match self.rounding {
                0 => (x - 0.5).ceil(),
                1 => (x + 0.5).floor(),
                2 => x.floor(),
                _ => x.ceil(),
            };
            let places: Vec<i64> = origins
                .iter()
                .map(|&x| nearest(x).clamp(0.0, last) as i64)
                .collect();
            let places = Tensor::from_vec(places, line.wanted, device)?;
            input
                .tensor
                .contiguous()?
                .index_select(&places, line.axis)?
        } else {
            let mut table = vec![0.0; line.length * line.wanted];
            for (column, &origin) in origins.iter().enumerate() {
                let (first, mut weights) = self.taps(origin, line.scale);
                let place = |tap: usize| first + tap as f64;
                if self.exclude_outside {
                    let outside =
                        (0..weights.len()).filter(|&tap| place(tap) < 0.0 || place(tap) > last);
                    outside
                        .collect::<Vec<_>>()
                        .into_iter()
                        .for_each(|tap| weights[tap] = 0.0);
                }
                let all: f64 = weights.iter().sum();
                for (tap, weight) in weights.into_iter().enumerate() {
                    table[place(tap).clamp(0.0, last) as usize * line.wanted + column] +=
                        weight / all;
                }
            }
            let table =
                Array::from_doubles(table, (line.length, line.wanted), input.dtype, device)?.tensor;
            let lanes = input.tensor.transpose(line.axis, D::Minus1)?.contiguous()?;
            product(&lanes, &table)?.transpose(line.axis, D::Minus1)?
        };
        let result = input.with(result);
        if self.coordinates != 5 {
            return Ok(result);
        }
        let inside = origins
            .iter()
            .map(|&x| i64::from((0.0..=last).contains(&x)));
        let mut ladder = vec![1; input.rank()];
        ladder[line.axis] = line.wanted;
        let inside = Array::ints(inside.collect(), ladder, Dtype::Bool)?;
        choose(&inside, &result, &number(self.beyond, input)?)
    }
}
