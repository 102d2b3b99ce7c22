"""Every operator that is translated otherwise gives in ONNX Runtime what it gives in torch."""

import pytest

torch = pytest.importorskip("torch")
pytest.importorskip("onnxscript")
onnxruntime = pytest.importorskip("onnxruntime")

from touchstone.recording import graph, translations  # noqa: E402


class Divided(torch.nn.Module):
    def forward(self, value, count):
        return torch.divide(value, count)


class Mean(torch.nn.Module):
    def __init__(self, include_self):
        super().__init__()
        self.include_self = include_self

    def forward(self, start, index, source):
        return start.scatter_reduce(0, index, source, "mean", include_self=self.include_self)


DIVIDED = {"value": torch.randn(2, 3), "count": torch.tensor([[2], [3]])}
SEGMENTS = {"start": torch.tensor([5.0, 7.0, 9.0]), "index": torch.tensor([0, 0, 2, 0]), "source": torch.tensor([1.0, 2.0, 4.0, 6.0])}


@pytest.mark.parametrize(
    ("model", "given"),
    [(Divided(), DIVIDED), (Mean(include_self=True), SEGMENTS), (Mean(include_self=False), SEGMENTS)],
    ids=["divide takes whole numbers", "a mean over segments", "a mean without what was there"],
)
def test_the_graph_gives_what_torch_gives(model, given):
    with graph.quiet():
        program = torch.onnx.export(
            model.eval(), (), kwargs=given, opset_version=graph.OPSET, dynamo=True, optimize=False, custom_translation_table=translations.TABLE
        )
    session = onnxruntime.InferenceSession(program.model_proto.SerializeToString(), providers=["CPUExecutionProvider"])
    (got,) = session.run(None, {name: tensor.numpy() for name, tensor in given.items()})
    assert torch.allclose(torch.from_numpy(got), model(**given))
