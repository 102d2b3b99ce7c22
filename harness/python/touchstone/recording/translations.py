"""Operators that onnxscript's torchlib translates wrongly, translated otherwise."""

import torch
from onnxscript.function_libs.torch_lib.ops import core


def conv3d(input, weight, bias=None, stride=(1, 1, 1), padding=(0, 0, 0), dilation=(1, 1, 1), groups: int = 1):
    """torchlib gives a convolution without bias one of shape [channels, 2] (core.py:2259), which no runtime takes."""
    if bias is not None:
        return core.aten_conv3d(input, weight, bias, stride, padding, dilation, groups)
    return core.aten_convolution(input, weight, bias, stride, padding, dilation, False, (0, 0, 0), groups)


TABLE = {torch.ops.aten.conv3d.default: conv3d}
