"""Chooses for every saved tensor the scale and mean of its name-derived values, from what transformers' own
initialisation left."""

import copy
import tempfile
from dataclasses import dataclass, replace
from math import prod, sqrt
from pathlib import Path

import numpy as np
import torch
from safetensors import safe_open
from safetensors.torch import save_file

from touchstone import weights
from touchstone.case import Case
from touchstone.recording.refusal import Refused

#: Standard deviation of a uniform distribution over [-1, 1), inverted.
SQRT3 = sqrt(3.0)
#: Embeddings: small enough that a norm's epsilon shows, large enough that tied logits do.
EMBEDDING_STD = 0.2
#: Biases and other vectors that start at zero.
VECTOR_SCALE = 0.2
#: Norm weights and other vectors that start at one.
AROUND_ONE = 0.25
#: What each normalisation by running statistics amplifies by, if the plain fill lets the signal die away: in a deep stack
#: every activation takes some of it, and statistics around one give nothing back.
GAINS = (1.0, 2.0, 4.0, 6.0, 8.0)
#: The size of a matrix whose direction is another tensor, as weight normalisation saves them.
NORMS = ("parametrizations.weight.original0", "weight_g")
#: Chances by which a model draws whether to mask, as Eomt's do below one: what it starts with, one, draws nothing.
CHANCES = ("attn_mask_probs",)
#: Constants below this (layer scales of 1e-6) would hide the block behind them.
HIDING = 0.05

#: `table`: a buffer or frozen parameter that was computed; `parameter`: one that belongs to no known kind of layer.
KINDS = ("vector", "embedding", "conv", "transposed-conv", "matrix", "parameter", "table")
DTYPES = {torch.float32: "f32", torch.float64: "f64", torch.float16: "f16", torch.bfloat16: "bf16"}
STORED = {"int64": "i64", "int32": "i32", "bool": "bool", "uint8": "u8"}
TORCH = {name: dtype for dtype, name in DTYPES.items()}


@dataclass(frozen=True)
class Weight:
    """One saved tensor: derived from its name, or kept as it is."""

    name: str
    shape: tuple[int, ...]
    dtype: str
    scale: float | None
    mean: float | None
    #: The values of a tensor that is kept: integers, computed tables.
    stored: np.ndarray | None = None

    def tensor(self, salt: str = "") -> torch.Tensor:
        """Its values; `salt` draws others, of the same scale and mean."""
        if self.stored is not None:
            return torch.from_numpy(self.stored.copy())
        # Every number here is exact in float32, so torch's cast rounds as the harness does.
        values = weights.fill(f"{self.name}{salt}", self.shape, self.scale, self.mean)
        return torch.from_numpy(values).to(TORCH[self.dtype])

    def entry(self) -> list:
        """As the manifest lists it."""
        dtype = self.dtype if self.stored is None else STORED.get(str(self.stored.dtype), self.dtype)
        return [self.name, list(self.shape), dtype, self.scale, self.mean]


def saved(model: torch.nn.Module, folder: Path) -> dict[str, torch.Tensor]:
    """What `save_pretrained` writes, which is what users have: `state_dict` differs."""
    model.save_pretrained(folder)
    return read(folder)


def read(folder: Path) -> dict[str, torch.Tensor]:
    found = {}
    for file in sorted(folder.glob("*.safetensors")):
        with safe_open(file, framework="pt") as tensors:
            found |= {name: tensors.get_tensor(name) for name in tensors.keys()}
    if not found:
        raise Refused("save_pretrained wrote no safetensors")
    return found


def choose_all(case: Case, model: torch.nn.Module, first: dict, second: dict) -> list[Weight]:
    """The fill of every tensor, sorted by name; `second` is what another seed left."""
    if sorted(first) != sorted(second):
        raise Refused("two seeds save different tensors")
    kinds = kinds_of(model)
    return [choose(name, first[name], second[name], kinds[name]) for name in sorted(first)]


def kinds_of(model: torch.nn.Module) -> dict[str, str]:
    """What each saved tensor is.

    Saved names and shapes may differ from the model's own, so a copy of the model is saved whose every element is the
    number of its kind.
    """
    marked = copy.deepcopy(model)
    with torch.no_grad():
        for module in marked.modules():
            own = [(p, p.requires_grad) for p in module.parameters(recurse=False)]
            own += [(b, False) for b in module.buffers(recurse=False)]
            codes = [KINDS.index(kind(module, tensor, learned)) for tensor, learned in own]
            for (tensor, _), code in zip(own, codes, strict=True):
                if tensor.is_floating_point():
                    tensor.data = torch.full_like(tensor, float(code))
    with tempfile.TemporaryDirectory() as folder:
        found = saved(marked, Path(folder))
    return {name: kind_at(tensor) for name, tensor in found.items()}


def kind_at(tensor: torch.Tensor) -> str:
    if not tensor.is_floating_point() or tensor.numel() == 0:
        return "table"
    return KINDS[int(tensor.flatten()[0])] if constant(tensor) else "matrix"


