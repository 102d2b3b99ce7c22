//! Changes to a graph, written down before they are made, and the order of its nodes mended after.

use std::collections::BTreeMap;

use onnx_model::{
    Model, OnnxError, Use,
    proto::{GraphProto, NodeProto, TensorProto},
};

/// One fault's changes.
#[derive(Clone, Debug, Default)]
pub(super) struct Patch {
    added: Vec<NodeProto>,
    changed: BTreeMap<usize, NodeProto>,
    rewired: Vec<(Use, String)>,
    moved: Vec<String>,
}

impl Patch {
    /// A node more; gives the name of its only output.
    pub(super) fn add(&mut self, node: NodeProto) -> String {
        let name = format!("saboteur {}", self.added.len());
        self.give(node, &name);
        name
    }

    /// The same without attributes.
    pub(super) fn apply(&mut self, op_type: &str, inputs: &[&str]) -> String {
        self.add(NodeProto::new(op_type, inputs, &[]))
    }

    /// A node more that gives the value of this name.
    pub(super) fn give(&mut self, mut node: NodeProto, output: &str) {
        node.output = vec![output.to_owned()];
        self.added.push(node);
    }

    /// A list of integers.
    pub(super) fn ints(&mut self, values: &[i64]) -> String {
        let length = i64::try_from(values.len()).unwrap_or(i64::MAX);
        self.tensor(TensorProto::of_ints("", &[length], values))
    }

    /// One float.
    pub(super) fn float(&mut self, value: f64) -> String {
        self.tensor(TensorProto::of_floats("", &[], &[value as f32]))
    }

    /// A constant.
    pub(super) fn tensor(&mut self, value: TensorProto) -> String {
        self.add(NodeProto::constant("", value))
    }

    /// Puts another node in the place of one.
    pub(super) fn change(&mut self, number: usize, node: NodeProto) {
        self.changed.insert(number, node);
    }

    /// Lets one input of a node read another value.
    pub(super) fn rewire(&mut self, node: usize, input: usize, value: &str) {
        let input = Some(input);
        self.rewired.push((Use { node, input }, value.to_owned()));
    }

    /// Gives a value another name, under which what replaces it can read it; who read it reads what
    /// replaces it, a graph's output included.
    pub(super) fn supplant(&mut self, value: &str) -> String {
        self.moved.push(value.to_owned());
        before(value)
    }

    /// The changed model.
    pub(super) fn applied(&self, model: &Model) -> Result<Model, OnnxError> {
        model.edit(|graph| {
            for (&number, node) in &self.changed {
                graph.node[number] = node.clone();
            }
            for (place, value) in &self.rewired {
                if let Some(input) = place.input {
                    graph.node[place.node].input[input].clone_from(value);
                }
            }
            for node in &mut graph.node {
                for output in &mut node.output {
                    if self.moved.contains(output) {
                        *output = before(output);
                    }
                }
            }
            graph.node.extend(self.added.iter().cloned());
            sort(graph);
        })
    }
}

fn before(value: &str) -> String {
    format!("{value} before")
}

/// Every node after those that it reads from, and otherwise as it was.
fn sort(graph: &mut GraphProto) {
    let mut rest: Vec<Option<NodeProto>> = graph.node.drain(..).map(Some).collect();
    let mut producers = BTreeMap::new();
    for (number, node) in rest.iter().flatten().enumerate() {
        for output in &node.output {
            producers.insert(output.clone(), number);
        }
    }
    for number in 0..rest.len() {
        place(number, &mut rest, &producers, &mut graph.node);
    }
}

/// Depth first without recursion; a cycle ends where it began and is then refused by the reader.
fn place(
    number: usize,
    rest: &mut [Option<NodeProto>],
    producers: &BTreeMap<String, usize>,
    sorted: &mut Vec<NodeProto>,
) {
    let mut open = vec![number];
    let mut seen = vec![number];
    while let Some(&number) = open.last() {
        let inputs = rest[number].iter().flat_map(|node| &node.input);
        let missing = inputs
            .filter_map(|input| producers.get(input).copied())
            .find(|producer| rest[*producer].is_some() && !seen.contains(producer));
        match missing {
            Some(producer) => {
                seen.push(producer);
                open.push(producer);
            }
            None => {
                sorted.extend(rest[number].take());
                open.pop();
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use onnx_model::proto::{ModelProto, OperatorSetIdProto, ValueInfoProto};

    use super::*;

    /// y = -relu(x).
    fn model() -> Model {
        let value = |name: &str| ValueInfoProto {
            name: Some(name.to_owned()),
            ..ValueInfoProto::default()
        };
        let graph = GraphProto {
            node: vec![
                NodeProto::new("Relu", &["x"], &["inner"]),
                NodeProto::new("Neg", &["inner"], &["y"]),
            ],
            input: vec![value("x")],
            output: vec![value("y")],
            ..GraphProto::default()
        };
        Model::new(ModelProto {
            ir_version: Some(10),
            opset_import: vec![OperatorSetIdProto {
                version: Some(20),
                ..OperatorSetIdProto::default()
            }],
            graph: Some(graph),
            ..ModelProto::default()
        })
        .expect("it holds together")
    }

    fn lines(model: &Model) -> Vec<String> {
        let nodes = model.graph().node.iter();
        nodes
            .map(|node| {
                let inputs = node.input.join(", ");
                format!("{} = {}({inputs})", node.output[0], node.op_type())
            })
            .collect()
    }

    #[test]
    fn what_is_added_stands_before_who_reads_it() {
        let mut patch = Patch::default();
        let doubled = patch.apply("Add", &["inner", "inner"]);
        patch.rewire(1, 0, &doubled);
        let changed = patch.applied(&model()).expect("it holds together");
        let expected = [
            "inner = Relu(x)",
            "saboteur 0 = Add(inner, inner)",
            "y = Neg(saboteur 0)",
        ];
        assert_eq!(lines(&changed), expected);
    }

    #[test]
    fn an_output_is_supplanted_under_its_own_name() {
        let mut patch = Patch::default();
        let before = patch.supplant("y");
        patch.give(NodeProto::new("Abs", &[&before], &[]), "y");
        let changed = patch.applied(&model()).expect("it holds together");
        let expected = [
            "inner = Relu(x)",
            "y before = Neg(inner)",
            "y = Abs(y before)",
        ];
        assert_eq!(lines(&changed), expected);
    }

    #[test]
    fn a_circle_is_refused() {
        let mut patch = Patch::default();
        patch.rewire(0, 0, "y");
        let error = patch.applied(&model()).expect_err("no beginning");
        assert_eq!(
            error.to_string(),
            "node 0 (Neg): `inner` is not defined before it is used"
        );
    }
}
