"""Tokenizers are recorded so that what they answer can be asked again, and a change of it is told."""

import json

import pytest
from touchstone import record_tokenizers
from touchstone.recording import tokenizer
from touchstone.recording.refusal import Refused


@pytest.fixture(scope="module")
def bert():
    return tokenizer.record("BertTokenizer")


def test_a_recorded_tokenizer_answers_the_same_again(bert, tmp_path):
    for name, content in bert.items():
        (tmp_path / name).write_bytes(content)
    assert tokenizer.check("BertTokenizer", tmp_path) is None


@pytest.mark.parametrize(
    ("section", "spoil"),
    [
        ("encodings", lambda answers: answers["encodings"][0]["ids"].pop()),
        ("padding", lambda answers: answers["padding"].update(side="left")),
        ("decodings", lambda answers: answers["decodings"][0].update(text="")),
        ("texts", lambda answers: answers["texts"].pop()),
        ("class", lambda answers: answers.update({"class": "BartTokenizer"})),
    ],
)
def test_what_changed_is_told(bert, tmp_path, section, spoil):
    answers = json.loads(bert[tokenizer.EXPECTED])
    spoil(answers)
    for name, content in bert.items():
        (tmp_path / name).write_bytes(content)
    (tmp_path / tokenizer.EXPECTED).write_text(json.dumps(answers))
    assert tokenizer.check("BertTokenizer", tmp_path) == section


def test_everything_is_asked(bert):
    answers = json.loads(bert[tokenizer.EXPECTED])
    asked = answers["encodings"]
    assert {of["text"] for of in asked if "text" in of} == set(range(len(tokenizer.TEXTS)))
    assert {of["pair"] for of in asked if "pair" in of} == set(range(len(tokenizer.PAIRS)))
    assert {of["max_length"] for of in asked} == {None, *tokenizer.LENGTHS}
    assert {of["special"] for of in asked} == {True, False}
    assert all(len(of["offsets"]) == 2 * len(of["ids"]) == 2 * len(of["type_ids"]) for of in asked)


def test_classes_for_documents_are_given_words():
    answers = json.loads(tokenizer.record("LayoutLMv3Tokenizer")[tokenizer.EXPECTED])
    assert answers["words"] and answers["padding"] is None
    assert all("pair" not in of for of in answers["encodings"])


def test_a_class_with_a_vocabulary_of_its_own_keeps_it():
    vocabulary = json.loads(tokenizer.record("EsmcTokenizer")[tokenizer.TOKENIZER])["model"]["vocab"]
    assert "A" in vocabulary and len(vocabulary) < 40


@pytest.mark.parametrize(("name", "message"), [("NoSuchTokenizer", "has no class `NoSuchTokenizer`")])
def test_what_is_no_class_is_refused(name, message):
    with pytest.raises(Refused, match=message):
        tokenizer.record(name)


def test_more_than_a_digit_is_refused():
    assert tokenizer.digits([0, 1, 9]) == "019"
    with pytest.raises(Refused, match="of 10"):
        tokenizer.digits([0, 10])


@pytest.mark.parametrize(
    ("arguments", "state", "code"),
    [
        (["--check", "bert=BertTokenizer"], "refused", 1),
        (["bert=BertTokenizer"], "recorded", 0),
        (["bert=BertTokenizer"], "unchanged", 0),
        (["--check", "bert=BertTokenizer"], "unchanged", 0),
        (["none=NoSuchTokenizer"], "refused", 1),
    ],
)
def test_the_command_says_what_became_of_each(arguments, state, code, capsys, tmp_path_factory):
    root = tmp_path_factory.getbasetemp() / "tokenizers"
    assert record_tokenizers.main(["--root", str(root), *arguments]) == code
    assert json.loads(capsys.readouterr().out)["state"] == state
