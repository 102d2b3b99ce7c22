"""Names the first of PyTorch's modules whose output candle does not compute, in the first call that disagrees.

    python -m touchstone.layers FOLDER --case bert --root . --outputs last_hidden_state

The folder is the data of a reproduction that was made and run for its layers; `native.safetensors` holds every tensor
that candle made during the call. Tensors are matched by their numbers, since candle gives them no names.
"""

import argparse
import json
from dataclasses import dataclass, replace
from pathlib import Path

from touchstone import live  # first: it sets the number of threads before torch starts
import numpy as np
import torch
from safetensors.numpy import load_file

from touchstone import graph_values, layer_outputs, reference, replay
from touchstone.case import Case
from touchstone.inputs import Lengths
from touchstone.layer_matching import Match, Pool
from touchstone.layer_outputs import Output
from touchstone.paths import workspace_root
from touchstone.recording import emitted, precision

#: How many modules are listed after the first that differs.
AFTER = 3


@dataclass
class Row:
    """One output, and what stands for it in candle and in the graph."""

    output: Output
    native: Match | None
    graph: Match | None
    #: Whether it matters that candle has no such tensor.
    differs: bool = False


class Native:
    """What candle made: during the call, and before that of the weights."""

    def __init__(self, folder: Path) -> None:
        page = json.loads((folder / "native.json").read_text())
        self.call, self.places = page["call"], page["places"]
        tensors = {int(number): array for number, array in load_file(folder / "native.safetensors").items()}
        self.made = Pool({number: array for number, array in tensors.items() if number >= page["loaded"]})
        self.loaded = Pool({number: array for number, array in tensors.items() if number < page["loaded"]})

    def find(self, value: np.ndarray, bound: float, positions: range) -> Match | None:
        match = self.made.find(value, bound, positions)
        if match is None or not match.is_found:
            before = self.loaded.find(value, bound, positions)
            return before if before and before.is_found else match
        return match


def main(arguments: list[str] | None = None) -> int:
    parser = argparse.ArgumentParser(prog="touchstone.layers")
    parser.add_argument("folder", type=Path)
    parser.add_argument("--case", required=True, metavar="NAME")
    parser.add_argument("--root", type=Path, default=workspace_root(), help="the workspace")
    parser.add_argument("--outputs", nargs="+", required=True, metavar="NAME", help="what candle gives")
    options = parser.parse_args(arguments)
    case = emitted.one(options.root / "generated" / "python", options.case)
    case = replace(case, outputs={name: axes for name, axes in case.outputs.items() if name in options.outputs})
    native = Native(options.folder)
    calls = json.loads((options.folder / "calls.json").read_text())
    if "error" in calls[native.call]:
        # The check differs by candle's having an answer at all.
        raise SystemExit(f"PyTorch does not answer call {native.call}: {calls[native.call]['error']}")
    seen = [replay.read_inputs(options.folder / call["inputs"]) for call in since_empty(calls, native.call)]
    asked, before = replay.lengths(case, seen)
    torch_models = replay.PyTorch(case, options.root)
    try:
        arrays = torch_models.completed(replay.whole(case, seen))
        outputs = modules(torch_models, arrays, calls[native.call]["dtype"])
    finally:
        torch_models.close()
    graph, complaint = graph_pool(case, options.root, arrays)
    rows = compared(outputs, native, graph, range(before, before + asked))
    print(f"call {native.call}, module by module: PyTorch's output, and candle's tensor with these numbers")
    print("\n".join(listed(rows, native.places)))
    if complaint:
        print(f"the graph is not looked at: {complaint}")
    print(verdict(rows, native.places))
    return 0


def since_empty(calls: list[dict], number: int) -> list[dict]:
    """The calls whose positions the cache holds at the end of a call."""
    seen: list[dict] = []
    for call in calls[: number + 1]:
        if call["model"] == calls[number]["model"]:
            seen = [call] if call["reset"] or call["position"] == 0 else [*seen, call]
    return seen


def modules(torch_models: replay.PyTorch, arrays: dict[str, np.ndarray], dtype: str) -> list[Output]:
    """What PyTorch's modules give in float64, with what they lose in the precision of the call as the bound."""
    case, lower = torch_models.case, replay.DTYPES[dtype]
    with precision.float64():
        truth = layer_outputs.recorded(case, torch_models.model(torch.float64), arrays, torch.float64)
    return layer_outputs.bounded(truth, layer_outputs.recorded(case, torch_models.model(lower), arrays, lower), dtype)


