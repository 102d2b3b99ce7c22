"""transformers, live: a case's model with a checkpoint's weights, its inputs and its outputs."""

import os

# One thread: sums are added in one order, and two recordings give the same bytes.
os.environ.setdefault("OMP_NUM_THREADS", "1")
os.environ.setdefault("TRANSFORMERS_VERBOSITY", "error")
os.environ.setdefault("HF_HUB_OFFLINE", "1")
os.environ.setdefault("TOKENIZERS_PARALLELISM", "false")

import copy
import inspect
import re
import warnings
from contextlib import contextmanager
from pathlib import Path
from typing import Any
from unittest import mock

import numpy as np
import torch
import transformers

from touchstone.case import Case
from touchstone.inputs import Vocabulary

torch.set_num_threads(1)
transformers.logging.disable_progress_bar()
# Notices to users of transformers; what matters here is checked.
warnings.filterwarnings("ignore")

SPECIAL = re.compile(r"_token_(id|ids|index)$|^(image|video|audio)_token$")
#: What transformers takes beside a config's own fields.
ATTENTION = "attn_implementation"
#: What transformers writes into a config that says nothing about the model.
VOLATILE = ("transformers_version", "_name_or_path")


def model_class(case: Case) -> type:
    """transformers' class of that name."""
    found = getattr(transformers, case.model, None)
    if found is None:
        raise ValueError(f"transformers {transformers.__version__} has no class `{case.model}`")
    return found


def config_of(case: Case):
    """A fresh config, with attention and experts in their plain form."""
    given = copy.deepcopy({name: value for name, value in case.config.items() if name != ATTENTION})
    config = model_class(case).config_class(**given)
    config._attn_implementation = attention_of(case)
    return config


def attention_of(case: Case) -> str:
    """Plain, unless the case asks for another: a model whose plain form does not do what its users run."""
    return case.config.get(ATTENTION, "eager")


def initialised(case: Case, seed: int) -> torch.nn.Module:
    """A model as transformers initialises it."""
    torch.manual_seed(seed)
    np.random.seed(seed)
    with unwritten_arguments(case):
        model = model_class(case)._from_config(config_of(case), dtype=torch.float32, experts_implementation="eager")
    return model.eval()


def loaded(case: Case, folder: Path, dtype: torch.dtype) -> torch.nn.Module:
    """A model with the weights of a folder; anything missing, unexpected or of another shape is an error."""
    config = config_of(case)
    torch.manual_seed(0)
    with unwritten_arguments(case), tied_buffers():
        # A class of its own way takes no folder: TimmBackbone reads the name of one of timm's checkpoints (modeling_timm_backbone.py:98).
        model, info = transformers.PreTrainedModel.from_pretrained.__func__(
            model_class(case),
            folder,
            config=config,
            dtype=dtype,
            attn_implementation=attention_of(case),
            experts_implementation="eager",
            output_loading_info=True,
            local_files_only=True,
        )
    faults = {what: sorted(map(str, names)) for what, names in info.items() if names}
    if faults:
        raise ValueError(f"from_pretrained did not take the checkpoint as written: {faults}")
    without_cache(model)
    return model.eval()


@contextmanager
def unwritten_arguments(case: Case):
    """timm writes into the blocks that it builds from (_efficientnet_builder.py:371), and those are the config's own."""
    if "block_args" not in str(case.config):
        yield
        return
    from timm.models._efficientnet_builder import EfficientNetBuilder

    build = EfficientNetBuilder.__call__
    with mock.patch.object(EfficientNetBuilder, "__call__", lambda self, channels, blocks: build(self, channels, copy.deepcopy(blocks))):
        yield


@contextmanager
def tied_buffers():
    """A pattern of tied weights may name buffers, which transformers looks for among the parameters alone (modeling_utils.py:4956)."""
    parameter = torch.nn.Module.get_parameter

    def get(self, target):
        return self.get_buffer(target) if target in dict(self.named_buffers(remove_duplicate=False)) else parameter(self, target)

    with mock.patch.object(torch.nn.Module, "get_parameter", get):
        yield


def without_cache(model: torch.nn.Module) -> None:
    """Caches change no number of one forward pass and cannot be exported."""
    for module in model.modules():
        config = getattr(module, "config", None)
        if getattr(config, "use_cache", None):
            config.use_cache = False


def call_of(case: Case, model: torch.nn.Module) -> dict[str, Any]:
    """The constant arguments of `forward`."""
    known = inspect.signature(model.forward).parameters
    fixed = {"use_cache": False, "return_dict": True}
    return {name: value for name, value in fixed.items() if name in known} | {name: constant(value) for name, value in case.call.items()}


def constant(value: Any) -> Any:
    """`{tensor: [[1, 4, 6]]}` as a tensor; everything else as it is."""
    if isinstance(value, dict) and set(value) == {"tensor"}:
        return torch.tensor(value["tensor"])
    return value


