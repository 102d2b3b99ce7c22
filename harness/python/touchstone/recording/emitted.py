"""Finds the cases of emitted Python tests."""

import difflib
import importlib.util
from pathlib import Path
from types import ModuleType

from touchstone.case import Case


class Unknown(Exception):
    """A family that no emitted test is for."""


def cases(folder: Path, families: list[str]) -> list[Case]:
    """The cases of the families or cases named, all if none is; in the order of the files."""
    files = {file.stem.removeprefix("test_"): file for file in sorted(folder.glob("*/test_*.py"))}
    by_module = {stem: load(file).CASES for stem, file in files.items() if wanted(stem, families)}
    found = [case for module in by_module.values() for case in module]
    names = {case.family for case in found} | {case.name for case in found}
    for family in families:
        if family not in names:
            refuse(family, folder, files, names)
    return [case for case in found if not families or case.family in families or case.name in families]


def one(folder: Path, name: str) -> Case:
    """The case of that name: `bert` is the family's own and not its variants."""
    return next(case for case in cases(folder, [name]) if case.name == name)


def wanted(stem: str, families: list[str]) -> bool:
    return not families or stem in {family.split(".")[0].replace("-", "_") for family in families}


def refuse(family: str, folder: Path, files: dict, names: set[str]) -> None:
    near = difflib.get_close_matches(family, sorted({*files, *names}), n=3)
    hint = f" (near: {', '.join(near)})" if near else ""
    raise Unknown(f"no emitted test states `{family}` in {folder}{hint} [cargo xtask regen]")


def load(file: Path) -> ModuleType:
    spec = importlib.util.spec_from_file_location(f"emitted_{file.stem}", file)
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return module
