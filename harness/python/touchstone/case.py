"""What an emitted test states: a model, its inputs, its sizes and the outputs to compare."""

from dataclasses import dataclass, field
from typing import Any

from touchstone.inputs import Input

Axes = tuple[str | int, ...]


@dataclass(frozen=True, kw_only=True)
class Case:
    """A family's base case or one of its variants."""

    category: str
    family: str
    variant: str | None
    model: str
    #: The hash of all that recording reads; a reference recorded from another is refused.
    recorded_from: str
    #: The axis that grows while decoding; none where nothing decodes.
    decodes_along: str | None = None
    config: dict[str, Any]
    call: dict[str, Any] = field(default_factory=dict)
    #: Axis to (recorded size, second size); one size where the axis stays fixed.
    sizes: dict[str, tuple[int, ...]]
    inputs: dict[str, Input]
    outputs: dict[str, Axes]

    @property
    def name(self) -> str:
        """`bert` or `bert.relu`: the reference's folder."""
        return self.family if self.variant is None else f"{self.family}.{self.variant}"

    def recorded_sizes(self) -> dict[str, int]:
        """The sizes that expected outputs are recorded at."""
        return {axis: sizes[0] for axis, sizes in self.sizes.items()}

    def second_sizes(self) -> dict[str, int]:
        """The sizes that the graph is proven at."""
        return {axis: sizes[-1] for axis, sizes in self.sizes.items()}

    def dynamic_axes(self) -> list[str]:
        """The axes that have a second size, by name."""
        return sorted(axis for axis, sizes in self.sizes.items() if len(sizes) > 1)

    def __str__(self) -> str:
        return self.name
