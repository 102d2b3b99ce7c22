"""The standard's node cases are all there, the same twice, and their operators are found within graphs too."""

import json

import pytest

onnx = pytest.importorskip("onnx")

from onnx import TensorProto, helper  # noqa: E402

from touchstone import node_cases  # noqa: E402


@pytest.fixture(scope="module")
def folders(tmp_path_factory):
    pair = [tmp_path_factory.mktemp("cases") / name for name in ("one", "other")]
    for folder in pair:
        assert node_cases.main(["--folder", str(folder)]) == 0
    return pair


def test_the_index_lists_what_was_written(folders):
    folder = folders[0]
    index = json.loads((folder / "index.json").read_text())
    assert index["onnx"] == onnx.__version__
    assert {"Add", "ai.onnx.ml.Scaler"} <= set(index["operators"])
    assert "Upsample" not in index["operators"]
    names = [case["name"] for case in index["cases"]]
    assert names == sorted(path.name for path in folder.iterdir() if path.is_dir())
    (add,) = [case for case in index["cases"] if case["name"] == "test_add"]
    assert add == {"name": "test_add", "operators": ["Add"], "rtol": 1e-3, "atol": 1e-7, "inputs": 2, "outputs": 1}


def test_two_times_give_the_same_bytes(folders):
    (one, other) = ({path.relative_to(folder): path.read_bytes() for path in folder.rglob("*.*")} for folder in folders)
    assert one == other


def test_operators_within_nodes_count_with_their_domain():
    value = helper.make_tensor_value_info("y", TensorProto.FLOAT, [])
    inner = helper.make_graph([helper.make_node("Fused", ["x"], ["y"], domain="com.example")], "inner", [], [value])
    node = helper.make_node("If", ["c"], ["z"], then_branch=inner, else_branch=inner)
    graph = helper.make_graph([node, helper.make_node("Neg", ["z"], ["n"], domain="ai.onnx")], "outer", [], [])
    assert node_cases.operators(graph) == {"If", "Neg", "com.example.Fused"}


def test_a_folder_is_asked_for(capsys):
    with pytest.raises(SystemExit) as error:
        node_cases.main([])
    assert error.value.code == 2
    assert "--folder" in capsys.readouterr().err
