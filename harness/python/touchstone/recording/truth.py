"""The truth in float64, what torch loses below it, and the proof that both took the same way."""

from dataclasses import dataclass
from pathlib import Path

import numpy as np
import torch

from touchstone import forked, live, metrics
from touchstone.case import Case
from touchstone.recording import choices, precision
from touchstone.recording.refusal import Refused

#: torch in float32 stays far below this; a reference that loses more amplifies rounding beyond use.
LARGEST_LOSS = 1e-4
#: What float64 may lose where the same numbers are added in another order, as a share of an output's size.
SAME = 1e-10


@dataclass
class Models:
    """One checkpoint, in the precision that users run and in the one that tells the truth."""

    single: torch.nn.Module
    double: torch.nn.Module


def load(case: Case, folder: Path) -> Models:
    """Both models; computed buffers of the second are computed in float64."""
    single = live.loaded(case, folder, torch.float32)
    with precision.float64():
        double = live.loaded(case, folder, torch.float64)
    precision.widen_constants(double)
    precision.assert_double(double)
    assert_same_weights(single, double)
    return Models(single, double)


def assert_same_weights(single: torch.nn.Module, double: torch.nn.Module) -> None:
    other = dict(double.named_parameters())
    for name, parameter in single.named_parameters():
        if not torch.equal(parameter.double(), other[name]):
            raise Refused(f"parameter `{name}` differs between the float32 and the float64 model")


def run_double(case: Case, models: Models, arrays: dict[str, np.ndarray]) -> dict[str, np.ndarray]:
    """The truth."""
    with precision.float64():
        return live.run(case, models.double, arrays, torch.float64)


def run_single(case: Case, models: Models, arrays: dict[str, np.ndarray]) -> dict[str, np.ndarray]:
    """What torch gives in float32."""
    return live.run(case, models.single, arrays)


def run_proven(case: Case, models: Models, arrays: dict[str, np.ndarray]):
    """The truth and torch's float32, with every proof: nothing below float64, and the same discrete choices."""
    with precision.proven_float64(), choices.Choices() as double_choices:
        truth = live.run(case, models.double, arrays, torch.float64)
    with choices.Choices() as single_choices:
        single = live.run(case, models.single, arrays)

    def harmless(number: int, chosen: np.ndarray) -> bool:
        with precision.float64(), choices.Otherwise(number, chosen):
            other = live.run(case, models.double, arrays, torch.float64)
        return all(np.allclose(other[name], value, rtol=0, atol=SAME * metrics.root_mean_square(value)) for name, value in truth.items())

    compared = choices.compare(single_choices.made, double_choices.made, harmless)
    for name, value in truth.items():
        if value.shape != single[name].shape:
            raise Refused(f"output `{name}` has another shape in float64")
        loss = metrics.statistics(value, single[name])["rmse"] / max(metrics.root_mean_square(value), 1e-300)
        if not loss <= LARGEST_LOSS:
            raise Refused(f"output `{name}`: torch in float32 is off by {loss:.1e} of its size (valid: {LARGEST_LOSS:.0e})")
    return truth, single, compared


def lower_statistics(case: Case, folder: Path, arrays: dict[str, np.ndarray], truth: dict, dtype: torch.dtype):
    """What torch loses at 16 bit, by output, or why it cannot tell."""
    try:
        model = live.loaded(case, folder, dtype)
        got = live.run(case, model, arrays, dtype)
    except Exception as error:  # noqa: BLE001 - whatever an operator raises is the reason
        if forked.is_out_of_memory(error):
            raise
        return None, f"{type(error).__name__}: {str(error).splitlines()[0] if str(error) else ''}"[:160]
    if any(got[name].shape != truth[name].shape for name in truth):
        return None, "another shape"
    if not all(np.isfinite(value).all() for value in got.values()):
        return None, "not finite"
    return {name: metrics.statistics(truth[name], got[name]) for name in truth}, None
