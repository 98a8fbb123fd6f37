"""The byte-token core on a two-layer GPT-2-shaped model with random weights, one thread, V = 32,000.

The yardstick is the floor: the same model read token by token with its cache. The fastest public conversion reaches
4 to 5 % of it in bytes a second (163-232 of 4,100-4,900); eight times that for a known text is a ratio of times of
2.6, twice that byte by byte is 10.5.
"""

from __future__ import annotations

import math
import time
from base64 import b64encode
from collections.abc import Callable, Iterator
from pathlib import Path

import numpy as np
import pytest

torch = pytest.importorskip("torch")
pytest.importorskip("transformers")
pytest.importorskip("mistral_common")

from toys_torch import build_gpt2  # noqa: E402, behind the skips

from tokbench.bytelevel import ByteModel, InCall, canonical_rule  # noqa: E402
from tokbench.bytelevel.masses import Masses  # noqa: E402
from tokbench.bytelevel.naive import healed_next, naive_next  # noqa: E402
from tokbench.bytelevel.reference import Reference, begins_an_encoding  # noqa: E402
from tokbench.bytelevel.session import Session  # noqa: E402
from tokbench.bytelevel.trie import Trie  # noqa: E402
from tokbench.models import HashModel, HfModel  # noqa: E402
from tokbench.models._hf import cache_name  # noqa: E402
from tokbench.tokenizers import Tokenizer, load_tokenizer  # noqa: E402

Ratio = Callable[..., float]
Row = tuple[str, str, str, str, str]

ONE_SHOT, STEPWISE = 2.6, 10.5
FLOOR_PER_BYTE = 1.10

TEXTS = (
    "The quick brown fox jumps over the lazy dog, and nobody expected the others to follow it.",
    'def add(a, b):\n    """Sum of two numbers."""\n    return a + b\n\n\nprint(add(2, 40))\n',
    "naïve café — 你好 🦙 नमस्ते; l'été 2024: 3.14159, don't we'll\n",
    "if x:\n\t\tfor  i in  range(10):\n\t\t\tprint( i )   \n\n\n\treturn x",
)
CHECKED = (b"in  ", b"ret", b"don", b"caf\xc3")


def ranks_file(folder: Path, size: int) -> str:
    """The first ``size`` ranks of a large production vocabulary, under the split pattern of GPT-2."""
    tekken = load_tokenizer("mistral:tekken_240911")
    first = min(id_ for id_ in tekken.ids() if tekken.kind(id_) == "normal")
    lines = [b64encode(tekken.token_bytes(first + rank)) + b" %d\n" % rank for rank in range(size)]
    path = folder / f"ranks{size}.tiktoken"
    path.write_bytes(b"".join(lines))
    return f"tiktoken:{path}?pattern=gpt2"


@pytest.fixture(scope="module", autouse=True)
def _one_thread() -> Iterator[None]:
    before = torch.get_num_threads()
    torch.set_num_threads(1)
    yield
    torch.set_num_threads(before)


@pytest.fixture(scope="module")
def tokenizer(tmp_path_factory: pytest.TempPathFactory) -> Tokenizer:
    return load_tokenizer(ranks_file(tmp_path_factory.mktemp("ranks"), 32_000))


def hf_model(size: int) -> HfModel:
    """A model over ``size`` text tokens, an end token and a start token."""
    return HfModel(build_gpt2(layers=2, width=64, vocabulary=size + 2, seed=1), start_ids=(size + 1,), end_ids=(size,))


@pytest.fixture(scope="module")
def model() -> HfModel:
    return hf_model(32_000)


def token_by_token(tokenizer: Tokenizer) -> Callable[[], object]:
    """The floor: bare transformers, one forward a token with the cache."""
    from transformers import DynamicCache

    bare = build_gpt2(layers=2, width=64, vocabulary=32_002, seed=1)
    name = cache_name(bare)
    texts = [[32_001, *tokenizer.encode(text)] for text in TEXTS]

    def read() -> None:
        with torch.inference_mode():
            for ids in texts:
                cache = DynamicCache()
                for token in ids:
                    logits = bare(torch.tensor([[token]]), **{name: cache}, use_cache=True).logits[0, -1]
                    torch.log_softmax(logits, -1).numpy()

    return read


