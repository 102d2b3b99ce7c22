//! A model that holds together, from bytes and to bytes.

use prost::Message;

use crate::{
    Links, OnnxError, check,
    error::Kind,
    proto::{AttributeProto, AttributeType, GraphProto, ModelProto, NodeProto, TensorProto},
};

/// A model that was checked.
#[derive(Clone, Debug, PartialEq)]
pub struct Model {
    /// Everything but the graph.
    frame: ModelProto,
    graph: GraphProto,
}

impl Model {
    /// Reads a model and refuses one that does not hold together.
    pub fn read(bytes: &[u8]) -> Result<Self, OnnxError> {
        let proto = ModelProto::decode(bytes).map_err(|error| Kind::from(error).at("model"))?;
        Self::new(proto)
    }

    /// Checks messages that were put together otherwise.
    pub fn new(mut proto: ModelProto) -> Result<Self, OnnxError> {
        check::model(&proto)?;
        let graph = proto.graph.take().unwrap_or_default();
        Ok(Self {
            frame: proto,
            graph,
        })
    }

    /// The bytes of the model.
    pub fn write(&self) -> Vec<u8> {
        self.clone().into_proto().encode_to_vec()
    }

    /// The messages.
    pub fn into_proto(self) -> ModelProto {
        ModelProto {
            graph: Some(self.graph),
            ..self.frame
        }
    }

    /// The version of a domain's operators; the default domain has the empty name.
    pub fn opset(&self, domain: &str) -> Option<i64> {
        let mut opsets = self.frame.opset_import.iter();
        opsets
            .find(|opset| opset.domain() == domain)
            .map(|opset| opset.version())
    }

    /// Its graph.
    pub fn graph(&self) -> &GraphProto {
        &self.graph
    }

    /// Who gives and who uses each value.
    pub fn links(&self) -> Links<'_> {
        Links::of(&self.graph)
    }

    /// The same with a changed graph, if that still holds together.
    pub fn edit(&self, change: impl FnOnce(&mut GraphProto)) -> Result<Self, OnnxError> {
        let mut graph = self.graph.clone();
        change(&mut graph);
        Self::new(ModelProto {
            graph: Some(graph),
            ..self.frame.clone()
        })
    }
}

impl NodeProto {
    /// A node of the default domain.
    pub fn new(op_type: &str, inputs: &[&str], outputs: &[&str]) -> Self {
        let owned = |names: &[&str]| names.iter().map(|&name| name.to_owned()).collect();
        Self {
            op_type: Some(op_type.to_owned()),
            input: owned(inputs),
            output: owned(outputs),
            ..Self::default()
        }
    }

    /// A constant.
    pub fn constant(output: &str, value: TensorProto) -> Self {
        let attribute = AttributeProto {
            t: Some(value),
            ..AttributeProto::of("value", AttributeType::Tensor)
        };
        Self::new("Constant", &[], &[output]).with(attribute)
    }

    /// The same with one attribute more, in place of one of the same name.
    pub fn with(mut self, attribute: AttributeProto) -> Self {
        self.attribute
            .retain(|known| known.name() != attribute.name());
        self.attribute.push(attribute);
        self
    }

    /// The same with an integer.
    pub fn with_int(self, name: &str, value: i64) -> Self {
        self.with(AttributeProto {
            i: Some(value),
            ..AttributeProto::of(name, AttributeType::Int)
        })
    }

    /// The same with a number.
    pub fn with_float(self, name: &str, value: f32) -> Self {
        self.with(AttributeProto {
            f: Some(value),
            ..AttributeProto::of(name, AttributeType::Float)
        })
    }

    /// The same with a text.
    pub fn with_text(self, name: &str, value: &str) -> Self {
        self.with(AttributeProto {
            s: Some(value.as_bytes().to_vec()),
            ..AttributeProto::of(name, AttributeType::String)
        })
    }

    /// The attribute of this name.
    pub fn attribute(&self, name: &str) -> Option<&AttributeProto> {
        self.attribute
            .iter()
            .find(|attribute| attribute.name() == name)
    }

    /// Whether it is this operator of the default domain.
    pub fn is(&self, op_type: &str) -> bool {
        self.op_type() == op_type && self.domain().is_empty()
    }

    /// What a constant holds, whatever attribute holds it.
    pub fn constant_value(&self) -> Option<TensorProto> {
        if !self.is("Constant") {
            return None;
        }
        let attribute = self.attribute.first()?;
        let length = |count: usize| i64::try_from(count).ok();
        match attribute.name() {
            "value" => attribute.t.clone(),
            "value_float" => Some(TensorProto::of_floats("", &[], &[attribute.f?])),
            "value_int" => Some(TensorProto::of_ints("", &[], &[attribute.i?])),
            "value_floats" => {
                let values = &attribute.floats;
                Some(TensorProto::of_floats("", &[length(values.len())?], values))
            }
            "value_ints" => {
                let values = &attribute.ints;
                Some(TensorProto::of_ints("", &[length(values.len())?], values))
            }
            _ => None,
        }
    }
}

impl AttributeProto {
    fn of(name: &str, ty: AttributeType) -> Self {
        Self {
            name: Some(name.to_owned()),
            r#type: Some(ty.into()),
            ..Self::default()
        }
    }
}
