"""Exports a model to ONNX, with named inputs and outputs, dynamic where a second size says so."""

import contextlib
import inspect
import io
import logging
import os
import re
from dataclasses import dataclass

import numpy as np
import onnx
import torch

from touchstone import live
from touchstone.case import Case
from touchstone.recording import constants, translations

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
        names = sorted(case.inputs)
        call = live.call_of(case, model)

        def forward(**inputs):
            with constants.folded(call):
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
    with quiet(), without_checks(), batched_experts(model), torch.no_grad():
        try:
            program = exported(case, named, arrays, shapes if dynamic else None)
        except Exception as error:  # noqa: BLE001 - the exporter raises what it likes
            if not asks_for_data(error):
                raise
            # Where Python asks what a tensor holds, it goes the way that the recorded inputs go; the graph is proven
            # against PyTorch at both sizes as ever.
            with torch._functorch.config.patch(fake_tensor_propagate_real_tensors=True):
                program = exported(case, named, arrays, shapes if dynamic else None)
    proto = program.model_proto
    values = {tensor.name: onnx.numpy_helper.to_array(tensor) for tensor in proto.graph.initializer}
    parameters = {name for name, _ in named.named_parameters(remove_duplicate=False)}
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


def asks_for_data(error: BaseException | None) -> bool:
    """Whether tracing stopped where the code wants to know a value."""
    while error is not None:
        if "data-dependent" in str(error) or "DataDependent" in type(error).__name__:
            return True
        error = error.__cause__ or error.__context__
    return False


@contextlib.contextmanager
def batched_experts(model: torch.nn.Module):
    """Eager experts loop over those that were chosen, which cannot be exported; the batched form computes the same."""
    if not getattr(model, "_can_set_experts_implementation", lambda: False)():
        yield
        return
    before = model.get_experts_implementation()
    model.set_experts_implementation("batched_mm")
    try:
        yield
    finally:
        model.set_experts_implementation(before)


@contextlib.contextmanager
def without_checks():
    """transformers checks its own arguments with operators that ONNX lacks; the recorded runs have passed them."""
    variable = "TRANSFORMERS_DISABLE_TORCH_CHECK"
    before = os.environ.get(variable)
    os.environ[variable] = "1"
    try:
        yield
    finally:
        os.environ.pop(variable)
        if before is not None:
            os.environ[variable] = before


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
