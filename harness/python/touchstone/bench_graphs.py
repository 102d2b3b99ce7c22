"""Writes the graphs that `cargo xtask bench graphs` runs, with all that a runtime needs and what PyTorch gives.

    python -m touchstone.bench_graphs FOLDER [NAME…]

writes `FOLDER/NAME/{graph.onnx, weights.safetensors, config.json, inputs.safetensors, outputs.safetensors}` for every
name that is not there yet. References of the workspace are taken as they are recorded, and their first row alone: it
is not padded, so that implementations without a mask compute the same. Graphs at real size are exported anew, as the
recorder does it, from configs as transformers defaults them and from weights that are functions of their names.
"""

import json
import lzma
import shutil
import sys
from collections.abc import Callable
from dataclasses import dataclass, field
from pathlib import Path

import numpy as np
import onnx
from safetensors.numpy import load_file, save_file

from touchstone import plain_graph, reference
from touchstone.case import Axes, Case
from touchstone.inputs import Input, floats, integers, lengths, tokens
from touchstone.paths import references
from touchstone.recording import graph, onnx_file, one, truth

TINY = ("bert", "vit", "llama")
#: What is exported at the first size, since torch takes an axis of one for a constant, and measured at the second.
BATCH, SEQUENCE = (2, 1), (16, 128)


@dataclass(frozen=True, kw_only=True)
class Real:
    """A model at real size, with the outputs that candle-transformers gives and no others."""

    model: str
    config: dict = field(default_factory=dict)
    call: dict = field(default_factory=dict)
    inputs: dict[str, Input]
    outputs: dict[str, Axes]
    #: Whether it is exported in few and old operators, at the measured size alone.
    is_plain: bool = False


REAL = {
    "bert-base": Real(
        model="BertModel",
        inputs={
            "attention_mask": lengths(sequence=[SEQUENCE[0]]),
            "input_ids": tokens("batch", "sequence"),
            "token_type_ids": integers(["batch", "sequence"], below=2),
        },
        outputs={"last_hidden_state": ("batch", "sequence", "hidden")},
    ),
    "vit-base": Real(
        model="ViTModel",
        inputs={"pixel_values": floats("batch", 3, 224, 224)},
        outputs={"last_hidden_state": ("batch", "patches", "hidden")},
    ),
    # candle-onnx knows neither the operators nor the masks of the graphs above.
    "bert-base.plain": Real(
        model="BertModel",
        inputs={"input_ids": tokens("batch", "sequence"), "token_type_ids": integers(["batch", "sequence"], below=2)},
        outputs={"last_hidden_state": ("batch", "sequence", "hidden")},
        is_plain=True,
    ),
    "vit-base.plain": Real(
        model="ViTModel",
        inputs={"pixel_values": floats("batch", 3, 224, 224)},
        outputs={"last_hidden_state": ("batch", "patches", "hidden")},
        is_plain=True,
    ),
    # The shape of GPT-2's smallest; candle gives the logits of the last position, and so does the graph.
    "llama-134m": Real(
        model="LlamaForCausalLM",
        config={
            "hidden_size": 768,
            "intermediate_size": 2048,
            "max_position_embeddings": 1024,
            "num_attention_heads": 12,
            "num_hidden_layers": 12,
            "vocab_size": 32000,
        },
        call={"logits_to_keep": 1},
        inputs={"input_ids": tokens("batch", "sequence")},
        outputs={"logits": ("batch", 1, "vocab")},
    ),
}


def write_tiny(name: str, folder: Path) -> None:
    """The recorded graph of a reference."""
    source = references() / name
    manifest = reference.read_manifest(source, name, f"cargo xtask record {name}")
    expected = load_file(source / "expected.safetensors")
    recorded = reference.Reference(name, manifest, expected, lzma.decompress((source / "graph.onnx.xz").read_bytes()))
    save_file(recorded.weights(), folder / "weights.safetensors")
    write_graph(folder, onnx.load_from_string(recorded.graph))
    outputs = {entry["name"]: expected[f"output.{entry['name']}"].reshape(entry["shape"]) for entry in manifest["outputs"]}
    write_data(folder, manifest["config"], recorded.inputs(), outputs)


