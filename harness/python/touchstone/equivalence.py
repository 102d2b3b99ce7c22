"""Says of planted faults whether they change anything that float32 could show: the same fault again, in float64.

    python -m touchstone.equivalence --root . < questions > answers

One JSON object a line, both ways. A question names a case and a mutant, and gives either two graphs (`original`,
`changed`) or a changed config (`config`), each as a file. An answer's `state` is `equivalent`, `moved` or `unknown`.
"""

import os

# One thread, before numpy is imported: sums are added in one order.
os.environ.setdefault("OMP_NUM_THREADS", "1")

import argparse
import json
import sys
import tempfile
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path

import numpy as np
from safetensors.numpy import save_file

from touchstone import bounds, evidence, inputs, metrics, reference
from touchstone.bounds import Bound
from touchstone.case import Case
from touchstone.paths import workspace_root
from touchstone.recording import emitted
from touchstone.reference import Reference

#: How near the faultless graph must come to the recorded truth, as a share of what PyTorch loses in float32, before
#: the one with the fault is believed. Its constants are float32: that alone costs up to 0.13, where a table of
#: rotary frequencies is among them. Both graphs hold the same constants, so it is no part of the movement.
AGREEMENT = 0.25
#: The same for the model itself, which is in float64 throughout and differs by the order of sums only.
MODEL_AGREEMENT = 1e-3

#: Which inputs a run takes.
RECORDED, OTHER = "recorded", "other"

Arrays = dict[str, np.ndarray]
Outputs = dict[str, np.ndarray]
Run = Callable[[str], Outputs]


class Unknown(Exception):
    """A question that has no trustworthy answer, and why."""


class Judge:
    """Answers questions on one case; what is the same for all of them is computed once."""

    def __init__(self, case: Case, root: Path) -> None:
        self.case = case
        self.recorded = reference.read(case, root)
        self.known: dict[tuple[str, str], Outputs] = {}

    def answer(self, question: dict) -> dict:
        """Where each output goes, as a share of what may be put down to rounding."""
        try:
            with_fault, without = self.both(question)
            outputs = self.movements(without(RECORDED), attempt("the run with the fault", with_fault, RECORDED))
            reasons = moving(outputs)
            if not reasons:
                elsewhere = self.movements(without(OTHER), attempt("the run with the fault", with_fault, OTHER))
                reasons = [f"at other inputs {reason}" for reason in moving(elsewhere)]
        except Unknown as error:
            return {"state": "unknown", "detail": str(error)}
        return {"state": "moved" if reasons else "equivalent", "detail": "; ".join(reasons), "outputs": outputs}

    def both(self, question: dict) -> tuple[Run, Run]:
        """What runs with the fault, and what runs without it and is held against the truth first."""
        if "config" in question:
            config, changed = self.recorded.manifest["config"], json.loads(read(question["config"]))
            refuse_same(config, changed)
            return self.model(changed), lambda which: self.once("the model", self.model(config), which, MODEL_AGREEMENT)
        original, changed = read(question["original"]), read(question["changed"])
        refuse_same(original, changed)
        key = question["original"]
        return self.graph(changed), lambda which: self.once(key, self.graph(original), which, AGREEMENT)

    def once(self, key: str, run: Run, which: str, agreement: float) -> Outputs:
        """A run without the fault; the recorded inputs come first."""
        if (key, which) not in self.known:
            outputs = attempt("the run without the fault", run, which)
            if which == RECORDED:
                self.require_truth(outputs, agreement)
            self.known[key, which] = outputs
        return self.known[key, which]

    def movements(self, before: Outputs, after: Outputs) -> dict[str, dict]:
        entries = self.recorded.manifest["outputs"]
        absent = [entry["name"] for entry in entries if entry["name"] not in after]
        if absent:
            raise Unknown(f"with the fault, float64 does not give `{absent[0]}`")
        return {e["name"]: movement(before[e["name"]], after[e["name"]], self.unseen(e)) for e in entries}

    def require_truth(self, outputs: Outputs, agreement: float) -> None:
        """A graph or model that is not the recorded one says nothing about a fault in it."""
        for entry in self.recorded.manifest["outputs"]:
            name, truth = entry["name"], self.recorded.truth(entry)
            if name not in outputs or list(outputs[name].shape) != entry["shape"]:
                raise Unknown(f"without the fault, float64 does not give `{name}` in its recorded shape")
            share = metrics.compare(truth, outputs[name], self.unseen(entry)).margin
            if not share <= agreement:
                raise Unknown(
                    f"without the fault, `{name}` in float64 is off the recorded truth by {share:.3g} of what PyTorch "
                    f"loses in float32 (trusted: {agreement})"
                )

    def unseen(self, entry: dict) -> Bound:
        """What PyTorch in float32 itself is off by at the recorded inputs; nobody could call less than that a defect."""
        single, largest = entry["float32"], self.recorded.truth(entry).largest()
        return Bound(single["rmse"] + bounds.FLOOR * entry["rms"], single["max_abs"] + bounds.FLOOR_MAX * largest)

    def inputs(self, which: str) -> Arrays:
        """The recorded inputs, or others of other sizes: a fault that only these cannot show is no equivalent."""
        if which == RECORDED:
            return self.recorded.inputs()
        from touchstone import live

        dynamic, second = self.recorded.manifest["graph"]["dynamic"], self.case.second_sizes()
        sizes = {axis: second[axis] if axis in dynamic else size for axis, size in self.case.recorded_sizes().items()}
        return inputs.build(self.case, sizes, live.vocabulary_of(live.config_of(self.case)), "/other")

    def graph(self, content: bytes) -> Run:
        from touchstone.double_graph import DoubleGraph

        return lambda which: DoubleGraph(content).run(self.inputs(which))

    def model(self, config: dict) -> Run:
        """transformers' own model in float64, with the reference's weights and this config."""
        return lambda which: model_in_double(replace(self.case, config=config), self.recorded, self.inputs(which))


