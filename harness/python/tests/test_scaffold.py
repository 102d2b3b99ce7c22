"""A proposal is tiny, runs, reads like a family file, and says where it guesses."""

import pytest

pytest.importorskip("torch")

from touchstone import inputs, scaffold  # noqa: E402
from touchstone.scaffolding import guess, lints, page, repair, sizes  # noqa: E402
from touchstone.scaffolding.draft import Draft, merged, rows_of  # noqa: E402
from touchstone.scaffolding.repairs import fields, images, media, widths  # noqa: E402
from touchstone.scaffolding.repairs.trouble import Trouble  # noqa: E402
from touchstone.scaffolding.subject import Unknown, subject, subjects  # noqa: E402

BERT = """\
# yaml-language-server: $schema=../../schema.json
family: bert
title: Bert
category: text-encoder
architecture: encoder-only  # guess: from whether later tokens change earlier outputs
modality: text
checkpoints: [google-bert/bert-base-uncased]
tokenizer: BertTokenizer
transformers:
  model: BertModel
  config:
    vocab_size: 53
    hidden_size: 48
    num_hidden_layers: 3
    num_attention_heads: 6
    intermediate_size: 44
    max_position_embeddings: 67
sizes:
  batch: [2, 3]
  sequence: [10, 7]
inputs:
  input_ids: {tokens: [batch, sequence]}
  attention_mask: {lengths: {sequence: [10, 6]}}
  token_type_ids: {integers: {shape: [batch, sequence], below: 2}}
outputs:
  last_hidden_state: [batch, sequence, hidden]
  pooler_output: [batch, hidden]
variants:
  epsilon:
    tries: normalisation epsilons that float32 can tell from zero
    config: {layer_norm_eps: 1.0e-5}
"""


def test_a_proposal_reads_like_a_family_file():
    assert scaffold.scaffold("bert")["yaml"] == BERT


def test_a_causal_model_is_known_by_what_it_does():
    made = scaffold.scaffold("mistral")
    assert (made["category"], made["architecture"]) == ("text-decoder", "decoder-only")
    assert "config: {sliding_window: 4}" in made["yaml"]


def test_placeholders_are_as_many_as_features():
    made = scaffold.scaffold("llava")
    assert "media: {id: 52, count: 16}" in made["yaml"]
    assert made["architecture"] == "vision-language"


def test_an_unknown_type_is_refused():
    with pytest.raises(Unknown, match="has no model type `brt`"):
        subject("brt")


@pytest.mark.parametrize(
    ("family", "model"),
    [
        ("plbart", "PLBartForConditionalGeneration"),
        ("fsmt", "FSMTForConditionalGeneration"),
        ("whisper", "WhisperForConditionalGeneration"),
        ("glpn", "GLPNForDepthEstimation"),
        ("swin2sr", "Swin2SRForImageSuperResolution"),
        ("yolos", "YolosForObjectDetection"),
        ("vit", "ViTModel"),
        ("bert", "BertModel"),
        ("gpt2", "GPT2LMHeadModel"),
        ("llava", "LlavaForConditionalGeneration"),
    ],
)
def test_the_class_that_people_run_is_taken(family, model):
    assert subject(family).model_class.__name__ == model


def test_the_body_is_tried_where_the_head_answers_nothing():
    assert "GLPNModel" in [about.model_class.__name__ for about in subjects("glpn")]


@pytest.mark.parametrize(
    ("family", "recurrent"), [("mamba", True), ("jamba", True), ("minimax", True), ("qwen3_next", True), ("llama", False), ("gemma3_text", False)]
)
def test_a_recurrent_state_is_known_by_fields_or_kinds_of_layers(family, recurrent):
    assert guess.is_recurrent(subject(family)) is recurrent


@pytest.mark.parametrize(("inputs_", "category"), [({"bbox": inputs.boxes((2, 4), 9)}, "document"), ({}, "text-encoder")])
def test_who_takes_boxes_of_words_reads_documents(inputs_, category):
    draft = Draft("f", "F", "M", inputs=inputs_)
    guess.reads_pages(draft)
    assert draft.category == category


def shrunk(family: str, style: str = "distinct") -> dict:
    return sizes.shrink(subject(family).config_class(), style)[0]


@pytest.mark.parametrize("family", ["bert", "mixtral", "t5", "llava", "clip", "whisper"])
def test_sizes_are_distinct_and_named_like_sizes(family):
    config = shrunk(family)
    assert lints.equal_dimensions(config, {"batch": (2, 3), "sequence": (10, 7)}) == []
    assert lints.no_sizes(config) == []


