"""Placeholders among the tokens: as many as there are features, and features as wide as the text."""

import re
from dataclasses import replace

from touchstone import inputs as kinds
from touchstone.scaffolding import configs, names
from touchstone.scaffolding.draft import Draft
from touchstone.scaffolding.repairs.trouble import Trouble


def media_count(trouble: Trouble, match: re.Match) -> bool | None:
    """As many placeholders as there are features."""
    draft = trouble.draft
    prompt = draft.inputs.get("input_ids")
    if not isinstance(prompt, kinds.Prompt) or prompt.media is None:
        return False
    rows = draft.sizes["batch"][0]
    tokens, features = int(match["tokens"]), int(match["features"])
    if not features or not tokens:
        return False
    if features == tokens:
        return width_of_text(trouble)
    # Whether rows, images or single numbers are counted, the share tells how many more are needed.
    count = round(prompt.media[1] * features / tokens)
    width = getattr(trouble.config.get_text_config(), "hidden_size", None)
    if width and count % width == 0:
        # Placeholders were counted one by one, and features number by number.
        count //= width
    if count == prompt.media[1] or count < 1 or count > 600:
        return False
    return placeholders(draft, prompt, count, rows)


def width_of_text(trouble: Trouble) -> bool:
    """As many features as placeholders, of another width: what leaves the other part is as wide as the text."""
    tree = configs.parts(trouble.config)
    wide = getattr(trouble.config.get_text_config(), "hidden_size", None)
    changed = False
    for part in tree:
        fields = part.fields()
        doubled = [name for name in fields if names.WIDTH.search(name)]
        if len(doubled) > 1 and "hidden_size" in doubled and fields["hidden_size"] != wide and part.is_visual():
            # Wide inside as one field says, and outside as the other.
            trouble.draft.set((*part.path, "hidden_size"), wide)
            changed = True
        for name, value in fields.items():
            if configs.is_int(value) and value != wide and re.search(r"^(out|output|proj|projection|text|llm|language)\w*(size|dim|width)$", name):
                trouble.draft.set((*part.path, name), wide)
                changed = True
    return changed


def placeholders(draft: Draft, prompt: kinds.Prompt, count: int, rows: int) -> None:
    draft.inputs["input_ids"] = replace(prompt, media=(prompt.media[0], count))
    longest = len(prompt.start) + count + 7
    shortest = len(prompt.start) + count + 4
    single = len(draft.sizes["sequence"]) == 1
    draft.resized("sequence", *((longest,) if single else (longest, shortest)))
    for name, kind in draft.inputs.items():
        if isinstance(kind, kinds.Lengths) and kind.axis == "sequence":
            draft.inputs[name] = replace(kind, of=tuple(longest if row % 2 == 0 else shortest - 1 for row in range(rows)))


def rows_alone(trouble: Trouble, match: re.Match) -> bool | None:
    """The token types of the placeholders, as the processor would write them: 1 for an image's."""
    draft = trouble.draft
    prompt = draft.inputs.get("input_ids")
    name = match[0] if match[0] in trouble.subject.arguments else "mm_token_type_ids"
    if not isinstance(prompt, kinds.Prompt) or prompt.media is None or name not in trouble.subject.arguments:
        return False
    draft.sizes["sequence"] = draft.sizes["sequence"][:1]
    length, start, count = draft.sizes["sequence"][0], len(prompt.start), prompt.media[1]
    row = [1 if start <= place < start + count else 0 for place in range(length)]
    draft.inputs[name] = kinds.rows([row, row])
    return None
