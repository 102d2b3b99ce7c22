"""Helpers of transformers whose loops cannot be traced, swapped while exporting for a form that computes the same and can.

A loop over positions has a length that Python must know, and one over the experts that were hit depends on what is routed.
The graph that comes of it is proven against PyTorch's own numbers, which come from the helpers as they are.
"""

import contextlib
import math
import sys
from collections.abc import Iterator
from statistics import NormalDist
from unittest import mock

import torch
from torch._higher_order_ops.scan import scan
from torch.nn import functional


def selective_scan(hidden_states, dt, A, B, C, D=None, z=None, delta_bias=None, delta_softplus=False, return_last_state=False, **unread):
    """`mamba_selective_scan`."""
    batch, width, _ = hidden_states.shape
    if delta_bias is not None:
        dt = dt + delta_bias.to(dt.dtype)[..., None]
    if delta_softplus:
        dt = functional.softplus(dt)
    B, C = B.transpose(1, 2), C.transpose(1, 2)
    decay = torch.exp(A[None, :, None, :] * dt[:, :, :, None])
    given = dt[:, :, :, None] * B[:, None, :, :] * hidden_states[:, :, :, None]

    def step(state, at):
        decay, given, read = at
        state = decay * state + given
        return state, torch.matmul(state, read.unsqueeze(-1))[:, :, 0]

    last, out = scan(step, torch.zeros(batch, width, A.shape[-1]), (decay.permute(2, 0, 1, 3), given.permute(2, 0, 1, 3), C.permute(1, 0, 2)))
    out = out.permute(1, 2, 0)
    if D is not None:
        out = out + hidden_states * D[None, :, None]
    if z is not None:
        out = out * functional.silu(z)
    return (out, last) if return_last_state else out


def delta_rule(query, key, value, g, beta, use_qk_l2norm_in_kernel=False, **unread):
    """The recurrence that `torch_chunk_gated_delta_rule` and `chunk_kimi_delta_attention` compute by chunks."""
    groups = value.shape[2] // key.shape[2]
    if groups > 1:
        query, key = (x.repeat_interleave(groups, dim=2) for x in (query, key))
    if use_qk_l2norm_in_kernel:
        query, key = (x * torch.rsqrt((x * x).sum(dim=-1, keepdim=True) + 1e-6) for x in (query, key))
    query = query * query.shape[-1] ** -0.5
    # One decay a head, or one for each place of its key; spread out, since tracing a scan takes an axis of one for one of any length.
    decay = (g if g.dim() == 4 else g.unsqueeze(-1).expand_as(key)).exp()

    def step(state, at):
        query, key, value, decay, share = at
        state = state * decay.unsqueeze(-1)
        new = (value - (state * key.unsqueeze(-1)).sum(-2)) * share.unsqueeze(-1)
        state = state + key.unsqueeze(-1) * new.unsqueeze(-2)
        return state, (state * query.unsqueeze(-1)).sum(-2)

    batch, _, heads, width = key.shape
    _, out = scan(step, torch.zeros(batch, heads, width, value.shape[-1]), tuple(x.transpose(0, 1) for x in (query, key, value, decay, beta)))
    return out.transpose(0, 1), None


def rwkv_attention(time_decay, time_first, key, value, state=None, return_state=False):
    """`rwkv_linear_attention_cpu`."""
    decay = -torch.exp(time_decay)

    def step(carry, at):
        numerator, denominator, largest = carry
        key, value, decay, first = at
        most = torch.maximum(largest, key + first)
        old, new = torch.exp(largest - most), torch.exp(key + first - most)
        out = (old * numerator + new * value) / (old * denominator + new)
        most = torch.maximum(largest + decay, key)
        old, new = torch.exp(largest + decay - most), torch.exp(key - most)
        return (old * numerator + new * value, old * denominator + new, most), out

    nothing = torch.zeros_like(key[:, 0])
    along = key.transpose(0, 1)
    given = (along, value.transpose(0, 1), decay.expand_as(along), time_first.expand_as(along))
    last, out = scan(step, (nothing, nothing.clone(), nothing - 1e38), given)
    return out.transpose(0, 1), list(last) if return_state or state is not None else None


def linear_recurrence(self, hidden_states, recurrent_gate, reset, recurrent_states, acc_dtype=torch.float32):
    """`_rnn_scan`."""

    def step(state, at):
        gate, given = at
        state = gate * state + given
        return state, state.clone()

    gate = recurrent_gate * ~reset
    last, out = scan(step, torch.zeros_like(hidden_states[:, 0]), (gate.transpose(0, 1), hidden_states.transpose(0, 1)))
    return out.transpose(0, 1), last


