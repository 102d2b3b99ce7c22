"""Runs in float64 what asks for less, and proves that nothing less remained."""

from contextlib import contextmanager

import torch
from torch.overrides import TorchFunctionMode
from torch.utils._python_dispatch import TorchDispatchMode
from torch.utils._pytree import tree_iter, tree_map

from touchstone.live import default_dtype
from touchstone.recording.refusal import Refused

LOWER = (torch.float32, torch.float16, torch.bfloat16)
NARROWING = {torch.Tensor.float, torch.Tensor.half, torch.Tensor.bfloat16}
TYPED = {"torch.FloatTensor", "torch.HalfTensor", "torch.BFloat16Tensor"}


class Redirected(TorchFunctionMode):
    """Answers every request for a lower precision with float64.

    Models ask for float32 inside (norms, rotary tables, routers); a "truth" that obeyed them would be as wrong as
    float32 itself.
    """

    def __torch_function__(self, func, types, args=(), kwargs=None):
        if func in NARROWING:
            return func_of_double(args[0])
        return func(*tree_map(widen, args), **tree_map(widen, kwargs or {}))


def func_of_double(tensor: torch.Tensor) -> torch.Tensor:
    return torch.Tensor.double(tensor)


def widen(value):
    """A dtype, or the name of a tensor type, in float64."""
    if isinstance(value, torch.dtype):
        if value == torch.complex64:
            return torch.complex128
        return torch.float64 if value in LOWER else value
    return "torch.DoubleTensor" if isinstance(value, str) and value in TYPED else value


class NoLess(TorchDispatchMode):
    """Sees every operator that really runs, and remembers those that touched a lower precision."""

    def __init__(self) -> None:
        super().__init__()
        self.seen: dict[str, str] = {}
        self.operators = 0

    def __torch_dispatch__(self, func, types, args=(), kwargs=None):
        kwargs = kwargs or {}
        result = func(*args, **kwargs)
        self.operators += 1
        for value in tree_iter((args, kwargs, result)):
            if isinstance(value, torch.Tensor) and value.dtype in (*LOWER, torch.complex64):
                self.seen.setdefault(str(func), str(value.dtype).removeprefix("torch."))
        return result

    def prove(self) -> None:
        """Refuses unless operators ran and all of them in float64."""
        if not self.operators:
            raise Refused("the float64 run executed no operator")
        if self.seen:
            listed = ", ".join(f"{name} ({dtype})" for name, dtype in sorted(self.seen.items())[:4])
            raise Refused(f"lower precision remained in the float64 run: {listed}")


@contextmanager
def float64():
    """Everything made or asked for inside is float64."""
    with default_dtype(torch.float64), Redirected():
        yield


@contextmanager
def proven_float64():
    """The same, and refused if an operator touched less."""
    proof = NoLess()
    with float64(), proof:
        yield proof
    proof.prove()


def widen_constants(model: torch.nn.Module) -> None:
    """What a model was given in float32 whatever is asked for: parameters that were typed so, tables that are plain attributes.

    Their numbers are float32's for every backend, so the truth has the same, in float64. Buffers are computed, and stay to
    be judged.
    """
    for parameter in model.parameters():
        if parameter.dtype in LOWER:
            parameter.data = parameter.data.double()
    for module in model.modules():
        for name, value in vars(module).items():
            if isinstance(value, torch.Tensor) and value.dtype in LOWER:
                object.__setattr__(module, name, value.double())


def assert_double(model: torch.nn.Module) -> None:
    """Refuses a float64 model that holds less."""
    tensors = [*model.named_parameters(), *model.named_buffers()]
    lower = sorted(name for name, tensor in tensors if tensor.dtype in (*LOWER, torch.complex64))
    if lower:
        raise Refused(f"lower precision held by the float64 model: {', '.join(lower[:4])}")
