"""How far an output is from the truth, in the numbers that a record holds."""

import sys
from dataclasses import dataclass

import numpy as np

from touchstone.bounds import Bound

#: Evidence is JSON, which has no infinity; the largest number stands for it.
LARGEST = sys.float_info.max


@dataclass(frozen=True)
class Truth:
    """Recorded elements of one output, at ascending flat places."""

    shape: tuple[int, ...]
    places: np.ndarray
    elements: np.ndarray

    @staticmethod
    def whole(values: np.ndarray) -> "Truth":
        return Truth(values.shape, np.arange(values.size), values.reshape(-1))

    def largest(self) -> float:
        finite = np.abs(self.elements[np.isfinite(self.elements)])
        return float(finite.max(initial=0.0))


@dataclass
class Metrics:
    """The fields are those of a record."""

    compared: int
    max_abs: float
    rmse: float
    relative_l2: float
    argmax_agreement: float
    bound: Bound
    margin: float
    first_difference: dict | None
    #: Whether the backend gave NaN or infinity where the truth is finite.
    nonfinite: bool

    def as_record(self) -> dict:
        numbers = ("compared", "max_abs", "rmse", "relative_l2", "argmax_agreement", "margin")
        record = {name: getattr(self, name) for name in numbers} | {"bound": self.bound.as_record()}
        return record | ({"first_difference": self.first_difference} if self.first_difference else {})


def root_mean_square(values: np.ndarray) -> float:
    return float(np.sqrt(np.mean(np.square(values))))


def statistics(truth: np.ndarray, got: np.ndarray) -> dict[str, float]:
    """Root mean square and largest difference."""
    delta = got.astype(np.float64) - truth
    return {"rmse": root_mean_square(delta), "max_abs": float(np.abs(delta).max())}


def compare(truth: Truth, got: np.ndarray, bound: Bound) -> Metrics:
    """One output of the truth's shape; a margin above 1 is outside the bound."""
    if truth.elements.size == 0:
        raise ValueError("nothing to compare: the output has no element")
    taken = got.reshape(-1)[truth.places].astype(np.float64)
    delta = differences(truth.elements, taken)
    finite = truth.elements[np.isfinite(truth.elements)]
    # Scaled before squaring: a difference near the largest number must not overflow into infinity unseen.
    rmse = finite_or_largest(norm(delta) / np.sqrt(delta.size))
    largest = float(delta.max())
    return Metrics(
        compared=int(delta.size),
        max_abs=largest,
        rmse=rmse,
        relative_l2=finite_or_largest(share(norm(delta), norm(finite))),
        argmax_agreement=argmax_agreement(truth, taken),
        bound=bound,
        margin=max(share(rmse, bound.rmse), share(largest, bound.max_abs)),
        first_difference=first_difference(truth, taken, delta, rmse, bound),
        nonfinite=bool((np.isfinite(truth.elements) & ~np.isfinite(taken)).any()),
    )


def differences(truth: np.ndarray, got: np.ndarray) -> np.ndarray:
    """|Δ|; equal infinities do not differ, and a NaN differs from all but a NaN that torch gave too."""
    same = (truth == got) | (np.isnan(truth) & np.isnan(got))
    with np.errstate(invalid="ignore"):
        delta = np.abs(got - truth)
    return np.where(same, 0.0, np.where(np.isfinite(delta), delta, LARGEST))


def norm(values: np.ndarray) -> float:
    with np.errstate(over="ignore"):
        return float(np.sqrt(np.sum(np.square(values))))


def share(part: float, whole: float) -> float:
    if part == 0:
        return 0.0
    return finite_or_largest(part / whole) if whole else LARGEST


def finite_or_largest(value: float) -> float:
    return float(value) if np.isfinite(value) else LARGEST


def argmax_agreement(truth: Truth, got: np.ndarray) -> float:
    """The share of rows (last axis) whose largest compared element is at the same place."""
    width = max(truth.shape[-1], 1) if truth.shape else 1
    starts = np.flatnonzero(np.diff(truth.places // width, prepend=-1))
    rows = zip(np.split(truth.elements, starts[1:]), np.split(got, starts[1:]), strict=True)
    return float(np.mean([expected.argmax() == found.argmax() for expected, found in rows]))


def first_difference(truth: Truth, got: np.ndarray, delta: np.ndarray, rmse: float, bound: Bound) -> dict | None:
    """The first element outside the element-wise bound; the worst one where only the mean is outside."""
    outside = np.flatnonzero(delta > bound.max_abs)
    if not outside.size and rmse > bound.rmse:
        outside = np.array([delta.argmax()])
    if not outside.size:
        return None
    at = outside[0]
    position = np.unravel_index(truth.places[at], truth.shape) if truth.shape else ()
    return {
        "position": [int(index) for index in position],
        "got": float(got[at]) if np.isfinite(got[at]) else None,
        "expected": float(truth.elements[at]),
    }


def worse(one: Metrics, other: Metrics) -> Metrics:
    """The worse of two comparisons of one output stands for both."""
    taken = one if one.margin >= other.margin else other
    taken.compared = one.compared + other.compared
    return taken
