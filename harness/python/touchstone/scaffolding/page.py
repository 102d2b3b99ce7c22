"""Writes a draft as a family file, in the order and the style of those that are kept by hand."""

import re
from typing import Any

from touchstone import catalogue
from touchstone import inputs as kinds
from touchstone.scaffolding.draft import Draft

WIDEST = 110
PLAIN = re.compile(r"[A-Za-z_][\w./ ·+()=,'’;-]*")
RESERVED = {"true", "false", "null", "yes", "no", "on", "off", "~", "y", "n"}


def render(draft: Draft) -> str:
    """The whole file."""
    lines = ["# yaml-language-server: $schema=../../schema.json"]
    for key in ("family", "title", "category", "architecture", "modality"):
        lines.append(f"{key}: {scalar(getattr(draft, key))}{comment(draft, key)}")
    if draft.checkpoints:
        lines.append(f"checkpoints: {flow(draft.checkpoints)}")
    tokenizer = catalogue.tokenizer_of(draft.family)
    if tokenizer:
        lines.append(f"tokenizer: {tokenizer}")
    lines.append("transformers:")
    lines.append(f"  model: {scalar(draft.model)}")
    if draft.checkpoint:
        lines.append(f"  checkpoint:{comment(draft, 'checkpoint')}")
        lines += block(draft.checkpoint, 4)
    lines.append("  config:" if draft.config else "  config: {}")
    lines += block(draft.config, 4)
    if draft.call:
        lines.append("  call:")
        lines += block(draft.call, 4)
    lines.append("sizes:")
    lines += [f"  {axis}: {flow(list(draft.sizes[axis]))}" for axis in draft.sizes]
    lines.append("inputs:")
    lines += [f"  {name}: {flow(recipe(kind))}{comment(draft, f'inputs.{name}')}" for name, kind in draft.inputs.items()]
    lines.append("outputs:")
    lines += [f"  {name}: {flow(list(axes))}{comment(draft, f'outputs.{name}')}" for name, axes in draft.outputs.items()]
    if draft.variants:
        lines.append("variants:")
        for name, variant in sorted(draft.variants.items()):
            lines.append(f"  {name}:")
            lines += [line for key in ("tries", "model", "config", "outputs") if key in variant for line in entry(key, variant[key], 4)]
    if draft.waives:
        lines.append("waives:")
        lines += [f"  {rule}: {scalar(reason)}{comment(draft, f'waives.{rule}')}" for rule, reason in sorted(draft.waives.items())]
    return "\n".join(lines) + "\n"


def comment(draft: Draft, key: str) -> str:
    return f"  # guess: {draft.guesses[key]}" if key in draft.guesses else ""


def block(value: dict[str, Any], indent: int) -> list[str]:
    return [line for name, item in value.items() for line in entry(name, item, indent)]


def entry(name: str, item: Any, indent: int) -> list[str]:
    """One field: short objects and lists on their line, parts of a config always below."""
    at = " " * indent
    if isinstance(item, dict) and item and (name.endswith("_config") or indent + len(name) + len(flow(item)) > WIDEST):
        return [f"{at}{name}:", *block(item, indent + 2)]
    return [f"{at}{name}: {flow(item)}"]


def flow(value: Any) -> str:
    if isinstance(value, dict):
        return "{" + ", ".join(f"{scalar(key)}: {flow(item)}" for key, item in value.items()) + "}"
    if isinstance(value, (list, tuple)):
        return "[" + ", ".join(flow(item) for item in value) + "]"
    return scalar(value, within=True)


def scalar(value: Any, within: bool = False) -> str:
    """A value as YAML reads it back."""
    if value is None:
        return "null"
    if isinstance(value, bool):
        return "true" if value else "false"
    if isinstance(value, int):
        return str(value)
    if isinstance(value, float):
        return number(value)
    text = str(value)
    plain = PLAIN.fullmatch(text) and text.lower() not in RESERVED and ": " not in text and " #" not in text and text == text.strip()
    if plain and not (within and re.search(r"[,\[\]{}]", text)) and not text.endswith(":"):
        return text
    return '"' + text.replace("\\", "\\\\").replace('"', '\\"') + '"'


def number(value: float) -> str:
    """A float that stays one: `1e-05` would be text for some readers."""
    if value != value or value in (float("inf"), float("-inf")):
        return {"inf": ".inf", "-inf": "-.inf"}.get(str(value), ".nan")
    text = repr(value)
    mantissa, e, exponent = text.partition("e")
    if not e:
        return text
    return f"{mantissa if '.' in mantissa else mantissa + '.0'}e{int(exponent)}"


def recipe(kind: kinds.Input) -> dict[str, Any]:
    """An input in the registry's words."""
    match kind:
        case kinds.Tokens():
            return {"tokens": kind.axes}
        case kinds.Prompt():
            placed: dict[str, Any] = {"shape": kind.axes}
            placed |= {"start": kind.start} if kind.start else {}
            placed |= {"media": {"id": kind.media[0], "count": kind.media[1]}} if kind.media else {}
            placed |= {"end": kind.end} if kind.end else {}
            return {"prompt": placed}
        case kinds.Lengths():
            return {"lengths": {kind.axis: kind.of}}
        case kinds.Floats():
            return {"floats": kind.axes}
        case kinds.Integers():
            return {"integers": {"shape": kind.axes, "below": kind.below}}
        case kinds.Boxes():
            return {"boxes": {"shape": kind.axes, "below": kind.below}}
        case kinds.Constant():
            return {"constant": {"shape": kind.axes, "value": kind.value}}
        case kinds.Rows():
            return {"rows": kind.rows}
    raise TypeError(f"no recipe for {type(kind).__name__}")
