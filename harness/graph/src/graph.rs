//! A loaded graph: what it reads, what it gives, and one call to run it.

use std::{collections::BTreeMap, fmt, time::Duration};

use candle_core::{DType, Device, Tensor, bail};
use onnx_model::{
    Dtype, Model,
    proto::{TensorProto, ValueInfoProto},
};

use crate::{
    Error, Kind,
    array::{Array, Value, is_float, storage, wrap},
    plan::{Plan, plain},
};

/// The versions of the default operator set that are read. Within them, [`crate::operators`] tells from
/// which on each operator is known.
pub const OPSETS: std::ops::RangeInclusive<i64> = 9..=28;

/// A graph that was checked and planned, with its weights, on one device.
///
/// Running does not change it, so that several threads may share one.
pub struct Graph {
    plan: Plan,
    inputs: Vec<Port>,
    outputs: Vec<Port>,
}

/// An input or output of a graph.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Port {
    /// Its name.
    pub name: String,
    /// The type of its elements.
    pub dtype: Dtype,
    /// Its lengths, if its rank is known.
    pub shape: Option<Vec<Length>>,
}

/// The length of an axis.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Length {
    /// Always the same.
    Fixed(usize),
    /// Whatever a run brings; the name is the graph's own, and empty if it has none.
    Any(String),
}

impl fmt::Display for Length {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Fixed(length) => length.fmt(f),
            Self::Any(name) if name.is_empty() => f.write_str("?"),
            Self::Any(name) => name.fmt(f),
        }
    }
}

impl Graph {
    /// Loads a model whose weights lie inside it.
    ///
    /// ```
    /// use candle_core::Device;
    /// use candle_graph::{Graph, Kind};
    /// use onnx_model::{Model, proto::{GraphProto, ModelProto, NodeProto, OperatorSetIdProto}};
    ///
    /// let frame = ModelProto {
    ///     ir_version: Some(10),
    ///     opset_import: vec![OperatorSetIdProto { domain: None, version: Some(20) }],
    ///     ..ModelProto::default()
    /// };
    /// let node = |op_type| GraphProto {
    ///     node: vec![NodeProto::new(op_type, &[], &["y"])],
    ///     ..GraphProto::default()
    /// };
    /// let unknown = ModelProto { graph: Some(node("Frobnicate")), ..frame };
    ///
    /// let error = Graph::load(&Model::new(unknown)?, &Device::Cpu).err().expect("it is refused");
    /// assert_eq!(error.kind(), Kind::Unsupported);
    /// assert_eq!(
    ///     error.to_string(),
    ///     "node 0 (Frobnicate): operator `Frobnicate` (opset 20) is not known"
    /// );
    /// # Ok::<(), Box<dyn std::error::Error>>(())
    /// ```
    ///
    /// # Errors
    /// [`Kind::Unsupported`] names the first node that cannot be run here, before anything is.
    pub fn load(model: &Model, device: &Device) -> Result<Self, Error> {
        Self::with_weights(model, device, |_| None)
    }

    /// Loads a model whose weights lie elsewhere; `weight` is asked for each by its name. They are
    /// shared, not copied, where they lie on the device already.
    ///
    /// # Errors
    /// As [`Graph::load`]; and [`Kind::Model`] where a weight is missing or of another shape or type.
    pub fn with_weights(
        model: &Model,
        device: &Device,
        mut weight: impl FnMut(&str) -> Option<Tensor>,
    ) -> Result<Self, Error> {
        let opset = model.opset("").unwrap_or_default();
        if !OPSETS.contains(&opset) {
            let (first, last) = OPSETS.into_inner();
            let what = format!("is written in opset {opset} (known: {first} to {last})");
            return Err(Error::new(Kind::Unsupported, "model", what));
        }
        let graph = model.graph();
        let mut outside = |tensor: &TensorProto| external(tensor, device, &mut weight);
        let plan = Plan::of_model(graph, opset, device, &mut outside)?;
        let ports = |values: &[ValueInfoProto], what| {
            values
                .iter()
                .map(|value| Port::of(value, what))
                .collect::<Result<Vec<_>, _>>()
        };
        Ok(Self {
            inputs: ports(&graph.input, "input")?,
            outputs: ports(&graph.output, "output")?,
            plan,
        })
    }

