"""Arguments that are constant tensors are computed with at once, whatever Python reads of them; operators that torchlib gets wrong."""

import numpy as np
import pytest

torch = pytest.importorskip("torch")
ort = pytest.importorskip("onnxruntime")

from touchstone import Case, floats, live  # noqa: E402
from touchstone.recording import constants, graph  # noqa: E402


def case_of(call, *axes):
    return Case(
        category="c", family="f", variant=None, model="M", recorded_from="0" * 16, config={}, call=call,
        sizes={"batch": (2, 3)}, inputs={"x": floats("batch", *axes)}, outputs={"y": ("batch",)},
    )


def ran(case, model, arrays, dynamic=("batch",)):
    """What ONNX Runtime makes of the exported model."""
    exported = graph.export(case, model.eval(), arrays, list(dynamic))
    session = ort.InferenceSession(exported.model.SerializeToString(), providers=["CPUExecutionProvider"])
    return session.run(None, {"x": np.concatenate([arrays["x"]] * 2)})[0][: len(arrays["x"])]


class ByGrid(torch.nn.Module):
    """Cuts, counts and selects by a grid, as models of packed patches do."""

    def __init__(self, how: str) -> None:
        super().__init__()
        self.how = how

    def forward(self, x, grid):
        if self.how == "cuts":
            parts = torch.split(x, grid.prod(-1).tolist(), dim=1)
            return {"y": torch.stack([part.sum(1) * (place + 1) for place, part in enumerate(parts)]).sum(0)}
        if self.how == "iterates":
            return {"y": sum(x[:, : int(height)].sum(1) * int(width) for height, width in grid)}
        if self.how == "counts":
            places = torch.arange(x.shape[1])
            return {"y": (x * places)[:, : int(grid.max())].sum(1)}
        mask = torch.arange(x.shape[1])[None] < grid.sum(-1)[:, None]
        return {"y": x[:, mask[0]].sum(1) - x[:, mask[1]].prod(1)}


@pytest.mark.parametrize("how", ["cuts", "iterates", "counts", "selects"])
def test_what_python_reads_of_a_constant_is_known_while_tracing(how):
    case, model = case_of({"grid": {"tensor": [[1, 4], [3, 2]]}}, 10), ByGrid(how)
    arrays = {"x": np.random.default_rng(0).normal(size=(2, 10)).astype(np.float32)}
    assert np.allclose(ran(case, model, arrays), live.run(case, model, arrays)["y"], atol=1e-5)


def test_what_is_no_constant_stays_unknown():
    known, traced = torch.ones(2), torch.ones(2)
    folded = constants.Folded([known])
    assert folded.follows(torch.add, (known, 1), {})
    assert folded.follows(torch.arange, (3,), {})
    assert not folded.follows(torch.add, (known, traced), {})
    assert not folded.follows(torch.rand, (3,), {})


def test_without_a_constant_tensor_nothing_is_folded():
    assert not isinstance(constants.folded({"a": [1], "b": True}), constants.Folded)


@pytest.mark.parametrize("bias", [True, False])
def test_a_convolution_in_three_dimensions_is_exported_with_and_without_bias(bias):
    class Patches(torch.nn.Module):
        def __init__(self):
            super().__init__()
            self.conv = torch.nn.Conv3d(2, 4, (2, 3, 3), stride=(2, 3, 3), bias=bias)

        def forward(self, x):
            return {"y": self.conv(x).flatten(1).sum(1)}

    torch.manual_seed(0)
    case, model = case_of({}, 2, 2, 6, 6), Patches()
    arrays = {"x": np.random.default_rng(0).normal(size=(2, 2, 2, 6, 6)).astype(np.float32)}
    with torch.no_grad():
        assert np.allclose(ran(case, model, arrays), live.run(case, model, arrays)["y"], atol=1e-5)


class One(torch.nn.Module):
    """One expression of a numbers' batch and of a table of angles."""

    def __init__(self, expression) -> None:
        super().__init__()
        self.expression = expression

    def forward(self, x):
        return {"y": self.expression(x).reshape(x.shape[0], -1).sum(-1)}


def turned(x):
    return torch.polar(torch.ones_like(x), x)


@pytest.mark.parametrize(
    "expression",
    [
        lambda x: x.squeeze(1) * x,
        lambda x: x.unsqueeze(1).squeeze(1) * x,
        lambda x: x.squeeze(0) * x,
        lambda x: (1.0 - (x > 0).to(torch.int64)) * x,
        lambda x: torch.cummax(x, 1)[0] * torch.cummin(x, 1)[1],
        lambda x: torch.searchsorted(torch.tensor([-0.5, 0.1, 0.7]), x) * x,
        lambda x: torch.cdist(x.unsqueeze(-1), torch.arange(3.0).unsqueeze(-1), p=2),
        lambda x: torch.view_as_real(turned(x)[:, None] * turned(x)[:, :, None]),
        lambda x: torch.view_as_real(turned(x)[..., 2:] * turned(x)[..., :-2]),
    ],
    ids=["a longer axis squeezed", "an axis squeezed", "the batch squeezed", "one less whole numbers", "running extremes", "sorted in", "distances", "complex", "complex part"],
)
def test_what_the_exporter_gets_wrong_or_lacks(expression):
    case, model = case_of({}, 5), One(expression)
    arrays = {"x": np.random.default_rng(0).normal(size=(2, 5)).astype(np.float32)}
    assert np.allclose(ran(case, model, arrays), live.run(case, model, arrays)["y"], atol=1e-5)


def test_what_has_no_help_still_fails():
    with pytest.raises(Exception, match="Failed to convert"):
        ran(case_of({}, 5), One(lambda x: torch.special.bessel_j0(x)), {"x": np.ones((2, 5), dtype=np.float32)})


class Strided(torch.nn.Module):
    """Keeps its stride as a tensor and pads by what follows from it."""

    def __init__(self):
        super().__init__()
        self.register_buffer("stride", torch.tensor(4), persistent=False)
        self.norm = torch.nn.BatchNorm1d(2)

    def forward(self, x):
        frames = torch.ceil(x.shape[-1] / self.stride).to(torch.int64)
        return {"y": torch.nn.functional.pad(x, (0, int(frames * self.stride - x.shape[-1]))).reshape(x.shape[0], -1, 4).prod(-1).sum(-1)}


def test_whole_numbers_in_buffers_are_known_while_tracing():
    case, model = case_of({}, 10), Strided()
    arrays = {"x": np.random.default_rng(0).normal(size=(2, 10)).astype(np.float32)}
    assert [name for _, name in constants.whole_numbers(model)] == ["stride"]
    assert np.allclose(ran(case, model, arrays), live.run(case, model, arrays)["y"], atol=1e-5)
    assert list(dict(model.named_buffers())) == ["stride", "norm.running_mean", "norm.running_var", "norm.num_batches_tracked"]


@pytest.mark.parametrize(("dtype", "known"), [(torch.int64, True), (torch.bool, True), (torch.float32, False), (None, False)])
def test_what_is_made_empty_is_known_if_it_holds_whole_numbers(dtype, known):
    assert constants.Folded([]).follows(torch.empty, (3,), {} if dtype is None else {"dtype": dtype}) is known
