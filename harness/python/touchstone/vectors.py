"""Writes the vectors that hold the Rust and the Python weights to the same bits.

    python -m touchstone.vectors            writes harness/vectors.json
"""

import json
import sys
from pathlib import Path

import numpy as np

from touchstone import weights
from touchstone.paths import workspace_root

#: Ascii, empty, unicode, long, and everything that a careless JSON writer or hasher would trip over.
NAMES = [
    "embeddings.word_embeddings.weight",
    "",
    "décodeur.Ω.重み",
    "x" * 300,
    "model.layers.0.self_attn.q_proj.weight",
    'a "quoted" name\\with a backslash',
    "line\nbreak",
    "input/pixel_values",
]
FILLS = [(1.0, 0.0), (0.25, 1.0), (0.289, -0.0137), (1e-3, 2.66)]
DTYPES = ["f32", "f64", "f16", "bf16"]
#: The first ones, and one far enough to show that the counter counts.
INDICES = [0, 1, 2, 3, 4, 5, 6, 7, 1000]


def vectors() -> list[dict]:
    """Every name with every fill and dtype."""
    return [vector(name, dtype, *fill) for name in NAMES for fill in FILLS for dtype in DTYPES]


def vector(name: str, dtype: str, scale: float, mean: float) -> dict:
    """Elements as hexadecimal bits, most significant digit first."""
    values = weights.weight(name, (INDICES[-1] + 1,), dtype, scale, mean)[INDICES]
    bits = values.view({2: np.uint16, 4: np.uint32, 8: np.uint64}[values.itemsize])
    return {
        "name": name,
        "key": f"{weights.key_of(name):016x}",
        "dtype": dtype,
        "scale": scale,
        "mean": mean,
        "bits": [f"{value:0{2 * values.itemsize}x}" for value in bits.tolist()],
    }


def render() -> str:
    """The file, one vector a line."""
    head = json.dumps({"format": 1, "indices": INDICES})[:-1]
    lines = ",\n  ".join(json.dumps(entry, ensure_ascii=True) for entry in vectors())
    return f'{head}, "vectors": [\n  {lines}\n]}}\n'


def main() -> int:
    path = Path(sys.argv[1]) if len(sys.argv) > 1 else workspace_root() / "harness" / "vectors.json"
    path.write_text(render(), encoding="utf-8", newline="\n")
    return 0


if __name__ == "__main__":
    sys.exit(main())
