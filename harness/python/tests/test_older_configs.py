"""Configs of transformers 4 from those of transformers 5, and when they are not the same model."""

import math

import pytest

from touchstone.older_configs import decoded, rope, with_torch_dtype
from touchstone.same_config import differences

KNOWN = {"rope_theta": 1.0, "rope_scaling": None, "partial_rotary_factor": 0.5}


@pytest.mark.parametrize(
    ("newer", "known", "given"),
    [
        ({}, KNOWN, {}),
        ({"rope_parameters": {"rope_theta": 5e5, "rope_type": "default"}}, KNOWN, {"rope_theta": 5e5}),
        ({"rope_parameters": {"rope_theta": 5e5, "rope_type": "default"}}, {}, {}),
        (
            {"rope_parameters": {"rope_theta": 5e5, "rope_type": "yarn", "factor": 4.0}},
            KNOWN,
            {"rope_theta": 5e5, "rope_scaling": {"rope_type": "yarn", "factor": 4.0}},
        ),
        (
            {"rope_parameters": {"rope_theta": 5e5, "partial_rotary_factor": 0.25, "rope_type": "default"}},
            KNOWN,
            {"rope_theta": 5e5, "partial_rotary_factor": 0.25},
        ),
        ({"rope_parameters": {"full_attention": {"rope_theta": 7.0}}}, KNOWN, {"rope_theta": 7.0}),
    ],
)
def test_what_rotates_has_fields_of_its_own(newer, known, given):
    assert rope({"model_type": "toy", **newer}, known) == given


def test_a_type_may_have_a_base_for_each_kind_of_layer():
    newer = {"model_type": "modernbert", "rope_parameters": {"full_attention": {"rope_theta": 1.0}, "sliding_attention": {"rope_theta": 2.0}}}
    assert rope(newer, {}) == {"global_rope_theta": 1.0, "local_rope_theta": 2.0}


def test_infinities_and_dtypes_are_as_they_were():
    assert decoded({"limit": [0.0, {"__float__": "Infinity"}]}) == {"limit": [0.0, math.inf]}
    assert with_torch_dtype({"dtype": "float32", "part": {"dtype": "float16"}}) == {"torch_dtype": "float32", "part": {"torch_dtype": "float16"}}


@pytest.mark.parametrize(
    ("read", "recorded", "faults"),
    [
        ({"a": 1, "gone": True}, {"a": 1}, []),
        ({"a": 1, "dtype": "float32"}, {"a": 1, "dtype": None}, []),
        ({"part": {"a": 1}}, {"part": {"a": 2}}, ["`part.a` is 1, and was recorded as 2"]),
        ({}, {"a": 2}, ["`a` is null, and was recorded as 2"]),
    ],
)
def test_only_what_transformers_5_writes_counts(read, recorded, faults):
    assert differences(read, recorded) == faults
