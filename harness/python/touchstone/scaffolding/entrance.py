"""Proposes the inputs of a model, from the arguments of its `forward` and what their documentation says."""

import re
from typing import Any

from transformers import PreTrainedConfig

from touchstone import inputs as kinds
from touchstone import live
from touchstone.scaffolding import configs, sizes
from touchstone.scaffolding.draft import Draft, rows_of
from touchstone.scaffolding.subject import Argument, Subject

BATCH, SEQUENCE, TARGET = (2, 3), (10, 7), (9, 6)
FRAMES, SAMPLES, CONTEXT = (64, 48), (3600, 2960), (24, 18)
VIDEO_FRAMES = 4
#: Places on a page, where the config counts none.
BOXES = 1000
MEDIA_TOKEN = re.compile(r"^(image|video|audio|speech|media)_(token_id|token_index|token)$|^(image|audio|video)_token_id_\w+$|^img_token_id$|^im_patch_id$|^vision_token_id$")
#: Arguments that carry a state or a choice of what to return, never a modality.
NEVER = re.compile(
    r"past|cache|labels|return_|output_|inputs_embeds|_embeds$|embeddings$|encoder_outputs|encoder_hidden|use_|head_mask|mems|"
    r"position_ids|position$|interpolate|bool_masked|logits_to_keep|is_training|future|temperature|generator|inference_session|strategy"
)


def propose(draft: Draft, subject: Subject, config: PreTrainedConfig) -> None:
    """Fills the draft's inputs and sizes."""
    arguments = subject.arguments
    draft.sizes = {"batch": BATCH}
    if "input_ids" in arguments and reads_text(subject):
        text(draft, subject, config)
    if decodes(config, arguments):
        draft.sizes["target"] = TARGET
        draft.inputs["decoder_input_ids"] = kinds.tokens("batch", "target")
    main = subject.model_class.main_input_name
    named = list(main) if isinstance(main, (list, tuple)) else [main]
    modal = {"image": ("pixel_values",), "audio": ("input_features", "input_values"), "video": ("pixel_values_videos",)}
    for modality in subject.modalities:
        # A text model that also sees is tried with what it sees first; one kind of media shows all of them.
        if modality == "video" and "image" in subject.modalities and "pixel_values" in arguments:
            continue
        named += [name for name in modal.get(modality, ()) if name in arguments][:1]
    if "video" in subject.modalities and "image" not in subject.modalities and "pixel_values" in arguments:
        named.append("pixel_values")
    named += [name for name, argument in arguments.items() if argument.required and argument.shape]
    for name in dict.fromkeys(named):
        if name in arguments and name not in draft.inputs and not NEVER.search(name.removeprefix("past_values").removeprefix("past_")):
            add(draft, subject, config, name)
    if "spatial_shapes" in arguments and "pixel_values" in draft.inputs:
        packed(draft, config)
    elif "image_grid_thw" in arguments and "pixel_values" in draft.inputs:
        patches(draft, config)


def reads_text(subject: Subject) -> bool:
    return "text" in subject.modalities or subject.model_class.main_input_name == "input_ids"


def decodes(config: PreTrainedConfig, arguments: dict[str, Argument]) -> bool:
    return "decoder_input_ids" in arguments and (config.is_encoder_decoder or arguments["decoder_input_ids"].required or "input_features" in arguments)


def text(draft: Draft, subject: Subject, config: PreTrainedConfig) -> None:
    """Tokens with their mask, and what goes with them."""
    arguments = subject.arguments
    draft.sizes["sequence"] = SEQUENCE
    media = media_token(config)
    ends = special(config, "eos_token_id")
    if media is not None and len(subject.modalities) > 1:
        start = [1] if 1 not in (media,) else [2]
        draft.inputs["input_ids"] = kinds.prompt(("batch", "sequence"), start=start, media=(media, 1))
    elif len(subject.modalities) > 1 and ends is not None:
        # Text beside another modality, each with its own encoder: some pool where the text ends.
        begins = special(config, "bos_token_id")
        draft.inputs["input_ids"] = kinds.prompt(("batch", "sequence"), start=[begins] if begins is not None else [], end=[ends])
    elif live.vocabulary_size(config, "input_ids") is not None:
        draft.inputs["input_ids"] = kinds.tokens("batch", "sequence")
    else:
        draft.inputs["input_ids"] = kinds.integers(("batch", "sequence"), sizes.VOCABULARY)
        draft.guess("inputs.input_ids", "the config names no vocabulary")
    if "bbox" in arguments:
        add(draft, subject, config, "bbox")
    if "attention_mask" in arguments:
        draft.inputs["attention_mask"] = kinds.lengths(sequence=rows_of(SEQUENCE[0], BATCH[0]))
    types = find(config, "type_vocab_size")
    if "token_type_ids" in arguments and is_count(types) and types > 1:
        draft.inputs["token_type_ids"] = kinds.integers(("batch", "sequence"), types)


