"""Runs a float32 graph in float64: what it computes then is free of float32's rounding, but for the constants in it."""

import math

import numpy as np
import onnx
from onnx import AttributeProto, TensorProto, TypeProto, helper, numpy_helper
from onnx.reference import ReferenceEvaluator
from onnx.reference.op_run import OpRun

#: Attributes that name the dtype of what an operator makes.
DTYPE_ATTRIBUTES = ("to", "dtype")
#: A constant's floats outside a tensor; ONNX knows no such attribute in float64.
FLOAT_ATTRIBUTES = ("value_float", "value_floats")


class Erf(OpRun):
    """onnx's own answers in float32 whatever it is asked."""

    def _run(self, x):
        return (erf(x).astype(x.dtype),)


class Gelu(OpRun):
    """onnx's own is made of operators whose constants are float32."""

    def _run(self, x, approximate=None):
        if approximate == "tanh":
            share = 1 + np.tanh(math.sqrt(2 / math.pi) * (x + 0.044715 * x**3))
        else:
            share = 1 + erf(x / math.sqrt(2))
        return ((0.5 * x * share).astype(x.dtype),)


class GatherElements(OpRun):
    """onnx's own wants indices as long as the data along the other axes; the standard lets them be shorter."""

    def _run(self, data, indices, axis=None):
        axis = axis or 0
        places = list(np.indices(indices.shape))
        places[axis] = np.where(indices < 0, indices + data.shape[axis], indices)
        return (data[tuple(places)],)


erf = np.vectorize(math.erf, otypes=[np.float64])
EXACT = [Erf, GatherElements, Gelu]


class DoubleGraph:
    """A graph with its weights inside, in float64."""

    def __init__(self, content: bytes) -> None:
        model = widened(onnx.ModelProto.FromString(content))
        self.inputs = [value.name for value in model.graph.input]
        self.outputs = [value.name for value in model.graph.output]
        self.evaluator = ReferenceEvaluator(model, new_ops=EXACT)

    def run(self, arrays: dict[str, np.ndarray]) -> dict[str, np.ndarray]:
        given = {name: wide(arrays[name]) for name in self.inputs}
        answer = dict(zip(self.outputs, self.evaluator.run(None, given), strict=True))
        narrow = sorted(name for name, value in answer.items() if value.dtype != np.float64)
        if narrow:
            came = answer[narrow[0]].dtype
            raise ValueError(f"output `{narrow[0]}` came in {came}, so something computed in less than float64")
        return answer


def wide(array: np.ndarray) -> np.ndarray:
    return array.astype(np.float64) if array.dtype == np.float32 else array


def widened(model: onnx.ModelProto) -> onnx.ModelProto:
    """A copy with float64 wherever float32 was; a cast to float16 stays, since it is what a graph may be asked about."""
    copy = onnx.ModelProto()
    copy.CopyFrom(model)
    widen_graph(copy.graph)
    for function in copy.functions:
        widen_nodes(function.node)
    return copy


def widen_graph(graph: onnx.GraphProto) -> None:
    for tensor in graph.initializer:
        widen_tensor(tensor)
    for value in [*graph.input, *graph.output, *graph.value_info]:
        widen_type(value.type)
    widen_nodes(graph.node)


def widen_nodes(nodes) -> None:
    for node in nodes:
        for attribute in node.attribute:
            widen_attribute(attribute)


def widen_attribute(attribute: AttributeProto) -> None:
    if attribute.type == AttributeProto.TENSOR:
        widen_tensor(attribute.t)
    elif attribute.type == AttributeProto.GRAPH:
        widen_graph(attribute.g)
    elif attribute.type == AttributeProto.GRAPHS:
        for graph in attribute.graphs:
            widen_graph(graph)
    elif attribute.name in FLOAT_ATTRIBUTES:
        values = np.array(attribute.f if attribute.type == AttributeProto.FLOAT else attribute.floats, dtype=np.float64)
        attribute.CopyFrom(helper.make_attribute("value", numpy_helper.from_array(values)))
    elif attribute.name in DTYPE_ATTRIBUTES and attribute.i == TensorProto.FLOAT:
        attribute.i = TensorProto.DOUBLE


def widen_tensor(tensor: TensorProto) -> None:
    if tensor.data_type == TensorProto.FLOAT:
        if tensor.data_location == TensorProto.EXTERNAL:
            raise ValueError(f"the data of `{tensor.name}` is not in the graph")
        tensor.CopyFrom(numpy_helper.from_array(numpy_helper.to_array(tensor).astype(np.float64), tensor.name))


def widen_type(kind: TypeProto) -> None:
    which = kind.WhichOneof("value")
    if which == "tensor_type" and kind.tensor_type.elem_type == TensorProto.FLOAT:
        kind.tensor_type.elem_type = TensorProto.DOUBLE
    elif which in ("sequence_type", "optional_type"):
        widen_type(getattr(kind, which).elem_type)
