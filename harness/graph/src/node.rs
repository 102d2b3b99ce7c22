//! A node while a graph is loaded, and while it runs.

use std::{cell::RefCell, collections::BTreeSet};

use candle_core::{Device, Result as CandleResult, bail};
use onnx_model::proto::{AttributeProto, AttributeType, NodeProto};

use crate::{
    Error, Kind,
    array::{Array, Value},
    plan::Plan,
};

/// What a node does when a graph runs.
pub(crate) type Kernel = Box<dyn Fn(&Call<'_>) -> CandleResult<Vec<Value>> + Send + Sync>;

/// The kernel that a node gets, or why it gets none.
pub(crate) type Built = Result<Kernel, Error>;

/// A kernel that gives one array.
pub(crate) fn one(run: impl Fn(&Call<'_>) -> CandleResult<Array> + Send + Sync + 'static) -> Built {
    Ok(Box::new(move |call| Ok(vec![run(call)?.into()])))
}

/// A kernel that gives any number of values.
pub(crate) fn many(
    run: impl Fn(&Call<'_>) -> CandleResult<Vec<Value>> + Send + Sync + 'static,
) -> Built {
    Ok(Box::new(run))
}

/// A node that is being loaded. Whatever attribute nobody reads is refused afterwards.
pub(crate) struct Node<'a> {
    pub(crate) proto: &'a NodeProto,
    /// The version of its operator set.
    pub(crate) opset: i64,
    pub(crate) device: &'a Device,
    place: String,
    read: RefCell<BTreeSet<&'static str>>,
    captures: RefCell<Vec<String>>,
}

/// A graph within a node, and which of the node's captures are its own.
pub(crate) struct Body {
    pub(crate) plan: Plan,
    first_capture: usize,
}

impl<'a> Node<'a> {
    pub(crate) fn new(proto: &'a NodeProto, number: usize, opset: i64, device: &'a Device) -> Self {
        let (op_type, name) = (proto.op_type(), proto.name());
        let place = if name.is_empty() {
            format!("node {number} ({op_type})")
        } else {
            format!("node {number} `{name}` ({op_type})")
        };
        Self {
            proto,
            opset,
            device,
            place,
            read: RefCell::default(),
            captures: RefCell::default(),
        }
    }

    /// What it is called in errors.
    pub(crate) fn place(&self) -> &str {
        &self.place
    }

    pub(crate) fn unsupported(&self, what: impl Into<String>) -> Error {
        Error::new(Kind::Unsupported, &self.place, what)
    }

    pub(crate) fn wrong(&self, what: impl Into<String>) -> Error {
        Error::new(Kind::Model, &self.place, what)
    }

    /// Whether an input is there: names may be empty or left out at the end.
    pub(crate) fn has_input(&self, index: usize) -> bool {
        self.proto
            .input
            .get(index)
            .is_some_and(|name| !name.is_empty())
    }

    /// Whether somebody may read this output.
    pub(crate) fn has_output(&self, index: usize) -> bool {
        self.proto
            .output
            .get(index)
            .is_some_and(|name| !name.is_empty())
    }

    /// Refuses outputs after the first `count`.
    pub(crate) fn gives_at_most(&self, count: usize, names: &str) -> Result<(), Error> {
        if (count..self.proto.output.len()).any(|index| self.has_output(index)) {
            return Err(self.unsupported(format!("the outputs {names} are not computed")));
        }
        Ok(())
    }

    fn attribute(
        &self,
        name: &'static str,
        ty: AttributeType,
    ) -> Result<Option<&'a AttributeProto>, Error> {
        self.read.borrow_mut().insert(name);
        let Some(attribute) = self.proto.attribute(name) else {
            return Ok(None);
        };
        if attribute.r#type() != ty {
            let found = attribute.r#type();
            return Err(self.wrong(format!(
                "attribute `{name}` is of type {found:?} (valid: {ty:?})"
            )));
        }
        Ok(Some(attribute))
    }

    pub(crate) fn int(&self, name: &'static str) -> Result<Option<i64>, Error> {
        Ok(self
            .attribute(name, AttributeType::Int)?
            .map(AttributeProto::i))
    }

    pub(crate) fn int_or(&self, name: &'static str, default: i64) -> Result<i64, Error> {
        Ok(self.int(name)?.unwrap_or(default))
    }

    /// How many of something; one below zero counts as absent.
    pub(crate) fn count(&self, name: &'static str) -> Result<Option<usize>, Error> {
        Ok(self
            .int(name)?
            .and_then(|count| usize::try_from(count).ok()))
    }

    /// An integer that stands for a boolean.
    pub(crate) fn flag(&self, name: &'static str, default: bool) -> Result<bool, Error> {
        Ok(self.int(name)?.map_or(default, |value| value != 0))
    }

    pub(crate) fn float_or(&self, name: &'static str, default: f32) -> Result<f64, Error> {
        let attribute = self.attribute(name, AttributeType::Float)?;
        Ok(attribute.map_or(default, AttributeProto::f).into())
    }

    pub(crate) fn float(&self, name: &'static str) -> Result<Option<f64>, Error> {
        let attribute = self.attribute(name, AttributeType::Float)?;
        Ok(attribute.map(|attribute| attribute.f().into()))
    }

    pub(crate) fn floats(&self, name: &'static str) -> Result<Option<Vec<f32>>, Error> {
        let attribute = self.attribute(name, AttributeType::Floats)?;
        Ok(attribute.map(|attribute| attribute.floats.clone()))
    }

    pub(crate) fn ints(&self, name: &'static str) -> Result<Option<Vec<i64>>, Error> {
        let attribute = self.attribute(name, AttributeType::Ints)?;
        Ok(attribute.map(|attribute| attribute.ints.clone()))
    }

    /// Lengths, strides and the like: integers above or equal to zero.
    pub(crate) fn sizes(&self, name: &'static str) -> Result<Option<Vec<usize>>, Error> {
        let Some(ints) = self.ints(name)? else {
            return Ok(None);
        };
        let sizes: Result<Vec<usize>, _> = ints.iter().map(|&size| usize::try_from(size)).collect();
        match sizes {
            Ok(sizes) => Ok(Some(sizes)),
            Err(_) => Err(self.unsupported(format!(
                "attribute `{name}` is {ints:?} (valid: none below zero)"
            ))),
        }
    }

    pub(crate) fn text(&self, name: &'static str, default: &'static str) -> Result<&'a str, Error> {
        match self.attribute(name, AttributeType::String)? {
            None => Ok(default),
            Some(attribute) => std::str::from_utf8(attribute.s())
                .map_err(|_| self.wrong(format!("attribute `{name}` is no text"))),
        }
    }

    pub(crate) fn texts(&self, name: &'static str) -> Result<Option<Vec<String>>, Error> {
        let attribute = self.attribute(name, AttributeType::Strings)?;
        let read = |bytes: &Vec<u8>| String::from_utf8_lossy(bytes).into_owned();
        Ok(attribute.map(|attribute| attribute.strings.iter().map(read).collect()))
    }

    /// One of several texts, as its place among them.
    pub(crate) fn choice(
        &self,
        name: &'static str,
        valid: &[&'static str],
    ) -> Result<usize, Error> {
        let found = self.text(name, valid[0])?;
        valid.iter().position(|&text| text == found).ok_or_else(|| {
            self.unsupported(format!(
                "attribute `{name}` is `{found}` (known: {})",
                valid.join(", ")
            ))
        })
    }

    pub(crate) fn tensor(&self, name: &'static str) -> Result<Option<Array>, Error> {
        let Some(attribute) = self.attribute(name, AttributeType::Tensor)? else {
            return Ok(None);
        };
        let tensor = attribute.t.as_ref();
        let tensor = tensor.ok_or_else(|| self.wrong(format!("attribute `{name}` is empty")))?;
        Array::from_proto(tensor, self.device)
            .map(Some)
            .map_err(|error| self.unsupported(format!("attribute `{name}`: {error}")))
    }

    /// A graph that the node runs; what it reads from outside becomes part of the node's inputs.
    pub(crate) fn body(&self, name: &'static str) -> Result<Body, Error> {
        let attribute = self.attribute(name, AttributeType::Graph)?;
        let graph = attribute.and_then(|attribute| attribute.g.as_ref());
        let graph = graph.ok_or_else(|| self.wrong(format!("has no graph `{name}`")))?;
        let plan = Plan::of_body(graph, self.opset, self.device);
        let plan = plan.map_err(|error| error.within(&self.place))?;
        let mut captures = self.captures.borrow_mut();
        let first_capture = captures.len();
        captures.extend(plan.captures().map(str::to_owned));
        Ok(Body {
            plan,
            first_capture,
        })
    }

    /// After its kernel was made: what its graphs read from outside, if every attribute was read.
    pub(crate) fn finish(self) -> Result<Vec<String>, Error> {
        let read = self.read.borrow();
        let stranger = self
            .proto
            .attribute
            .iter()
            .find(|attribute| !read.contains(attribute.name()));
        if let Some(stranger) = stranger {
            let name = stranger.name();
            let known: Vec<&str> = read.iter().copied().collect();
            let known = if known.is_empty() {
                "none".to_owned()
            } else {
                known.join(", ")
            };
            return Err(
                self.unsupported(format!("attribute `{name}` is not known (known: {known})"))
            );
        }
        drop(read);
        Ok(self.captures.into_inner())
    }
}

