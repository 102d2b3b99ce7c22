"""Greedy decoding: how far the prompt goes, what grows with it, where it ends, and what is refused."""

import dataclasses
from types import SimpleNamespace

import numpy as np
import pytest

torch = pytest.importorskip("torch")

from touchstone import Case, floats, integers, lengths, prompt, tokens  # noqa: E402
from touchstone.recording import audit, greedy, truth  # noqa: E402
from touchstone.recording.one import Recording  # noqa: E402
from touchstone.recording.refusal import Refused  # noqa: E402

LLAMA = Case(
    category="text-decoder",
    family="llama",
    variant=None,
    model="LlamaForCausalLM",
    recorded_from="0" * 16,
    decodes_along="sequence",
    config=dict(
        vocab_size=31,
        hidden_size=12,
        num_hidden_layers=2,
        num_attention_heads=3,
        intermediate_size=14,
        max_position_embeddings=24,
    ),
    sizes={"batch": (2, 3), "sequence": (9, 5)},
    inputs={"attention_mask": lengths(sequence=[9, 6]), "input_ids": tokens("batch", "sequence")},
    outputs={"logits": ("batch", "sequence", "vocab")},
)
IMAGE = 30


def models(size: int | None = 24) -> SimpleNamespace:
    """As much of a pair of models as a plan reads."""
    config = SimpleNamespace(max_position_embeddings=size)
    return SimpleNamespace(single=SimpleNamespace(config=SimpleNamespace(get_text_config=lambda decoder: config)))


def arrays(case: Case) -> dict[str, np.ndarray]:
    ids = np.arange(18, dtype=np.int64).reshape(2, 9)
    taken = {name: ids for name in greedy.growing(case)}
    for name in greedy.masks(case):
        taken[name] = (np.arange(9) < np.array(case.inputs[name].of)[:, None]).astype(np.int64)
    return taken


def changed(**facts) -> Case:
    return dataclasses.replace(LLAMA, **facts)


def with_image(count: int) -> Case:
    return changed(inputs=LLAMA.inputs | {"input_ids": prompt(("batch", "sequence"), start=[1], media=(IMAGE, count))})


@pytest.mark.parametrize(
    ("case", "expected"),
    [
        (LLAMA, 5),
        (changed(inputs=LLAMA.inputs | {"attention_mask": lengths(sequence=[9, 3])}), 3),
        (changed(inputs={"input_ids": tokens("batch", "sequence")}), 5),
        (with_image(2), 5),
        (with_image(4), 6),
    ],
    ids=["half, rounded up", "the shortest row", "no mask", "an image within the half", "past the image"],
)
def test_the_prompt_is_half_of_the_axis_unless_rows_or_images_say_otherwise(case, expected):
    assert greedy.plans(case, models(), arrays(case))[0].prompt == expected


def test_an_image_as_long_as_the_shortest_row_is_refused():
    case = with_image(5)
    with pytest.raises(Refused, match="a prompt past the placeholders has 7 tokens, and the shortest row has 6"):
        greedy.plans(case, models(), arrays(case))


@pytest.mark.parametrize(("size", "count"), [(None, 8), (24, 8), (13, 8), (12, 7), (6, 1)])
def test_no_more_tokens_than_the_config_has_positions_for(size, count):
    assert greedy.plans(LLAMA, models(size), arrays(LLAMA))[0].count == count


def test_a_config_without_room_is_refused():
    with pytest.raises(Refused, match="a prompt of 5 tokens fills all 5 positions of the config"):
        greedy.plans(LLAMA, models(5), arrays(LLAMA))


@pytest.mark.parametrize(
    ("case", "why"),
    [
        (changed(decodes_along=None), None),
        (changed(outputs={"last_hidden_state": ("batch", "sequence", "hidden")}), None),
        (changed(outputs={"logits": ("batch", "labels")}), None),
        (changed(decodes_along="target"), None),
        (
            changed(inputs=LLAMA.inputs | {"token_type_ids": integers(("batch", "sequence"), 2)}),
            "input `token_type_ids` lies along `sequence` and has no rule to grow by",
        ),
        (changed(inputs={"inputs_embeds": floats("batch", "sequence", 12)}), "0 inputs of ids lie along `sequence`, and one must"),
    ],
    ids=["nothing decodes", "no logits", "no axis", "another axis", "what cannot grow", "no ids"],
)
def test_where_nothing_can_be_decoded_there_is_no_section(case, why):
    assert greedy.section(case, models(), {}) == (None, why)


