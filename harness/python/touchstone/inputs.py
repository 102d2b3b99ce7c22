"""The kinds of inputs that a case has, and how each is built at given sizes."""

from collections.abc import Iterable
from dataclasses import dataclass
from typing import Any

import numpy as np

from touchstone import weights

Axes = tuple[str | int, ...]
Sizes = dict[str, int]


@dataclass(frozen=True)
class Vocabulary:
    """The ids that tokens are drawn from."""

    #: The first invalid id.
    below: int
    #: Ids that mean something to the model.
    special: frozenset[int] = frozenset()

    def draw(self, name: str, count: int) -> np.ndarray:
        """Ordinary ids, a function of the input's name."""
        allowed = np.array([i for i in range(self.below) if i not in self.special], dtype=np.int64)
        if len(allowed) < 2:
            raise ValueError(f"input `{name}`: {len(allowed)} ordinary ids below {self.below} (valid: at least 2)")
        return allowed[((weights.words(name, count) >> np.uint64(11)) % np.uint64(len(allowed))).astype(np.int64)]


@dataclass(frozen=True)
class Tokens:
    axes: Axes


@dataclass(frozen=True)
class Prompt:
    axes: Axes
    start: tuple[int, ...]
    media: tuple[int, int] | None
    end: tuple[int, ...]


@dataclass(frozen=True)
class Lengths:
    axis: str
    of: tuple[int, ...]

    @property
    def axes(self) -> Axes:
        return ("batch", self.axis)

    def at(self, recorded: Sizes, sizes: Sizes) -> list[int]:
        """One length a row; the recorded ones, or as long a share of another size."""
        size, batch = sizes[self.axis], sizes["batch"]
        share = size / recorded[self.axis]
        return [min(size, max(1, round(self.of[row % len(self.of)] * share))) for row in range(batch)]


@dataclass(frozen=True)
class Floats:
    axes: Axes


@dataclass(frozen=True)
class Integers:
    axes: Axes
    below: int


@dataclass(frozen=True)
class Boxes:
    axes: Axes
    below: int


@dataclass(frozen=True)
class Constant:
    axes: Axes
    value: int


@dataclass(frozen=True)
class Rows:
    rows: tuple[tuple[int, ...], ...]

    @property
    def axes(self) -> Axes:
        return ("batch", len(self.rows[0]))


Input = Tokens | Prompt | Lengths | Floats | Integers | Boxes | Constant | Rows


def tokens(*axes: str | int) -> Tokens:
    """Token ids below the vocabulary, never a special one."""
    return Tokens(axes)


def prompt(
    shape: Iterable[str | int],
    start: Iterable[int] = (),
    media: tuple[int, int] | None = None,
    end: Iterable[int] = (),
) -> Prompt:
    """Token ids with special ones placed: at the start, a run of one id, and at each row's end."""
    return Prompt(tuple(shape), tuple(start), tuple(media) if media else None, tuple(end))


def lengths(**of: Iterable[int]) -> Lengths:
    """A mask over batch and one axis: 1 up to each row's length."""
    if len(of) != 1:
        raise ValueError(f"lengths: {len(of)} axes named (valid: exactly one)")
    ((axis, rows),) = of.items()
    return Lengths(axis, tuple(rows))


def floats(*axes: str | int) -> Floats:
    """float32 numbers in [-1, 1)."""
    return Floats(axes)


def integers(shape: Iterable[str | int], below: int) -> Integers:
    """int64 numbers in [0, below)."""
    return Integers(tuple(shape), below)


def boxes(shape: Iterable[str | int], below: int) -> Boxes:
    """int64 corners in [0, below): x0, y0, x1, y1 along the last axis, the first two never behind the last two."""
    axes = tuple(shape)
    if not axes or axes[-1] != 4:
        raise ValueError(f"boxes: a last axis of {axes[-1] if axes else 'none'} (valid: 4)")
    return Boxes(axes, below)


def constant(shape: Iterable[str | int], value: int) -> Constant:
    """One int64 value everywhere."""
    return Constant(tuple(shape), value)


def rows(values: Iterable[Iterable[int]]) -> Rows:
    """int64 rows as written; the batch takes them in turn."""
    taken = tuple(tuple(row) for row in values)
    if not taken or len({len(row) for row in taken}) != 1:
        raise ValueError("rows: rows of unequal length or none (valid: one length for all)")
    return Rows(taken)


def shape_of(axes: Axes, sizes: Sizes) -> tuple[int, ...]:
    """Axes as lengths."""
    unknown = [axis for axis in axes if isinstance(axis, str) and axis not in sizes]
    if unknown:
        raise ValueError(f"axis `{unknown[0]}` has no size (known: {', '.join(sorted(sizes))})")
    return tuple(sizes[axis] if isinstance(axis, str) else axis for axis in axes)


def build(case: Any, sizes: Sizes, vocabulary_of, salt: str = "") -> dict[str, np.ndarray]:
    """Every input of a case; `salt` draws other ids and numbers."""
    return {name: build_one(case, name, sizes, vocabulary_of, salt) for name in sorted(case.inputs)}


def build_one(case: Any, name: str, sizes: Sizes, vocabulary_of, salt: str = "") -> np.ndarray:
    """One input of a case, by its kind."""
    kind, drawn = case.inputs[name], f"input/{name}{salt}"
    shape = shape_of(kind.axes, sizes)
    count = int(np.prod(shape, dtype=np.int64))
    match kind:
        case Tokens():
            return vocabulary_of(name).draw(drawn, count).reshape(shape)
        case Prompt():
            return place(kind, vocabulary_of(name).draw(drawn, count).reshape(shape), row_lengths(case, kind, sizes))
        case Lengths():
            return (np.arange(shape[1])[None, :] < np.array(kind.at(case.recorded_sizes(), sizes))[:, None]).astype(np.int64)
        case Floats():
            return weights.fill(drawn, shape, 1.0, 0.0)
        case Integers():
            return below(drawn, count, kind.below).reshape(shape)
        case Boxes():
            corners = below(drawn, count, kind.below).reshape(*shape[:-1], 2, 2)
            return np.sort(corners, axis=-2).reshape(shape)
        case Constant():
            return np.full(shape, kind.value, dtype=np.int64)
        case Rows():
            return np.array([kind.rows[row % len(kind.rows)] for row in range(shape[0])], dtype=np.int64)


def below(name: str, count: int, limit: int) -> np.ndarray:
    """int64 numbers in [0, limit), a function of the name."""
    return ((weights.words(name, count) >> np.uint64(11)) % np.uint64(limit)).astype(np.int64)


def row_lengths(case: Any, kind: Prompt, sizes: Sizes) -> list[int]:
    """Where each row of a prompt ends: at its mask's length, else at the axis's."""
    for mask in case.inputs.values():
        if isinstance(mask, Lengths) and mask.axis == kind.axes[-1]:
            return mask.at(case.recorded_sizes(), sizes)
    batch, size = shape_of(kind.axes, sizes)
    return [size] * batch


def place(kind: Prompt, ids: np.ndarray, ends: list[int]) -> np.ndarray:
    """Puts the special ids of a prompt over ordinary ones."""
    media = [kind.media[0]] * kind.media[1] if kind.media else []
    start = [*kind.start, *media]
    for row, end in zip(ids, ends, strict=True):
        if len(start) + len(kind.end) > end:
            raise ValueError(f"prompt: {len(start) + len(kind.end)} placed ids in a row of length {end}")
        row[: len(start)] = start
        row[end - len(kind.end) : end] = kind.end
    return ids
