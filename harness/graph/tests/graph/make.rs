//! Graphs, tensors and checks in a line each.

use std::collections::BTreeMap;

use candle_core::{DType, Device, Tensor};
use candle_graph::{Error, Graph, Kind};
use onnx_model::{
    Dtype, Model,
    proto::{
        AttributeProto, AttributeType, DimensionProto, GraphProto, ModelProto, NodeProto,
        OperatorSetIdProto, StringStringEntryProto, TensorProto, TensorShapeProto, TensorTypeProto,
        TypeProto, ValueInfoProto,
    },
};

/// A model that is being put together.
#[derive(Clone)]
pub(crate) struct Maker {
    opset: i64,
    graph: GraphProto,
}

pub(crate) fn graph() -> Maker {
    Maker {
        opset: 20,
        graph: GraphProto::default(),
    }
}

impl Maker {
    pub(crate) fn opset(mut self, opset: i64) -> Self {
        self.opset = opset;
        self
    }

    /// An input; its shape is numbers and names, `batch 3`.
    pub(crate) fn input(mut self, name: &str, dtype: Dtype, shape: &str) -> Self {
        self.graph.input.push(value(name, dtype.code(), shape));
        self
    }

    pub(crate) fn output(mut self, name: &str, dtype: Dtype, shape: &str) -> Self {
        self.graph.output.push(value(name, dtype.code(), shape));
        self
    }

    /// Changes the messages where nothing else here does.
    pub(crate) fn edit(mut self, change: impl FnOnce(&mut GraphProto)) -> Self {
        change(&mut self.graph);
        self
    }

    pub(crate) fn node(mut self, node: NodeProto) -> Self {
        self.graph.node.push(node);
        self
    }

    pub(crate) fn op(self, op_type: &str, inputs: &[&str], outputs: &[&str]) -> Self {
        self.node(NodeProto::new(op_type, inputs, outputs))
    }

    pub(crate) fn weight(mut self, tensor: TensorProto) -> Self {
        self.graph.initializer.push(tensor);
        self
    }

    pub(crate) fn ints(self, name: &str, dims: &[i64], values: &[i64]) -> Self {
        self.weight(TensorProto::of_ints(name, dims, values))
    }

    pub(crate) fn floats(self, name: &str, dims: &[i64], values: &[f32]) -> Self {
        self.weight(TensorProto::of_floats(name, dims, values))
    }

    /// A float32 weight that lies outside the model.
    pub(crate) fn outside(self, name: &str, dims: &[i64]) -> Self {
        let location = StringStringEntryProto {
            key: Some("location".to_owned()),
            value: Some("weights".to_owned()),
        };
        self.weight(TensorProto {
            name: Some(name.to_owned()),
            dims: dims.to_vec(),
            data_type: Some(Dtype::F32.code()),
            data_location: Some(1),
            external_data: vec![location],
            ..TensorProto::default()
        })
    }

    /// As a graph within a node, under this name among the node's attributes.
    pub(crate) fn within(self, name: &str) -> AttributeProto {
        AttributeProto {
            name: Some(name.to_owned()),
            r#type: Some(AttributeType::Graph.into()),
            g: Some(self.graph),
            ..AttributeProto::default()
        }
    }

    pub(crate) fn model(self) -> Model {
        let proto = ModelProto {
            ir_version: Some(10),
            opset_import: vec![OperatorSetIdProto {
                domain: None,
                version: Some(self.opset),
            }],
            graph: Some(self.graph),
            ..ModelProto::default()
        };
        Model::new(proto).expect("it holds together")
    }

    pub(crate) fn try_load(self) -> Result<Graph, Error> {
        Graph::load(&self.model(), &Device::Cpu)
    }

    #[track_caller]
    pub(crate) fn load(self) -> Graph {
        self.try_load().expect("it loads")
    }
}

pub(crate) fn value(name: &str, element_type: i32, shape: &str) -> ValueInfoProto {
    let dim = shape.split_whitespace().map(|word| match word.parse() {
        Ok(length) => DimensionProto {
            dim_value: Some(length),
            ..DimensionProto::default()
        },
        Err(_) => DimensionProto {
            dim_param: Some(word.to_owned()),
            ..DimensionProto::default()
        },
    });
    let tensor_type = TensorTypeProto {
        elem_type: Some(element_type),
        shape: Some(TensorShapeProto { dim: dim.collect() }),
    };
    ValueInfoProto {
        name: Some(name.to_owned()),
        r#type: Some(TypeProto {
            tensor_type: Some(tensor_type),
            ..TypeProto::default()
        }),
        ..ValueInfoProto::default()
    }
}

pub(crate) fn tensor(dims: &[usize], values: &[f32]) -> Tensor {
    Tensor::from_slice(values, dims, &Device::Cpu).expect("a tensor")
}

pub(crate) fn longs(dims: &[usize], values: &[i64]) -> Tensor {
    Tensor::from_slice(values, dims, &Device::Cpu).expect("a tensor")
}

pub(crate) fn given(tensors: &[(&str, &Tensor)]) -> BTreeMap<String, Tensor> {
    let owned = tensors
        .iter()
        .map(|&(name, tensor)| (name.to_owned(), tensor.clone()));
    owned.collect()
}

#[track_caller]
pub(crate) fn run(graph: &Graph, tensors: &[(&str, &Tensor)]) -> BTreeMap<String, Tensor> {
    graph.run(&given(tensors)).expect("it runs")
}

/// The lengths and the elements, whatever their type.
#[track_caller]
pub(crate) fn is(tensor: &Tensor, dims: &[usize], values: &[f64]) {
    let found = tensor
        .to_dtype(DType::F64)
        .and_then(|wide| wide.flatten_all());
    let found: Vec<f64> = found.and_then(|flat| flat.to_vec1()).expect("numbers");
    assert_eq!((tensor.dims(), &found[..]), (dims, values));
}

/// An error's kind, and its words to the letter.
#[track_caller]
pub(crate) fn says<T>(result: Result<T, Error>, kind: Kind, words: &str) {
    match result {
        Ok(_) => panic!("nothing is refused: {words}"),
        Err(error) => assert_eq!((error.kind(), &*error.to_string()), (kind, words)),
    }
}

/// A list of integers as an attribute.
pub(crate) fn ints(name: &str, values: &[i64]) -> AttributeProto {
    AttributeProto {
        name: Some(name.to_owned()),
        r#type: Some(AttributeType::Ints.into()),
        ints: values.to_vec(),
        ..AttributeProto::default()
    }
}

/// A value whose rank is not known.
pub(crate) fn unshaped(name: &str, dtype: Dtype) -> ValueInfoProto {
    let mut value = value(name, dtype.code(), "");
    if let Some(tensor) = value.r#type.as_mut().and_then(|ty| ty.tensor_type.as_mut()) {
        tensor.shape = None;
    }
    value
}
