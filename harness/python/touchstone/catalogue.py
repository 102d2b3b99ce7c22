"""Lists the model types of the installed transformers, one a line, and says how two such lists differ.

    python -m touchstone.catalogue --write model-registry/catalogue.json
    python -m touchstone.catalogue --compare model-registry/catalogue.json      exits 1 if anything moved
"""

import os

os.environ.setdefault("TRANSFORMERS_VERBOSITY", "error")
os.environ.setdefault("HF_HUB_OFFLINE", "1")

import argparse
import hashlib
import json
import re
import sys
from collections.abc import Iterable, Iterator
from pathlib import Path
from typing import Any

import transformers
from transformers.models.auto import modeling_auto
from transformers.models.auto.configuration_auto import CONFIG_MAPPING, CONFIG_MAPPING_NAMES
from transformers.models.auto.modeling_auto import MODEL_MAPPING_NAMES
from transformers.models.auto.tokenization_auto import TOKENIZER_MAPPING_NAMES

FORMAT = 1
#: Standings, by the rule that decides them.
STANDINGS = {
    "top-level": "it has a base model, and its config is no part of another type's config",
    "part": "its config class stands in another type's `sub_configs`",
    "task-only": "no part of another, and without a base model: only task classes take its config",
}
TASK_TABLE = re.compile(r"MODEL_(FOR_|WITH_)?(?P<task>\w+)_MAPPING_NAMES")


def catalogue() -> dict[str, Any]:
    """Every model type, with what the auto classes know of it."""
    configs = {name: CONFIG_MAPPING[name] for name in sorted(CONFIG_MAPPING_NAMES)}
    owners = owners_of_parts(configs)
    return {
        "format": FORMAT,
        "transformers": transformers.__version__,
        "types": {name: entry(name, config, owners, configs) for name, config in configs.items()},
    }


def owners_of_parts(configs: dict[str, type]) -> dict[type, set[str]]:
    """Which types have a config class as a part of theirs; a part of any class (`AutoConfig`) says nothing."""
    owners: dict[type, set[str]] = {}
    for name, config in configs.items():
        for part in config.sub_configs.values():
            owners.setdefault(part, set()).add(name)
    return owners


def entry(name: str, config: type, owners: dict[type, set[str]], configs: dict[str, type]) -> dict[str, Any]:
    base = [*names_in(MODEL_MAPPING_NAMES.get(name, ()))]
    tasks = tasks_of(name)
    owned_by = sorted(owners.get(config, set()) - {name})
    found: dict[str, Any] = {
        "config": config.__name__,
        "standing": "part" if owned_by else "top-level" if base else "task-only",
        "module": module_of(config, [*base, *tasks.values()]),
        "modalities": modalities([*base, *tasks.values()]),
        "base": base[0] if base else None,
        "tasks": tasks,
        "defaults": digest(config),
    }
    tokenizer = tokenizer_of(name)
    if tokenizer:
        found["tokenizer"] = tokenizer
    if owned_by:
        found["part_of"] = owned_by
    if config.model_type != name and configs.get(config.model_type) is config:
        # Another name for the same code: a checkpoint of it says the other model_type.
        found["same_as"] = config.model_type
    return found


def tokenizer_of(name: str) -> str | None:
    """The class that reads a type's text; many types leave it to what a checkpoint says."""
    return next(names_in(TOKENIZER_MAPPING_NAMES.get(name) or ()), None)


def names_in(value: str | Iterable[str]) -> Iterator[str]:
    """A mapping names one class or several, the usual one first."""
    yield from [value] if isinstance(value, str) else value


def task_tables() -> dict[str, dict]:
    """Every auto class for a task, by the task's name: `masked-lm`."""
    tables = {}
    for constant, table in sorted(vars(modeling_auto).items()):
        match = TASK_TABLE.fullmatch(constant)
        if match:
            tables[match["task"].lower().replace("_", "-")] = table
    return tables


def tasks_of(name: str) -> dict[str, str]:
    return {task: next(names_in(table[name])) for task, table in task_tables().items() if name in table}


def class_named(name: str) -> type | None:
    """A class, unless it is not there: some need libraries that are not installed."""
    try:
        found = getattr(transformers, name, None)
        # In the place of what cannot be imported stands a dummy, which raises when it is asked for anything.
        found = found if hasattr(found, "main_input_name") else None
    except ImportError:
        return None
    return found


