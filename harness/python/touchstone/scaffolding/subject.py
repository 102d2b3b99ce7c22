"""What transformers says about a model type: its classes, its forward signature, its checkpoint."""

import inspect
import re
from dataclasses import dataclass, replace
from functools import cached_property

import transformers

from touchstone import catalogue

#: Tasks whose class generates text from whatever goes in: the whole model with its head, as users run it.
GENERATING = ("multimodal-lm", "image-text-to-text", "causal-lm", "seq-to-seq-causal-lm")
TRANSLATING, LISTENING = ("seq-to-seq-causal-lm",), ("speech-seq-2-seq",)
#: Tasks of image models whose body alone says little; those that also classify have a body of their own.
SEEING = ("depth-estimation", "image-to-image", "text-recognition", "object-detection")
ARGUMENT = re.compile(r"^\s+(\w+) \(`([^`]*)`(?: of shape [`'\"]?\(([^)]*)\)[`'\"]?)?", re.MULTILINE)
HUB = re.compile(r"\[([\w.-]+/[\w.-]+)\]\(https://huggingface\.co/")
HUB_LINK = re.compile(r"https://huggingface\.co/([\w.-]+/[\w.-]+)")


class Unknown(Exception):
    """A name that is no model type, or one that cannot be scaffolded."""


@dataclass(frozen=True)
class Argument:
    """One argument of `forward` as its documentation describes it."""

    name: str
    required: bool
    dtype: str
    #: The axes in the documentation's words; none where it does not say.
    shape: tuple[str, ...]


@dataclass(frozen=True)
class Subject:
    """A model type and the class that stands for it."""

    family: str
    config_class: type
    model_class: type
    modalities: tuple[str, ...]
    tasks: dict[str, str]

    @cached_property
    def arguments(self) -> dict[str, Argument]:
        """The arguments of `forward`, in its order."""
        documented = {name: (dtype, shape) for name, dtype, shape in ARGUMENT.findall(self.model_class.forward.__doc__ or "")}
        found = {}
        for name, parameter in inspect.signature(self.model_class.forward).parameters.items():
            if name == "self" or parameter.kind in (parameter.VAR_KEYWORD, parameter.VAR_POSITIONAL):
                continue
            dtype, shape = documented.get(name, ("", ""))
            axes = tuple(word.strip().strip("`") for word in shape.split(",") if word.strip())
            found[name] = Argument(name, parameter.default is parameter.empty, dtype, axes)
        return found

    @property
    def checkpoints(self) -> list[str]:
        """The checkpoint that the config's documentation names."""
        text = self.config_class.__doc__ or ""
        found = [name for pattern in (HUB, HUB_LINK) for name in pattern.findall(text) if name.split("/")[0] not in ("papers", "docs", "models", "datasets", "spaces")]
        return found[:1]

    @property
    def title(self) -> str:
        """The class's name without what its role adds."""
        name = re.sub(r"Config$", "", self.config_class.__name__)
        return name or self.family


def subjects(family: str) -> list[Subject]:
    """What is to be scaffolded, then the same with other classes: some base models answer nothing by themselves."""
    first = subject(family)
    bodies = catalogue.names_in(catalogue.MODEL_MAPPING_NAMES.get(family, ()))
    others = [found for name in [*bodies, *first.tasks.values()] if (found := catalogue.class_named(name)) is not None]
    apart = [found for found in dict.fromkeys(others) if found is not first.model_class and found.config_class is first.config_class]
    return [first, *(replace(first, model_class=found) for found in apart[:2])]


def subject(family: str) -> Subject:
    """What is to be scaffolded, with the class that stands for it."""
    if family not in catalogue.CONFIG_MAPPING_NAMES:
        raise Unknown(f"transformers {transformers.__version__} has no model type `{family}`")
    tasks = catalogue.tasks_of(family)
    base = list(catalogue.names_in(catalogue.MODEL_MAPPING_NAMES.get(family, ())))
    names = [*base, *tasks.values()]
    classes = {name: found for name in names if (found := catalogue.class_named(name)) is not None}
    if not classes:
        raise Unknown(f"none of its classes can be imported: {', '.join(names) or 'it has none'}")
    modalities = tuple(catalogue.modalities(list(classes)))
    own = {name: found for name, found in classes.items() if found.config_class is catalogue.CONFIG_MAPPING[family]}
    # A class that takes a part of the config stands for the part.
    classes = own or classes
    run = as_run(modalities, tasks, classes, catalogue.CONFIG_MAPPING[family])
    if run is not None:
        return Subject(family, catalogue.CONFIG_MAPPING[family], run, modalities, tasks)
    chosen = next((classes[tasks[task]] for task in GENERATING if task in tasks and tasks[task] in classes), None)
    translates = chosen is not None and "decoder_input_ids" in inspect.signature(chosen.forward).parameters
    if chosen is None or translates or not generates(modalities, tasks):
        chosen = next(iter(classes.values()))
    return Subject(family, catalogue.CONFIG_MAPPING[family], chosen, modalities, tasks)


def as_run(modalities: tuple[str, ...], tasks: dict[str, str], classes: dict[str, type], config_class: type) -> type | None:
    """The class with the head that people run, of types whose body or stray decoder is run by nobody."""
    if getattr(config_class, "is_encoder_decoder", False) is True:
        heads = [classes.get(tasks.get(task, "")) for task in (TRANSLATING if modalities == ("text",) else LISTENING)]
        return next((head for head in heads if head is not None and "decoder_input_ids" in inspect.signature(head.forward).parameters), None)
    if modalities == ("image",) and "image-classification" not in tasks:
        return next((classes[tasks[task]] for task in SEEING if tasks.get(task) in classes), None)
    return None


def generates(modalities: tuple[str, ...], tasks: dict[str, str]) -> bool:
    """Whether the type is for writing text: a causal head, and none that fills masks."""
    if "text" not in modalities:
        return False
    return any(task in tasks for task in GENERATING) and "masked-lm" not in tasks
