"""Where things lie, seen from this package's own place in the workspace."""

from pathlib import Path


def workspace_root() -> Path:
    """The folder that holds `harness/python/touchstone`."""
    return Path(__file__).resolve().parents[3]


def references(root: Path | None = None) -> Path:
    """The folder of all references."""
    return (root or workspace_root()) / "snapshots" / "references"
