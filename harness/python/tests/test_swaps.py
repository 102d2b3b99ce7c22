"""Every form that takes a helper's place while exporting computes what the helper computes."""

import importlib
import inspect
from types import SimpleNamespace

import pytest

torch = pytest.importorskip("torch")
pytest.importorskip("transformers")

from touchstone.recording import swaps  # noqa: E402


@pytest.fixture(autouse=True)
def seed():
    torch.manual_seed(0)


def helper(family: str, name: str):
    return getattr(importlib.import_module(f"transformers.models.{family}.modeling_{family}"), name)


def first(answer):
    return answer[0] if isinstance(answer, tuple) else answer


def scanned():
    dt, x, z = torch.randn(2, 6, 9), torch.randn(2, 6, 9), torch.randn(2, 6, 9)
    B, C = torch.randn(2, 4, 9), torch.randn(2, 4, 9)
    given = {"D": torch.randn(6), "z": z, "delta_bias": torch.randn(6), "delta_softplus": True, "return_last_state": True}
    return (x, dt, -torch.rand(6, 4), B, C), given


def ruled(decays, key_heads, value_heads):
    query, key = torch.randn(2, 9, key_heads, 5), torch.randn(2, 9, key_heads, 5)
    value, share = torch.randn(2, 9, value_heads, 3), torch.rand(2, 9, value_heads)
    decay = -torch.rand(2, 9, value_heads, 5) if decays else -torch.rand(2, 9, value_heads)
    return (query, key, value, decay, share), {"use_qk_l2norm_in_kernel": True}


def attended():
    return (torch.randn(6), torch.randn(6), torch.randn(2, 9, 6), torch.randn(2, 9, 6)), {}


@pytest.mark.parametrize(
    ("family", "name", "given"),
    [
        ("mamba", "mamba_selective_scan", scanned),
        ("qwen3_next", "torch_chunk_gated_delta_rule", lambda: ruled(False, 2, 2)),
        ("qwen3_next", "torch_chunk_gated_delta_rule", lambda: ruled(False, 2, 4)),
        ("kimi_linear", "chunk_kimi_delta_attention", lambda: ruled(True, 2, 2)),
        ("rwkv", "rwkv_linear_attention_cpu", attended),
    ],
)
def test_a_recurrence_is_the_loop(family, name, given):
    arguments, named = given()
    expected, got = helper(family, name)(*arguments, **named), swaps.FUNCTIONS[name](*arguments, **named)
    assert torch.allclose(first(got), first(expected), atol=2e-5)


def test_a_method_that_loops():
    x, gate, reset = torch.randn(2, 9, 6), torch.rand(2, 9, 6), torch.zeros(2, 9, 1, dtype=torch.bool)
    own = helper("recurrent_gemma", "RecurrentGemmaRglru")._rnn_scan
    expected, last = own(None, x, gate, reset, None)
    got, state = swaps.linear_recurrence(None, x, gate, reset, None)
    assert torch.allclose(got, expected, atol=1e-6) and torch.allclose(state, last, atol=1e-6)


def test_frames_by_duration():
    states, durations = torch.randn(2, 4, 6), torch.tensor([[2, 0, 3, 1], [1, 1, 0, 0]])
    expected = helper("fastspeech2_conformer", "length_regulator")
    for speed in (1.0, 1.6):
        assert torch.equal(swaps.regulated_lengths(states, durations, speed), expected(states, durations, speed))


def test_positions_of_as_many_places_as_there_are():
    encoding = helper("fastspeech2_conformer", "FastSpeech2ConformerRelPositionalEncoding")(SimpleNamespace(hidden_size=6), {"positional_dropout_rate": 0.0})
    states = torch.randn(2, 5, 6)
    for got, expected in zip(swaps.near_positions(encoding, states), encoding(states), strict=True):
        assert torch.allclose(got, expected, atol=1e-6)


def test_a_table_that_is_kept():
    kept = helper("clvp", "ClvpRotaryPositionalEmbedding")(SimpleNamespace(projection_dim=20, num_attention_heads=2))
    states = torch.randn(2, 5, 6)
    assert torch.equal(swaps.rotary_table(kept, states), kept(states))


def test_a_module_that_loops():
    from transformers import xLSTMConfig

    config = xLSTMConfig(hidden_size=24, num_heads=2, num_hidden_layers=1, eps=0.01)
    backend = helper("xlstm", "xLSTMBackend")(config)
    query, key, value = torch.randn(2, 2, 9, 6), torch.randn(2, 2, 9, 6), torch.randn(2, 2, 9, 12)
    igate, fgate = 3 * torch.randn(2, 2, 9), 3 * torch.randn(2, 2, 9)
    given = {"query": query, "key": key, "value": value, "igate": igate, "fgate": fgate}
    expected, states = backend(**given)
    got, last = swaps.matrix_memory(backend, **given)
    assert torch.allclose(got, expected, atol=1e-5)
    assert all(torch.allclose(state, own, atol=1e-5) for state, own in zip(last, states, strict=True))


