"""Renders a reference's three files and puts them in place at once."""

import hashlib
import json
import os
import shutil
from math import gcd
from pathlib import Path

import numpy as np
from safetensors.numpy import save as save_safetensors

from touchstone import reference
from touchstone.metrics import root_mean_square

#: Larger outputs keep a sample and sums.
LARGEST_WHOLE = 1024
SAMPLE = 512


def sample_of(size: int) -> dict | None:
    """Which elements of an output are kept: all (None), or a walk that meets none twice."""
    if size <= LARGEST_WHOLE:
        return None
    step = max(size // SAMPLE, 1)
    while gcd(step, size) != 1:
        step += 1
    return {"count": SAMPLE, "step": step}


def expected_tensors(inputs: dict[str, np.ndarray], truth: dict[str, np.ndarray], stored: dict[str, np.ndarray]) -> dict[str, np.ndarray]:
    """What expected.safetensors holds."""
    tensors = {f"input.{name}": array for name, array in inputs.items()}
    tensors |= {f"weight.{name}": array for name, array in stored.items()}
    for name, value in truth.items():
        sample = sample_of(value.size)
        if sample is None:
            tensors[f"output.{name}"] = value
        else:
            places = reference.sample_places(sample["count"], sample["step"], value.size)
            tensors[f"output.{name}"] = value.reshape(-1)[places]
            tensors[f"sums.{name}"] = reference.chunk_sums(value)
    # Not `ascontiguousarray`: it gives a scalar an axis.
    return {name: tensors[name].copy(order="C") for name in sorted(tensors)}


def output_entry(name: str, axes: tuple, truth: np.ndarray, statistics: dict[str, dict | None]) -> dict:
    return {
        "name": name,
        "axes": list(axes),
        "shape": list(truth.shape),
        "rms": rounded(root_mean_square(truth)),
        **{dtype: None if stats is None else {key: rounded(value) for key, value in stats.items()} for dtype, stats in statistics.items()},
        "sample": sample_of(truth.size),
    }


def rounded(value: float) -> float:
    """Statistics need six digits, not seventeen."""
    return float(f"{value:.6g}")


def render(manifest: dict, files: dict[str, bytes]) -> dict[str, bytes]:
    """All files of a reference; the manifest's digest covers every byte before its own line."""
    manifest = manifest | {"files": {name: hashlib.sha256(content).hexdigest() for name, content in sorted(files.items())}}
    body = ("{" + ",".join(f"\n {json.dumps(key)}: {entry(manifest[key])}" for key in manifest) + ",\n").encode()
    digest = hashlib.sha256(body).hexdigest()
    return {"manifest.json": body + f' "digest": "{digest}"\n}}\n'.encode(), **files}


def entry(value) -> str:
    """A list of entries, or an object of objects, takes one line each; the rest one line in all."""
    if isinstance(value, list) and value and isinstance(value[0], (dict, list)):
        return "[\n  " + ",\n  ".join(compact(item) for item in value) + "\n ]"
    if isinstance(value, dict) and len(value) > 6:
        return "{\n  " + ",\n  ".join(f"{json.dumps(key)}: {compact(value[key])}" for key in sorted(value)) + "\n }"
    return compact(value)


def compact(value) -> str:
    return json.dumps(value, sort_keys=isinstance(value, dict) and "name" not in value, ensure_ascii=False, allow_nan=False)


def replace_folder(folder: Path, files: dict[str, bytes]) -> None:
    """Writes beside, then renames: a reader sees the old reference or the new one."""
    folder.parent.mkdir(parents=True, exist_ok=True)
    fresh = folder.with_name(f".{folder.name}.new.{os.getpid()}")
    stale = folder.with_name(f".{folder.name}.old.{os.getpid()}")
    shutil.rmtree(fresh, ignore_errors=True)
    fresh.mkdir()
    try:
        for name, content in files.items():
            (fresh / name).write_bytes(content)
        if folder.exists():
            folder.rename(stale)
        fresh.rename(folder)
    finally:
        shutil.rmtree(fresh, ignore_errors=True)
        shutil.rmtree(stale, ignore_errors=True)


def save_expected(tensors: dict[str, np.ndarray]) -> bytes:
    return save_safetensors(tensors)
