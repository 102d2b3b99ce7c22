"""A float32 graph runs in float64, all of it."""

import math

import numpy as np
import pytest

onnx = pytest.importorskip("onnx")

from onnx import TensorProto, helper, numpy_helper  # noqa: E402

from touchstone.double_graph import DoubleGraph, widened  # noqa: E402

X = np.array([-1.5, -0.3, 0.2, 2.0], dtype=np.float32)
EXACT_ERF = np.array([math.erf(x) for x in X.astype(np.float64)])


def model(nodes, initializers=(), result="y", kind=TensorProto.FLOAT) -> bytes:
    given = [helper.make_tensor_value_info("x", TensorProto.FLOAT, [4])]
    made = [helper.make_tensor_value_info(result, kind, [4])]
    graph = helper.make_graph(nodes, "g", given, made, list(initializers))
    return helper.make_model(graph, opset_imports=[helper.make_opsetid("", 20)], ir_version=10).SerializeToString()


def third(kind: str):
    """The constant 1/3 rounded to float32, in each of its forms."""
    value = np.float32(1 / 3)
    tensor = numpy_helper.from_array(np.array(value), "c")
    attribute = {"value": tensor, "value_float": float(value), "value_floats": [float(value)]}
    if kind == "initializer":
        return [], [tensor]
    return [helper.make_node("Constant", [], ["c"], **{kind: attribute[kind]})], []


@pytest.mark.parametrize("kind", ["initializer", "value", "value_float", "value_floats"])
def test_a_constant_keeps_its_value_in_any_form(kind):
    nodes, initializers = third(kind)
    got = DoubleGraph(model([*nodes, helper.make_node("Mul", ["x", "c"], ["y"])], initializers)).run({"x": X})["y"]
    assert got.dtype == np.float64
    assert np.array_equal(got, X.astype(np.float64) * np.float64(np.float32(1 / 3)))


@pytest.mark.parametrize(
    ("nodes", "expected"),
    [
        ([helper.make_node("Erf", ["x"], ["y"])], EXACT_ERF),
        ([helper.make_node("Gelu", ["x"], ["y"])], X * 0.5 * (1 + np.array([math.erf(x / math.sqrt(2)) for x in X.astype(float)]))),
        (
            [helper.make_node("Gelu", ["x"], ["y"], approximate="tanh")],
            X * 0.5 * (1 + np.tanh(math.sqrt(2 / math.pi) * (X.astype(float) + 0.044715 * X.astype(float) ** 3))),
        ),
        ([helper.make_node("Cast", ["x"], ["i"], to=TensorProto.INT64), helper.make_node("Cast", ["i"], ["y"], to=1)], np.trunc(X)),
    ],
    ids=["erf", "gelu", "gelu by tanh", "cast through integers"],
)
def test_operators_that_onnx_computes_in_float32_are_exact(nodes, expected):
    got = DoubleGraph(model(nodes)).run({"x": X})["y"]
    assert got.dtype == np.float64
    np.testing.assert_allclose(got, expected, rtol=1e-15)


def test_a_cast_to_half_precision_stays_one():
    nodes = [helper.make_node("Cast", ["x"], ["h"], to=TensorProto.FLOAT16), helper.make_node("Cast", ["h"], ["y"], to=1)]
    assert np.array_equal(DoubleGraph(model(nodes)).run({"x": X})["y"], X.astype(np.float16).astype(np.float64))


def test_branches_and_value_types_are_widened_too():
    tensor = numpy_helper.from_array(np.ones(4, dtype=np.float32), "inner")
    branch = helper.make_graph(
        [helper.make_node("Identity", ["inner"], ["out"])],
        "b",
        [],
        [helper.make_tensor_value_info("out", TensorProto.FLOAT, [4])],
        [tensor],
    )
    true = numpy_helper.from_array(np.array(True), "condition")
    node = helper.make_node("If", ["condition"], ["y"], then_branch=branch, else_branch=branch)
    content = model([node], [true])
    assert DoubleGraph(content).run({"x": X})["y"].dtype == np.float64
    wide = widened(onnx.ModelProto.FromString(content))
    assert wide.graph.output[0].type.tensor_type.elem_type == TensorProto.DOUBLE
    assert wide.graph.node[0].attribute[0].g.initializer[0].data_type == TensorProto.DOUBLE


def test_an_output_that_is_not_float64_is_an_error():
    nodes = [helper.make_node("Cast", ["x"], ["y"], to=TensorProto.FLOAT16)]
    with pytest.raises(ValueError, match="output `y` came in float16, so something computed in less than float64"):
        DoubleGraph(model(nodes, kind=TensorProto.FLOAT16)).run({"x": X})


def test_data_outside_the_graph_is_an_error():
    tensor = TensorProto(name="w", dims=[4], data_type=TensorProto.FLOAT, data_location=TensorProto.EXTERNAL)
    with pytest.raises(ValueError, match="the data of `w` is not in the graph"):
        DoubleGraph(model([helper.make_node("Add", ["x", "w"], ["y"])], [tensor]))
