"""Recording end to end: the command, what it writes, and what it finds when it looks again."""

import dataclasses
import json

import numpy as np
import pytest

torch = pytest.importorskip("torch")

from touchstone import Case, live, record as command, reference, tokens  # noqa: E402
from touchstone.recording import audit, emitted, truth  # noqa: E402
from touchstone.recording.one import record  # noqa: E402
from touchstone.recording.refusal import Refused  # noqa: E402

EMITTED = '''"""BERT."""
from touchstone import Case, integers, lengths, tokens
BERT = {bert!r}
CASES = [BERT, BERT_BROKEN] if (BERT_BROKEN := {broken!r}) else [BERT]
'''


@pytest.fixture
def tests(tmp_path, bert):
    """Emitted tests of the small case and of one that cannot be recorded, and the arguments that lead there."""
    folder = tmp_path / "tests" / "text-encoder"
    folder.mkdir(parents=True)
    broken = dataclasses.replace(bert, variant="broken", outputs={"nothing": ("batch",)})
    source = EMITTED.format(bert=bert, broken=broken)
    for kind in ("Tokens", "Lengths", "Integers"):
        source = source.replace(f"{kind}(", f"__import__('touchstone.inputs').inputs.{kind}(")
    (folder / "test_bert.py").write_text(source)
    return ["--root", str(tmp_path), "--tests", str(folder.parent), "--json"]


def lines(capsys):
    return [json.loads(line) for line in capsys.readouterr().out.splitlines()]


def test_one_failure_stops_no_other_and_shows_in_the_exit_status(tests, capsys, tmp_path):
    assert command.main([*tests, "bert"]) == 1
    first, second = lines(capsys)
    assert (first["case"], first["state"]) == ("bert", "recorded")
    assert (second["case"], second["state"]) == ("bert.broken", "failed")
    assert "output `nothing` of BertModel is NoneType (tensors: last_hidden_state, pooler_output)" in second["detail"]
    assert [path.name for path in (tmp_path / "snapshots" / "references").iterdir()] == ["bert"]


def test_a_case_that_takes_too_long_fails_alone(tests, capsys, tmp_path):
    assert command.main([*tests, "--seconds", "0", "--jobs", "2", "bert"]) == 1
    assert [(line["state"], line["detail"]) for line in lines(capsys)] == [("failed", "no answer within 0 s")] * 2
    assert not (tmp_path / "snapshots").exists()


def test_what_is_recorded_is_not_recorded_again(tests, workspace, capsys):
    assert command.main([*tests[:1], str(workspace), *tests[2:], "bert"]) == 1
    assert [line["state"] for line in lines(capsys)] == ["unchanged", "failed"]


def test_an_unknown_family_is_a_usage_error_with_near_names(tests, capsys):
    assert command.main([*tests, "brt"]) == 2
    assert "no emitted test states `brt`" in (message := capsys.readouterr().err)
    assert "(near: bert)" in message


def test_a_variant_can_be_named(tests):
    assert [case.name for case in emitted.cases(__import__("pathlib").Path(tests[3]), ["bert.broken"])] == ["bert.broken"]


def test_two_recordings_give_the_same_bytes(bert, recorded_files):
    assert record(bert).files == recorded_files


def test_a_second_look_finds_no_drift(workspace, bert):
    assert audit.check(bert, workspace / "snapshots" / "references" / "bert") == ("unchanged", "recorded again, equal")


@pytest.fixture
def stored(workspace, bert):
    return reference.read(bert, workspace)


def test_drift_is_told(stored, recorded_files):
    assert audit.differences(stored, recorded_files) == []
    stored.expected["output.last_hidden_state"][0, 0, 0] += 1e-9
    stored.manifest["weights"][0][3] = 0.5
    stored.manifest["outputs"][0]["float32"]["rmse"] *= 10
    stored.graph += b"\0"
    drift = audit.differences(stored, recorded_files)
    assert [line.split(" moved")[0] for line in drift] == [
        "`weights` differs",
        "`last_hidden_state`: float32 statistics",
        "`output.last_hidden_state` differs",
        "the graph's bytes differ",
    ]


