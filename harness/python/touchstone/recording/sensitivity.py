"""Which weights the outputs depend on: one float64 backward of a random projection of all outputs."""

import contextlib
import copy
import re
import tempfile
from collections.abc import Callable, Iterator
from pathlib import Path
from unittest import mock

import numpy as np
import torch
from torch.overrides import TorchFunctionMode

from touchstone import live, weights
from touchstone.case import Case
from touchstone.recording import discrete, fill, never, precision, signal
from touchstone.recording.refusal import Refused

#: Below this share of the strongest weight's effect, a gradient in float64 is rounding.
ROUNDING = 1e-13
#: Below this share, an effect drowns in what float32 loses: a defect in reading the weight would not be seen.
UNSEEN = 1e-7
KEY_BIAS = re.compile(r"(^|[._])k(ey)?s?(_proj|_lin|_net|_norm|_layer|_layernorm|_projection)?(\.\w+)*\.bias$|(^|[._])k_bias$")
QUERY_KEY = re.compile(r"(^|[._])(q|k|query|key)(_proj|_lin|_net|_projection)?$")
VALUE = re.compile(r"(^|[._])(v|value)(_proj|_lin|_net|_projection)?$")

NORM = torch.nn.modules.batchnorm._BatchNorm

UNREACHED = "does not reach the compared outputs"
ZERO_INPUT = "its input is zero everywhere"
EQUAL_VALUES = "the values that its attention weighs are the same at every position"
FAINT = f"one factor of what is normalised next: in {never.DRAWS} draws of weights and inputs its effect stayed below what float32 can see"
SHIFT = "a key bias adds one number to all scores of a row, which softmax ignores"


#: Another model of the same case, with other weights, and other inputs for it.
Redrawn = Callable[[int], tuple[torch.nn.Module, dict[str, np.ndarray]]]


def inert(
    case: Case, model: torch.nn.Module, arrays: dict[str, np.ndarray], saved: list[fill.Weight], redrawn: Redrawn | None = None
) -> list[tuple[str, str]]:
    """Weights that cannot matter, each with a reason that was derived; refused if there is none."""
    effects, strongest, watch = measured(case, model, arrays, saved, redrawn)
    if strongest == 0:
        raise Refused("no weight reaches the compared outputs")
    listed: dict[str, str | None] = {}
    faint: list[str] = []
    single = {w.name for w in saved if np.prod(w.shape) == 1}
    for name, value in sorted(effects.items()):
        if value is None:
            listed[name] = UNREACHED
        elif value <= ROUNDING * strongest:
            listed[name] = reason(name, watch)
        elif value <= UNSEEN * strongest:
            if name not in single or redrawn is None:
                raise Refused(f"weight `{name}` moves the compared outputs too little to be seen ({value / strongest:.1e} of the strongest)")
            faint.append(name)
    # One number that scales all of what a norm then divides by: in every draw only the norm's epsilon sees it.
    always = never.silent(faint, lambda draw: heard(case, saved, *redrawn(draw), above=UNSEEN)) if faint else set()
    for name in faint:
        if name not in always:
            raise Refused(f"weight `{name}` moves the compared outputs too little to be seen ({effects[name] / strongest:.1e} of the strongest)")
        listed[name] = FAINT
    unexplained = [name for name, why in listed.items() if why is None]
    silent = never.silent(unexplained, lambda draw: heard(case, saved, *redrawn(draw)), case.config) if redrawn else set()
    for name in unexplained:
        if name not in silent:
            hint = " [is no token routed to this expert? more tokens, or fewer experts, would help]" if "expert" in name else ""
            raise Refused(f"weight `{name}` has no effect on the compared outputs (gradient {effects[name]:.1e}), for no known reason{hint}")
    return [(name, listed[name] or never.REASON) for name in sorted(listed)]


def measured(
    case: Case, model: torch.nn.Module, arrays: dict[str, np.ndarray], saved: list[fill.Weight], redrawn: Redrawn | None = None
) -> tuple[dict[str, float | None], float, "Watch"]:
    """The effect of each weight that is filled, the strongest, and what was seen on the way."""
    gradients, watch = saved_gradients(case, model, arrays, redrawn)
    effects = {w.name: effect(w, gradients) for w in saved if w.scale is not None}
    return effects, max((value for value in effects.values() if value is not None and value < np.inf), default=0.0), watch