def test_keys_and_values_have_fewer_heads_where_the_class_says_so():
    config = shrunk("mixtral")
    assert config["num_key_value_heads"] < config["num_attention_heads"]


def test_a_whole_cycle_of_layer_kinds_is_kept():
    about = subject("gemma3_text")
    config = about.config_class(**shrunk("gemma3_text"))
    assert set(config.layer_types) == set(about.config_class().layer_types)


def test_special_ids_stay_in_the_vocabulary_and_apart():
    config = shrunk("whisper")
    ids = [config[name] for name in ("bos_token_id", "pad_token_id", "decoder_start_token_id") if name in config]
    assert ids and max(ids) < config["vocab_size"]


def test_ratios_are_kept_where_that_is_asked_for():
    config = shrunk("bert", "scaled")
    assert config["intermediate_size"] == 4 * config["hidden_size"]


@pytest.mark.parametrize(
    ("text", "rule"),
    [
        ("Image features and image tokens do not match, tokens: 2, features: 32", media.media_count),
        ("Input image size (20*20) doesn't match model (224*224).", images.image_of_size),
        ("`codebook_size` (28) ... The codebook_size must be a power of 2.", widths.power_of_two),
        ("num_channels (48) must be divisible by num_groups (32)", widths.group_width),
        ("TimmBackbone requires the timm library but it was not found", fields.backbone),
        ("Could not find a `sliding_window` argument in the config, or it is not set", fields.unset),
    ],
)
def test_an_error_finds_its_rule(text, rule):
    assert rule in [found for pattern, found in repair.RULES if repair.re.search(pattern, text, repair.re.IGNORECASE | repair.re.DOTALL)]


def test_an_error_that_no_rule_knows_is_not_mended():
    about = subject("bert")
    draft = Draft("bert", "Bert", "BertModel")
    trouble = Trouble(draft, about, about.config_class(), ValueError("out of luck"), "ValueError: out of luck")
    assert repair.mend(trouble, repair.Counter()) is None


@pytest.mark.parametrize(
    ("value", "written"),
    [
        (1e-05, "1.0e-5"),
        (2.5e-7, "2.5e-7"),
        (0.1, "0.1"),
        (True, "true"),
        (None, "null"),
        ("gelu", "gelu"),
        ("no", '"no"'),
        ("null", '"null"'),
        ("a: b", '"a: b"'),
        ('say "x"', '"say \\"x\\""'),
        (["a,b", 1], '["a,b", 1]'),
        ({"a": [1, 2]}, "{a: [1, 2]}"),
    ],
)
def test_values_are_written_as_yaml_reads_them(value, written):
    assert page.flow(value) == written


def test_every_kind_of_input_has_its_recipe():
    written = {
        "tokens": inputs.tokens("batch", 4),
        "prompt": inputs.prompt(["batch", 9], start=[1], media=(5, 2), end=[2]),
        "lengths": inputs.lengths(sequence=[9, 5]),
        "floats": inputs.floats("batch", 3),
        "integers": inputs.integers(["batch", 3], 2),
        "constant": inputs.constant(["batch"], 1),
        "rows": inputs.rows([[1, 2]]),
    }
    assert [next(iter(page.recipe(kind))) for kind in written.values()] == list(written)


@pytest.mark.parametrize(
    ("config", "equal"),
    [
        ({"hidden_size": 48, "intermediate_size": 48}, ["hidden_size and intermediate_size"]),
        ({"hidden_size": 48, "num_attention_heads": 6}, []),
        ({"hidden_size": 36, "num_attention_heads": 6}, ["num_attention_heads and hidden_size / num_attention_heads"]),
        ({"vocab_size": 10}, ["vocab_size and sequence"]),
        ({"a_config": {"hidden_size": 8}, "b_config": {"hidden_size": 8}}, ["two parts' hidden_size"]),
    ],
)
def test_equal_dimensions_are_found(config, equal):
    assert lints.equal_dimensions(config, {"batch": (2, 3), "sequence": (10, 7)}) == equal


def test_rows_are_of_unequal_length():
    assert rows_of(10, 3) == (10, 6, 10)


def test_parts_are_merged_field_by_field():
    assert merged({"a": {"b": 1, "c": 2}}, {"a": {"b": 3}}) == {"a": {"b": 3, "c": 2}}


@pytest.mark.parametrize("arguments", [[], ["bert", "t5"], ["--all"], ["bert", "--all", "--folder", "x"]])
def test_a_wrong_command_line_is_refused(arguments, capsys):
    with pytest.raises(SystemExit):
        scaffold.main(arguments)
    assert "MODEL_TYPE" in capsys.readouterr().err