def kind(module: torch.nn.Module, tensor: torch.Tensor, learned: bool) -> str:
    name = type(module).__name__
    if not learned and not isinstance(module, torch.nn.modules.batchnorm._BatchNorm):
        # Running statistics, frozen norms and codebooks wait as constants to be filled; the rest was computed.
        if not constant(tensor) or tensor.dim() != 1 and tensor.numel() == 1:
            return "table"
        return "vector" if tensor.dim() == 1 else "embedding"
    if tensor.dim() < 2:
        return "vector"
    if isinstance(module, torch.nn.Embedding) or tensor.shape[0] == 1:
        return "embedding"
    if isinstance(module, torch.nn.modules.conv._ConvNd):
        return "transposed-conv" if module.transposed else "conv"
    return "matrix" if hasattr(module, "bias") or "Linear" in name or "Conv" in name else "parameter"


def constant(tensor: torch.Tensor) -> bool:
    return tensor.numel() > 0 and bool((tensor == tensor.flatten()[0]).all())


def choose(name: str, tensor: torch.Tensor, other: torch.Tensor, kind: str) -> Weight:
    """The fill of one tensor."""
    shape = tuple(tensor.shape)
    if tensor.dtype not in DTYPES:
        return Weight(name, shape, "i64", None, None, tensor.numpy())
    dtype = DTYPES[tensor.dtype]
    if name.endswith(CHANCES):
        kind = "table"
    if kind == "table" and not torch.equal(tensor, other):
        # Frozen, but drawn: the convolutions of a backbone that is not trained.
        kind = "conv"
    if kind == "table":
        return Weight(name, shape, dtype, None, None, tensor.to(torch.float32).numpy())
    if not torch.isfinite(tensor).all():
        raise Refused(f"weight `{name}` is not finite after initialisation")
    scale, mean = spread(tensor.double(), torch.equal(tensor, other), kind)
    return Weight(name, shape, dtype, short(scale), short(mean))


def spread(tensor: torch.Tensor, computed: bool, kind: str) -> tuple[float, float]:
    """Scale and mean."""
    if constant(tensor):
        return around(float(tensor.flatten()[0]), kind, tensor.shape)
    low, high = float(tensor.min()), float(tensor.max())
    # Learned, but started from a formula (a range of decays); or of one sign, which a logarithm may need.
    if computed or low > 0 or high < 0:
        return 0.5 * (high - low), 0.5 * (high + low)
    return SQRT3 * deviation(kind, tensor.shape, float(tensor.std())), 0.0


def around(value: float, kind: str, shape: torch.Size) -> tuple[float, float]:
    """Values around the constant that a tensor starts at."""
    if value == 0.0:
        return (VECTOR_SCALE, 0.0) if kind == "vector" else (SQRT3 * deviation(kind, shape, 0.0), 0.0)
    if value == 1.0:
        return AROUND_ONE, 1.0
    if abs(value) < HIDING:
        return 0.15, 0.3 if value > 0 else -0.3
    return 0.1 * abs(value), value


def deviation(kind: str, shape: torch.Size, initial: float) -> float:
    """The standard deviation that keeps a signal's size from layer to layer."""
    if kind in ("vector", "embedding") or len(shape) < 2:
        return max(initial, EMBEDDING_STD)
    return max(initial, 1.0 / sqrt(fan_in(kind, shape)))


def fan_in(kind: str, shape: torch.Size) -> float:
    if kind == "conv" or len(shape) <= 2:
        return prod(shape[1:])
    if kind == "transposed-conv":
        return shape[0] * prod(shape[2:]) / 2
    # Stacked matrices (experts), whichever way they lie.
    return sqrt(shape[-1] * shape[-2])


def short(value: float) -> float:
    """Three significant digits: JSON stays short, and its float32 is the same everywhere."""
    return float(f"{value:.3g}")


def calmed(weight: Weight, gain: float) -> Weight:
    """A normalisation that amplifies, as those of real checkpoints do: statistics that fit small activations, norms that
    make up for what activations take."""
    if gain == 1 or weight.scale is None:
        return weight
    factor = 1.0
    if weight.name.endswith("running_var"):
        factor = 1 / gain**2
    elif weight.name.endswith(NORMS):
        # Uniform initialisation leaves a layer with a gain of one over the root of three.
        factor = SQRT3 * gain / 2
    return weight if factor == 1 else replace(weight, scale=short(weight.scale * factor), mean=short(weight.mean * factor))


def write(weights_: list[Weight], folder: Path, salt: str = "", salted: set[str] | None = None) -> None:
    """The checkpoint that every run loads; `salt` draws all of it anew, or those named."""
    for file in folder.glob("*.safetensors*"):
        file.unlink()
    save_file({w.name: w.tensor(salt if salted is None or w.name in salted else "").contiguous() for w in weights_}, folder / "model.safetensors", metadata={"format": "pt"})
