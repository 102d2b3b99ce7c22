"""Writes configs as transformers 4 wrote them, from what transformers 5 writes. Runs with transformers 4, without PyTorch.

    python -m touchstone.older_configs --root . --out FOLDER llama bert
"""

import argparse
import json
import os
import sys
from pathlib import Path
from typing import Any

os.environ.setdefault("TRANSFORMERS_VERBOSITY", "error")
os.environ.setdefault("TRANSFORMERS_NO_ADVISORY_WARNINGS", "1")

import transformers

from touchstone.paths import references, workspace_root

#: What every config has and no model depends on.
UNWRITTEN = ("transformers_version", "_name_or_path")
#: Rotary bases that a type has beside `rope_theta`, by the kind of layer.
LOCAL = {
    "gemma3_text": {"full_attention": "rope_theta", "sliding_attention": "rope_local_base_freq"},
    "modernbert": {"full_attention": "global_rope_theta", "sliding_attention": "local_rope_theta"},
}
#: Kinds of layers that transformers 4 called otherwise.
LAYERS = {"granitemoehybrid": {"full_attention": "attention", "linear_attention": "mamba"}}
#: Fields that a type of transformers 4 takes without declaring them.
UNDECLARED = {
    "deberta-v2": ("norm_rel_ebd", "position_buckets", "share_att_key", "conv_kernel_size", "conv_act"),
    "qwen3_moe": ("head_dim",),
}
#: Fields that transformers 5 writes under another name: its own → the older one.
RENAMED = {"qwen3_moe": {"num_local_experts": "num_experts"}}


def main(arguments: list[str] | None = None) -> int:
    parser = argparse.ArgumentParser(prog="touchstone.older_configs")
    parser.add_argument("families", nargs="+", metavar="FAMILY")
    parser.add_argument("--root", type=Path, default=workspace_root(), help="the workspace")
    parser.add_argument("--out", type=Path, required=True, help="where the configs go")
    options = parser.parse_args(arguments)
    options.out.mkdir(parents=True, exist_ok=True)
    for family in options.families:
        newer = json.loads((references(options.root) / family / "manifest.json").read_text())["config"]
        if newer["model_type"] not in transformers.CONFIG_MAPPING:
            print(f"{family}: transformers {transformers.__version__} does not know `{newer['model_type']}`")
            (options.out / f"{family}.json").unlink(missing_ok=True)
            continue
        text = older(transformers.CONFIG_MAPPING[newer["model_type"]], newer).to_json_string()
        (options.out / f"{family}.json").write_text(without(text))
    return 0


def without(text: str) -> str:
    config = json.loads(text)
    kept = {key: value for key, value in sorted(config.items()) if key not in UNWRITTEN}
    # The last releases of transformers 4 have the new name already; what is on the hub mostly has the old one.
    return json.dumps(with_torch_dtype(kept), indent=1) + "\n"


def with_torch_dtype(config: Any) -> Any:
    if not isinstance(config, dict):
        return config
    return {"torch_dtype" if key == "dtype" else key: with_torch_dtype(value) for key, value in config.items()}


def older(kind: type, newer: dict[str, Any]) -> Any:
    """transformers 4's own config of a type, with every field that it knows set to what transformers 5 has."""
    known = fields(kind, newer)
    undeclared = UNDECLARED.get(newer.get("model_type"), ())
    given = {key: decoded(value) for key, value in newer.items() if (key in known or key in undeclared) and key not in UNWRITTEN}
    parts = getattr(kind, "sub_configs", {})
    for name, value in given.items():
        if isinstance(value, dict) and (part := part_of(parts, name, value)):
            given[name] = older(part, value).to_dict()
    given |= {old: newer[new] for new, old in RENAMED.get(newer.get("model_type"), {}).items() if new in newer}
    given |= rope(newer, known)
    if "dtype" in newer:
        given["dtype"] = newer["dtype"]
    names = LAYERS.get(newer.get("model_type"), {})
    if names and "layer_types" in given:
        given["layer_types"] = [names.get(layer, layer) for layer in given["layer_types"]]
    given.pop("model_type", None)
    return kind(**given)


def decoded(value: Any) -> Any:
    """transformers 5 writes an infinity as a map; transformers 4 wrote it as Python does, which is no JSON."""
    if isinstance(value, list):
        return [decoded(item) for item in value]
    if not isinstance(value, dict):
        return value
    return float(value["__float__"]) if set(value) == {"__float__"} else {key: decoded(item) for key, item in value.items()}


def fields(kind: type, newer: dict[str, Any]) -> dict[str, Any]:
    try:
        return kind().to_dict()
    except ValueError:
        # A type of any two parts has no defaults.
        return newer


def part_of(parts: Any, name: str, value: dict[str, Any]) -> type | None:
    """The type of a config within a config."""
    if value.get("model_type") in transformers.CONFIG_MAPPING:
        return transformers.CONFIG_MAPPING[value["model_type"]]
    return parts.get(name) if isinstance(parts, dict) else None


def rope(newer: dict[str, Any], known: dict[str, Any]) -> dict[str, Any]:
    """transformers 5 keeps all that rotates in `rope_parameters`; transformers 4 had fields of their own."""
    parameters = newer.get("rope_parameters")
    if not parameters:
        return {}
    names = LOCAL.get(newer["model_type"])
    if names:
        return {field: parameters[layer]["rope_theta"] for layer, field in names.items() if layer in parameters}
    if "full_attention" in parameters:
        parameters = parameters["full_attention"]
    given = {}
    if "rope_theta" in parameters and "rope_theta" in known:
        given["rope_theta"] = parameters["rope_theta"]
    if "partial_rotary_factor" in parameters and "partial_rotary_factor" in known:
        given["partial_rotary_factor"] = parameters["partial_rotary_factor"]
    scaling = {key: value for key, value in parameters.items() if key not in ("rope_theta", "partial_rotary_factor")}
    if scaling.get("rope_type", "default") != "default":
        given["rope_scaling"] = scaling
    return given


if __name__ == "__main__":
    sys.exit(main())
