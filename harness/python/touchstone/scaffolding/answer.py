"""Runs a draft's model and reads from its answer which outputs there are and how their axes follow the sizes."""

import re
from typing import Any

import numpy as np
import torch

from touchstone import inputs as kinds
from touchstone import live
from touchstone.case import Case
from touchstone.recording import signal
from touchstone.scaffolding.draft import Draft

#: What a model answers with, by the names that transformers uses; anything else only where none of these is there.
ANSWERS = (
    *("last_hidden_state", "pooler_output", "logits", "encoder_last_hidden_state", "prediction_logits", "extract_features"),
    *("text_embeds", "image_embeds", "audio_embeds", "video_embeds", "logits_per_image", "logits_per_audio", "logits_per_video"),
    *("pred_boxes", "pred_masks", "class_queries_logits", "masks_queries_logits", "image_hidden_states", "audio_values"),
    *("predicted_depth", "waveform", "spectrogram", "reconstruction", "feature_maps"),
)
NEVER = ("loss", "past_key_values", "hidden_states", "attentions", "cross_attentions", "rope_deltas", "router_logits")
#: Larger ones are not tiny, whatever their names were taken for.
MOST_PARAMETERS = 4_000_000
#: What is taken where no rule makes it smaller.
MOST_AT_ALL = 40_000_000


class TooLarge(Exception):
    """A model that is not tiny: the lengths of its largest tensors."""

    def __init__(self, parameters: int, lengths: list[int]) -> None:
        super().__init__(f"{parameters / 1e6:.0f} million parameters, with lengths {lengths}")
        self.lengths = lengths


class NoAnswer(Exception):
    """The model ran, and gave nothing that could be compared."""


def built(case: Case, strict: bool = False) -> torch.nn.Module:
    """The model of a case; measured first on a device without memory."""
    with torch.device("meta"):
        shapes = shapes_of(case)
    total = sum(int(np.prod(shape)) for shape in shapes)
    if total > (MOST_PARAMETERS if strict else MOST_AT_ALL):
        largest = sorted(shapes, key=np.prod, reverse=True)[:6]
        raise TooLarge(total, sorted({length for shape in largest for length in shape if length > 128}, reverse=True))
    model = live.initialised(case, 0)
    live.without_cache(model)
    shake(model)
    return model


def shake(model: torch.nn.Module) -> None:
    """Weights of ordinary size: as initialised, some layers say next to nothing."""
    generator = torch.Generator().manual_seed(0)
    with torch.no_grad():
        for parameter in model.parameters():
            if parameter.is_floating_point():
                noise = torch.rand(parameter.shape, generator=generator) * 2 - 1
                wide = parameter.dim() > 1
                parameter.add_(noise * (1.7 / max(1, int(np.prod(parameter.shape[1:]))) ** 0.5 if wide else 0.1))


def shapes_of(case: Case) -> list[tuple[int, ...]]:
    try:
        model = live.model_class(case)._from_config(live.config_of(case), experts_implementation="eager")
    except Exception:  # noqa: BLE001 - some models compute while they are built; the real attempt tells what is wrong
        return []
    return [tuple(parameter.shape) for parameter in model.parameters()]


def ask(case: Case, model: torch.nn.Module, sizes: dict[str, int], salt: str = "", changed: dict[str, np.ndarray] | None = None) -> dict[str, Any]:
    """The tensors of floats that the model answers with, by name."""
    arrays = kinds.build(case, sizes, live.vocabulary_of(model.config), salt) | (changed or {})
    torch.manual_seed(0)
    with torch.no_grad():
        return tensors_in(model(**live.tensors(arrays), **live.call_of(case, model)))


def tensors_in(answer: Any) -> dict[str, torch.Tensor]:
    if isinstance(answer, torch.Tensor):
        raise NoAnswer("it returns a tensor without a name")
    if not hasattr(answer, "items"):
        raise NoAnswer(f"it returns a {type(answer).__name__}")
    found = {
        name: value
        for name, value in answer.items()
        if isinstance(value, torch.Tensor) and value.is_floating_point() and value.dim() > 0 and value.numel() > 0 and name not in NEVER and not name.endswith("_loss")
    }
    known = {name: value for name, value in found.items() if name in ANSWERS}
    if not found:
        raise NoAnswer(f"no tensor of floats among {', '.join(answer.keys())}")
    return known or found


def settle(draft: Draft, strict: bool) -> None:
    """Runs the draft at both of its sizes; what it answers with becomes its outputs."""
    case = draft.case()
    model = built(case, strict)
    first = ask(case, model, case.recorded_sizes())
    second, why = moved(draft, model)
    if why:
        draft.waives["dynamic-graph"] = plain(why)
    else:
        draft.waives.pop("dynamic-graph", None)
    draft.outputs = {name: axes(draft, model, name, value, second.get(name)) for name, value in sorted(first.items())}
    refuse_random(case, model, first)
    drop_ignored(draft, model, first)


def moved(draft: Draft, model: torch.nn.Module) -> tuple[dict[str, torch.Tensor], str | None]:
    """The answer at the second sizes; axes that cannot move are fixed, all but the batch first."""
    told = None
    for attempt in range(3):
        case = draft.case()
        if not case.dynamic_axes():
            return {}, told or "every axis is fixed by the config"
        try:
            return ask(case, model, case.second_sizes()), told
        except Exception as error:  # noqa: BLE001 - whatever a model raises at another size
            told = first_line(error)
            others = [axis for axis in case.dynamic_axes() if axis != "batch"]
            for axis in others if others and attempt == 0 else case.dynamic_axes():
                draft.fixed(axis)
    return {}, told