def tensors(arrays: dict[str, np.ndarray], dtype: torch.dtype = torch.float32) -> dict[str, torch.Tensor]:
    """Inputs as torch takes them, floats in the precision of the run."""
    # numpy widens: a float32 tensor must not exist in the float64 run, not even for one operator.
    widened = np.float64 if dtype == torch.float64 else np.float32
    taken = {}
    for name, array in arrays.items():
        is_float = array.dtype == np.float32
        tensor = torch.from_numpy(np.array(array, dtype=widened if is_float else array.dtype))
        taken[name] = tensor.to(dtype) if is_float else tensor
    return taken


def outputs_of(case: Case, answer: Any) -> dict[str, torch.Tensor]:
    """The outputs that the case names."""
    if isinstance(answer, torch.Tensor) and len(case.outputs) == 1:
        # Some classes answer with one tensor and no name.
        return dict.fromkeys(case.outputs, answer)
    named = {}
    for name in sorted(case.outputs):
        value = output(answer, name)
        if not isinstance(value, torch.Tensor):
            raise ValueError(f"output `{name}` of {case.model} is {type(value).__name__} (tensors: {', '.join(tensors_below(answer))})")
        named[name] = value
    return named


def output(answer: Any, name: str) -> Any:
    """What an answer has under a name: a field, `field_2` of a field with several, `outer__inner` of one with fields."""
    value = answer.get(name) if isinstance(answer, dict) else getattr(answer, name, None)
    if value is not None:
        return value
    outer, apart, inner = name.partition("__")
    if apart and (found := output(answer, outer)) is not None:
        return output(found, inner)
    field, apart, place = name.rpartition("_")
    if apart and place.isdecimal():
        # An answer without any names is itself the field, whatever it is called.
        several = answer if isinstance(answer, (tuple, list)) and not hasattr(answer, "_fields") else output(answer, field)
        if isinstance(several, (tuple, list)) and int(place) < len(several):
            return several[int(place)]
    return None


def tensors_below(answer: Any, prefix: str = "") -> list[str]:
    """The names of all tensors of an answer, as a case would name them."""
    if hasattr(answer, "items"):
        items = [(f"{prefix}__{key}" if prefix else key, item) for key, item in answer.items()]
    elif isinstance(answer, (tuple, list)):
        items = [(f"{prefix or 'output'}_{place}", item) for place, item in enumerate(answer)]
    else:
        return []
    return [name for key, item in items for name in ([key] if isinstance(item, torch.Tensor) else tensors_below(item, key))]


def forward(case: Case, model: torch.nn.Module, arrays: dict[str, np.ndarray], dtype: torch.dtype = torch.float32):
    """One pass, as tensors by name."""
    return outputs_of(case, model(**tensors(arrays, dtype), **call_of(case, model)))


def run(case: Case, model: torch.nn.Module, arrays: dict[str, np.ndarray], dtype: torch.dtype = torch.float32):
    """One pass without gradients, as float64 arrays by name."""
    with torch.no_grad():
        return as_arrays(forward(case, model, arrays, dtype))


def as_arrays(outputs: dict[str, torch.Tensor]) -> dict[str, np.ndarray]:
    return {name: value.detach().to(torch.float64).numpy().copy() for name, value in outputs.items()}


def vocabulary_of(config) -> Any:
    """Which ids an input's tokens are drawn from: its own part of the config, never a special one."""
    special = frozenset(special_ids(config.to_dict()))

    def find(name: str) -> Vocabulary:
        below = vocabulary_size(config, name)
        if below is None:
            raise ValueError(f"input `{name}` takes tokens, and the config names no vocab_size")
        return Vocabulary(below, special)

    return find


def vocabulary_size(config, name: str) -> int | None:
    """`vocab_size` of the decoder's config for decoder inputs, else of the text config, else the smallest found."""
    text = config.get_text_config(decoder=True) if name.startswith("decoder_") else config
    for candidate in (text, getattr(config, "text_config", None), getattr(config, "encoder", None)):
        size = getattr(candidate, "vocab_size", None)
        if isinstance(size, int):
            return size
    return min(sizes_in(config.to_dict()), default=None)


def sizes_in(config: dict) -> list[int]:
    found = [value for key, value in config.items() if key == "vocab_size" and isinstance(value, int)]
    return found + [size for value in config.values() if isinstance(value, dict) for size in sizes_in(value)]


def special_ids(config: Any) -> set[int]:
    """Every id that the config gives a meaning, at any depth."""
    found: set[int] = set()
    for key, value in config.items():
        if isinstance(value, dict):
            found |= special_ids(value)
        elif SPECIAL.search(str(key)):
            found |= {i for i in (value if isinstance(value, list) else [value]) if isinstance(i, int) and not isinstance(i, bool)}
    return found


@contextmanager
def default_dtype(dtype: torch.dtype):
    """Tensors made without a dtype get this one."""
    before = torch.get_default_dtype()
    torch.set_default_dtype(dtype)
    try:
        yield
    finally:
        torch.set_default_dtype(before)
