"""The stored graph reads every weight by its saved name and holds nothing spare."""

import lzma

import numpy as np
import pytest

torch = pytest.importorskip("torch")
onnx = pytest.importorskip("onnx")

from touchstone.recording import graph, one, onnx_file  # noqa: E402
from touchstone.recording.fill import Weight  # noqa: E402
from touchstone.recording.refusal import Refused  # noqa: E402


def weight(name, *shape):
    return Weight(name, shape, "f32", 1.0, 0.0)


def arrays(*weights):
    return [w.tensor().numpy() for w in weights]


A, B, C, D = (weight(name, 3, 4) for name in "abcd")


@pytest.mark.parametrize(
    ("value", "used"),
    [
        (arrays(A)[0], ["a"]),
        (np.concatenate(arrays(A, B)), ["a", "b"]),
        (np.concatenate(arrays(B, A), axis=1), ["a", "b"]),
        (np.stack(arrays(A, B, C)), ["a", "b", "c"]),
        (np.stack([np.concatenate(arrays(A, B)), np.concatenate(arrays(C, D))]), ["a", "b", "c", "d"]),
    ],
    ids=["alone", "rows joined", "columns joined", "experts", "experts with joined gates"],
)
def test_a_value_is_found_among_the_saved_weights(value, used):
    composer = onnx_file.Composer([A, B, C, D])
    output = composer.find(value, "joined")
    assert sorted(composer.used) == used
    initializers = [onnx.numpy_helper.from_array(composer.arrays[name], name) for name in used]
    made = onnx.helper.make_tensor_value_info("y", onnx.TensorProto.FLOAT, value.shape)
    nodes = [*composer.nodes, onnx.helper.make_node("Identity", [output], ["y"])]
    model = onnx.helper.make_model(
        onnx.helper.make_graph(nodes, "g", [], [made], initializers + composer.constants),
        opset_imports=[onnx.helper.make_opsetid("", graph.OPSET)],
        ir_version=10,
    )
    import onnxruntime

    session = onnxruntime.InferenceSession(model.SerializeToString(), providers=["CPUExecutionProvider"])
    assert np.array_equal(session.run(None, {})[0], value)


@pytest.mark.parametrize(
    ("part", "place"),
    [(lambda a: a[1:], (0, 1)), (lambda a: a[:2], (0, 0)), (lambda a: a[:, 1:3], (1, 1)), (lambda a: a[:, 3:], (1, 3))],
    ids=["last rows", "first rows", "middle columns", "last column"],
)
def test_a_parameter_may_be_a_part_of_a_saved_weight(part, place):
    composer = onnx_file.Composer([A, B])
    value = np.ascontiguousarray(part(arrays(B)[0]))
    assert onnx_file.place_in(arrays(B)[0], value) == place
    assert composer.find(value, "x") is None
    assert composer.find(value, "x", is_parameter=True) == "x"
    assert composer.used == {"b"}
    (node,) = composer.nodes
    starts, ends, axes = (int(onnx.numpy_helper.to_array(tensor)[0]) for tensor in composer.constants)
    assert (node.op_type, axes, starts, ends - starts) == ("Slice", *place, value.shape[place[0]])


@pytest.mark.parametrize(
    "part",
    [lambda a: a[:2, :2], lambda a: a[:1, 0], lambda a: a[:2] + np.float32(1e-7), lambda a: a[:2].astype(np.float64)],
    ids=["a corner", "fewer axes", "changed", "another type"],
)
def test_what_is_no_part_along_one_axis_is_not_found(part):
    assert onnx_file.Composer([A, B]).find(np.ascontiguousarray(part(arrays(B)[0])), "x", is_parameter=True) is None


@pytest.mark.parametrize(("axis", "order"), [(0, [2, 0]), (1, [0, 2, 1, 3]), (1, [2, 0])], ids=["rows", "columns", "some columns"])
def test_a_parameter_may_be_rows_of_a_saved_weight_in_another_order(axis, order):
    composer = onnx_file.Composer([A, B])
    assert composer.find(arrays(B)[0].take(order, axis=axis), "x", is_parameter=True) == "x"
    assert composer.used == {"b"}
    (node,), (rows,) = composer.nodes, composer.constants
    assert (node.op_type, node.attribute[0].i, onnx.numpy_helper.to_array(rows).tolist()) == ("Gather", axis, order)


def test_a_parameter_may_be_a_saved_weight_turned():
    composer = onnx_file.Composer([A, B])
    assert composer.find(arrays(B)[0].T, "x") is None
    assert composer.find(arrays(B)[0].T, "x", is_parameter=True) == "x"
    assert (composer.nodes[0].op_type, list(composer.nodes[0].input), composer.used) == ("Transpose", ["b"], {"b"})


def chained(*errors):
    for below, error in zip(errors[1:], errors):
        error.__cause__ = below
    return errors[0]


DATA = chained(RuntimeError("Failed to export"), ValueError("Could not guard on data-dependent expression u0 > 1"))
INTEGERS = chained(RuntimeError("Failed to decompose"), RuntimeError("Cannot find a compatible OpOverload for aten.sub with the provided arguments"))
COMPLEX = chained(RuntimeError("Failed to export"), ValueError("No decompositions registered for the complex-valued input"))


def helped(*errors):
    """What is given, attempt by attempt, while a model raises one error after the other."""
    named = type("Named", (), {"model": torch.nn.Linear(1, 1), "modes": []})()
    seen, left = [], list(errors)

    def attempt():
        real = torch._functorch.config.fake_tensor_propagate_real_tensors
        seen.append((real, len(named.modes)))
        if left:
            raise left.pop(0)
        return "exported"

    try:
        return graph.helped(named, attempt), seen
    except Exception as error:  # noqa: BLE001
        return error, seen