@pytest.fixture(scope="module")
def made(tmp_path_factory) -> Recording:
    return Recording(LLAMA, tmp_path_factory.mktemp("llama"))


def test_the_tokens_are_those_of_transformers_own_loop(made):
    section, why = greedy.section(LLAMA, made.models, made.arrays)
    assert why is None
    assert (section["along"], section["input"], section["output"]) == ("sequence", "input_ids", "logits")
    prompt = section["prompt"]
    ids = torch.from_numpy(made.arrays["input_ids"][:, :prompt])
    with torch.no_grad():
        said = made.models.single.generate(ids, attention_mask=torch.ones_like(ids), max_new_tokens=8, do_sample=False, eos_token_id=None)
    count = len(section["tokens"][0])
    assert 1 <= count <= 8
    assert section["tokens"] == said[:, prompt : prompt + count].tolist()
    assert section["gap"] >= greedy.SMALLEST_GAP


def test_masks_grow_with_the_tokens_and_nothing_else_does():
    plan = greedy.plans(LLAMA, models(), arrays(LLAMA))[0]
    ids = np.zeros((2, 7), dtype=np.int64)
    other = np.ones((2, 3), dtype=np.float32)
    grown = greedy.grown(LLAMA, arrays(LLAMA) | {"pixel_values": other}, plan, ids)
    assert grown["attention_mask"].tolist() == [[1] * 7] * 2
    assert grown["input_ids"] is ids
    assert grown["pixel_values"] is other


@pytest.fixture
def fake(monkeypatch):
    """Decodes with made-up logits: one pair a step, of each row's best id and its lead."""

    def decode(picks, case=LLAMA, single=lambda logits: logits):
        steps = iter(picks)

        def run(case, models, inputs):
            logits = np.zeros((2, inputs["input_ids"].shape[1], 31))
            for row, (best, lead) in enumerate(next(steps)):
                logits[row, -1] = np.linspace(-1, 1, 31)
                logits[row, -1, best] = 1 + lead
            return {"logits": logits}, {"logits": single(logits)}, 0

        monkeypatch.setattr(truth, "run_proven", run)
        plan, tokens, gap = greedy.longest(case, models(), arrays(case))
        assert list(steps) == [], "it asked for less than was laid ready"
        return plan.prompt, tokens.tolist(), gap

    return decode


SURE, DOUBTFUL, AN_IMAGE = [(3, 1.0), (4, 0.5)], [(7, 1.0), (8, 1e-5)], [(IMAGE, 1.0), (6, 1.0)]


def test_the_first_prompt_that_goes_on_to_the_end_is_taken(fake):
    prompt, tokens, gap = fake([SURE] * 8)
    assert (prompt, tokens) == (5, [[3] * 8, [4] * 8])
    assert 0.4 < gap < 1.0


@pytest.mark.parametrize(
    ("picks", "prompt", "count"),
    [
        ([DOUBTFUL, *[SURE] * 8], 6, 8),
        ([SURE, DOUBTFUL, SURE, SURE, DOUBTFUL], 6, 2),
        ([SURE, SURE, DOUBTFUL, SURE, DOUBTFUL], 5, 2),
        ([SURE, AN_IMAGE, DOUBTFUL], 5, 1),
    ],
    ids=["the first has nothing to say", "the second says more", "the first says more", "a placeholder is no text"],
)
def test_it_ends_before_a_pick_in_doubt_and_the_prompt_that_says_most_is_taken(fake, picks, prompt, count):
    assert fake(picks, case=with_image(2))[:2] == (prompt, [[3] * count, [4] * count])


def test_not_one_token_is_refused_with_the_first_reason(fake):
    with pytest.raises(Refused, match=r"not one token after a prompt of 5: the best two logits are 1.\de-05 of their size apart"):
        fake([DOUBTFUL, AN_IMAGE], case=with_image(2))


def test_float32_that_picks_otherwise_is_refused(fake):
    with pytest.raises(Refused, match="not one token after a prompt of 5: float32 and float64 pick different tokens"):
        fake([SURE, SURE], single=lambda logits: -logits)


def test_other_tokens_are_drift_and_another_gap_in_the_last_digits_is_none():
    stored = {"along": "target", "prompt": 4, "tokens": [[1, 2]], "gap": 0.25}
    assert audit.alike_greedy(stored, stored | {"gap": 0.250001})
    assert audit.alike_greedy(None, None)
    for fresh in (None, stored | {"tokens": [[1, 3]]}, stored | {"prompt": 5}, stored | {"gap": 2.5}):
        assert not audit.alike_greedy(stored, fresh)
        assert not audit.alike_greedy(fresh, stored)
