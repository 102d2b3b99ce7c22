"""A family file in the making: what is proposed so far, and why."""

from dataclasses import dataclass, field, replace
from typing import Any

from touchstone import inputs as kinds
from touchstone.case import Case

Axes = tuple[str | int, ...]


@dataclass
class Draft:
    """What will be a family file."""

    family: str
    title: str
    model: str
    category: str = "text-encoder"
    architecture: str = "encoder-only"
    modality: str = "text"
    checkpoints: list[str] = field(default_factory=list)
    #: Fields other than sizes that a part has within this family and not by itself.
    checkpoint: dict[str, Any] = field(default_factory=dict)
    config: dict[str, Any] = field(default_factory=dict)
    call: dict[str, Any] = field(default_factory=dict)
    sizes: dict[str, tuple[int, ...]] = field(default_factory=dict)
    inputs: dict[str, kinds.Input] = field(default_factory=dict)
    outputs: dict[str, Axes] = field(default_factory=dict)
    variants: dict[str, dict[str, Any]] = field(default_factory=dict)
    waives: dict[str, str] = field(default_factory=dict)
    #: What a rule could not know, by the key that it is written beside.
    guesses: dict[str, str] = field(default_factory=dict)

    def case(self, variant: str | None = None) -> Case:
        """The case that the recorder would get."""
        varied = self.variants.get(variant, {}) if variant else {}
        return Case(
            category=self.category,
            family=self.family,
            variant=variant,
            model=varied.get("model", self.model),
            recorded_from="0" * 16,
            config=merged(merged(self.checkpoint, self.config), varied.get("config", {})),
            call=dict(self.call),
            sizes=dict(self.sizes),
            inputs=dict(self.inputs),
            outputs=varied.get("outputs", dict(self.outputs)),
        )

    def guess(self, key: str, why: str) -> None:
        """Marks a key as a guess, for the reader of the file."""
        self.guesses.setdefault(key, why)

    def set(self, path: tuple[str, ...], value: Any) -> None:
        """Sets a field of the config, parts included."""
        at = self.config
        for name in path[:-1]:
            at = at.setdefault(name, {})
        at[path[-1]] = value

    def get(self, path: tuple[str, ...]) -> Any:
        """A field that is set, else None."""
        at: Any = self.config
        for name in path:
            if not isinstance(at, dict) or name not in at:
                return None
            at = at[name]
        return at

    def fixed(self, axis: str) -> None:
        """Leaves an axis with one size."""
        self.sizes[axis] = self.sizes[axis][:1]

    def resized(self, axis: str, *lengths: int) -> None:
        """Another length of an axis; masks follow it."""
        self.sizes[axis] = lengths
        for name, kind in self.inputs.items():
            if isinstance(kind, kinds.Lengths) and kind.axis == axis:
                self.inputs[name] = replace(kind, of=rows_of(lengths[0], self.sizes["batch"][0]))


def rows_of(length: int, rows: int) -> tuple[int, ...]:
    """Unequal lengths, the first as long as the axis."""
    shorter = max(1, length - max(1, (length * 2) // 5))
    return tuple(length if row % 2 == 0 else shorter for row in range(rows))


def merged(below: dict[str, Any], above: dict[str, Any]) -> dict[str, Any]:
    """One object over another, object by object."""
    result = dict(below)
    for name, value in above.items():
        held = result.get(name)
        result[name] = merged(held, value) if isinstance(held, dict) and isinstance(value, dict) else value
    return result
