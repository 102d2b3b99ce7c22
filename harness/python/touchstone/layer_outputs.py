"""What each module of a PyTorch model gives during one call, in the order in which they are done."""

from collections import Counter
from dataclasses import dataclass

import numpy as np
import torch

from touchstone import bounds, live, metrics
from touchstone.case import Case

#: What is no output of the model itself is called by the path of its module, and the model by this.
WHOLE = "(model)"

#: The share of max |truth| that an output may be off beyond an answer's bound, in units of the precision: torch loses
#: nothing where it reads a table, and others compute what stands there.
UNITS = 4.0


@dataclass
class Output:
    """One tensor of one module."""

    #: The module's path from the model, with its place among the module's outputs if it is not the first.
    name: str
    path: str
    kind: str
    value: np.ndarray
    #: Whether it is what the module is there for, and not what it tells beside that, such as attention's weights.
    is_primary: bool = True
    #: Whether the model's answer depends on it.
    is_used: bool = True
    #: How far another implementation may be from it.
    bound: float = 0.0

    def is_within(self, path: str) -> bool:
        """Whether it is of a module below that one."""
        return self.path != path and (path == WHOLE or self.path.startswith(path + "."))


class Recorder:
    """Listens to every module of a model."""

    def __init__(self, model: torch.nn.Module) -> None:
        self.outputs: list[Output] = []
        self.tensors: list[torch.Tensor] = []
        self.calls: Counter[str] = Counter()
        self.handles = [module.register_forward_hook(self.hook(path)) for path, module in model.named_modules() if path]

    def hook(self, path: str):
        def listen(module, _, answer):
            self.calls[path] += 1
            # A module that is shared by layers is called by each of them.
            again = f"#{self.calls[path]}" if self.calls[path] > 1 else ""
            for place, (suffix, tensor) in enumerate(named(answer)):
                self.note(path + again + suffix, path, type(module).__name__, tensor, is_primary=place == 0)

        return listen

    def note(self, name: str, path: str, kind: str, tensor: torch.Tensor, is_primary: bool = True) -> None:
        if tensor.is_floating_point() and tensor.numel():
            # Copied at once: what comes later may write into it.
            value = tensor.detach().to(torch.float64).numpy().copy()
            self.outputs.append(Output(name, path, kind, value, is_primary))
            self.tensors.append(tensor)

    def close(self) -> None:
        for handle in self.handles:
            handle.remove()


def named(answer) -> list[tuple[str, torch.Tensor]]:
    """The tensors of an answer; the first has no name of its own."""
    if isinstance(answer, torch.Tensor):
        return [("", answer)]
    items = list(answer.items()) if hasattr(answer, "items") else list(enumerate(answer)) if isinstance(answer, (tuple, list)) else []
    tensors = [(f"[{key}]", value) for key, value in items if isinstance(value, torch.Tensor)]
    return [("", value) if place == 0 else (key, value) for place, (key, value) in enumerate(tensors)]


def recorded(case: Case, model: torch.nn.Module, arrays: dict[str, np.ndarray], dtype: torch.dtype) -> list[Output]:
    """The modules' outputs, and at last those of the model that the case compares."""
    recorder = Recorder(model)
    try:
        answer = live.forward(case, model, arrays, dtype)
    finally:
        recorder.close()
    for name, tensor in answer.items():
        recorder.note(f"{WHOLE}.{name}", WHOLE, type(model).__name__, tensor)
    mark_used(recorder, list(answer.values()))
    return recorder.outputs


def mark_used(recorder: Recorder, answer: list[torch.Tensor]) -> None:
    """A module whose output has no part in the answer need not be computed: the last layers, where an earlier one is taken."""
    ends = [tensor for tensor in answer if tensor.requires_grad]
    asked = [tensor for tensor in recorder.tensors if tensor.requires_grad]
    if not ends or not asked:
        return
    try:
        slopes = torch.autograd.grad([tensor.sum() for tensor in ends], asked, allow_unused=True)
    except RuntimeError:
        # Written over on the way: then each of them counts.
        return
    unused = {id(tensor) for tensor, slope in zip(asked, slopes, strict=True) if slope is None}
    for output, tensor in zip(recorder.outputs, recorder.tensors, strict=True):
        output.is_used = id(tensor) not in unused


def bounded(truth: list[Output], lower: list[Output], dtype: str) -> list[Output]:
    """The truth with what each output may be off, from what PyTorch itself loses in the precision of the other run."""
    by_name = {output.name: output.value for output in lower}
    kept = []
    for output in truth:
        other = by_name.get(output.name)
        finite = np.isfinite(output.value)
        if other is None or other.shape != output.value.shape or not finite.any():
            continue
        value, other = output.value[finite], np.nan_to_num(other[finite])
        largest, loss = float(np.abs(value).max()), metrics.statistics(value, other)
        bound = bounds.forward_at(dtype, metrics.root_mean_square(value), largest, loss)
        output.bound = bound.max_abs + UNITS * bounds.UNITS[dtype] * largest
        kept.append(output)
    return kept
