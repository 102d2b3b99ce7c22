"""What torchlib translates wrongly comes out right in ONNX Runtime."""

import io
from contextlib import redirect_stdout

import numpy as np
import pytest

torch = pytest.importorskip("torch")
pytest.importorskip("onnx")

from touchstone.recording import graph, translations  # noqa: E402


class Mean(torch.nn.Module):
    def __init__(self, include_self):
        super().__init__()
        self.include_self = include_self

    def forward(self, start, index, source):
        return start.scatter_reduce(0, index, source, "mean", include_self=self.include_self)


@pytest.mark.parametrize("include_self", [True, False])
def test_a_mean_over_segments_takes_in_all_that_falls_there(include_self):
    import onnxruntime

    model = Mean(include_self).eval()
    given = torch.tensor([5.0, 7.0, 9.0]), torch.tensor([0, 0, 2, 0]), torch.tensor([1.0, 2.0, 4.0, 6.0])
    with redirect_stdout(io.StringIO()):
        program = torch.onnx.export(
            model, given, opset_version=graph.OPSET, dynamo=True, optimize=False, custom_translation_table=translations.TABLE
        )
    session = onnxruntime.InferenceSession(program.model_proto.SerializeToString(), providers=["CPUExecutionProvider"])
    got = session.run(None, {entry.name: value.numpy() for entry, value in zip(session.get_inputs(), given, strict=True)})[0]
    assert np.allclose(got, model(*given).numpy())
