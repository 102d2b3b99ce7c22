//! What every model must keep: names given once, values defined before use, tensors that fit.

use std::collections::BTreeSet;

use crate::{
    Kind, OnnxError,
    proto::{AttributeProto, AttributeType, GraphProto, ModelProto, NodeProto, ValueInfoProto},
};

/// The versions of the format that are read: the first that knows operator sets, the last that is
/// released.
const IR_VERSIONS: (i64, i64) = (3, 14);

/// How deep graphs may be nested: a branch within a loop within a branch. The exporter writes an
/// embedding bag so deep.
const DEEPEST: usize = 6;

/// Refuses a model that does not hold together.
pub(crate) fn model(model: &ModelProto) -> Result<(), OnnxError> {
    let at = |kind: Kind| kind.at("model");
    let (first, last) = IR_VERSIONS;
    let found = model
        .ir_version
        .ok_or_else(|| at(Kind::Missing("ir_version")))?;
    if !(first..=last).contains(&found) {
        let what = "ir_version";
        return Err(at(Kind::Version {
            what,
            found,
            first,
            last,
        }));
    }
    refuse(&[
        ("training_info", model.training_info.is_empty()),
        ("functions", model.functions.is_empty()),
        ("configuration", model.configuration.is_empty()),
    ])
    .map_err(at)?;
    let mut domains = BTreeSet::new();
    for opset in &model.opset_import {
        let domain = opset.domain();
        if !domains.insert(domain) {
            return Err(at(twice("operator set", domain)));
        }
    }
    if !domains.contains("") {
        return Err(at(Kind::Missing("operator set of the default domain")));
    }
    let graph = model.graph.as_ref();
    let graph = graph.ok_or_else(|| at(Kind::Missing("graph")))?;
    self::graph(graph, &mut BTreeSet::new(), 0)
}

/// `known` holds what is defined outside and, afterwards, the same again.
fn graph<'g>(
    graph: &'g GraphProto,
    known: &mut BTreeSet<&'g str>,
    depth: usize,
) -> Result<(), OnnxError> {
    let at = |kind: Kind| kind.at("graph");
    if depth > DEEPEST {
        return Err(at(Kind::TooDeep(DEEPEST)));
    }
    refuse(&[
        (
            "quantization_annotation",
            graph.quantization_annotation.is_empty(),
        ),
        ("sparse_initializer", graph.sparse_initializer.is_empty()),
    ])
    .map_err(at)?;

    let mut own = Vec::new();
    let inputs: BTreeSet<&str> = graph.input.iter().map(ValueInfoProto::name).collect();
    for input in &graph.input {
        let name = input.name();
        define(name, known, &mut own).map_err(|kind| kind.at("inputs"))?;
    }
    let mut initializers = BTreeSet::new();
    for tensor in &graph.initializer {
        let name = tensor.name();
        let at = |kind: Kind| kind.at(format!("initializer {name}"));
        tensor.check().map_err(|error| at(error.into()))?;
        if tensor.segment.is_some() {
            return Err(at(Kind::Unsupported("segments")));
        }
        // One of an input's name is that input's default.
        if !initializers.insert(name) {
            return Err(at(twice("initializer", name)));
        }
        if !inputs.contains(name) {
            define(name, known, &mut own).map_err(at)?;
        }
    }
    for (number, node) in graph.node.iter().enumerate() {
        let at = |kind: Kind| kind.at(format!("node {number} ({})", node.op_type()));
        self::node(node, known, &at, depth)?;
        for output in node.output.iter().filter(|output| !output.is_empty()) {
            define(output, known, &mut own).map_err(at)?;
        }
    }
    for output in &graph.output {
        let name = output.name();
        if !known.contains(name) {
            return Err(Kind::Undefined(name.to_owned()).at("outputs"));
        }
    }
    for name in own {
        known.remove(name);
    }
    Ok(())
}