@pytest.mark.parametrize(
    ("errors", "given"),
    [
        ([], [(False, 0)]),
        ([DATA], [(False, 0), (True, 0)]),
        ([COMPLEX], [(False, 0), (False, 1)]),
        ([INTEGERS], [(False, 0), (False, 1)]),
        ([DATA, COMPLEX], [(False, 0), (True, 0), (True, 1)]),
    ],
)
def test_help_is_given_as_the_errors_ask_for_it(errors, given):
    assert helped(*errors) == ("exported", given)
    assert not torch._functorch.config.fake_tensor_propagate_real_tensors


@pytest.mark.parametrize("errors", [[ValueError("shapes differ")], [DATA, DATA], [DATA, ValueError("other")], [MemoryError()]])
def test_without_help_the_first_error_counts(errors):
    error, seen = helped(*errors)
    assert error is errors[0]
    assert len(seen) == len(errors)


def test_what_a_loops_body_reads_is_read():
    body = onnx.helper.make_graph([onnx.helper.make_node("Mul", ["s", "w"], ["t"])], "body", [], [])
    whole = onnx.helper.make_graph([onnx.helper.make_node("Scan", ["x"], ["y"], body=body, num_scan_inputs=1)], "g", [], [])
    assert onnx_file.names_read(whole) == {"x", "s", "w"}


def test_a_transposed_or_changed_value_is_not_found():
    composer = onnx_file.Composer([A, B])
    assert composer.find(arrays(A)[0].T, "x") is None
    assert composer.find(arrays(A)[0] + np.float32(1e-7), "x") is None
    assert composer.used == set()


def exported(value, name="buffer", parameters=()):
    made = onnx.helper.make_tensor_value_info("y", onnx.TensorProto.FLOAT, value.shape)
    nodes = [onnx.helper.make_node("Identity", [name], ["y"], name="n", doc_string="where it came from")]
    model = onnx.helper.make_model(onnx.helper.make_graph(nodes, "g", [], [made], [onnx.numpy_helper.from_array(value, name)]))
    return graph.Exported(model, {name: value}, set(parameters), [])


def test_a_parameter_that_equals_no_weight_is_refused():
    with pytest.raises(Refused, match=r"parameter `model.p` \[2\] equals no saved weight"):
        onnx_file.store(exported(np.ones(2, dtype=np.float32), "model.p", ["model.p"]), [A])


def test_a_large_buffer_is_refused_and_a_small_one_kept():
    with pytest.raises(Refused, match=r"buffer `buffer` has 4097 elements \(valid: at most 4096\)"):
        onnx_file.store(exported(np.ones(4097, dtype=np.float32)), [A])
    model, used = onnx_file.store(exported(np.ones(4096, dtype=np.float32)), [A])
    assert used == []
    assert model.graph.initializer[0].raw_data


def test_a_weight_that_shares_a_values_name_is_refused():
    with pytest.raises(Refused, match="`y` names both a weight and a value"):
        onnx_file.store(exported(arrays(weight("y", 3, 4))[0]), [weight("y", 3, 4)])


def test_weights_lie_outside_and_nothing_tells_where_nodes_came_from():
    model, used = onnx_file.store(exported(arrays(A)[0]), [A])
    assert used == ["a"]
    (initializer,) = model.graph.initializer
    assert (initializer.name, list(initializer.dims), initializer.raw_data) == ("a", [3, 4], b"")
    assert initializer.data_location == onnx.TensorProto.EXTERNAL
    assert model.graph.node[0].doc_string == model.graph.node[0].name == ""


def test_compressing_twice_gives_the_same_bytes():
    model, _ = onnx_file.store(exported(arrays(A)[0]), [A])
    packed = onnx_file.compress(model)
    assert packed == onnx_file.compress(model)
    assert onnx.ModelProto.FromString(lzma.decompress(packed)) == model


def test_a_weight_that_the_graph_does_not_read_is_refused_unless_inert():
    assert one.unread([A, B], ["a"], {"b": "does not reach"}) == []
    assert one.unread([A, B], ["a"], {}) == ["b"]
    one.refuse_unread([])
    with pytest.raises(Refused, match=r"the graph does not read weight `b` \(1 in all\)"):
        one.refuse_unread(["b"])


@pytest.mark.parametrize(("names", "moved"), [({"pooler.dense.bias", "pooler.dense.weight"}, False), ({"pooler.dense.bias", "embeddings.LayerNorm.bias"}, True)])
def test_weights_are_drawn_anew_alone(bert, tmp_path, names, moved):
    made = one.Recording(bert, tmp_path)
    assert made.moved_by(names, one.truth.run_double(bert, made.models, made.arrays)) is moved


def test_a_graph_outside_the_bound_is_refused():
    truth = {"y": np.ones((2, 2))}
    single = {"y": {"rmse": 1e-8, "max_abs": 1e-8}}
    one.compare("recorded sizes", truth, {"y": np.ones((2, 2), dtype=np.float32)}, single)
    with pytest.raises(Refused, match="output `y` is outside the bound in ONNX Runtime, margin"):
        one.compare("recorded sizes", truth, {"y": np.full((2, 2), 1.001, dtype=np.float32)}, single)
    with pytest.raises(Refused, match=r"output `y` has shape \(2, 1\), and torch gives \(2, 2\)"):
        one.compare("recorded sizes", truth, {"y": np.ones((2, 1), dtype=np.float32)}, single)


def test_an_exporters_error_is_told_in_one_line_without_addresses():
    error = RuntimeError("outer")
    error.__cause__ = ValueError("cannot export <object at 0x7f0012ab>\nand more")
    assert graph.reason(error) == "ValueError: cannot export <object at …>"
