"""References are read only whole, undamaged and up to date."""

import dataclasses
import json

import numpy as np
import pytest

from touchstone import reference
from touchstone.recording import manifest


def folder(workspace, bert):
    return workspace / "snapshots" / "references" / bert.name


def test_a_good_reference_gives_inputs_weights_and_truth(workspace, bert):
    read = reference.read(bert, workspace)
    assert sorted(read.inputs()) == ["attention_mask", "input_ids", "token_type_ids"]
    assert list(read.weights()) == sorted(read.weights())
    assert read.truth(read.manifest["outputs"][0]).elements.dtype == np.float64


def cut_off(path):
    path.write_bytes(path.read_bytes()[:-20])


def flip_bit(path):
    content = bytearray(path.read_bytes())
    content[len(content) // 2] ^= 1
    path.write_bytes(bytes(content))


def append(path):
    path.write_bytes(path.read_bytes() + b"\n")


def remove(path):
    path.unlink()


@pytest.mark.parametrize(
    ("file", "damage", "message"),
    [
        ("manifest.json", remove, "reference `bert` is missing: no manifest.json"),
        ("manifest.json", cut_off, "manifest.json is cut off"),
        ("manifest.json", append, "manifest.json is cut off"),
        ("manifest.json", flip_bit, "manifest.json is damaged"),
        ("expected.safetensors", remove, "expected.safetensors is missing"),
        ("expected.safetensors", cut_off, "expected.safetensors is damaged"),
        ("expected.safetensors", flip_bit, "expected.safetensors is damaged"),
        ("graph.onnx.xz", remove, "graph.onnx.xz is missing"),
        ("graph.onnx.xz", flip_bit, "graph.onnx.xz is damaged"),
    ],
    ids=lambda value: value.__name__ if callable(value) else None,
)
def test_a_damaged_reference_is_refused_by_name(workspace, bert, file, damage, message):
    damage(folder(workspace, bert) / file)
    with pytest.raises(reference.Unusable, match=message) as refused:
        reference.read(bert, workspace)
    assert "cargo xtask record bert" in str(refused.value)


def test_a_reference_of_other_facts_is_refused(workspace, bert):
    changed = dataclasses.replace(bert, recorded_from="fedcba9876543210")
    with pytest.raises(reference.Unusable, match="was recorded from 0123456789abcdef, and the test states fedcba98"):
        reference.read(changed, workspace)


def test_another_format_is_refused(workspace, bert):
    path = folder(workspace, bert)
    stated = json.loads((path / "manifest.json").read_bytes())
    stated.pop("digest")
    stated.pop("files")
    files = {name: (path / name).read_bytes() for name in ("expected.safetensors", "graph.onnx.xz")}
    (path / "manifest.json").write_bytes(manifest.render(stated | {"format": 2}, files)["manifest.json"])
    with pytest.raises(reference.Unusable, match=r"has format 2 \(known: 1\)"):
        reference.read(bert, workspace)


def test_the_digest_covers_every_byte_before_its_line(recorded_files):
    import hashlib

    content = recorded_files["manifest.json"]
    body, digest = reference.split_digest(content)
    assert content.startswith(body)
    assert content[len(body) :].startswith(b' "digest": ')
    assert hashlib.sha256(body).hexdigest() == digest == json.loads(content)["digest"]


@pytest.mark.parametrize("size", [1024, 1025, 5000, 4096, 65536, 99991])
def test_a_sample_meets_no_element_twice(size):
    sample = manifest.sample_of(size)
    if size <= manifest.LARGEST_WHOLE:
        assert sample is None
        return
    places = reference.sample_places(sample["count"], sample["step"], size)
    assert len(set(places.tolist())) == sample["count"]


def test_sums_cover_the_last_chunk_too():
    assert reference.chunk_sums(np.ones((10, 13))).tolist() == [64.0, 64.0, 2.0]


def test_replacing_a_folder_leaves_nothing_else(tmp_path):
    target = tmp_path / "bert"
    manifest.replace_folder(target, {"a": b"1", "b": b"2"})
    manifest.replace_folder(target, {"a": b"3"})
    assert [path.name for path in tmp_path.iterdir()] == ["bert"]
    assert {path.name: path.read_bytes() for path in target.iterdir()} == {"a": b"3"}


def test_a_failed_replacement_keeps_what_was_there(tmp_path):
    target = tmp_path / "bert"
    manifest.replace_folder(target, {"a": b"1"})
    with pytest.raises(TypeError):
        manifest.replace_folder(target, {"a": b"2", "b": None})
    assert {path.name: path.read_bytes() for path in target.iterdir()} == {"a": b"1"}
    assert [path.name for path in tmp_path.iterdir()] == ["bert"]
