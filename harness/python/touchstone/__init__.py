"""The Python side of Touchstone: what emitted Python tests call, and the recorder."""

from touchstone.case import Case
from touchstone.inputs import constant, floats, integers, lengths, prompt, rows, tokens

__all__ = ["Case", "constant", "floats", "integers", "lengths", "prompt", "rows", "tokens"]

