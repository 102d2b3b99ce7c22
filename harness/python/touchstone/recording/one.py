"""Records one case: from the model's config to the files of its reference."""

import json
import shutil
import tempfile
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import onnx
import onnxruntime
import torch
import transformers

from touchstone import bounds, forked, inputs, live, metrics
from touchstone.backends.ort import LEVELS, Session
from touchstone.case import Case
from touchstone.recording import fill, graph, greedy, manifest, onnx_file, precision, sensitivity, signal, truth
from touchstone.recording.refusal import Refused
from touchstone.reference import FORMAT

#: Raised when the same case is to be recorded otherwise; older references are then recorded again.
RECORDER = 2
DTYPES = {np.dtype(np.int64): "i64", np.dtype(np.float32): "f32"}


@dataclass
class Recorded:
    """The files of a reference, and what to tell about them."""

    files: dict[str, bytes]
    notes: list[str]


@dataclass
class Proven:
    """A graph that ran in ONNX Runtime within the bound, at both sizes: as it stands, and optimised unless that is flawed."""

    content: bytes
    weights: list[str]
    inputs: list[str]
    dynamic: list[str]
    static_because: str | None
    #: What ONNX Runtime makes of it only when it optimises; no part of the reference.
    flaw: str | None = None


class Recording:
    """What the steps of one recording share."""

    def __init__(self, case: Case, folder: Path, gain: float = 1.0) -> None:
        self.case, self.folder = case, folder
        first, second = live.initialised(case, 0), live.initialised(case, 1)
        self.vocabulary = live.vocabulary_of(first.config)
        values = fill.saved(first, folder)
        other = folder / "other"
        others = fill.saved(second, other)
        self.config_json = without_volatile(json.loads((folder / "config.json").read_text()))
        self.weights = [fill.calmed(weight, gain) for weight in fill.choose_all(case, first, values, others)]
        fill.write(self.weights, folder)
        self.models = truth.load(case, folder)
        self.arrays = self.inputs(case.recorded_sizes())

    def inputs(self, sizes: dict[str, int], salt: str = "") -> dict[str, np.ndarray]:
        return inputs.build(self.case, sizes, self.vocabulary, salt)

    def redrawn(self, draw: int) -> tuple[torch.nn.Module, dict[str, np.ndarray]]:
        """The model with other weights and other inputs, at both sizes in turn."""
        salt = f"/draw/{draw}"
        return self.drawn(salt), self.inputs(self.case.second_sizes() if draw % 2 else self.case.recorded_sizes(), salt)

    def drawn(self, salt: str, names: set[str] | None = None) -> torch.nn.Module:
        """The model with other weights, or others for some names."""
        folder = self.folder / "redrawn"
        folder.mkdir(exist_ok=True)
        shutil.copy(self.folder / "config.json", folder)
        fill.write(self.weights, folder, salt, names)
        with precision.float64():
            return live.loaded(self.case, folder, torch.float64)

    def moved_by(self, names: set[str], expected: dict[str, np.ndarray]) -> bool:
        """Whether other values of some weights move an output."""
        model = self.drawn("/alone", names)
        with precision.float64():
            other = live.run(self.case, model, self.arrays, torch.float64)
        return any(signal.differs(value, other[name]) for name, value in expected.items())

    def stored_inputs(self) -> dict[str, np.ndarray]:
        """Integers that no rule gives back: floats follow from their names, masks from their lengths."""
        derived = (inputs.Floats, inputs.Lengths)
        return {name: array for name, array in self.arrays.items() if not isinstance(self.case.inputs[name], derived)}


def without_volatile(config):
    """A config without what changes from version to version or from machine to machine."""
    if isinstance(config, dict):
        return {key: without_volatile(config[key]) for key in sorted(config) if key not in live.VOLATILE}
    return config


