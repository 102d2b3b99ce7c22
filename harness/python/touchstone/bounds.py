"""The bound that a forward pass must keep, derived from what PyTorch itself loses; the one place of its constants.

harness/src/bounds.rs states the same constants for the Rust side; change both or neither, and only with the table of
margins that shows why.
"""

from dataclasses import dataclass

#: A backend may be this many times as far from the truth, in root mean square, as torch in float32 is.
K = 4.0
#: The same for the largest single difference.
K_MAX = 4.0
#: The share of rms(truth) that is allowed even where torch loses nothing: one unit in the last place.
FLOOR = 2.0**-23
#: The share of max |truth| that any single element may be off: four units in the last place.
FLOOR_MAX = 4.0 * FLOOR

RULE = "rmse ≤ 4·rmse(torch f32) + 2^-23·rms(truth); max|Δ| ≤ 4·max|Δ|(torch f32) + 2^-21·max|truth|"


@dataclass(frozen=True)
class Bound:
    """What is allowed."""

    rmse: float
    max_abs: float

    def as_record(self) -> dict:
        return {"rmse": self.rmse, "max_abs": self.max_abs, "rule": RULE}


def forward(rms: float, largest: float, single: dict[str, float]) -> Bound:
    """The bound of one output; `single` holds torch float32's own rmse and max_abs against the truth."""
    return Bound(K * single["rmse"] + FLOOR * rms, K_MAX * single["max_abs"] + FLOOR_MAX * largest)


#: One unit in the last place of a number near 1, by what was computed in.
UNITS = {"f32": FLOOR, "f16": 2.0**-10, "bf16": 2.0**-7}


def forward_at(dtype: str, rms: float, largest: float, loss: dict[str, float]) -> Bound:
    """The same at a lower precision; `loss` is what torch itself loses there."""
    unit = UNITS[dtype]
    return Bound(K * loss["rmse"] + unit * rms, K_MAX * loss["max_abs"] + FLOOR_MAX / FLOOR * unit * largest)


def of_sum(bound: Bound, count):
    """The bound on the sum of `count` elements (a number or an array): |Σδ| ≤ count · rms(δ) for any δ."""
    return count * bound.rmse
