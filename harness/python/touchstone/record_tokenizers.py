"""Records tokenizer classes of transformers into `snapshots/tokenizers`.

    python -m touchstone.record_tokenizers --root . bert=BertTokenizer          trains and asks what is new
    python -m touchstone.record_tokenizers --root . --check bert=BertTokenizer  asks the recorded one again and compares
"""

import argparse
import json
import sys
import time
from pathlib import Path

from touchstone.paths import workspace_root
from touchstone.recording import manifest, tokenizer
from touchstone.recording.refusal import Refused


def main(arguments: list[str] | None = None) -> int:
    parser = argparse.ArgumentParser(prog="touchstone.record_tokenizers", description="Records transformers' tokenizers.")
    parser.add_argument("tokenizers", nargs="+", metavar="NAME=CLASS", help="where it goes, and transformers' class")
    parser.add_argument("--root", type=Path, default=workspace_root(), help="the workspace")
    parser.add_argument("--check", action="store_true", help="ask the recorded tokenizers again and compare")
    parser.add_argument("--force", action="store_true", help="train anew what is recorded already")
    options = parser.parse_args(arguments)
    good = True
    for given in options.tokenizers:
        name, _, found = given.partition("=")
        started = time.monotonic()
        state, detail = attempt(found, options.root / "snapshots" / "tokenizers" / name, options)
        good &= state in ("recorded", "unchanged")
        print(json.dumps({"case": f"tokenizer {name}", "state": state, "detail": detail, "seconds": round(time.monotonic() - started, 3)}), flush=True)
    return 0 if good else 1


def attempt(name: str, folder: Path, options: argparse.Namespace) -> tuple[str, str]:
    """One class; whatever goes wrong stays with it."""
    try:
        recorded = (folder / tokenizer.EXPECTED).is_file()
        if recorded and (options.check or not options.force):
            # Training is cheap and its result arbitrary: what is recorded stays, and only answers are compared.
            differs = tokenizer.check(name, folder)
            return ("refused", f"`{differs}` is no longer what transformers answers") if differs else ("unchanged", "")
        if options.check:
            return "refused", f"{folder} holds no recorded tokenizer"
        files = tokenizer.record(name)
        manifest.replace_folder(folder, files)
        return "recorded", f"{sum(map(len, files.values())) / 1024:.1f} KiB"
    except Refused as error:
        return "refused", str(error)
    except Exception as error:  # noqa: BLE001 - one class's failure never stops the others
        first = str(error).strip().splitlines()
        return "failed", f"{type(error).__name__}: {first[0] if first else ''}"


if __name__ == "__main__":
    sys.exit(main())
