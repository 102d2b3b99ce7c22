"""What the defaults of a config say about each other, kept when the sizes become tiny."""

import re
from typing import Any

from transformers import PreTrainedConfig

from touchstone.scaffolding import names
from touchstone.scaffolding.configs import Part, is_int, parts, place, reached

#: More than this is no longer tiny, whatever the kinds of layers.
MOST_LAYERS = 32


def bridge(config: PreTrainedConfig, sizes: dict[str, Any]) -> None:
    """Fields that name another part's width get that part's tiny width."""
    tree = parts(config)
    wide = [(part, name, value) for part in tree for name, value in part.fields().items() if names.WIDTH.search(name) and is_int(value)]
    for part in tree:
        for name, value in part.fields().items():
            alone = sum(bool(names.WIDTH.search(other)) for other in part.fields()) < 2
            if not is_int(value) or names.FORWARD.search(name) or (alone if names.WIDTH.search(name) else not names.BRIDGE.search(name)):
                continue
            there = [(other, field) for other, field, full in wide if full == value and other.path != part.path]
            if there:
                other, field = min(there, key=lambda found: rank(name, found[0]))
                tiny = reached(sizes, other.path).get(field)
                if tiny is not None:
                    place(sizes, part.path, {name: tiny})


def rank(name: str, other: Part) -> tuple[bool, bool, int]:
    """The part that the field is named after first, then the one that reads text."""
    words = set(other.name.replace("_config", "").split("_"))
    return (not words & set(name.split("_")), other.index != 0, len(other.path))


def keep_relations(part: Part, fields: dict[str, Any], found: dict[str, Any]) -> None:
    """Where the defaults say that two numbers make a third, the tiny ones do too."""
    widths = [name for name in fields if names.WIDTH.search(name) and is_int(fields[name])]
    counts = [name for name in fields if names.HEAD.search(name) and not names.KEY_VALUE.search(name) and is_int(fields[name])]
    sizes = [name for name in fields if not part.is_derived(name) and names.HEAD_DIM.search(name) and is_int(fields[name]) and not name.startswith(("qk_", "v_"))]
    for name, value in fields.items():
        same = next((wide for wide in widths if fields[wide] == value), None)
        if "group" in name and is_int(value) and same is not None:
            # As many groups as channels.
            found[name] = found.get(same, value)
    expand = next((fields[name] for name in ("expand", "mamba_expand", "expand_ratio", "ssm_expand") if is_int(fields.get(name))), None)
    for size in sizes:
        for count in counts:
            for name in widths:
                tiny = found.get(name, fields[name])
                if same_family(size, count) and fields[size] * fields[count] == fields[name] and tiny % found.get(count, 1) == 0:
                    found[size] = tiny // found[count]
                if expand and same_family(size, count) and fields[size] * fields[count] == expand * fields[name]:
                    found[count] = 4
                    found[size] = expand * tiny // 4


def same_family(size: str, count: str) -> bool:
    """`mamba_d_head` goes with `mamba_n_heads`, `head_dim` with `num_heads`."""
    prefix = [name for name in ("mamba", "ssm", "linear", "encoder", "decoder", "global", "vision", "cross", "swa", "index") if name in size]
    return all(name in count for name in prefix) and not any(
        name in count for name in ("mamba", "ssm", "linear", "global", "swa", "index") if name not in size
    )


def layers(fields: dict[str, Any], found: dict[str, Any]) -> None:
    """As many layers as one whole cycle of their kinds takes."""
    counted = [name for name in found if names.LAYER.search(name) and is_int(fields[name]) and not name.startswith("num_hidden_groups")]
    for name in counted:
        full = fields[name]
        least = found[name]
        for other, value in fields.items():
            if isinstance(value, (list, tuple)) and len(value) == full and full > 3:
                least = max(least, cycle(list(value)))
            if is_int(value) and re.search(r"(_step|_freq|_interval|_period|_pattern|every_n_layers|_every)$", other) and 1 < value <= 12:
                least = max(least, value)
            if is_int(value) and re.search(r"first_k_dense|dense_layers|layer_start_index|_offset$|kv_shared_layers|first_dense", other) and 0 < value <= 10:
                least = max(least, value + 1)
            if re.search(r"(indices|indexes|_index|idxs|ids|out_layers|feature_layers?|layer_id)$", other) and not names.TOKEN.search(other):
                indexes = [item for item in (value if isinstance(value, (list, tuple)) else [value]) if is_int(item)]
                if indexes and max(indexes) <= full:
                    least = max(least, max(indexes) + 1)
        found[name] = min(least, full, MOST_LAYERS)
        for other, value in fields.items():
            if isinstance(value, (list, tuple)) and len(value) == full and full > 3 and found[name] < full and all(is_int(item) for item in value):
                found[other] = list(found.get(other, value))[: found[name]]


def cycle(kinds: list[Any]) -> int:
    """The shortest beginning that holds every kind."""
    spelled = [repr(kind) for kind in kinds]
    distinct = set(spelled)
    if len(distinct) > 8:
        return 1
    return next(length for length in range(1, len(spelled) + 1) if set(spelled[:length]) == distinct)
