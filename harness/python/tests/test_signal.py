"""References that could not tell a defect are refused."""

import dataclasses

import numpy as np
import pytest

from touchstone import Case, constant, floats, lengths, prompt, rows, tokens
from touchstone.recording import signal
from touchstone.recording.refusal import Refused

CASE = Case(
    category="c", family="f", variant=None, model="M", recorded_from="0" * 16, config={},
    sizes={"batch": (2, 3), "sequence": (4, 3)},
    inputs={"a": floats("batch", "sequence"), "b": floats("batch", "sequence")},
    outputs={"y": ("batch", "sequence", "hidden")},
)
GOOD = np.random.default_rng(0).normal(size=(2, 4, 3))


def test_an_ordinary_signal_is_accepted():
    signal.check(CASE, {"y": GOOD})


def test_two_silent_channels_are_accepted():
    silenced = GOOD.copy()
    silenced[..., :2] = 0
    signal.check(CASE, {"y": silenced})


def equal_rows(value):
    return np.repeat(value[:1], 2, axis=0)


def equal_positions(value):
    value[:, 2] = value[:, 1]
    return value


def equal_channels(value):
    return np.repeat(value[..., :1], 3, axis=-1)


def with_infinity(value):
    value[0, 0, 0] = np.inf
    return value


@pytest.mark.parametrize(
    ("spoil", "message"),
    [
        (lambda value: value * 1e-6, "output `y` has vanished"),
        (lambda value: value * 0, "output `y` has vanished"),
        (lambda value: value * 1e6, "output `y` has exploded"),
        (with_infinity, "output `y` is not finite"),
        (equal_rows, r"slices 0 and 1 along axis 0 \(`batch`\) are equal"),
        (equal_positions, r"slices 1 and 2 along axis 1 \(`sequence`\) are equal"),
        (equal_channels, r"all slices along axis 2 \(`hidden`\) are equal"),
        (lambda value: value[:, :3], "axis `sequence` is 3 long, and the case says 4"),
        (lambda value: value[0], r"has shape \[4, 3\], and the case names 3 axes"),
        (lambda value: value[:0], "axis `batch` is 0 long"),
    ],
)
def test_a_degenerate_output_is_refused(spoil, message):
    with pytest.raises(Refused, match=message):
        signal.check(CASE, {"y": spoil(GOOD.copy())})


ARRAYS = {"a": GOOD[..., 0].astype(np.float32), "b": GOOD[..., 1].astype(np.float32)}
OTHERS = {name: array + 1 for name, array in ARRAYS.items()}


def reach(model, case=CASE, arrays=ARRAYS, others=OTHERS):
    return signal.check_inputs(case, arrays, others, model(arrays), model)


def test_every_input_that_matters_is_listed_with_its_outputs():
    assert reach(lambda x: {"y": x["a"] * x["b"], "z": x["a"]}) == {"a": ["y", "z"], "b": ["y"]}


@pytest.mark.parametrize(
    ("model", "message"),
    [
        (lambda x: {"y": x["a"]}, "no output depends on input `b`"),
        (lambda x: {"y": x["a"] + 1e-9 * x["b"]}, "no output depends on input `b`"),
        (lambda x: {"y": x["a"] * x["b"], "z": np.ones(3)}, "output `z` depends on no input"),
    ],
    ids=["ignored", "hardly read", "constant output"],
)
def test_an_input_or_output_without_effect_is_refused(model, message):
    with pytest.raises(Refused, match=message):
        reach(model)


def test_a_mask_that_matters_only_when_it_is_shorter_is_accepted():
    """Where the last valid position is pooled, what lies behind it never shows."""
    case = dataclasses.replace(CASE, inputs={"m": lengths(sequence=[4, 3])}, outputs={"y": ("batch",)})
    mask = np.array([[1, 1, 1, 1], [1, 1, 1, 0]])

    def last_below_three(x):
        return {"y": np.minimum(x["m"].sum(axis=1), 3).astype(float)}

    assert reach(last_below_three, case, {"m": mask}, {"m": mask}) == {"m": ["y"]}


COUNTED = np.array([[1, 1, 1, 1], [1, 1, 0, 0]])


def counted(x):
    """As many features are valid as there are placeholders, or the model refuses."""
    if x["m"].sum() != COUNTED.sum():
        raise ValueError("features and placeholders do not match\nin number")
    return x["m"]


def test_a_mask_whose_ones_are_counted_is_read_if_their_places_matter():
    case = dataclasses.replace(CASE, inputs={"m": lengths(sequence=[4, 2])})
    model = lambda x: {"y": counted(x) @ np.arange(1.0, 5.0)}  # noqa: E731
    assert reach(model, case, {"m": COUNTED}, {"m": COUNTED}) == {"m": ["y"]}


def test_a_mask_of_which_only_the_count_matters_is_refused():
    case = dataclasses.replace(CASE, inputs={"m": lengths(sequence=[4, 2])})
    message = r"no output depends on input `m` \(a changed one is refused: ValueError: features and placeholders do not match\)"
    with pytest.raises(Refused, match=message):
        reach(lambda x: {"y": np.full(2, counted(x).sum() * 1.0)}, case, {"m": COUNTED}, {"m": COUNTED})


@pytest.mark.parametrize(
    ("kind", "array", "expected"),
    [
        (constant(("batch", 2), 1), [[1, 1]], [[[1, 0]]]),
        (constant(("batch", 2), 5), [[5, 5]], [[[5, 4]]]),
        (rows([[1, 2], [3, 4]]), [[1, 2], [3, 4]], [[[3, 4], [1, 2]], [[2, 1], [4, 3]]]),
        (prompt(["batch", 3], start=[9]), [[9, 4, 5]], [[[9, 7, 7]]]),
        (tokens("batch", 3), [[1, 4, 5]], [[[7, 7, 7]]]),
        (
            lengths(sequence=[4, 2]),
            [[1, 1, 1, 1], [1, 1, 0, 0]],
            [[[1, 1, 1, 1], [1, 1, 1, 1]], [[1, 1, 1, 0], [1, 0, 0, 0]], [[1, 1, 0, 0], [1, 1, 1, 1]]],
        ),
    ],
    ids=["flag", "number", "rows", "prompt", "tokens", "mask"],
)
def test_each_kind_is_changed_in_its_own_way(kind, array, expected):
    array = np.array(array)
    changed = signal.perturbed(kind, array, np.full_like(array, 7))
    assert [change.tolist() for change in changed] == expected
