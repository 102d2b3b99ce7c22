"""Looks for a tensor among those of another implementation, by its numbers: what is called what there is not known."""

from collections.abc import Iterator
from dataclasses import dataclass, replace
from functools import cached_property
from itertools import permutations

import numpy as np

#: As many axes are turned in every way; shapes that are longer are compared as they lie and as a set of numbers.
LARGEST_RANK = 4
#: How a part of the positions is called.
POSITION = "position"
#: A few numbers are a part of many tensors by chance.
SMALLEST_PART = 8
#: How much work the distance of what is not found is worth.
LARGEST_SEARCH = 1 << 26


@dataclass(frozen=True)
class Match:
    """The tensor that is nearest, and how it has to be read."""

    number: int
    distance: float
    is_found: bool
    how: str = ""


@dataclass
class Group:
    """All tensors with the same number of elements, a row each."""

    numbers: list[int]
    rows: np.ndarray

    @cached_property
    def ordered(self) -> np.ndarray:
        return np.sort(self.rows, axis=1)


class Pool:
    """The tensors of another implementation, by number."""

    def __init__(self, tensors: dict[int, np.ndarray]) -> None:
        self.tensors = {number: tensor for number, tensor in tensors.items() if tensor.size}
        by_size: dict[int, list[int]] = {}
        for number, tensor in self.tensors.items():
            by_size.setdefault(tensor.size, []).append(number)
        self.groups = {size: Group(numbers, np.stack([self.tensors[n].reshape(-1) for n in numbers])) for size, numbers in by_size.items()}

    def find(self, value: np.ndarray, bound: float, positions: range | None = None) -> Match | None:
        """The tensor with these numbers, or the nearest of the same size; `positions` are those that the call asks for."""
        nearest = []
        for how, view in [*views(value), *positions_of(value, positions)]:
            match = self.whole(view, bound)
            # One position of a larger tensor may be right where others are wrong.
            if not (match and match.is_found) and not how.endswith(POSITION):
                match = self.wider(view, bound) or match
            if match:
                nearest.append(replace(match, how=" ".join(filter(None, (how, match.how)))))
            if match and match.is_found:
                return nearest[-1]
        nearest.extend(self.parts(value, bound))
        return min(nearest, key=lambda match: (not match.is_found, match.distance), default=None)

    def whole(self, value: np.ndarray, bound: float) -> Match | None:
        """All numbers of a tensor, its axes in any order."""
        group = self.groups.get(value.size)
        if group is None:
            return None
        distances = furthest(group.rows, value.reshape(-1))
        best = int(distances.argmin())
        nearest = Match(group.numbers[best], float(distances[best]), bool(distances[best] <= bound))
        if nearest.is_found:
            return nearest
        # In any order the smallest is opposite the smallest: what is further apart need not be turned.
        same = np.flatnonzero(furthest(group.ordered, np.sort(value.reshape(-1))) <= bound)
        is_small = group.rows.size <= LARGEST_SEARCH >> LARGEST_RANK
        for axes in turned(value) if same.size or is_small else ():
            chosen = same if same.size else np.arange(len(group.numbers))
            distances = furthest(group.rows[chosen], value.transpose(axes).reshape(-1))
            best = int(distances.argmin())
            if distances[best] < nearest.distance:
                how = "axes " + " ".join(map(str, axes))
                nearest = Match(group.numbers[chosen[best]], float(distances[best]), bool(distances[best] <= bound), how)
        if same.size and not nearest.is_found:
            distance = float(furthest(group.ordered[same[:1]], np.sort(value.reshape(-1)))[0])
            return Match(group.numbers[same[0]], distance, True, "in another order")
        return nearest

    def wider(self, value: np.ndarray, bound: float) -> Match | None:
        """A run of a larger tensor, or some of its columns: projections joined into one, rows of a table."""
        if value.size < SMALLEST_PART:
            return None
        for number, tensor in self.tensors.items():
            if tensor.size <= value.size:
                continue
            for how, distance in (("a run of it", run(tensor, value, bound)), ("columns of it", columns(tensor, value, bound))):
                if distance <= bound:
                    return Match(number, distance, True, how)
        return None

    def parts(self, value: np.ndarray, bound: float) -> Iterator[Match]:
        """Several tensors side by side: one projection held apart, or a batch computed row by row."""
        for axis in sorted({0, value.ndim - 1}) if value.ndim else ():
            for count in (2, 3):
                if value.shape[axis] % count == 0 and value.size // count >= SMALLEST_PART:
                    found = [self.whole(np.ascontiguousarray(part), bound) for part in np.split(value, count, axis=axis)]
                    if all(found):
                        furthest_part = max(found, key=lambda match: match.distance)
                        yield replace(furthest_part, is_found=all(match.is_found for match in found), how=f"in {count} parts")