    /// What it reads.
    pub fn inputs(&self) -> &[Port] {
        &self.inputs
    }

    /// What it gives.
    pub fn outputs(&self) -> &[Port] {
        &self.outputs
    }

    /// How many nodes run: those that depend on constants alone ran while loading.
    pub fn steps(&self) -> usize {
        self.plan.steps()
    }

    /// Runs the graph. Booleans are given as `u8`, `u32` or `i64`; they come back as `u8`.
    ///
    /// ```
    /// use std::collections::BTreeMap;
    ///
    /// use candle_core::{Device, Tensor};
    /// use candle_graph::{Graph, Kind};
    /// # use onnx_model::{Model, proto::{GraphProto, ModelProto, NodeProto, OperatorSetIdProto,
    /// #     TensorTypeProto, TypeProto, ValueInfoProto}};
    /// # let value = |name: &str| ValueInfoProto {
    /// #     name: Some(name.to_owned()),
    /// #     r#type: Some(TypeProto {
    /// #         tensor_type: Some(TensorTypeProto { elem_type: Some(1), shape: None }),
    /// #         ..TypeProto::default()
    /// #     }),
    /// #     ..ValueInfoProto::default()
    /// # };
    /// # let model = Model::new(ModelProto {
    /// #     ir_version: Some(10),
    /// #     opset_import: vec![OperatorSetIdProto { domain: None, version: Some(20) }],
    /// #     graph: Some(GraphProto {
    /// #         node: vec![NodeProto::new("Add", &["a", "b"], &["sum"])],
    /// #         input: vec![value("a"), value("b")],
    /// #         output: vec![value("sum")],
    /// #         ..GraphProto::default()
    /// #     }),
    /// #     ..ModelProto::default()
    /// # })?;
    ///
    /// // sum = a + b
    /// let graph = Graph::load(&model, &Device::Cpu)?;
    /// let (a, b) = (Tensor::new(&[1.0_f32, 2.0], &Device::Cpu)?, Tensor::new(10.0_f32, &Device::Cpu)?);
    /// let mut given = BTreeMap::from([("a".to_owned(), a)]);
    /// let error = graph.run(&given).expect_err("b is due as well");
    /// assert_eq!((error.kind(), error.to_string()), (Kind::Input, "input `b`: is missing".to_owned()));
    ///
    /// given.insert("b".to_owned(), b);
    /// assert_eq!(graph.run(&given)?["sum"].to_vec1::<f32>()?, [11.0, 12.0]);
    /// # Ok::<(), Box<dyn std::error::Error>>(())
    /// ```
    ///
    /// # Errors
    /// [`Kind::Input`] where an input is missing, unknown, or of another type or shape than the graph
    /// says; [`Kind::Run`] names the node that could not compute, and why.
    pub fn run(&self, given: &BTreeMap<String, Tensor>) -> Result<BTreeMap<String, Tensor>, Error> {
        self.hand_out(self.plan.run(self.accept(given)?, Vec::new())?)
    }

    /// Runs the graph and tells how often each operator was computed and how long that took in all. On
    /// devices that work in the background the time is that of handing the work over.
    ///
    /// # Errors
    /// As [`Graph::run`].
    pub fn profile(
        &self,
        given: &BTreeMap<String, Tensor>,
    ) -> Result<BTreeMap<String, (usize, Duration)>, Error> {
        let mut costs = BTreeMap::<String, (usize, Duration)>::new();
        let mut watch = |operator: &str, time: Duration| {
            let cost = costs.entry(operator.to_owned()).or_default();
            *cost = (cost.0 + 1, cost.1 + time);
        };
        self.plan
            .watched(self.accept(given)?, Vec::new(), Some(&mut watch))?;
        Ok(costs)
    }

