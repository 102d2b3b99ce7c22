"""Records of checks, one JSON line each, in the format that the Rust side writes and reads."""

import json
import math
import os
import resource
import shlex
import sys
from pathlib import Path

from touchstone.case import Case
from touchstone.metrics import Metrics

VARIABLE = "TOUCHSTONE_EVIDENCE"


def test_id(case: Case, backend: str, check: str) -> dict:
    """What names a test."""
    named = {"category": case.category, "family": case.family, "backend": backend, "check": check}
    return named | ({"variant": case.variant} if case.variant is not None else {})


def begin(test: dict) -> None:
    """The last word of a process that dies in between."""
    append({"begin": test})


def verdict(record: dict) -> None:
    append({"verdict": record})


def append(event: dict) -> None:
    """One write a line, so that lines of parallel tests do not mix."""
    path = os.environ.get(VARIABLE)
    if not path:
        return
    line = (json.dumps(finite(event), ensure_ascii=False, allow_nan=False) + "\n").encode()
    descriptor = os.open(path, os.O_WRONLY | os.O_APPEND | os.O_CREAT, 0o644)
    try:
        os.write(descriptor, line)
    finally:
        os.close(descriptor)


def finite(value):
    """JSON has no NaN and no infinity: they are written as strings, as the Rust side does."""
    if isinstance(value, dict):
        return {key: finite(item) for key, item in value.items()}
    if isinstance(value, (list, tuple)):
        return [finite(item) for item in value]
    if isinstance(value, float) and not math.isfinite(value):
        return "NaN" if math.isnan(value) else "inf" if value > 0 else "-inf"
    return value


def record(
    test: dict,
    outcome: str,
    outputs: dict[str, Metrics],
    detail: str,
    seconds: float,
    versions: dict[str, str],
    reference: str,
) -> dict:
    """One check's evidence; a pass must have compared something."""
    compared = sum(metrics.compared for metrics in outputs.values())
    if outcome == "pass" and compared == 0:
        outcome, detail = "not-run", "nothing was compared: no output has an element to compare"
    written = {
        "test": test,
        "device": "cpu",
        "dtype": "f32",
        "outcome": outcome,
        "expected": "pass",
        "outputs": {name: metrics.as_record() for name, metrics in sorted(outputs.items())},
        "seconds": seconds,
        "peak_bytes": peak_bytes(),
        "versions": dict(sorted(versions.items())),
        "reference": reference,
        "reproduce": reproduce(test),
    }
    return written | ({"detail": detail} if detail else {})


def peak_bytes() -> int:
    """Linux counts kibibytes, macOS bytes."""
    peak = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
    return peak if sys.platform == "darwin" else peak * 1024


def reproduce(test: dict) -> str:
    module = test["family"].replace("-", "_")
    name = test["family"] + (f".{test['variant']}" if "variant" in test else "")
    backend = test["backend"].removeprefix("python-")
    file = Path("generated/python") / test["category"] / f"test_{module}.py"
    node = shlex.quote(f"{file.as_posix()}::test_{test['check']}_on_{backend}[{name}]")
    return f"python -m pytest -c harness/python/pytest.ini --rootdir . {node}"
