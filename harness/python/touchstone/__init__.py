"""The Python side of Touchstone: what emitted Python tests call, and the recorder."""

from touchstone.case import Case
from touchstone.inputs import boxes, constant, floats, integers, lengths, prompt, rows, tokens

__all__ = ["Case", "boxes", "constant", "floats", "integers", "lengths", "prompt", "rows", "tokens"]

