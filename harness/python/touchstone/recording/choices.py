"""Discrete choices that a model makes on floats: a backend that rounds otherwise would take another turn."""

from dataclasses import dataclass

import numpy as np
import torch
from torch.utils._python_dispatch import TorchDispatchMode

from touchstone.recording.refusal import Refused

#: The smallest gap, relative to the largest value in its row, that float32 surely resolves.
SMALLEST_GAP = 1e-4

aten = torch.ops.aten
RANKED = {aten.topk: "topk", aten.sort: "sort", aten.argsort: "argsort", aten.argmax: "argmax", aten.argmin: "argmin"}
ROUNDED = {aten.round: "round", aten.floor: "floor", aten.ceil: "ceil", aten.trunc: "trunc"}
COMPARED = {aten.gt, aten.ge, aten.lt, aten.le, aten.eq, aten.ne}


@dataclass
class Choice:
    """One operator's operand and what it chose."""

    operator: str
    operand: np.ndarray
    chosen: np.ndarray
    #: The axis that was ranked and how many of it, for gaps.
    axis: int | None = None
    count: int | None = None


class Choices(TorchDispatchMode):
    """Remembers every discrete choice on floats, in order."""

    def __init__(self) -> None:
        super().__init__()
        self.made: list[Choice] = []

    def __torch_dispatch__(self, func, types, args=(), kwargs=None):
        kwargs = kwargs or {}
        result = func(*args, **kwargs)
        operand = args[0] if args and isinstance(args[0], torch.Tensor) else None
        if operand is not None and operand.is_floating_point():
            choice = seen(func, operand, args, kwargs, result)
            if choice is not None:
                self.made.append(choice)
        return result


def seen(func, operand: torch.Tensor, args, kwargs, result) -> Choice | None:
    """The choice that an operator made, if it makes one."""
    packet = func.overloadpacket
    if packet in RANKED:
        return ranked(RANKED[packet], func, operand, args, kwargs, result)
    if packet in ROUNDED:
        return Choice(ROUNDED[packet], array(operand), array(result))
    if packet is aten._to_copy and not result.is_floating_point() and not result.is_complex():
        name = "is nonzero" if result.dtype == torch.bool else "to integer"
        return Choice(name, array(operand), array(result))
    if packet in COMPARED:
        return Choice(packet.__name__, array(operand), array(result))
    return None


def ranked(name: str, func, operand, args, kwargs, result) -> Choice:
    given = dict(zip([argument.name for argument in func._schema.arguments], args)) | kwargs
    indices = result if isinstance(result, torch.Tensor) else result[1]
    if name in ("argmax", "argmin"):
        axis, count = given.get("dim"), 1
        if axis is None:
            operand, axis = operand.reshape(-1), 0
    else:
        axis, count = given.get("dim", -1), given.get("k", None)
    sign = -1.0 if name == "argmin" else 1.0
    return Choice(name, sign * array(operand), array(indices), axis, count)


def array(tensor: torch.Tensor) -> np.ndarray:
    return tensor.detach().to(torch.float64 if tensor.is_floating_point() else tensor.dtype).numpy().copy()


def compare(single: list[Choice], double: list[Choice]) -> int:
    """Refuses choices that float32 and float64 make otherwise, or by too small a gap; how many were compared."""
    operators = [choice.operator for choice in single], [choice.operator for choice in double]
    if operators[0] != operators[1]:
        raise Refused(f"float32 and float64 take different ways: {len(single)} and {len(double)} discrete choices")
    for number, (low, high) in enumerate(zip(single, double, strict=True)):
        compare_one(f"{high.operator} (choice {number} of {len(double)})", low, high)
    return len(double)


def compare_one(where: str, low: Choice, high: Choice) -> None:
    if low.operand.shape != high.operand.shape or low.chosen.shape != high.chosen.shape:
        raise Refused(f"{where}: float32 and float64 differ in shape")
    # What no rounding touched is the same everywhere: ids, positions, masks, powers of two.
    inexact = ~((low.operand == high.operand) | (np.isnan(low.operand) & np.isnan(high.operand)))
    if not inexact.any():
        return
    if not np.array_equal(low.chosen, high.chosen):
        raise Refused(f"{where}: float32 and float64 choose differently")
    if high.axis is not None:
        smallest = smallest_rank_gap(high, inexact)
    elif high.operator in ("round", "floor", "ceil", "trunc", "to integer"):
        smallest = smallest_step_gap(high, inexact)
    else:
        return
    if smallest < SMALLEST_GAP:
        raise Refused(f"{where}: decided by {smallest:.1e} of the largest value (valid: at least {SMALLEST_GAP:.0e})")


def smallest_rank_gap(choice: Choice, inexact: np.ndarray) -> float:
    """The smallest distance between neighbours in rank, as far as they were chosen."""
    values = np.moveaxis(choice.operand, choice.axis, -1)
    rounded = np.moveaxis(inexact, choice.axis, -1)
    order = np.argsort(-values, axis=-1, kind="stable")
    values, rounded = np.take_along_axis(values, order, -1), np.take_along_axis(rounded, order, -1)
    count = choice.count if choice.count is not None else values.shape[-1]
    upper, lower = values[..., :count][..., : values.shape[-1] - 1], values[..., 1 : count + 1]
    matters = (rounded[..., :count][..., : values.shape[-1] - 1] | rounded[..., 1 : count + 1]) & np.isfinite(lower) & np.isfinite(upper)
    finite = np.where(np.isfinite(values), np.abs(values), 0.0)
    scale = np.maximum(finite.max(axis=-1, keepdims=True), np.finfo(np.float64).tiny)
    gaps = np.where(matters, (upper - lower) / scale, np.inf)
    return float(gaps.min(initial=np.inf))


def smallest_step_gap(choice: Choice, inexact: np.ndarray) -> float:
    """The smallest distance to the place where the result would step."""
    offset = 0.5 if choice.operator == "round" else 0.0
    finite = inexact & np.isfinite(choice.operand)
    shifted = choice.operand[finite] + offset
    gaps = np.abs(shifted - np.round(shifted)) / np.maximum(np.abs(choice.operand[finite]), 1.0)
    return float(gaps.min(initial=np.inf))
