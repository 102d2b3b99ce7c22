"""Turns an exported model into the stored graph: weights outside and under their saved names, nothing spare."""

import hashlib
import lzma

import numpy as np
import onnx
from onnx import TensorProto, helper

from touchstone.recording.fill import Weight
from touchstone.recording.graph import Exported
from touchstone.recording.refusal import Refused

#: Computed buffers stay in the graph; a larger one would bloat it.
LARGEST_BUFFER = 4096
#: As small as it gets, within a window that costs its reader little memory.
FILTERS = [{"id": lzma.FILTER_LZMA2, "preset": 9 | lzma.PRESET_EXTREME, "dict_size": 1 << 20}]
FLOATS = (np.float16, np.float32, np.float64)

#: numpy has no bfloat16, but every weight of the exported float32 model is float32.
Key = tuple[str, tuple[int, ...], bytes]


class Composer:
    """Finds initializers among the saved weights, as they are, joined from several (experts) or cut out of one."""

    def __init__(self, weights: list[Weight]) -> None:
        self.by_value: dict[Key, str] = {}
        self.arrays: dict[str, np.ndarray] = {}
        for weight in weights:
            array = weight.tensor().numpy()
            self.arrays[weight.name] = array
            self.by_value.setdefault(key(array), weight.name)
        self.nodes: list[onnx.NodeProto] = []
        self.constants: list[TensorProto] = []
        self.used: set[str] = set()

    def find(self, array: np.ndarray, output: str, is_parameter: bool = False) -> str | None:
        """The value that equals `array`, made by nodes where it has to be joined, or cut out as parameters may be."""
        name = self.by_value.get(key(array))
        if name is not None:
            self.used.add(name)
            return name
        plan = self.plan(array)
        if plan is not None:
            return self.build(plan, output)
        return self.cut(array, output) if is_parameter else None

    def cut(self, array: np.ndarray, output: str) -> str | None:
        """A part of one weight along one axis: what is saved joined and held apart; or all of one that is saved turned."""
        turned = self.by_value.get(key(array.T)) if array.ndim == 2 else None
        if turned is not None:
            self.nodes.append(helper.make_node("Transpose", [turned], [output]))
            self.used.add(turned)
            return output
        for name, whole in self.arrays.items():
            place = place_in(whole, array)
            if place is None:
                continue
            axis, start = place
            bounds = {"starts": start, "ends": start + array.shape[axis], "axes": axis}
            self.constants += [onnx.numpy_helper.from_array(np.array([value], dtype=np.int64), f"{output}/{key}") for key, value in bounds.items()]
            self.nodes.append(helper.make_node("Slice", [name, *(f"{output}/{key}" for key in bounds)], [output]))
            self.used.add(name)
            return output
        return self.picked(array, output)

    def picked(self, array: np.ndarray, output: str) -> str | None:
        """Rows of one weight in another order: heads are saved interleaved and held one after the other, gates too."""
        for axis in range(array.ndim if array.size > 1 else 0):
            wanted = rows_along(array, axis)
            for name, whole in self.arrays.items():
                if whole.ndim != array.ndim or whole.dtype != array.dtype or shape_beside(whole, axis) != shape_beside(array, axis):
                    continue
                place = {row: number for number, row in enumerate(rows_along(whole, axis))}
                if all(row in place for row in wanted):
                    rows = f"{output}/rows"
                    self.constants.append(onnx.numpy_helper.from_array(np.array([place[row] for row in wanted], dtype=np.int64), rows))
                    self.nodes.append(helper.make_node("Gather", [name, rows], [output], axis=axis))
                    self.used.add(name)
                    return output
        return None

    def plan(self, array: np.ndarray):
        """A weight's name, or ("stack" | axis, parts)."""
        name = self.by_value.get(key(array))
        if name is not None:
            return name
        if array.ndim >= 3:
            parts = [self.plan(part) for part in array]
            if all(part is not None for part in parts):
                return ("stack", parts)
        for axis in range(array.ndim):
            parts = self.split(array, axis)
            if parts:
                return (axis, parts)
        return None

    def split(self, array: np.ndarray, axis: int) -> list[str] | None:
        """Weights that, one after the other along an axis, make up `array`."""
        parts, start, size = [], 0, array.shape[axis]
        while start < size:
            for length in range(size - start, 0, -1):
                piece = array.take(range(start, start + length), axis=axis)
                name = self.by_value.get(key(piece))
                if name is not None and piece.size > 1:
                    parts.append(name)
                    start += length
                    break
            else:
                return None
        return parts

    def build(self, plan, output: str) -> str:
        if isinstance(plan, str):
            self.used.add(plan)
            return plan
        how, parts = plan
        names = [self.build(part, f"{output}/{number}") for number, part in enumerate(parts)]
        axis = 0
        if how == "stack":
            zero = f"{output}/axis"
            self.constants.append(onnx.numpy_helper.from_array(np.array([0], dtype=np.int64), zero))
            stacked = [f"{name}/stacked" for name in names]
            self.nodes += [
                helper.make_node("Unsqueeze", [name, zero], [unsqueezed])
                for name, unsqueezed in zip(names, stacked, strict=True)
            ]
            names = stacked
        else:
            axis = how
        self.nodes.append(helper.make_node("Concat", names, [output], axis=axis))
        return output


def rows_along(array: np.ndarray, axis: int) -> list[bytes]:
    return [row.tobytes() for row in np.moveaxis(array, axis, 0)]


def shape_beside(array: np.ndarray, axis: int) -> tuple[int, ...]:
    return array.shape[:axis] + array.shape[axis + 1 :]


