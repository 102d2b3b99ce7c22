//! The error function, and the activation made from it, for float32 on the processor.
//!
//! candle's own takes some 20 ns an element, which is a quarter of BERT's time. Here it is a short Taylor
//! series around the nearest of 65 points, computed in float64.

use std::{array, f64::consts::PI, sync::LazyLock};

use candle_core::{
    CpuStorage, CustomOp1, DType, Layout, Result, Shape, Tensor, bail, cpu::erf::erf_f64,
};

/// Points lie this far apart.
const STEP: f64 = 1.0 / 16.0;
/// From here on it is one, to the last bit of a float32.
const LAST: f64 = 4.0;
const POINTS: usize = 65;

/// For each point the coefficients of the series around it, up to the fifth power: at half a step away
/// what is left out is below 1e-9.
static SERIES: LazyLock<[[f64; 6]; POINTS]> = LazyLock::new(|| {
    array::from_fn(|point| {
        let x = point as f64 * STEP;
        let slope = 2.0 / PI.sqrt() * (-x * x).exp();
        // Derivatives of exp(-x²) are Hermite polynomials of x times itself.
        let hermite = [
            1.0,
            -2.0 * x,
            4.0 * x * x - 2.0,
            -8.0 * x.powi(3) + 12.0 * x,
            16.0 * x.powi(4) - 48.0 * x * x + 12.0,
        ];
        let factorials = [1.0, 2.0, 6.0, 24.0, 120.0];
        array::from_fn(|power| match power.checked_sub(1) {
            None => erf_f64(x),
            Some(order) => slope * hermite[order] / factorials[order],
        })
    })
});

fn erf(series: &[[f64; 6]; POINTS], x: f64) -> f64 {
    let size = x.abs();
    // What is not a number fails the comparison and stays so.
    if size >= LAST {
        return x.signum();
    }
    #[expect(
        clippy::cast_possible_truncation,
        clippy::cast_sign_loss,
        reason = "the number of a point"
    )]
    let point = (size / STEP + 0.5) as usize;
    let away = size - point as f64 * STEP;
    let [a, b, c, d, e, f] = series[point.min(POINTS - 1)];
    (a + away * (b + away * (c + away * (d + away * (e + away * f))))).copysign(x)
}

/// What is computed of each element.
#[derive(Clone, Copy)]
enum Function {
    Erf,
    Gelu,
}

impl CustomOp1 for Function {
    fn name(&self) -> &'static str {
        match self {
            Self::Erf => "erf",
            Self::Gelu => "gelu",
        }
    }

    fn cpu_fwd(&self, storage: &CpuStorage, layout: &Layout) -> Result<(CpuStorage, Shape)> {
        let CpuStorage::F32(values) = storage else {
            bail!("{} is for float32", self.name());
        };
        let Some((start, end)) = layout.contiguous_offsets() else {
            bail!("{} is for contiguous tensors", self.name());
        };
        let series = &*SERIES;
        #[expect(
            clippy::cast_possible_truncation,
            reason = "rounded to the result's type"
        )]
        let each = |&value: &f32| {
            let x = f64::from(value);
            match self {
                Self::Erf => erf(series, x) as f32,
                Self::Gelu => {
                    (0.5 * x * (1.0 + erf(series, x * std::f64::consts::FRAC_1_SQRT_2))) as f32
                }
            }
        };
        let values = values[start..end].iter().map(each).collect();
        Ok((CpuStorage::F32(values), layout.shape().clone()))
    }
}

/// The error function of every element.
pub(super) fn of(x: &Tensor) -> Result<Tensor> {
    apply(x, Function::Erf, Tensor::erf)
}

/// x · Φ(x) of every element.
pub(super) fn gelu(x: &Tensor) -> Result<Tensor> {
    apply(x, Function::Gelu, Tensor::gelu_erf)
}

fn apply(x: &Tensor, function: Function, candles: fn(&Tensor) -> Result<Tensor>) -> Result<Tensor> {
    if x.dtype() == DType::F32 && x.device().is_cpu() {
        return x.contiguous()?.apply_op1_no_bwd(&function);
    }
    candles(x)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn agrees_with_float64_everywhere() {
        let mut worst: f64 = 0.0;
        for step in -100_000..=100_000 {
            let x = f64::from(step) / 20_000.0;
            worst = worst.max((erf(&SERIES, x) - erf_f64(x)).abs());
        }
        assert!(worst < 2e-8, "off by {worst:e}");
        assert!(erf(&SERIES, f64::NAN).is_nan());
        assert_eq!(erf(&SERIES, f64::NEG_INFINITY), -1.0);
    }
}
