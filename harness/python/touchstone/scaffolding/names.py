"""What the names of config fields tell: transformers spells one thing in many ways."""

import re

TOKEN = re.compile(r"_token_(id|ids|index)$|^(bos|eos|pad|unk|mask|sep|cls|image|video|audio)_(index|token)$|_token_id_\w+$")
PLACEHOLDER = re.compile(r"^(image|video|audio|speech)_token_(id|index)$")
VOCAB = re.compile(r"(^|_)vocab(ulary)?_size(_\w+)?$|^n_vocab$|^vocab_size_\w+$|_vocab$")
HEAD = re.compile(r"(^|_)heads$|^n_head$|(^|_)(num|n)_head$|^num_attention_heads_\w+$")
KEY_VALUE = re.compile(r"(key_value|kv)_heads?$|^n_head_kv$|^multi_query_group_num$|num_key_value_groups$")
LAYER = re.compile(r"^(num_|n_)?(\w+_)?(layers?|blocks|num_layers|depth)$")
WIDTH = re.compile(r"^(hidden_size|d_model|n_embd|embed_dim|hidden_dim|dim|width|model_dim|d_embed|embedding_dim|hidden_dims?|hidden_channels)$")
FORWARD = re.compile(r"(intermediate|ffn?|mlp|inner|feed_?forward)\w*_?(size|dim|dims|width|hidden_size|channels)?$|^d_ff$|^n_inner$|^d_inner$|^ffn_dim$|^dim_feedforward$|^hidden_dim_ff$")
POSITION = re.compile(r"max_\w*(position|seq|sequence|text)\w*|^n_positions$|^n_ctx$|^max_length$|(^|_)max_seq_len\w*$")
HEAD_DIM = re.compile(r"(^|_)head_dim$|^d_kv$|^attention_head_size$|(^|_)d_head$|^kv_channels$|^head_size$|_head_dim$|(^|_)headdim$")
EXPERT = re.compile(r"(^|_)(num|n)_(\w+_)?experts$|^moe_num_experts$|^num_experts$|^n_routed_experts$")
CHOSEN = re.compile(r"experts_per_tok(en)?$|^moe_top_?k$|^moe_k$|^num_selected_experts$|^top_k_experts$|^router_top_k$")
#: A width that belongs to another part: what is handed over must be as wide there.
BRIDGE = re.compile(
    r"(out|output|proj|projection|text|llm|language|encoder|decoder|vision|visual|image|audio|speech|mm|cross|qformer|kv|context|query|backbone|input|feature|teacher|lm)"
    r"\w*(hidden_size|hidden_dim|dim|size|width|embed_dim|channels|features|d_model)$"
)
IMAGE_SIZE = ("image_size", "input_size", "img_size", "vision_image_size", "spec_size")
WINDOW = re.compile(r"(sliding_window|attention_window|local_attention|attention_chunk_size|window_size|local_attn_window\w*|attn_window\w*|sliding_window_size)$")
