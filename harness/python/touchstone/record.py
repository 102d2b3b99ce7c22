"""Records references from the emitted Python tests, each case in a process of its own.

    python -m touchstone.record --root . bert llama          records what is new
    python -m touchstone.record --root . --force bert        records again
    python -m touchstone.record --root . --check bert        records in memory and compares
"""

import argparse
import contextlib
import importlib
import json
import sys
import traceback
from collections.abc import Callable, Iterator
from functools import partial
from pathlib import Path

from touchstone import forked, live  # live first: it sets the number of threads before torch starts
from touchstone.case import Case
from touchstone.paths import references, workspace_root
from touchstone.recording import audit, emitted, manifest
from touchstone.recording.one import RECORDER, record
from touchstone.recording.refusal import Refused

GOOD = ("recorded", "unchanged")
SECONDS = 300.0
GIGABYTES = 8.0
#: What every export imports: once here instead of once a case.
WARM = ("networkx", "onnxscript.function_libs.torch_lib.ops", "onnxscript.rewriter", "sympy.combinatorics", "torch._dynamo", "torch.onnx._internal.exporter._core")


def main(arguments: list[str] | None = None) -> int:
    options = parse(arguments)
    try:
        cases = emitted.cases(options.tests or options.root / "generated" / "python", options.families)
    except emitted.Unknown as error:
        print(f"error: {error}", file=sys.stderr)
        return 2
    good = True
    for case, state, detail, seconds in everything(cases, options):
        report(case, state, detail, seconds, options.json)
        good &= state in GOOD
    return 0 if good else 1


def parse(arguments: list[str] | None) -> argparse.Namespace:
    parser = argparse.ArgumentParser(prog="touchstone.record", description="Records PyTorch's numbers for families.")
    parser.add_argument("families", nargs="*", metavar="FAMILY", help="families, or cases such as bert.relu; all if none is named")
    parser.add_argument("--root", type=Path, default=workspace_root(), help="the workspace")
    parser.add_argument("--tests", type=Path, help="the emitted Python tests [ROOT/generated/python]")
    parser.add_argument("--check", action="store_true", help="record in memory and compare with what is stored")
    parser.add_argument("--force", action="store_true", help="record even what is unchanged")
    parser.add_argument("--json", action="store_true", help="one JSON object a case")
    parser.add_argument("--debug", action="store_true", help="print tracebacks of failures")
    parser.add_argument("--jobs", type=positive, default=1, metavar="N", help="cases at once [%(default)s]")
    parser.add_argument("--seconds", type=float, default=SECONDS, help="how much processor time one case may take [%(default)s]")
    parser.add_argument("--gigabytes", type=float, default=GIGABYTES, help="how much memory one case may take [%(default)s]")
    return parser.parse_args(arguments)


def positive(text: str) -> int:
    number = int(text)
    if number < 1:
        raise argparse.ArgumentTypeError(f"{number} (valid: at least 1)")
    return number


def everything(cases: list[Case], options: argparse.Namespace) -> Iterator[tuple[Case, str, str, float]]:
    """What became of each case, in the order in which they end."""
    todo = []
    for case in cases:
        if not options.check and not options.force and is_unchanged(case, folder_of(case, options)):
            yield case, "unchanged", "", 0.0
        else:
            todo.append(case)
    if todo:
        warm_up(todo)
    limits = forked.Limits(options.seconds, options.gigabytes)
    for case, answer, seconds in forked.each(partial(attempt, options=options), todo, options.jobs, limits):
        yield case, *settle(case, answer, options), seconds


def folder_of(case: Case, options: argparse.Namespace) -> Path:
    return references(options.root) / case.name


def warm_up(cases: list[Case]) -> None:
    """Imports before the first fork what would be imported after each; what cannot be fails there, in its own case."""
    for name in WARM:
        with contextlib.suppress(Exception):
            importlib.import_module(name)
    for model in sorted({case.model for case in cases}):
        with contextlib.suppress(Exception):
            getattr(live.transformers, model)


def attempt(case: Case, options: argparse.Namespace) -> tuple[str, str, dict[str, bytes]]:
    """One case, in a fork: its state, what to tell, and the files to put in place."""
    try:
        if options.check:
            return *audit.check(case, folder_of(case, options)), {}
        recorded = record(case)
        size = sum(map(len, recorded.files.values())) / 1024
        return "recorded", "; ".join([f"{size:.1f} KiB", *recorded.notes]), recorded.files
    except Refused as error:
        return "refused", str(error), {}
    except BaseException:
        if options.debug:
            traceback.print_exc()
        raise


def settle(case: Case, answer: Callable[[], tuple], options: argparse.Namespace) -> tuple[str, str]:
    """Whatever went wrong stays with its case; here alone is anything written."""
    try:
        state, detail, files = answer()
        if files:
            manifest.replace_folder(folder_of(case, options), files)
    except forked.Stopped as stopped:
        return "failed", str(stopped)
    except OSError as error:
        return "failed", f"{type(error).__name__}: {error}"
    return state, detail


def is_unchanged(case: Case, folder: Path) -> bool:
    """Whether the stored reference was made from the same facts by this recorder."""
    try:
        stored = json.loads((folder / "manifest.json").read_bytes())
        return stored["recorded_from"] == case.recorded_from and stored["provenance"]["recorder"] == RECORDER
    except (OSError, ValueError, KeyError, TypeError):
        return False


def report(case: Case, state: str, detail: str, seconds: float, as_json: bool) -> None:
    if as_json:
        line = json.dumps({"case": case.name, "state": state, "detail": detail, "seconds": round(seconds, 3)})
    else:
        line = f"{case.name:32} {state:9} {seconds:6.1f} s  {detail}".rstrip()
    print(line, flush=True)


if __name__ == "__main__":
    sys.exit(main())
