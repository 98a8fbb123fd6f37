"""Known texts in one tree: against single steps, over many chunks, and on real vocabularies."""

from __future__ import annotations

import math
from pathlib import Path

import numpy as np
import pytest
from byte_toys import RENORMALISE, Case, text_toy
from golden_toys import LEAKY, byte_model

from tokbench.bytelevel.covers import CHUNK
from tokbench.bytelevel.model import ByteModel
from tokbench.bytelevel.oneshot import score_shared, score_text
from tokbench.bytelevel.protocol import InCall, PrefixModel
from tokbench.bytelevel.readings import SYMBOLS
from tokbench.models import HashModel
from tokbench.tokenizers import Tokenizer, load_tokenizer

TEXTS = {
    "english": "The committee didn't agree on whether the bridge, which they'd inspected twice, was worth its price.\n"
    "\"We'll see,\" said the youngest of them, and left before anyone could answer.\n",
    "python": 'def median(values: list[float]) -> float:\n    """Middle of some numbers.\n\n    Raises:\n'
    '        ValueError: If there are none.\n    """\n    ordered = sorted(values)\n    if not ordered:\n'
    '        raise ValueError("no numbers")\n    half = len(ordered) // 2\n    return ordered[half]\n',
    "unicode": "na\u00efve caf\u00e9 \u2014 \u00fcber Stra\u00dfe; \u4f60\u597d\uff0c\u4e16\u754c\uff01 "
    "\u041f\u0440\u0438\u0432\u0435\u0442 \u0645\u0631\u062d\u0628\u0627 \U0001f999"
    "\U0001f468\u200d\U0001f469\u200d\U0001f467 e\u0301.\n",
    "digits": "In 2023 it was 1,234.56 (or 1234567 of 98765432109), don't you think? I'm 42;"
    " they're 7x6=42, it's 0x2A.\n",
    "spaces": "\tif (a  ==  b)  {\n\t\treturn\t 1 ;   \n\n\n\t}   // two  spaces,   three\n \n  \n    x\n",
}  # fmt: skip


# ---------------------------------------------------------------------- toys


@pytest.mark.parametrize("reading", ["canonical", "canonical_context"])
def test_weights_of_every_offset_are_those_of_states(reading: str) -> None:
    model = Case(text_toy(0), 6, 1.0, "ids", reading, None).over()
    text = "a  b's \u00e91 ".encode()
    scored, positions, forwards = score_text(model._core, text, symbols=True)
    assert forwards == 1
    assert positions == len({*range(positions)})
    assert scored.symbols is not None
    assert scored.symbols.shape == (len(text) + 1, SYMBOLS)
    for at in range(len(text) + 1):
        found = model.next_byte_logprobs(text[:at])
        assert scored.weights[at] == pytest.approx(found.log_weight, abs=1e-9)
        assert np.allclose(np.exp(scored.symbols[at] - scored.weights[at]), found.probabilities, rtol=1e-9, atol=0)
    assert scored.undecided.max() == 0
    assert scored.end == pytest.approx(model.logprob(text, end=True).value)


def test_only_the_offsets_that_were_asked_for_are_weighed() -> None:
    model = Case(text_toy(0), 6, 1.0, "ids", "canonical", None).over()
    text = b"a b a"
    (scored, other), positions, forwards = score_shared(model._core, [text, b"a b b"], [(2, 5), (5,)])
    assert np.flatnonzero(~np.isnan(scored.weights)).tolist() == [0, 2, 5]
    assert np.flatnonzero(~np.isnan(other.weights)).tolist() == [0, 5]
    whole, alone, _ = score_text(model._core, text)
    assert scored.weights[5] == pytest.approx(float(whole.weights[5]), abs=1e-12)
    assert positions < 2 * alone
    assert forwards == 1


@pytest.mark.parametrize("renormalise", RENORMALISE)
def test_a_text_of_many_chunks(renormalise: str | None) -> None:
    # more contexts than one call computes; the rows of the calls before are gone by then
    text = (b"AAAB" * CHUNK)[: 3 * CHUNK + 17]
    model = byte_model(lambda _: LEAKY, renormalise=renormalise)
    score = model.logprob(text, end=True)
    assert score.forwards == math.ceil(score.positions / CHUNK) > 2
    assert score.per_byte is not None
    assert np.isfinite(score.per_byte).all()
    assert score.value == pytest.approx(float(score.per_byte.sum()))
    head = model.logprob(text[:40])
    assert head.per_byte is not None
    assert score.per_byte[:40] == pytest.approx(head.per_byte, abs=1e-9)


