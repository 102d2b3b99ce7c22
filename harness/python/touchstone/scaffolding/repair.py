"""What to change in a draft that could not be built or run, by what the error says."""

import re
from collections import Counter
from collections.abc import Callable

from touchstone.scaffolding.draft import Draft
from touchstone.scaffolding.repairs import arguments, fields, images, media, sound, widths
from touchstone.scaffolding.repairs.trouble import Trouble

#: How often a rule may try on one draft; four times where nothing is said.
MOST_TIMES = {"larger_input": 3, "more_positions": 3, "image_of_size": 2, "channels": 2, "swap_features": 1}
MOST_TIMES_ELSE = 4


def mend(trouble: Trouble, mended: Counter[str]) -> str | None:
    """Applies the first rule that fits and changes something, each a few times at most; says which."""
    before = spelled(trouble.draft)
    for pattern, rule in RULES:
        match = re.search(pattern, trouble.text, re.IGNORECASE | re.DOTALL)
        if match and mended[rule.__name__] < MOST_TIMES.get(rule.__name__, MOST_TIMES_ELSE) and rule(trouble, match) is not False and spelled(trouble.draft) != before:
            return rule.__name__
    return None


def spelled(draft: Draft) -> str:
    return repr((draft.checkpoint, draft.config, draft.call, draft.sizes, draft.inputs))


#: The first that fits and changes something.
RULES: list[tuple[str, Callable]] = [
    (r"million parameters", widths.smaller_lengths),
    (r"million parameters", widths.doubling),
    (r"tie_weights_keys|(list|tuple) index out of range", fields.more_layers),
    (r"sum equals half of `head_dim`, got \[(?P<sections>[\d, ]+)\]", widths.sections_said),
    (r"`image_size` has to be divisible", images.power_images),
    (r"property '(?P<name>\w+)' of .* has no setter", fields.no_field),
    (r"Could not find a `(?P<name>\w+)` argument in the config", fields.unset),
    (r"\(\d+x(?P<have>\d+) and (?P<wanted>\d+)x\d+\)", images.row_width),
    (r"normalized_shape=\[(?P<wanted>\d+)\].*got input of size\[\d+, \d+, (?P<have>\d+)\]", images.row_width),
    (r"requires the timm library|timm_backbone|use_timm|`timm`|backbone is not supported|couldn't connect|offline mode", fields.backbone),
    (r"tokens?:? *(?P<tokens>\d+)\D+features:? *(?P<features>\d+)", media.media_count),
    (r"\(got [^)]*features(?P<features>\d+)[^)]*tokens(?P<tokens>\d+)", media.media_count),
    (r"mm_token_type_ids", media.rows_alone),
    (r"`prediction_length` config needs", fields.prediction),
    (r"is random", arguments.noise),
    (r"expected 5, got \d", images.patches_of_batch),
    (r"(frames?|length).{0,40}multiple of.*\((?P<window>\d+)\), but got", sound.frames_in_windows),
    (r"missing \d+ required [^:]*: .*|(have|need) to (specify|provide|pass) .*|.{0,80}must (specify|provide|be (provided|specified|passed)) ?.*|.{0,80}(is|are) required.*|.{0,60}should (be|not be) (provided|specified|None).*|.{0,60}(cannot|can't|can not) be `?None.*", arguments.named_argument),
    (r"`num_hidden_layers` \((?P<tiny>\d+)\) must be equal to the number of `\w+` \((?P<full>\d+)\)", fields.layer_kinds),
    (r"(?P<name>\w+) must be a power of 2", widths.power_of_two),
    (r"`(?P<left>[\w.]+)` \(\d+\) must match `[\w.]+` \((?P<value>\d+)\)", widths.must_match),
    (r"\((?P<width>\d+)\) must be divisible by num_groups \((?P<groups>\d+)\)", widths.group_width),
    (r"(?P<name>\w+) = \d+, \w+ = (?P<value>\d+)", widths.named_width),
    (r"input to conv2d, but got input of size: \[\d+, \d+\]", images.patch_images),
    (r"topk.*NoneType|empty\(\) takes", fields.chosen_experts),
    (r"NoneType", arguments.argument_at_fault),
    (r"NoneType", fields.head_given),
    (r"doesn't match model \((?P<height>\d+) ?[*x] ?(?P<width>\d+)\)", images.image_of_size),
    (r"mel input features to be of length (?P<length>\d+)", sound.frames_of_length),
    (r"to have (?P<channels>\d+) channels, but got", images.channels),
    (r"(make sure that the channel dimension|channels?).{0,60}(match|expected) .*?(?P<channels>\d+)", images.channels),
    (r"5D tensor of shape \(batch_size, (?P<count>\d+)", images.with_frames),
    (r"expected 5, got 4|expected 4, got 3|expected 5-?d|5D tensor|must be 5|\[batch_size, num_frames", images.with_frames),
    (r"expected 4, got 5|too many values to unpack \(expected 4\)", images.without_frames),
    (r"split_with_sizes expects split_sizes to sum exactly to (?P<have>\d+).*split_sizes=\[(?P<sections>[\d, ]+)\]", widths.section_heads),
    (r"kernel size can't be greater|selected index k out of range|output size is too small|calculated output size|calculated shape of the array|smaller than|should be (larger|greater)|padding size should be less|too small|greater than or equal to kernel", images.larger_input),
    (r"[^.]*(divisible by|multiple of|divide)[^.]*", widths.divisible),
    (r"expected 3D.*input|expected 3, got 2|Expected 2D \(unbatched\) or 3D \(batched\) input to conv1d", sound.with_channel),
    (r"given groups=|running_mean|weight of size|normalized_shape", sound.swap_features),
    (r"index out of range in self|out of bounds|max_position|maximum sequence|exceeds", fields.more_positions),
    (r"list index out of range|index \d+ is out of range|not in list|KeyError|out_features|out_indices|stage_names|must index the", fields.more_layers),
    (r"Expected size for first two dimensions|inconsistent with step sign", images.larger_input),
    (r"reshape|view|invalid for input of size|integer division|must match the size|shape mismatch|size mismatch|sizes? of tensors", images.larger_input),
]