def one_shot(byte_model: ByteModel) -> Callable[[], object]:
    return lambda: [byte_model.logprob(text) for text in TEXTS]


def stepwise(byte_model: ByteModel) -> Callable[[], object]:
    def read() -> None:
        for text in TEXTS:
            state = byte_model.start()
            for byte in text.encode():
                state.next_byte_logprobs()
                state.push(bytes([byte]))

    return read


def test_known_text(ratio: Ratio, tokenizer: Tokenizer, model: HfModel) -> None:
    """Every byte of a known text, cover enumeration included, against the token floor."""
    ratio(one_shot(ByteModel(model, tokenizer)), token_by_token(tokenizer), bar=ONE_SHOT)


def test_byte_by_byte(ratio: Ratio, tokenizer: Tokenizer, model: HfModel) -> None:
    """Every distribution of a text byte by byte, against the token floor."""
    ratio(stepwise(ByteModel(model, tokenizer)), token_by_token(tokenizer), bar=STEPWISE)


def test_whole_text(ratio: Ratio, tokenizer: Tokenizer, model: HfModel) -> None:
    """The probability of whole texts alone: about one position a token."""
    byte_model = ByteModel(model, tokenizer)
    ratio(lambda: byte_model.score_batch(TEXTS, per_byte=False), token_by_token(tokenizer), bar=1.0)


@pytest.mark.parametrize("size", [32_000, 128_000])
def test_logits_to_bytes(ratio: Ratio, size: int, tmp_path_factory: pytest.TempPathFactory, table: list[Row]) -> None:
    """One row of logits to 256 byte masses, against one full ``logaddexp`` reduction of it; at most 0.3 ms at 128k."""
    tokenizer = load_tokenizer(ranks_file(tmp_path_factory.mktemp("ranks"), size))
    vocabulary = tokenizer.byte_vocabulary()
    model = HashModel(vocabulary, end_ids=(size,))
    session, trie = Session(model, vocabulary), Trie(vocabulary)
    row = np.asarray(model.initial()[1], np.float32)
    _, starts = trie.root.fan

    def sums() -> None:
        found = Masses(session.text(row)).log_sums(starts)
        np.exp(found - np.logaddexp.reduce(found))

    ratio(sums, lambda: np.logaddexp.reduce(row.astype(np.float64)), bar=1.0)
    best = min(_time(sums) for _ in range(50))
    table.append((f"one row, V = {size:,}", "", f"{best * 1e3:.3f} ms", "", ""))


def _time(function: Callable[[], object]) -> float:
    start = time.perf_counter()
    function()
    return time.perf_counter() - start


# ---------------------------------------------------------------------- the table


@pytest.fixture(scope="module")
def small(tmp_path_factory: pytest.TempPathFactory) -> tuple[Tokenizer, HfModel]:
    """A vocabulary that brute force can walk: 256 bytes and 44 merges."""
    return load_tokenizer(ranks_file(tmp_path_factory.mktemp("ranks"), 300)), hf_model(300)


def _probabilities(model: HfModel) -> Callable[[tuple[int, ...]], np.ndarray]:
    """Probabilities behind ids, each time from the beginning."""

    def found(ids: tuple[int, ...]) -> np.ndarray:
        tokens = [*model.start_ids, *ids]
        handles, rows = model.extend([None, *map(InCall, range(len(tokens) - 1))], tokens)
        model.release(handles)
        return np.exp(np.asarray(rows[-1], np.float64))

    return found


