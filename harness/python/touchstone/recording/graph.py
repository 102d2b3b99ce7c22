"""Exports a model to ONNX, with named inputs and outputs, dynamic where a second size says so."""

import contextlib
import inspect
import io
import logging
import re
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

import numpy as np
import onnx
import torch

from touchstone import forked, live
from touchstone.case import Case
from touchstone.recording import constants, swaps, tracing, translations

OPSET = 20
#: An upper limit that the exporter wants for a dynamic axis; larger than any recorded size.
LONGEST = 65536


@dataclass
class Exported:
    model: onnx.ModelProto
    #: Initializers' values by name.
    values: dict[str, np.ndarray]
    #: Names of initializers that were parameters, and so must be found among the saved weights.
    parameters: set[str]
    dynamic: list[str]


class Named(torch.nn.Module):
    """A model whose `forward` takes the case's inputs and returns its outputs, both by name."""

    def __init__(self, case: Case, model: torch.nn.Module) -> None:
        super().__init__()
        self.model = model
        #: What is switched on while the model is called, given anew for each call.
        self.modes: list[Callable[[], contextlib.AbstractContextManager]] = []
        names = sorted(case.inputs)
        call = live.call_of(case, model)

        def forward(**inputs):
            with contextlib.ExitStack() as stack:
                for mode in (lambda: constants.folded(call), *self.modes):
                    stack.enter_context(mode())
                answer = live.outputs_of(case, model(**inputs, **call))
            return tuple(answer[name] for name in sorted(case.outputs))

        parameter = inspect.Parameter
        forward.__signature__ = inspect.Signature([parameter(n, parameter.POSITIONAL_OR_KEYWORD) for n in names])
        # On the instance: torch.export reads the signature from there, and each case has its own.
        self.forward = forward


def export(case: Case, model: torch.nn.Module, arrays: dict[str, np.ndarray], dynamic: list[str]) -> Exported:
    """One export, with the axes of `dynamic` symbolic."""
    named = Named(case, model).eval()
    # One Dim object an axis: two of one name would be two axes.
    dims = {axis: torch.export.Dim(axis, min=1, max=LONGEST) for axis in dynamic}
    shapes = {
        name: {place: dims[axis] for place, axis in enumerate(kind.axes) if axis in dims}
        for name, kind in sorted(case.inputs.items())
    }
    with quiet(), tracing.without_checks(), tracing.batched_experts(model), tracing.kept_dtypes(), torch.no_grad():
        program = helped(named, lambda: exported(case, named, arrays, shapes if dynamic else None))
    proto = program.model_proto
    values = {tensor.name: onnx.numpy_helper.to_array(tensor) for tensor in proto.graph.initializer}
    # What is frozen or not saved was computed, like a buffer.
    unsaved = {f"model.{name}" for name in getattr(model, "_keys_to_ignore_on_save", None) or ()}
    parameters = {name for name, parameter in named.named_parameters(remove_duplicate=False) if parameter.requires_grad} - unsaved
    return Exported(proto, values, parameters, sorted(dynamic))


def exported(case: Case, named: Named, arrays: dict[str, np.ndarray], shapes: dict | None):
    return torch.onnx.export(
        named,
        args=(),
        kwargs=live.tensors(arrays),
        input_names=sorted(case.inputs),
        output_names=sorted(case.outputs),
        opset_version=OPSET,
        dynamo=True,
        custom_translation_table=translations.TABLE,
        optimize=False,
        dynamic_shapes=shapes,
        verbose=False,
    )


#: What helps where tracing stopped: what its error says, and the help by name; the first that is not yet given.
HELPS = (
    (r"data-dependent|DataDependent", "known numbers"),
    (r"data-dependent|DataDependent", "real tensors"),
    (r"complex-valued", "real unsqueeze"),
    (r"compatible OpOverload for aten.sub", "cast whole numbers"),
    (r"aten._cdist_forward", "open distances"),
    (r"broadcast|is invalid for input of size|must match the size of tensor", "no empty masks"),
)


def helped(named: Named, attempt: Callable[[], Any]) -> Any:
    """Exports as transformers is, then with one help after the other, as the errors ask for them; the first error counts.

    Whatever helps, the graph is proven against PyTorch at both sizes.
    """
    first, given = None, []
    while True:
        try:
            with swaps.traceable(named.model), contextlib.ExitStack() as stack:
                for help_ in given:
                    give(named, help_, stack)
                return attempt()
        except Exception as error:  # noqa: BLE001 - the exporter raises what it likes
            first = first or error
            told = told_by(error)
            fitting = [help_ for pattern, help_ in HELPS if help_ not in given and re.search(pattern, told)]
            if "known numbers" in fitting and not constants.whole_numbers(named.model):
                fitting.remove("known numbers")
            if not fitting or forked.is_out_of_memory(error):
                raise first
            given.append(fitting[0])
        finally:
            named.modes = []


def give(named: Named, help_: str, stack: contextlib.ExitStack) -> None:
    if help_ == "known numbers":
        known = stack.enter_context(constants.held_apart(named.model))
        named.modes.append(lambda: constants.folded({}, known))
    elif help_ == "real tensors":
        # Where Python asks what a tensor holds, it goes the way that the recorded inputs go.
        stack.enter_context(torch._functorch.config.patch(fake_tensor_propagate_real_tensors=True))
    elif help_ == "real unsqueeze":
        named.modes.append(tracing.RealUnsqueeze)
    elif help_ == "cast whole numbers":
        named.modes.append(tracing.FloatFromInteger)
    elif help_ == "open distances":
        named.modes.append(tracing.OpenDistances)
    else:
        stack.enter_context(tracing.without_empty_masks())


def told_by(error: BaseException | None) -> str:
    """All that an error and those behind it say."""
    said = []
    while error is not None:
        said.append(f"{type(error).__name__}: {error}")
        error = error.__cause__ or error.__context__
    return "\n".join(said)


@contextlib.contextmanager
def quiet():
    """The exporter reports its progress on stdout; failures come as exceptions."""
    with contextlib.redirect_stdout(io.StringIO()), contextlib.redirect_stderr(io.StringIO()):
        level = logging.root.manager.disable
        logging.disable(logging.ERROR)
        try:
            yield
        finally:
            logging.disable(level)


def reason(error: BaseException) -> str:
    """The first telling line of an exporter's error."""
    root = error
    while root.__cause__ is not None:
        root = root.__cause__
    lines = [line.strip() for line in str(root).splitlines() if line.strip()]
    # Line numbers, symbols and addresses would make two recordings differ.
    first = re.sub(r"0x[0-9a-f]+", "…", lines[0]) if lines else type(root).__name__
    return f"{type(root).__name__}: {first}"[:200]
