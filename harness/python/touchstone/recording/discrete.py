"""Finds weights that no gradient leads from and that matter all the same: through a choice of codes, places or experts."""

from collections.abc import Callable

import torch
from torch.utils._python_dispatch import TorchDispatchMode
from torch.utils._pytree import tree_iter

#: How often the model may be run for it; what is not told apart by then counts as heard.
MOST_RUNS = 24

Parameters = list[tuple[torch.Tensor, torch.Tensor]]


class Read(TorchDispatchMode):
    """Remembers which tensors an operator was given: what none was given cannot matter."""

    def __init__(self) -> None:
        super().__init__()
        self.seen: set[int] = set()

    def __torch_dispatch__(self, func, types, args=(), kwargs=None):
        self.seen |= {id(leaf) for leaf in tree_iter((args, kwargs)) if isinstance(leaf, torch.Tensor)}
        return func(*args, **(kwargs or {}))


def heard(parameters: Parameters, moves: Callable[[], bool]) -> list[torch.Tensor]:
    """Those whose other values, each given beside it, move an output; found by halves."""
    found: list[torch.Tensor] = []
    groups, runs = [parameters] if parameters else [], 0
    while groups:
        group = groups.pop()
        runs += 1
        if runs <= MOST_RUNS and not with_others(group, moves):
            continue
        if len(group) == 1 or runs >= MOST_RUNS:
            found += [parameter for parameter, _ in group]
        else:
            half = len(group) // 2
            groups += [group[:half], group[half:]]
    return found


def with_others(group: Parameters, moves: Callable[[], bool]) -> bool:
    kept = [parameter.data for parameter, _ in group]
    for parameter, other in group:
        parameter.data = other
    try:
        return moves()
    finally:
        for (parameter, _), data in zip(group, kept, strict=True):
            parameter.data = data
