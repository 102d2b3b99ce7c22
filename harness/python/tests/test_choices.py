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


def masked(x, keep):
    """As transformers masks: by the lowest number of whatever precision."""
    return torch.where(torch.tensor(keep), x, torch.finfo(x.dtype).min)


@pytest.mark.parametrize(
    "choose",
    [
        lambda x: masked(x, [True, True, False, False]).topk(2),
        lambda x: masked(x, [True, True, False, False]).topk(3),
        lambda x: masked(x, [True, True, False, True]).sort(descending=True),
        lambda x: masked(x, [False, True, False, True]).argmax(),
        lambda x: masked(x, [False, True, False, True])[None].argmax(-1, keepdim=True),
        lambda x: (masked(x, [True, False, True, False]) + x).topk(4),
    ],
    ids=["those that are left", "more than are left", "sorted", "best", "best, with its axis", "all"],
)
def test_masked_scores_do_not_count(choose):
    assert compare(choose, CLEAR) == len(made(choose, CLEAR))


def test_which_of_the_masked_is_chosen_does_not_matter():
    low, high = (made(lambda x: masked(x, [False, True, False, False]).topk(2), x)[0] for x in (CLEAR.float(), CLEAR))
    high.chosen[1] = 3 if high.chosen[1] != 3 else 2
    choices.compare_one("topk", low, high)


@pytest.mark.parametrize(
    ("choose", "values", "message"),
    [
        (lambda x: masked(x, [True, True, True, False]).topk(1), CLOSE, "of the largest value"),
        (lambda x: masked(x, [True, True, True, False]).argmax(), CLOSE, "of the largest value"),
    ],
)
def test_a_hair_between_what_is_not_masked_is_refused(choose, values, message):
    with pytest.raises(Refused, match=message):
        compare(choose, values)


def test_another_choice_beside_masked_ones_is_refused():
    choose = lambda x: masked(x, [True, True, True, False]).topk(2)  # noqa: E731
    with pytest.raises(Refused, match="choose differently"):
        compare(choose, CLEAR, CLEAR.float()[[0, 2, 1, 3]])


def compare_freely(model, values, low=None):
    """As the recorder does: what may be chosen otherwise is chosen otherwise."""

    def harmless(number, chosen):
        with choices.Otherwise(number, chosen):
            return torch.allclose(model(values), truth, rtol=0, atol=1e-10)

    truth = model(values)
    return choices.compare(made(model, values.float() if low is None else low), made(model, values), harmless)


STEP = torch.tensor([0.1300000001, 0.5], dtype=torch.float64)


@pytest.mark.parametrize(
    ("model", "values"),
    [
        (lambda x: (x * 100).to(torch.int64).clamp(min=13).double(), STEP),
        (lambda x: (x * 100).floor().clamp(min=13), STEP),
        (lambda x: (x * 100 + 0.5).round().clamp(min=14), STEP),
        (lambda x: x.topk(3).values.sum(), CLOSE),
        (lambda x: x[x.sort(descending=True).indices].sum(), CLOSE),
        (lambda x: torch.stack([x.double(), 1 - x.double()])[:, x.argmax().clamp(max=1)] * 0 + 1, CLOSE),
    ],
    ids=["clamped integer", "clamped floor", "clamped round", "all three are added", "order is lost", "unread"],
)
def test_a_choice_that_changes_nothing_may_go_either_way(model, values):
    assert compare_freely(model, values) >= 1


@pytest.mark.parametrize(
    ("model", "values", "message"),
    [
        (lambda x: (x * 100).to(torch.int64).clamp(min=12).double(), STEP, "to integer .* decided by"),
        (lambda x: x.topk(1).values.sum(), CLOSE, "topk .* decided by"),
        (lambda x: (x[x.sort(descending=True).indices] * torch.arange(4)).sum(), CLOSE, "sort .* decided by"),
        (lambda x: x[x.argmax()], CLOSE, "argmax .* decided by"),
    ],
    ids=["within its clamp", "one of two", "order matters", "the best"],
)
def test_a_choice_that_changes_something_may_not(model, values, message):
    with pytest.raises(Refused, match=message):
        compare_freely(model, values)


def test_what_float32_chooses_otherwise_may_change_nothing():
    step = torch.tensor([0.13], dtype=torch.float64)
    model = lambda x: (x * 100).to(torch.int64).clamp(min=13).double()  # noqa: E731
    assert compare_freely(model, step, step.float() - 1e-7) == 1
    with pytest.raises(Refused, match="choose differently"):
        compare_freely(lambda x: (x * 100).to(torch.int64).double(), step, step.float() - 1e-7)


def test_neighbours_change_places_pair_by_pair():
    (choice,) = made(lambda x: x.topk(3), torch.tensor([[0.4, 0.1, 0.3, 0.2]], dtype=torch.float64))
    close = choices.np.array([[True, True, False]])
    assert [other.tolist() for other in choices.otherwise(choice, close)] == [[[2, 0, 3]], [[0, 3, 2]]]


@pytest.mark.parametrize(
    ("model", "seen"),
    [
        (lambda x: x[x.max(0)[1]], 1),
        (lambda x: x[(-x).min(0).indices], 1),
        (lambda x: (x - x.max(0, keepdim=True).values).sum(), 1),
        (lambda x: x.max() + x.min(), 0),
    ],
    ids=["place of the largest", "place of the smallest", "largest", "over all"],
)
def test_the_place_of_an_extreme_is_a_choice(model, seen):
    assert compare_freely(model, CLEAR) == seen


def test_an_extreme_whose_place_is_not_read_may_be_in_either():
    assert compare_freely(lambda x: (x - x.max(0).values).sum(), CLOSE) == 1
    with pytest.raises(Refused, match="max .* decided by"):
        compare_freely(lambda x: x[x.max(0).indices], CLOSE)


@pytest.mark.parametrize(("away", "lost", "refused"), [(5e-5, 1e-9, False), (5e-5, 2e-6, True), (5e-7, 1e-9, True)])
def test_a_step_is_as_near_as_float32_was_off(away, lost, refused):
    high = torch.tensor([1.0 + away], dtype=torch.float64)
    low, high = (made(lambda x: x.to(torch.int64), value)[0] for value in (high + lost, high))
    if refused:
        with pytest.raises(Refused, match="decided by"):
            choices.compare_one("to integer", low, high)
    else:
        choices.compare_one("to integer", low, high)
