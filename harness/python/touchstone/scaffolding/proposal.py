"""From a model type to a draft that ran: proposes, tries, mends, and tries again."""

import traceback
from collections import Counter

from touchstone.scaffolding import answer, configs, entrance, guess, lints, names, repair, sizes
from touchstone.scaffolding.draft import Draft, merged
from touchstone.scaffolding.subject import Subject, subjects

#: How sizes are chosen, the most telling first.
STYLES = ("distinct", "alike", "scaled")
MOST_REPAIRS = 14
#: What another style of sizes does not change.
HOPELESS = ("ImportError", "NoAnswer: it returns", "NoAnswer: no tensor", "is missing the required", "missing 1 required positional")
#: What another class may do better.
SILENT = ("NoAnswer", "is missing the required", "inference_session")
#: Shorter than every sequence.
WINDOW = 4


class Failed(Exception):
    """No proposal ran; the message is the last error, the notes how it came to it."""


def propose(family: str) -> tuple[Draft, list[str]]:
    """A draft that was built and run, and what it took."""
    tried: list[str] = []
    for about in subjects(family):
        for style in STYLES:
            draft = settled(about, style, tried)
            if draft is not None:
                guess.guess(draft, about)
                after(draft, about, style, tried)
                return draft, tried
            if any(mark in tried[-1] for mark in HOPELESS):
                break
        if not any(mark in tried[-1] for mark in SILENT):
            break
    raise Failed("; ".join(line for style in STYLES for line in [line for line in tried if line.startswith(style)][-4:]))


def settled(about: Subject, style: str, tried: list[str]) -> Draft | None:
    """A draft in one style of sizes, mended until it runs or no rule helps any more."""
    draft = Draft(about.family, about.title, about.model_class.__name__, checkpoints=about.checkpoints)
    draft.config, draft.checkpoint = sizes.shrink(about.config_class(), style)
    config, strict = None, True
    mended: Counter[str] = Counter()
    for _ in range(MOST_REPAIRS):
        try:
            fresh = about.config_class(**merged(draft.checkpoint, draft.config))
            if config is None:
                entrance.propose(draft, about, fresh)
            config = fresh
            answer.settle(draft, strict)
            return draft
        except Exception as error:  # noqa: BLE001 - whatever transformers raises is what is to be mended
            trouble = repair.Trouble(draft, about, config or about.config_class(), error, f"{type(error).__name__}: {error}")
            rule = repair.mend(trouble, mended)
            if rule is None and strict and isinstance(error, answer.TooLarge):
                strict, rule = False, "as large as it is"
            tried.append(f"{style}: {answer.first_line(error)} @ {where(error)} -> {rule}")
            if rule is None:
                return None
            mended[rule] += 1
    return None


def where(error: BaseException) -> str:
    """The innermost line of transformers that the error came through."""
    frames = [frame for frame in traceback.extract_tb(error.__traceback__) if "transformers" in frame.filename]
    return f"{frames[-1].filename.rpartition('/')[2]}:{frames[-1].lineno}" if frames else "-"


def after(draft: Draft, about: Subject, style: str, tried: list[str]) -> None:
    """What the lints want besides: an epsilon that float32 can tell from zero, a window shorter than the sequence."""
    config = about.config_class(**merged(draft.checkpoint, draft.config))
    epsilons: dict = {}
    windows: dict = {}
    for part in configs.parts(config):
        for name, value in part.fields().items():
            if isinstance(value, float) and lints.is_epsilon(name):
                configs.place(epsilons, part.path, {name: value})
            if configs.is_int(value) and names.WINDOW.search(name) and value > WINDOW and not part.is_visual() and "sequence" in draft.sizes:
                configs.place(windows, part.path, {name: WINDOW})
    told = configs.without_empty(only(epsilons, lambda value: value >= 1e-5))
    if told:
        # The class's own default, said aloud for the lint.
        draft.checkpoint = merged(draft.checkpoint, told)
    elif epsilons:
        variant(draft, "epsilon", "normalisation epsilons that float32 can tell from zero", only(epsilons, lambda value: True, 1e-5))
    if windows:
        variant(draft, "window", "a window shorter than the sequence", windows)
    grouped = {}
    for part in configs.parts(config):
        fields = part.fields()
        for name, value in fields.items():
            if names.KEY_VALUE.search(name) and configs.is_int(value) and value > 1 and sizes.is_ungrouped(name, fields):
                configs.place(grouped, part.path, {name: sizes.KEY_VALUE_HEADS.get(value, 1)})
    if grouped:
        variant(draft, "grouped-heads", "fewer key-value heads than query heads", grouped)
    waive(draft, style, tried)


def only(tree: dict, wanted, value: float | None = None) -> dict:
    """A tree of fields without those that are not wanted, or with another value for those that are."""
    found = {}
    for name, item in tree.items():
        if isinstance(item, dict):
            below = only(item, wanted, value)
            if below:
                found[name] = below
        elif wanted(item):
            found[name] = item if value is None else value
    return found


def variant(draft: Draft, name: str, tries: str, config: dict) -> None:
    """A variant that runs; one that does not is not proposed."""
    draft.variants[name] = {"tries": tries, "config": config}
    try:
        case = draft.case(name)
        answer.ask(case, answer.built(case), case.recorded_sizes())
    except Exception:  # noqa: BLE001 - whatever stops it, it is no case
        del draft.variants[name]


def waive(draft: Draft, style: str, tried: list[str]) -> None:
    """Waives what the lints would find, with the reason that is known."""
    if any(len(lengths) == 1 for lengths in draft.sizes.values()):
        draft.waives.setdefault("dynamic-graph", "the config fixes the length of an axis")
        draft.guess("waives.dynamic-graph", "what PyTorch said at the second sizes")
    else:
        draft.waives.pop("dynamic-graph", None)
    base = merged(draft.checkpoint, draft.config)
    cases = [base] + [merged(base, varied.get("config", {})) for varied in draft.variants.values()]
    named = lints.no_sizes(draft.config)
    if named:
        draft.waives["sizes-only"] = f"{', '.join(dict.fromkeys(named))} {'are sizes' if len(set(named)) > 1 else 'is a size'}, whatever the name"
    equal = lints.equal_dimensions(base, draft.sizes)
    if equal:
        refused = next((line for line in reversed(tried) if line.startswith("distinct: ")), None)
        if style != "distinct" and refused:
            draft.waives["distinct-dimensions"] = f"with all dimensions distinct PyTorch says: {answer.plain(refused.removeprefix('distinct: ').partition(' @ ')[0])}"
        else:
            draft.waives["distinct-dimensions"] = f"equal are {', '.join(equal[:3])}"
            draft.guess("waives.distinct-dimensions", "could they differ?")
    if lints.all_heads_alike(cases):
        draft.waives["grouped-heads"] = "with fewer heads for keys and values than for queries the model does not run"
    if lints.no_window_shorter(cases, max((lengths[0] for axis, lengths in draft.sizes.items() if axis != "batch"), default=None)):
        draft.waives["window-shorter"] = "a variant with a window shorter than the sequence did not run"
        draft.guess("waives.window-shorter", "why not?")
    if lints.without_epsilon(draft.architecture, cases):
        draft.waives["epsilon-variant"] = "no field of the config gives a normalisation epsilon"

