"""The family's own model in transformers, with the reference's weights."""

import tempfile
from pathlib import Path

import numpy as np

from touchstone import live
from touchstone.case import Case
from touchstone.reference import Reference

VERSIONS = {"torch": live.torch.__version__.split("+")[0], "transformers": live.transformers.__version__}


class Session:
    """A model built anew from the case's config."""

    def __init__(self, case: Case, reference: Reference) -> None:
        self.case = case
        with tempfile.TemporaryDirectory(prefix="touchstone-") as folder:
            reference.write_checkpoint(Path(folder))
            self.model = live.loaded(case, Path(folder), live.torch.float32)

    def run(self, arrays: dict[str, np.ndarray]) -> dict[str, np.ndarray]:
        return live.run(self.case, self.model, arrays)