def record(case: Case) -> Recorded:
    """The reference of a case; raises `Refused` if it would prove nothing."""
    with tempfile.TemporaryDirectory(prefix="touchstone-") as temporary:
        folder = Path(temporary)
        recording, expected, single, choices, inert = telling(case, folder)
        models, arrays = recording.models, recording.arrays
        statistics = {"float32": {name: metrics.statistics(expected[name], single[name]) for name in expected}}
        notes, without = [f"{choices} discrete choices"] if choices else [], {}
        for dtype in (torch.float16, torch.bfloat16):
            name = str(dtype).removeprefix("torch.")
            statistics[name], why = truth.lower_statistics(case, recording.folder, arrays, expected, dtype)
            if why:
                without[name] = why
                notes.append(f"no {name}: {why}")
        decoded, why = greedy.section(case, models, arrays)
        if why:
            without["greedy"] = why
            notes.append(f"no greedy: {why}")
        proven = prove_graph(recording, expected, statistics["float32"])
        notes += [f"static: {proven.static_because}"] if proven.static_because else []
        notes += [proven.flaw] if proven.flaw else []
        missing = unread(recording.weights, proven.weights, dict(inert))
        if missing and not recording.moved_by(set(missing), expected):
            # Among many that no gradient leads to, not each was tried alone.
            inert, missing = sorted([*inert, *((name, sensitivity.UNREACHED) for name in missing)]), []
        refuse_unread(missing)
    return Recorded(files_of(recording, expected, statistics, without, inert, decoded, proven), notes)


def telling(case: Case, folder: Path) -> tuple[Recording, dict, dict, int, list[tuple[str, str]]]:
    """A recording that tells a defect: its truth, torch's float32, the number of discrete choices, and inert weights."""
    refused = None
    for gain in fill.GAINS:
        recording = Recording(case, folder / f"gain{gain:g}", gain)
        models, arrays = recording.models, recording.arrays
        try:
            expected, single, choices = truth.run_proven(case, models, arrays)
            signal.check(case, expected)
            others = recording.inputs(case.recorded_sizes(), "/other")
            signal.check_inputs(case, arrays, others, expected, lambda changed: truth.run_double(case, models, changed))
            return recording, expected, single, choices, sensitivity.inert(case, models.double, arrays, recording.weights, recording.redrawn)
        except Refused as error:
            refused = refused or error
            if not any(fill.calmed(weight, 2.0) != weight for weight in recording.weights):
                break
    raise refused


def unread(weights: list[fill.Weight], read: list[str], inert: dict[str, str]) -> list[str]:
    """Weights that the graph does not read, and that nothing says to be without effect."""
    return [w.name for w in weights if w.scale is not None and w.name not in read and w.name not in inert]


def refuse_unread(missing: list[str]) -> None:
    """The graph reads every weight that PyTorch's outputs depend on."""
    if missing:
        raise Refused(f"the graph does not read weight `{missing[0]}` ({len(missing)} in all), which the outputs depend on")


def prove_graph(recording: Recording, expected: dict, single: dict) -> Proven:
    """Exports with as many dynamic axes as can be proven: all, the batch alone, none."""
    wanted = recording.case.dynamic_axes()
    because, attempts = None, [wanted]
    if wanted and wanted != ["batch"] and "batch" in wanted:
        attempts.append(["batch"])
    attempts += [[]] if wanted else []
    for dynamic in attempts:
        try:
            proven = export_and_prove(recording, dynamic, expected, single)
        except Exception as error:  # noqa: BLE001 - the exporter raises what it likes; the reason is kept
            if forked.is_out_of_memory(error):
                # A graph must not be static for want of memory on one machine.
                raise
            if not dynamic:
                raise Refused(f"graph: {graph.reason(error)}" if not isinstance(error, Refused) else str(error)) from error
            because = because or graph.reason(error)
            continue
        proven.static_because = because
        return proven
    raise AssertionError("the last attempt returns or raises")