def place_in(whole: np.ndarray, part: np.ndarray) -> tuple[int, int] | None:
    """The axis and the start of a part that is shorter along that axis alone."""
    if whole.ndim != part.ndim or whole.dtype != part.dtype or part.size < 2:
        return None
    shorter = [axis for axis in range(whole.ndim) if part.shape[axis] != whole.shape[axis]]
    if len(shorter) != 1:
        return None
    (axis,) = shorter
    length = part.shape[axis]
    for start in range(whole.shape[axis] - length + 1):
        if np.array_equal(whole.take(range(start, start + length), axis=axis), part):
            return axis, start
    return None


def key(array: np.ndarray) -> Key:
    return str(array.dtype), array.shape, hashlib.sha256(array.tobytes()).digest()


def store(exported: Exported, weights: list[Weight]) -> tuple[onnx.ModelProto, list[str]]:
    """The graph to store, and the names of the weights that it reads."""
    model = onnx.ModelProto()
    model.CopyFrom(exported.model)
    graph = model.graph
    composer = Composer(weights)
    read = names_read(graph) | {output.name for output in graph.output}
    renamed: dict[str, str] = {}
    kept: list[TensorProto] = []
    for tensor in graph.initializer:
        value = exported.values[tensor.name]
        if tensor.name not in read:
            continue
        found = composer.find(value, f"joined/{tensor.name}", is_parameter(tensor.name, exported.parameters)) if value.dtype in FLOATS else None
        if found is not None:
            renamed[tensor.name] = found
            continue
        refuse_unmatched(tensor.name, value, exported.parameters)
        kept.append(tensor)
    rename_inputs(graph, renamed)
    used = sorted(composer.used)
    avoid_clashes(graph, set(used), {tensor.name for tensor in kept})
    del graph.initializer[:]
    graph.initializer.extend(external(name, composer.arrays[name]) for name in used)
    graph.initializer.extend(sorted(kept + composer.constants, key=lambda tensor: tensor.name))
    nodes = [*composer.nodes, *graph.node]
    del graph.node[:]
    graph.node.extend(nodes)
    strip(model)
    return model, used


def names_read(graph: onnx.GraphProto) -> set[str]:
    """What nodes read, those of loops' bodies too."""
    bodies = [attribute.g for node in graph.node for attribute in node.attribute if attribute.type == onnx.AttributeProto.GRAPH]
    return {name for node in graph.node for name in node.input}.union(*map(names_read, bodies))


def is_parameter(name: str, parameters: set[str]) -> bool:
    return name in parameters or name.removeprefix("model.") in parameters


def refuse_unmatched(name: str, value: np.ndarray, parameters: set[str]) -> None:
    """Only what was computed may stay inside."""
    if is_parameter(name, parameters):
        raise Refused(f"graph: parameter `{name}` {list(value.shape)} equals no saved weight")
    if value.dtype in FLOATS and value.size > LARGEST_BUFFER:
        raise Refused(f"graph: buffer `{name}` has {value.size} elements (valid: at most {LARGEST_BUFFER})")


def rename_inputs(graph: onnx.GraphProto, renamed: dict[str, str]) -> None:
    for node in graph.node:
        for place, name in enumerate(node.input):
            if name in renamed:
                node.input[place] = renamed[name]
        for attribute in node.attribute:
            if attribute.type == onnx.AttributeProto.GRAPH:
                rename_inputs(attribute.g, renamed)
    for output in graph.output:
        if output.name in renamed:
            raise Refused(f"graph: output `{output.name}` is a weight as it stands")


def avoid_clashes(graph: onnx.GraphProto, weights: set[str], kept: set[str]) -> None:
    """A computed value must not have a weight's name."""
    made = {name for node in graph.node for name in node.output} | {value.name for value in graph.input} | kept
    clash = sorted(made & weights)
    if clash:
        raise Refused(f"graph: `{clash[0]}` names both a weight and a value")


def external(name: str, array: np.ndarray) -> TensorProto:
    """An initializer whose data is given at load time."""
    tensor = TensorProto(name=name, dims=array.shape, data_type=helper.np_dtype_to_tensor_dtype(array.dtype))
    tensor.data_location = TensorProto.EXTERNAL
    tensor.external_data.add(key="location", value="weights")
    return tensor


def strip(model: onnx.ModelProto) -> None:
    """Drops what no runtime needs: where each node came from, names of nodes, intermediate types."""
    model.doc_string = ""
    model.producer_name, model.producer_version = "touchstone", ""
    del model.metadata_props[:]
    strip_graph(model.graph)
    for function in model.functions:
        function.doc_string = ""
        del function.metadata_props[:]
        for node in function.node:
            strip_node(node)


def strip_graph(graph: onnx.GraphProto) -> None:
    graph.name, graph.doc_string = "touchstone", ""
    del graph.metadata_props[:]
    del graph.value_info[:]
    for value in [*graph.input, *graph.output, *graph.initializer]:
        value.doc_string = ""
        del value.metadata_props[:]
    for node in graph.node:
        strip_node(node)


def strip_node(node: onnx.NodeProto) -> None:
    node.name, node.doc_string = "", ""
    del node.metadata_props[:]
    for attribute in node.attribute:
        attribute.doc_string = ""
        if attribute.type == onnx.AttributeProto.GRAPH:
            strip_graph(attribute.g)


def compress(model: onnx.ModelProto) -> bytes:
    """The same bytes for the same graph, on every day."""
    return lzma.compress(model.SerializeToString(deterministic=True), check=lzma.CHECK_CRC32, filters=FILTERS)
