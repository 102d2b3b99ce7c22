//! Attention with all that goes with it, and rotary positions.

use candle_core::{D, Result, Tensor, bail};
use onnx_model::Dtype;

use super::{Operator, activation::softmax, arithmetic::number, linear::product, logic::choose};
use crate::{
    Error,
    array::{Array, Value, dtype_of, every, is_float, storage},
    node::{Built, Call, Node, many, one},
};

pub(super) const OPERATORS: &[Operator] = &[
    ("Attention", 23, attention),
    ("RotaryEmbedding", 23, rotary_embedding),
];

/// How a node attends.
struct Settings {
    causal: bool,
    /// How many keys before and after its own place a query sees.
    window: [Option<i64>; 2],
    heads: Option<[usize; 2]>,
    scale: Option<f64>,
    cap: f64,
    precision: Option<Dtype>,
    /// Which stage of the scores is given: raw, capped, with the mask, as probabilities.
    scores: i64,
}

fn attention(node: &Node<'_>) -> Built {
    let side = |name| Ok::<_, Error>(node.int(name)?.filter(|&side| side >= 0));
    let heads = (node.count("q_num_heads")?, node.count("kv_num_heads")?);
    let precision = node.int("softmax_precision")?.map(|code| {
        let dtype = dtype_of(code).filter(|&dtype| is_float(dtype));
        dtype.ok_or_else(|| node.unsupported(format!("attribute `softmax_precision` is {code}")))
    });
    let settings = Settings {
        causal: node.flag("is_causal", false)?,
        window: [side("left_window_size")?, side("right_window_size")?],
        heads: heads.0.zip(heads.1).map(|(queries, keys)| [queries, keys]),
        scale: node.float("scale")?,
        cap: node.float_or("softcap", 0.0)?,
        precision: precision.transpose()?,
        scores: node.int_or("qk_matmul_output_mode", 0)?,
    };
    many(move |call| settings.run(call))
}

impl Settings {
    fn run(&self, call: &Call<'_>) -> Result<Vec<Value>> {
        let input = call.array(0)?;
        let is_flat = input.rank() == 3;
        let split = |index: usize, which: usize| -> Result<Tensor> {
            let tensor = &call.array(index)?.tensor;
            match (is_flat, self.heads) {
                (false, _) => Ok(tensor.clone()),
                (true, Some(heads)) => {
                    let (batch, length, width) = tensor.dims3()?;
                    let shape = (batch, length, heads[which], width / heads[which].max(1));
                    tensor.reshape(shape)?.transpose(1, 2)
                }
                (true, None) => bail!("has inputs of three axes and does not say how many heads"),
            }
        };
        let joined = |new: Tensor, past: usize| match call.optional(past)? {
            Some(past) => Tensor::cat(&[&past.tensor, &new], 2),
            None => Ok(new),
        };
        let queries = split(0, 0)?;
        let keys = joined(split(1, 1)?, 4)?;
        let values = joined(split(2, 1)?, 5)?;
        let bias = self.bias(call, input, queries.dim(2)?, keys.dim(2)?)?;

        // Half of the scale on either side, so that float16 does not overflow.
        let scale = self
            .scale
            .unwrap_or_else(|| 1.0 / (queries.dims()[3] as f64).sqrt());
        let half = number(scale.sqrt(), input)?.tensor;
        let repeats = queries.dim(1)? / keys.dim(1)?.max(1);
        let turned = shared(&keys, repeats)?.transpose(2, 3)?;
        let mut scores = product(
            &queries.broadcast_mul(&half)?,
            &turned.broadcast_mul(&half)?,
        )?;
        let mut given = scores.clone();
        if self.cap > 0.0 {
            scores = ((scores / self.cap)?.tanh()? * self.cap)?;
            if self.scores == 1 {
                given = scores.clone();
            }
        }
        let mut scores = scores.broadcast_add(&bias)?;
        if self.scores == 2 {
            given = scores.clone();
        }
        if let Some(precision) = self.precision {
            scores = scores.to_dtype(storage(precision))?;
        }
        let shares = softmax(&scores)?.to_dtype(input.tensor.dtype())?;
        // Who may see nobody gets nothing, where a softmax would be no number.
        let lonely = Array::truths(&bias.max_keepdim(D::Minus1)?.eq(f64::NEG_INFINITY)?)?;
        let shares = choose(&lonely, &number(0.0, input)?, &input.with(shares))?.tensor;
        if self.scores == 3 {
            given = shares.clone();
        }
        let mut output = product(&shares, &shared(&values, repeats)?)?;
        if is_flat {
            output = output.transpose(1, 2)?.flatten_from(2)?;
        }
        let all = [output, keys, values, given];
        Ok(all.map(|tensor| input.with(tensor).into()).into())
    }

