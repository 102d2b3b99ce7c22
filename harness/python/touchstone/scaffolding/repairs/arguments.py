"""Arguments of `forward` that a model turned out to need."""

import re

from touchstone.scaffolding import entrance
from touchstone.scaffolding.repairs.trouble import Trouble, frames


def named_argument(trouble: Trouble, match: re.Match) -> bool | None:
    """An argument that the error asks for."""
    for name in re.findall(r"[a-z][a-z_0-9]+", match[0]):
        if name in trouble.subject.arguments and name not in trouble.draft.inputs and (trouble.subject.arguments[name].required or not re.search(r"embeds$|past_key|outputs$", name)):
            return entrance.add(trouble.draft, trouble.subject, trouble.config, name)
    return False


def argument_at_fault(trouble: Trouble, match: re.Match) -> bool | None:
    """An argument that is None on the line that failed, or on one that led there."""
    for frame, line in reversed(frames(trouble.error)):
        names = [name for name in re.findall(r"[a-z][a-z_0-9]+", line) if name in trouble.subject.arguments and name not in trouble.draft.inputs]
        for name in names:
            if frame.get(name) is None and not entrance.NEVER.search(name) and entrance.add(trouble.draft, trouble.subject, trouble.config, name):
                return True
    return False


def noise(trouble: Trouble, match: re.Match) -> bool:
    """Noise that is handed in instead of drawn."""
    names = [name for name in trouble.subject.arguments if re.search(r"noise", name) and name not in trouble.draft.inputs]
    return any([entrance.add(trouble.draft, trouble.subject, trouble.config, name) for name in names])