def test_deep_texts_need_no_deep_stack() -> None:
    text = b"B" * 6000
    model = byte_model(lambda _: LEAKY, renormalise=None)
    assert model.logprob(text).value == pytest.approx(6000 * math.log(1 / 4))
    state = model.start().push(text)
    assert state.next_byte_logprobs().log_weight == pytest.approx(6000 * math.log(1 / 4))
    del state


def test_the_empty_text() -> None:
    model = byte_model(lambda _: LEAKY, renormalise=None)
    score = model.logprob(b"")
    assert (score.value, score.interval) == (0, (0, 0))
    assert score.per_byte is not None
    assert score.per_byte.shape == (0,)
    assert math.isnan(score.bits_per_byte)
    ended = model.logprob(b"", end=True)
    assert ended.value == pytest.approx(math.log(1 / 8))
    assert ended.per_byte is not None
    assert ended.per_byte.tolist() == [pytest.approx(math.log(1 / 8))]
    assert model.logprob(b"", given=b"AA", end=True).value == pytest.approx(math.log((1 / 32) / (1 / 4)))


# ---------------------------------------------------------------------- vocabularies of this project and real ones


def positions_a_byte(model: ByteModel, text: str) -> float:
    """Positions of the model for each byte in CANONICAL; the values of all bytes are checked against single steps."""
    tokenizer = model.tokenizer
    assert tokenizer is not None
    data = text.encode()
    score = model.logprob(data, end=True)
    assert score.per_byte is not None
    assert np.isfinite(score.per_byte).all()
    assert score.exact
    state, steps = model.start(), []
    for byte in data[:40]:
        steps.append(float(state.next_byte_logprobs().logprobs[byte]))
        state.push(bytes([byte]))
    assert score.per_byte[:40] == pytest.approx(steps, abs=1e-9)
    assert state.forwards <= 40
    whole = model.logprob(data, end=True, per_byte=False)
    assert whole.value == pytest.approx(score.value, abs=1e-8)
    ids = tokenizer.encode(text)
    assert whole.positions <= 1.5 * len(ids) + 5
    # in CANONICAL a finished text has one segmentation, its encoding
    _, start = model.model.initial()
    handles, rows = model.model.extend([None, *map(InCall, range(len(ids) - 1))], ids)
    model.model.release(handles)
    total = float(start[ids[0]]) + float(rows[-1][model.model.end_ids[0]])
    total += sum(float(row[token]) for row, token in zip(rows, ids[1:], strict=False))
    assert score.value == pytest.approx(total, abs=1e-8)
    return score.positions / len(data)


def pooled(tokenizer: Tokenizer) -> float:
    """Positions a byte over all texts."""
    hashed = HashModel(tokenizer.byte_vocabulary(), end_ids=(max(tokenizer.ids()) + 1,))
    model = ByteModel(hashed, tokenizer, renormalise=None)
    shares = {name: positions_a_byte(model, text) for name, text in TEXTS.items()}
    assert max(shares.values()) < 1.25, shares
    sizes = {name: len(text.encode()) for name, text in TEXTS.items()}
    return sum(shares[name] * size for name, size in sizes.items()) / sum(sizes.values())


def test_the_tiny_vocabulary() -> None:
    assert pooled(load_tokenizer("tiktoken:@tiny.tiktoken?pattern=gpt2")) <= 1.10


@pytest.mark.data
@pytest.mark.parametrize("vocabulary", ["r50k_base", "cl100k_base"])
def test_real_vocabularies(tiktoken_cache: Path, monkeypatch: pytest.MonkeyPatch, vocabulary: str) -> None:
    monkeypatch.setenv("TIKTOKEN_CACHE_DIR", str(tiktoken_cache))
    assert pooled(load_tokenizer(f"tiktoken:{vocabulary}")) <= 1.10


@pytest.mark.data
def test_runs_of_spaces_in_a_real_vocabulary(tiktoken_cache: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("TIKTOKEN_CACHE_DIR", str(tiktoken_cache))
    tokenizer = load_tokenizer("tiktoken:cl100k_base")
    width = 2 + max(tokenizer.ids())
    row = np.full(width, -math.log(width))
    model = ByteModel(PrefixModel(lambda _: row, width=width, end_ids=(width - 1,)), tokenizer)
    state = model.start().push(" in  ")
    state.next_byte_logprobs()
    assert {ids for ids, _ in state.contexts()} == {(304, 256), (304, 220, 220)}
    assert [ids for ids, _ in state.push("1").contexts()] == [(304, 220, 220, 16)]