    /// What is added to the scores: zero where a query may look, minus infinity elsewhere, and what the
    /// node was given.
    fn bias(&self, call: &Call<'_>, input: &Array, queries: usize, keys: usize) -> Result<Tensor> {
        let filled = call.ints(6)?;
        let past = call.optional(4)?.map_or(0, |past| past.dims()[2] as i64);
        let batches = filled.as_ref().map_or(1, Vec::len);
        let mut rule = Vec::with_capacity(batches * queries * keys);
        for batch in 0..batches {
            let length = filled.as_ref().map(|filled| filled[batch]);
            // How many keys come before the first query.
            let before = length.map_or(past, |length| length - queries as i64);
            for query in 0..queries as i64 {
                rule.extend((0..keys as i64).map(|key| {
                    let back = query + before - key;
                    let seen = (!self.causal || back >= 0)
                        && self.window[0].is_none_or(|most| back <= most)
                        && self.window[1].is_none_or(|most| -back <= most)
                        && length.is_none_or(|length| key < length);
                    if seen { 0.0 } else { f64::NEG_INFINITY }
                }));
            }
        }
        let shape = (batches, 1, queries, keys);
        let rule = Array::from_doubles(rule, shape, input.dtype, call.device)?.tensor;
        let Some(mask) = call.optional(3)? else {
            return Ok(rule);
        };
        let never = number(f64::NEG_INFINITY, input)?;
        let mask = match mask.is_float() {
            true => mask.tensor.clone(),
            false => choose(mask, &number(0.0, input)?, &never)?.tensor,
        };
        // A mask that is too short hides the keys that it does not reach.
        let missing = keys.saturating_sub(mask.dim(D::Minus1)?) as i64;
        let mask = super::pad::surround(&mask, mask.rank() - 1, 0, missing, Some(&never))?;
        rule.broadcast_add(&mask)
    }
}

/// Each head as often as there are queries that share it.
fn shared(heads: &Tensor, repeats: usize) -> Result<Tensor> {
    if repeats == 1 {
        return Ok(heads.clone());
    }
    let (batch, count, length, width) = heads.dims4()?;
    let wide = heads
        .unsqueeze(2)?
        .broadcast_as((batch, count, repeats, length, width))?;
    wide.reshape((batch, count * repeats, length, width))
}

fn rotary_embedding(node: &Node<'_>) -> Built {
    let interleaved = node.flag("interleaved", false)?;
    let turned = node.count("rotary_embedding_dim")?;
    let heads = node.count("num_heads")?;
    one(move |call| {
        let input = call.array(0)?;
        let x = match (input.rank(), heads) {
            (3, Some(heads)) if heads > 0 => {
                let (batch, length, width) = input.tensor.dims3()?;
                input
                    .tensor
                    .reshape((batch, length, heads, width / heads))?
            }
            (4, _) => input.tensor.transpose(1, 2)?,
            (rank, _) => bail!("has an input of {rank} axes and heads {heads:?}"),
        };
        let width = x.dim(3)?;
        let turned = turned.filter(|&turned| turned > 0).unwrap_or(width);
        let table = |index: usize| -> Result<Tensor> {
            let table = &call.array(index)?.tensor;
            let table = match call.optional(3)? {
                None => table.clone(),
                Some(positions) => {
                    let places = positions.tensor.flatten_all()?.to_device(table.device())?;
                    let shape = [positions.dims(), &table.dims()[1..]].concat();
                    table
                        .contiguous()?
                        .index_select(&places, 0)?
                        .reshape(shape)?
                }
            };
            table.unsqueeze(2)
        };
        let (cosines, sines) = (table(1)?, table(2)?);
        let part = x.narrow(3, 0, turned)?;
        let (left, right) = if interleaved {
            let odd = part.narrow(3, 1, turned - 1)?;
            (every(&part, 3, 2)?, every(&odd, 3, 2)?)
        } else {
            (
                part.narrow(3, 0, turned / 2)?,
                part.narrow(3, turned / 2, turned / 2)?,
            )
        };
        let real = (left.broadcast_mul(&cosines)? - right.broadcast_mul(&sines)?)?;
        let imaginary = (left.broadcast_mul(&sines)? + right.broadcast_mul(&cosines)?)?;
        let part = if interleaved {
            Tensor::stack(&[real, imaginary], D::Minus1)?.flatten_from(3)?
        } else {
            Tensor::cat(&[real, imaginary], 3)?
        };
        let x = if turned == width {
            part
        } else {
            Tensor::cat(&[part, x.narrow(3, turned, width - turned)?], 3)?
        };
        Ok(input.with(match input.rank() {
            3 => x.reshape(input.dims())?,
            _ => x.transpose(1, 2)?,
        }))
    })
}
