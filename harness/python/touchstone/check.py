"""The checks that emitted Python tests call by name."""

import importlib.util
import time
from collections.abc import Callable, Iterator

import numpy as np

from touchstone import bounds, evidence, metrics, reference
from touchstone.case import Case
from touchstone.metrics import Metrics
from touchstone.reference import Reference

Run = Callable[[dict[str, np.ndarray]], dict[str, np.ndarray]]


class Failure(Exception):
    """A check that did not pass: its outcome, and what went wrong."""

    def __init__(self, outcome: str, detail: str) -> None:
        super().__init__(detail)
        self.outcome = outcome


def forward_matches_reference(case: Case, backend: str) -> None:
    """Every output of a forward pass is as near to PyTorch's as float32 allows."""
    sessions = BACKENDS.get(backend)
    if sessions is None:
        raise ValueError(f"unknown backend `{backend}` (known: {', '.join(sorted(BACKENDS))})")
    if backend == "python-torch":
        skip_without_torch()
    test = evidence.test_id(case, backend, "forward_matches_reference")
    evidence.begin(test)
    started = time.monotonic()
    outputs: dict[str, Metrics] = {}
    versions: dict[str, str] = {}
    digest, outcome, detail = "", "pass", ""
    try:
        recorded = open_reference(case)
        digest = recorded.digest
        for setting, run in sessions(case, recorded, versions):
            examine(recorded, setting, run, outputs)
    except Failure as failure:
        outcome, detail = failure.outcome, str(failure)
    record = evidence.record(test, outcome, outputs, detail, time.monotonic() - started, versions, digest)
    evidence.verdict(record)
    if record["outcome"] != record["expected"]:
        raise AssertionError(complaint(case, backend, record))


def open_reference(case: Case) -> Reference:
    try:
        return reference.read(case)
    except reference.Unusable as error:
        raise Failure("load-failed", str(error)) from None


def examine(recorded: Reference, setting: str, run: Run, outputs: dict[str, Metrics]) -> None:
    """Runs once and compares every output."""
    try:
        answer = run(recorded.inputs())
    except Exception as error:  # noqa: BLE001 - whatever a backend raises is the finding
        raise Failure("run-failed", f"{setting}: {type(error).__name__}: {error}") from error
    complaints, nonfinite = [], []
    for entry in recorded.manifest["outputs"]:
        name = entry["name"]
        if name not in answer:
            complaints.append(f"`{name}` is not given")
            continue
        got = np.asarray(answer[name])
        if list(got.shape) != entry["shape"]:
            complaints.append(f"`{name}` has shape {list(got.shape)}, PyTorch gives {entry['shape']}")
            continue
        found = compare(recorded, entry, got, complaints)
        outputs[name] = metrics.worse(outputs[name], found) if name in outputs else found
        if found.nonfinite:
            nonfinite.append(f"`{name}` is not finite where PyTorch is")
        elif not found.margin <= 1:
            complaints.append(f"`{name}` is outside the bound")
    if nonfinite or complaints:
        raise Failure("nonfinite" if nonfinite else "mismatch", f"{setting}: {'; '.join(nonfinite or complaints)}")


def compare(recorded: Reference, entry: dict, got: np.ndarray, complaints: list[str]) -> Metrics:
    """One output: its elements, and its sums where only a sample of them is kept."""
    truth = recorded.truth(entry)
    bound = bounds.forward(entry["rms"], truth.largest(), entry["float32"])
    sums = recorded.expected.get(f"sums.{entry['name']}")
    if sums is not None:
        delta = np.abs(reference.chunk_sums(got) - sums)
        counts = reference.chunk_sums(np.ones(got.shape))
        wrong = np.flatnonzero(~(delta <= bounds.of_sum(bound, counts)))
        if wrong.size:
            complaints.append(f"`{entry['name']}`: elements {wrong[0] * reference.CHUNK}.. have another sum")
    return metrics.compare(truth, got, bound)


def on_ort(case: Case, recorded: Reference, versions: dict[str, str]) -> Iterator[tuple[str, Run]]:
    """The stored graph, at both ends of the optimiser."""
    from touchstone.backends import ort

    versions["onnxruntime"] = ort.VERSION
    leaves = set(recorded.manifest["graph"]["leaves"])
    weights = {name: array for name, array in recorded.weights().items() if name not in leaves}
    for setting in ort.LEVELS:
        label = setting or "optimised"
        try:
            session = ort.Session(recorded.graph, weights, setting)
        except Exception as error:  # noqa: BLE001
            raise Failure("load-failed", f"{label}: {type(error).__name__}: {error}") from error
        yield label, session.run


def on_torch(case: Case, recorded: Reference, versions: dict[str, str]) -> Iterator[tuple[str, Run]]:
    """transformers itself: what is recorded is still what it gives."""
    from touchstone.backends import live_torch

    versions |= live_torch.VERSIONS
    try:
        session = live_torch.Session(case, recorded)
    except Exception as error:  # noqa: BLE001
        raise Failure("load-failed", f"{type(error).__name__}: {error}") from error
    yield "transformers", session.run


BACKENDS = {"python-ort": on_ort, "python-torch": on_torch}


def skip_without_torch() -> None:
    """A test that cannot be made is skipped with the reason, never passed."""
    missing = [name for name in ("torch", "transformers") if importlib.util.find_spec(name) is None]
    if missing:
        import pytest

        pytest.skip(f"not made: {' and '.join(missing)} not installed [cargo xtask setup record]")


def complaint(case: Case, backend: str, record: dict) -> str:
    """What a failing test says."""
    lines = [f"{case.name} on {backend}: {record['test']['check']}: {record['outcome']}, expected {record['expected']}"]
    lines += [record["detail"]] if "detail" in record else []
    for name, found in record["outputs"].items():
        bound = found["bound"]
        lines.append(
            f"{name}: max|Δ| {found['max_abs']:.3e} (bound {bound['max_abs']:.3e}), rmse {found['rmse']:.3e} "
            f"(bound {bound['rmse']:.3e}), margin {found['margin']:.3g}, {found['compared']} elements"
        )
        if first := found.get("first_difference"):
            lines.append(f"  first at {first['position']}: got {first['got']}, due {first['expected']}")
    lines.append(f"repeat it with `{record['reproduce']}`")
    return "\n  ".join(lines)
