"""Operators that onnxscript's torchlib translates wrongly, translated otherwise."""

import torch
from onnxscript.function_libs.torch_lib.ops import core
from onnxscript.onnx_opset import opset20 as op


def conv3d(input, weight, bias=None, stride=(1, 1, 1), padding=(0, 0, 0), dilation=(1, 1, 1), groups: int = 1):
    """torchlib gives a convolution without bias one of shape [channels, 2] (core.py:2259), which no runtime takes."""
    if bias is not None:
        return core.aten_conv3d(input, weight, bias, stride, padding, dilation, groups)
    return core.aten_convolution(input, weight, bias, stride, padding, dilation, False, (0, 0, 0), groups)


def divide(self, other):
    """The exporter makes one type of both sides of `div`, and not of those of its other name (type_promotion.py:222)."""
    return core.aten_div(self, other if other.dtype == self.dtype else op.CastLike(other, self))


def scatter_reduce(self, dim: int, index, src, reduce: str, include_self: bool = True):
    """torchlib writes a mean as no reduction at all (core.py:9080): whoever comes last stays."""
    if reduce != "mean":
        return core.aten_scatter_reduce(self, dim, index, src, reduce, include_self)

    def everywhere(value: float, like):
        return op.Expand(op.CastLike(op.Constant(value_floats=[value]), self), op.Shape(like))

    start = self if include_self else op.ScatterElements(self, index, everywhere(0.0, src), axis=dim)
    total = op.ScatterElements(start, index, src, axis=dim, reduction="add")
    count = op.ScatterElements(everywhere(1.0 if include_self else 0.0, self), index, everywhere(1.0, src), axis=dim, reduction="add")
    return op.Div(total, op.Max(count, everywhere(1.0, self)))


def squeeze(self, dim: int):
    """torchlib squeezes whatever the axis holds (core.py:9507); torch leaves a longer one, and one of unknown length, as it is."""
    return core.aten_squeeze_dim(self, dim) if not len(self.shape) or self.shape[dim] == 1 else op.Identity(self)


TABLE = {
    torch.ops.aten.conv3d.default: conv3d,
    torch.ops.aten.divide.Tensor: divide,
    torch.ops.aten.scatter_reduce.two: scatter_reduce,
    torch.ops.aten.squeeze.dim: squeeze,
}
