"""Sound of another length, or with its axes the other way round."""

import re

from touchstone import inputs as kinds
from touchstone.scaffolding.repairs.trouble import Trouble


def frames_of_length(trouble: Trouble, match: re.Match) -> bool | None:
    """The one length that a model of sound accepts; the bins come before the frames where the model says frames last."""
    draft = trouble.draft
    kind = draft.inputs.get("input_features")
    if kind is None:
        return False
    draft.resized("frames", int(match["length"]))
    bins = next((axis for axis in kind.axes if isinstance(axis, int)), 16)
    draft.inputs["input_features"] = kinds.floats("batch", bins, "frames")


def frames_in_windows(trouble: Trouble, match: re.Match) -> bool | None:
    """A length that comes in whole windows; what was read as the length was the bins."""
    kind = trouble.draft.inputs.get("input_features")
    if kind is None:
        return False
    window = int(match["window"])
    trouble.draft.resized("frames", 2 * window, window)
    bins = next((axis for axis in kind.axes if isinstance(axis, int)), 16)
    trouble.draft.inputs["input_features"] = kinds.floats("batch", bins, "frames")
    if "input_features_mask" in trouble.subject.arguments:
        trouble.draft.inputs["input_features_mask"] = kinds.lengths(frames=(2 * window, window + window // 2))
    return None


def swap_features(trouble: Trouble, match: re.Match) -> bool | None:
    """Mel bins and frames the other way round, once."""
    kind = trouble.draft.inputs.get("input_features")
    if kind is None or len(kind.axes) != 3:
        return False
    trouble.draft.inputs["input_features"] = kinds.floats(kind.axes[0], kind.axes[2], kind.axes[1])
    return None


def with_channel(trouble: Trouble, match: re.Match) -> bool | None:
    """A waveform with its channel axis."""
    kind = trouble.draft.inputs.get("input_values")
    if kind is None or len(kind.axes) != 2:
        return False
    trouble.draft.inputs["input_values"] = kinds.floats(kind.axes[0], 1, kind.axes[1])
    return None
