"""What stands in the way of tracing and changes no number: asked-for casts, checks, empty masks, three operators."""

import contextlib
import os
from collections.abc import Iterator
from unittest import mock

import torch
from torch.overrides import TorchFunctionMode
from transformers import masking_utils


@contextlib.contextmanager
def batched_experts(model: torch.nn.Module) -> Iterator[None]:
    """Eager experts loop over those that were chosen, which cannot be exported; the batched form computes the same."""
    settable = getattr(model, "_can_set_experts_implementation", lambda: False)()
    before = model.get_experts_implementation() if settable else None
    if settable:
        model.set_experts_implementation("batched_mm")
    # Configs that the model does not reach: of layers that are configured one by one, of a part that is another family's.
    apart = {id(module.config): module.config for module in model.modules() if hasattr(module, "_is_expert_parallel")}
    held = [(config, config._experts_implementation) for config in apart.values() if config._experts_implementation != "batched_mm"]
    for config, _ in held:
        config._experts_implementation = "batched_mm"
    try:
        yield
    finally:
        for config, own in held:
            config._experts_implementation = own
        if settable:
            model.set_experts_implementation(before)


@contextlib.contextmanager
def without_checks() -> Iterator[None]:
    """transformers checks its own arguments with operators that ONNX lacks; the recorded runs have passed them."""
    with mock.patch.dict(os.environ, {"TRANSFORMERS_DISABLE_TORCH_CHECK": "1"}):
        yield


@contextlib.contextmanager
def kept_dtypes() -> Iterator[None]:
    """A module that is asked for the dtype that it has stays as it is: a cast cannot be traced."""
    cast = torch.nn.Module.to

    def to(self, *args, **kwargs):
        wanted = args[0] if len(args) == 1 and not kwargs else None
        if isinstance(wanted, torch.dtype) and all(tensor.dtype == wanted for tensor in self.parameters()):
            return self
        return cast(self, *args, **kwargs)

    with mock.patch.object(torch.nn.Module, "to", to):
        yield


@contextlib.contextmanager
def without_empty_masks() -> Iterator[None]:
    """Where nothing is padded transformers makes no mask, except while exporting.

    One that is made for the first layer has the wrong size for the next where layers shorten the sequence.
    """
    ignore = masking_utils._ignore_bidirectional_mask_sdpa

    def ignored(padding_mask, length, window=None):
        return padding_mask is None and window is None or ignore(padding_mask, length, window)

    with mock.patch.object(masking_utils, "_ignore_bidirectional_mask_sdpa", ignored):
        yield


class FloatFromInteger(TorchFunctionMode):
    """The exporter finds no overload for `1.0 - mask` of whole numbers: they are cast first, as torch does."""

    def __torch_function__(self, func, types, args=(), kwargs=None):
        if func in (torch.Tensor.__rsub__, torch.rsub) and isinstance(args[1], float) and not (args[0].is_floating_point() or args[0].is_complex()):
            args = args[0].to(torch.get_default_dtype()), *args[1:]
        return func(*args, **(kwargs or {}))


class OpenDistances(TorchFunctionMode):
    """`cdist` of few rows, which has no ONNX form: by differences, as torch computes it then."""

    def __torch_function__(self, func, types, args=(), kwargs=None):
        if func is torch.cdist:
            return torch.linalg.vector_norm(args[0].unsqueeze(-2) - args[1].unsqueeze(-3), (kwargs or {}).get("p", 2.0), -1)
        return func(*args, **(kwargs or {}))


class RealUnsqueeze(TorchFunctionMode):
    """onnxscript translates every complex operator of rotary tables but `unsqueeze` and what amounts to it."""

    def __torch_function__(self, func, types, args=(), kwargs=None):
        kwargs = kwargs or {}
        if func in (torch.Tensor.unsqueeze, torch.unsqueeze) and args[0].is_complex():
            place = args[1] if len(args) > 1 else kwargs["dim"]
            return torch.view_as_complex(torch.view_as_real(args[0]).unsqueeze(place if place >= 0 else place - 1))
        if func is torch.Tensor.__getitem__ and args[0].is_complex():
            index = args[1] if isinstance(args[1], tuple) else (args[1],)
            return torch.view_as_complex(torch.view_as_real(args[0])[(*index, slice(None)) if Ellipsis in index else index])
        return func(*args, **kwargs)
