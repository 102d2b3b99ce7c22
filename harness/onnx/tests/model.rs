//! A graph of three nodes: what is found in it, and every way in which it is refused.

use onnx_model::{
    Dtype, Model, Use,
    proto::{
        AttributeProto, AttributeType, GraphProto, ModelProto, NodeProto, OperatorSetIdProto,
        StringStringEntryProto, TensorProto, ValueInfoProto,
    },
};

fn value(name: &str) -> ValueInfoProto {
    ValueInfoProto {
        name: Some(name.to_owned()),
        ..ValueInfoProto::default()
    }
}

/// y = relu(x · w + two), where w lies outside.
fn proto() -> ModelProto {
    let outside = StringStringEntryProto {
        key: Some("location".to_owned()),
        value: Some("weights".to_owned()),
    };
    let weight = TensorProto {
        name: Some("w".to_owned()),
        dims: vec![2, 3],
        data_type: Some(Dtype::F32.code()),
        data_location: Some(1),
        external_data: vec![outside],
        ..TensorProto::default()
    };
    ModelProto {
        ir_version: Some(10),
        opset_import: vec![OperatorSetIdProto {
            domain: None,
            version: Some(20),
        }],
        graph: Some(GraphProto {
            node: vec![
                NodeProto::constant("two", TensorProto::of_floats("", &[], &[2.0])),
                NodeProto::new("MatMul", &["x", "w"], &["product"]),
                NodeProto::new("Add", &["product", "two"], &["sum"]),
                NodeProto::new("Relu", &["sum"], &["y"]),
            ],
            initializer: vec![weight],
            input: vec![value("x")],
            output: vec![value("y")],
            ..GraphProto::default()
        }),
        ..ModelProto::default()
    }
}

fn model() -> Model {
    Model::new(proto()).expect("it holds together")
}

#[test]
fn bytes_and_back() {
    let model = model();
    assert_eq!(Model::read(&model.write()).expect("as written"), model);
}

#[test]
fn links_lead_both_ways() {
    let model = model();
    let links = model.links();
    let (number, node) = links.producer("sum").expect("a node");
    assert_eq!((number, node.op_type()), (2, "Add"));
    assert!(links.producer("x").is_none() && links.producer("w").is_none());
    let first = Use {
        node: 2,
        input: Some(1),
    };
    assert_eq!(links.uses("two"), [first]);
    let consumers: Vec<&str> = links
        .consumers("x")
        .map(|(_, node)| node.op_type())
        .collect();
    assert_eq!(consumers, ["MatMul"]);
    let upstream: Vec<&str> = links.upstream(&["product"]).into_iter().collect();
    assert_eq!(upstream, ["product", "w", "x"]);
    let downstream: Vec<String> = links.downstream(&["product"]).into_iter().collect();
    assert_eq!(downstream, ["product", "sum", "y"]);
    assert!(links.reachable_initializers(&["y"]).contains("w"));
    assert!(links.reachable_initializers(&["two"]).is_empty());
}

#[test]
fn constants_are_read_whatever_holds_them() {
    let model = model();
    let links = model.links();
    let two = links.constant("two").expect("a constant");
    assert_eq!(two.floats(), Some(vec![2.0]));
    assert_eq!(links.constant("w"), None, "its numbers lie outside");
    let node = NodeProto::new("Constant", &[], &["c"]);
    let ints = node.with_int("value_int", 7).constant_value();
    assert_eq!(ints.expect("an integer").ints(), Some(vec![7]));
}

#[test]
fn an_edit_that_breaks_the_graph_is_refused() {
    let model = model();
    let edited = model.edit(|graph| graph.node[3] = NodeProto::new("Tanh", &["sum"], &["y"]));
    assert!(edited.expect("it holds together").graph().node[3].is("Tanh"));
    let error = model
        .edit(|graph| graph.node.swap(1, 2))
        .expect_err("no order");
    assert_eq!(
        error.to_string(),
        "node 1 (Add): `product` is not defined before it is used"
    );
}

/// A graph within an If within a graph, and so on.
fn nested(depth: usize) -> GraphProto {
    let mut graph = GraphProto::default();
    for level in 0..depth {
        let node = NodeProto::new("If", &[], &[&format!("level {level}")]).with(AttributeProto {
            name: Some("then_branch".to_owned()),
            r#type: Some(AttributeType::Graph.into()),
            g: Some(graph),
            ..AttributeProto::default()
        });
        graph = GraphProto {
            node: vec![node],
            ..GraphProto::default()
        };
    }
    graph
}

