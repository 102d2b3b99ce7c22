"""Outputs are found by name wherever an answer holds them."""

import dataclasses
from typing import NamedTuple

import pytest

torch = pytest.importorskip("torch")

from transformers.modeling_outputs import BaseModelOutput  # noqa: E402

from touchstone import Case, live  # noqa: E402

CASE = Case(category="c", family="f", variant=None, model="M", recorded_from="0" * 16, config={}, sizes={"batch": (2,)}, inputs={}, outputs={})
A, B, C = (torch.full((2,), float(value)) for value in range(3))


class Pair(NamedTuple):
    first: torch.Tensor
    rest: tuple


def found(answer, *names: str):
    return live.outputs_of(dataclasses.replace(CASE, outputs={name: ("batch",) for name in names}), answer)


@pytest.mark.parametrize(
    ("answer", "name"),
    [
        ({"last_hidden_state": B}, "last_hidden_state"),
        (BaseModelOutput(last_hidden_state=B), "last_hidden_state"),
        (BaseModelOutput(last_hidden_state=A, hidden_states=(A, B, C)), "hidden_states_1"),
        ({"feature_maps": [A, B]}, "feature_maps_1"),
        ({"levels": [[A], [C, B]]}, "levels_1_1"),
        ({"text_model_output": BaseModelOutput(last_hidden_state=B)}, "text_model_output__last_hidden_state"),
        ({"parts": (BaseModelOutput(last_hidden_state=A), BaseModelOutput(hidden_states=(A, B)))}, "parts_1__hidden_states_1"),
        ({"scale_1": B, "scale": (A, C)}, "scale_1"),
        ((A, B), "output_1"),
        (Pair(A, (C, B)), "rest_1"),
        (B, "logits"),
    ],
    ids=["mapping", "object", "tuple", "list", "lists in a list", "object in an object", "objects in a tuple", "a field's own name first", "no names", "named tuple", "one tensor"],
)
def test_an_output_is_found(answer, name):
    assert torch.equal(found(answer, name)[name], B)


@pytest.mark.parametrize(
    ("answer", "names", "message"),
    [
        ({"a": A}, ["b"], r"output `b` of M is NoneType \(tensors: a\)"),
        ({"a": (A, B)}, ["a"], r"output `a` of M is tuple \(tensors: a_0, a_1\)"),
        ({"a": (A, B)}, ["a_2"], r"output `a_2` of M is NoneType \(tensors: a_0, a_1\)"),
        ({"a": {"b": A}}, ["a"], r"output `a` of M is dict \(tensors: a__b\)"),
        ((A, B), ["y"], r"output `y` of M is NoneType \(tensors: output_0, output_1\)"),
        (A, ["y", "z"], r"output `y` of M is NoneType \(tensors: \)"),
    ],
    ids=["absent", "several", "beyond the end", "nested", "without names", "one tensor for two"],
)
def test_what_is_no_tensor_is_refused_with_the_names_that_are(answer, names, message):
    with pytest.raises(ValueError, match=message):
        found(answer, *names)


@pytest.mark.parametrize(
    ("value", "expected"),
    [({"tensor": [[1, 4, 6]]}, torch.tensor([[1, 4, 6]])), ({"tensor": [1], "other": 2}, None), ([[1, 4, 6]], None), (True, None)],
    ids=["tensor", "another object", "list", "flag"],
)
def test_constant_arguments_may_be_tensors(value, expected):
    made = live.constant(value)
    assert made is value if expected is None else torch.equal(made, expected)


def test_a_tied_buffer_is_found_where_a_parameter_is_looked_for():
    norm = torch.nn.BatchNorm1d(3)
    with pytest.raises(AttributeError):
        norm.get_parameter("running_mean")
    with live.tied_buffers():
        assert norm.get_parameter("running_mean") is norm.running_mean
        assert norm.get_parameter("weight") is norm.weight


def test_a_config_keeps_the_blocks_that_timm_builds_from():
    pytest.importorskip("timm")
    block = {"block_type": "er", "out_chs": 8, "stride": 2, "exp_kernel_size": 3, "exp_ratio": 2.0, "act_layer": None}
    given = {"architecture": "mobilenetv5_300m_enc", "model_args": {"block_args": [[dict(block)], [dict(block)]]}}
    case = dataclasses.replace(CASE, model="TimmWrapperModel", config=given)
    model = live.initialised(case, 0)
    assert model.config.model_args["block_args"] == [[block], [block]] == given["model_args"]["block_args"]
