//! Sums of products over named axes.

use candle_core::{Result, Tensor, bail};

use super::Operator;
use crate::node::{Built, Node, one};

pub(super) const OPERATORS: &[Operator] = &[("Einsum", 12, einsum)];

/// An axis by its letter; those of an ellipsis count from the last.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, PartialOrd, Ord)]
enum Axis {
    Ellipsis(usize),
    Letter(char),
}

/// The letters of a term, in which an ellipsis may stand once.
#[derive(Clone, Debug)]
struct Term {
    before: Vec<char>,
    ellipsis: bool,
    after: Vec<char>,
}

impl Term {
    fn read(text: &str) -> Option<Self> {
        let (before, after) = text.split_once("...").unwrap_or((text, ""));
        let letters = |text: &str| text.chars().all(|letter| letter.is_ascii_alphabetic());
        (letters(before) && letters(after)).then(|| Self {
            before: before.chars().collect(),
            ellipsis: text.contains("..."),
            after: after.chars().collect(),
        })
    }

    /// Its axes for a tensor of a rank.
    fn axes(&self, rank: usize) -> Result<Vec<Axis>> {
        let named = self.before.len() + self.after.len();
        if named > rank || (named < rank && !self.ellipsis) {
            bail!("names {named} axes of a tensor with {rank}");
        }
        let letters = |letters: &[char]| {
            letters
                .iter()
                .map(|&letter| Axis::Letter(letter))
                .collect::<Vec<_>>()
        };
        let middle = (0..rank - named).rev().map(Axis::Ellipsis).collect();
        Ok([letters(&self.before), middle, letters(&self.after)].concat())
    }
}

fn einsum(node: &Node<'_>) -> Built {
    let equation: String = node
        .text("equation", "")?
        .chars()
        .filter(|letter| *letter != ' ')
        .collect();
    let (inputs, output) = match equation.split_once("->") {
        Some((inputs, output)) => (inputs, Some(output)),
        None => (equation.as_str(), None),
    };
    let unread = || node.unsupported(format!("equation `{equation}` is not understood"));
    let terms: Option<Vec<Term>> = inputs.split(',').map(Term::read).collect();
    let terms = terms.ok_or_else(unread)?;
    let output = output
        .map(|output| Term::read(output).ok_or_else(unread))
        .transpose()?;
    one(move |call| {
        let arrays = call.arrays()?;
        if arrays.len() != terms.len() {
            bail!("has {} terms for {} inputs", terms.len(), arrays.len());
        }
        let mut operands = Vec::new();
        for (array, term) in arrays.iter().zip(&terms) {
            operands.push(diagonal(&array.tensor, &term.axes(array.rank())?)?);
        }
        let wanted = wanted(&operands, output.as_ref())?;
        let mut operands = operands.into_iter();
        let Some(mut result) = operands.next() else {
            bail!("has no inputs");
        };
        while let Some(next) = operands.next() {
            let later: Vec<Axis> = operands
                .as_slice()
                .iter()
                .flat_map(|(_, axes)| axes.clone())
                .chain(wanted.clone())
                .collect();
            result = contract(result, next, &later)?;
        }
        let (tensor, axes) = keep_only(result, &wanted)?;
        let order: Vec<usize> = wanted
            .iter()
            .filter_map(|axis| axes.iter().position(|other| other == axis))
            .collect();
        Ok(arrays[0].with(tensor.permute(order)?))
    })
}

/// The axes of the result: those named, or all that appear once, in the order of the alphabet.
fn wanted(operands: &[(Tensor, Vec<Axis>)], output: Option<&Term>) -> Result<Vec<Axis>> {
    let all: Vec<Axis> = operands.iter().flat_map(|(_, axes)| axes.clone()).collect();
    let widest = all.iter().filter_map(|axis| match axis {
        Axis::Ellipsis(place) => Some(place + 1),
        Axis::Letter(_) => None,
    });
    let widest = widest.max().unwrap_or(0);
    if let Some(term) = output {
        let wanted = term
            .axes(term.before.len() + term.after.len() + if term.ellipsis { widest } else { 0 })?;
        return match wanted.iter().find(|axis| !all.contains(axis)) {
            Some(axis) => bail!("gives axis {axis:?}, which no input has"),
            None => Ok(wanted),
        };
    }
    let mut letters: Vec<Axis> = all
        .iter()
        .copied()
        .filter(|axis| {
            matches!(axis, Axis::Letter(_))
                && all.iter().filter(|other| *other == axis).count() == 1
        })
        .collect();
    letters.sort_unstable();
    Ok((0..widest)
        .rev()
        .map(Axis::Ellipsis)
        .chain(letters)
        .collect())
}

