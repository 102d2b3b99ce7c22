"""A module's output is found among another implementation's tensors however it lies there, and never where it is not."""

from types import SimpleNamespace

import numpy as np
import pytest

torch = pytest.importorskip("torch")
pytest.importorskip("onnxruntime")

from onnx import TensorProto, helper  # noqa: E402

from touchstone import graph_values, layer_outputs, layers  # noqa: E402
from touchstone.inputs import Floats, Lengths, Tokens  # noqa: E402
from touchstone.layer_matching import Match, Pool  # noqa: E402
from touchstone.layer_outputs import Output, Recorder  # noqa: E402

VALUE = np.random.default_rng(0).standard_normal((2, 3, 4, 6))
ROTARY = np.concatenate([VALUE[:1, :, 0]] * 2, axis=-1)
BOUND = 1e-6

FOUND = [
    ("as it is", VALUE, VALUE.reshape(6, 24), ""),
    ("rounded", VALUE, VALUE.astype(np.float32), ""),
    ("heads before positions", VALUE, VALUE.transpose(0, 2, 1, 3), "axes 0 2 1 3"),
    ("channels last", VALUE, VALUE.transpose(0, 2, 3, 1), "axes 0 2 3 1"),
    ("windows", VALUE.reshape(2, 3, 2, 2, 6), VALUE.reshape(2, 3, 2, 2, 6).transpose(0, 3, 1, 4, 2), "in another order"),
    ("the last position", VALUE[:, :, 0], VALUE[:, 2, 0], "last position"),
    ("the first position", VALUE[:, :, 0], VALUE[:, 0, 0], "first position"),
    ("the positions of this call", VALUE[:, :, 0], VALUE[:, 1:, 0], "asked position"),
    ("without what is repeated", np.repeat(VALUE[:1], 5, axis=0), VALUE[0], "once"),
    ("half a rotary table", ROTARY, VALUE[0, :, 0], "the half"),
    ("interleaved halves", np.repeat(VALUE[0, :, 0], 2, axis=-1), VALUE[0, :, 0], "every second"),
    ("rows of half a rotary table", ROTARY, np.concatenate([VALUE[0, :, 0], np.ones((4, 6))]), "the half a run of it"),
    ("rows of a table", VALUE[0, :, 0], np.concatenate([np.zeros((2, 6)), VALUE[0, :, 0], np.ones((4, 6))]), "a run of it"),
    ("one of joined projections", VALUE[0], np.concatenate([VALUE[1], VALUE[0]], axis=-1), "columns of it"),
]


@pytest.mark.parametrize(("value", "there", "how"), [row[1:] for row in FOUND], ids=[row[0] for row in FOUND])
def test_finds(value, there, how):
    match = Pool({3: np.zeros(7), 5: np.ascontiguousarray(there)}).find(value, BOUND, range(1, 3))
    assert match == Match(5, match.distance, True, how)


@pytest.mark.parametrize("axis", [0, -1], ids=["a batch row by row", "a projection held apart"])
def test_finds_what_is_held_in_parts(axis):
    halves = {number: np.ascontiguousarray(half) for number, half in enumerate(np.split(VALUE, 2, axis=axis))}
    assert Pool(halves).find(VALUE, BOUND).how == "in 2 parts"


BEYOND = VALUE.copy()
BEYOND[1, 2, 3, 5] += 3 * BOUND

MISSED = [
    ("one element beyond the bound", VALUE, BEYOND),
    ("no number", VALUE, np.where(VALUE == VALUE.max(), np.nan, VALUE)),
    ("scaled", VALUE, VALUE * 1.0001),
    ("right at the first position alone", VALUE[:1, :, 0], np.concatenate([VALUE[:1, :1, 0], VALUE[1:, 1:, 0]], axis=1)),
    ("two positions swapped in their numbers", VALUE[:, :, 0], VALUE[:, ::-1, 0] * 1.01),
]


@pytest.mark.parametrize(("value", "there"), [row[1:] for row in MISSED], ids=[row[0] for row in MISSED])
def test_misses(value, there):
    match = Pool({5: np.ascontiguousarray(there)}).find(value, BOUND)
    assert not match.is_found and match.distance > BOUND


def test_says_how_far_the_nearest_is_however_it_lies():
    match = Pool({1: VALUE + 1, 2: VALUE.transpose(0, 2, 1, 3) + 0.01}).find(VALUE, BOUND)
    assert match.number == 2 and not match.is_found and match.distance == pytest.approx(0.01)


def test_has_nothing_of_another_size():
    assert Pool({1: np.zeros(5)}).find(VALUE, BOUND) is None


