"""Discrete choices that a model makes on floats: a backend that rounds otherwise would take another turn."""

from collections.abc import Callable
from dataclasses import dataclass, replace

import numpy as np
import torch
from torch.utils._python_dispatch import TorchDispatchMode

from touchstone.recording.refusal import Refused

#: The smallest gap, relative to the largest value in its row, that float32 surely resolves.
SMALLEST_GAP = 1e-4

STEPS = {"round": np.round, "floor": np.floor, "ceil": np.ceil, "trunc": np.trunc, "to integer": np.trunc}
#: How many times as far as float32 was off a number has to be from a step.
ROUNDINGS = 64
#: Half of the lowest float32: nothing that was computed is as low.
MASKED = 0.5 * float(np.finfo(np.float32).min)

aten = torch.ops.aten
RANKED = {aten.topk: "topk", aten.sort: "sort", aten.argsort: "argsort", aten.argmax: "argmax", aten.argmin: "argmin", aten.max: "max", aten.min: "min"}
#: Those that choose one place.
FIRST = ("argmax", "argmin", "max", "min")
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


class Otherwise(Choices):
    """Makes one of the choices otherwise."""

    def __init__(self, number: int, chosen: np.ndarray) -> None:
        super().__init__()
        self.number, self.chosen = number, torch.from_numpy(np.ascontiguousarray(chosen))

    def __torch_dispatch__(self, func, types, args=(), kwargs=None):
        before = len(self.made)
        result = super().__torch_dispatch__(func, types, args, kwargs)
        if not before <= self.number < len(self.made):
            return result
        if isinstance(result, torch.Tensor):
            return self.chosen.reshape(result.shape).to(result.dtype)
        indices = self.chosen.reshape(result[1].shape).to(result[1].dtype)
        if self.made[-1].operator in FIRST:
            # Which place it was; what was found there is as good as the same.
            return result[0], indices
        return args[0].gather(self.made[-1].axis, indices), indices


def seen(func, operand: torch.Tensor, args, kwargs, result) -> Choice | None:
    """The choice that an operator made, if it makes one."""
    packet = func.overloadpacket
    if packet in RANKED and (isinstance(result, tuple | list) or packet not in (aten.max, aten.min)):
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
    if name in FIRST:
        axis, count = given.get("dim"), 1
        if axis is None:
            operand, indices, axis = operand.reshape(-1), indices.reshape(-1), 0
    else:
        axis, count = given.get("dim", -1), given.get("k", None)
    sign = -1.0 if name in ("argmin", "min") else 1.0
    return Choice(name, sign * array(operand), array(indices), axis, count)


def array(tensor: torch.Tensor) -> np.ndarray:
    return tensor.detach().to(torch.float64 if tensor.is_floating_point() else tensor.dtype).numpy().copy()


#: Whether the outputs stay as they are if the choice of that number is made otherwise.
Harmless = Callable[[int, np.ndarray], bool]


def compare(single: list[Choice], double: list[Choice], harmless: Harmless | None = None) -> int:
    """Refuses choices that float32 and float64 make otherwise, or by too small a gap; how many were compared.

    A choice may go either way where that changes nothing: both sides of a step may be clamped to one value, and the order
    of what was chosen may be lost in a sum.
    """
    operators = [choice.operator for choice in single], [choice.operator for choice in double]
    if operators[0] != operators[1]:
        raise Refused(f"float32 and float64 take different ways: {len(single)} and {len(double)} discrete choices")
    for number, (low, high) in enumerate(zip(single, double, strict=True)):
        try:
            compare_one(f"{high.operator} (choice {number} of {len(double)})", low, high)
        except Doubtful as doubt:
            if harmless is None or not all(harmless(number, other) for other in doubt.others):
                raise
    return len(double)


class Doubtful(Refused):
    """A choice that may go otherwise, and how."""

    def __init__(self, message: str, *others: np.ndarray) -> None:
        super().__init__(message)
        self.others = others


def compare_one(where: str, low: Choice, high: Choice) -> None:
    if low.operand.shape != high.operand.shape or low.chosen.shape != high.chosen.shape:
        raise Refused(f"{where}: float32 and float64 differ in shape")
    made = low, high
    if high.axis is not None:
        low, high = without_masked(low), without_masked(high)
    # What no rounding touched is the same everywhere: ids, positions, masks, powers of two.
    inexact = ~((low.operand == high.operand) | (np.isnan(low.operand) & np.isnan(high.operand)))
    if not inexact.any():
        return
    if not np.array_equal(low.chosen, high.chosen):
        raise Doubtful(f"{where}: float32 and float64 choose differently", made[0].chosen)
    least = SMALLEST_GAP
    if high.axis is not None:
        gaps = rank_gaps(high, inexact)
    elif high.operator in STEPS:
        gaps, least = step_gaps(high, inexact), smallest_step(low, high, inexact)
    else:
        return
    smallest = float(gaps.min(initial=np.inf))
    if smallest < least:
        message = f"{where}: decided by {smallest:.1e} of the largest value (valid: at least {least:.0e})"
        raise Doubtful(message, *otherwise(made[1], gaps < least))


