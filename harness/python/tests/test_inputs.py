"""Inputs are built from their kinds, at any size."""

import numpy as np
import pytest

from touchstone import Case, boxes, constant, floats, inputs, integers, lengths, prompt, rows, tokens
from touchstone.inputs import Vocabulary

VOCABULARY = Vocabulary(20, frozenset({0, 3, 19}))


def built(kind, sizes=None, **others):
    case = Case(
        category="c", family="f", variant=None, model="M", recorded_from="0" * 16, config={},
        sizes={"batch": (2, 3), "sequence": (8, 4)}, inputs={"x": kind, **others}, outputs={},
    )
    return inputs.build_one(case, "x", sizes or case.recorded_sizes(), lambda name: VOCABULARY)


def test_tokens_avoid_every_special_id():
    ids = built(tokens("batch", "sequence"), {"batch": 50, "sequence": 50})
    assert set(np.unique(ids)) == set(range(20)) - {0, 3, 19}


def test_tokens_are_a_function_of_the_name():
    assert np.array_equal(built(tokens("batch", "sequence")), built(tokens("batch", "sequence")))


def test_a_mask_is_one_up_to_each_length():
    assert built(lengths(sequence=[8, 3])).sum(axis=1).tolist() == [8, 3]


def test_a_mask_keeps_its_shares_at_another_size():
    assert built(lengths(sequence=[8, 2]), {"batch": 3, "sequence": 4}).sum(axis=1).tolist() == [4, 1, 4]


def test_floats_are_the_numbers_that_rust_makes():
    from touchstone import weights

    assert np.array_equal(built(floats("batch", 3)), weights.float_input("x", (2, 3)))


def test_integers_stay_below_their_limit():
    assert set(np.unique(built(integers(("batch", 50), 3)))) == {0, 1, 2}


def test_boxes_have_their_corners_in_order():
    made = built(boxes(("batch", 50, 4), 9))
    assert made.shape == (2, 50, 4)
    assert (made[..., :2] <= made[..., 2:]).all()
    assert set(np.unique(made)) == set(range(9))
    assert not np.array_equal(made[..., 0], made[..., 1])


@pytest.mark.parametrize("shape", [(), ("batch", "sequence"), ("batch", 2)])
def test_boxes_without_four_places_are_refused(shape):
    with pytest.raises(ValueError, match=r"boxes: a last axis of .* \(valid: 4\)"):
        boxes(shape, 9)


def test_a_constant_is_everywhere():
    assert built(constant(("batch", 2), 7)).tolist() == [[7, 7], [7, 7]]


def test_rows_are_taken_in_turn():
    assert built(rows([[1, 2], [3, 4]]), {"batch": 3, "sequence": 4}).tolist() == [[1, 2], [3, 4], [1, 2]]


def test_a_prompt_ends_at_its_rows_length():
    ids = built(prompt(["batch", "sequence"], start=[3], media=(19, 2), end=[0]), mask=lengths(sequence=[8, 6]))
    assert ids[:, :3].tolist() == [[3, 19, 19]] * 2
    assert ids[0, 7] == 0
    assert ids[1, 5] == 0
    assert (ids == 0).sum() == 2


@pytest.mark.parametrize(
    ("make", "message"),
    [
        (lambda: built(prompt(["batch", "sequence"], media=(19, 9))), "9 placed ids in a row of length 8"),
        (lambda: built(tokens("batch", "frames")), r"axis `frames` has no size \(known: batch, sequence\)"),
        (lambda: lengths(a=[1], b=[2]), "2 axes named"),
        (lambda: lengths(), "0 axes named"),
        (lambda: rows([[1], [2, 3]]), "rows of unequal length"),
        (lambda: rows([]), "rows of unequal length or none"),
        (lambda: Vocabulary(3, frozenset({0, 1})).draw("x", 4), "1 ordinary ids below 3"),
    ],
    ids=["prompt too long", "unknown axis", "two axes", "no axis", "ragged", "no rows", "nothing but special ids"],
)
def test_impossible_inputs_are_refused(make, message):
    with pytest.raises(ValueError, match=message):
        make()
