"""What is changed while tracing is changed everywhere it has to be, and back afterwards."""

import pytest

torch = pytest.importorskip("torch")
pytest.importorskip("transformers")

from touchstone.recording import tracing  # noqa: E402


def test_experts_with_configs_of_their_own_are_batched_too():
    from transformers import MixtralConfig
    from transformers.models.mixtral.modeling_mixtral import MixtralExperts

    class Holder(torch.nn.Module):
        """Nothing that can be told which experts to use."""

        def __init__(self):
            super().__init__()
            config = MixtralConfig(hidden_size=8, intermediate_size=6, num_local_experts=3)
            self.first, self.second = MixtralExperts(config), MixtralExperts(config)

    model = Holder()
    own = model.first.config._experts_implementation
    with tracing.batched_experts(model):
        assert model.first.config._experts_implementation == model.second.config._experts_implementation == "batched_mm"
    assert model.first.config._experts_implementation == own
