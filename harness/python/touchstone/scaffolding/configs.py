"""A config as a tree: the whole, and the parts that stand in its fields."""

from dataclasses import dataclass
from typing import Any

from transformers import PreTrainedConfig

from touchstone.scaffolding import names

BASE = set(PreTrainedConfig.__dataclass_fields__)


@dataclass
class Part:
    """One config of the tree: the whole, or what stands in one of its fields."""

    path: tuple[str, ...]
    config: PreTrainedConfig
    #: Whether the field could hold another class, so that the family must name this one.
    open: bool
    index: int

    @property
    def name(self) -> str:
        return self.path[-1] if self.path else ""

    def fields(self) -> dict[str, Any]:
        """What the class itself adds to every config."""
        own = [name for name in type(self.config).__dataclass_fields__ if name not in BASE and not name.startswith("_")]
        held = vars(self.config)
        return {name: held[name] for name in own if name in held}

    def is_derived(self, name: str) -> bool:
        """Whether the class works the value out from others when none is given."""
        return type(self.config).__dataclass_fields__[name].default is None

    def is_visual(self) -> bool:
        return any(name in self.fields() for name in ("image_size", "patch_size", "num_channels", "spatial_merge_size"))


def parts(config: PreTrainedConfig) -> list[Part]:
    """All configs of a tree, outermost first."""
    found: list[Part] = []

    def walk(config: PreTrainedConfig, path: tuple[str, ...], is_open: bool) -> None:
        found.append(Part(path, config, is_open, 0))
        for name, spec in type(config).sub_configs_defaults.items():
            # Eyes that a default leaves out: without them the model reads text alone.
            if "vision" in name and getattr(config, name, None) is None and issubclass(spec.config_class, PreTrainedConfig):
                walk(spec.config_class(), (*path, name), False)
        for name, value in sorted(vars(config).items()):
            if isinstance(value, PreTrainedConfig) and not name.startswith("_"):
                spec = type(config).sub_configs_defaults.get(name)
                walk(value, (*path, name), spec is None or not issubclass(spec.config_class, PreTrainedConfig))

    walk(config, (), False)
    wide = [part for part in found if any(names.WIDTH.search(name) for name in part.fields())]
    # The part that reads text is the first, wherever it stands.
    wide.sort(key=lambda part: (0 if "text" in part.name or "decoder" in part.name else 1 if not part.path else 2, part.path))
    for index, part in enumerate(wide):
        part.index = index
    return found


def place(tree: dict[str, Any], path: tuple[str, ...], found: dict[str, Any]) -> None:
    for name in path:
        tree = tree.setdefault(name, {})
    tree.update(found)


def reached(tree: dict[str, Any], path: tuple[str, ...]) -> dict[str, Any]:
    for name in path:
        tree = tree.get(name, {})
    return tree


def without_empty(tree: dict[str, Any]) -> dict[str, Any]:
    cleaned = {name: without_empty(value) if isinstance(value, dict) and name.endswith("_config") else value for name, value in tree.items()}
    return {name: value for name, value in cleaned.items() if value != {}}


def without_nothing(tree: dict[str, Any]) -> dict[str, Any]:
    """A part of which nothing is said is left to its owner."""
    cleaned = {name: without_nothing(value) if isinstance(value, dict) else value for name, value in tree.items()}
    return {name: value for name, value in cleaned.items() if value != {}}


def is_plain(value: Any) -> bool:
    if isinstance(value, (list, tuple)):
        return all(is_plain(item) for item in value)
    if isinstance(value, dict):
        return all(isinstance(key, str) and is_plain(item) for key, item in value.items())
    return value is None or isinstance(value, (bool, int, float, str))


def is_int(value: Any) -> bool:
    return isinstance(value, int) and not isinstance(value, bool)
