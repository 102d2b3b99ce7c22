"""Guesses the category, the architecture and the modality of a model from what it takes, gives and is made for."""

import re

import torch

from touchstone import inputs as kinds
from touchstone import live
from touchstone.scaffolding.answer import ask, built
from touchstone.scaffolding.draft import Draft
from touchstone.scaffolding.subject import Subject

#: Combinations for which the lists of the registry have a name; the nearest stands for the others.
MODALITIES = {
    frozenset({"text"}): "text",
    frozenset({"image"}): "image",
    frozenset({"audio"}): "audio",
    frozenset({"image", "text"}): "text-image",
    frozenset({"audio", "text"}): "text-audio",
    frozenset({"text", "video"}): "text-video",
    frozenset({"audio", "image", "text"}): "text-image-audio",
    frozenset({"video"}): "video",
    frozenset({"time"}): "time-series",
}
DETECTING = ("object-detection", "zero-shot-object-detection")
DENSE = ("depth-estimation", "image-to-image", "instance-segmentation", "mask-generation", "semantic-segmentation", "universal-segmentation")
#: Fields that only models with a recurrent state have.
RECURRENT = ("state_size", "ssm_state_size", "mamba_d_state", "d_state", "conv_kernel", "linear_conv_kernel_dim", "lru_width", "short_conv_kernel_size")

#: Kinds of layers that hold a state instead of looking back.
RECURRENT_LAYER = re.compile(r"linear_attention|mamba|recurrent|(^|_)conv")


def guess(draft: Draft, subject: Subject) -> None:
    """Fills in what the registry's closed lists want."""
    given = modalities(draft, subject)
    draft.modality = MODALITIES.get(given, nearest(given))
    if given not in MODALITIES:
        draft.guess("modality", f"takes {', '.join(sorted(given)) or 'none of the listed'}")
    decodes = "decoder_input_ids" in draft.inputs
    if given == {"text"}:
        if decodes:
            place(draft, "text-encoder-decoder", "encoder-decoder")
        elif is_causal(draft):
            place(draft, *(("state-space", "state-space") if is_recurrent(subject) else ("text-decoder", "decoder-only")))
        else:
            place(draft, "text-encoder", "encoder-only")
        reads_pages(draft)
        draft.guess("architecture", f"{'a decoder reads its tokens apart' if decodes else 'from whether later tokens change earlier outputs'}")
        return
    if "time" in given:
        place(draft, "time-series", "time-series")
    elif {"audio", "image"} <= given:
        place(draft, "multimodal", "any-to-any")
    elif "video" in given:
        place(draft, "video", "video-text" if "text" in given else "video")
    elif "audio" in given:
        place(draft, "audio", heard(draft, given, decodes))
    elif "image" in given and "text" in given:
        place(draft, "multimodal", seen_and_read(draft, subject, decodes))
    elif "image" in given:
        place(draft, "vision", seen(subject))
    else:
        place(draft, "text-encoder", "encoder-only")
        draft.guess("category", "none of the lists fits")
    reads_pages(draft)
    draft.guess("architecture", "from its auto classes and outputs")


def reads_pages(draft: Draft) -> None:
    """Whoever is told where words stand on a page reads documents."""
    if "bbox" in draft.inputs:
        draft.category = "document"
        draft.guess("category", "takes boxes of words")


def heard(draft: Draft, given: frozenset[str], decodes: bool) -> str:
    if decodes:
        return "speech-encoder-decoder"
    if any("waveform" in name or "audio_values" in name for name in draft.outputs):
        return "audio-codec"
    if "text" not in given:
        return "speech-encoder"
    return "audio-language" if writes(draft) else "audio-text"


def seen_and_read(draft: Draft, subject: Subject, decodes: bool) -> str:
    if decodes:
        return "vision-encoder-decoder"
    if writes(draft):
        return "vision-language"
    if detects(subject):
        return "detection"
    return "dual-encoder" if "logits_per_image" in draft.outputs else "fusion-encoder"


def seen(subject: Subject) -> str:
    classifies = any("classification" in task for task in subject.tasks)
    if detects(subject) and not classifies:
        return "detection"
    return "dense-prediction" if any(task in subject.tasks for task in DENSE) and not classifies else "vision"


def is_recurrent(subject: Subject) -> bool:
    config = subject.config_class()
    kinds_ = getattr(config, "layer_types", None) or ()
    return any(getattr(config, name, None) is not None for name in RECURRENT) or any(RECURRENT_LAYER.search(str(kind)) for kind in kinds_)


def modalities(draft: Draft, subject: Subject) -> frozenset[str]:
    """What this draft feeds, which may be less than what the model can read."""
    fed = set()
    for name, kind in draft.inputs.items():
        if name.endswith("input_ids") and not (name.startswith("decoder_") and "input_ids" not in draft.inputs):
            fed.add("text")
        elif name.startswith("pixel_values"):
            frames = name.endswith("videos") or "video" in subject.modalities and "image" not in subject.modalities
            fed.add("video" if frames else "image")
        elif name.startswith(("input_features", "input_values")):
            fed.add("audio")
        elif name == "past_values":
            fed.add("time")
    if "audio" in fed and "decoder_input_ids" in draft.inputs:
        fed.add("text")
    return frozenset(fed)


def nearest(given: frozenset[str]) -> str:
    if "text" not in given:
        return "image" if given & {"image", "video"} else "text"
    return "text-image" if "image" in given else "text-video" if "video" in given else "text-audio"


def place(draft: Draft, category: str, architecture: str) -> None:
    draft.category, draft.architecture = category, architecture


def writes(draft: Draft) -> bool:
    prompt = draft.inputs.get("input_ids")
    return isinstance(prompt, kinds.Prompt) and prompt.media is not None


def detects(subject: Subject) -> bool:
    return any(task in subject.tasks for task in DETECTING)


def is_causal(draft: Draft) -> bool:
    """Whether the last token reaches the first positions: measured, since auto classes do not tell."""
    case = draft.case()
    model = built(case)
    sizes = case.recorded_sizes()
    arrays = kinds.build(case, sizes, live.vocabulary_of(model.config))
    ids = arrays["input_ids"].copy()
    ids[0, -1] = arrays["input_ids"][0, 1] if arrays["input_ids"][0, 1] != ids[0, -1] else arrays["input_ids"][0, 0]
    first, second = ask(case, model, sizes), ask(case, model, sizes, changed={"input_ids": ids})
    along = [name for name, axes in draft.outputs.items() if "sequence" in axes[1:2]]
    return bool(along) and all(torch.equal(first[name][0, :-1], second[name][0, :-1]) for name in along)
