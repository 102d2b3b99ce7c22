"""Refuses a reference whose numbers could not tell a defect: vanished, saturated, constant, or deaf to an input."""

import numpy as np

from touchstone import forked
from touchstone import inputs as kinds
from touchstone.case import Case
from touchstone.metrics import root_mean_square
from touchstone.recording.refusal import Refused

SMALLEST_RMS, LARGEST_RMS = 1e-4, 1e4
#: Less than this share of an output's size does not count as a difference.
VISIBLE = 1e-5


def check(case: Case, truth: dict[str, np.ndarray]) -> None:
    """Every output is finite, of ordinary size, and differs along each of its axes."""
    for name, value in sorted(truth.items()):
        axes = case.outputs[name]
        if len(axes) != value.ndim:
            raise Refused(f"output `{name}` has shape {list(value.shape)}, and the case names {len(axes)} axes")
        for axis, length in zip(axes, value.shape, strict=True):
            expected = axis if isinstance(axis, int) else case.recorded_sizes().get(axis, length)
            if expected != length:
                raise Refused(f"output `{name}`: axis `{axis}` is {length} long, and the case says {expected}")
        check_size(name, value)
        for axis, length in enumerate(value.shape):
            if length > 1:
                check_axis(name, value, axis, axes[axis], axes[axis] in case.sizes)


def check_size(name: str, value: np.ndarray) -> None:
    if value.size == 0:
        raise Refused(f"output `{name}` has no element")
    if not np.isfinite(value).all():
        raise Refused(f"output `{name}` is not finite")
    rms = root_mean_square(value)
    if not SMALLEST_RMS <= rms <= LARGEST_RMS:
        what = "vanished" if rms < SMALLEST_RMS else "exploded"
        raise Refused(f"output `{name}` has {what}: rms {rms:.1e} (valid: {SMALLEST_RMS:.0e} to {LARGEST_RMS:.0e})")


def check_axis(name: str, value: np.ndarray, axis: int, label: str | int, is_sized: bool) -> None:
    """Rows or positions that are alike would hide that one was taken for the other.

    Along the axes of the case all neighbours differ; along others (channels that a ReLU silenced) some slices do.
    """
    slices = np.moveaxis(value, axis, 0).reshape(value.shape[axis], -1)
    steps = np.abs(np.diff(slices, axis=0)).max(axis=1)
    equal = np.flatnonzero(steps < VISIBLE * root_mean_square(value))
    if is_sized and equal.size:
        raise Refused(f"output `{name}`: slices {equal[0]} and {equal[0] + 1} along axis {axis} (`{label}`) are equal")
    if equal.size == steps.size:
        raise Refused(f"output `{name}`: all slices along axis {axis} (`{label}`) are equal")


def check_inputs(
    case: Case, arrays: dict[str, np.ndarray], others: dict[str, np.ndarray], truth: dict, run
) -> dict[str, list[str]]:
    """Changes each input in turn; the outputs that each one reaches, and at least one for each."""
    reached = {name: reach(case, name, arrays, others[name], truth, run) for name in sorted(arrays)}
    deaf = sorted(set(truth) - {output for outputs in reached.values() for output in outputs})
    if deaf:
        raise Refused(f"output `{deaf[0]}` depends on no input")
    return reached


def reach(case: Case, name: str, arrays: dict[str, np.ndarray], other: np.ndarray, truth: dict, run) -> list[str]:
    """The outputs that one input reaches."""
    reached: set[str] = set()
    changes = [changed for changed in perturbed(case.inputs[name], arrays[name], other) if not np.array_equal(changed, arrays[name])]
    if not changes:
        raise Refused(f"input `{name}` could not be changed")
    refused = ""
    for changed in changes:
        try:
            answer = run({**arrays, name: changed})
        except Exception as error:  # noqa: BLE001 - whatever a model raises at a value that does not fit the others
            # No proof that the input is read: a graph has no such check. Another change has to show it.
            refused = refused or f" (a changed one is refused: {forked.told(error)[:120]})"
            continue
        reached |= {output for output in truth if differs(truth[output], answer[output])}
    if not reached:
        raise Refused(f"no output depends on input `{name}`{refused}")
    return sorted(reached)


def perturbed(kind: kinds.Input, array: np.ndarray, other: np.ndarray) -> list[np.ndarray]:
    """Other values of the input's own kind."""
    match kind:
        case kinds.Lengths():
            # The rows in another order: where features are counted, only that leaves their number alone.
            return [np.ones_like(array), shortened(array), np.roll(array, 1, axis=0)]
        case kinds.Constant():
            changed = array.copy()
            changed[..., -1] = 1 - array[..., -1] if kind.value in (0, 1) else array[..., -1] - 1
            return [changed]
        case kinds.Rows():
            return [np.roll(array, 1, axis=axis) for axis in range(array.ndim)]
        case kinds.Prompt():
            # Only ordinary ids move: special ones must stay where they are.
            placed = np.isin(array, [*kind.start, *kind.end, *([kind.media[0]] if kind.media else [])])
            return [np.where(placed, array, other)]
        case _:
            return [other]


def shortened(mask: np.ndarray) -> np.ndarray:
    """Each row a quarter shorter: where the end of a row is pooled, only that shows."""
    lengths = mask.sum(axis=1, keepdims=True)
    return (np.arange(mask.shape[1])[None, :] < np.maximum(lengths - np.maximum(lengths // 4, 1), 1)).astype(mask.dtype)


def differs(truth: np.ndarray, got: np.ndarray) -> bool:
    if truth.shape != got.shape or not np.isfinite(got).all():
        return True
    return bool(np.abs(truth - got).max() > VISIBLE * root_mean_square(truth))