def media_token(config: PreTrainedConfig) -> int | None:
    """The id that stands for the features of another modality: the image's first."""
    found: dict[str, int] = {}
    for part in configs.parts(config):
        for name, value in vars(part.config).items():
            if MEDIA_TOKEN.search(name) and is_count(value):
                found.setdefault(name.split("_")[0], value)
    for kind in ("image", "audio", "speech", "video", "media", "vision"):
        if kind in found:
            return found[kind]
    return next(iter(found.values()), None)


def special(config: PreTrainedConfig, name: str) -> int | None:
    value = find(config, name)
    value = value[0] if isinstance(value, (list, tuple)) and value else value
    return value if is_count(value) else None


def find(config: PreTrainedConfig, *names: str) -> Any:
    """The first of these fields that any part of the config has."""
    tree = configs.parts(config)
    for name in names:
        for part in tree:
            # Some configs refuse to be asked for what differs from layer to layer.
            value = part.fields().get(name)
            if value is not None:
                return value
    return None


def is_count(value: Any) -> bool:
    return isinstance(value, int) and not isinstance(value, bool) and value >= 0


def add(draft: Draft, subject: Subject, config: PreTrainedConfig, name: str) -> bool:
    """One argument, by what is known of its name, else by its documentation; whether there was a way."""
    argument = subject.arguments[name]
    text_only = tuple(subject.modalities) == ("text",)
    if name.endswith("input_ids"):
        axis = "target" if name.startswith("decoder_") else "sequence"
        draft.sizes.setdefault(axis, TARGET if axis == "target" else SEQUENCE)
        draft.inputs[name] = kinds.tokens("batch", axis)
    elif name == "attention_mask" and text_only:
        draft.inputs[name] = kinds.lengths(sequence=rows_of(draft.sizes["sequence"][0], BATCH[0]))
    elif name in ("pixel_values", "prompt_pixel_values"):
        draft.inputs[name] = kinds.floats(*pixels(subject, config))
    elif name == "pixel_values_videos":
        draft.inputs[name] = kinds.floats("batch", VIDEO_FRAMES, *pixels_of(config))
    elif name == "input_features":
        features(draft, subject, config)
    elif name == "input_values":
        samples(draft, argument, config)
    elif name == "bbox" and "sequence" in draft.sizes:
        # Embeddings look up the four places and often the differences, so that the corners have to be in order.
        draft.inputs[name] = kinds.boxes(("batch", "sequence", 4), find(config, "max_2d_position_embeddings") or BOXES)
    elif name == "image_sizes":
        return given_sizes(draft)
    elif name == "past_values":
        length = find(config, "context_length", "seq_length", "max_context") or CONTEXT[0]
        draft.inputs[name] = kinds.floats("batch", history(config, length), *([find(config, "num_input_channels") or 1] if len(argument.shape) > 2 else []))
    elif argument.shape and documented(draft, argument, config):
        return True
    elif argument.required and name not in ("inference_session", "frame"):
        draft.sizes.setdefault("sequence", SEQUENCE)
        draft.inputs[name] = kinds.floats("batch", "sequence", find(config, "hidden_size", "d_model", "dim") or sizes.WIDTHS[0])
        draft.guess(f"inputs.{name}", "its shape is not documented")
    else:
        return False
    return True


def given_sizes(draft: Draft) -> bool:
    """The images' sizes before they were cut or padded, which models read as plain numbers."""
    kind = draft.inputs.get("pixel_values")
    if kind is None or "image_sizes" in draft.call:
        return False
    draft.call["image_sizes"] = [list(kind.axes[-2:])] * draft.sizes["batch"][0]
    draft.fixed("batch")
    return True


def history(config: PreTrainedConfig, length: int) -> int:
    """How far back a time series must reach: its context and the lags before it."""
    lags = find(config, "lags_sequence")
    return length + (max(lags) if isinstance(lags, (list, tuple)) and lags else 0)


def pixels(subject: Subject, config: PreTrainedConfig) -> tuple[str | int, ...]:
    shape = subject.arguments["pixel_values"].shape if "pixel_values" in subject.arguments else ()
    if "video" in subject.modalities and "image" not in subject.modalities or any("frames" in word for word in shape):
        return ("batch", find(config, "num_frames", "frames_per_clip") or VIDEO_FRAMES, *pixels_of(config))
    return ("batch", *pixels_of(config))


def pixels_of(config: PreTrainedConfig) -> tuple[int, int, int]:
    """Channels, height and width of one image."""
    channels = find(config, "num_channels", "in_channels", "in_chans", "num_input_channels", "image_channels")
    size = find(config, "image_size", "input_size", "img_size")
    if isinstance(size, dict):
        size = [size.get("height"), size.get("width")]
    height, width = size[:2] if isinstance(size, (list, tuple)) and len(size) >= 2 else (size, size)
    if not is_count(height) or not is_count(width):
        height = width = sizes.IMAGE
    return (channels if is_count(channels) else 3, height, width)


