"""What PyTorch gives for the calls that a check made of candle: the numbers that a reproduction is held against.

    python -m touchstone.replay --root . FOLDER ...

A folder holds what `harness/src/candle/trace.rs` wrote; `calls.json` and `expected.safetensors` take the place of
`calls.ndjson`.
"""

import argparse
import json
import shutil
import tempfile
from dataclasses import dataclass, field
from pathlib import Path

from touchstone import live  # first: it sets the number of threads before torch starts
import numpy as np
import torch
from safetensors import safe_open
from safetensors.numpy import save_file

from touchstone import bounds, metrics, reference
from touchstone.case import Case
from touchstone.inputs import Constant, Lengths
from touchstone.paths import workspace_root
from touchstone.recording import emitted, precision

#: torch's type for what candle computed in.
DTYPES = {"f32": torch.float32, "f16": torch.float16, "bf16": torch.bfloat16}


@dataclass
class Model:
    """One model that the check built, and what its cache has seen since it was last emptied."""

    dtype: str
    #: What candle gives for the last position alone.
    last_position: list[str]
    reset: bool = False
    seen: list[dict[str, np.ndarray]] = field(default_factory=list)


class PyTorch:
    """A case's model with its reference's weights, in each precision that is asked for."""

    def __init__(self, case: Case, root: Path) -> None:
        self.case, recorded = case, reference.read(case, root)
        self.recorded = recorded.inputs()
        self.folder = Path(tempfile.mkdtemp(prefix="touchstone-"))
        recorded.write_checkpoint(self.folder)
        self.models: dict[torch.dtype, torch.nn.Module] = {}

    def model(self, dtype: torch.dtype) -> torch.nn.Module:
        if dtype not in self.models:
            if dtype == torch.float64:
                with precision.float64():
                    self.models[dtype] = live.loaded(self.case, self.folder, dtype)
                precision.widen_constants(self.models[dtype])
            else:
                self.models[dtype] = live.loaded(self.case, self.folder, dtype)
        return self.models[dtype]

    def completed(self, arrays: dict[str, np.ndarray]) -> dict[str, np.ndarray]:
        """With the reference's constants, and its other inputs where PyTorch cannot do without one: of some models
        candle has a part alone."""
        constants = {name: array for name, array in self.recorded.items() if isinstance(self.case.inputs[name], Constant)}
        arrays = others(self.case, constants, arrays) | arrays
        try:
            self.run(arrays, torch.float32)
        except Exception as error:
            added = arrays | others(self.case, self.recorded, arrays)
            try:
                self.run(added, torch.float32)
            except Exception:
                # What is said of the call as it was made.
                raise error from None
            return added
        return arrays

    def run(self, arrays: dict[str, np.ndarray], dtype: torch.dtype) -> dict[str, np.ndarray]:
        if dtype != torch.float64:
            return live.run(self.case, self.model(dtype), arrays, dtype)
        with precision.float64():
            return live.run(self.case, self.model(dtype), arrays, dtype)

    def close(self) -> None:
        shutil.rmtree(self.folder)


def main(arguments: list[str] | None = None) -> int:
    parser = argparse.ArgumentParser(prog="touchstone.replay")
    parser.add_argument("folders", type=Path, nargs="+", metavar="FOLDER")
    parser.add_argument("--root", type=Path, default=workspace_root(), help="the workspace")
    options = parser.parse_args(arguments)
    for folder in options.folders:
        replay(folder, options.root)
    return 0


def replay(folder: Path, root: Path) -> None:
    trace = folder / "calls.ndjson"
    lines = [json.loads(line) for line in trace.read_text().splitlines()]
    name = next(line["case"] for line in lines if "case" in line)
    case = emitted.one(root / "generated" / "python", name)
    torch_models = PyTorch(case, root)
    try:
        calls, tensors = replayed(case, torch_models, lines, folder)
    finally:
        torch_models.close()
    save_file(tensors, folder / "expected.safetensors")
    (folder / "calls.json").write_text(json.dumps(calls, indent=1) + "\n")
    trace.unlink()


