"""What a model says after a prompt: the tokens that float64 picks greedily, one full pass a token and no cache."""

from dataclasses import dataclass

import numpy as np

from touchstone.case import Case
from touchstone.inputs import Lengths, Prompt, Tokens
from touchstone.metrics import root_mean_square
from touchstone.recording import truth
from touchstone.recording.manifest import rounded
from touchstone.recording.refusal import Refused

OUTPUT = "logits"
LARGEST_COUNT = 8
#: The distance between the best two logits, as a share of their size, that any faithful backend resolves.
SMALLEST_GAP = 1e-3
#: What configs call the number of positions that a decoder knows.
POSITIONS = ("max_target_positions", "max_position_embeddings", "n_positions", "n_ctx", "max_seq_len")


@dataclass(frozen=True)
class Plan:
    """Which input grows, and from where on."""

    along: str
    input: str
    prompt: int
    #: How many tokens the positions leave room for.
    count: int


def section(case: Case, models: truth.Models, arrays: dict[str, np.ndarray]) -> tuple[dict | None, str | None]:
    """The manifest's entry, or none: with the reason where one could be expected."""
    if case.decodes_along is None or case.outputs.get(OUTPUT) != ("batch", case.decodes_along, "vocab"):
        return None, None
    fixed = cannot_grow(case)
    if fixed:
        return None, fixed
    plan, tokens, gap = longest(case, models, arrays)
    return {
        "along": plan.along,
        "input": plan.input,
        "output": OUTPUT,
        "prompt": plan.prompt,
        "tokens": tokens.tolist(),
        "gap": rounded(gap),
    }, None


def growing(case: Case) -> list[str]:
    """The inputs that new tokens are appended to."""
    ids = (Tokens, Prompt)
    along = ("batch", case.decodes_along)
    return sorted(name for name, kind in case.inputs.items() if isinstance(kind, ids) and kind.axes == along)


def cannot_grow(case: Case) -> str | None:
    """Why no token can be appended: ids and masks grow by their own rule, anything else along the axis has none."""
    grows = growing(case)
    if len(grows) != 1:
        return f"{len(grows)} inputs of ids lie along `{case.decodes_along}`, and one must"
    for name, kind in sorted(case.inputs.items()):
        if case.decodes_along in kind.axes and not isinstance(kind, Lengths) and name not in grows:
            return f"input `{name}` lies along `{case.decodes_along}` and has no rule to grow by"
    return None


def longest(case: Case, models: truth.Models, arrays: dict[str, np.ndarray]) -> tuple[Plan, np.ndarray, float]:
    """The first prompt that goes on to the end, else the one that goes on furthest; refused if none goes on."""
    best, ended = None, ""
    for plan in plans(case, models, arrays):
        tokens, gap, why = decode(case, models, arrays, plan)
        ended = ended or why
        if best is None or tokens.shape[1] > best[1].shape[1]:
            best = plan, tokens, gap
        if why is None:
            break
    if not best[1].size:
        raise Refused(f"greedy: not one token after a prompt of {best[0].prompt}: {ended}")
    return best


def plans(case: Case, models: truth.Models, arrays: dict[str, np.ndarray]) -> list[Plan]:
    """Prompts from about half of the axis to the shortest row, past what stands for an image or a sound."""
    axis, name = case.decodes_along, growing(case)[0]
    size = case.recorded_sizes()[axis]
    shortest = min([size, *(int(arrays[other].sum(axis=1).min()) for other in masks(case))])
    kind = case.inputs[name]
    media_end = len(kind.start) + kind.media[1] if isinstance(kind, Prompt) and kind.media else 0
    first = max(min(shortest, -(-size // 2)), media_end + 1)
    if first > shortest:
        raise Refused(f"greedy: a prompt past the placeholders has {first} tokens, and the shortest row has {shortest}")
    room = positions(models)
    if first >= room:
        raise Refused(f"greedy: a prompt of {first} tokens fills all {room} positions of the config")
    return [Plan(axis, name, prompt, min(LARGEST_COUNT, room - prompt)) for prompt in range(first, min(shortest, room - 1) + 1)]


def masks(case: Case) -> list[str]:
    """The masks that grow with the tokens."""
    return sorted(name for name, kind in case.inputs.items() if isinstance(kind, Lengths) and kind.axis == case.decodes_along)


def positions(models: truth.Models) -> int:
    """The fewest positions that the decoder's config names; one that names none takes any number."""
    config = models.single.config.get_text_config(decoder=True)
    named = [getattr(config, name, None) for name in POSITIONS]
    return min((size for size in named if isinstance(size, int) and size > 0), default=2**31)


def decode(case: Case, models: truth.Models, arrays: dict[str, np.ndarray], plan: Plan) -> tuple[np.ndarray, float, str | None]:
    """The tokens of every row, the smallest gap on the way, and why they end before the first pick that is in doubt."""
    ids, smallest, ended = arrays[plan.input][:, : plan.prompt], np.inf, None
    for _ in range(plan.count):
        try:
            picked, gap = pick(case, models, grown(case, arrays, plan, ids))
        except Refused as refused:
            ended = str(refused)
            break
        if np.isin(picked, placeholders(case, plan)).any():
            ended = "a row goes on with a placeholder"
            break
        ids, smallest = np.concatenate([ids, picked[:, None]], axis=1), min(smallest, gap)
    return ids[:, plan.prompt :], smallest, ended


def grown(case: Case, arrays: dict[str, np.ndarray], plan: Plan, ids: np.ndarray) -> dict[str, np.ndarray]:
    """The recorded inputs around other ids."""
    full = {name: np.ones(ids.shape, dtype=arrays[name].dtype) for name in masks(case)}
    return arrays | full | {plan.input: ids}


def pick(case: Case, models: truth.Models, inputs: dict[str, np.ndarray]) -> tuple[np.ndarray, float]:
    """What each row goes on with; refused where float32 might go on otherwise."""
    double, single, _ = truth.run_proven(case, models, inputs)
    last, rounded_last = double[OUTPUT][:, -1], single[OUTPUT][:, -1]
    gap = min(gap_of(row) for row in last)
    if gap < SMALLEST_GAP:
        raise Refused(f"the best two logits are {gap:.1e} of their size apart (valid: at least {SMALLEST_GAP:.0e})")
    picked = last.argmax(axis=-1)
    if not np.array_equal(picked, rounded_last.argmax(axis=-1)):
        raise Refused("float32 and float64 pick different tokens")
    return picked, gap


def gap_of(row: np.ndarray) -> float:
    """How far the best logit is above the second, as a share of the row's size."""
    second, best = np.sort(row)[-2:]
    return float((best - second) / root_mean_square(row))


def placeholders(case: Case, plan: Plan) -> list[int]:
    """Ids that stand for features: one more than there are features is no text."""
    kind = case.inputs[plan.input]
    return [kind.media[0]] if isinstance(kind, Prompt) and kind.media else []