def read(path: str) -> bytes:
    try:
        return Path(path).read_bytes()
    except OSError as error:
        raise Unknown(f"{Path(path).name} cannot be read: {error.strerror}") from None


def refuse_same(original, changed) -> None:
    """Equal files would be called equivalent, whatever the fault was meant to be."""
    if original == changed:
        raise Unknown("what is said to hold the fault is the original")


def model_in_double(case: Case, recorded: Reference, arrays: Arrays) -> Outputs:
    from touchstone import live
    from touchstone.recording import precision

    with tempfile.TemporaryDirectory(prefix="touchstone-") as folder:
        save_file(recorded.weights(), Path(folder) / "model.safetensors", metadata={"format": "pt"})
        (Path(folder) / "config.json").write_text(json.dumps(case.config))
        with precision.float64():
            model = live.loaded(case, Path(folder), live.torch.float64)
        precision.assert_double(model)
        with precision.float64():
            return live.run(case, model, arrays, live.torch.float64)


def attempt(what: str, run: Run, which: str) -> Outputs:
    try:
        return run(which)
    except Exception as error:  # noqa: BLE001 - whatever it raises, there is no answer, and that is the reason
        first = str(error).strip().splitlines()
        raise Unknown(f"{what} does not succeed in float64: {type(error).__name__}: {first[0] if first else ''}") from error


def moving(movements: dict[str, dict]) -> list[str]:
    """The outputs that move too far, in words."""
    times = "times what PyTorch loses in float32"
    return [f"`{name}` moves by {m['share']:.3g} {times}" for name, m in movements.items() if not m["share"] <= 1]


def movement(before: np.ndarray, after: np.ndarray, allowed: Bound) -> dict:
    """How far an output goes, and the larger of both measures as a share of what is allowed."""
    bound = {"allowed_max_abs": allowed.max_abs, "allowed_rmse": allowed.rmse}
    if after.shape != before.shape:
        return {"max_abs": metrics.LARGEST, "rmse": metrics.LARGEST, "share": metrics.LARGEST} | bound
    found = metrics.compare(metrics.Truth.whole(before), after, allowed)
    return {"max_abs": found.max_abs, "rmse": found.rmse, "share": found.margin} | bound


def main(arguments: list[str] | None = None) -> int:
    parser = argparse.ArgumentParser(prog="touchstone.equivalence", description="Repeats planted faults in float64.")
    parser.add_argument("--root", type=Path, default=workspace_root(), help="the workspace's root")
    root = parser.parse_args(arguments).root
    judges: dict[str, Judge | str] = {}
    for line in sys.stdin:
        question = json.loads(line)
        name = question["case"]
        if name not in judges:
            judges[name] = open_judge(name, root)
        judge = judges[name]
        answer = {"state": "unknown", "detail": judge} if isinstance(judge, str) else judge.answer(question)
        named = {key: question[key] for key in ("case", "mutant", "backend") if key in question}
        print(json.dumps(evidence.finite(named | answer), allow_nan=False), flush=True)
    return 0


def open_judge(name: str, root: Path) -> Judge | str:
    """The judge of a case, or why there is none."""
    try:
        (case,) = [case for case in emitted.cases(root / "generated" / "python", [name]) if case.name == name]
        return Judge(case, root)
    except (emitted.Unknown, reference.Unusable) as error:
        return str(error)


if __name__ == "__main__":
    sys.exit(main())
