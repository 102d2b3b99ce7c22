//! Who gives and who uses each value of a graph.

use std::collections::{BTreeMap, BTreeSet};

use crate::proto::{GraphProto, NodeProto, TensorProto};

/// One place where a value is used: which node, which of its inputs.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub struct Use {
    /// The node's place in the graph.
    pub node: usize,
    /// The input's place; `None` where a graph within the node uses it.
    pub input: Option<usize>,
}

/// The links of one graph.
#[derive(Clone, Debug)]
pub struct Links<'g> {
    graph: &'g GraphProto,
    producers: BTreeMap<&'g str, usize>,
    uses: BTreeMap<&'g str, Vec<Use>>,
    initializers: BTreeMap<&'g str, &'g TensorProto>,
}

impl<'g> Links<'g> {
    pub(crate) fn of(graph: &'g GraphProto) -> Self {
        let mut producers = BTreeMap::new();
        let mut uses: BTreeMap<&str, Vec<Use>> = BTreeMap::new();
        for (number, node) in graph.node.iter().enumerate() {
            for output in node.output.iter().filter(|output| !output.is_empty()) {
                producers.insert(output.as_str(), number);
            }
            let given = node.input.iter().enumerate();
            for (input, name) in given.filter(|(_, name)| !name.is_empty()) {
                uses.entry(name).or_default().push(Use {
                    node: number,
                    input: Some(input),
                });
            }
            let mut captured = BTreeSet::new();
            captures(node, &mut captured);
            for name in captured {
                uses.entry(name).or_default().push(Use {
                    node: number,
                    input: None,
                });
            }
        }
        let initializers = graph
            .initializer
            .iter()
            .map(|tensor| (tensor.name(), tensor));
        Self {
            graph,
            producers,
            uses,
            initializers: initializers.collect(),
        }
    }

    /// The graph.
    pub fn graph(&self) -> &'g GraphProto {
        self.graph
    }

    /// The node that gives a value; inputs and initializers have none.
    pub fn producer(&self, value: &str) -> Option<(usize, &'g NodeProto)> {
        let &number = self.producers.get(value)?;
        Some((number, &self.graph.node[number]))
    }

    /// Where a value is used.
    pub fn uses(&self, value: &str) -> &[Use] {
        self.uses.get(value).map_or(&[], Vec::as_slice)
    }

    /// The nodes that use a value.
    pub fn consumers(&self, value: &str) -> impl Iterator<Item = (usize, &'g NodeProto)> {
        let nodes: BTreeSet<usize> = self.uses(value).iter().map(|one| one.node).collect();
        nodes
            .into_iter()
            .map(|number| (number, &self.graph.node[number]))
    }

    /// The initializer of a name.
    pub fn initializer(&self, value: &str) -> Option<&'g TensorProto> {
        self.initializers.get(value).copied()
    }

    /// The numbers behind a value that is a constant or an initializer with its numbers in the model.
    pub fn constant(&self, value: &str) -> Option<TensorProto> {
        match self.initializer(value) {
            Some(tensor) => (!tensor.is_external()).then(|| tensor.clone()),
            None => self.producer(value)?.1.constant_value(),
        }
    }

    /// Every value that these depend on, themselves included.
    pub fn upstream(&self, values: &[&str]) -> BTreeSet<&'g str> {
        let mut seen = BTreeSet::new();
        let mut todo: Vec<&str> = values.to_vec();
        let mut nodes = BTreeSet::new();
        while let Some(value) = todo.pop() {
            let Some((number, node)) = self.producer(value) else {
                let given = self.uses.get_key_value(value).map(|(&name, _)| name);
                seen.extend(given.or_else(|| self.initializer(value).map(TensorProto::name)));
                continue;
            };
            if nodes.insert(number) {
                seen.extend(node.output.iter().map(String::as_str));
                let mut names: BTreeSet<&str> = node.input.iter().map(String::as_str).collect();
                captures(node, &mut names);
                todo.extend(names.into_iter().filter(|name| !name.is_empty()));
            }
        }
        seen
    }

    /// Every value that depends on these, themselves included.
    pub fn downstream(&self, values: &[&str]) -> BTreeSet<String> {
        let mut seen: BTreeSet<String> = values.iter().map(|&value| value.to_owned()).collect();
        let mut todo: Vec<String> = seen.iter().cloned().collect();
        while let Some(value) = todo.pop() {
            for (_, node) in self.consumers(&value) {
                for output in node.output.iter().filter(|output| !output.is_empty()) {
                    if seen.insert(output.clone()) {
                        todo.push(output.clone());
                    }
                }
            }
        }
        seen
    }

    /// The initializers that these values depend on.
    pub fn reachable_initializers(&self, values: &[&str]) -> BTreeSet<&'g str> {
        let mut reached = self.upstream(values);
        reached.retain(|name| self.initializers.contains_key(name));
        reached
    }
}

/// What graphs within a node use from outside; names are unique, so that their own do no harm here.
fn captures<'g>(node: &'g NodeProto, names: &mut BTreeSet<&'g str>) {
    for attribute in &node.attribute {
        for graph in attribute.g.iter().chain(&attribute.graphs) {
            for inner in &graph.node {
                names.extend(inner.input.iter().map(String::as_str));
                captures(inner, names);
            }
            names.extend(graph.output.iter().map(|output| output.name()));
        }
    }
}
