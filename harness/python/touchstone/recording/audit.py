"""Records again in memory and compares with what is stored: is the gold still gold?"""

import json
import lzma
from pathlib import Path

import numpy as np
from safetensors.numpy import load as load_safetensors

from touchstone import reference
from touchstone.case import Case
from touchstone.recording.one import record

#: float64 sums may be added in another order on another machine.
RELATIVE = 1e-12
#: Error statistics depend on the machine's kernels; they may move by this factor.
STATISTICS = 4.0
EXACT = (
    *("format", "family", "variant", "model", "recorded_from", "config", "call", "sizes", "inputs", "weights", "inert"),
    *("without", "graph"),
)


def check(case: Case, folder: Path) -> tuple[str, str]:
    """`unchanged`, or `refused` with what drifted."""
    stored = reference.read(case, folder.parents[2])
    recorded = record(case)
    drift = differences(stored, recorded.files)
    if drift:
        return "refused", f"drift: {'; '.join(drift)}"
    return "unchanged", "recorded again, equal"


def differences(stored: reference.Reference, files: dict[str, bytes]) -> list[str]:
    """What differs, in words."""
    fresh = json.loads(files["manifest.json"])
    drift = [f"`{key}` differs" for key in EXACT if stored.manifest.get(key) != fresh.get(key)]
    drift += statistics(stored.manifest["outputs"], fresh["outputs"])
    drift += [] if alike_greedy(stored.manifest.get("greedy"), fresh["greedy"]) else ["`greedy` differs"]
    drift += tensors(stored.expected, load_safetensors(files["expected.safetensors"]))
    # Unpacked: another version of the library may pack otherwise.
    if stored.graph != lzma.decompress(files["graph.onnx.xz"]):
        drift.append("the graph's bytes differ")
    return drift


def tensors(stored: dict[str, np.ndarray], fresh: dict[str, np.ndarray]) -> list[str]:
    if sorted(stored) != sorted(fresh):
        return [f"tensors differ: {', '.join(sorted(set(stored) ^ set(fresh)))}"]
    return [f"`{name}` differs" for name in sorted(stored) if not alike(stored[name], fresh[name])]


def alike(stored: np.ndarray, fresh: np.ndarray) -> bool:
    if stored.shape != fresh.shape or stored.dtype != fresh.dtype:
        return False
    if stored.dtype != np.float64:
        return np.array_equal(stored, fresh)
    size = float(np.abs(stored).max(initial=0.0))
    return bool((np.abs(stored - fresh) <= RELATIVE * size).all())


def alike_greedy(stored: dict | None, fresh: dict | None) -> bool:
    """The same tokens after the same prompt; the gap is a statistic."""
    if not stored or not fresh:
        return stored == fresh
    return stored | {"gap": None} == fresh | {"gap": None} and near({"gap": stored["gap"]}, {"gap": fresh["gap"]})


def statistics(stored: list[dict], fresh: list[dict]) -> list[str]:
    if [(o["name"], o["shape"]) for o in stored] != [(o["name"], o["shape"]) for o in fresh]:
        return ["outputs differ"]
    drift = []
    for old, new in zip(stored, fresh, strict=True):
        for dtype in ("float32", "float16", "bfloat16"):
            if not near(old[dtype], new[dtype]):
                drift.append(f"`{old['name']}`: {dtype} statistics moved from {old[dtype]} to {new[dtype]}")
    return drift


def near(old: dict | None, new: dict | None) -> bool:
    if old is None or new is None:
        return old is new
    return all(old[key] <= STATISTICS * new[key] and new[key] <= STATISTICS * old[key] for key in old)
