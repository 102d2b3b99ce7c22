//! Recurrent layers, step by step.

use candle_core::{D, Result, Tensor, bail};
use candle_nn::ops::sigmoid;

use super::Operator;
use crate::{
    Error,
    array::{Array, Value},
    node::{Built, Call, Node, many},
};

pub(super) const OPERATORS: &[Operator] = &[("GRU", 14, gru), ("LSTM", 14, lstm)];

/// What the layers have in common.
struct Layer {
    /// Of each direction, whether it reads from the end.
    backwards: Vec<bool>,
    /// Whether the batch comes before the steps.
    batch_first: bool,
}

impl Layer {
    fn of(node: &Node<'_>, gates: &[&'static str]) -> std::result::Result<Self, Error> {
        let backwards = match node.choice("direction", &["forward", "reverse", "bidirectional"])? {
            0 => vec![false],
            1 => vec![true],
            _ => vec![false, true],
        };
        // Said by the weights as well.
        node.int("hidden_size")?;
        if node.float("clip")?.is_some() {
            return Err(node.unsupported("the attribute `clip` is not computed"));
        }
        let usual = node.texts("activations")?.is_none_or(|names| {
            let gates = gates.iter().cycle();
            names.iter().zip(gates).all(|(name, gate)| name == gate)
        });
        if !usual {
            let gates = gates.join(", ");
            return Err(node.unsupported(format!("has activations other than {gates}")));
        }
        Ok(Self {
            backwards,
            batch_first: node.flag("layout", false)?,
        })
    }

    /// Runs `step` over the input, each direction with its own weights; gives all hidden states and the
    /// last states.
    fn run(
        &self,
        call: &Call<'_>,
        states: &[usize],
        step: impl Fn(&Weights, &Tensor, &[Tensor]) -> Result<Vec<Tensor>>,
    ) -> Result<Vec<Value>> {
        let input = call.array(0)?;
        let x = if self.batch_first {
            input.tensor.transpose(0, 1)?
        } else {
            input.tensor.clone()
        };
        let (steps, batch, _) = x.dims3()?;
        let lengths = call.ints(4)?;
        if lengths.is_some_and(|lengths| lengths.iter().any(|&length| length != steps as i64)) {
            bail!("has rows that are shorter than others");
        }
        let (mut hidden, mut last) = (Vec::new(), vec![Vec::new(); states.len()]);
        for (direction, &backwards) in self.backwards.iter().enumerate() {
            let weights = Weights::of(call, direction)?;
            let initial = states.iter().map(|&index| match call.optional(index)? {
                Some(state) if self.batch_first => state.tensor.narrow(1, direction, 1)?.squeeze(1),
                Some(state) => state.tensor.narrow(0, direction, 1)?.squeeze(0),
                None => Tensor::zeros((batch, weights.width()?), x.dtype(), x.device()),
            });
            let mut state: Vec<Tensor> = initial.collect::<Result<_>>()?;
            let mut outputs = Vec::with_capacity(steps);
            for number in 0..steps {
                let number = if backwards {
                    steps - 1 - number
                } else {
                    number
                };
                state = step(&weights, &x.narrow(0, number, 1)?.squeeze(0)?, &state)?;
                outputs.push(state[0].clone());
            }
            if backwards {
                outputs.reverse();
            }
            if outputs.is_empty() {
                bail!("reads no steps");
            }
            hidden.push(Tensor::stack(&outputs, 0)?);
            for (all, state) in last.iter_mut().zip(state) {
                all.push(state);
            }
        }
        // (steps, directions, batch, hidden), or the batch first of all.
        let axis = usize::from(self.batch_first);
        let mut hidden = Tensor::stack(&hidden, 1)?;
        if self.batch_first {
            hidden = hidden.permute((2, 0, 1, 3))?;
        }
        let last = last.iter().map(|states| Tensor::stack(states, axis));
        let all = std::iter::once(Ok(hidden)).chain(last);
        all.map(|tensor| Ok(input.with(tensor?).into())).collect()
    }
}

/// The weights of one direction: of the input, of the last hidden state, and both biases.
struct Weights {
    input: Tensor,
    hidden: Tensor,
    biases: Option<[Tensor; 2]>,
}

impl Weights {
    fn of(call: &Call<'_>, direction: usize) -> Result<Self> {
        let own = |array: &Array| array.tensor.narrow(0, direction, 1)?.squeeze(0);
        let biases = call.optional(3)?.map(own).transpose()?;
        let biases = biases.map(|biases| {
            let half = biases.dim(0)? / 2;
            Ok::<_, candle_core::Error>([biases.narrow(0, 0, half)?, biases.narrow(0, half, half)?])
        });
        Ok(Self {
            input: own(call.array(1)?)?.t()?,
            hidden: own(call.array(2)?)?.t()?,
            biases: biases.transpose()?,
        })
    }

    fn width(&self) -> Result<usize> {
        self.hidden.dim(0)
    }

    /// What the input and the last hidden state add to all gates.
    fn gates(&self, x: &Tensor, hidden: &Tensor) -> Result<[Tensor; 2]> {
        let products = [
            x.contiguous()?.matmul(&self.input)?,
            hidden.contiguous()?.matmul(&self.hidden)?,
        ];
        match &self.biases {
            None => Ok(products),
            Some([input, hidden]) => {
                let [left, right] = products;
                Ok([left.broadcast_add(input)?, right.broadcast_add(hidden)?])
            }
        }
    }
}

fn lstm(node: &Node<'_>) -> Built {
    let layer = Layer::of(node, &["Sigmoid", "Tanh", "Tanh"])?;
    if node.flag("input_forget", false)? || node.has_input(7) {
        return Err(node.unsupported("peepholes and coupled gates are not computed"));
    }
    many(move |call| {
        layer.run(call, &[5, 6], |weights, x, state| {
            let [left, right] = weights.gates(x, &state[0])?;
            let gates = (left + right)?.chunk(4, D::Minus1)?;
            let [input, output, forget, cell] = &gates[..] else {
                bail!("has weights that are not four gates wide");
            };
            let cell = ((sigmoid(forget)? * &state[1])? + (sigmoid(input)? * cell.tanh()?)?)?;
            Ok(vec![(sigmoid(output)? * cell.tanh()?)?, cell])
        })
    })
}

fn gru(node: &Node<'_>) -> Built {
    let layer = Layer::of(node, &["Sigmoid", "Tanh"])?;
    let reset_after = node.flag("linear_before_reset", false)?;
    many(move |call| {
        layer.run(call, &[5], |weights, x, state| {
            let [left, right] = weights.gates(x, &state[0])?;
            let (left, right) = (left.chunk(3, D::Minus1)?, right.chunk(3, D::Minus1)?);
            let ([z, r, h], [z2, r2, h2]) = (&left[..], &right[..]) else {
                bail!("has weights that are not three gates wide");
            };
            let (update, reset) = (sigmoid(&(z + z2)?)?, sigmoid(&(r + r2)?)?);
            let past = if reset_after {
                (&reset * h2)?
            } else {
                // The reset comes before the product.
                let [_, again] = weights.gates(x, &(&reset * &state[0])?)?;
                again.chunk(3, D::Minus1)?[2].clone()
            };
            let new = (h + past)?.tanh()?;
            // (1 - z) · new + z · last
            Ok(vec![(&new + (update * (&state[0] - &new)?)?)?])
        })
    })
}
