"""Reads a reference, and refuses one that is missing, damaged, or recorded from something else."""

import hashlib
import json
import lzma
from dataclasses import dataclass
from pathlib import Path

import numpy as np
from safetensors.numpy import load as load_safetensors, save_file

from touchstone import weights
from touchstone.case import Case
from touchstone.metrics import Truth
from touchstone.paths import references

FORMAT = 1
#: Elements in one of an output's sums.
CHUNK = 64
DIGEST_LINE = b'\n "digest": "'


class Unusable(Exception):
    """A reference that must not be compared with; the message names it and says why and what to do."""


@dataclass
class Reference:
    name: str
    manifest: dict
    expected: dict[str, np.ndarray]
    graph: bytes

    @property
    def digest(self) -> str:
        return self.manifest["digest"]

    def weights(self) -> dict[str, np.ndarray]:
        """Every weight, sorted by name."""
        return {entry[0]: self.weight(*entry) for entry in self.manifest["weights"]}

    def write_checkpoint(self, folder: Path) -> None:
        """The weights and the config as transformers loads them."""
        save_file(self.weights(), folder / "model.safetensors", metadata={"format": "pt"})
        (folder / "config.json").write_text(json.dumps(self.manifest["config"]))

    def weight(self, name: str, shape: list[int], dtype: str, scale: float | None, mean: float | None) -> np.ndarray:
        if scale is None:
            return self.expected[f"weight.{name}"]
        return weights.weight(name, tuple(shape), dtype, scale, mean)

    def truth(self, entry: dict) -> Truth:
        """What PyTorch gave for an output, whole or sampled; `entry` is the manifest's."""
        elements, shape, sample = self.expected[f"output.{entry['name']}"], tuple(entry["shape"]), entry["sample"]
        if sample is None:
            return Truth.whole(elements)
        places = sample_places(sample["count"], sample["step"], int(np.prod(shape)))
        order = np.argsort(places)
        return Truth(shape, places[order], elements[order])

    def inputs(self) -> dict[str, np.ndarray]:
        """Masks from their lengths, floats from their names, other integers as stored."""
        return {entry["name"]: self.input(entry) for entry in self.manifest["inputs"]}

    def input(self, entry: dict) -> np.ndarray:
        name, shape = entry["name"], tuple(entry["shape"])
        if "lengths" in entry:
            return (np.arange(shape[1]) < np.array(entry["lengths"]["of"])[:, None]).astype(np.int64)
        if entry["dtype"] == "f32":
            return weights.float_input(name, shape)
        return self.expected[f"input.{name}"]


def read(case: Case, root: Path | None = None) -> Reference:
    """The reference of a case, checked against its own hashes and against the case."""
    folder = references(root) / case.name
    mend = f"cargo xtask record {case.family}"
    manifest = read_manifest(folder, case.name, mend)
    if manifest["recorded_from"] != case.recorded_from:
        found, wanted = manifest["recorded_from"], case.recorded_from
        raise Unusable(f"reference `{case.name}` was recorded from {found}, and the test states {wanted} [{mend}]")
    files = {name: checked(folder, case.name, name, digest, mend) for name, digest in manifest["files"].items()}
    expected = load_safetensors(files["expected.safetensors"])
    return Reference(case.name, manifest, expected, lzma.decompress(files["graph.onnx.xz"]))


def read_manifest(folder: Path, name: str, mend: str) -> dict:
    path = folder / "manifest.json"
    try:
        content = path.read_bytes()
    except FileNotFoundError:
        raise Unusable(f"reference `{name}` is missing: no manifest.json in snapshots/references/{name} [{mend}]") from None
    stated = split_digest(content)
    if stated is None:
        raise Unusable(f"reference `{name}`: manifest.json is cut off: it does not end in its digest [{mend}]")
    body, digest = stated
    found = hashlib.sha256(body).hexdigest()
    if found != digest:
        raise Unusable(f"reference `{name}`: manifest.json is damaged: its digest is {digest}, its bytes give {found} [{mend}]")
    manifest = json.loads(content)
    if manifest.get("format") != FORMAT:
        raise Unusable(f"reference `{name}` has format {manifest.get('format')} (known: {FORMAT}) [{mend}]")
    return manifest


def split_digest(content: bytes) -> tuple[bytes, str] | None:
    """The bytes before the digest's line, and the digest."""
    at = content.rfind(DIGEST_LINE)
    tail = content[at + len(DIGEST_LINE) :]
    if at < 0 or len(tail) != 64 + len(b'"\n}\n') or not tail.endswith(b'"\n}\n'):
        return None
    return content[: at + 1], tail[:64].decode("ascii", "replace")


def checked(folder: Path, name: str, file: str, digest: str, mend: str) -> bytes:
    try:
        content = (folder / file).read_bytes()
    except FileNotFoundError:
        raise Unusable(f"reference `{name}`: {file} is missing [{mend}]") from None
    found = hashlib.sha256(content).hexdigest()
    if found != digest:
        raise Unusable(f"reference `{name}`: {file} is damaged: the manifest says {digest}, its bytes give {found} [{mend}]")
    return content


def sample_places(count: int, step: int, size: int) -> np.ndarray:
    """The flat places of a sampled output's stored elements."""
    return (np.arange(count, dtype=np.int64) * step) % size


def chunk_sums(values: np.ndarray) -> np.ndarray:
    """Sums over consecutive chunks, in float64."""
    flat = values.astype(np.float64).reshape(-1)
    padded = np.pad(flat, (0, -len(flat) % CHUNK))
    return padded.reshape(-1, CHUNK).sum(axis=1)
