//! The discrete Fourier transform, as a product with a table: exact for every length.

use std::f64::consts::TAU;

use candle_core::{D, Result, Tensor, bail};

use super::{Operator, linear::product, pad::surround};
use crate::{
    array::Array,
    node::{Built, Node, one},
};

pub(super) const OPERATORS: &[Operator] = &[("DFT", 17, dft)];

fn dft(node: &Node<'_>) -> Built {
    let (inverse, onesided) = (node.flag("inverse", false)?, node.flag("onesided", false)?);
    // Opset 20 made the axis an input.
    let fixed = if node.opset < 20 {
        Some(node.int_or("axis", 1)?)
    } else {
        None
    };
    one(move |call| {
        let input = call.array(0)?;
        let axis = match fixed {
            Some(axis) => axis,
            None => call
                .ints(2)?
                .map_or(-2, |axis| axis.first().copied().unwrap_or(-2)),
        };
        let axis = input.axis(axis)?;
        let parts = input.dims().last().copied().unwrap_or(0);
        if axis + 1 == input.rank() || !(1..=2).contains(&parts) {
            bail!(
                "transforms axis {axis} of shape {:?} (valid: any but the last, which holds one or two parts)",
                input.dims()
            );
        }
        let to_real = inverse && onesided;
        let given = input.dims()[axis];
        let length = match call.ints(1)? {
            Some(length) => usize::try_from(length.first().copied().unwrap_or(0))?,
            None if to_real => 2 * given.saturating_sub(1),
            None => given,
        };
        let used = if to_real { length / 2 + 1 } else { length };
        // Brought to the end; what is missing is zero, what is too much is cut.
        let lane = |part: usize| -> Result<Tensor> {
            let tensor = input
                .tensor
                .narrow(D::Minus1, part, 1)?
                .squeeze(D::Minus1)?;
            let tensor = surround(&tensor, axis, 0, used as i64 - given as i64, None)?;
            tensor.transpose(axis, D::Minus1)?.contiguous()
        };
        let back = |tensor: Tensor| tensor.transpose(axis, D::Minus1);
        let bins = if onesided && !inverse {
            length / 2 + 1
        } else {
            length
        };
        let table = |function: fn(f64) -> f64, sign: f64| -> Result<Tensor> {
            let scale = if inverse { 1.0 / length as f64 } else { 1.0 };
            let weight = |row: usize| {
                if to_real && row != 0 && 2 * row != length {
                    2.0 * scale
                } else {
                    scale
                }
            };
            let entry = |row: usize, bin: usize| {
                sign * weight(row) * function(TAU * (row * bin % length) as f64 / length as f64)
            };
            let values = (0..used)
                .flat_map(|row| (0..bins).map(move |bin| entry(row, bin)))
                .collect();
            Ok(
                Array::from_doubles(values, (used, bins), input.dtype, input.tensor.device())?
                    .tensor,
            )
        };
        let sign = if inverse { 1.0 } else { -1.0 };
        let (cosines, sines) = (table(f64::cos, 1.0)?, table(f64::sin, sign)?);
        let real = lane(0)?;
        let (mut real_out, mut imaginary_out) =
            (product(&real, &cosines)?, product(&real, &sines)?);
        if parts == 2 {
            let imaginary = lane(1)?;
            real_out = (real_out - product(&imaginary, &sines)?)?;
            imaginary_out = (imaginary_out + product(&imaginary, &cosines)?)?;
        }
        if to_real {
            return Ok(input.with(back(real_out)?.unsqueeze(D::Minus1)?));
        }
        Ok(input.with(Tensor::stack(
            &[back(real_out)?, back(imaginary_out)?],
            input.rank() - 1,
        )?))
    })
}