def heard(
    case: Case, saved: list[fill.Weight], model: torch.nn.Module, arrays: dict[str, np.ndarray], above: float = ROUNDING
) -> Callable[[str], bool]:
    effects, strongest, _ = measured(case, model, arrays, saved)
    return lambda name: (effects[name] or 0.0) > above * strongest


def reason(name: str, watch: "Watch") -> str | None:
    """Why a weight that is read has no effect, where that is known."""
    if KEY_BIAS.search(name):
        return SHIFT
    module = name.rpartition(".")[0]
    if watch.has_zero_input(module):
        return ZERO_INPUT
    if QUERY_KEY.search(module) and watch.has_equal_values(module.rpartition(".")[0]):
        return EQUAL_VALUES
    return None


class Watch:
    """Remembers which modules saw only zeros, and which gave every position the same."""

    def __init__(self, model: torch.nn.Module) -> None:
        self.zero: dict[str, bool] = {}
        self.equal: dict[str, bool] = {}
        self.hooks = [module.register_forward_hook(self.see(name)) for name, module in model.named_modules()]

    def see(self, name: str):
        def hook(module, args, output) -> None:
            if args and isinstance(args[0], torch.Tensor) and args[0].is_floating_point():
                self.zero[name] = self.zero.get(name, True) and not args[0].any()
            if isinstance(output, torch.Tensor) and output.is_floating_point() and output.dim() >= 3:
                self.equal[name] = self.equal.get(name, True) and is_equal_along(output)

        return hook

    def close(self) -> None:
        for hook in self.hooks:
            hook.remove()

    def has_zero_input(self, module: str) -> bool:
        return any(self.zero[name] for name in self.zero if same_module(name, module))

    def has_equal_values(self, attention: str) -> bool:
        """Whether the value projection inside `attention` gives every position the same."""
        return any(
            self.equal[name]
            for name in self.equal
            if VALUE.search(name) and same_module(name.rpartition(".")[0], attention)
        )


def is_equal_along(output: torch.Tensor) -> bool:
    """Whether every position is given the same, up to the order in which a machine's kernels add."""
    return not output.numel() or bool((output - output[:, :1]).abs().max() <= ROUNDING * output.abs().max())


def same_module(name: str, saved: str) -> bool:
    """A saved name may lack or have a prefix that the model's own has."""
    return bool(name) and bool(saved) and (name == saved or name.endswith(f".{saved}") or saved.endswith(f".{name}"))


def effect(weight: fill.Weight, gradients: dict[str, torch.Tensor]) -> float | None:
    """How far the projection moves if the weight moves by its own scale; None if nothing leads from it there.

    Infinite where only a choice leads there, which is no matter of how far.
    """
    gradient = gradients.get(weight.name)
    if gradient is None or bool(torch.isnan(gradient).all()):
        return None
    return float(torch.nan_to_num(gradient, posinf=torch.inf).abs().max()) * weight.scale


def saved_gradients(
    case: Case, model: torch.nn.Module, arrays: dict[str, np.ndarray], redrawn: Redrawn | None = None
) -> tuple[dict[str, torch.Tensor], Watch]:
    """Gradients under the names of saved weights: written and read back as if they were the weights.

    `save_pretrained` splits and renames what the model holds joined; it does the same to gradients. NaN marks a
    tensor that no path leads to, infinity one that leads through a choice alone.
    """
    # Before the backward: a model may keep what it computed, and what has a gradient cannot be copied.
    shown = copy.deepcopy(model)
    gradients, watch = any_backward(case, model, arrays)
    if gradients is None:
        return {}, watch
    if redrawn is not None:
        gradients |= through_choices(case, model, arrays, gradients, redrawn)
    with torch.no_grad():
        for tensor, original in zip(tensors_of(shown), tensors_of(model), strict=True):
            if id(original) in gradients:
                gradient = gradients[id(original)]
                tensor.copy_(torch.full_like(original, torch.nan) if gradient is None else gradient)
        for module, original in zip(shown.modules(), model.modules(), strict=True):
            if isinstance(module, NORM) and module.affine and gradients[id(original.weight)] is None:
                # What nothing leads from, its statistics neither.
                module.running_mean.fill_(torch.nan)
                module.running_var.fill_(torch.nan)
    with tempfile.TemporaryDirectory() as folder:
        return fill.saved(shown, Path(folder)), watch


