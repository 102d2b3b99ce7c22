"""Records one tokenizer class of transformers: trained on a small corpus, then asked everything a user may ask."""

import hashlib
import inspect
import json
import os
import tempfile
from collections.abc import Iterator
from pathlib import Path
from typing import Any

os.environ.setdefault("TOKENIZERS_PARALLELISM", "false")
os.environ.setdefault("HF_HUB_OFFLINE", "1")

import tokenizers
import transformers

from touchstone.recording.refusal import Refused

FORMAT = 1
#: Enough for merges beyond the 256 bytes; small enough that a file can be read.
VOCABULARY = 384
CORPUS = Path(__file__).with_name("corpus.txt")
#: The files of a recorded tokenizer: what users would get from the hub, and what came of using it.
TOKENIZER, SETTINGS, EXPECTED = "tokenizer.json", "tokenizer_config.json", "expected.json"

TEXTS = (
    "The weather was fine, so they walked along the river.",
    "Don't stop: we're at 3.14159 % of 1,000,000 (or -273.15)!",
    "  two  spaces,\ttabs\t\tand\n\nnew lines \r\n at   the end   ",
    "UPPER lower MiXeD, unbelievable unthinkable rewidening",
    "def area(w, h=1.0):\n    return w * h  # m²",
    "https://example.org/a?b=c&d=1#e someone@example.org",
    "Die Straße, l'élève, piñas, Zażółć, İstanbul, ılık",
    # The same letters, composed and not.
    "caf\u00e9 and cafe\u0301, \u00c5 and A\u030a, \ufb01ne and fine, \u2126 and \u03a9",
    "Съешь же ещё этих мягких булок",
    "في الصباح شربنا الشاي",
    "सुबह हमने चाय पी",
    "今天天气很好。朝、私たちはお茶を飲んで、",
    "아침에 우리는 차를 마시고",
    # The last of these was never seen in training.
    "🙂 👍🏽 👩‍👩‍👧 🇪🇺 ☕ 🦤",
    "full\u00a0width\u3000ＡＢＣ\u200bzero\u200dwidth\ufeff marks \u202eturned\u202c",
    "controls \x07 and \x00 and \x7f and \ufffd, private \ue000, far \U0001f9ff\U000e0041",
    "aaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaa",
    " ",
    "",
    "x",
)
PAIRS = (
    ("Who walked along the river?", "They walked until the bridge, and then back through the old town."),
    ("", "The first text is empty."),
    ("今天天气很好。", "naïve 🙂"),
)
LENGTHS = (3, 8, 17)
#: Texts of unequal lengths, for one batch.
PADDED = (0, 19, 8)


def train(name: str) -> Any:
    """An object of the class with a vocabulary of its own."""
    found = getattr(transformers, name, None)
    if found is None:
        raise Refused(f"transformers {transformers.__version__} has no class `{name}`")
    lines = CORPUS.read_text(encoding="utf-8").splitlines()
    trained = found().train_new_from_iterator(iter(lines), vocab_size=VOCABULARY)
    # Checkpoints know the languages that their class names; training forgets them.
    languages = [getattr(trained, side, None) for side in ("src_lang", "tgt_lang")]
    missing = [language for language in languages if language and language not in trained.get_vocab()]
    if missing:
        trained.add_tokens(missing, special_tokens=True)
    return trained


def save(name: str, folder: str) -> None:
    """Writes what a checkpoint of the class would hold: files that loading and saving leave as they are."""
    trained = train(name)
    found = type(trained)
    trained.save_pretrained(folder)
    loaded = found.from_pretrained(folder)
    if loaded.get_vocab() != trained.get_vocab():
        # The class brings its vocabulary along, and no file changes it.
        loaded = found()
    loaded.save_pretrained(folder)


def record(name: str) -> dict[str, bytes]:
    """The files of a freshly trained tokenizer."""
    with tempfile.TemporaryDirectory(prefix="touchstone-") as folder:
        save(name, folder)
        kept = {file: (Path(folder) / file).read_bytes() for file in (TOKENIZER, SETTINGS)}
        expected = ask(name, Path(folder))
    return {**kept, EXPECTED: render(name, kept[TOKENIZER], expected)}


def check(name: str, folder: Path) -> str | None:
    """What differs between the recorded answers and those of the installed transformers; the vocabulary stays."""
    fresh = json.loads(render(name, (folder / TOKENIZER).read_bytes(), ask(name, folder)))
    stored = json.loads((folder / EXPECTED).read_bytes())
    differing = (key for key in fresh.keys() | stored.keys() if fresh.get(key) != stored.get(key) and key != "provenance")
    return min(differing, default=None)