def matrix_memory(self, query, key, value, igate, fgate, c_initial=None, n_initial=None, m_initial=None, **unread):
    """`xLSTMBackend` where no chunk is full, by the recurrence that its kernels compute."""
    batch, heads, _, width = key.shape

    def step(carry, at):
        memory, norm, largest = carry
        query, key, value, given, kept = at
        most = torch.maximum(kept + largest, given)
        old, new = torch.exp(kept + largest - most), torch.exp(given - most)
        memory = old[..., None] * memory + new[..., None] * (key[..., :, None] * value[..., None, :])
        norm = old * norm + new * key
        read = (query[..., :, None] * memory).sum(-2)
        size = torch.maximum((query * norm).sum(-1, keepdim=True).abs(), torch.exp(-most)) + self.config.eps
        return (memory, norm, most), read / size

    nothing = torch.zeros(batch, heads, width, value.shape[-1])
    initial = (nothing, torch.zeros(batch, heads, width), torch.zeros(batch, heads, 1))
    gates = igate.unsqueeze(-1), functional.logsigmoid(fgate).unsqueeze(-1)
    given = tuple(x.permute(2, 0, 1, 3) for x in (query * width**-0.5, key, value, *gates))
    last, out = scan(step, initial, given)
    return out.permute(1, 2, 0, 3), last