def _error(small: tuple[Tokenizer, HfModel], reading: str) -> float:
    """Largest total variation to the readable twin over a few prompts."""
    tokenizer, model = small
    bytes_of = {token: tokenizer.token_bytes(token) for token in range(300)}
    more = [letter.encode() for letter in ("a", "n", "s", " ", "1", ".", "\n", "\u00a9", "'")]

    def encode(data: bytes) -> list[int]:
        return tokenizer.encode(data.decode())

    def complete(ids: tuple[int, ...]) -> bool:
        try:
            return tuple(encode(b"".join(bytes_of[token] for token in ids))) == ids
        except UnicodeDecodeError:
            return False

    admitted = begins_an_encoding(encode, bytes_of, [*more, *(bytes([byte]) for byte in range(0x80, 0x100))], 1)
    if reading == "canonical":
        rule = canonical_rule(tokenizer)
        position = {int(token): index for index, token in enumerate(tokenizer.byte_vocabulary().ids)}
        admitted = lambda ids: rule.context_of([position[token] for token in ids]) is not None  # noqa: E731
    reference = Reference(
        _probabilities(model), bytes_of, model.end_ids, None if reading == "all" else admitted, complete,
        reading=reading, renormalise="byte",
    )  # fmt: skip
    byte_model = ByteModel(model, tokenizer, reading=reading, eps=0)
    return max(
        float(np.abs(byte_model.next_byte_logprobs(prompt).probabilities - reference.next(prompt)).sum() / 2)
        for prompt in CHECKED[:2]
    )


def test_table(tokenizer: Tokenizer, model: HfModel, small: tuple[Tokenizer, HfModel], table: list[Row]) -> None:
    """Fills the table that the run ends with."""
    size = sum(len(text.encode()) for text in TEXTS)

    def row(way: str, error: str, read: Callable[[], object], positions: float, forwards: float, volume: int) -> None:
        read()
        best = min(_time(read) for _ in range(3))
        costs = ["" if math.isnan(cost) else f"{cost / volume:.3f}" for cost in (positions, forwards)]
        table.append((way, error, f"{volume / best:,.0f}", costs[0], costs[1]))

    for reading in ("canonical", "canonical_context"):
        byte_model = ByteModel(model, tokenizer, reading=reading)
        scores = [byte_model.logprob(text) for text in TEXTS]
        error = f"{_error(small, reading):.1e}"
        positions, forwards = sum(score.positions for score in scores), sum(score.forwards for score in scores)
        assert positions <= FLOOR_PER_BYTE * size
        row(f"{reading}, known text", error, one_shot(byte_model), positions, forwards, size)
        states = [_walk(byte_model, text) for text in TEXTS]
        row(f"{reading}, byte by byte", error, stepwise(byte_model), sum(state[0] for state in states),
            sum(state[1] for state in states), size)  # fmt: skip
    whole = ByteModel(model, tokenizer).score_batch(TEXTS, per_byte=False)
    row("canonical, whole texts", "", lambda: ByteModel(model, tokenizer).score_batch(TEXTS, per_byte=False),
        whole[0].positions, whole[0].forwards, size)  # fmt: skip
    head = TEXTS[0][:12]
    every = ByteModel(model, tokenizer, reading="all", eps=1e-2)
    score = every.logprob(head)
    row(f"all, eps 0.01, {len(head)} bytes", f"{_error(small, 'all'):.1e} at eps 0", lambda: every.logprob(head),
        score.positions, score.forwards, len(head))  # fmt: skip
    byte_model = ByteModel(model, tokenizer)
    for name, usual in (("naive", naive_next), ("token healing", healed_next)):
        cuts = [(text.encode(), at) for text in TEXTS for at in range(1, len(text.encode()), 9)]
        cuts = [(data, at) for data, at in cuts if data[at] & 0xC0 != 0x80]
        errors = [_distance(byte_model, usual, data[:at]) for data, at in cuts]
        row(name, f"{np.mean(errors):.1e} to canonical", lambda: [usual(byte_model, data[:at]) for data, at in cuts],  # noqa: B023, used at once
            math.nan, math.nan, len(cuts))  # fmt: skip
    tokens = sum(len(tokenizer.encode(text)) + 1 for text in TEXTS)
    row("token by token (floor)", "no bytes", token_by_token(tokenizer), tokens, tokens, size)


def _walk(byte_model: ByteModel, text: str) -> tuple[int, int]:
    state = byte_model.start()
    for byte in text.encode():
        state.next_byte_logprobs()
        state.push(bytes([byte]))
    return state.positions, state.forwards


def _distance(byte_model: ByteModel, usual: Callable[..., np.ndarray], prefix: bytes) -> float:
    exact = byte_model.next_byte_logprobs(prefix).probabilities
    return float(np.abs(np.exp(usual(byte_model, prefix)) - exact).sum() / 2)