def replayed(case: Case, torch_models: PyTorch, lines: list[dict], folder: Path):
    """The calls in order, each with what PyTorch gives, and those numbers."""
    models: dict[int, Model] = {}
    calls, tensors = [], {}
    for line in lines:
        if "case" in line:
            models[line["model"]] = Model(line["dtype"], line["last_position"])
            continue
        model = models[line["model"]]
        if line.get("reset"):
            model.reset, model.seen = True, []
            continue
        arrays = read_inputs(folder / line["inputs"])
        if line["position"] == 0:
            model.seen = []
        model.seen.append(arrays)
        call = {**line, "dtype": model.dtype, "reset": model.reset}
        model.reset = False
        try:
            call["expected"], numbers = expected(case, torch_models, model)
            tensors |= {f"{len(calls)}/{name}": array for name, array in numbers.items()}
        except Exception as error:  # noqa: BLE001 - whatever PyTorch raises is what it gives
            call["error"] = f"{type(error).__name__}: {str(error).splitlines()[0] if str(error) else ''}"
        calls.append(call)
    return calls, tensors


def read_inputs(path: Path) -> dict[str, np.ndarray]:
    """Integers as int64, whatever candle takes them as; floats as float32, whatever candle computes in."""
    with safe_open(path, framework="pt") as file:
        tensors = {name: file.get_tensor(name) for name in file.keys()}
    return {name: (t.float() if t.is_floating_point() else t.to(torch.int64)).numpy() for name, t in tensors.items()}


def expected(case: Case, torch_models: PyTorch, model: Model):
    """The bound and the numbers of every output, for the positions that candle was asked for."""
    arrays = torch_models.completed(whole(case, model.seen))
    truth = torch_models.run(arrays, torch.float64)
    lower = torch_models.run(arrays, DTYPES[model.dtype])
    asked, before = lengths(case, model.seen)
    stated, numbers = {}, {}
    for name, value in truth.items():
        other = lower[name]
        bound = bounds.forward_at(model.dtype, metrics.root_mean_square(value), float(np.abs(value).max()), metrics.statistics(value, other))
        axes = case.outputs[name]
        if case.decodes_along in axes:
            axis = axes.index(case.decodes_along)
            first = -1 if name in model.last_position else before
            value = np.take(value, range(value.shape[axis])[first:] if asked else [], axis=axis)
        numbers[name] = np.ascontiguousarray(value, dtype=np.float64)
        stated[name] = {"max_abs": bound.max_abs, "rmse": bound.rmse}
    return stated, numbers


def sizes_of(case: Case, arrays: dict[str, np.ndarray]) -> dict[str | int, int]:
    """How long each axis is in a call."""
    return {axis: size for name, array in arrays.items() for axis, size in zip(case.inputs[name].axes, array.shape)}


def others(case: Case, recorded: dict[str, np.ndarray], arrays: dict[str, np.ndarray]) -> dict[str, np.ndarray]:
    """The reference's inputs that a call lacks, as long as the call is; but its masks, which are for other lengths."""
    sizes, found = sizes_of(case, arrays), {}
    for name, array in recorded.items():
        if name not in arrays and not isinstance(case.inputs[name], Lengths):
            for place, axis in enumerate(case.inputs[name].axes):
                array = array.take(range(min(array.shape[place], sizes.get(axis, array.shape[place]))), axis=place)
            found[name] = array
    return found


def whole(case: Case, seen: list[dict[str, np.ndarray]]) -> dict[str, np.ndarray]:
    """The inputs of all calls since the cache was emptied, as one call without a cache."""
    arrays = dict(seen[-1])
    for name in arrays:
        axes = case.inputs[name].axes
        if case.decodes_along in axes:
            arrays[name] = np.concatenate([call[name] for call in seen], axis=axes.index(case.decodes_along))
    return arrays


def lengths(case: Case, seen: list[dict[str, np.ndarray]]) -> tuple[int, int]:
    """How many positions the last call asks for, and how many came before it."""
    for name, array in seen[-1].items():
        axes = case.inputs[name].axes
        if case.decodes_along in axes:
            axis = axes.index(case.decodes_along)
            return array.shape[axis], sum(call[name].shape[axis] for call in seen[:-1])
    return 1, 0


if __name__ == "__main__":
    raise SystemExit(main())