    fn accept(&self, given: &BTreeMap<String, Tensor>) -> Result<Vec<Value>, Error> {
        if let Some(stranger) = given
            .keys()
            .find(|&name| self.inputs.iter().all(|port| port.name != *name))
        {
            let known: Vec<&str> = self.inputs.iter().map(|port| port.name.as_str()).collect();
            let what = format!("is no input of the graph (known: {})", known.join(", "));
            return Err(Error::new(Kind::Input, format!("input `{stranger}`"), what));
        }
        let inputs = self.inputs.iter().map(|port| {
            let tensor = given.get(&port.name);
            let array = match tensor {
                None => Err("is missing".to_owned()),
                Some(tensor) => port.accept(tensor, self.plan.device()),
            };
            array
                .map(Value::from)
                .map_err(|what| Error::new(Kind::Input, format!("input `{}`", port.name), what))
        });
        inputs.collect()
    }

    fn hand_out(&self, values: Vec<Value>) -> Result<BTreeMap<String, Tensor>, Error> {
        let outputs = self.outputs.iter().zip(values);
        outputs
            .map(|(port, value)| Ok((port.name.clone(), hand_out(port, value)?)))
            .collect()
    }
}

fn external(
    proto: &TensorProto,
    device: &Device,
    weight: &mut dyn FnMut(&str) -> Option<Tensor>,
) -> Result<Array, Error> {
    let name = proto.name();
    let at = |kind: Kind, what: String| Error::new(kind, format!("weight `{name}`"), what);
    let dtype = proto
        .dtype()
        .map_err(|error| at(Kind::Unsupported, error.to_string()))?;
    let tensor = weight(name);
    let tensor = tensor.ok_or_else(|| {
        at(
            Kind::Model,
            "lies outside the model and was not given".to_owned(),
        )
    })?;
    let wanted: Vec<i64> = tensor.dims().iter().map(|&length| length as i64).collect();
    if wanted != proto.dims {
        let what = format!(
            "has shape {:?}, the graph asks for {:?}",
            tensor.dims(),
            proto.dims
        );
        return Err(at(Kind::Model, what));
    }
    Array::take(&tensor, dtype, device).map_err(|what| at(Kind::Model, what))
}

impl Port {
    fn of(value: &ValueInfoProto, what: &str) -> Result<Self, Error> {
        let name = value.name().to_owned();
        let at = |kind: Kind, text: &str| Error::new(kind, format!("{what} `{name}`"), text);
        let ty = value.r#type.as_ref().and_then(|ty| ty.tensor_type.as_ref());
        let ty = ty.ok_or_else(|| at(Kind::Unsupported, "is no tensor"))?;
        let dtype = Dtype::from_code(ty.elem_type()).ok_or_else(|| {
            let what = format!(
                "has element type {}, which is not read here",
                ty.elem_type()
            );
            at(Kind::Unsupported, &what)
        })?;
        let shape = ty.shape.as_ref().map(|shape| {
            let lengths = shape.dim.iter().map(|dim| match dim.dim_value {
                // Some exporters write minus one where they do not know.
                Some(length) => usize::try_from(length)
                    .map_or_else(|_| Length::Any(String::new()), Length::Fixed),
                None => Length::Any(dim.dim_param().to_owned()),
            });
            lengths.collect()
        });
        Ok(Self { name, dtype, shape })
    }

    fn accept(&self, tensor: &Tensor, device: &Device) -> Result<Array, String> {
        if let Some(shape) = &self.shape {
            let fits = shape.len() == tensor.rank()
                && shape
                    .iter()
                    .zip(tensor.dims())
                    .all(|(length, found)| match length {
                        Length::Fixed(length) => length == found,
                        Length::Any(_) => true,
                    });
            if !fits {
                let shape: Vec<String> = shape.iter().map(Length::to_string).collect();
                return Err(format!(
                    "has shape {:?} (valid: [{}])",
                    tensor.dims(),
                    shape.join(", ")
                ));
            }
        }
        Array::take(tensor, self.dtype, device)
    }
}

