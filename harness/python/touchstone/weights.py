"""Weights and float inputs as functions of their names, bit for bit what the Rust side computes."""

import hashlib

import numpy as np

GOLDEN = np.uint64(0x9E3779B97F4A7C15)
FIRST = np.uint64(0xBF58476D1CE4E5B9)
SECOND = np.uint64(0x94D049BB133111EB)

#: Names as safetensors writes them, in lower case; numpy has no bfloat16, so its bits stay in uint16.
STORAGE = {"f32": np.float32, "f64": np.float64, "f16": np.float16, "bf16": np.uint16, "i64": np.int64}


def key_of(name: str) -> int:
    """The 64-bit key of a name."""
    return int.from_bytes(hashlib.sha256(name.encode("utf-8")).digest()[:8], "little")


def words(name: str, count: int, start: int = 0) -> np.ndarray:
    """splitmix64's outputs number `start` to `start + count` for the name's key."""
    index = np.arange(start + 1, start + count + 1, dtype=np.uint64)
    z = np.uint64(key_of(name)) + index * GOLDEN
    z = (z ^ (z >> np.uint64(30))) * FIRST
    z = (z ^ (z >> np.uint64(27))) * SECOND
    return z ^ (z >> np.uint64(31))


def uniform(name: str, count: int, start: int = 0) -> np.ndarray:
    """Exact float32 numbers in [-1, 1): the top 24 bits of each word."""
    top = (words(name, count, start) >> np.uint64(40)).astype(np.int64) - 2**23
    return top.astype(np.float32) * np.float32(2.0**-23)


def fill(name: str, shape: tuple[int, ...], scale: float, mean: float, start: int = 0) -> np.ndarray:
    """A float32 tensor: multiplied, then added, each rounded once."""
    count = int(np.prod(shape, dtype=np.int64))
    scaled = uniform(name, count, start) * np.float32(scale)
    return (scaled + np.float32(mean)).reshape(shape)


def cast(values: np.ndarray, dtype: str) -> np.ndarray:
    """float32 to the storage of `dtype`, rounding half to even."""
    if dtype == "bf16":
        return bfloat16_bits(values)
    if dtype not in ("f32", "f64", "f16"):
        raise ValueError(f"cannot fill dtype `{dtype}` (valid: bf16, f16, f32, f64)")
    with np.errstate(over="ignore"):
        return values.astype(STORAGE[dtype])


def bfloat16_bits(values: np.ndarray) -> np.ndarray:
    """The upper half of each float32, rounded half to even."""
    bits = np.ascontiguousarray(values, dtype=np.float32).view(np.uint32).astype(np.uint64)
    rounded = ((bits + np.uint64(0x7FFF) + ((bits >> np.uint64(16)) & np.uint64(1))) >> np.uint64(16)).astype(np.uint16)
    # A NaN keeps a quiet bit: rounding could carry it into infinity.
    return np.where(np.isnan(values), np.uint16(0x7FC0), rounded)


def weight(name: str, shape: tuple[int, ...], dtype: str, scale: float, mean: float) -> np.ndarray:
    """One weight of a reference."""
    return cast(fill(name, shape, scale, mean), dtype)


def float_input(name: str, shape: tuple[int, ...]) -> np.ndarray:
    """A float input: numbers in [-1, 1)."""
    return fill(f"input/{name}", shape, 1.0, 0.0)
