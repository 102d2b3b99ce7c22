"""The registry's lints as far as a proposal can break them: what is waived here is broken there.

Kept in step with `model-registry/src/lints`: a waiver of what nothing breaks is an error there.
"""

import re
from collections.abc import Iterator
from typing import Any

SIZE_PREFIXES = ("d_", "max_", "n_", "num_", "vocab")
SIZE_SUFFIXES = (
    *("_channels", "_depth", "_depths", "_dim", "_dims", "_groups", "_head", "_heads", "_height", "_kernel", "_layer", "_layers"),
    *("_length", "_positions", "_rank", "_size", "_sizes", "_stride", "_token_id", "_token_ids", "_token_index", "_tokens"),
)
SIZE_NAMES = (
    *("depth", "depths", "dim", "dims", "image_grid_pinpoints", "relative_attention_max_distance"),
    *("relative_attention_num_buckets", "width", "height", "stride"),
)
LENGTHS = (
    *("d_ff", "d_kv", "d_model", "decoder_ffn_dim", "embed_dim", "embedding_size", "encoder_ffn_dim", "ffn_dim", "head_dim"),
    *("hidden_dim", "hidden_size", "intermediate_size", "max_position_embeddings", "max_source_positions"),
    *("max_target_positions", "moe_intermediate_size", "n_embd", "n_inner", "n_positions", "num_labels", "num_mel_bins"),
    *("projection_dim", "vocab_size"),
)
WIDTHS = ("hidden_size", "d_model", "n_embd", "embed_dim", "hidden_dim")
HEAD_SIZES = ("head_dim", "d_kv")
HEADS = ("num_attention_heads", "n_head", "num_heads", "encoder_attention_heads", "decoder_attention_heads")
QUERY_HEADS = ("num_attention_heads", "n_head", "num_heads")
KEY_VALUE_HEADS = ("num_key_value_heads", "num_kv_heads", "n_head_kv")
WINDOWS = ("sliding_window", "attention_window", "local_attention", "window_size")
NORMALISING = ("encoder-only", "decoder-only", "encoder-decoder", "vision", "dual-encoder")


def configs(config: dict[str, Any]) -> Iterator[dict[str, Any]]:
    """The whole config, then every object in it at any depth."""
    yield config
    for _, value in sorted(config.items()):
        if isinstance(value, dict):
            yield from configs(value)


def number(config: dict[str, Any], names: tuple[str, ...]) -> tuple[str, int] | None:
    return next(((name, config[name]) for name in names if is_int(config.get(name)) and config[name] >= 0), None)


def is_int(value: Any) -> bool:
    return isinstance(value, int) and not isinstance(value, bool)


def no_sizes(config: dict[str, Any], is_part: bool = False) -> list[str]:
    """Fields that are not named like sizes."""
    found: list[str] = []
    for name, value in config.items():
        if isinstance(value, dict) and name.endswith("_config"):
            found += no_sizes(value, True)
        elif is_part and name == "model_type" or is_size(name) and is_whole(value) or value is None and name.endswith("_token_id"):
            continue
        else:
            found.append(name)
    return found


def is_size(name: str) -> bool:
    return name.startswith(SIZE_PREFIXES) or name.endswith(SIZE_SUFFIXES) or name in SIZE_NAMES


def is_whole(value: Any) -> bool:
    return all(map(is_whole, value)) if isinstance(value, (list, tuple)) else is_int(value)


def equal_dimensions(config: dict[str, Any], sizes: dict[str, tuple[int, ...]]) -> list[str]:
    """Pairs of lengths that are equal, in words."""
    found: list[str] = []
    widths: list[tuple[str, int]] = []
    for part in configs(config):
        own = lengths(part)
        lengths_ = own + [(axis, length[0]) for axis, length in sorted(sizes.items())]
        for place, (name, length) in enumerate(own):
            found += [f"{name} and {other}" for other, value in lengths_[place + 1 :] if value == length]
        for heads in HEADS:
            count = number(part, (heads,))
            if count:
                found += [f"{heads} and {name}" for name, size in own if size == count[1] and (name in HEAD_SIZES or name.endswith(f"/ {heads}"))]
        wide = number(part, WIDTHS)
        if wide:
            found += [f"two parts' {wide[0]}" for _, value in widths if value == wide[1]]
            widths.append(wide)
    return list(dict.fromkeys(found))


def lengths(part: dict[str, Any]) -> list[tuple[str, int]]:
    found = [item for name in LENGTHS if (item := number(part, (name,)))]
    wide = number(part, WIDTHS)
    if number(part, HEAD_SIZES) is None and wide:
        for heads in HEADS:
            count = number(part, (heads,))
            if count and count[1]:
                found.append((f"{wide[0]} / {heads}", wide[1] // count[1]))
    unique: list[tuple[str, int]] = []
    for item in found:
        if unique and " / " in item[0] and " / " in unique[-1][0] and item[1] == unique[-1][1]:
            continue
        unique.append(item)
    return unique


def all_heads_alike(cases: list[dict[str, Any]]) -> bool:
    """Keys and values have as many heads as queries, wherever both are given."""
    pairs = [(number(part, QUERY_HEADS), number(part, KEY_VALUE_HEADS)) for case in cases for part in configs(case)]
    both = [(queries[1], keys[1]) for queries, keys in pairs if queries and keys]
    return bool(both) and all(keys >= queries for queries, keys in both)


def no_window_shorter(cases: list[dict[str, Any]], longest: int | None) -> bool:
    """A window is given, and no sequence outgrows any."""
    if longest is None:
        return False
    windows = [number(part, WINDOWS) for case in cases for part in configs(case) if part.get("use_sliding_window") is not False]
    given = [window[1] for window in windows if window]
    return bool(given) and all(window >= longest for window in given)


def without_epsilon(architecture: str, cases: list[dict[str, Any]]) -> bool:
    """No case gives a normalisation epsilon that float32 can tell from zero."""
    if architecture not in NORMALISING:
        return False
    given = [value for case in cases for part in configs(case) for name, value in part.items() if is_epsilon(name)]
    return not any(isinstance(value, (int, float)) and value >= 1e-5 for value in given)


def is_epsilon(name: str) -> bool:
    return re.search(r"(^|_)(eps|epsilon)$", name) is not None and (name == "eps" or "_" in name)
