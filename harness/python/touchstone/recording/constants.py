"""What follows from constants alone, while a graph is traced: computed at once instead of being traced."""

import contextlib
from collections.abc import Iterator

import torch
from torch.overrides import TorchFunctionMode
from torch.utils._python_dispatch import _disable_current_modes
from torch.utils._pytree import tree_iter

#: Functions that make a tensor out of plain numbers.
MAKES = {torch.tensor, torch.as_tensor, torch.arange, torch.linspace}


def tuple_of_rows(tensor: torch.Tensor) -> tuple[torch.Tensor, ...]:
    return tuple(tensor.unbind(0))


class Folded(TorchFunctionMode):
    """Computes whatever takes constants only, so that Python can read it: grids of patches, lengths of segments."""

    def __init__(self, constants: list[torch.Tensor]) -> None:
        super().__init__()
        # By identity, and held so that no identity is given out twice.
        self.known = {id(tensor): tensor for tensor in constants}

    def __torch_function__(self, func, types, args=(), kwargs=None):
        kwargs = kwargs or {}
        if not self.follows(func, args, kwargs):
            return func(*self.counted(func, args), **kwargs)
        if func is torch.Tensor.__iter__:
            func = tuple_of_rows
        with _disable_current_modes():
            result = func(*args, **kwargs)
        self.known |= {id(tensor): tensor for tensor in tree_iter(result) if isinstance(tensor, torch.Tensor)}
        return iter(result) if func is tuple_of_rows else result

    def counted(self, func, args):
        """A constant mask that selects from what is traced, as the places that it selects: their number is known."""
        if func not in (torch.Tensor.__getitem__, torch.Tensor.__setitem__):
            return args
        index = args[1] if isinstance(args[1], tuple) else (args[1],)
        if not any(self.is_mask(item) for item in index):
            return args
        with _disable_current_modes():
            places = [part for item in index for part in (item.nonzero(as_tuple=True) if self.is_mask(item) else (item,))]
        self.known |= {id(part): part for part in places if isinstance(part, torch.Tensor)}
        return args[0], tuple(places), *args[2:]

    def is_mask(self, item) -> bool:
        return isinstance(item, torch.Tensor) and id(item) in self.known and item.dtype == torch.bool

    def follows(self, func, args, kwargs) -> bool:
        leaves = list(tree_iter((args, kwargs)))
        if any(isinstance(leaf, torch.SymInt | torch.SymFloat | torch.SymBool) for leaf in leaves):
            return False
        tensors = [leaf for leaf in leaves if isinstance(leaf, torch.Tensor)]
        if not tensors:
            # What is made empty is written to: whole numbers by other constants, floats by what is traced.
            made_empty = func is torch.empty and isinstance(dtype := kwargs.get("dtype"), torch.dtype) and not dtype.is_floating_point
            return func in MAKES or made_empty
        return all(id(tensor) in self.known for tensor in tensors)


def folded(call: dict, others: list[torch.Tensor] | None = None) -> contextlib.AbstractContextManager:
    """The mode, where a constant argument is a tensor or others are known."""
    given = [value for value in call.values() if isinstance(value, torch.Tensor)] + (others or [])
    return Folded(given) if given else contextlib.nullcontext()


def whole_numbers(model: torch.nn.Module) -> list[tuple[torch.nn.Module, str]]:
    """Buffers that hold one whole number each: strides and widths that a model keeps as tensors and computes with."""
    counted = torch.nn.modules.batchnorm._NormBase
    return [
        (module, name)
        for module in model.modules()
        if not isinstance(module, counted)
        for name, buffer in module.named_buffers(recurse=False)
        if buffer.numel() == 1 and not buffer.is_floating_point() and not buffer.is_complex()
    ]


@contextlib.contextmanager
def held_apart(model: torch.nn.Module) -> Iterator[list[torch.Tensor]]:
    """Those buffers as plain attributes: what is a buffer is traced, and its value is unknown then."""
    places = whole_numbers(model)
    held = [(module, name, module._buffers.pop(name)) for module, name in places]
    for module, name, buffer in held:
        object.__setattr__(module, name, buffer)
    try:
        yield [buffer for _, _, buffer in held]
    finally:
        for module, name, buffer in held:
            object.__delattr__(module, name)
            module._buffers[name] = buffer
