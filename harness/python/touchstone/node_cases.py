"""Writes the ONNX standard's node cases: for each a model, its inputs, and the outputs that the standard expects.

    python -m touchstone.node_cases --folder target/onnx-node-cases

One folder a case, and `index.json` with every case's name, operator, tolerances and numbers of inputs and outputs.
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
    index = [write(case, folder / case.name) for case in cases()]
    (folder / "index.json").write_text(json.dumps(index, indent=0) + "\n")
    print(f"{len(index)} cases of onnx {onnx.__version__}")
    return 0


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
    operators = {node.op_type for node in case.model.graph.node}
    return {"name": case.name, "operators": sorted(operators), "rtol": case.rtol, "atol": case.atol, "inputs": len(inputs), "outputs": len(outputs)}


if __name__ == "__main__":
    sys.exit(main())