def qwen4_exp(**given):
    from transformers.models.qwen4_exp.configuration_qwen4_exp import Qwen4ExpTextConfig

    sizes = {"vocab_size": 13, "hidden_size": 12, "head_dim": 8, "num_hidden_layers": 2, "layer_types": ["linear_attention", "indexed_attention"]}
    index = {"indexer_n_heads": 3, "indexer_kv_heads": 1, "indexer_head_dim": 8, "indexer_budget": 4, "indexer_compress_ratio": 2}
    return Qwen4ExpTextConfig(**sizes, **index, **given)


def test_an_index_of_all_queries_at_once():
    indexer = helper("qwen4_exp", "Qwen4ExpTextQSAIndexer")(qwen4_exp(), 1)
    angles = torch.randn(2, 11, 8)
    # Padding at the end of one row, at the start of the other.
    held = torch.tensor([[1] * 8 + [0] * 3, [0] * 2 + [1] * 9]).bool()
    seen = torch.ones(11, 11).tril().bool() & held[:, None]
    mask = torch.zeros(2, 1, 11, 11).masked_fill(~seen[:, None], torch.finfo(torch.float32).min)
    given = (torch.randn(2, 11, 12), (angles.cos(), angles.sin()), mask, None)
    with torch.no_grad():
        assert torch.equal(swaps.selected_blocks(indexer, *given), indexer(*given))


def test_tokens_that_are_shifted_within_their_segment():
    config = qwen4_exp(ple_layer_ids=[1], eos_token_id=3, heads_per_ngram=1, ngram_vocab_size_base=7)
    embedding = helper("qwen4_exp", "Qwen4ExpTextNGramEmbedding")(config, 12, 0)
    ids = torch.randint(0, 5, (4, 15))
    for shift in range(3):
        assert torch.equal(swaps.shifted_within(embedding, ids, shift), embedding._shift_right_ignore_eos(ids, shift))


@pytest.mark.parametrize(("family", "name"), [("longformer", "LongformerSelfAttention"), ("led", "LEDEncoderSelfAttention")])
def test_windows_that_overlap(family, name):
    own = helper(family, name)
    states = torch.randn(12, 3, 5).transpose(0, 1)
    assert torch.equal(swaps.overlapping_chunks(states, 2), own._chunk(states, 2))
    bare = SimpleNamespace(_pad_and_diagonalize=own._pad_and_diagonalize)
    shares, values = torch.rand(2, 12, 3, 5), torch.randn(2, 12, 3, 7)
    expected = own._sliding_chunks_matmul_attn_probs_value(bare, shares, values, 2)
    assert torch.allclose(swaps.chunks_of_values(bare, shares, values, 2), expected, atol=1e-6)


def routed(tokens, experts, chosen):
    return torch.stack([torch.randperm(experts)[:chosen] for _ in range(tokens)]), torch.rand(tokens, chosen)


def test_experts_that_are_all_asked():
    config = SimpleNamespace(hidden_size=6, ffn_hidden_size=5, moe_num_experts=3, ffn_act_fn={"name": "silu"})
    experts = helper("dbrx", "DbrxExperts")(config)
    for parameter in experts.parameters():
        torch.nn.init.normal_(parameter)
    x, (places, shares) = torch.randn(2, 4, 6), routed(8, 3, 2)
    with torch.no_grad():
        assert torch.allclose(swaps.gated_experts(experts, x, places, shares), experts(x, places, shares), atol=1e-4)


def test_experts_in_a_dict_that_are_all_asked():
    from transformers import SwitchTransformersConfig

    config = SwitchTransformersConfig(d_model=6, d_ff=5, num_experts=3, dropout_rate=0.0)
    experts = helper("switch_transformers", "SwitchTransformersExperts")(config).eval()
    x, places, shares = torch.randn(8, 6), torch.randint(0, 3, (8,)), torch.rand(8, 1)
    chosen = torch.nn.functional.one_hot(places, 3)[:, None]
    with torch.no_grad():
        assert torch.allclose(swaps.selected_experts(experts, x, chosen, shares), experts(x, chosen, shares), atol=1e-5)


def test_experts_beside_some_that_give_a_token_back():
    config = SimpleNamespace(hidden_size=6, expert_ffn_hidden_size=5, n_routed_experts=3, zero_expert_num=2, hidden_act="silu")
    experts = helper("longcat_flash", "LongcatFlashExperts")(config)
    holds_as_the_helper(experts, swaps.experts_beside_none, *routed(8, 5, 2))


