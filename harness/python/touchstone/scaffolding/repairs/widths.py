"""Widths and heads that something must divide, equal or add up to."""

import re

from touchstone.scaffolding import configs, names, sizes
from touchstone.scaffolding.answer import TooLarge
from touchstone.scaffolding.draft import merged
from touchstone.scaffolding.repairs.images import crops
from touchstone.scaffolding.repairs.trouble import Trouble, default_config, frames, text_part


def group_width(trouble: Trouble, match: re.Match) -> bool:
    """Channels that are normalised in groups: a width that the groups divide."""
    width, groups = int(match["width"]), int(match["groups"])
    changed = False
    for part in configs.parts(trouble.config):
        for name, value in part.fields().items():
            if configs.is_int(value) and value == width and not names.TOKEN.search(name):
                trouble.draft.set((*part.path, name), groups * max(1, round(width / groups + 0.5)))
                changed = True
    return changed


def power_of_two(trouble: Trouble, match: re.Match) -> bool:
    for part in configs.parts(trouble.config):
        if match["name"] in part.fields():
            trouble.draft.set((*part.path, match["name"]), 32)
            return True
    return False


def named_width(trouble: Trouble, match: re.Match) -> bool:
    """`hidden_size = 48, out_features = 256`: the first becomes the second."""
    for part in configs.parts(trouble.config):
        if match["name"] in part.fields():
            trouble.draft.set((*part.path, match["name"]), int(match["value"]))
            return True
    return False


def must_match(trouble: Trouble, match: re.Match) -> None:
    """`a.b` (40) must match `c.d` (48): the first becomes the second."""
    trouble.draft.set(tuple(match["left"].split(".")), int(match["value"]))


def divisible(trouble: Trouble, match: re.Match) -> bool | None:
    """`a (48) must be divisible by b (5)`: the divisor becomes one that divides."""
    numbers = [int(number) for number in re.findall(r"\b\d+\b", match[0])]
    if len(numbers) < 2:
        return False
    changed = False
    for part in configs.parts(trouble.config):
        for name, value in part.fields().items():
            if configs.is_int(value) and value in numbers and (names.HEAD.search(name) or "group" in name):
                whole = next(number for number in numbers if number != value) if len(set(numbers)) > 1 else value
                divisor = next((count for count in (4, 3, 2, 1) if whole % count == 0 and count != value), 1)
                trouble.draft.set((*part.path, name), divisor)
                changed = True
    return changed


def section_heads(trouble: Trouble, match: re.Match) -> bool | None:
    """Rotary angles dealt out in sections of fixed lengths: heads as large as the sections add up to."""
    if not re.search(r"\b(cos|sin)\b|rope|rotary|mrope", "".join(line for _, line in frames(trouble.error)[-3:])):
        return crops(trouble, match)
    wanted, have = sum(map(int, re.findall(r"\d+", match["sections"]))), int(match["have"])
    part = text_part(trouble)
    fields = part.fields()
    heads, wide = fields.get("num_attention_heads"), fields.get("hidden_size")
    if not heads or not wide or wanted % have:
        return False
    size = (fields.get("head_dim") or wide // heads) * wanted // have
    if "head_dim" in fields:
        trouble.draft.set((*part.path, "head_dim"), size)
        return None
    trouble.draft.set((*part.path, "num_attention_heads"), 2)
    trouble.draft.set((*part.path, "num_key_value_heads"), 1)
    trouble.draft.set((*part.path, "hidden_size"), 2 * size)
    bridged: dict = {}
    for other in configs.parts(trouble.config):
        for name, value in other.fields().items():
            if value == wide and other.path != part.path and names.BRIDGE.search(name):
                configs.place(bridged, other.path, {name: 2 * size})
    trouble.draft.config = merged(trouble.draft.config, bridged)
    return None


def sections_said(trouble: Trouble, match: re.Match) -> bool:
    """The same, said by the config."""
    size = 2 * sum(map(int, re.findall(r"\d+", match["sections"])))
    changed = False
    for part in configs.parts(default_config(trouble)):
        fields = part.fields()
        if "head_dim" in fields and "rope_parameters" in fields:
            trouble.draft.set((*part.path, "head_dim"), size)
            changed = True
        elif "rope_parameters" in fields and "num_attention_heads" in fields:
            trouble.draft.set((*part.path, "num_attention_heads"), 2)
            trouble.draft.set((*part.path, "hidden_size"), 2 * size)
            changed = True
    return changed


def smaller_lengths(trouble: Trouble, match: re.Match) -> bool | None:
    """Fields that hold the length of a tensor that is not tiny, whatever they are called."""
    if not isinstance(trouble.error, TooLarge):
        return False
    changed = False
    spare = iter(sizes.OTHERS)
    for length in trouble.error.lengths:
        tiny = next(spare)
        for part in configs.parts(trouble.config):
            for name, value in part.fields().items():
                if value == length and configs.is_int(value) and not name.endswith("_token_id"):
                    trouble.draft.set((*part.path, name), tiny)
                    changed = True
    return changed


def doubling(trouble: Trouble, match: re.Match) -> bool:
    """Widths that double from stage to stage: the first of them."""
    if not isinstance(trouble.error, TooLarge):
        return False
    longest = max(trouble.error.lengths, default=0)
    changed = False
    for part in configs.parts(trouble.config):
        for name, value in part.fields().items():
            power = longest // value if configs.is_int(value) and value >= 16 and longest % value == 0 else 0
            if power >= 4 and power & (power - 1) == 0 and re.search(r"filters|channels|width|dim|size", name) and not names.VOCAB.search(name):
                trouble.draft.set((*part.path, name), max(4, value // 8))
                changed = True
    return changed