#[test]
fn refused_with_the_place() {
    type Change = fn(&mut ModelProto);
    fn graph(model: &mut ModelProto) -> &mut GraphProto {
        model.graph.as_mut().expect("it has one")
    }
    let table: &[(Change, &str)] = &[
        (|model| model.ir_version = None, "model: has no ir_version"),
        (
            |model| model.ir_version = Some(2),
            "model: has ir_version 2 (valid: 3 to 14)",
        ),
        (|model| model.graph = None, "model: has no graph"),
        (
            |model| model.opset_import.clear(),
            "model: has no operator set of the default domain",
        ),
        (
            |model| model.opset_import.push(OperatorSetIdProto::default()),
            "model: operator set `` is there twice",
        ),
        (
            |model| graph(model).node[2].input[0] = "nobody".to_owned(),
            "node 2 (Add): `nobody` is not defined before it is used",
        ),
        (
            |model| graph(model).output[0] = value("nobody"),
            "outputs: `nobody` is not defined before it is used",
        ),
        (
            |model| graph(model).node[2].output[0] = "x".to_owned(),
            "node 2 (Add): value `x` is there twice",
        ),
        (
            |model| {
                let weight = graph(model).initializer[0].clone();
                graph(model).initializer.push(weight);
            },
            "initializer w: initializer `w` is there twice",
        ),
        (
            |model| graph(model).input.push(value("")),
            "inputs: has no name",
        ),
        (
            |model| graph(model).node[1].op_type = None,
            "node 1 (): has no operator",
        ),
        (
            |model| graph(model).initializer[0].external_data.clear(),
            "initializer w: is external, but does not say where",
        ),
        (
            |model| graph(model).initializer[0].raw_data = Some(vec![0]),
            "initializer w: is external, but holds numbers as well",
        ),
        (
            |model| graph(model).initializer[0].dims = vec![i64::MAX, i64::MAX],
            "initializer w: has the impossible shape [9223372036854775807, 9223372036854775807]",
        ),
        (
            |model| graph(model).initializer[0].dims = vec![-1],
            "initializer w: has the impossible shape [-1]",
        ),
        (
            |model| graph(model).initializer[0].dims = vec![i64::MAX],
            "initializer w: has the impossible shape [9223372036854775807]",
        ),
        (
            |model| graph(model).initializer[0].data_type = Some(23),
            "initializer w: has element type 23, which is not read here",
        ),
        (
            |model| {
                graph(model).initializer[0] =
                    TensorProto::from_bytes("w", &[2, 3], Dtype::F32, vec![0; 23]);
            },
            "initializer w: has 23 bytes, its shape [2, 3] asks for 24",
        ),
        (
            |model| {
                graph(model).initializer[0] = TensorProto {
                    float_data: vec![0.0; 5],
                    raw_data: None,
                    ..TensorProto::of_floats("w", &[2, 3], &[])
                };
            },
            "initializer w: has 5 elements, its shape [2, 3] asks for 6",
        ),
        (
            |model| {
                let node = &mut graph(model).node[3];
                *node = node.clone().with_int("axis", 1);
                node.attribute[0].f = Some(1.0);
            },
            "node 3 (Relu): attribute `axis` is not of its type: says Int, holds [Float, Int]",
        ),
        (
            |model| {
                let node = &mut graph(model).node[3];
                *node = node.clone().with_int("axis", 1);
                node.attribute[0].r#type = None;
            },
            "node 3 (Relu): attribute `axis` is not of its type: says Undefined, holds [Int]",
        ),
        (
            |model| {
                let node = &mut graph(model).node[3];
                *node = node.clone().with_int("axis", 1);
                node.attribute.push(node.attribute[0].clone());
            },
            "node 3 (Relu): attribute `axis` is there twice",
        ),
        (
            |model| model.graph = Some(nested(7)),
            "graph: has graphs nested deeper than 6",
        ),
    ];
    for (change, expected) in table {
        let mut proto = proto();
        change(&mut proto);
        let error = Model::new(proto).expect_err(expected);
        assert_eq!(error.to_string(), *expected);
    }
}

#[test]
fn what_is_not_read_is_refused_and_not_passed_over() {
    // Field 25 of a model holds functions, one empty here.
    let mut bytes = model().write();
    bytes.extend([0xca, 0x01, 0x00]);
    let error = Model::read(&bytes).expect_err("functions");
    assert_eq!(
        error.to_string(),
        "model: uses functions, which is not read here"
    );
    let error = Model::read(b"no model").expect_err("text");
    assert!(
        error.to_string().starts_with("model: is no ONNX message"),
        "{error}"
    );
}

/// The decoder has a limit of its own, so that no depth can exhaust the stack.
#[test]
fn a_graph_of_endless_depth_is_refused() {
    let mut proto = proto();
    proto.graph = Some(nested(40));
    let bytes = prost::Message::encode_to_vec(&proto);
    let error = Model::read(&bytes).expect_err("too deep");
    assert!(error.to_string().contains("recursion limit"), "{error}");
}
