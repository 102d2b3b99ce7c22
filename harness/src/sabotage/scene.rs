//! A graph as a saboteur sees it: which values are constants, weights, or made of inputs.

use std::collections::BTreeSet;

use onnx_model::{
    Links, Model,
    proto::{NodeProto, TensorProto},
};

/// Operators that change how numbers are laid out or typed, and none of them.
const LAYOUT: [&str; 8] = [
    "Cast",
    "CastLike",
    "Expand",
    "Identity",
    "Reshape",
    "Squeeze",
    "Transpose",
    "Unsqueeze",
];

/// A graph and the outputs that somebody looks at.
pub(super) struct Scene<'m> {
    pub(super) model: &'m Model,
    pub(super) links: Links<'m>,
    /// The outputs that the backend gives.
    pub(super) outputs: Vec<&'m str>,
    /// The nodes that these outputs depend on, in the graph's order.
    pub(super) nodes: Vec<(usize, &'m NodeProto)>,
}

impl<'m> Scene<'m> {
    pub(super) fn new(model: &'m Model, given: &[String]) -> Self {
        let links = model.links();
        let outputs = model.graph().output.iter().map(|output| output.name());
        let outputs: Vec<&str> = outputs
            .filter(|name| given.iter().any(|given| given == name))
            .collect();
        let live = links.upstream(&outputs);
        let nodes = model.graph().node.iter().enumerate();
        let nodes = nodes.filter(|(_, node)| node.output.iter().any(|name| live.contains(&**name)));
        Self {
            model,
            outputs,
            nodes: nodes.collect(),
            links,
        }
    }

    /// The nodes of an operator.
    pub(super) fn all(&self, op_type: &str) -> impl Iterator<Item = (usize, &'m NodeProto)> {
        let nodes = self.nodes.iter().copied();
        nodes.filter(move |(_, node)| node.is(op_type))
    }

    /// The node of this operator that gives a value.
    pub(super) fn made_by(&self, value: &str, op_type: &str) -> Option<(usize, &'m NodeProto)> {
        let producer = self.links.producer(value)?;
        producer.1.is(op_type).then_some(producer)
    }

    /// The nodes of an operator that read a value.
    pub(super) fn readers(&self, value: &str, op_type: &str) -> Vec<(usize, &'m NodeProto)> {
        let readers = self.links.consumers(value);
        readers.filter(|(_, node)| node.is(op_type)).collect()
    }

    /// The value that this one is, apart from layout.
    pub(super) fn origin<'v>(&self, value: &'v str) -> &'v str
    where
        'm: 'v,
    {
        let mut value = value;
        while let Some((_, node)) = self.links.producer(value) {
            let is_layout = LAYOUT.iter().any(|op_type| node.is(op_type));
            match node.input.first().filter(|_| is_layout) {
                Some(input) => value = input,
                None => break,
            }
        }
        value
    }

    /// The numbers of a constant, apart from layout.
    pub(super) fn constant(&self, value: &str) -> Option<TensorProto> {
        self.links.constant(self.origin(value))
    }

    /// The number that every element of a constant is.
    pub(super) fn number(&self, value: &str) -> Option<f64> {
        let tensor = self.constant(value)?;
        let ints = || Some(tensor.ints()?.into_iter().map(|int| int as f64).collect());
        let numbers: Vec<f64> = tensor.floats().or_else(ints)?;
        let &first = numbers.first()?;
        numbers
            .iter()
            .all(|&number| number == first)
            .then_some(first)
    }

    /// The weight of the checkpoint that a value is, apart from layout.
    pub(super) fn weight(&self, value: &str) -> Option<&'m TensorProto> {
        let tensor = self.links.initializer(self.origin(value))?;
        tensor.is_external().then_some(tensor)
    }

    /// Whether a value is the same whatever goes in, lengths of axes apart.
    pub(super) fn is_free_of_inputs(&self, value: &str) -> bool {
        let mut seen = BTreeSet::new();
        let mut todo = vec![value];
        while let Some(value) = todo.pop() {
            if value.is_empty() || !seen.insert(value) {
                continue;
            }
            match self.links.producer(value) {
                Some((_, node)) if node.is("Shape") => {}
                Some((_, node)) => todo.extend(node.input.iter().map(String::as_str)),
                None if self.links.initializer(value).is_none() => return false,
                None => {}
            }
        }
        true
    }

    /// MatMuls and Gemms with a weight, and which of their inputs is not the weight.
    pub(super) fn projections(&self) -> Vec<(usize, &'m NodeProto, usize)> {
        let products = self.nodes.iter().copied();
        let products = products.filter(|(_, node)| node.is("MatMul") || node.is("Gemm"));
        products
            .filter_map(|(number, node)| {
                let is_weight = |input: usize| self.weight(node.input.get(input)?).map(|_| ());
                match (is_weight(0), is_weight(1)) {
                    (None, Some(())) => Some((number, node, 0)),
                    (Some(()), None) => Some((number, node, 1)),
                    _ => None,
                }
            })
            .collect()
    }
}

/// The name of what a node gives.
pub(super) fn output(node: &NodeProto) -> &str {
    node.output.first().map_or("", String::as_str)
}

/// The two inputs of a node that has two.
pub(super) fn two(node: &NodeProto) -> Option<[&str; 2]> {
    match node.input.as_slice() {
        [first, second] => Some([first, second]),
        _ => None,
    }
}

/// The input of a node with two that is not this one.
pub(super) fn other<'n>(node: &'n NodeProto, one: &str) -> Option<&'n str> {
    match two(node)? {
        [first, second] if first == one => Some(second),
        [first, second] if second == one => Some(first),
        _ => None,
    }
}