def graph_pool(case: Case, root: Path, arrays: dict[str, np.ndarray]) -> tuple[Pool | None, str]:
    """The recorded graph's values for the same call, or why there are none."""
    try:
        values = graph_values.values(reference.read(case, root), arrays | whole_masks(case, arrays))
    except Exception as error:  # noqa: BLE001 - ONNX Runtime has no error of its own
        return None, str(error).splitlines()[0] if str(error) else type(error).__name__
    return Pool(dict(enumerate(values.values()))), ""


def whole_masks(case: Case, arrays: dict[str, np.ndarray]) -> dict[str, np.ndarray]:
    """Masks that the call does without, which the graph has to be given: nothing is masked."""
    sizes = replay.sizes_of(case, arrays)
    missing = {name: given.axes for name, given in case.inputs.items() if name not in arrays and isinstance(given, Lengths)}
    shapes = {name: [sizes.get(axis, axis) for axis in axes] for name, axes in missing.items()}
    return {name: np.ones(shape, dtype=np.int64) for name, shape in shapes.items()}


def compared(outputs: list[Output], native: Native, graph: Pool | None, positions: range) -> list[Row]:
    """Each output with what stands for it."""
    rows = []
    for output in outputs:
        in_graph = graph.find(output.value, output.bound) if graph else None
        rows.append(Row(output, native.find(output.value, output.bound, positions), in_graph))
    primary = [row for row in rows if row.output.is_primary]
    wrong = {row.output.path for row in primary if not is_found(row.native)}
    right = {row.output.path for row in primary} - wrong
    for row in rows:
        # What a module is right with was right inside, though computed another way.
        is_inside = any(row.output.is_within(path) for path in right)
        row.differs = not is_found(row.native) and row.output.is_used and row.output.is_primary and not is_inside
    return rows


def is_found(match: Match | None) -> bool:
    return match is not None and match.is_found


def listed(rows: list[Row], places: list[str]) -> list[str]:
    """A table up to a few rows after the first that differs."""
    first = next((number for number, row in enumerate(rows) if row.differs), len(rows))
    lines = [("module", "class", "shape", "candle", "graph")]
    for row in rows[: first + 1 + AFTER]:
        shape = "×".join(map(str, row.output.value.shape))
        lines.append((row.output.name, row.output.kind, shape, in_candle(row, places), in_graph(row)))
    widths = [max(len(line[column]) for line in lines) for column in range(4)]
    table = ["  ".join([*(cell.ljust(width) for cell, width in zip(line, widths)), line[-1]]).rstrip() for line in lines]
    left = len(rows) - (len(lines) - 1)
    return [*table, f"… and {left} more"] if left else table


def in_candle(row: Row, places: list[str]) -> str:
    match = row.native
    if is_found(match):
        how = f", {match.how}" if match.how else ""
        return f"{match.distance:.1e}  {places[match.number]}{how}"
    why = "DIFFERS" if row.differs else "not computed" if row.output.is_used else "not needed"
    return f"{why}: {nearest(match, places)}" if row.differs else why


def in_graph(row: Row) -> str:
    if is_found(row.graph):
        return f"{row.graph.distance:.1e}"
    # What is not needed was left out when the graph was made.
    return f"nearest {row.graph.distance:.1e}" if row.graph and row.output.is_used else ""


def nearest(match: Match | None, places: list[str]) -> str:
    if match is None:
        return "no tensor of that size"
    return f"nearest max |Δ| {match.distance:.1e} at {places[match.number]}"


def verdict(rows: list[Row], places: list[str]) -> str:
    """The line that is read first."""
    row = next((row for row in rows if row.differs), None)
    if row is None:
        return f"nothing differs: candle computes what {len(rows)} outputs of PyTorch's modules hold"
    largest = np.abs(row.output.value[np.isfinite(row.output.value)]).max()
    line = f"first that differs: {row.output.name} ({row.output.kind}): {nearest(row.native, places)}"
    beside = "; the recorded graph computes it" if is_found(row.graph) else ""
    return f"{line}, of max {largest:.2g} (bound {row.output.bound:.1e}){beside}"


if __name__ == "__main__":
    raise SystemExit(main())
