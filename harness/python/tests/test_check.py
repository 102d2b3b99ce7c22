"""A check passes only from compared numbers, and leaves its evidence."""

import json
import re

import numpy as np
import pytest

from touchstone import check, evidence, reference


@pytest.fixture
def judged(workspace, bert, monkeypatch, tmp_path):
    """Runs the check on a made-up backend; the exception and the events."""
    read = reference.read
    monkeypatch.setattr(reference, "read", lambda case: read(case, workspace))
    events = tmp_path / "evidence.ndjson"
    monkeypatch.setenv(evidence.VARIABLE, str(events))

    def judge(change=lambda truth: truth, case=bert, backend=None):
        def sessions(case, recorded, versions):
            entry = recorded.manifest["outputs"][0]
            truth = recorded.truth(entry).elements.reshape(entry["shape"]).astype(np.float32)
            yield "made up", lambda inputs: {entry["name"]: change(truth.copy())}

        monkeypatch.setitem(check.BACKENDS, "python-ort", backend or sessions)
        error = None
        try:
            check.forward_matches_reference(case, "python-ort")
        except AssertionError as raised:
            error = str(raised)
        return error, [json.loads(line) for line in events.read_text(encoding="utf-8").splitlines()]

    return judge


def test_a_pass_leaves_a_beginning_and_a_verdict(judged, bert):
    error, events = judged()
    assert error is None
    assert [list(event) for event in events] == [["begin"], ["verdict"]]
    named = {"category": "text-encoder", "family": "bert", "backend": "python-ort", "check": "forward_matches_reference"}
    assert events[0]["begin"] == named
    verdict = events[1]["verdict"]
    assert (verdict["outcome"], verdict["expected"], verdict["test"]) == ("pass", "pass", named)
    assert verdict["outputs"]["last_hidden_state"]["compared"] == 2 * 7 * 12
    assert len(verdict["reference"]) == 64


def test_a_record_has_the_fields_that_rust_reads(judged):
    _, events = judged(lambda truth: truth + 1)
    required = {"test", "device", "dtype", "outcome", "expected", "outputs", "seconds", "peak_bytes", "versions", "reference", "reproduce"}
    assert set(events[1]["verdict"]) == required | {"detail"}
    fields = {"compared", "max_abs", "rmse", "relative_l2", "argmax_agreement", "bound", "margin", "first_difference"}
    assert set(events[1]["verdict"]["outputs"]["last_hidden_state"]) == fields


def spoil(truth):
    truth[1, 2, 3] += 1e-3
    return truth


def with_nan(truth):
    truth[0, 0, 0] = np.nan
    return truth


@pytest.mark.parametrize(
    ("change", "outcome", "message"),
    [
        (spoil, "mismatch", r"first at \[1, 2, 3\]"),
        (lambda truth: truth * np.float32(1.0001), "mismatch", "is outside the bound"),
        (with_nan, "nonfinite", "is not finite where PyTorch is"),
        (lambda truth: truth[:, :-1], "mismatch", r"has shape \[2, 6, 12\], PyTorch gives \[2, 7, 12\]"),
        (lambda truth: 1 / 0, "run-failed", "ZeroDivisionError"),
    ],
    ids=["one element", "a scale", "nan", "shape", "exception"],
)
def test_a_wrong_answer_fails_with_its_outcome(judged, change, outcome, message):
    error, events = judged(change)
    assert error.startswith(f"bert on python-ort: forward_matches_reference: {outcome}, expected pass")
    assert events[-1]["verdict"]["outcome"] == outcome
    assert re.search(message, error)
    assert "repeat it with `python -m pytest" in error


def test_an_answer_without_outputs_is_no_pass(judged):
    def silent(case, recorded, versions):
        yield "silent", lambda inputs: {}

    error, events = judged(backend=silent)
    assert "`last_hidden_state` is not given" in error
    assert events[-1]["verdict"]["outcome"] == "mismatch"


def test_a_backend_that_never_ran_is_no_pass(judged):
    error, events = judged(backend=lambda case, recorded, versions: iter(()))
    assert events[-1]["verdict"]["outcome"] == "not-run"
    assert "nothing was compared" in error


def test_a_missing_reference_fails_by_name(judged, make_bert):
    error, events = judged(case=make_bert(variant="absent"))
    assert "reference `bert.absent` is missing" in error
    assert events[-1]["verdict"]["outcome"] == "load-failed"
    assert events[-1]["verdict"]["test"]["variant"] == "absent"


def test_an_unknown_backend_is_refused_with_the_known_ones(bert):
    with pytest.raises(ValueError, match=r"known: python-ort, python-torch"):
        check.forward_matches_reference(bert, "python-tract")


def test_without_torch_the_live_test_is_skipped_not_passed(bert, monkeypatch):
    monkeypatch.setattr(check.importlib.util, "find_spec", lambda name: None)
    with pytest.raises(pytest.skip.Exception, match="not made: torch and transformers not installed"):
        check.forward_matches_reference(bert, "python-torch")


def test_both_real_backends_pass_on_a_fresh_reference(workspace, bert, monkeypatch):
    pytest.importorskip("torch")
    read = reference.read
    monkeypatch.setattr(reference, "read", lambda case: read(case, workspace))
    check.forward_matches_reference(bert, "python-ort")
    check.forward_matches_reference(bert, "python-torch")


def test_a_wrong_weight_is_seen(workspace, bert, monkeypatch):
    """The whole point: one weight of one layer read from the wrong place."""
    read = reference.read
    monkeypatch.setattr(reference, "read", lambda case: read(case, workspace))
    right = reference.Reference.weight

    def wrong(self, name, *fill):
        return right(self, name.replace("layer.1.attention.self.query.bias", "layer.0.attention.self.query.bias"), *fill)

    monkeypatch.setattr(reference.Reference, "weight", wrong)
    with pytest.raises(AssertionError, match="mismatch"):
        check.forward_matches_reference(bert, "python-ort")


def test_numbers_that_json_lacks_are_written_as_strings(tmp_path, monkeypatch):
    path = tmp_path / "evidence.ndjson"
    monkeypatch.setenv(evidence.VARIABLE, str(path))
    evidence.verdict({"outputs": {"x": {"max_abs": float("inf"), "rmse": float("nan"), "position": [1, -float("inf")]}}})
    written = json.loads(path.read_text())["verdict"]["outputs"]["x"]
    assert written == {"max_abs": "inf", "rmse": "NaN", "position": [1, "-inf"]}
