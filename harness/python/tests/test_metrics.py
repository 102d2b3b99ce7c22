"""Differences and the bounds that judge them."""

import json

import numpy as np
import pytest

from touchstone import bounds, metrics
from touchstone.metrics import Truth

BOUND = bounds.Bound(rmse=0.1, max_abs=0.2)
TRUTH = Truth.whole(np.array([[1.0, 2.0], [3.0, 4.0]]))


def test_equal_numbers_have_no_margin():
    found = metrics.compare(TRUTH, TRUTH.elements.reshape(2, 2), BOUND)
    assert (found.margin, found.compared, found.argmax_agreement, found.first_difference) == (0.0, 4, 1.0, None)


def test_one_large_difference_is_found_and_placed():
    found = metrics.compare(TRUTH, np.array([[1.0, 2.0], [3.0, 4.5]]), BOUND)
    assert found.margin == pytest.approx(2.5)
    assert found.first_difference == {"position": [1, 1], "got": 4.5, "expected": 4.0}


def test_many_small_differences_fail_by_their_mean():
    found = metrics.compare(TRUTH, np.array([[1.15, 2.15], [3.15, 4.15]]), BOUND)
    assert found.margin == pytest.approx(1.5)
    assert found.first_difference is not None


@pytest.mark.parametrize("value", [np.nan, np.inf, -np.inf])
def test_what_is_not_finite_never_passes_and_stays_json(value):
    found = metrics.compare(TRUTH, np.array([[1.0, value], [3.0, 4.0]]), BOUND)
    assert found.nonfinite
    assert found.margin > 1
    assert json.loads(json.dumps(found.as_record(), allow_nan=False))["first_difference"]["got"] is None


def test_infinities_that_torch_gives_too_do_not_differ():
    truth = Truth.whole(np.array([1.0, -np.inf]))
    assert metrics.compare(truth, np.array([1.0, -np.inf]), BOUND).margin == 0


def test_a_zero_bound_allows_nothing_but_equality():
    nothing = bounds.Bound(0.0, 0.0)
    assert metrics.compare(TRUTH, TRUTH.elements, nothing).margin == 0
    assert metrics.compare(TRUTH, TRUTH.elements + 1e-12, nothing).margin > 1


def test_no_elements_are_no_comparison():
    with pytest.raises(ValueError, match="nothing to compare"):
        metrics.compare(Truth.whole(np.zeros((0, 3))), np.zeros((0, 3)), BOUND)


def test_a_sampled_truth_is_compared_at_its_places():
    truth = Truth((2, 3), np.array([1, 5]), np.array([10.0, 20.0]))
    got = np.array([[0.0, 10.0, 0.0], [0.0, 0.0, 21.0]])
    found = metrics.compare(truth, got, BOUND)
    assert found.compared == 2
    assert found.first_difference["position"] == [1, 2]


def test_the_bound_follows_from_what_torch_loses():
    bound = bounds.forward(rms=2.0, largest=8.0, single={"rmse": 1e-7, "max_abs": 1e-6})
    assert bound.rmse == pytest.approx(4e-7 + 2.0**-22)
    assert bound.max_abs == pytest.approx(4e-6 + 2.0**-18)


def test_the_rule_states_the_constants():
    assert f"{bounds.K:g}·rmse" in bounds.RULE
    assert f"{bounds.K_MAX:g}·max" in bounds.RULE


def test_the_rust_side_states_the_same_constants():
    from touchstone.paths import workspace_root

    source = (workspace_root() / "harness" / "src" / "bounds.rs").read_text(encoding="utf-8")
    assert f"pub const K: f64 = {bounds.K};" in source
    assert f"pub const K_MAX: f64 = {bounds.K_MAX};" in source
    assert f"pub const FLOOR: f64 = 1.0 / {1 / bounds.FLOOR:_.0f}.0;" in source
    assert "pub const FLOOR_MAX: f64 = 4.0 * FLOOR;" in source


def test_the_worse_of_two_comparisons_stands():
    good = metrics.compare(TRUTH, TRUTH.elements, BOUND)
    bad = metrics.compare(TRUTH, TRUTH.elements + 0.15, BOUND)
    assert metrics.worse(good, bad).margin == bad.margin
    assert metrics.worse(good, bad).compared > 4
