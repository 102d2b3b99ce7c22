"""Weights that cannot matter are listed with a reason, or the reference is refused."""

import dataclasses

import numpy as np
import pytest

torch = pytest.importorskip("torch")

from touchstone.recording import one, sensitivity  # noqa: E402
from touchstone.recording.refusal import Refused  # noqa: E402


@pytest.fixture
def recording(tmp_path):
    return lambda case: one.Recording(case, tmp_path)


def inert(made):
    return dict(sensitivity.inert(made.case, made.models.double, made.arrays, made.weights))


def test_key_biases_and_an_unused_pooler_are_listed(recording, bert):
    assert inert(recording(bert)) == {
        "encoder.layer.0.attention.self.key.bias": sensitivity.SHIFT,
        "encoder.layer.1.attention.self.key.bias": sensitivity.SHIFT,
        "pooler.dense.bias": sensitivity.UNREACHED,
        "pooler.dense.weight": sensitivity.UNREACHED,
    }


def test_a_dead_layer_is_refused(recording, make_bert):
    made = recording(make_bert(config={"hidden_act": "relu"}))
    made.models.double.encoder.layer[0].intermediate.dense.bias.data.fill_(-1e3)
    with pytest.raises(Refused, match=r"weight `encoder.layer.0.intermediate.dense.bias` has no effect .* for no known reason"):
        inert(made)


def test_an_effect_that_float32_would_drown_is_refused(recording, bert):
    made = recording(bert)
    made.models.double.encoder.layer[0].output.dense.weight.data.mul_(1e-9)
    with pytest.raises(Refused, match="moves the compared outputs too little to be seen"):
        inert(made)


def test_a_model_without_any_effect_is_refused(recording, bert):
    made = recording(bert)
    norm = made.models.double.encoder.layer[1].output.LayerNorm
    norm.weight.data.zero_()
    with pytest.raises(Refused):
        inert(made)


class Small(torch.nn.Module):
    """A model that is saved as it is, with what a checkpoint may hold besides parameters."""

    def __init__(self, uses: str) -> None:
        super().__init__()
        self.uses = uses
        self.fc = torch.nn.Linear(3, 3)
        self.norm = torch.nn.BatchNorm1d(3)
        self.register_buffer("table", torch.arange(9.0).reshape(3, 3))
        self.register_buffer("derived", torch.ones(3), persistent=False)
        self.eval().double()

    def forward(self, x):
        y = self.fc(x) + self.derived
        return {"y": self.norm(y) if self.uses == "norm" else y @ self.table if self.uses == "table" else y}

    def save_pretrained(self, folder):
        from safetensors.torch import save_file

        save_file(self.state_dict(), folder / "model.safetensors", metadata={"format": "pt"})


@pytest.mark.parametrize(
    ("uses", "unreached"),
    [
        ("norm", ["table"]),
        ("table", ["norm.bias", "norm.running_mean", "norm.running_var", "norm.weight"]),
        ("nothing", ["norm.bias", "norm.running_mean", "norm.running_var", "norm.weight", "table"]),
    ],
)
def test_buffers_that_nothing_leads_from_are_unreached(uses, unreached):
    from touchstone import Case, floats

    case = Case(
        category="c", family="f", variant=None, model="M", recorded_from="0" * 16, config={}, sizes={"batch": (2,)},
        inputs={"x": floats("batch", 3)}, outputs={"y": ("batch", 3)},
    )
    model = Small(uses)
    before = {name: tensor.clone() for name, tensor in model.state_dict().items()}
    gradients, _ = sensitivity.saved_gradients(case, model, {"x": np.ones((2, 3), dtype=np.float32)})
    assert sorted(name for name, tensor in gradients.items() if tensor.is_floating_point() and tensor.isnan().all()) == unreached
    assert not any(buffer.requires_grad for buffer in model.buffers())
    assert all(torch.equal(before[name], tensor) for name, tensor in model.state_dict().items())