def axes(draft: Draft, model: torch.nn.Module, name: str, first: torch.Tensor, second: torch.Tensor | None) -> tuple[str | int, ...]:
    """Names for the axes of an output: a size of the draft where both lengths say so, else what the config calls it."""
    if second is None or second.dim() != first.dim():
        second = first
    named: list[str | int] = []
    for place, (length, other) in enumerate(zip(first.shape, second.shape, strict=True)):
        named.append(axis(draft, model, name, place, first.dim(), length, other))
    return tuple(distinct(named, draft))


def axis(draft: Draft, model: torch.nn.Module, name: str, place: int, rank: int, length: int, other: int) -> str:
    pairs = {axis: (sizes[0], sizes[-1]) for axis, sizes in draft.sizes.items()}
    fitting = [axis for axis, pair in pairs.items() if pair == (length, other)]
    if place == 0 and "batch" in fitting:
        return "batch"
    for preferred in ("target", "sequence", "frames", "batch"):
        if preferred in fitting and (place > 0 or preferred == "batch") and not (place == rank - 1 and rank > 2 and pairs[preferred][0] == pairs[preferred][1]):
            return preferred
    if length != other:
        return "positions" if place else "features"
    return by_config(model.config, name, place, rank, length)


def by_config(config: Any, name: str, place: int, rank: int, length: int) -> str:
    last = place == rank - 1
    if rank == 4 and place:
        return ("channels", "height", "width")[place - 1]
    if last and "logits" in name and not name.startswith("logits_per"):
        text = config.get_text_config(decoder=True)
        if length in (getattr(text, "vocab_size", None), getattr(config, "vocab_size", None)):
            return "vocab"
        return "labels"
    if last and name.endswith("_embeds"):
        return "projection"
    if last:
        return "hidden"
    if place == 0:
        return "features"
    return "patches" if "image" in name or hasattr(config, "patch_size") or hasattr(config, "image_size") else "positions"


def distinct(named: list[str | int], draft: Draft) -> list[str | int]:
    """Free names stay apart within one output; names with a size may repeat (a score of each row with each)."""
    seen: dict[str | int, int] = {}
    result: list[str | int] = []
    for name in named:
        seen[name] = seen.get(name, 0) + 1
        result.append(name if seen[name] == 1 or name in draft.sizes else f"{name}_{seen[name]}")
    return result


def refuse_random(case: Case, model: torch.nn.Module, first: dict[str, torch.Tensor]) -> None:
    torch.manual_seed(1)
    arrays = kinds.build(case, case.recorded_sizes(), live.vocabulary_of(model.config))
    with torch.no_grad():
        again = tensors_in(model(**live.tensors(arrays), **live.call_of(case, model)))
    moved_ = [name for name, value in first.items() if name not in again or value.shape != again[name].shape or not torch.equal(value.nan_to_num(), again[name].nan_to_num())]
    if moved_:
        raise NoAnswer(f"output `{moved_[0]}` is random: two runs on the same inputs differ")


def drop_ignored(draft: Draft, model: torch.nn.Module, first: dict[str, torch.Tensor]) -> None:
    """Masks and other inputs that change nothing prove nothing; an output that nothing changes neither."""
    case = draft.case()
    sizes = case.recorded_sizes()
    vocabulary = live.vocabulary_of(model.config)
    arrays, others = kinds.build(case, sizes, vocabulary), kinds.build(case, sizes, vocabulary, "/other")
    reached: set[str] = set()
    for name, kind in list(draft.inputs.items()):
        touched: set[str] = set()
        for changed in signal.perturbed(kind, arrays[name], others[name]):
            try:
                answer = ask(case, model, sizes, changed={name: changed})
            except Exception:  # noqa: BLE001 - an input that the model refuses is an input that it reads
                touched |= first.keys()
                break
            touched |= {output for output, value in first.items() if output in answer and differs(value, answer[output])}
        reached |= touched
        if not touched and len(draft.inputs) > 1 and not isinstance(kind, kinds.Tokens | kinds.Prompt | kinds.Floats):
            del draft.inputs[name]
    read = {axis for kind in draft.inputs.values() for axis in kind.axes}
    draft.sizes = {axis: lengths for axis, lengths in draft.sizes.items() if axis == "batch" or axis in read}
    deaf = sorted(first.keys() - reached)
    for name in deaf:
        draft.outputs.pop(name, None)
    if not draft.outputs:
        raise NoAnswer(f"output `{deaf[0]}` depends on no input")


def differs(value: torch.Tensor, other: torch.Tensor) -> bool:
    return value.shape != other.shape or not torch.equal(value.nan_to_num(), other.nan_to_num())


def plain(text: str) -> str:
    """One line that can stand in a comment."""
    return re.sub(r"\s+", " ", text.replace('"', "'").replace("\\", "/").replace("*/", "* /"))[:160].strip()


def first_line(error: BaseException) -> str:
    """A config class that refuses itself says why on its second line."""
    lines = [line.strip() for line in str(error).splitlines() if line.strip()]
    told = lines[1] if len(lines) > 1 and lines[0].endswith(":") else lines[0] if lines else ""
    return f"{type(error).__name__}: {told}"[:200]


__all__ = ["NoAnswer", "TooLarge", "ask", "built", "first_line", "settle"]
