"""Calls of a check, put together to what PyTorch is asked."""

from dataclasses import replace

import numpy as np
import pytest

from touchstone import lengths, tokens
from touchstone.case import Case
from touchstone.replay import lengths as lengths_of, others, whole

CASE = Case(
    category="text-decoder",
    family="toy",
    variant=None,
    model="ToyModel",
    recorded_from="",
    decodes_along="sequence",
    config={},
    sizes={"batch": (1, 2), "sequence": (4, 3)},
    inputs={"input_ids": tokens("batch", "sequence"), "encoder_ids": tokens("batch", "source")},
    outputs={"logits": ("batch", "sequence", "vocab")},
)


def call(*ids: int) -> dict[str, np.ndarray]:
    return {"input_ids": np.array([ids]), "encoder_ids": np.array([[7, 8]])}


@pytest.mark.parametrize(
    ("seen", "ids", "asked", "before"),
    [
        ([call(1, 2, 3)], [[1, 2, 3]], 3, 0),
        ([call(1, 2), call(3)], [[1, 2, 3]], 1, 2),
        ([call(1), call(2, 3), call(4)], [[1, 2, 3, 4]], 1, 3),
    ],
)
def test_calls_on_a_cache_are_one_call_without(seen, ids, asked, before):
    arrays = whole(CASE, seen)
    assert arrays["input_ids"].tolist() == ids
    assert arrays["encoder_ids"].tolist() == [[7, 8]], "what does not grow is what came last"
    assert lengths_of(CASE, seen) == (asked, before)


def test_without_an_axis_that_grows_all_is_asked_for():
    seen = [{"encoder_ids": np.array([[7, 8]])}]
    assert lengths_of(CASE, seen) == (1, 0)


def test_what_a_call_lacks_is_as_long_as_the_call_is():
    inputs = {**CASE.inputs, "attention_mask": lengths(sequence=[4])}
    recorded = {"input_ids": np.arange(8).reshape(2, 4), "encoder_ids": np.arange(10).reshape(2, 5), "attention_mask": np.ones((2, 4))}
    found = others(replace(CASE, inputs=inputs), recorded, {"input_ids": np.zeros((1, 4))})
    assert {name: array.tolist() for name, array in found.items()} == {"encoder_ids": [[0, 1, 2, 3, 4]]}
