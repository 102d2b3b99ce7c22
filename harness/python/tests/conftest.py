"""Cases small enough to be recorded within a test."""

import pytest

from touchstone import Case, integers, lengths, tokens

BERT = dict(
    category="text-encoder",
    family="bert",
    variant=None,
    model="BertModel",
    recorded_from="0123456789abcdef",
    config=dict(
        vocab_size=31,
        hidden_size=12,
        num_hidden_layers=2,
        num_attention_heads=3,
        intermediate_size=14,
        max_position_embeddings=9,
        type_vocab_size=2,
    ),
    sizes={"batch": (2, 3), "sequence": (7, 5)},
    inputs={
        "attention_mask": lengths(sequence=[7, 4]),
        "input_ids": tokens("batch", "sequence"),
        "token_type_ids": integers(("batch", "sequence"), 2),
    },
    outputs={"last_hidden_state": ("batch", "sequence", "hidden")},
)


@pytest.fixture(scope="session")
def bert() -> Case:
    return Case(**BERT)


@pytest.fixture(scope="session")
def make_bert():
    """The case with some of its facts changed; `config` is merged."""

    def make(config: dict | None = None, **changed) -> Case:
        return Case(**BERT | changed | {"config": BERT["config"] | (config or {})})

    return make


@pytest.fixture(scope="session")
def recorded_files(bert) -> dict[str, bytes]:
    """The files of the small case's reference, recorded once."""
    pytest.importorskip("torch")
    from touchstone.recording.one import record

    return record(bert).files


@pytest.fixture
def workspace(tmp_path, recorded_files, bert):
    """A workspace that holds the small case's reference."""
    folder = tmp_path / "snapshots" / "references" / bert.name
    folder.mkdir(parents=True)
    for name, content in recorded_files.items():
        (folder / name).write_bytes(content)
    return tmp_path
