"""A planted fault is equivalent only if it changes nothing in float64 that float32 could show."""

import io
import json
from dataclasses import replace

import numpy as np
import pytest

torch = pytest.importorskip("torch")
onnx = pytest.importorskip("onnx")

from touchstone import equivalence, metrics, reference  # noqa: E402
from touchstone.bounds import Bound  # noqa: E402


@pytest.fixture
def ask(workspace, bert, tmp_path):
    """Asks about the small case's graph or config with a change made to it."""
    recorded = reference.read(bert, workspace)
    model = onnx.ModelProto.FromString(recorded.graph)
    weights = recorded.weights()
    for tensor in model.graph.initializer:
        if tensor.data_location == onnx.TensorProto.EXTERNAL:
            tensor.CopyFrom(onnx.numpy_helper.from_array(weights[tensor.name], tensor.name))

    def write(name: str, change) -> str:
        copy = onnx.ModelProto.FromString(model.SerializeToString())
        change(copy.graph)
        path = tmp_path / name
        path.write_bytes(copy.SerializeToString())
        return str(path)

    def ask(change=None, config=None, original=lambda graph: None) -> dict:
        judge = equivalence.Judge(bert, workspace)
        if config is not None:
            path = tmp_path / "config.json"
            path.write_text(json.dumps(recorded.manifest["config"] | config))
            return judge.answer({"config": str(path)})
        return judge.answer({"original": write("original.onnx", original), "changed": write("changed.onnx", change)})

    return ask


def epsilon_times(factor):
    def change(graph):
        for node in graph.node:
            for attribute in node.attribute:
                if attribute.name == "epsilon":
                    attribute.f *= factor

    return change


def scale_first_weight(factor):
    def change(graph):
        tensor = graph.initializer[0]
        tensor.CopyFrom(onnx.numpy_helper.from_array(onnx.numpy_helper.to_array(tensor) * np.float32(factor), tensor.name))

    return change


def drop_an_output(graph):
    del graph.output[:]


def unknown_operator(graph):
    graph.node[-1].op_type = "NoSuchOperator"


@pytest.mark.parametrize(
    ("question", "state"),
    [
        (dict(change=epsilon_times(10)), "equivalent"),
        (dict(change=epsilon_times(1e9)), "moved"),
        (dict(change=scale_first_weight(1.01)), "moved"),
        (dict(config={"layer_norm_eps": 1e-11}), "equivalent"),
        (dict(config={"layer_norm_eps": 1e-3}), "moved"),
        (dict(config={"hidden_act": "relu"}), "moved"),
    ],
    ids=["a tiny epsilon", "a large epsilon", "a weight", "config: a tiny epsilon", "config: a large one", "config: activation"],
)
def test_a_fault_is_equivalent_only_if_float32_could_not_show_it(ask, question, state):
    answer = ask(**question)
    assert answer["state"] == state, answer
    moved = answer["outputs"]["last_hidden_state"]
    assert (moved["share"] <= 1) == (state == "equivalent")
    assert moved["share"] > 0
    assert bool(answer["detail"]) == (state == "moved")


def test_a_fault_that_only_other_inputs_show_is_no_equivalent(ask, workspace, bert):
    judge = equivalence.Judge(bert, workspace)
    recorded, other = (set(judge.inputs(which)["input_ids"].reshape(-1)) for which in ("recorded", "other"))
    unseen = min(other - recorded)

    def zero_an_unused_row(graph):
        (table,) = [tensor for tensor in graph.initializer if tensor.name.endswith("word_embeddings.weight")]
        values = onnx.numpy_helper.to_array(table).copy()
        values[unseen] = 0
        table.CopyFrom(onnx.numpy_helper.from_array(values, table.name))

    answer = ask(change=zero_an_unused_row)
    assert answer["state"] == "moved"
    assert answer["detail"].startswith("at other inputs `last_hidden_state` moves by ")
    assert answer["outputs"]["last_hidden_state"]["share"] == 0


@pytest.mark.parametrize(
    ("question", "detail"),
    [
        (dict(change=lambda graph: None), "what is said to hold the fault is the original"),
        (dict(config={}), "what is said to hold the fault is the original"),
        (dict(change=unknown_operator), "the run with the fault does not succeed in float64: "),
        (dict(config={"hidden_size": 13}), "the run with the fault does not succeed in float64: "),
        (dict(change=epsilon_times(10), original=unknown_operator), "the run without the fault does not succeed in float64: "),
        (
            dict(change=epsilon_times(10), original=scale_first_weight(1.001)),
            "without the fault, `last_hidden_state` in float64 is off the recorded truth by ",
        ),
        (
            dict(change=epsilon_times(10), original=drop_an_output),
            "without the fault, float64 does not give `last_hidden_state` in its recorded shape",
        ),
    ],
    ids=["no fault", "no fault in the config", "unknown operator", "no such model", "original fails", "other weights", "no output"],
)
def test_what_cannot_be_trusted_is_unknown_and_never_equivalent(ask, question, detail):
    answer = ask(**question)
    assert answer["state"] == "unknown"
    assert answer["detail"].startswith(detail)


def test_a_file_that_is_absent_is_unknown(workspace, bert):
    answer = equivalence.Judge(bert, workspace).answer({"original": "gone.onnx", "changed": "gone.onnx"})
    assert answer == {"state": "unknown", "detail": "gone.onnx cannot be read: No such file or directory"}


ALLOWED = Bound(rmse=1.0, max_abs=2.0)


@pytest.mark.parametrize(
    ("after", "share"),
    [
        (np.zeros((2, 2)), 0.0),
        (np.full((2, 2), 0.5), 0.5),
        (np.array([[3.0, 0.0], [0.0, 0.0]]), 1.5),
        (np.array([[np.nan, 0.0], [0.0, 0.0]]), metrics.LARGEST),
        (np.zeros((2, 1)), metrics.LARGEST),
    ],
    ids=["nowhere", "everywhere a little", "one element far", "to nothing finite", "to another shape"],
)
def test_movement_is_the_larger_of_both_measures(after, share):
    found = equivalence.movement(np.zeros((2, 2)), after, ALLOWED)
    assert found["share"] == pytest.approx(share)


def test_questions_and_answers_are_lines_and_a_case_without_reference_is_unknown(tmp_path, monkeypatch, capsys, bert):
    stranger = replace(bert, variant="stranger")
    monkeypatch.setattr(equivalence.emitted, "cases", lambda folder, names: [stranger])
    question = {"case": stranger.name, "mutant": "bias-zeroed@b", "backend": "ort", "original": "a", "changed": "b"}
    monkeypatch.setattr("sys.stdin", io.StringIO(f"{json.dumps(question)}\n" * 2))
    assert equivalence.main(["--root", str(tmp_path)]) == 0
    answers = [json.loads(line) for line in capsys.readouterr().out.splitlines()]
    assert len(answers) == 2
    assert {key: answers[0][key] for key in ("case", "mutant", "backend", "state")} == {
        "case": "bert.stranger",
        "mutant": "bias-zeroed@b",
        "backend": "ort",
        "state": "unknown",
    }
    assert answers[0]["detail"].startswith("reference `bert.stranger` is missing")
