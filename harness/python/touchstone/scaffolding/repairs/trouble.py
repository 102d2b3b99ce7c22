"""What went wrong with a draft, and where to look for the cause."""

import linecache
from dataclasses import dataclass

from transformers import PreTrainedConfig

from touchstone.scaffolding import configs
from touchstone.scaffolding.draft import Draft
from touchstone.scaffolding.subject import Subject


@dataclass
class Trouble:
    """A draft, what it is a draft of, and what was raised."""

    draft: Draft
    subject: Subject
    config: PreTrainedConfig
    error: BaseException
    text: str


def default_config(trouble: Trouble) -> PreTrainedConfig:
    return trouble.subject.config_class()


def default_part(trouble: Trouble, path: tuple[str, ...]):
    config = trouble.subject.config_class()
    for name in path:
        config = getattr(config, name, None)
    return config


def text_part(trouble: Trouble) -> configs.Part:
    """The part that reads tokens."""
    text = trouble.config.get_text_config()
    return next((part for part in configs.parts(trouble.config) if part.config is text), configs.parts(trouble.config)[0])


def frames(error: BaseException) -> list[tuple[dict, str]]:
    """The local names and the source line of each call that led to an error."""
    found = []
    at = error.__traceback__
    while at is not None:
        # A statement may go on over some lines.
        line = " ".join(linecache.getline(at.tb_frame.f_code.co_filename, at.tb_lineno + after) for after in range(3))
        found.append((at.tb_frame.f_locals, line))
        at = at.tb_next
    return found