def export_and_prove(recording: Recording, dynamic: list[str], expected: dict, single: dict) -> Proven:
    case, models = recording.case, recording.models
    exported = graph.export(case, models.single, recording.arrays, dynamic)
    model, names = onnx_file.store(exported, recording.weights)
    onnx.checker.check_model(exported.model)
    content = model.SerializeToString(deterministic=True)
    read = set(names)
    weights = {w.name: w.tensor().numpy() for w in recording.weights if w.name in read}
    sizes = {axis: case.second_sizes()[axis] if axis in dynamic else size for axis, size in case.recorded_sizes().items()}
    second = recording.inputs(sizes)

    def prove_at(session: Session) -> None:
        compare("recorded sizes", expected, session.run(recording.arrays), single)
        if dynamic:
            truth_there = truth.run_double(case, models, second)
            single_there = truth.run_single(case, models, second)
            stats = {name: metrics.statistics(truth_there[name], single_there[name]) for name in truth_there}
            compare(f"second sizes {sizes}", truth_there, session.run(second), stats)

    flaw = None
    for setting in LEVELS:
        try:
            prove_at(Session(content, weights, setting))
        except Exception as error:  # noqa: BLE001 - a runtime raises what it likes
            if setting is not None or forked.is_out_of_memory(error):
                raise
            # Right as it stands and wrong once it is optimised: a defect of the runtime, for the checks to find.
            flaw = f"optimised by ONNX Runtime: {graph.reason(error)}"
    return Proven(onnx_file.compress(model), names, [value.name for value in model.graph.input], dynamic, None, flaw)


def compare(where: str, expected: dict, got: dict, single: dict) -> None:
    for name, value in expected.items():
        if got[name].shape != value.shape:
            raise Refused(f"graph at {where}: output `{name}` has shape {got[name].shape}, and torch gives {value.shape}")
        true = metrics.Truth.whole(value)
        bound = bounds.forward(metrics.root_mean_square(value), true.largest(), single[name])
        margin = metrics.compare(true, got[name], bound).margin
        if not margin <= 1:
            raise Refused(f"graph at {where}: output `{name}` is outside the bound in ONNX Runtime, margin {margin:.3g}")


def files_of(
    recording: Recording, expected: dict, statistics: dict, without: dict, inert: list, decoded: dict | None, proven: Proven
) -> dict[str, bytes]:
    case = recording.case
    stored = {w.name: w.stored for w in recording.weights if w.stored is not None}
    by_output = {name: {dtype: stats and stats[name] for dtype, stats in statistics.items()} for name in expected}
    return manifest.render(
        {
            "format": FORMAT,
            "family": case.family,
            "variant": case.variant,
            "model": case.model,
            "recorded_from": case.recorded_from,
            "provenance": provenance(),
            "config": recording.config_json,
            "call": dict(sorted(case.call.items())),
            "sizes": case.recorded_sizes(),
            "inputs": [input_entry(recording, name) for name in sorted(case.inputs)],
            "weights": [w.entry() for w in recording.weights],
            "inert": [list(entry) for entry in inert],
            "without": without,
            "outputs": [manifest.output_entry(n, case.outputs[n], expected[n], by_output[n]) for n in sorted(expected)],
            "greedy": decoded,
            "graph": {
                "opset": graph.OPSET,
                "dynamic": proven.dynamic,
                "proved_at": {axis: case.second_sizes()[axis] for axis in proven.dynamic},
                "static_because": proven.static_because,
                "inputs": proven.inputs,
                "outputs": sorted(case.outputs),
                "leaves": sorted({w.name for w in recording.weights} - set(proven.weights)),
            },
        },
        {
            "expected.safetensors": manifest.save_expected(manifest.expected_tensors(recording.stored_inputs(), expected, stored)),
            "graph.onnx.xz": proven.content,
        },
    )


def input_entry(recording: Recording, name: str) -> dict:
    kind, array = recording.case.inputs[name], recording.arrays[name]
    entry = {"name": name, "axes": list(kind.axes), "shape": list(array.shape), "dtype": DTYPES[array.dtype]}
    if isinstance(kind, inputs.Lengths):
        entry["lengths"] = {"axis": kind.axis, "of": array.sum(axis=1).tolist()}
    if isinstance(kind, inputs.Tokens | inputs.Prompt):
        entry["below"] = recording.vocabulary(name).below
    if isinstance(kind, inputs.Prompt) and kind.media is not None:
        entry["media_end"] = len(kind.start) + kind.media[1]
    return entry


def provenance() -> dict:
    return {
        "recorder": RECORDER,
        "torch": torch.__version__.split("+")[0],
        "transformers": transformers.__version__,
        "onnx": onnx.__version__,
        "onnxruntime": onnxruntime.__version__,
    }
