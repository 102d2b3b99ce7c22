"""Tiny sizes for a config, by the names of its fields and the relations among its defaults."""

import re
from collections.abc import Iterator
from dataclasses import dataclass, field
from typing import Any

from transformers import PreTrainedConfig

from touchstone.scaffolding import names, relations
from touchstone.scaffolding.configs import Part, is_int, is_plain, parts, place, without_empty, without_nothing

VOCABULARY = 53
POSITIONS = (67, 71, 73, 79, 83)
#: Widths, heads and feed-forwards of the first part, the second and so on: no two of a part are equal, and no two
#: parts are equally wide.
WIDTHS = (48, 40, 56, 64, 72, 80, 88, 96)
HEADS = (6, 5, 7, 4, 9, 10, 11, 12)
KEY_VALUE_HEADS = {4: 2, 5: 1, 6: 2, 7: 1, 9: 3, 10: 5, 11: 1, 12: 3}
HEAD_SIZE = 8
FORWARDS = (44, 52, 60, 68, 76, 84, 92, 100)
#: For widths that have no better rule, in the order in which they are met.
OTHERS = (20, 28, 36, 32, 24, 12, 18, 22, 26, 30, 34, 38, 42, 46)
LAYERS = 3
PATCH = 5
PATCHES = 4
IMAGE = 64
LARGEST = 64
#: The width of a stem that no config gives.
STEM = 32


@dataclass
class Sizing:
    """How one tree of configs is made tiny."""

    #: Distinct: every field its own value. Alike: fields with one default keep one value. Scaled: every width is
    #: divided by one number.
    style: str = "distinct"
    vocabulary: int = VOCABULARY
    #: What every width is divided by, where they keep their ratios.
    divisor: int = 1
    list_divisor: int = 1
    seen: dict[tuple[str, int], int] = field(default_factory=dict)
    ids: dict[int, int] = field(default_factory=dict)
    others: Iterator[int] = field(default_factory=lambda: iter(OTHERS * 20))
    positions: Iterator[int] = field(default_factory=lambda: iter(POSITIONS * 20))

    def alike(self, role: str, default: int, value: int) -> int:
        """The value that another field of the same default got, unless every field is to have its own."""
        if self.style == "distinct":
            return value
        return self.seen.setdefault((role, default), value)

    def token(self, value: int) -> int:
        """Ids keep apart: the last ids of the vocabulary, in the order in which they are met."""
        if value < 0:
            return value
        if value not in self.ids:
            free = [i for i in range(self.vocabulary - 1, 2, -1) if i not in self.ids.values()]
            self.ids[value] = value if value <= 2 and value not in self.ids.values() else (free or [2])[0]
        return self.ids[value]