class Two(torch.nn.Module):
    """The second layer's answer is not taken."""

    def __init__(self):
        super().__init__()
        self.layers = torch.nn.ModuleList([torch.nn.Linear(4, 4), torch.nn.Linear(4, 4), torch.nn.ReLU()])

    def forward(self, hidden):
        taken = self.layers[2](self.layers[0](hidden))
        self.layers[1](taken)
        return self.layers[2](taken)


def test_listens_to_every_call_and_knows_what_is_needed():
    recorder = Recorder(model := Two())
    layer_outputs.mark_used(recorder, [model(torch.ones(2, 4))])
    heard = [(output.name, output.kind, output.is_used) for output in recorder.outputs]
    assert heard == [
        ("layers.0", "Linear", True),
        ("layers.2", "ReLU", True),
        ("layers.1", "Linear", False),
        ("layers.2#2", "ReLU", True),
    ]


WHOLE = layer_outputs.WHOLE


def rows(*found: bool, **changed) -> list:
    """A model `a.b`, `a`, `c` and what the whole gives, found or not."""
    names = ("a.b", "a", "c", *[WHOLE] * (len(found) - 3))
    outputs = [Output(name, name, "Linear", VALUE + place, bound=BOUND) for place, name in enumerate(names)]
    for output in outputs:
        output.is_used = changed.get(output.name, True)
    tensors = {place: output.value for place, output in enumerate(outputs) if found[place]}

    class Native:
        def find(self, value, bound, positions):
            return Pool(tensors).find(value, bound, positions)

    return layers.compared(outputs, Native(), None, range(0, 1))


VERDICTS = [
    ("all is found", rows(True, True, True, True), None),
    ("the innermost comes first", rows(False, False, True, False), "a.b"),
    ("a module that is right is right inside", rows(False, True, False, False), "c"),
    ("what follows from right answers", rows(True, False, False, True), None),
    ("of which all has to be right", rows(True, True, False, True, False), "c"),
    ("what is not needed is not missed", rows(True, True, False, False, c=False), WHOLE),
]


@pytest.mark.parametrize(("rows", "first"), [row[1:] for row in VERDICTS], ids=[row[0] for row in VERDICTS])
def test_names_the_first_that_differs(rows, first):
    assert next((row.output.name for row in rows if row.differs), None) == first
    said = layers.verdict(rows, ["models/bert.rs:1"] * len(rows))
    assert said.startswith(f"first that differs: {first} (Linear): " if first else "nothing differs")


CALLS = [
    {"model": 0, "reset": False, "position": 0, "inputs": "0"},
    {"model": 1, "reset": False, "position": 0, "inputs": "1"},
    {"model": 0, "reset": False, "position": 4, "inputs": "2"},
    {"model": 0, "reset": False, "position": 5, "inputs": "3"},
    {"model": 0, "reset": True, "position": 0, "inputs": "4"},
]


@pytest.mark.parametrize(("number", "seen"), [(0, "0"), (1, "1"), (2, "02"), (3, "023"), (4, "4")])
def test_knows_what_the_cache_holds(number, seen):
    assert "".join(call["inputs"] for call in layers.since_empty(CALLS, number)) == seen


def test_a_graph_tells_what_it_computes_on_the_way():
    nodes = [helper.make_node("Mul", ["x", "w"], ["scaled"]), helper.make_node("Shape", ["x"], ["size"]), helper.make_node("Relu", ["scaled"], ["y"])]
    x, y = (helper.make_tensor_value_info(name, TensorProto.FLOAT, ["n"]) for name in "xy")
    outside = TensorProto(name="w", data_type=TensorProto.FLOAT, dims=[1], data_location=TensorProto.EXTERNAL)
    outside.external_data.add(key="location", value="weights")
    graph = helper.make_model(helper.make_graph(nodes, "small", [x], [y], [outside]), opset_imports=[helper.make_opsetid("", 20)], ir_version=9)
    recorded = SimpleNamespace(
        graph=graph.SerializeToString(), manifest={"graph": {"leaves": []}}, weights=lambda: {"w": np.array([-2.0], dtype=np.float32)}
    )
    values = graph_values.values(recorded, {"x": np.array([1.0, -3.0], dtype=np.float32)})
    assert {name: value.tolist() for name, value in values.items()} == {"scaled": [-2.0, 6.0], "y": [0.0, 6.0]}


def test_masks_nothing_where_the_call_has_no_mask():
    given = {"input_ids": Tokens(("batch", "sequence")), "attention_mask": Lengths("sequence", (3, 2)), "bias": Floats((4,))}
    masks = layers.whole_masks(SimpleNamespace(inputs=given), {"input_ids": np.zeros((2, 3))})
    assert {name: mask.tolist() for name, mask in masks.items()} == {"attention_mask": [[1, 1, 1], [1, 1, 1]]}