class Doubled(torch.autograd.Function):
    """Says what its derivative is only while training, as reversible layers do."""

    @staticmethod
    def forward(ctx, x):
        ctx.save_for_backward(x)
        with torch.no_grad():
            return 2 * x

    @staticmethod
    def backward(ctx, gradient):
        raise AssertionError("only while training")


class Strange(Small):
    """Keeps what it computed, or has a derivative of its own."""

    def forward(self, x):
        y = self.fc(x)
        if self.uses == "state":
            self.last = y
        return {"y": Doubled.apply(y) if self.uses == "derivative" else y}


@pytest.mark.parametrize("uses", ["state", "derivative"])
def test_a_model_that_training_expects_otherwise_is_measured(uses):
    from touchstone import Case, floats

    case = Case(
        category="c", family="f", variant=None, model="M", recorded_from="0" * 16, config={}, sizes={"batch": (2,)},
        inputs={"x": floats("batch", 3)}, outputs={"y": ("batch", 3)},
    )
    arrays = {"x": np.ones((2, 3), dtype=np.float32)}
    plain, _ = sensitivity.saved_gradients(case, Small("nothing"), arrays)
    gradients, _ = sensitivity.saved_gradients(case, Strange(uses), arrays)
    factor = 2 if uses == "derivative" else 1
    assert torch.allclose(gradients["fc.weight"], factor * plain["fc.weight"])


def test_a_model_that_asserts_otherwise_is_an_error(bert):
    class Broken(Small):
        def forward(self, x):
            raise AssertionError("not in this way either")

    with pytest.raises(AssertionError, match="not in this way either"):
        sensitivity.any_backward(dataclasses.replace(bert, inputs={"x": None}), Broken("nothing"), {"x": np.ones((2, 3), dtype=np.float32)})


@pytest.mark.parametrize(
    "name",
    [
        "encoder.layer.0.attention.self.key.bias",
        "model.layers.3.self_attn.k_proj.bias",
        "blocks.0.attn.k.bias",
        "transformer.layer.0.attention.k_lin.bias",
        "layers.0.key_proj.bias",
        "layers.0.first_sub_layer.key_net.bias",
    ],
)
def test_names_of_key_biases(name):
    assert sensitivity.KEY_BIAS.search(name)


@pytest.mark.parametrize(
    "name",
    ["encoder.layer.0.attention.self.query.bias", "layers.0.self_attn.k_proj.weight", "task.bias", "monkey.bias", "mlp.fc1.bias"],
)
def test_other_names_are_no_key_biases(name):
    assert not sensitivity.KEY_BIAS.search(name)


@pytest.mark.parametrize(
    ("name", "saved", "same"),
    [
        ("model.encoder.fc", "model.encoder.fc", True),
        ("model.encoder.fc", "encoder.fc", True),
        ("encoder.fc", "model.encoder.fc", True),
        ("my_encoder.fc", "encoder.fc", False),
        ("", "encoder.fc", False),
    ],
)
def test_saved_names_find_their_module(name, saved, same):
    assert sensitivity.same_module(name, saved) is same


@pytest.mark.parametrize(("difference", "equal"), [(0.0, True), (1e-16, True), (1e-10, False)])
def test_positions_are_equal_up_to_rounding(difference, equal):
    values = torch.ones(2, 4, 3, dtype=torch.float64)
    values[:, 2] += difference
    assert sensitivity.is_equal_along(values) is equal


def test_a_module_that_gives_a_mask_is_watched_like_others():
    class Mask(torch.nn.Module):
        def forward(self, hidden):
            return hidden > 0

    model = torch.nn.Sequential(torch.nn.Linear(4, 4), Mask())
    watch = sensitivity.Watch(model)
    model(torch.randn(2, 3, 4))
    watch.close()
    assert "1" not in watch.equal and not watch.equal["0"]