def patches(draft: Draft, config: PreTrainedConfig) -> None:
    """Images as rows of patches, with their grids beside them."""
    merge = find(config, "spatial_merge_size", "merge_size") or 2
    merge = merge if is_count(merge) else 2
    channels = pixels_of(config)[0]
    patch, time = find(config, "patch_size") or 14, find(config, "temporal_patch_size") or 1
    patch = patch if is_count(patch) else patch[0]
    grid = (1, 2 * merge, 3 * merge)
    flat = channels * (time if is_count(time) else 1) * patch * patch
    draft.inputs["pixel_values"] = kinds.floats(2 * grid[1] * grid[2], flat)
    draft.inputs["image_grid_thw"] = kinds.rows([grid, grid])
    draft.fixed("batch")


def packed(draft: Draft, config: PreTrainedConfig) -> None:
    """Images as rows of patches, as many for each, with their heights and widths beside them."""
    patch = find(config, "patch_size") or 16
    merge = find(config, "downsample_factor") or 2
    height, width = 2 * merge, 3 * merge
    draft.inputs["pixel_values"] = kinds.floats("batch", height * width, pixels_of(config)[0] * patch * patch)
    draft.inputs["spatial_shapes"] = kinds.rows([[height, width], [height, width]])
    draft.inputs["pixel_attention_mask"] = kinds.constant(("batch", height * width), 1)


def features(draft: Draft, subject: Subject, config: PreTrainedConfig) -> None:
    """Mel frames: which axis is which, models disagree about."""
    bins = find(config, "num_mel_bins", "feature_size", "input_feat_per_channel", "n_mels", "input_feat_size", "mel_bins", "input_dim")
    bins = bins if is_count(bins) else 16
    draft.sizes["frames"] = FRAMES
    source = find(config, "max_source_positions")
    if is_count(source) and source < 200:
        # A table of positions after a convolution that halves the frames.
        draft.sizes["frames"] = (2 * source,)
        draft.inputs["input_features"] = kinds.floats("batch", bins, "frames")
        return
    draft.inputs["input_features"] = kinds.floats("batch", "frames", bins)
    if "attention_mask" in subject.arguments and "input_ids" not in draft.inputs:
        draft.inputs["attention_mask"] = kinds.lengths(frames=rows_of(FRAMES[0], BATCH[0]))


def samples(draft: Draft, argument: Argument, config: PreTrainedConfig) -> None:
    """A waveform, with a channel where the documentation has three axes."""
    if any("mel" in word for word in argument.shape):
        length = find(config, "max_length") or FRAMES[0]
        draft.inputs["input_values"] = kinds.floats("batch", length, find(config, "num_mel_bins") or 16)
        return
    draft.sizes["samples"] = SAMPLES
    channel = (find(config, "audio_channels", "channels") or 1,) if len(argument.shape) > 2 else ()
    draft.inputs["input_values"] = kinds.floats("batch", *channel, "samples")


def documented(draft: Draft, argument: Argument, config: PreTrainedConfig) -> bool:
    """By the axes that the documentation names."""
    axes: list[str | int] = []
    for word in argument.shape:
        axis = axis_of(draft, argument, word, config)
        if axis is None:
            return False
        axes.append(axis)
    whole = re.search(r"Long|Int|Bool", argument.dtype) or argument.name.endswith(("_ids", "_mask", "mask"))
    if argument.name.endswith("mask"):
        draft.inputs[argument.name] = kinds.constant(axes, 1)
    elif whole:
        draft.inputs[argument.name] = kinds.integers(axes, 2)
        draft.guess(f"inputs.{argument.name}", "the limit of these integers")
    else:
        draft.inputs[argument.name] = kinds.floats(*axes)
    draft.guess(f"inputs.{argument.name}", "its shape is the documentation's")
    return True


def axis_of(draft: Draft, argument: Argument, word: str, config: PreTrainedConfig) -> str | int | None:
    """One axis in the documentation's words."""
    word = word.strip().lower()
    if word.isdigit():
        return int(word)
    if "batch" in word or word in ("bs", "num_images", "b"):
        return "batch"
    if re.search(r"channel", word):
        return pixels_of(config)[0]
    if re.search(r"height|width|image_size|frame_size", word):
        return pixels_of(config)[1 if "height" in word else 2]
    if "pixel" in argument.name and "frames" in word:
        return VIDEO_FRAMES
    if re.search(r"seq|length|len$|tokens", word):
        if argument.name.startswith("decoder_"):
            return "target"
        if argument.name.startswith("past_"):
            return history(config, find(config, "context_length") or CONTEXT[0])
        if "sequence" not in draft.sizes:
            draft.sizes["sequence"] = SEQUENCE
        return "sequence"
    attribute = re.sub(r"^config\.", "", word)
    value = find(config, attribute)
    if is_count(value):
        return value
    if word == "num_boxes" and "sequence" in draft.sizes:
        return "sequence"
    # `num_patches`: of what, the documentation does not say.
    return 4 if re.search(r"num_|n_", word) else None
