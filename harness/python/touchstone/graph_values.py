"""Every float that a stored graph computes on the way, by ONNX Runtime."""

import numpy as np
import onnx

from touchstone.backends import ort
from touchstone.reference import Reference


def values(recorded: Reference, arrays: dict[str, np.ndarray]) -> dict[str, np.ndarray]:
    """The values by name, in the order of the nodes; what they hold is as the graph states it, not optimised."""
    model = onnx.ModelProto.FromString(recorded.graph)
    given = {value.name for value in model.graph.output}
    made = [name for node in model.graph.node for name in node.output if name]
    # A type is left to ONNX Runtime to infer, as it does for every value inside.
    model.graph.output.extend(onnx.ValueInfoProto(name=name) for name in made if name not in given)
    leaves = set(recorded.manifest["graph"]["leaves"])
    weights = {name: array for name, array in recorded.weights().items() if name not in leaves}
    answer = ort.Session(model.SerializeToString(), weights, "unoptimised").run(arrays)
    return {name: answer[name] for name in made if is_float(answer[name])}


def is_float(value) -> bool:
    """A sequence, or an optional that is none, is no array."""
    return isinstance(value, np.ndarray) and value.dtype.kind == "f" and value.size > 0