impl Array {
    /// A tensor from outside as one of this element type, on the device where such arrays lie.
    fn take(tensor: &Tensor, dtype: Dtype, device: &Device) -> Result<Self, String> {
        let fits = match (dtype, tensor.dtype()) {
            (Dtype::I64, DType::I64) | (Dtype::I32, DType::I32) | (Dtype::U8, DType::U8) => true,
            (Dtype::U32, DType::U32) | (Dtype::I16, DType::I16) => true,
            (Dtype::Bool, DType::U8 | DType::U32 | DType::I64) => true,
            (Dtype::I8 | Dtype::U16 | Dtype::U64, DType::I64) => true,
            (dtype, found) => is_float(dtype) && storage(dtype) == found,
        };
        if !fits {
            return Err(format!(
                "has dtype {} (valid: {dtype:?})",
                tensor.dtype().as_str()
            ));
        }
        let taken = if is_float(dtype) {
            let tensor = tensor.to_device(device);
            tensor.map(|tensor| Self { tensor, dtype })
        } else {
            let longs = tensor
                .to_device(&Device::Cpu)
                .and_then(|tensor| tensor.to_dtype(DType::I64));
            let longs = longs.map(|tensor| Self { tensor, dtype });
            longs.and_then(|longs| match dtype {
                Dtype::Bool => Self::ints(longs.to_ints()?, longs.dims(), dtype),
                // These come in a wider type, which may hold more than they do.
                Dtype::I8 | Dtype::U16 => {
                    let mut held = longs.to_ints()?.into_iter();
                    match held.find(|&value| wrap(value, dtype) != value) {
                        Some(value) => bail!("holds {value}, which {dtype:?} does not"),
                        None => Ok(longs),
                    }
                }
                _ => Ok(longs),
            })
        };
        taken.map_err(plain)
    }
}

impl Array {
    /// The same in the candle type that is nearest to its element type.
    fn nearest(&self) -> candle_core::Result<Tensor> {
        self.tensor.to_dtype(match self.dtype {
            Dtype::Bool | Dtype::U8 => DType::U8,
            Dtype::I16 => DType::I16,
            Dtype::I32 => DType::I32,
            Dtype::U32 => DType::U32,
            other => storage(other),
        })
    }
}

/// An output in the candle type that is nearest to its element type, on the graph's device for floats
/// and on the processor for integers.
fn hand_out(port: &Port, value: Value) -> Result<Tensor, Error> {
    let at = |what: String| Error::new(Kind::Run, format!("output `{}`", port.name), what);
    let Value::Array(array) = value else {
        return Err(at("is a sequence".to_owned()));
    };
    if array.dtype != port.dtype {
        return Err(at(format!(
            "has dtype {:?}, the graph says {:?}",
            array.dtype, port.dtype
        )));
    }
    array.nearest().map_err(|error| at(error.to_string()))
}

/// A tensor message, such as test data are kept in, as candle's tensor of the nearest type: booleans
/// as `u8`, 8-bit signed and 16- and 64-bit unsigned integers as `i64`.
///
/// # Errors
/// [`Kind::Unsupported`] for element types that are not read, [`Kind::Model`] for bytes that do not fit.
pub fn tensor(proto: &TensorProto, device: &Device) -> Result<Tensor, Error> {
    let place = format!("tensor `{}`", proto.name());
    let at = |kind: Kind, what: String| Error::new(kind, &place, what);
    let dtype = proto.dtype();
    dtype.map_err(|error| at(Kind::Unsupported, error.to_string()))?;
    let array = Array::from_proto(proto, device).map_err(|what| at(Kind::Model, what))?;
    array
        .nearest()
        .map_err(|error| at(Kind::Model, plain(error)))
}
