"""Exports a model to ONNX in few and old operators, at one size: what runtimes read that know no others.

The exporter that traces TorchScript writes sizes as constants, and GELU by its error function below opset 20. Layer
normalisation is spelt out with sums, whose form is the same from opset 13 on; that of means changed in opset 18.
"""

import io
from unittest import mock

import numpy as np
import onnx
import torch

from touchstone import live
from touchstone.case import Case
from touchstone.recording.graph import Exported, Named, quiet

OPSET = 18


class Positional(torch.nn.Module):
    """A model that takes its inputs by place, sorted by name."""

    def __init__(self, named: Named, names: list[str]) -> None:
        super().__init__()
        self.model, self.names = named, names

    def forward(self, *inputs: torch.Tensor) -> tuple[torch.Tensor, ...]:
        return self.model(**dict(zip(self.names, inputs, strict=True)))


def export(case: Case, model: torch.nn.Module, arrays: dict[str, np.ndarray]) -> Exported:
    """One export, every axis as long as in `arrays`."""
    names, given = sorted(arrays), live.tensors(arrays)
    positional, content = Positional(Named(case, model), names).eval(), io.BytesIO()
    with quiet(), mock.patch.object(torch.nn.LayerNorm, "forward", normalised), torch.no_grad():
        torch.onnx.export(
            positional,
            args=tuple(given[name] for name in names),
            f=content,
            input_names=names,
            output_names=sorted(case.outputs),
            opset_version=OPSET,
            dynamo=False,
            do_constant_folding=False,
        )
    proto = onnx.load_from_string(content.getvalue())
    values = {tensor.name: onnx.numpy_helper.to_array(tensor) for tensor in proto.graph.initializer}
    parameters = {name for name, _ in positional.named_parameters(remove_duplicate=False)}
    return Exported(proto, values, parameters, [])


def normalised(self: torch.nn.LayerNorm, hidden: torch.Tensor) -> torch.Tensor:
    """Layer normalisation over the last axis, as arithmetic."""
    (size,), last = self.normalized_shape, hidden.dim() - 1
    centred = hidden - hidden.sum(last, keepdim=True) / size
    variance = (centred * centred).sum(last, keepdim=True) / size
    return centred / torch.sqrt(variance + self.eps) * self.weight + self.bias
