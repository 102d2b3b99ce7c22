"""The float64 run obeys no request for less, and proves it."""

import numpy as np
import pytest

torch = pytest.importorskip("torch")

from touchstone.recording import precision  # noqa: E402
from touchstone.recording.refusal import Refused  # noqa: E402

X = torch.linspace(-1, 1, 6, dtype=torch.float64)


@pytest.mark.parametrize(
    "ask",
    [
        lambda x: x.float(),
        lambda x: x.half(),
        lambda x: x.to(torch.float32),
        lambda x: x.to("cpu", torch.bfloat16),
        lambda x: x.to(dtype=torch.float16),
        lambda x: x.type(torch.float32),
        lambda x: x.type("torch.FloatTensor"),
        lambda x: torch.nn.functional.softmax(x, dim=0, dtype=torch.float32),
        lambda x: x.sum(dtype=torch.float32),
        lambda x: torch.arange(0, 6, dtype=torch.float32) * x,
        lambda x: torch.ones(6) * x,
        lambda x: torch.tensor([1.0, 2.0], dtype=torch.float)[0] * x,
        lambda x: torch.polar(x.float(), x.float()).real,
        lambda x: torch.view_as_complex(x.to(torch.float32).reshape(3, 2)).real,
    ],
)
def test_every_request_for_less_gives_float64(ask):
    with precision.proven_float64():
        # Asking for what is already there runs no operator; the sum does.
        assert (ask(X) + 1).dtype == torch.float64


def from_numpy(x):
    return torch.from_numpy(np.ones(6, dtype=np.float32)) + x


def held(x):
    return HELD * x


HELD = torch.ones(6, dtype=torch.float32)


@pytest.mark.parametrize("leak", [from_numpy, held])
def test_a_lower_precision_that_slips_in_is_refused(leak):
    with pytest.raises(Refused, match=r"lower precision remained in the float64 run: aten.* \(float32\)"):
        with precision.proven_float64():
            leak(X)


def test_a_run_without_operators_proves_nothing():
    with pytest.raises(Refused, match="executed no operator"):
        with precision.proven_float64():
            pass


def test_a_model_that_holds_less_is_refused():
    model = torch.nn.Linear(2, 2).double()
    precision.assert_double(model)
    model.register_buffer("table", torch.ones(2, dtype=torch.float32))
    with pytest.raises(Refused, match="lower precision held by the float64 model: table"):
        precision.assert_double(model)


def test_the_default_dtype_comes_back():
    before = torch.get_default_dtype()
    with pytest.raises(Refused), precision.proven_float64():
        from_numpy(X)
    assert torch.get_default_dtype() == before


def test_what_a_model_was_given_in_float32_is_widened():
    model = torch.nn.Linear(2, 2).double()
    model.typed = torch.nn.Parameter(torch.tensor([0.1]))
    model.table = torch.FloatTensor([0.3])
    model.places = torch.arange(2)
    precision.widen_constants(model)
    precision.assert_double(model)
    assert (model.table.dtype, float(model.table)) == (torch.float64, float(np.float32(0.3)))
    assert model.places.dtype == torch.int64


def test_a_buffer_in_float32_stays_to_be_judged():
    model = torch.nn.Linear(2, 2).double()
    model.register_buffer("computed", torch.ones(2))
    precision.widen_constants(model)
    with pytest.raises(Refused, match="lower precision held by the float64 model: computed"):
        precision.assert_double(model)