def module_of(config: type, classes: list[str]) -> str:
    """The file that defines the first of these classes that can be imported; else the config's."""
    found = next(filter(None, map(class_named, classes)), config)
    return found.__module__.removeprefix("transformers.").replace(".", "/") + ".py"


def modalities(classes: list[str]) -> list[str]:
    """What goes in, as the first class says; none if no class can be imported here."""
    for found in filter(None, map(class_named, classes)):
        said = getattr(found, "input_modalities", None)
        if said:
            return sorted(names_in(said))
    return []


def digest(config: type) -> str | None:
    """A digest of a config's fields and defaults: what moves here moves numbers. None where the defaults are no config."""
    try:
        fields = config().to_dict()
    except Exception:  # noqa: BLE001 - a config class checks its own fields as it likes
        return None
    fields.pop("transformers_version", None)
    text = json.dumps(fields, sort_keys=True, default=str)
    return hashlib.sha256(text.encode()).hexdigest()[:16]


def render(found: dict[str, Any]) -> str:
    """One type a line, so that a diff names what moved."""
    lines = [f"  {json.dumps(name)}: {json.dumps(entry)}" for name, entry in sorted(found["types"].items())]
    head = [f" {json.dumps(key)}: {json.dumps(value)}," for key, value in found.items() if key != "types"]
    return "\n".join(["{", *head, ' "types": {', ",\n".join(lines), " }", "}", ""])


def differences(old: dict[str, Any], new: dict[str, Any]) -> list[str]:
    """What was added, removed and changed, a line each."""
    before, after = old["types"], new["types"]
    added = [f"added: {name} ({after[name]['standing']}, {after[name]['config']})" for name in sorted(after.keys() - before.keys())]
    removed = [f"removed: {name} ({before[name]['standing']}, {before[name]['config']})" for name in sorted(before.keys() - after.keys())]
    changed = [f"changed: {name}: {'; '.join(changes(before[name], after[name]))}" for name in sorted(before.keys() & after.keys()) if before[name] != after[name]]
    return added + removed + changed


def changes(before: dict[str, Any], after: dict[str, Any]) -> list[str]:
    """What one type's entry lost and won; of a digest only that it moved."""
    found = []
    for key in sorted(before.keys() | after.keys()):
        old, new = before.get(key), after.get(key)
        if old == new:
            continue
        if key == "defaults":
            found.append("the config's fields or defaults")
        elif key == "tasks":
            found += [f"task {task} {(old or {}).get(task)} -> {(new or {}).get(task)}" for task in sorted({**(old or {}), **(new or {})}) if (old or {}).get(task) != (new or {}).get(task)]
        else:
            found.append(f"{key} {spelled(old)} -> {spelled(new)}")
    return found


def spelled(value: Any) -> str:
    return value if isinstance(value, str) else json.dumps(value)


def counts(found: dict[str, Any]) -> str:
    by_standing = {standing: sum(entry["standing"] == standing for entry in found["types"].values()) for standing in STANDINGS}
    listed = ", ".join(f"{count} {standing}" for standing, count in by_standing.items())
    return f"transformers {found['transformers']}: {len(found['types'])} model types: {listed}"


def main(arguments: list[str] | None = None) -> int:
    parser = argparse.ArgumentParser(prog="touchstone.catalogue", description="Lists transformers' model types.")
    what = parser.add_mutually_exclusive_group(required=True)
    what.add_argument("--write", type=Path, metavar="FILE", help="write the list")
    what.add_argument("--compare", type=Path, metavar="FILE", help="say what was added, removed and changed since FILE")
    options = parser.parse_args(arguments)
    if options.write:
        found = catalogue()
        options.write.write_text(render(found), encoding="utf-8", newline="\n")
        print(counts(found))
        return 0
    try:
        old = json.loads(options.compare.read_text(encoding="utf-8"))
        if old["format"] != FORMAT:
            raise ValueError(f"format {old['format']} (valid: {FORMAT})")
    except (OSError, ValueError, KeyError, TypeError) as error:
        print(f"error: {options.compare} is no catalogue: {error} [python -m touchstone.catalogue --write FILE]", file=sys.stderr)
        return 2
    found = catalogue()
    differing = differences(old, found)
    print("\n".join([*differing, f"{counts(found)}; {len(differing)} differ from {old['transformers']}"]))
    return 1 if differing else 0


if __name__ == "__main__":
    sys.exit(main())
