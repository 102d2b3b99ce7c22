"""Weights are functions of their names."""

import json
import subprocess
import sys

import numpy as np
import pytest

from touchstone import vectors, weights
from touchstone.paths import workspace_root


def test_shared_vectors_are_what_this_side_computes():
    stored = json.loads((workspace_root() / "harness" / "vectors.json").read_text(encoding="utf-8"))
    assert stored["vectors"] == vectors.vectors()
    assert (workspace_root() / "harness" / "vectors.json").read_text(encoding="utf-8") == vectors.render()


def test_a_key_is_the_first_eight_bytes_of_the_hash():
    # sha256 of nothing begins with e3b0c44298fc1c14.
    assert weights.key_of("") == 0x141CFC9842C4B0E3


def test_words_agree_with_splitmix64_in_plain_integers():
    def plain(name: str, number: int) -> int:
        mask = 2**64 - 1
        z = (weights.key_of(name) + (number + 1) * 0x9E3779B97F4A7C15) & mask
        z = ((z ^ (z >> 30)) * 0xBF58476D1CE4E5B9) & mask
        z = ((z ^ (z >> 27)) * 0x94D049BB133111EB) & mask
        return z ^ (z >> 31)

    assert weights.words("a.b", 5).tolist() == [plain("a.b", number) for number in range(5)]


def test_a_later_start_continues_the_same_numbers():
    assert np.array_equal(weights.uniform("w", 10)[4:], weights.uniform("w", 6, start=4))


def test_numbers_fill_the_half_open_range_evenly():
    values = weights.uniform("range", 100_000)
    assert values.min() >= -1.0
    assert values.max() < 1.0
    assert abs(float(values.mean())) < 0.01
    assert abs(float(values.std()) - 3**-0.5) < 0.01


def test_other_names_give_other_numbers():
    assert not np.array_equal(weights.uniform("w", 8), weights.uniform("w ", 8))


def test_a_fill_multiplies_then_adds_in_float32():
    unit = weights.uniform("w", 4)
    expected = (unit * np.float32(0.3)) + np.float32(1.1)
    assert np.array_equal(weights.fill("w", (2, 2), 0.3, 1.1).reshape(-1), expected)


@pytest.mark.parametrize(
    ("value", "bits"),
    [(1.0, 0x3F80), (1.00390625, 0x3F80), (1.01171875, 0x3F82), (-0.0, 0x8000), (3.4e38, 0x7F80), (np.nan, 0x7FC0)],
    ids=["exact", "half to even below", "half to even above", "negative zero", "rounds to infinity", "nan"],
)
def test_bfloat16_rounds_half_to_even(value, bits):
    assert weights.bfloat16_bits(np.array([value], dtype=np.float32)).tolist() == [bits]


@pytest.mark.parametrize("dtype", ["i64", "bool", "f8", ""])
def test_an_unknown_dtype_is_refused_with_the_known_ones(dtype):
    with pytest.raises(ValueError, match=r"valid: bf16, f16, f32, f64"):
        weights.weight("w", (2,), dtype, 1.0, 0.0)


def test_checking_on_onnxruntime_needs_no_torch():
    forbidden = "torch transformers onnx".split()
    program = (
        "import sys; from touchstone import check; from touchstone.backends import ort; "
        "print([m for m in sys.argv[1:] if m in sys.modules])"
    )
    ran = subprocess.run(
        [sys.executable, "-c", program, *forbidden],
        capture_output=True,
        text=True,
        check=True,
        cwd=workspace_root() / "harness" / "python",
    )
    assert ran.stdout.strip() == "[]"