def smallest_step(low: Choice, high: Choice, inexact: np.ndarray) -> float:
    """How far a number has to be from its step: many times what float32 loses in any of them.

    A rank is held against the largest value of its row, which says little of what was lost; a step stands by itself.
    """
    finite = inexact & np.isfinite(high.operand) & np.isfinite(low.operand)
    lost = np.abs(low.operand[finite] - high.operand[finite]) / np.maximum(np.abs(high.operand[finite]), 1.0)
    return min(SMALLEST_GAP, max(ROUNDINGS * float(lost.max(initial=0.0)), 1e-6))


def otherwise(choice: Choice, close: np.ndarray) -> list[np.ndarray]:
    """What would be chosen if what is close were the other way round."""
    if choice.axis is not None:
        # Neighbours cannot all change places at once: every other pair, then those between.
        return [swapped(choice, close & (np.arange(close.shape[-1]) % 2 == parity)) for parity in (0, 1)]
    step, far = STEPS[choice.operator], 2 * SMALLEST_GAP * np.maximum(np.abs(choice.operand), 1.0)
    below, above = (step(np.where(close, choice.operand + sign * far, choice.operand)) for sign in (-1, 1))
    kind = choice.chosen.dtype
    return [np.where(close, np.where(below == choice.chosen, above, below), choice.chosen).astype(kind)]


def swapped(choice: Choice, pairs: np.ndarray) -> np.ndarray:
    """The chosen places after each of some neighbours in rank, the first of them named, has changed places."""
    order = np.argsort(-np.moveaxis(choice.operand, choice.axis, -1), axis=-1, kind="stable")
    first = np.flatnonzero(pairs.any(axis=tuple(range(pairs.ndim - 1))))
    for place in first:
        here, there = order[..., place].copy(), order[..., place + 1].copy()
        order[..., place] = np.where(pairs[..., place], there, here)
        order[..., place + 1] = np.where(pairs[..., place], here, there)
    count = choice.count if choice.count is not None else order.shape[-1]
    chosen = np.moveaxis(order[..., :count], -1, choice.axis)
    return chosen.reshape(choice.chosen.shape).astype(choice.chosen.dtype)


def without_masked(choice: Choice) -> Choice:
    """A ranking of what is not masked.

    Scores are masked by the lowest number of their precision, which differs between the runs and dwarfs every gap.
    Which of the masked ones is chosen, where too few are left, is a tie: whoever chooses them has to mask them again.
    """
    operand = np.where(choice.operand <= MASKED, -np.inf, choice.operand)
    axis = choice.axis % operand.ndim if operand.ndim else 0
    chosen = choice.chosen if choice.chosen.ndim == operand.ndim else np.expand_dims(choice.chosen, axis)
    if operand.ndim and np.isneginf(operand).any():
        chosen = np.where(np.isneginf(np.take_along_axis(operand, chosen, axis)), -1, chosen)
    return replace(choice, operand=operand, chosen=chosen)


def rank_gaps(choice: Choice, inexact: np.ndarray) -> np.ndarray:
    """The distances between neighbours in rank, as far as they were chosen, with the ranked axis last."""
    values = np.moveaxis(choice.operand, choice.axis, -1)
    rounded = np.moveaxis(inexact, choice.axis, -1)
    order = np.argsort(-values, axis=-1, kind="stable")
    values, rounded = np.take_along_axis(values, order, -1), np.take_along_axis(rounded, order, -1)
    count = choice.count if choice.count is not None else values.shape[-1]
    upper, lower = values[..., :count][..., : values.shape[-1] - 1], values[..., 1 : count + 1]
    matters = (rounded[..., :count][..., : values.shape[-1] - 1] | rounded[..., 1 : count + 1]) & np.isfinite(lower) & np.isfinite(upper)
    finite = np.where(np.isfinite(values), np.abs(values), 0.0)
    scale = np.maximum(finite.max(axis=-1, keepdims=True), np.finfo(np.float64).tiny)
    with np.errstate(invalid="ignore"):
        return np.where(matters, (upper - lower) / scale, np.inf)


def step_gaps(choice: Choice, inexact: np.ndarray) -> np.ndarray:
    """The distances to where the result would step."""
    offset = 0.5 if choice.operator == "round" else 0.0
    finite = inexact & np.isfinite(choice.operand)
    shifted = np.where(finite, choice.operand, 0.0) + offset
    return np.where(finite, np.abs(shifted - np.round(shifted)) / np.maximum(np.abs(shifted - offset), 1.0), np.inf)
