"""Scales and means follow from what transformers' initialisation left, and nothing stays degenerate."""

import pytest

torch = pytest.importorskip("torch")

from touchstone.recording import fill  # noqa: E402
from touchstone.recording.refusal import Refused  # noqa: E402


def chosen(tensor, kind="matrix", other=None):
    return fill.choose("w", tensor, tensor + 1 if other is None else other, kind)


@pytest.mark.parametrize(
    ("tensor", "kind", "scale", "mean"),
    [
        (torch.zeros(7), "vector", 0.2, 0.0),
        (torch.ones(7), "vector", 0.25, 1.0),
        (torch.full((7,), 1e-6), "vector", 0.15, 0.3),
        (torch.full((), 2.6592), "vector", 0.266, 2.66),
        (torch.zeros(4, 9), "matrix", 0.577, 0.0),
        (torch.zeros(1, 5, 9), "embedding", 0.346, 0.0),
        (torch.linspace(-8, -2, 12), "vector", 3.0, -5.0),
    ],
    ids=["bias", "norm", "layer scale", "temperature", "zero matrix", "class token", "decay"],
)
def test_constants_and_ranges(tensor, kind, scale, mean):
    weight = chosen(tensor, kind)
    assert (weight.scale, weight.mean) == (scale, mean)


@pytest.mark.parametrize(
    ("shape", "kind", "fan_in"),
    [((8, 16), "matrix", 16), ((8, 3, 5, 5), "conv", 75), ((3, 8, 16), "parameter", 128**0.5), ((8, 4, 3), "transposed-conv", 12)],
)
def test_a_matrix_keeps_the_size_of_its_signal(shape, kind, fan_in):
    torch.manual_seed(0)
    weight = chosen(torch.randn(shape) * 1e-3, kind)
    assert weight.scale == pytest.approx((3 / fan_in) ** 0.5, rel=5e-3)
    assert weight.mean == 0


def test_what_is_positive_stays_positive():
    torch.manual_seed(0)
    values = chosen(torch.rand(50) + 0.01, "vector").tensor()
    assert values.min() > 0


def test_a_learned_table_that_starts_from_a_formula_gets_its_range():
    table = torch.arange(1.0, 9.0).log().repeat(4, 1)
    weight = chosen(table, "parameter", other=table)
    assert weight.stored is None
    assert weight.scale == pytest.approx(weight.mean) == pytest.approx(1.04)


@pytest.mark.parametrize("tensor", [torch.arange(5), torch.tensor(3), torch.ones(2, dtype=torch.bool)])
def test_integers_are_stored(tensor):
    weight = chosen(tensor, "table", other=tensor)
    assert torch.equal(weight.tensor(), tensor)
    assert weight.entry()[3:] == [None, None]


def test_a_computed_table_is_stored():
    table = torch.linspace(-1, 1, 6).reshape(2, 3)
    assert torch.equal(chosen(table, "table", other=table).tensor(), table)


def test_what_is_not_finite_is_refused():
    with pytest.raises(Refused, match="weight `w` is not finite after initialisation"):
        chosen(torch.tensor([1.0, torch.nan]))


def test_two_seeds_that_save_other_names_are_refused(bert):
    with pytest.raises(Refused, match="two seeds save different tensors"):
        fill.choose_all(bert, torch.nn.Linear(1, 1), {"a": torch.ones(1)}, {"b": torch.ones(1)})


@pytest.mark.parametrize(
    ("module", "name", "expected"),
    [
        (torch.nn.Linear(3, 2), "weight", "matrix"),
        (torch.nn.Linear(3, 2), "bias", "vector"),
        (torch.nn.Embedding(3, 2), "weight", "embedding"),
        (torch.nn.Conv2d(3, 2, 1), "weight", "conv"),
        (torch.nn.ConvTranspose1d(3, 2, 1), "weight", "transposed-conv"),
        (torch.nn.BatchNorm1d(3), "running_var", "vector"),
        (torch.nn.LayerNorm(3), "weight", "vector"),
    ],
)
def test_kinds_follow_from_the_layer(module, name, expected):
    tensor = getattr(module, name)
    assert fill.kind(module, tensor, isinstance(tensor, torch.nn.Parameter)) == expected


def test_a_frozen_table_is_a_table():
    frozen = torch.nn.Embedding(3, 2)
    frozen.weight.requires_grad_(False)
    assert fill.kind(frozen, frozen.weight, frozen.weight.requires_grad) == "table"


@pytest.mark.parametrize(
    ("tensor", "expected"),
    [
        (torch.zeros(5), "vector"),
        (torch.zeros(4, 9), "embedding"),
        (torch.ones(2, 4, 9), "embedding"),
        (torch.ones(()), "table"),
        (torch.ones(1, 1, 1), "table"),
        (torch.arange(6.0).reshape(2, 3), "table"),
        (torch.tril(torch.ones(3, 3)), "table"),
    ],
    ids=["statistics", "codebook", "codebooks", "number", "number with axes", "computed", "mask"],
)
def test_a_buffer_that_waits_as_a_constant_is_filled(tensor, expected):
    assert fill.kind(torch.nn.Module(), tensor, learned=False) == expected


@pytest.mark.parametrize(
    ("name", "gain", "expected"),
    [("bn.running_var", 1.0, (0.25, 1.0)), ("bn.running_var", 2.0, (0.0625, 0.25)), ("bn.running_mean", 2.0, (0.25, 1.0)), ("bn.weight", 4.0, (0.25, 1.0)), ("conv.weight_g", 2.0, (0.433, 1.73)), ("conv.parametrizations.weight.original0", 1.0, (0.25, 1.0))],
)
def test_only_what_normalises_amplifies(name, gain, expected):
    weight = fill.calmed(fill.Weight(name, (3,), "f32", 0.25, 1.0), gain)
    assert (weight.scale, weight.mean) == expected


def test_another_draw_has_other_values_of_the_same_scale():
    weight = fill.Weight("w", (50,), "f32", 0.5, 2.0)
    assert torch.equal(weight.tensor(), weight.tensor(""))
    assert not torch.equal(weight.tensor(), weight.tensor("/draw/0"))
    assert 1.5 <= weight.tensor("/draw/0").min() and weight.tensor("/draw/0").max() < 2.5


def test_a_chance_of_one_stays_one():
    weight = fill.choose("model.attn_mask_probs", torch.ones(2), torch.ones(2), "vector")
    assert torch.equal(weight.tensor(), torch.ones(2))
