"""Weights that the architecture leaves without effect are told from those that one draw of numbers silences."""

import numpy as np
import pytest

torch = pytest.importorskip("torch")

from touchstone import Case, floats  # noqa: E402
from touchstone.recording import discrete, fill, never, sensitivity  # noqa: E402
from touchstone.recording.refusal import Refused  # noqa: E402

CASE = Case(
    category="c", family="f", variant=None, model="M", recorded_from="0" * 16, config={}, sizes={"batch": (2, 3)},
    inputs={"x": floats("batch", 4)}, outputs={"y": ("batch",)},
)


class Small(torch.nn.Module):
    def __init__(self, kind: str) -> None:
        super().__init__()
        self.kind = kind
        self.fc = torch.nn.Linear(4, 4)
        self.out = torch.nn.Linear(4, 4)
        if kind == "scaled":
            self.register_buffer("factor", torch.rand(1) + 0.5)
        if kind == "corrected":
            self.register_buffer("correction", torch.randn(4))

    def forward(self, x):
        y = self.out(x)
        if self.kind == "cut off":
            return {"y": torch.cat([y, self.fc(x)], dim=-1)[:, :4]}
        if self.kind == "scaled":
            return {"y": torch.nn.functional.layer_norm(y * self.factor, (4,), eps=1e-9)}
        if self.kind == "corrected":
            return {"y": y * (1 + torch.nn.functional.one_hot((y.softmax(-1) + self.correction).argmax(-1), 4))}
        if self.kind == "detached":
            return {"y": y + self.fc(x).detach()}
        if self.kind == "without gradients":
            with torch.no_grad():
                other = self.fc(x)
            return {"y": y + other}
        if self.kind == "chosen":
            return {"y": y * (1 + torch.nn.functional.one_hot(self.fc(x).argmax(-1), 4))}
        if self.kind == "cancelled":
            return {"y": y * (self.fc.weight.sum() + torch.softmax(x + self.fc.bias.sum(), -1))}
        return {"y": y + torch.relu(self.fc(x))}

    def save_pretrained(self, folder):
        from safetensors.torch import save_file

        save_file(self.state_dict(), folder / "model.safetensors", metadata={"format": "pt"})


def arrays(seed, rows=2):
    return {"x": np.random.default_rng(seed).normal(size=(rows, 4)).astype(np.float32)}


def redrawn(kind):
    def again(draw):
        torch.manual_seed(draw)
        return Small(kind).double(), arrays(draw, 2 + draw % 2)

    return again


def inert(kind, silence=False, again=True):
    torch.manual_seed(99)
    model = Small(kind).double()
    if silence:
        model.fc.bias.data.fill_(-100)
    saved = [fill.Weight(name, tuple(tensor.shape), "f32", 1.0, 0.0) for name, tensor in model.state_dict().items()]
    return dict(sensitivity.inert(CASE, model, arrays(99), saved, redrawn(kind) if again else None))


@pytest.mark.parametrize(
    ("kind", "expected"),
    [
        ("cut off", {"fc.bias": never.REASON, "fc.weight": never.REASON}),
        ("cancelled", {"fc.bias": never.REASON}),
        ("alive", {}),
        ("scaled", {"factor": sensitivity.FAINT, "fc.bias": sensitivity.UNREACHED, "fc.weight": sensitivity.UNREACHED}),
        ("corrected", {"fc.bias": sensitivity.UNREACHED, "fc.weight": sensitivity.UNREACHED}),
        ("detached", {}),
        ("without gradients", {}),
        ("chosen", {}),
    ],
)
def test_what_no_draw_lets_speak_is_listed(kind, expected):
    assert inert(kind) == expected


def test_what_another_draw_lets_speak_is_refused():
    with pytest.raises(Refused, match=r"weight `fc.bias` has no effect .* for no known reason"):
        inert("alive", silence=True)


def test_without_other_draws_nothing_is_shown():
    with pytest.raises(Refused, match=r"weight `fc.bias` has no effect"):
        inert("cut off", again=False)


def test_an_expert_is_never_taken_for_silent():
    assert never.silent(["a.experts.3.up", "b"], lambda draw: lambda name: False) == {"b"}


@pytest.mark.parametrize(
    ("name", "config", "expected"),
    [
        ("a.mlp.experts.3.gate_proj.weight", {"n_routed_experts": 3, "zero_expert_num": 2}, True),
        ("a.mlp.experts.2.gate_proj.weight", {"n_routed_experts": 3, "zero_expert_num": 2}, False),
        ("a.mlp.experts.3.gate_proj.weight", {"n_routed_experts": 3}, False),
        ("a.mlp.experts.3.gate_proj.weight", {"n_routed_experts": 3, "zero_expert_num": 0}, False),
        ("a.mlp.experts.3.gate_proj.weight", {"zero_expert_num": 2}, False),
        ("a.mlp.experts.gate_up_proj", {"n_routed_experts": 3, "zero_expert_num": 2}, False),
        ("a.mlp.shared_experts.up.weight", {"n_routed_experts": 3, "zero_expert_num": 2}, False),
    ],
)
def test_only_an_expert_that_gives_its_token_back_is_taken_for_silent(name, config, expected):
    assert never.silent([name], lambda draw: lambda name: False, config) == ({name} if expected else set())
    assert never.silent([name], lambda draw: lambda name: draw == 4, config) == set()


def test_one_draw_with_an_effect_is_enough():
    asked = []
    assert never.silent(["a"], lambda draw: asked.append(draw) or (lambda name: draw == 2)) == set()
    assert asked == [0, 1, 2]


@pytest.mark.parametrize("speaking", [[], [0], [3, 4], list(range(8))])
def test_weights_that_speak_through_a_choice_are_found_by_halves(speaking):
    pairs = [(torch.zeros(1), torch.ones(1)) for _ in range(8)]
    moves = lambda: any(bool(pairs[number][0]) for number in speaking)  # noqa: E731
    found = [number for number in range(8) if any(parameter is pairs[number][0] for parameter in discrete.heard(pairs, moves))]
    assert found == speaking
    assert not any(bool(parameter) for parameter, _ in pairs)


def test_what_is_not_told_apart_in_time_counts_as_heard():
    pairs = [(torch.zeros(1), torch.ones(1)) for _ in range(100)]
    assert len(discrete.heard(pairs, lambda: True)) == 100


def test_what_no_operator_is_given_is_not_seen():
    given, spare = torch.nn.Linear(2, 2), torch.nn.Linear(2, 2)
    with discrete.Read() as read:
        given(torch.ones(1, 2))
    assert [id(parameter) in read.seen for parameter in (*given.parameters(), *spare.parameters())] == [True, True, False, False]
