//! Products of matrices.

use candle_core::{D, Result, Tensor, bail};

use super::Operator;
use crate::{
    array::{Array, broadcast_shape},
    node::{Built, Node, one},
};

pub(super) const OPERATORS: &[Operator] = &[
    ("Gemm", 7, gemm),
    ("MatMul", 1, |_| {
        one(|call| {
            let (left, right) = (call.array(0)?, call.array(1)?);
            both_floats(left, right)?;
            Ok(left.with(product(&left.tensor, &right.tensor)?))
        })
    }),
];

fn both_floats(left: &Array, right: &Array) -> Result<()> {
    if left.dtype != right.dtype || !left.is_float() {
        bail!(
            "multiplies {:?} with {:?} (valid: floats of one type)",
            left.dtype,
            right.dtype
        );
    }
    Ok(())
}

/// The product of matrices, or of vectors, in the last two axes; the axes before are broadcast.
pub(super) fn product(left: &Tensor, right: &Tensor) -> Result<Tensor> {
    if left.rank() == 0 || right.rank() == 0 {
        bail!(
            "multiplies matrices of shapes {:?} and {:?}",
            left.dims(),
            right.dims()
        );
    }
    if right.rank() == 1 {
        return product(left, &right.unsqueeze(1)?)?.squeeze(D::Minus1);
    }
    if left.rank() == 1 {
        return product(&left.unsqueeze(0)?, right)?.squeeze(D::Minus2);
    }
    let (rows, inner) = (left.dim(D::Minus2)?, left.dim(D::Minus1)?);
    let columns = right.dim(D::Minus1)?;
    if inner != right.dim(D::Minus2)? {
        bail!(
            "multiplies matrices of shapes {:?} and {:?}",
            left.dims(),
            right.dims()
        );
    }
    if right.rank() == 2 {
        // One matrix for all: its rows are those of all batches, one after the other.
        let shape = [&left.dims()[..left.rank() - 1], &[columns]].concat();
        let count: usize = left.dims()[..left.rank() - 1].iter().product();
        return left.reshape((count, inner))?.matmul(right)?.reshape(shape);
    }
    let batch = broadcast_shape(
        &left.dims()[..left.rank() - 2],
        &right.dims()[..right.rank() - 2],
    )?;
    let stack = |tensor: &Tensor, rows, columns| -> Result<Tensor> {
        let shape = [&batch[..], &[rows, columns]].concat();
        let wide = if tensor.dims() == shape {
            tensor.clone()
        } else {
            tensor.broadcast_as(shape)?
        };
        let wide = if evenly_spaced(&wide) {
            wide
        } else {
            wide.contiguous()?
        };
        // candle looks at two axes of batches at most.
        if batch.len() > 2 {
            wide.reshape((batch.iter().product::<usize>(), rows, columns))
        } else {
            Ok(wide)
        }
    };
    let product = stack(left, rows, inner)?.matmul(&stack(right, inner, columns)?)?;
    product.reshape([&batch[..], &[rows, columns]].concat())
}

/// Whether candle multiplies a stack of matrices as it lies: those of all batches at one distance from
/// each other, and, but on the processor, rows or columns one after the other.
fn evenly_spaced(tensor: &Tensor) -> bool {
    let (dims, strides) = (tensor.dims(), tensor.stride());
    let outer = dims.len() - 2;
    let (row, column) = (strides[outer], strides[outer + 1]);
    let plain = (column == 1 && row == dims[outer + 1]) || (row == 1 && column == dims[outer]);
    let batches: Vec<usize> = (0..outer).filter(|&axis| dims[axis] != 1).collect();
    let even = batches
        .windows(2)
        .all(|pair| strides[pair[0]] == strides[pair[1]] * dims[pair[1]]);
    // Where one of the two is the same for all batches, candle 0.11.1 takes the rows of the other for
    // adjacent, wherever they lie (cpu_backend/mod.rs, MatMul): it reads past the end of them.
    let own = batches.iter().all(|&axis| strides[axis] != 0);
    even && own && (plain || tensor.device().is_cpu())
}

fn gemm(node: &Node<'_>) -> Built {
    let (alpha, beta) = (node.float_or("alpha", 1.0)?, node.float_or("beta", 1.0)?);
    let (turn_left, turn_right) = (node.flag("transA", false)?, node.flag("transB", false)?);
    one(move |call| {
        let (left, right) = (call.array(0)?, call.array(1)?);
        both_floats(left, right)?;
        let turned = |array: &Array, turn: bool| {
            if turn {
                array.tensor.t()
            } else {
                Ok(array.tensor.clone())
            }
        };
        let scaled = |tensor: Tensor, factor: f64| {
            if factor == 1.0 {
                Ok(tensor)
            } else {
                tensor * factor
            }
        };
        let product = scaled(
            turned(left, turn_left)?.matmul(&turned(right, turn_right)?)?,
            alpha,
        )?;
        Ok(left.with(match call.optional(2)? {
            None => product,
            Some(bias) => product.broadcast_add(&scaled(bias.tensor.clone(), beta)?)?,
        }))
    })
}