def through_choices(
    case: Case, model: torch.nn.Module, arrays: dict[str, np.ndarray], gradients: dict[int, torch.Tensor | None], redrawn: Redrawn
) -> dict[int, torch.Tensor]:
    """Infinity for each tensor without a gradient that moves an output when it is drawn anew."""
    tensors = tensors_of(model)
    without = [number for number, tensor in enumerate(tensors) if gradients.get(id(tensor), tensor) is None]
    if not without:
        return {}
    others = tensors_of(redrawn(0)[0])
    pairs = [(tensors[number], others[number].data) for number in without]
    with precision.float64():
        with discrete.Read() as read:
            truth = live.run(case, model, arrays, torch.float64)

        def moves() -> bool:
            try:
                other = live.run(case, model, arrays, torch.float64)
            except Exception:  # noqa: BLE001 - whatever it raises, the parameter was read
                return True
            return any(signal.differs(truth[name], other[name]) for name in truth)

        # What was not told apart may be a part that was not even called.
        found = [parameter for parameter in discrete.heard(pairs, moves) if id(parameter) in read.seen]
        return {id(parameter): torch.full_like(parameter, torch.inf) for parameter in found}


def tensors_of(model: torch.nn.Module) -> list[torch.Tensor]:
    return [*model.parameters(), *model.buffers()]


def learned_buffers(model: torch.nn.Module) -> list[torch.Tensor]:
    """Buffers that a checkpoint holds; a normalisation's have no derivative."""
    return [
        buffer
        for module in model.modules()
        if not isinstance(module, NORM)
        for name, buffer in module.named_buffers(recurse=False)
        if buffer.is_floating_point() and name not in module._non_persistent_buffers_set
    ]


def any_backward(
    case: Case, model: torch.nn.Module, arrays: dict[str, np.ndarray]
) -> tuple[dict[int, torch.Tensor | None] | None, Watch]:
    """Gradients through everything that leads anywhere, as far as torch can give them."""
    try:
        return backward(case, model, arrays, learned_buffers(model), opened())
    except AssertionError:
        # A derivative written by hand that only training may ask for: torch's own is taken of what it stands for.
        return backward(case, model, arrays, learned_buffers(model), opened(own_derivatives=False))
    except RuntimeError:
        pass
    try:
        # What a model writes to while it closes the graph cannot be written to with the graph open.
        return backward(case, model, arrays, learned_buffers(model))
    except RuntimeError:
        # An operator that has no derivative by what it takes for a constant: buffers then count as reached.
        return backward(case, model, arrays, [])


class Undetached(TorchFunctionMode):
    """`detach` stops gradients and no numbers."""

    def __torch_function__(self, func, types, args=(), kwargs=None):
        if func in (torch.Tensor.detach, torch.detach):
            return args[0]
        return func(*args, **(kwargs or {}))


@contextlib.contextmanager
def opened(own_derivatives: bool = True) -> Iterator[None]:
    """Gradients flow where the model would stop them: training does without them, numbers do not."""
    nothing = mock.patch.multiple(torch.no_grad, __enter__=lambda self: None, __exit__=lambda self, *error: None)
    forward = classmethod(lambda cls, *args: cls.forward(mock.Mock(), *args))
    derived = contextlib.nullcontext() if own_derivatives else mock.patch.object(torch.autograd.Function, "apply", forward)
    with nothing, Undetached(), derived:
        yield


def backward(
    case: Case,
    model: torch.nn.Module,
    arrays: dict[str, np.ndarray],
    buffers: list[torch.Tensor],
    opening: contextlib.AbstractContextManager | None = None,
) -> tuple[dict[int, torch.Tensor | None] | None, Watch]:
    """The gradient of each parameter and of some buffers, by identity; None if nothing reaches the outputs."""
    watch = Watch(model)
    leaves = [*model.parameters(), *buffers]
    try:
        with torch.enable_grad(), precision.float64():
            for leaf in leaves:
                leaf.requires_grad_(True)
                leaf.grad = None
            with opening or contextlib.nullcontext():
                outputs = live.forward(case, model, arrays, torch.float64)
            projected = sum((direction(name, value) * value).sum() for name, value in sorted(outputs.items()))
            if not projected.requires_grad:
                return None, watch
            projected.backward()
        return {id(leaf): leaf.grad for leaf in leaves}, watch
    finally:
        watch.close()
        for leaf in leaves:
            leaf.grad = None
        for buffer in buffers:
            buffer.requires_grad_(False)


def direction(name: str, value: torch.Tensor) -> torch.Tensor:
    """Fixed pseudo-random numbers of the output's shape."""
    return torch.from_numpy(weights.fill(f"projection/{name}", tuple(value.shape), 1.0, 0.0)).double()