impl Body {
    /// Runs the graph once.
    pub(crate) fn run(&self, call: &Call<'_>, inputs: Vec<Value>) -> CandleResult<Vec<Value>> {
        let first = call.explicit + self.first_capture;
        let captures = call.inputs[first..first + self.plan.captures().count()].iter();
        let captures: Vec<Value> = captures.flatten().cloned().collect();
        self.plan
            .run(inputs, captures)
            .map_err(|error| candle_core::Error::Msg(error.to_string()))
    }
}

/// A node that runs: its inputs, first those it names, then what its graphs capture.
pub(crate) struct Call<'a> {
    pub(crate) inputs: &'a [Option<Value>],
    pub(crate) explicit: usize,
    /// Where floats lie.
    pub(crate) device: &'a Device,
}

impl Call<'_> {
    /// An input that must be there.
    pub(crate) fn array(&self, index: usize) -> CandleResult<&Array> {
        match self.optional(index)? {
            Some(array) => Ok(array),
            None => bail!("input {index} is missing"),
        }
    }

    /// An input that may be left out.
    pub(crate) fn optional(&self, index: usize) -> CandleResult<Option<&Array>> {
        match self.inputs[..self.explicit].get(index) {
            Some(Some(Value::Array(array))) => Ok(Some(array)),
            Some(Some(Value::Sequence(_))) => {
                bail!("input {index} is a sequence, where a tensor is due")
            }
            Some(None) | None => Ok(None),
        }
    }

    /// An input that must be there and hold floats.
    pub(crate) fn floats(&self, index: usize) -> CandleResult<&Array> {
        let array = self.array(index)?;
        if !array.is_float() {
            bail!("has an input of {:?} (valid: floats)", array.dtype);
        }
        Ok(array)
    }

    pub(crate) fn sequence(&self, index: usize) -> CandleResult<&[Array]> {
        match self.inputs[..self.explicit].get(index) {
            Some(Some(Value::Sequence(arrays))) => Ok(arrays),
            _ => bail!("input {index} is no sequence"),
        }
    }

    /// The lengths of an input.
    pub(crate) fn dims(&self, index: usize) -> CandleResult<&[usize]> {
        Ok(self.array(index)?.dims())
    }

    /// An input of integers, if it is there.
    pub(crate) fn ints(&self, index: usize) -> CandleResult<Option<Vec<i64>>> {
        self.optional(index)?.map(Array::to_ints).transpose()
    }

    /// All inputs that the node names, each an array.
    pub(crate) fn arrays(&self) -> CandleResult<Vec<&Array>> {
        (0..self.explicit).map(|index| self.array(index)).collect()
    }
}
