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
    plain = kind()
    known = plain.to_dict()
    given = {key: value for key, value in newer.items() if key in known and key not in UNWRITTEN}
    for name, part in getattr(kind, "sub_configs", {}).items():
        if isinstance(given.get(name), dict):
            part_kind = transformers.CONFIG_MAPPING[given[name]["model_type"]] if given[name].get("model_type") in transformers.CONFIG_MAPPING else part
            given[name] = older(part_kind, given[name]).to_dict()
    given |= rope(newer, known)
    if "dtype" in newer:
        given["dtype"] = newer["dtype"]
    given.pop("model_type", None)
    return kind(**given)


def rope(newer: dict[str, Any], known: dict[str, Any]) -> dict[str, Any]:
    """transformers 5 keeps all that rotates in `rope_parameters`; transformers 4 had fields of their own."""
    parameters = newer.get("rope_parameters")
    if not parameters:
        return {}
    names = LOCAL.get(newer["model_type"])
    if names:
        return {field: parameters[layer]["rope_theta"] for layer, field in names.items() if layer in parameters}
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