def test_experts_that_clamp_and_one_place_too_many():
    config = SimpleNamespace(hidden_size=6, moe_intermediate_size=5, num_local_experts=3, hidden_act="silu")
    experts = helper("step3p7", "Step3p7Experts")(config, swiglu_limit=0.5)
    places, shares = routed(8, 3, 2)
    places[0, 0] = 3
    holds_as_the_helper(experts, swaps.clamped_experts, places, shares)


def holds_as_the_helper(experts, form, places, shares):
    for parameter in experts.parameters():
        torch.nn.init.normal_(parameter)
    x = torch.randn(len(places), 6)
    with torch.no_grad():
        assert torch.allclose(form(experts, x, places, shares), experts(x, places, shares), atol=1e-4)


def test_experts_whose_tokens_are_counted():
    from transformers import JetMoeConfig

    moe = helper("jetmoe", "JetMoeMoE")(JetMoeConfig(hidden_size=6, intermediate_size=5, num_local_experts=4, num_experts_per_tok=2))
    for parameter in moe.parameters():
        torch.nn.init.normal_(parameter)
    x = torch.randn(2, 7, 6)
    with torch.no_grad():
        expected = moe(x)
        with swaps.traceable(moe):
            assert torch.allclose(moe(x), expected, atol=1e-4)
            assert isinstance(moe.router(x.reshape(-1, 6))[3], torch.Tensor)


@pytest.mark.parametrize(("name", "dim"), [("cummax", 0), ("cummax", 1), ("cummin", -1), ("cummin", -2)])
def test_what_torch_gathers_along_an_axis(name, dim):
    x = torch.tensor([[3, 1, 4, 4, 1], [5, 5, 2, 6, 0], [3, 5, 4, 6, 0]])
    for expected, got in zip(getattr(torch, name)(x, dim), swaps.OPERATORS[name](x, dim), strict=True):
        assert torch.equal(expected, got)


@pytest.mark.parametrize("right", [True, False])
@pytest.mark.parametrize("rows", [(), (2,)])
def test_where_torch_would_sort_in(rows, right):
    bounds, x = torch.randint(0, 9, (*rows, 5)).sort(-1)[0], torch.randint(0, 9, (*rows, 7))
    assert torch.equal(torch.searchsorted(bounds, x, right=right), swaps.searchsorted(bounds, x, right=right))


@pytest.mark.parametrize("prime", [1000000007, 9576890767])
def test_a_hash_that_overflows(prime):
    tokens = torch.randint(0, 260, (2, 9, 8))
    assert torch.equal(swaps.polynomial_hash(tokens, prime), helper("blt", "rolling_polynomial_hash")(tokens, prime))


@pytest.mark.parametrize("kept", [True, False])
def test_a_state_is_given_only_where_it_is_asked_for(kept):
    arguments, _ = attended()
    assert (swaps.rwkv_attention(*arguments, return_state=kept)[1] is None) is not kept


def test_every_swap_takes_what_its_helper_takes():
    """A helper that is called otherwise one day must not be swapped silently."""
    for family, name in (("mamba", "mamba_selective_scan"), ("qwen3_next", "torch_chunk_gated_delta_rule"), ("kimi_linear", "chunk_kimi_delta_attention"), ("rwkv", "rwkv_linear_attention_cpu")):
        own, form = (list(inspect.signature(function).parameters) for function in (helper(family, name), swaps.FUNCTIONS[name]))
        positional = [name for name in form if name not in ("unread", "use_qk_l2norm_in_kernel")]
        assert own[: len(positional)] == positional


class Mamba(torch.nn.Module):
    """Not from a module that has anything to swap."""


def test_what_has_no_form_stays():
    with swaps.traceable(Mamba()):
        pass
    assert swaps.found(Mamba()) == []


def test_swaps_end_with_the_export():
    from transformers import MambaConfig, MambaModel

    model = MambaModel(MambaConfig(hidden_size=8, state_size=4, num_hidden_layers=1, vocab_size=11))
    own = helper("mamba", "mamba_selective_scan")
    with swaps.traceable(model):
        assert helper("mamba", "mamba_selective_scan") is swaps.selective_scan
    assert helper("mamba", "mamba_selective_scan") is own


def test_a_sparse_gate_keeps_what_its_quantile_leaves():
    gate, given = SimpleNamespace(activation_sparsity=0.95), torch.randn(2, 3, 80)
    expected, got = helper("gemma3n", "Gemma3nTextMLP")._gaussian_topk(gate, given), swaps.sparse_gate(gate, given)
    assert 0 < (got > 0).float().mean() < 0.1
    assert torch.allclose(got, expected, atol=1e-5)