def shrink(config: PreTrainedConfig, style: str) -> tuple[dict[str, Any], dict[str, Any]]:
    """Sizes for every part, and the fields in which a part differs from what its class gives by itself."""
    sizing, sizes, differing = Sizing(style), {}, {}
    widths = [value for part in parts(config) for name, value in part.fields().items() if names.WIDTH.search(name) and is_int(value)]
    narrowest = min((value for value in widths if value >= 64), default=1024)
    while narrowest // (2 * sizing.divisor) >= 32:
        sizing.divisor *= 2
    longest = max((max(value) for part in parts(config) for name, value in part.fields().items() if is_widths(name, value)), default=0)
    sizing.list_divisor = max(1, longest // 128)
    for part in parts(config):
        found = {name: value for name, value in shrunk(part, sizing).items() if value != vars(part.config).get(name)}
        if part.open and part.path and part.config.model_type:
            found = {"model_type": part.config.model_type, **found}
        place(sizes, part.path, found)
        place(differing, part.path, kept(part, found))
    relations.bridge(config, sizes)
    return without_nothing(sizes), without_empty(differing)


def kept(part: Part, sized: dict[str, Any]) -> dict[str, Any]:
    """A part that is given as a whole loses what its owner would have given it: say it again."""
    if not part.path:
        return {}
    try:
        plain = type(part.config)()
    except Exception:  # noqa: BLE001 - without defaults there is nothing to compare with
        return {}
    fields = part.fields()
    lengths = {value for name, value in fields.items() if names.LAYER.search(name) and is_int(value)}

    def is_given(name: str, value: Any) -> bool:
        # What the class works out by itself follows the tiny sizes; names of stages do not.
        follows = part.is_derived(name) and not (isinstance(value, (list, tuple)) and all(isinstance(item, str) for item in value) and len(value) not in lengths)
        return not follows and is_plain(value) and value != vars(plain).get(name)

    found = {name: value for name, value in fields.items() if name not in sized and is_given(name, value)}
    # Which stages of a backbone are read is no field of its class.
    stages = getattr(part.config, "out_features", None)
    if stages and stages != getattr(plain, "out_features", None) and all(isinstance(stage, str) for stage in stages):
        found["out_features"] = list(stages)
    return found


def shrunk(part: Part, sizing: Sizing) -> dict[str, Any]:
    """The tiny sizes of one part."""
    fields = part.fields()
    found: dict[str, Any] = {}
    for name, value in fields.items():
        if part.is_derived(name) and value is not None and not names.TOKEN.search(name) and name != "image_grid_pinpoints" and not (names.KEY_VALUE.search(name) and not is_ungrouped(name, fields)):
            continue
        size = sized(part, name, value, sizing, fields)
        if size is not None:
            found[name] = size
    relations.keep_relations(part, fields, found)
    relations.layers(fields, found)
    return found


def is_ungrouped(name: str, fields: dict[str, Any]) -> bool:
    """As many heads for keys and values as for queries."""
    return any(fields[other] == fields[name] for other in fields if names.HEAD.search(other) and not names.KEY_VALUE.search(other))


def sized(part: Part, name: str, value: Any, sizing: Sizing, fields: dict[str, Any]) -> Any:
    """One field's tiny size, or None to leave it."""
    if name == "image_grid_pinpoints" and value:
        return pinpoints(value)
    if isinstance(value, (list, tuple)) and value and all(is_int(item) for item in value):
        return list_sized(name, list(value), sizing, fields)
    if re.search(r"^original_|_base$|multiple_of$", name):
        # Thresholds, bases and roundings are what the model is, however large.
        return None
    if value is None and name == "vocab_size":
        return sizing.vocabulary
    if value is None and names.PLACEHOLDER.search(name):
        # The processor of the checkpoint chooses it.
        return sizing.token(1_000_000 + len(sizing.ids))
    if not is_int(value):
        return None
    if names.TOKEN.search(name):
        return sizing.token(value)
    if name == "type_vocab_size":
        return min(value, 3)
    if names.VOCAB.search(name):
        return sizing.vocabulary
    if names.KEY_VALUE.search(name) or names.HEAD.search(name):
        return heads(part, name, value, sizing, fields)
    if names.HEAD_DIM.search(name):
        return head_size(part, name, value, sizing)
    if names.EXPERT.search(name):
        return min(value, 4)
    if names.CHOSEN.search(name):
        return min(value, 2)
    if names.LAYER.search(name):
        return min(value, 2 if "encoder" in name or part.index else LAYERS)
    if name in ("n_group", "num_expert_groups", "n_groups", "topk_group") and value > 1:
        return 2 if name != "topk_group" else 1
    if names.WINDOW.search(name):
        # Beside text a window is no size but a feature, which a variant tries.
        return window(value, fields) if part.is_visual() else None
    if "tokens_per_image" in name:
        # A square, with fewer to a side than there are patches.
        return min(value, 4)
    if re.search(r"(^|_)(num_queries|num_object_queries|num_proposals)$", name):
        return min(value, 7)
    if name in ("rotary_dim", "rotary_ndims"):
        return min(value, HEAD_SIZE)
    if name == "context_length":
        return min(value, 64)
    if "codebook_size" in name or name == "num_embeddings":
        return min(value, 32)
    if name in names.IMAGE_SIZE:
        return min(value, image(fields))
    if name in ("patch_size", "vision_patch_size"):
        return min(value, PATCH)
    if name == "max_source_positions":
        # Some fold positions together, four at once.
        return min(value, 64)
    if names.POSITION.search(name) and value > 2:
        return min(value, next(sizing.positions))
    if name in ("num_mel_bins", "n_mels", "num_mel_filters", "mel_bins", "input_feat_per_channel", "input_feat_size"):
        return min(value, 16)
    if names.WIDTH.search(name):
        return width(part, name, value, sizing)
    if names.FORWARD.search(name) and value >= 16:
        return forward(part, name, value, sizing)
    return other(name, value, sizing)


def image(fields: dict[str, Any]) -> int:
    patch = fields.get("patch_size")
    return PATCHES * min(patch, PATCH) if is_int(patch) else IMAGE


def pinpoints(value: list[list[int]]) -> list[list[int]]:
    """The shapes that an image may be cut into, for tiny images: the first few."""
    unit = min(min(point) for point in value)
    tiny = PATCHES * PATCH
    return [[tiny * (height // unit), tiny * (width // unit)] for height, width in value if height % unit == width % unit == 0][:3]


def window(value: int, fields: dict[str, Any]) -> int:
    """Two patches, or two merged ones where the window is given in pixels."""
    patch, merge = fields.get("patch_size"), fields.get("spatial_merge_size")
    if is_int(patch) and is_int(merge) and value >= patch and value % patch == 0:
        return 2 * merge * min(patch, PATCH)
    return min(value, 2)


def heads(part: Part, name: str, value: int, sizing: Sizing, fields: dict[str, Any]) -> int:
    """Fewer for keys and values than for queries, where there are two numbers."""
    own = HEADS[part.index % len(HEADS)]
    if sizing.style != "distinct":
        own = 4
    queries = next((fields[other] for other in fields if names.HEAD.search(other) and not names.KEY_VALUE.search(other) and is_int(fields[other])), None)
    if names.KEY_VALUE.search(name) and value == queries:
        # No groups unless they are asked for: a variant does.
        return own
    if names.KEY_VALUE.search(name):
        few = KEY_VALUE_HEADS[own] if sizing.style == "distinct" else 2
        return value if value == 1 else min(value, few)
    if name.startswith("decoder_") and sizing.style == "distinct":
        return 4
    return min(value, own) if value in (1, 2) else own


def head_size(part: Part, name: str, value: int, sizing: Sizing) -> int:
    if "rope" in name:
        return min(value, 8)
    if name.startswith("v_"):
        return min(value, 10 if sizing.style == "distinct" else 12)
    if "nope" in name:
        return min(value, 12)
    return min(value, 8 if sizing.style != "distinct" else 16)


def scaled(value: int, sizing: Sizing) -> int:
    return max(4, value // sizing.divisor)


def width(part: Part, name: str, value: int, sizing: Sizing) -> int:
    growing = head_list(part.fields())
    if growing and value % growing[0] == 0 and sizing.style != "scaled":
        # The first of stages whose heads grow with their width.
        return growing[0] * HEAD_SIZE
    if sizing.style == "scaled":
        return scaled(value, sizing)
    if sizing.style == "distinct":
        return WIDTHS[part.index % len(WIDTHS)]
    return sizing.alike("width", value, next_width(sizing))


def next_width(sizing: Sizing) -> int:
    taken = [value for (role, _), value in sizing.seen.items() if role == "width"]
    return next((value for value in (64, 32, 96, 128, 160) if value not in taken), 192)


def forward(part: Part, name: str, value: int, sizing: Sizing) -> int:
    if sizing.style == "scaled":
        return scaled(value, sizing)
    shift = 8 if name.startswith("decoder_") else 10 if "shared" in name else 6 if re.search(r"moe|expert", name) else 0
    if sizing.style == "distinct":
        return FORWARDS[part.index % len(FORWARDS)] + shift
    return sizing.alike("forward", value, FORWARDS[part.index % len(FORWARDS)] + shift)


def other(name: str, value: int, sizing: Sizing) -> int | None:
    """Whatever else is large and named like a size."""
    if value <= LARGEST or not re.search(r"(_dim|_dims|_size|_rank|_channels|_width|^d_\w+|_features|^num_\w+|^n_\w+)$", name):
        return None
    if re.search(r"rate|length|window|^num_(labels|train|frames|samples)|hop|fft|chunk|_token|factor|kernel|stride", name):
        return None
    if sizing.style == "scaled":
        return scaled(value, sizing)
    known = sizing.seen.get(("width", value)) if sizing.style != "distinct" else None
    return known or sizing.alike("width", value, next(sizing.others))


def list_sized(name: str, value: list[int], sizing: Sizing, fields: dict[str, Any]) -> list[int] | None:
    """Lists: ids, stages' depths, stages' widths."""
    if names.TOKEN.search(name):
        return [sizing.token(item) for item in value]
    if name in names.IMAGE_SIZE and len(value) == 2:
        tiny = image(fields)
        return [tiny, tiny * 3 // 2] if tiny % 2 == 0 and max(value) > tiny * 3 // 2 else None
    if re.search(r"(index|indices|indexes|idxs?|ids|ratios?|features|kernels?|kernel_sizes?|strides?|rates?|scales?|dilation\w*|paddings?|section)$", name):
        return None
    if re.search(r"depths?$|^relations.layers$|num_blocks$|_layers$|blocks$|layer_list$", name):
        return [min(item, 2) for item in value]
    if names.HEAD.search(name):
        return None
    if is_widths(name, value) and "width_coefficient" in fields:
        # The code multiplies these, and its stem has a width of its own.
        return [item if item == STEM else max(8, item // sizing.list_divisor) for item in value]
    if is_widths(name, value):
        # What is as small as colours are is no width.
        if sizing.style == "scaled":
            return [item if item <= 4 else scaled(item, sizing) for item in value]
        heads_ = head_list(fields, len(value))
        if heads_ and len({size / count for size, count in zip(value, heads_)}) == 1:
            return [count * HEAD_SIZE for count in heads_]
        if len(set(value)) == 1:
            return [sizing.alike("list", value[0], 20)] * len(value)
        return [item if item <= 4 else max(4, item // sizing.list_divisor) for item in value]
    if names.WINDOW.search(name):
        return [min(item, 4) for item in value]
    return None


def is_widths(name: str, value: Any) -> bool:
    """Widths of stages."""
    whole = isinstance(value, (list, tuple)) and len(value) > 0 and all(map(is_int, value))
    return whole and re.search(r"(size|sizes|dim|dims|channels|widths?|planes)(_per_stage|_list)?$", name) is not None and max(value) >= 32 and name not in names.IMAGE_SIZE


def head_list(fields: dict[str, Any], length: int | None = None) -> list[int] | None:
    """Heads that grow from stage to stage."""
    for name, value in fields.items():
        if names.HEAD.search(name) and isinstance(value, (list, tuple)) and value and (length is None or len(value) == length):
            return list(value)
    return None
