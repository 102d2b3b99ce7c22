"""Records references from the emitted Python tests.

    python -m touchstone.record --root . bert llama          records what is new
    python -m touchstone.record --root . --force bert        records again
    python -m touchstone.record --root . --check bert        records in memory and compares
"""

import argparse
import json
import sys
import time
import traceback
from pathlib import Path

from touchstone import live  # noqa: F401 - first: it sets the number of threads before torch starts
from touchstone.case import Case
from touchstone.paths import references, workspace_root
from touchstone.recording import audit, emitted, manifest
from touchstone.recording.one import RECORDER, record
from touchstone.recording.refusal import Refused

GOOD = ("recorded", "unchanged")


def main(arguments: list[str] | None = None) -> int:
    options = parse(arguments)
    try:
        cases = emitted.cases(options.tests or options.root / "generated" / "python", options.families)
    except emitted.Unknown as error:
        print(f"error: {error}", file=sys.stderr)
        return 2
    good = True
    for case in cases:
        started = time.monotonic()
        state, detail = attempt(case, options)
        report(case, state, detail, time.monotonic() - started, options.json)
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
    return parser.parse_args(arguments)


def attempt(case: Case, options: argparse.Namespace) -> tuple[str, str]:
    """One case; whatever goes wrong stays with it."""
    folder = references(options.root) / case.name
    try:
        if options.check:
            return audit.check(case, folder)
        if not options.force and is_unchanged(case, folder):
            return "unchanged", ""
        recorded = record(case)
        manifest.replace_folder(folder, recorded.files)
        size = sum(map(len, recorded.files.values())) / 1024
        return "recorded", "; ".join([f"{size:.1f} KiB", *recorded.notes])
    except Refused as error:
        return "refused", str(error)
    except Exception as error:  # noqa: BLE001 - one case's failure never stops the others
        if options.debug:
            traceback.print_exc()
        first = str(error).strip().splitlines()
        return "failed", f"{type(error).__name__}: {first[0] if first else ''}"


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
