"""Proves that transformers 5 reads configs of transformers 4 as the models that were recorded, and removes those that it does not.

    python -m touchstone.same_config --root . FOLDER
"""

import argparse
import json
import sys
from pathlib import Path
from typing import Any

from touchstone import live
from touchstone.older_configs import decoded
from touchstone.paths import references, workspace_root
from touchstone.recording.one import without_volatile

#: Fields that say how a model is run or written, and not what it computes.
APART = ("architectures", "dtype", "torch_dtype", "use_cache", "transformers_version", "_name_or_path", "initializer_range", "id2label", "label2id")


def main(arguments: list[str] | None = None) -> int:
    parser = argparse.ArgumentParser(prog="touchstone.same_config")
    parser.add_argument("folder", type=Path, help="the configs")
    parser.add_argument("--root", type=Path, default=workspace_root(), help="the workspace")
    options = parser.parse_args(arguments)
    for path in sorted(options.folder.glob("*.json")):
        newer = json.loads((references(options.root) / path.stem / "manifest.json").read_text())["config"]
        older = json.loads(path.read_text())
        kind = live.transformers.CONFIG_MAPPING[older["model_type"]]
        read, recorded = (without_volatile(kind.from_dict(decoded(config)).to_dict()) for config in (older, newer))
        if faults := differences(read, recorded):
            # A config of another model would prove nothing.
            path.unlink()
            print(f"{path.stem}: not written: {faults[0]}")
    return 0


def differences(read: Any, recorded: Any, place: str = "") -> list[str]:
    """Where a config that was read is not the one that was recorded; what transformers 5 does not write it does not read."""
    if isinstance(read, dict) and isinstance(recorded, dict):
        faults = []
        for key in sorted(recorded.keys() - set(APART)):
            faults += differences(read.get(key), recorded[key], f"{place}.{key}" if place else key)
        return faults
    return [] if read == recorded else [f"`{place}` is {json.dumps(read)}, and was recorded as {json.dumps(recorded)}"]


if __name__ == "__main__":
    sys.exit(main())
