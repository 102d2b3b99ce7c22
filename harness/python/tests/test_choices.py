"""Discrete choices on floats must be the same in both precisions, by a margin."""

import pytest

torch = pytest.importorskip("torch")

from touchstone.recording import choices  # noqa: E402
from touchstone.recording.refusal import Refused  # noqa: E402

CLEAR = torch.tensor([0.1, 0.91, 0.5, 0.32], dtype=torch.float64) / 3
CLOSE = torch.tensor([0.1, 0.9, 0.90001, 0.3], dtype=torch.float64) / 3


def made(choose, values):
    with choices.Choices() as seen:
        choose(values)
    return seen.made


def compare(choose, values, low=None):
    return choices.compare(made(choose, values.float() if low is None else low), made(choose, values))


def topk(x):
    return x.topk(2)


def sort(x):
    return x.sort(descending=True)


def argmax(x):
    return x.argmax()


def as_integer(x):
    return (x * 100).to(torch.int64)


def rounded(x):
    return (x * 100).round()


@pytest.mark.parametrize("choose", [topk, sort, argmax, as_integer, rounded, lambda x: x > 0.2])
def test_clear_choices_are_counted(choose):
    assert compare(choose, CLEAR) == 1


@pytest.mark.parametrize("choose", [topk, sort, argmax, lambda x: (-x).argmin()])
def test_a_choice_by_a_hair_is_refused(choose):
    with pytest.raises(Refused, match="of the largest value"):
        compare(choose, CLOSE)


@pytest.mark.parametrize(
    ("choose", "value"),
    [(rounded, 0.125 / 3 * 3 + 1e-8), (as_integer, 0.1300001), (lambda x: (x * 100).floor(), 0.12999999)],
    ids=["half", "above a step", "below a step"],
)
def test_a_value_beside_its_step_is_refused(choose, value):
    with pytest.raises(Refused):
        compare(choose, torch.tensor([value], dtype=torch.float64))


def test_other_indices_are_refused():
    other = CLEAR.float().flip(0)
    with pytest.raises(Refused, match=r"topk \(choice 0 of 1\): float32 and float64 choose differently"):
        compare(topk, CLEAR, other)


def test_another_number_of_choices_is_refused():
    with pytest.raises(Refused, match="take different ways: 0 and 1 discrete choices"):
        choices.compare([], made(topk, CLEAR))


def test_a_comparison_that_flips_is_refused():
    value = torch.tensor([1 / 3], dtype=torch.float64)
    with pytest.raises(Refused, match="choose differently"):
        compare(lambda x: x.double() > 1 / 3 + 1e-9, value, value.float())


def test_choices_on_integers_are_exempt():
    assert made(lambda x: x.argmax(), torch.tensor([3, 3, 1])) == []


def test_exact_values_are_exempt():
    """Masks, positions and powers of two carry no rounding that could turn a choice."""
    tied = torch.tensor([0.0, 1.0, 1.0, 0.5], dtype=torch.float64)
    assert compare(topk, tied) == 1
    assert compare(lambda x: x.to(torch.int64), tied) == 1


def test_what_lies_behind_the_chosen_does_not_matter():
    """The third and fourth are close, and two are taken."""
    assert compare(topk, torch.tensor([0.9, 0.6, 0.1, 0.1000001], dtype=torch.float64) / 3) == 1


def test_rows_hidden_by_infinity_do_not_count():
    hidden = torch.tensor([0.9, 0.5, -torch.inf, -torch.inf], dtype=torch.float64)
    hidden[:2] /= 3
    assert compare(lambda x: x.topk(2), hidden) == 1