def write_real(name: str, folder: Path) -> None:
    """A graph at real size."""
    case, checkpoint = case_of(name, REAL[name]), folder / "checkpoint"
    checkpoint.mkdir()
    recording = one.Recording(case, checkpoint)
    measured = recording.inputs(case.second_sizes())
    if REAL[name].is_plain:
        exported = plain_graph.export(case, recording.models.single, measured)
    else:
        exported = graph.export(case, recording.models.single, recording.arrays, case.dynamic_axes())
    model, _ = onnx_file.store(exported, recording.weights)
    write_data(folder, recording.config_json, measured, truth.run_double(case, recording.models, measured))
    (checkpoint / "model.safetensors").rename(folder / "weights.safetensors")
    write_graph(folder, model)
    shutil.rmtree(checkpoint)


def case_of(name: str, real: Real) -> Case:
    axes = {axis for kind in real.inputs.values() for axis in kind.axes}
    sizes = {axis: size for axis, size in (("batch", BATCH), ("sequence", SEQUENCE)) if axis in axes}
    return Case(
        category="bench",
        family=name,
        variant=None,
        model=real.model,
        recorded_from="",
        config=real.config,
        call=real.call,
        sizes=sizes,
        inputs=real.inputs,
        outputs=real.outputs,
    )


def write_graph(folder: Path, model: onnx.ModelProto) -> None:
    """The graph, its weights where they lie in `weights.safetensors`: runtimes may read them there, or by name."""
    with (folder / "weights.safetensors").open("rb") as file:
        length = int.from_bytes(file.read(8), "little")
        entries = json.loads(file.read(length))
    for tensor in model.graph.initializer:
        if tensor.data_location == onnx.TensorProto.EXTERNAL:
            start, end = entries[tensor.name]["data_offsets"]
            place = {"location": "weights.safetensors", "offset": 8 + length + start, "length": end - start}
            del tensor.external_data[:]
            tensor.external_data.extend(onnx.StringStringEntryProto(key=key, value=str(value)) for key, value in place.items())
    (folder / "graph.onnx").write_bytes(model.SerializeToString(deterministic=True))


def write_data(folder: Path, config: dict, arrays: dict[str, np.ndarray], outputs: dict[str, np.ndarray]) -> None:
    """What is given to the graph and what must come out: one row, the truth in float64."""
    (folder / "config.json").write_text(json.dumps(config, indent=1) + "\n", encoding="utf-8")
    save_file({name: np.ascontiguousarray(array[:1]) for name, array in arrays.items()}, folder / "inputs.safetensors")
    save_file({name: np.ascontiguousarray(array[:1], dtype=np.float64) for name, array in outputs.items()}, folder / "outputs.safetensors")


def writers() -> dict[str, Callable[[str, Path], None]]:
    """Every graph that there is."""
    return {**{name: write_tiny for name in TINY}, **{name: write_real for name in REAL}}


def main() -> int:
    target, known = Path(sys.argv[1]), writers()
    names = sys.argv[2:] or list(known)
    unknown = [name for name in names if name not in known]
    if unknown:
        print(f"no graph is called `{unknown[0]}` (known: {', '.join(known)})", file=sys.stderr)
        return 2
    target.mkdir(parents=True, exist_ok=True)
    for name in names:
        folder, unfinished = target / name, target / f"{name}.part"
        if folder.exists():
            continue
        print(f"writing {folder}", file=sys.stderr)
        shutil.rmtree(unfinished, ignore_errors=True)
        unfinished.mkdir()
        known[name](name, unfinished)
        unfinished.rename(folder)
    return 0


if __name__ == "__main__":
    sys.exit(main())