/// Where a letter stands twice, only the elements at equal places count.
fn diagonal(tensor: &Tensor, axes: &[Axis]) -> Result<(Tensor, Vec<Axis>)> {
    let (mut tensor, mut axes) = (tensor.clone(), axes.to_vec());
    while let Some((first, second)) = (0..axes.len()).find_map(|first| {
        let second = (first + 1..axes.len()).find(|&second| axes[second] == axes[first]);
        second.map(|second| (first, second))
    }) {
        let length = tensor.dims()[first];
        if length != tensor.dims()[second] {
            bail!("takes the diagonal of shape {:?}", tensor.dims());
        }
        let places = (0..length).map(|place| {
            tensor
                .narrow(first, place, 1)?
                .narrow(second, place, 1)?
                .squeeze(second)
        });
        tensor = Tensor::cat(&places.collect::<Result<Vec<_>>>()?, first)?;
        axes.remove(second);
    }
    Ok((tensor, axes))
}

/// Sums over the axes that nobody asks for afterwards.
fn keep_only((tensor, axes): (Tensor, Vec<Axis>), wanted: &[Axis]) -> Result<(Tensor, Vec<Axis>)> {
    let gone: Vec<usize> = (0..axes.len())
        .filter(|&place| !wanted.contains(&axes[place]))
        .collect();
    let kept = axes
        .into_iter()
        .filter(|axis| wanted.contains(axis))
        .collect();
    Ok((
        if gone.is_empty() {
            tensor
        } else {
            tensor.sum(gone)?
        },
        kept,
    ))
}

/// Two operands as one: axes of both that are asked for later are batches, the others of both are summed.
fn contract(
    left: (Tensor, Vec<Axis>),
    right: (Tensor, Vec<Axis>),
    later: &[Axis],
) -> Result<(Tensor, Vec<Axis>)> {
    let wanted_of = |others: &[Axis]| [later, others].concat();
    let left = keep_only(left.clone(), &wanted_of(&right.1))?;
    let right = keep_only(right.clone(), &wanted_of(&left.1))?;
    let common = |axis: &&Axis| left.1.contains(axis) && right.1.contains(axis);
    let batch: Vec<Axis> = left
        .1
        .iter()
        .filter(common)
        .filter(|axis| later.contains(axis))
        .copied()
        .collect();
    let summed: Vec<Axis> = left
        .1
        .iter()
        .filter(common)
        .filter(|axis| !later.contains(axis))
        .copied()
        .collect();
    let rows: Vec<Axis> = left
        .1
        .iter()
        .filter(|axis| !right.1.contains(axis))
        .copied()
        .collect();
    let columns: Vec<Axis> = right
        .1
        .iter()
        .filter(|axis| !left.1.contains(axis))
        .copied()
        .collect();
    // An axis of length one beside a longer one is broadcast.
    let length = |axis: &Axis| {
        [&left, &right]
            .into_iter()
            .filter_map(|(tensor, axes)| {
                axes.iter()
                    .position(|other| other == axis)
                    .map(|place| tensor.dims()[place])
            })
            .max()
            .unwrap_or(1)
    };
    let lengths = |axes: &[Axis]| axes.iter().map(length).collect::<Vec<usize>>();
    let arrange = |(tensor, axes): &(Tensor, Vec<Axis>), groups: [&[Axis]; 3]| -> Result<Tensor> {
        let order = groups.concat();
        let places = order
            .iter()
            .filter_map(|axis| axes.iter().position(|other| other == axis))
            .collect::<Vec<_>>();
        let wide = tensor.permute(places)?.broadcast_as(lengths(&order))?;
        let [first, second, third] = groups.map(|group| lengths(group).iter().product::<usize>());
        wide.reshape((first, second, third))
    };
    let left = arrange(&left, [&batch, &rows, &summed])?;
    let right = arrange(&right, [&batch, &summed, &columns])?;
    let axes = [&batch[..], &rows, &columns].concat();
    Ok((
        left.contiguous()?
            .matmul(&right.contiguous()?)?
            .reshape(lengths(&axes))?,
        axes,
    ))
}
