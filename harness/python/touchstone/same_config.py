"""Proves that transformers 5 reads configs of transformers 4 as the models that were recorded.

    python -m touchstone.same_config --root . FOLDER
"""

import argparse
import json
import sys
from pathlib import Path
from typing import Any

from touchstone import live
from touchstone.paths import references, workspace_root
from touchstone.recording.one import without_volatile

#: Fields that say how a model is run or written, and not what it computes.
APART = ("architectures", "dtype", "torch_dtype", "use_cache", "transformers_version", "_name_or_path", "initializer_range", "id2label", "label2id")

#: Fields that transformers 5 has no more, with the one value that it still computes.
GONE = {"position_embedding_type": "absolute"}


def main(arguments: list[str] | None = None) -> int:
    parser = argparse.ArgumentParser(prog="touchstone.same_config")
    parser.add_argument("folder", type=Path, help="the configs")
    parser.add_argument("--root", type=Path, default=workspace_root(), help="the workspace")
    options = parser.parse_args(arguments)
    same = True
    for path in sorted(options.folder.glob("*.json")):
        newer = json.loads((references(options.root) / path.stem / "manifest.json").read_text())["config"]
        older = json.loads(path.read_text())
        kind = live.transformers.CONFIG_MAPPING[older["model_type"]]
        read, recorded = (without_volatile(kind.from_dict(config).to_dict()) for config in (older, newer))
        for fault in differences(read, recorded):
            print(f"{path.stem}: {fault}")
            same = False
    return 0 if same else 1


def differences(read: Any, recorded: Any, place: str = "") -> list[str]:
    """Where a config that was read is not the one that was recorded."""
    if isinstance(read, dict) and isinstance(recorded, dict):
        faults = []
        for key in sorted((read.keys() | recorded.keys()) - set(APART)):
            # What is absent says as much as null.
            faults += differences(read.get(key), recorded.get(key), f"{place}.{key}" if place else key)
        return faults
    field = place.rpartition(".")[2]
    is_gone = recorded is None and field in GONE and read == GONE[field]
    return [] if read == recorded or is_gone else [f"`{place}` is {json.dumps(read)}, and was recorded as {json.dumps(recorded)}"]


if __name__ == "__main__":
    sys.exit(main())
