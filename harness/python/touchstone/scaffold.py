"""Proposes a family file for a model type of transformers: built, run and mended by rules.

    python -m touchstone.scaffold bert                       prints the file
    python -m touchstone.scaffold bert --write bert.yaml
    python -m touchstone.scaffold --all --folder families    every top-level type, each in a process of its own
"""

import argparse
import json
import sys
import time
from pathlib import Path

from touchstone import live  # noqa: F401 - first: it sets the number of threads before torch starts
from touchstone import catalogue, forked
from touchstone.scaffolding import page
from touchstone.scaffolding.proposal import propose

SECONDS = 90.0


def scaffold(family: str) -> dict:
    """The file of one type and where it goes."""
    draft, tried = propose(family)
    return {"family": family, "category": draft.category, "architecture": draft.architecture, "yaml": page.render(draft), "tried": tried}


def main(arguments: list[str] | None = None) -> int:
    options = parse(arguments)
    if options.folder:
        return everything(options)
    (family,) = options.families
    try:
        made = forked.call(scaffold, family, seconds=options.seconds)
    except forked.Stopped as error:
        print(f"error: {family}: {error}", file=sys.stderr)
        return 1
    if options.write:
        options.write.parent.mkdir(parents=True, exist_ok=True)
        options.write.write_text(made["yaml"], encoding="utf-8", newline="\n")
    else:
        print(made["yaml"], end="")
    return 0


def everything(options: argparse.Namespace) -> int:
    """Each type in its own process; a line of JSON each, and its file below `folder/<category>`."""
    types = options.families or [name for name, about in catalogue.catalogue()["types"].items() if about["standing"] == "top-level"]
    good = True
    for family in types:
        started = time.monotonic()
        try:
            made = forked.call(scaffold, family, seconds=options.seconds)
            for stale in options.folder.glob(f"*/{family}.yaml"):
                stale.unlink()
            file = options.folder / made["category"] / f"{family}.yaml"
            file.parent.mkdir(parents=True, exist_ok=True)
            file.write_text(made.pop("yaml"), encoding="utf-8", newline="\n")
            line = {"state": "scaffolded", **made}
        except forked.Stopped as error:
            line, good = {"family": family, "state": "failed", "detail": str(error)}, False
        print(json.dumps(line | {"seconds": round(time.monotonic() - started, 1)}), flush=True)
    return 0 if good else 1


def parse(arguments: list[str] | None) -> argparse.Namespace:
    parser = argparse.ArgumentParser(prog="touchstone.scaffold", description="Proposes family files.")
    parser.add_argument("families", nargs="*", metavar="MODEL_TYPE", help="transformers' model type; several with --folder")
    parser.add_argument("--write", type=Path, metavar="FILE", help="write the file instead of printing it")
    parser.add_argument("--all", action="store_true", help="every top-level type")
    parser.add_argument("--folder", type=Path, help="where the files of several types go, by category")
    parser.add_argument("--seconds", type=float, default=SECONDS, help="how much processor time one type may take [%(default)s]")
    options = parser.parse_args(arguments)
    if options.folder is None and len(options.families) != 1:
        parser.error("name one model type, or a --folder for several")
    if options.folder is not None and options.all == bool(options.families):
        parser.error("name the model types, or --all")
    return options


if __name__ == "__main__":
    sys.exit(main())