def ask(name: str, folder: Path) -> dict[str, Any]:
    """Every question with its answer, by the class as a user loads it."""
    tokenizer = getattr(transformers, name).from_pretrained(folder)
    if not tokenizer.is_fast:
        raise Refused(f"`{name}` has no fast form, so there is no tokenizer.json that means the same")
    # Classes for documents take words, each with its box; a box changes no id.
    words = "boxes" in inspect.signature(tokenizer.__call__).parameters
    encodings = [encoding(tokenizer, words, *question) for question in questions(words)]
    return {
        "words": words,
        "texts": TEXTS,
        "pairs": PAIRS,
        "encodings": encodings,
        "padding": None if words or tokenizer.pad_token is None else padding(tokenizer),
        "decodings": decodings(tokenizer, encodings),
    }


def questions(words: bool) -> Iterator[tuple[str, int, bool, int | None]]:
    """What is encoded: a text or a pair by its number, with special ids or without, cut to a length or not."""
    texts = [number for number, text in enumerate(TEXTS) if text.strip() or not words]
    yield from (("texts", number, True, None) for number in texts)
    yield from (("texts", number, False, None) for number in texts if number % 4 == 0)
    yield from (("texts", 0, True, length) for length in LENGTHS)
    if not words:
        yield from (("pairs", number, True, None) for number in range(len(PAIRS)))
        yield from (("pairs", 0, True, length) for length in LENGTHS[1:])


def encoding(tokenizer: Any, words: bool, of: str, number: int, special: bool, length: int | None) -> dict[str, Any]:
    settings = {
        "add_special_tokens": special,
        "truncation": length is not None,
        "max_length": length,
        "return_offsets_mapping": True,
        "return_special_tokens_mask": True,
        "return_token_type_ids": True,
    }
    if words:
        taken = TEXTS[number].split()
        answer = tokenizer(taken, boxes=[[0, 0, 0, 0]] * len(taken), **settings)
    else:
        answer = tokenizer(*((TEXTS[number],) if of == "texts" else PAIRS[number]), **settings)
    return {
        of.removesuffix("s"): number,
        "special": special,
        "max_length": length,
        "ids": answer["input_ids"],
        "type_ids": digits(answer["token_type_ids"]),
        "special_tokens_mask": digits(answer["special_tokens_mask"]),
        "offsets": [place for span in answer["offset_mapping"] for place in span],
    }


def padding(tokenizer: Any) -> dict[str, Any]:
    """A batch of unequal lengths."""
    answer = tokenizer([TEXTS[number] for number in PADDED], padding=True, return_attention_mask=True)
    return {
        "texts": PADDED,
        "side": tokenizer.padding_side,
        "id": tokenizer.pad_token_id,
        "type_id": tokenizer.pad_token_type_id,
        "token": tokenizer.pad_token,
        "ids": answer["input_ids"],
        "attention_mask": [digits(row) for row in answer["attention_mask"]],
    }


def decodings(tokenizer: Any, encodings: list[dict]) -> list[dict[str, Any]]:
    """The ids of whole texts, back as text."""
    whole = [number for number, of in enumerate(encodings) if "text" in of and of["special"] and of["max_length"] is None]
    return [
        {"encoding": number, "skip_special": skip, "text": tokenizer.decode(encodings[number]["ids"], skip_special_tokens=skip)}
        for number in whole
        for skip in (False, True)
    ]


def digits(values: list[int]) -> str:
    """Small numbers, one digit each."""
    if any(value not in range(10) for value in values):
        raise Refused(f"a type or a mask of {max(values)}, where one digit was thought to be enough")
    return "".join(map(str, values))


def render(name: str, tokenizer: bytes, expected: dict[str, Any]) -> bytes:
    head = {
        "format": FORMAT,
        "class": name,
        "provenance": {"tokenizers": tokenizers.__version__, "transformers": transformers.__version__},
        "tokenizer_sha256": hashlib.sha256(tokenizer).hexdigest(),
    }
    return ("{\n" + ",\n".join(f" {compact(key)}: {entry(value)}" for key, value in (head | expected).items()) + "\n}\n").encode()


def entry(value: Any) -> str:
    """Lists of questions take a line each."""
    if isinstance(value, (list, tuple)):
        return "[\n  " + ",\n  ".join(map(compact, value)) + "\n ]"
    return compact(value)


def compact(value: Any) -> str:
    return json.dumps(value, ensure_ascii=False, separators=(",", ":"))