def furthest(rows: np.ndarray, value: np.ndarray) -> np.ndarray:
    """max |Δ| of each row; what is no number is infinitely far from all but its like."""
    with np.errstate(invalid="ignore", over="ignore"):
        delta = np.abs(rows - value)
    if not np.isfinite(delta).all():
        delta[(rows == value) | (np.isnan(rows) & np.isnan(value))] = 0.0
        delta[np.isnan(delta)] = np.inf
    return delta.max(axis=1)


def views(value: np.ndarray) -> Iterator[tuple[str, np.ndarray]]:
    """What another implementation may hold of it: all, or what is not repeated."""
    yield "", value
    less = value
    for axis in range(value.ndim):
        first = less.take([0], axis=axis)
        if less.shape[axis] > 1 and (less == first).all():
            less = first
    if less.size < value.size:
        yield "once", less
    half = value.shape[-1] // 2 if value.ndim else 0
    if half and value.shape[-1] == 2 * half:
        if (less[..., :half] == less[..., half:]).all() and less.shape[-1] == 2 * half:
            yield "the half", less[..., :half]
        elif less.shape[-1] == 2 * half and (less[..., ::2] == less[..., 1::2]).all():
            yield "every second", less[..., ::2]


def positions_of(value: np.ndarray, positions: range | None) -> Iterator[tuple[str, np.ndarray]]:
    """Some positions alone: those of the call, or the one that is read from."""
    for axis in range(value.ndim - 1):
        length = value.shape[axis]
        if positions and length == positions.stop and len(positions) < length:
            yield f"asked {POSITION}", value.take(positions, axis=axis)
        if length > 1 and (axis == 1 or (positions and length == positions.stop)):
            yield f"first {POSITION}", value.take([0], axis=axis)
            yield f"last {POSITION}", value.take([length - 1], axis=axis)


def turned(value: np.ndarray) -> Iterator[tuple[int, ...]]:
    """Orders of the axes that change how the numbers lie."""
    if value.ndim > LARGEST_RANK:
        return
    long = [axis for axis in range(value.ndim) if value.shape[axis] > 1]
    for axes in permutations(range(value.ndim)):
        if [axis for axis in axes if axis in long] != long:
            yield axes


def run(tensor: np.ndarray, value: np.ndarray, bound: float) -> float:
    """How far the best run of elements in a row is; whole rows alone can be one."""
    flat, wanted = tensor.reshape(-1), value.reshape(-1)
    starts = np.arange(0, flat.size - wanted.size + 1, tensor.shape[-1])
    starts = starts[np.abs(flat[starts] - wanted[0]) <= bound]
    return min((float(furthest(flat[None, start : start + wanted.size], wanted)[0]) for start in starts), default=np.inf)


def columns(tensor: np.ndarray, value: np.ndarray, bound: float) -> float:
    """How far the best columns in a row are."""
    if not value.ndim or tensor.size * value.shape[-1] != value.size * tensor.shape[-1]:
        return np.inf
    held, wanted = tensor.reshape(-1, tensor.shape[-1]), value.reshape(-1, value.shape[-1])
    width = wanted.shape[1]
    starts = np.flatnonzero(np.abs(held[0, : held.shape[1] - width + 1] - wanted[0, 0]) <= bound)
    return min((float(furthest(held[:, start : start + width], wanted).max()) for start in starts), default=np.inf)