def selected_blocks(self, hidden_states, position_embeddings, attention_mask, past_key_values=None):
    """`Qwen4ExpTextQSAIndexer` for all queries at once, each of which sees the first so many tokens that its row holds."""
    rotated = sys.modules[type(self).__module__].apply_rotary_pos_emb
    batch, length, _ = hidden_states.shape
    cos, sin = position_embeddings
    heads, ratio = self.index_n_heads, self.compress_ratio
    queries, keys = self.index_qk_proj(hidden_states).split([heads * self.index_head_dim, self.index_head_dim], dim=-1)
    queries = rotated(self.q_layernorm(queries.reshape(batch, length, heads, -1)), cos=cos, sin=sin, unsqueeze_dim=2)
    seen = (attention_mask == 0)[:, 0]
    held = seen.any(1)
    rank = held.long().cumsum(-1) - 1
    first = torch.arange(length // ratio)[:, None] * ratio
    within = held[:, None] & (rank[:, None] >= first) & (rank[:, None] < first + ratio)
    members = within.to(keys.dtype)
    starts = (within & (rank[:, None] == first)).to(keys.dtype)
    pooled = self.k_layernorm(members @ keys / ratio)
    blocks = rotated(pooled.unsqueeze(2), cos=starts @ cos, sin=starts @ sin, unsqueeze_dim=2).squeeze(2)
    scores = torch.relu(queries @ blocks.transpose(1, 2).unsqueeze(1)).sum(2) * self.index_head_dim**-0.5
    complete = seen.sum(-1, keepdim=True) // ratio * ratio
    whole = first[:, 0] < complete
    chosen = scores.masked_fill(~whole, -1.0).topk(min(self.block_topk, length // ratio), dim=-1).indices
    taken = torch.zeros_like(scores).scatter(-1, chosen, 1.0) * whole
    tail = seen & (rank[:, None] >= complete)
    return ((taken @ members > 0.5) | tail).unsqueeze(1)


def shifted_within(self, token_ids, shift):
    """`Qwen4ExpTextNGramEmbedding._shift_right_ignore_eos` without the running maximum of places, which ONNX lacks."""
    end = token_ids.new_full((), self.eos_token_id)
    shifted = token_ids
    apart = torch.zeros_like(token_ids, dtype=torch.bool)
    for step in range(1, shift + 1):
        shifted = functional.pad(token_ids, (step, 0), value=self.eos_token_id)[:, : token_ids.shape[1]]
        # No token is taken from behind an end.
        apart = apart | (shifted == end)
    return torch.where(apart, end, shifted)


def weighed(self, hidden_states, shares):
    """All experts of a `ModuleDict`, each with every token's share in it."""
    return sum(self[f"expert_{number}"](hidden_states) * shares[:, number, None] for number in range(self.num_experts))


def selected_experts(self, hidden_states, selected_experts, routing_weights):
    """`SwitchTransformersExperts`."""
    return weighed(self, hidden_states, selected_experts[:, 0].to(hidden_states.dtype) * routing_weights)


def masked_experts(self, hidden_states, router_mask, router_probs):
    """`NllbMoeExperts`."""
    masks = functional.one_hot(router_mask, num_classes=self.num_experts).to(hidden_states.dtype)
    return weighed(self, hidden_states, (router_probs[..., None] * masks).sum(1) * (1 - self.moe_token_dropout))


def gated_experts(self, hidden_states, top_k_index, top_k_weights):
    """`DbrxExperts`."""
    tokens = hidden_states.reshape(-1, self.hidden_size)
    up, gate, down = (w.view(self.num_experts, self.ffn_hidden_size, self.hidden_size) for w in (self.mlp.w1, self.mlp.v1, self.mlp.w2))
    states = self.mlp.activation_fn(tokens @ up.transpose(1, 2)) * (tokens @ gate.transpose(1, 2))
    return shared(states @ down, top_k_index, top_k_weights).view(hidden_states.shape)


def regulated_lengths(encoded_embeddings, duration_labels, speaking_speed=1.0):
    """`length_regulator`: each frame takes the token whose time it is."""
    if speaking_speed != 1.0:
        duration_labels = torch.round(duration_labels.float() * speaking_speed).long()
    ends = duration_labels.cumsum(1)
    frames = torch.arange(ends[:, -1].max())
    token = (frames[None, :, None] >= ends[:, None, :]).sum(-1)
    # Behind the last token lies a row of zeros.
    rows = functional.pad(encoded_embeddings, (0, 0, 0, 1))
    return rows.gather(1, token.unsqueeze(-1).expand(-1, -1, rows.shape[-1]))


def near_positions(self, feature_representation):
    """`FastSpeech2ConformerRelPositionalEncoding`, of as many places as are read and not of the 5000 that it keeps."""
    length = feature_representation.shape[1]
    distance = torch.arange(length - 1, -length, -1).to(feature_representation.dtype).unsqueeze(1)
    turns = torch.exp(torch.arange(0, self.embed_dim, 2).to(distance.dtype) * -(math.log(10000.0) / self.embed_dim)) * distance
    return feature_representation * self.input_scale, torch.stack([turns.sin(), turns.cos()], -1).flatten(1).unsqueeze(0)


def rotary_table(self, hidden_states):
    """`ClvpRotaryPositionalEmbedding`, which keeps the table of the length that it has last met."""
    turns = torch.arange(hidden_states.shape[1]).type_as(self.inv_freq)[:, None] * self.inv_freq
    return torch.cat((turns, turns), dim=-1).unsqueeze(0)


def sparse_gate(self, inputs):
    """`_gaussian_topk`: the quantile of a normal distribution is a number, and has no ONNX form as a tensor."""
    quantile = NormalDist().inv_cdf(self.activation_sparsity)
    spread = torch.std(inputs, dim=-1, keepdim=True, unbiased=False)
    return functional.relu(inputs - (inputs.mean(dim=-1, keepdim=True) + spread * quantile))


def shared(answers, top_k_index, top_k_weights, more=0):
    """What all experts answer, [expert, token, hidden], by each token's share in them; `more` experts have no answer here."""
    shares = torch.zeros(answers.shape[1], len(answers) + more, dtype=answers.dtype).scatter(1, top_k_index, top_k_weights)
    return (answers * shares[:, : len(answers)].T.unsqueeze(-1)).sum(0)


def clamped_experts(self, hidden_states, top_k_index, top_k_weights):
    """`Step3p7Experts`; tokens that another machine's experts take have one place more."""
    states = self._apply_gate(hidden_states @ self.gate_up_proj.transpose(1, 2))
    return shared(states @ self.down_proj.transpose(1, 2), top_k_index, top_k_weights, more=1)


def experts_beside_none(self, hidden_states, top_k_index, top_k_weights):
    """`LongcatFlashExperts`, the last of which give a token back as it is."""
    gate, up = (hidden_states @ self.gate_up_proj[: self.num_routed_experts].transpose(1, 2)).chunk(2, dim=-1)
    answers = self.act_fn(gate) * up @ self.down_proj.transpose(1, 2)
    return shared(torch.cat([answers, hidden_states.expand(self.zero_expert_num, -1, -1)]), top_k_index, top_k_weights)


def counted_gating(self, hidden_states):
    """`JetMoeTopKGating`, whose counts stay a tensor."""
    logits = self.layer(hidden_states)
    most, places = logits.topk(self.top_k, dim=1)
    counts = functional.one_hot(places, self.num_experts).sum((0, 1))
    order = places.flatten().sort(0)[1]
    return order, order // self.top_k, torch.softmax(most, dim=1).flatten()[order], counts, logits


def counted_experts(self, inputs, expert_size):
    """`JetMoeParallelExperts`: the tokens of each expert lie one after the other."""
    expert = searchsorted(expert_size.cumsum(0), torch.arange(inputs.shape[0]), right=True)
    return (self.weight[expert] @ inputs.unsqueeze(-1)).squeeze(-1)


def running(reduce):
    """`torch.cummax` or `torch.cummin`: everything behind a place is replaced by what stands at the place itself."""

    def form(input, dim):
        values = input.movedim(dim, -1)
        places = torch.arange(values.shape[-1])
        reached = places <= places[:, None]
        seen = torch.where(reached, values.unsqueeze(-2), values.unsqueeze(-1))
        most = reduce(seen, -1)
        last = torch.where(reached & (seen == most.unsqueeze(-1)), places, -1).amax(-1)
        return most.movedim(-1, dim), last.movedim(-1, dim)

    return form


def searchsorted(sorted_sequence, input, right=False):
    """`torch.searchsorted`: how many lie before."""
    before, value = sorted_sequence.unsqueeze(-2), input.unsqueeze(-1)
    return (before <= value if right else before < value).sum(-1)


def polynomial_hash(token_tensor, prime=1000000007):
    """`rolling_polynomial_hash` by products and sums that overflow as torch's do: ONNX Runtime's Pow and ReduceSum go by floats."""
    powers = [(prime**place + 2**63) % 2**64 - 2**63 for place in range(token_tensor.shape[-1])]
    return sum(token_tensor[..., place] * power for place, power in enumerate(powers))


def overlapping_chunks(hidden_states, window_overlap, onnx_export=False):
    """`_chunk` of Longformer's kin, whose strides are those of one machine's memory."""
    return hidden_states.unfold(1, 2 * window_overlap, window_overlap).transpose(2, 3)


def chunks_of_values(self, attn_probs, value, window_overlap):
    """`_sliding_chunks_matmul_attn_probs_value` of Longformer's kin, for the same reason."""
    batch, length, heads, width = value.shape
    shares = attn_probs.transpose(1, 2).reshape(batch * heads, length // window_overlap, window_overlap, 2 * window_overlap + 1)
    value = value.transpose(1, 2).reshape(batch * heads, length, width)
    value = functional.pad(value, (0, 0, window_overlap, window_overlap), value=-1)
    value = value.unfold(1, 3 * window_overlap, window_overlap).transpose(2, 3)
    return (self._pad_and_diagonalize(shares) @ value).view(batch, heads, length, width).transpose(1, 2)


#: Of torch itself: what has no ONNX form.
OPERATORS = {"cummax": running(torch.amax), "cummin": running(torch.amin), "searchsorted": searchsorted}
#: By the name that a module of transformers has them under.
FUNCTIONS = {
    "mamba_selective_scan": selective_scan,
    "torch_chunk_gated_delta_rule": delta_rule,
    "chunk_kimi_delta_attention": delta_rule,
    "rwkv_linear_attention_cpu": rwkv_attention,
    "length_regulator": regulated_lengths,
    "rolling_polynomial_hash": polynomial_hash,
}
#: By the name of the class, or of the method alone.
METHODS = {
    ("SwitchTransformersExperts", "forward"): selected_experts,
    ("NllbMoeExperts", "forward"): masked_experts,
    ("DbrxExperts", "forward"): gated_experts,
    ("FastSpeech2ConformerRelPositionalEncoding", "forward"): near_positions,
    ("ClvpRotaryPositionalEmbedding", "forward"): rotary_table,
    ("xLSTMBackend", "forward"): matrix_memory,
    ("Qwen4ExpTextQSAIndexer", "forward"): selected_blocks,
    ("Qwen4ExpTextNGramEmbedding", "_shift_right_ignore_eos"): shifted_within,
    ("Step3p7Experts", "forward"): clamped_experts,
    ("LongcatFlashExperts", "forward"): experts_beside_none,
    ("JetMoeTopKGating", "forward"): counted_gating,
    ("JetMoeParallelExperts", "forward"): counted_experts,
    (None, "_rnn_scan"): linear_recurrence,
    (None, "_gaussian_topk"): sparse_gate,
    ("LongformerSelfAttention", "_chunk"): staticmethod(overlapping_chunks),
    ("LEDEncoderSelfAttention", "_chunk"): staticmethod(overlapping_chunks),
    (None, "_sliding_chunks_matmul_attn_probs_value"): chunks_of_values,
}


def found(model: torch.nn.Module) -> list[tuple[object, str, object]]:
    """What of the model can be swapped: its owner, its name, and the form that takes its place."""
    classes = {type(module): None for module in model.modules()}
    homes = {home: None for cls in classes if (home := sys.modules.get(cls.__module__)) is not None}
    swaps = [(home, name, form) for home in homes for name, form in FUNCTIONS.items() if hasattr(home, name)]
    return swaps + [
        (cls, method, form) for cls in classes for (name, method), form in METHODS.items() if name in (None, cls.__name__) and hasattr(cls, method)
    ]


@contextlib.contextmanager
def traceable(model: torch.nn.Module) -> Iterator[None]:
    """Everything of the model that has a form that can be traced, in that form."""
    with contextlib.ExitStack() as stack:
        for owner, name, form in [*found(model), *((torch, name, form) for name, form in OPERATORS.items())]:
            stack.enter_context(mock.patch.object(owner, name, form))
        yield
