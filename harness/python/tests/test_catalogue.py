"""The list of model types is complete, the same twice, and says what moved."""

import copy
import json

import pytest

pytest.importorskip("transformers")

from touchstone import catalogue  # noqa: E402


@pytest.fixture(scope="module")
def listed():
    return catalogue.catalogue()


def test_every_type_is_listed_once(listed):
    assert sorted(listed["types"]) == sorted(catalogue.CONFIG_MAPPING_NAMES)
    assert {entry["standing"] for entry in listed["types"].values()} == set(catalogue.STANDINGS)


def test_an_entry_says_what_the_auto_classes_know(listed):
    bert = listed["types"]["bert"]
    assert bert["config"] == "BertConfig"
    assert bert["base"] == "BertModel"
    assert bert["module"] == "models/bert/modeling_bert.py"
    assert bert["modalities"] == ["text"]
    assert bert["tasks"]["masked-lm"] == "BertForMaskedLM"


@pytest.mark.parametrize(
    ("family", "standing"),
    [
        ("bert", "top-level"),
        ("llava", "top-level"),
        ("clip_text_model", "part"),
        ("vision-encoder-decoder", "task-only"),
    ],
)
def test_a_standing_follows_its_rule(listed, family, standing):
    assert listed["types"][family]["standing"] == standing


def test_a_part_names_its_owners(listed):
    assert "clip" in listed["types"]["clip_text_model"]["part_of"]


def test_another_name_for_a_config_says_which(listed):
    assert listed["types"]["gpt-sw3"]["same_as"] == "gpt2"


def test_it_is_written_one_type_a_line_and_read_back(listed):
    text = catalogue.render(listed)
    assert json.loads(text) == json.loads(json.dumps(listed))
    assert sum(line.startswith('  "') for line in text.splitlines()) == len(listed["types"])


def test_nothing_moved_between_equal_lists(listed):
    assert catalogue.differences(listed, copy.deepcopy(listed)) == []


@pytest.mark.parametrize(
    ("change", "line"),
    [
        (lambda types: types.pop("bert"), "added: bert (top-level, BertConfig)"),
        (lambda types: types.update(novel=dict(types["bert"])), "removed: novel (top-level, BertConfig)"),
        (lambda types: types["bert"].update(base="OldModel"), "changed: bert: base OldModel -> BertModel"),
        (lambda types: types["bert"].update(defaults="0" * 16), "changed: bert: the config's fields or defaults"),
        (lambda types: types["bert"]["tasks"].pop("masked-lm"), "changed: bert: task masked-lm None -> BertForMaskedLM"),
        (lambda types: types["bert"].update(part_of=["x"]), 'changed: bert: part_of ["x"] -> null'),
    ],
    ids=["added", "removed", "class", "defaults", "task", "part"],
)
def test_what_moved_is_said(listed, change, line):
    old = copy.deepcopy(listed)
    change(old["types"])
    assert catalogue.differences(old, listed) == [line]


def test_comparing_exits_with_one_if_anything_moved(listed, tmp_path, monkeypatch, capsys):
    monkeypatch.setattr(catalogue, "catalogue", lambda: listed)
    file = tmp_path / "catalogue.json"
    assert catalogue.main(["--write", str(file)]) == 0
    assert catalogue.main(["--compare", str(file)]) == 0
    old = json.loads(file.read_text())
    del old["types"]["bert"]
    file.write_text(catalogue.render(old))
    assert catalogue.main(["--compare", str(file)]) == 1
    assert "added: bert" in capsys.readouterr().out


@pytest.mark.parametrize("text", ["", "[]", '{"format": 0, "types": {}}', '{"types": {}}'])
def test_what_is_no_catalogue_is_refused(tmp_path, capsys, text):
    file = tmp_path / "catalogue.json"
    file.write_text(text)
    assert catalogue.main(["--compare", str(file)]) == 2
    assert "is no catalogue" in capsys.readouterr().err
