"""A stored graph on ONNX Runtime, with weights from memory; needs neither torch nor the onnx package."""

import numpy as np
import onnxruntime

LEVELS = {
    None: onnxruntime.GraphOptimizationLevel.ORT_ENABLE_ALL,
    "unoptimised": onnxruntime.GraphOptimizationLevel.ORT_DISABLE_ALL,
}
#: Errors only: warnings are about what a graph for several backends leaves general.
ERRORS = 3

VERSION = onnxruntime.__version__


class Session:
    """One graph at one optimisation level; `setting` is None for every optimisation."""

    def __init__(self, graph: bytes, weights: dict[str, np.ndarray], setting: str | None = None) -> None:
        options = onnxruntime.SessionOptions()
        options.graph_optimization_level = LEVELS[setting]
        options.log_severity_level = ERRORS
        options.intra_op_num_threads = options.inter_op_num_threads = 1
        # The session reads these buffers as long as it lives.
        self.weights = [onnxruntime.OrtValue.ortvalue_from_numpy(array) for array in weights.values()]
        options.add_external_initializers(list(weights), self.weights)
        self.session = onnxruntime.InferenceSession(graph, options, providers=["CPUExecutionProvider"])
        self.inputs = [value.name for value in self.session.get_inputs()]
        self.outputs = [value.name for value in self.session.get_outputs()]

    def run(self, arrays: dict[str, np.ndarray]) -> dict[str, np.ndarray]:
        answer = self.session.run(self.outputs, {name: arrays[name] for name in self.inputs})
        return dict(zip(self.outputs, answer, strict=True))
