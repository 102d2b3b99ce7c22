"""Writes the ONNX standard's node cases: for each a model, its inputs, and the outputs that the standard expects.

    python -m touchstone.node_cases --folder target/onnx-node-cases

One folder a case, and `index.json` with the version of `onnx`, every operator that it has, and each case's name, operators,
tolerances and numbers of inputs and outputs.
The cases are what the `onnx` package computes with numpy; nothing is downloaded.
"""

import argparse
import json
import shutil
import sys
import warnings
from pathlib import Path

import numpy as np
import onnx
from onnx import numpy_helper


def main(arguments: list[str] | None = None) -> int:
    parser = argparse.ArgumentParser(prog="touchstone.node_cases", description="Writes the ONNX standard's node cases.")
    parser.add_argument("--folder", type=Path, required=True, help="where to write them; what lies there is replaced")
    folder = parser.parse_args(arguments).folder
    shutil.rmtree(folder, ignore_errors=True)
    folder.mkdir(parents=True)
    written = [write(case, folder / case.name) for case in cases()]
    index = {"onnx": onnx.__version__, "operators": standard(), "cases": written}
    (folder / "index.json").write_text(json.dumps(index, indent=0) + "\n")
    print(f"{len(written)} cases of onnx {onnx.__version__}")
    return 0


def standard() -> list[str]:
    """Every operator that the newest version of the standard has."""
    schemas = onnx.defs.get_all_schemas()
    return sorted(qualified(schema.domain, schema.name) for schema in schemas if not schema.deprecated)


def qualified(domain: str, name: str) -> str:
    """An operator's name, with its domain unless that is the default one."""
    return name if domain in ("", "ai.onnx") else f"{domain}.{name}"


def operators(graph: onnx.GraphProto) -> set[str]:
    """The operators of a graph and of those within its nodes."""
    found = set()
    for node in graph.node:
        found.add(qualified(node.domain, node.op_type))
        for attribute in node.attribute:
            for inner in (attribute.g, *attribute.graphs):
                found |= operators(inner)
    return found


def cases() -> list:
    """All node cases, by name."""
    from onnx.backend.test.case.node import collect_testcases

    with warnings.catch_warnings(), np.errstate(all="ignore"):
        # The cases divide by zero and overflow on purpose.
        warnings.simplefilter("ignore")
        return sorted(collect_testcases(), key=lambda case: case.name)


def write(case, folder: Path) -> dict:
    folder.mkdir()
    (folder / "model.onnx").write_bytes(case.model.SerializeToString())
    (inputs, outputs) = case.data_sets[0]
    for kind, values in (("input", inputs), ("output", outputs)):
        for number, value in enumerate(values):
            # Sequences and optional values are told from the model; what reads tensors alone refuses those cases.
            if isinstance(value, np.ndarray) or np.isscalar(value):
                tensor = numpy_helper.from_array(np.asarray(value))
            elif isinstance(value, onnx.TensorProto):
                tensor = value
            else:
                continue
            (folder / f"{kind}_{number}.pb").write_bytes(tensor.SerializeToString())
    return {
        "name": case.name,
        "operators": sorted(operators(case.model.graph)),
        "rtol": case.rtol,
        "atol": case.atol,
        "inputs": len(inputs),
        "outputs": len(outputs),
    }


if __name__ == "__main__":
    sys.exit(main())