fn node<'g>(
    node: &'g NodeProto,
    known: &mut BTreeSet<&'g str>,
    at: &dyn Fn(Kind) -> OnnxError,
    depth: usize,
) -> Result<(), OnnxError> {
    if node.op_type().is_empty() {
        return Err(at(Kind::Missing("operator")));
    }
    if !node.device_configurations.is_empty() {
        return Err(at(Kind::Unsupported("device_configurations")));
    }
    let inputs = node.input.iter().filter(|input| !input.is_empty());
    for input in inputs {
        if !known.contains(input.as_str()) {
            return Err(at(Kind::Undefined(input.clone())));
        }
    }
    let mut names = BTreeSet::new();
    for attribute in &node.attribute {
        let name = attribute.name();
        if !names.insert(name) {
            return Err(at(twice("attribute", name)));
        }
        self::attribute(attribute).map_err(at)?;
        for inner in attribute.g.iter().chain(&attribute.graphs) {
            graph(inner, known, depth + 1)?;
        }
    }
    Ok(())
}

fn attribute(attribute: &AttributeProto) -> Result<(), Kind> {
    refuse(&[
        (
            "references to attributes",
            attribute.ref_attr_name.is_none(),
        ),
        (
            "attributes that are types",
            attribute.tp.is_none() && attribute.type_protos.is_empty(),
        ),
        (
            "sparse tensors",
            attribute.sparse_tensor.is_none() && attribute.sparse_tensors.is_empty(),
        ),
    ])?;
    for tensor in attribute.t.iter().chain(&attribute.tensors) {
        if tensor.is_external() {
            return Err(Kind::Unsupported("attributes whose numbers lie elsewhere"));
        }
        if tensor.segment.is_some() {
            return Err(Kind::Unsupported("segments"));
        }
        tensor.check()?;
    }
    // What is there, and what the type says: one that is absent must be the empty list of its type.
    let held = [
        (AttributeType::Float, attribute.f.is_some(), false),
        (AttributeType::Int, attribute.i.is_some(), false),
        (AttributeType::String, attribute.s.is_some(), false),
        (AttributeType::Tensor, attribute.t.is_some(), false),
        (AttributeType::Graph, attribute.g.is_some(), false),
        (AttributeType::Floats, !attribute.floats.is_empty(), true),
        (AttributeType::Ints, !attribute.ints.is_empty(), true),
        (AttributeType::Strings, !attribute.strings.is_empty(), true),
        (AttributeType::Tensors, !attribute.tensors.is_empty(), true),
        (AttributeType::Graphs, !attribute.graphs.is_empty(), true),
    ];
    let said = AttributeType::try_from(attribute.r#type.unwrap_or(0));
    let said = said.unwrap_or(AttributeType::Undefined);
    let fits = held.iter().any(|&(ty, _, _)| ty == said)
        && held.iter().all(|&(ty, is_there, may_be_empty)| {
            is_there == (ty == said) || (ty == said && may_be_empty)
        });
    if fits {
        return Ok(());
    }
    let there = held.iter().filter(|(_, is_there, _)| *is_there);
    let there: Vec<String> = there.map(|(ty, _, _)| format!("{ty:?}")).collect();
    Err(Kind::Attribute {
        name: attribute.name().to_owned(),
        found: format!("says {said:?}, holds [{}]", there.join(", ")),
    })
}

/// Names are given once, also across graphs that see each other.
fn define<'g>(
    name: &'g str,
    known: &mut BTreeSet<&'g str>,
    own: &mut Vec<&'g str>,
) -> Result<(), Kind> {
    if name.is_empty() {
        return Err(Kind::Missing("name"));
    }
    if !known.insert(name) {
        return Err(twice("value", name));
    }
    own.push(name);
    Ok(())
}

fn refuse(parts: &[(&'static str, bool)]) -> Result<(), Kind> {
    match parts.iter().find(|(_, is_absent)| !is_absent) {
        Some(&(part, _)) => Err(Kind::Unsupported(part)),
        None => Ok(()),
    }
}

fn twice(what: &'static str, name: &str) -> Kind {
    Kind::Twice {
        what,
        name: name.to_owned(),
    }
}
