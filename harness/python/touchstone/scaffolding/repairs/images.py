"""Images of another size, with other channels, more axes, or cut into patches."""

import re
from collections.abc import Callable

from touchstone import inputs as kinds
from touchstone.scaffolding import configs, entrance
from touchstone.scaffolding.draft import Draft
from touchstone.scaffolding.repairs.sound import with_channel
from touchstone.scaffolding.repairs.trouble import Trouble, default_config, default_part

LARGEST_IMAGE, LONGEST = 512, 20_000


def reshape_images(draft: Draft, change: Callable[[tuple], tuple]) -> bool:
    """Images that are images: rows of patches have no height."""
    changed = False
    for name, kind in draft.inputs.items():
        if name.startswith(("pixel_values", "prompt_pixel_values")) and isinstance(kind, kinds.Floats) and len(kind.axes) > 3:
            axes = change(kind.axes)
            changed |= axes != kind.axes
            draft.inputs[name] = kinds.floats(*axes)
    return changed


def image_of_size(trouble: Trouble, match: re.Match) -> bool | None:
    """The size that the model says it was built for."""
    height, width = int(match["height"]), int(match["width"])
    return reshape_images(trouble.draft, lambda axes: (*axes[:-2], height, width))


def channels(trouble: Trouble, match: re.Match) -> bool | None:
    if "input_values" in trouble.draft.inputs and match["channels"] == "1":
        return with_channel(trouble, match)
    return reshape_images(trouble.draft, lambda axes: (*axes[:-3], int(match["channels"]), *axes[-2:]))


def with_frames(trouble: Trouble, match: re.Match) -> bool | None:
    """One more axis: frames, or several crops of one image."""
    said = match.groupdict().get("count")
    count = int(said) if said else entrance.find(trouble.config, "num_frames", "frames_per_clip")
    count = count if entrance.is_count(count) and 0 < count <= 32 else entrance.VIDEO_FRAMES
    return reshape_images(trouble.draft, lambda axes: (axes[0], count, *axes[1:]) if len(axes) == 4 else axes)


def without_frames(trouble: Trouble, match: re.Match) -> bool | None:
    return reshape_images(trouble.draft, lambda axes: (axes[0], *axes[2:]) if len(axes) == 5 else axes)


def crops(trouble: Trouble, match: re.Match) -> bool:
    """An image comes as several crops."""
    count = int(re.findall(r"\d+", match["sections"])[0])
    if not 1 < count < 40:
        return False
    return reshape_images(trouble.draft, lambda axes: (axes[0], count, *axes[-3:]))


def patch_images(trouble: Trouble, match: re.Match) -> bool | None:
    """Rows of patches that are small images."""
    kind = trouble.draft.inputs.get("pixel_values")
    if kind is None or len(kind.axes) != 2:
        return False
    channels = entrance.pixels_of(trouble.config)[0]
    side = round((int(kind.axes[1]) / channels) ** 0.5)
    trouble.draft.inputs["pixel_values"] = kinds.floats(kind.axes[0], channels, side, side)
    return None


def patches_of_batch(trouble: Trouble, match: re.Match) -> bool | None:
    """Rows of patches as one sequence of small images."""
    kind = trouble.draft.inputs.get("pixel_values")
    if kind is None or len(kind.axes) not in (2, 4) or "image_grid_thw" not in trouble.draft.inputs:
        return False
    if len(kind.axes) == 2:
        patch_images(trouble, match)
        kind = trouble.draft.inputs["pixel_values"]
    trouble.draft.inputs["pixel_values"] = kinds.floats(1, *kind.axes)
    return None


def power_images(trouble: Trouble, match: re.Match) -> bool:
    """Images and patches of powers of two, which windows divide."""
    changed = False
    for part in configs.parts(default_config(trouble)):
        fields = part.fields()
        if configs.is_int(fields.get("image_size")):
            trouble.draft.set((*part.path, "image_size"), 64)
            changed = True
            if configs.is_int(fields.get("patch_size")):
                trouble.draft.set((*part.path, "patch_size"), 4)
    reshape_images(trouble.draft, lambda axes: (*axes[:-2], 64, 64))
    return changed


def row_width(trouble: Trouble, match: re.Match) -> bool:
    """Rows of patches, or frames, as wide as the model's first layer."""
    have, wanted = int(match["have"]), int(match["wanted"])
    changed = False
    for name, kind in trouble.draft.inputs.items():
        if isinstance(kind, kinds.Floats) and len(kind.axes) > 1 and kind.axes[-1] == have != wanted:
            trouble.draft.inputs[name] = kinds.floats(*kind.axes[:-1], wanted)
            changed = True
    return changed


def larger_input(trouble: Trouble, match: re.Match) -> bool | None:
    """Too small for a kernel or a pyramid."""
    draft = trouble.draft
    grown = False
    for part in configs.parts(trouble.config):
        for name in ("image_size", "input_size", "img_size"):
            value = getattr(part.config, name, None)
            default = getattr(default_part(trouble, part.path), name, None)
            if configs.is_int(value) and configs.is_int(default) and value * 2 <= min(default * 2, LARGEST_IMAGE):
                draft.set((*part.path, name), value * 2)
                grown = True
    if reshape_images(draft, lambda axes: (*axes[:-2], *(min(2 * length, LARGEST_IMAGE) if isinstance(length, int) else length for length in axes[-2:]))):
        grown = True
    for axis in ("samples", "frames"):
        if axis in draft.sizes and draft.sizes[axis][0] * 2 <= LONGEST:
            draft.resized(axis, *(length * 2 for length in draft.sizes[axis]))
            grown = True
    return grown