def test_the_manifest_states_what_was_recorded(recorded_files):
    manifest = json.loads(recorded_files["manifest.json"])
    assert manifest["sizes"] == {"batch": 2, "sequence": 7}
    assert manifest["graph"]["dynamic"] == ["batch", "sequence"]
    assert manifest["graph"]["proved_at"] == {"batch": 3, "sequence": 5}
    assert manifest["inputs"][0]["lengths"] == {"axis": "sequence", "of": [7, 4]}
    assert manifest["inputs"][1]["below"] == 31
    assert "transformers_version" not in manifest["config"]
    single = manifest["outputs"][0]["float32"]
    assert 0 < single["rmse"] < 1e-6 * manifest["outputs"][0]["rms"] * 10
    assert set(manifest["files"]) == {"expected.safetensors", "graph.onnx.xz"}


def test_no_line_of_the_manifest_is_beyond_reading(recorded_files):
    text = recorded_files["manifest.json"].decode()
    assert text.count("\n") > 40
    assert text.endswith('"\n}\n')


def test_rounding_blown_up_is_refused(bert, tmp_path, monkeypatch):
    from touchstone.recording.one import Recording

    made = Recording(bert, tmp_path)
    run = live.run
    monkeypatch.setattr(
        live, "run", lambda case, model, arrays, dtype=torch.float32:
        {n: v * (1.001 if dtype == torch.float32 else 1) for n, v in run(case, model, arrays, dtype).items()},
    )
    with pytest.raises(Refused, match="torch in float32 is off by 1.0e-03 of its size"):
        truth.run_proven(bert, made.models, made.arrays)


@pytest.mark.parametrize(
    ("changed", "message"),
    [
        ({"model": "BertModle"}, "has no class `BertModle`"),
        ({"inputs": {"input_ids": tokens("batch", "frames")}}, "axis `frames` has no size"),
    ],
)
def test_impossible_cases_say_why(make_bert, changed, message):
    with pytest.raises(ValueError, match=message):
        record(make_bert(**changed))


def test_an_input_that_changes_nothing_is_refused(make_bert):
    """One token type only: its ids cannot be told apart."""
    with pytest.raises(Refused, match="input `token_type_ids` could not be changed"):
        from touchstone import integers

        record(make_bert(inputs={"input_ids": tokens("batch", "sequence"), "token_type_ids": integers(("batch", "sequence"), 1)}))


def test_a_checkpoint_that_is_not_taken_whole_is_refused(bert, tmp_path):
    from safetensors.torch import load_file, save_file

    model = live.initialised(bert, 0)
    model.save_pretrained(tmp_path)
    tensors = load_file(tmp_path / "model.safetensors")
    tensors.pop("encoder.layer.0.output.dense.bias")
    save_file(tensors | {"spare": torch.ones(1)}, tmp_path / "model.safetensors", metadata={"format": "pt"})
    with pytest.raises(ValueError, match=r"did not take the checkpoint as written.*encoder.layer.0.output.dense.bias"):
        live.loaded(bert, tmp_path, torch.float32)


def test_special_ids_are_found_at_any_depth():
    config = {"eos_token_id": [2, 3], "text_config": {"pad_token_id": 0, "image_token_index": 9}, "tokens": 5, "x": None}
    assert live.special_ids(config | {"bos_token_id": None}) == {0, 2, 3, 9}


def test_names_of_cases():
    case = Case(
        category="c", family="xlm-roberta", variant="lm-head", model="M", recorded_from="0" * 16, config={}, sizes={"batch": (2,)},
        inputs={}, outputs={},
    )
    assert str(case) == "xlm-roberta.lm-head"
    assert case.dynamic_axes() == []
    assert case.second_sizes() == {"batch": 2}


def test_statistics_may_move_a_little_but_not_far():
    assert audit.near({"rmse": 1.0, "max_abs": 2.0}, {"rmse": 1.5, "max_abs": 1.0})
    assert not audit.near({"rmse": 1.0, "max_abs": 2.0}, {"rmse": 9.0, "max_abs": 2.0})
    assert audit.near(None, None)
    assert not audit.near(None, {"rmse": 1.0, "max_abs": 2.0})


def test_float64_tensors_may_differ_in_the_last_place_only():
    value = np.array([1.0, 100.0])
    assert audit.alike(value, value + [0, 1e-12])
    assert not audit.alike(value, value + [0, 1e-8])
    assert not audit.alike(value, value[:1])


def test_a_checkpoint_is_read_from_its_folder_whatever_the_class_makes_of_it(bert, tmp_path, monkeypatch):
    def named(cls, name, **unread):
        raise TypeError(f"{name} is the name of no checkpoint")

    live.initialised(bert, 0).save_pretrained(tmp_path)
    monkeypatch.setattr(live.model_class(bert), "from_pretrained", classmethod(named))
    assert next(live.loaded(bert, tmp_path, torch.float64).parameters()).dtype == torch.float64
