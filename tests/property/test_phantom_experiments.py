"""Laws of the experiments: masks leave every text writable, halves share no word, distances bound what they say."""

from __future__ import annotations

import math
from collections.abc import Callable, Mapping, Sequence

import numpy as np
import pytest
from byte_toys import byte_vocabulary
from completers import PIECES, TINY, completer, prompts
from hypothesis import given, settings
from hypothesis import strategies as st
from phantom_items import item

from tokbench.bytelevel import Lattice
from tokbench.bytelevel.readings import END, OTHER
from tokbench.models import HashModel
from tokbench.models.completion import Decoding
from tokbench.suites.phantom import masking
from tokbench.suites.phantom._distances import NextByte, jensen_shannon, kullback_leibler, shannon_bounds
from tokbench.suites.phantom._recut import SAME_BYTES, read_prompt, variants
from tokbench.suites.phantom.item import MARKINGS
from tokbench.suites.phantom.masking import VARIANTS, half_of, mask_set, without
from tokbench.tokenizers import Tokenizer, load_tokenizer

pytestmark = pytest.mark.property

UNIGRAM = load_tokenizer("sentencepiece:@tiny-unigram.model")
TOKENIZERS = [TINY, PIECES, UNIGRAM]
TEXTS = st.text(st.sampled_from("aeinrst é中 \n.'"), max_size=12)
COMPLETER = completer(TINY)


def ids_of(tokenizer: Tokenizer) -> st.SearchStrategy[list[int]]:
    return st.lists(st.sampled_from(tokenizer.byte_vocabulary().ids.tolist()), max_size=6)


@st.composite
def rows(draw: st.DrawFn, tokenizer: Tokenizer) -> list[dict[str, object]]:
    found: list[dict[str, object]] = []
    for _ in range(draw(st.integers(0, 6))):
        word, marking = draw(st.sampled_from(["house", "House", "rights", "dog's"])), draw(st.sampled_from(MARKINGS))
        found.append({
            "item_id": f"phantom-1/common/{draw(st.integers(0, 3))}/{marking}", "marking": marking, "word": word,
            "status": draw(st.sampled_from(["DIFFERENT", "UNCHANGED", "REPLACED"])),
            "ids_in": draw(ids_of(tokenizer)), "ids_out": draw(ids_of(tokenizer)),
        })  # fmt: skip
    return found


# ---------------------------------------------------------------------- 10: masking


def _writable(tokenizer: Tokenizer, forbidden: Sequence[int], text: str) -> None:
    """Whatever some tokens spell, tokens that are not forbidden spell."""
    data = tokenizer.info.prefix + text.encode()
    if Lattice(tokenizer.byte_vocabulary(), data).count():
        assert Lattice(without(tokenizer.byte_vocabulary(), forbidden), data).count()


@pytest.mark.parametrize("tokenizer", TOKENIZERS, ids=["bpe", "prefix", "unigram"])
@given(st.data())
@settings(max_examples=30)
def test_every_text_can_still_be_written(tokenizer: Tokenizer, data: st.DataObject) -> None:
    mask = mask_set(data.draw(rows(tokenizer)), data.draw(st.sampled_from(VARIANTS)), tokenizer=tokenizer)
    assert all(len(tokenizer.token_bytes(token)) > 1 for token in mask.ids)
    assert not set(mask.ids) & set(tokenizer.special_tokens().values())
    _writable(tokenizer, mask.ids, data.draw(TEXTS))


@pytest.mark.parametrize("tokenizer", TOKENIZERS, ids=["bpe", "prefix", "unigram"])
def test_every_text_can_be_written_without_all_that_may_be_forbidden(tokenizer: Tokenizer) -> None:
    every = tokenizer.byte_vocabulary().ids.tolist()
    row = {"item_id": "x/copy", "marking": "copy", "word": "x", "status": "DIFFERENT", "ids_in": [], "ids_out": every}
    mask = mask_set([row], "all", tokenizer=tokenizer)
    assert sorted([*mask.ids, *mask.spared]) == sorted(every)
    for text in ("The engineer's house, naïve.", "中文 é\n\n", "1234 [x]"):
        _writable(tokenizer, mask.ids, text)


def test_a_mask_that_forbids_bytes_is_found_out(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(masking, "_needed", lambda *_: False)
    row = {"item_id": "x/copy", "marking": "copy", "word": "x", "status": "DIFFERENT", "ids_in": [],
           "ids_out": TINY.byte_vocabulary().ids.tolist()}  # fmt: skip
    mask = mask_set([row], "all", tokenizer=TINY)
    with pytest.raises(AssertionError):
        _writable(TINY, mask.ids, "house")


@given(st.lists(st.sampled_from(TINY.byte_vocabulary().ids.tolist()), max_size=300), st.sampled_from([0.0, 1.0]))
@settings(max_examples=15)
def test_no_forbidden_id_is_in_any_output(ids: list[int], temperature: float) -> None:
    row = {"item_id": "x/copy", "marking": "copy", "word": "x", "status": "DIFFERENT", "ids_in": [], "ids_out": ids}
    mask = mask_set([row], "all", tokenizer=TINY)
    decoding = Decoding(max_tokens=6, temperature=temperature, forbidden=mask.ids)
    for answer in COMPLETER.generate(prompts(["The", "a house", ""]), decoding):
        assert answer.status == "ok"
        assert not set(answer.ids or ()) & set(mask.ids)


@given(st.lists(st.text(min_size=1, max_size=6), max_size=12), st.integers(0, 3))
def test_no_word_is_in_both_halves(words: list[str], seed: int) -> None:
    halves: dict[str, set[str]] = {}
    for number, word in enumerate([*words, *(word.upper() for word in words if word.upper().lower() == word)]):
        row = {"item_id": f"phantom-1/common/{number}/copy", "marking": "copy", "word": word}
        halves.setdefault(word.casefold(), set()).add(half_of(row, "word", seed))
    assert all(len(found) == 1 for found in halves.values())


@given(st.integers(0, 10**6), st.integers(0, 3))
def test_no_passage_is_in_both_halves(number: int, place: int) -> None:
    names = [f"phantom-1/common/{number}/{marking}" for marking in MARKINGS]
    found = {
        half_of({"item_id": f"{name}{behind}", "marking": marking, "word": str(place)}, "item")
        for name, marking in zip(names, MARKINGS, strict=True)
        for behind in ("", f"/{place}")
    }
    assert len(found) == 1


def test_the_halves_are_halves() -> None:
    counts = [0, 0]
    for number in range(2000):
        row = {"item_id": f"phantom-1/common/{number}/copy", "marking": "copy", "word": f"w{number}"}
        counts[0] += half_of(row, "word") == "dev"
        counts[1] += half_of(row, "item") == "dev"
    assert all(abs(count - 1000) < 5 * math.sqrt(500) for count in counts)  # five standard deviations


# ---------------------------------------------------------------------- other ids for the same bytes


@pytest.mark.parametrize("tokenizer", TOKENIZERS[:2], ids=["bpe", "prefix"])
@given(word=st.sampled_from(["engineer", "house", "window", "The"]), marking=st.sampled_from(["bracket", "ordinal"]),
       seed=st.integers(0, 50))  # fmt: skip
@settings(max_examples=12)
def test_other_ids_spell_the_same_prompt(tokenizer: Tokenizer, word: str, marking: str, seed: int) -> None:
    asked = item(word, marking=marking)  # type: ignore[arg-type] # one of two
    ids = tokenizer.encode(asked.prompt)
    for variant in variants(read_prompt(asked, ids, tokenizer), tokenizer, draws=2, seed=seed):
        if variant.ids is None:
            assert variant.reason
            continue
        same = tokenizer.join_bytes(variant.ids) == tokenizer.join_bytes(ids)
        assert same == (variant.condition in SAME_BYTES)
        assert (variant.changed is None) != same


# ---------------------------------------------------------------------- the next byte, and distances

TABLE = {0: b"a", 1: b"b", 2: b"ab", 3: b"ba", 4: b"aab", 5: b"b", 8: b"c"}
VOCABULARY = byte_vocabulary(TABLE, others=[6], ends=[7])


class Toy:
    """A hash model with its rows by ids."""

    def __init__(self, seed: int) -> None:
        self.model = HashModel(VOCABULARY, seed=seed, end_ids=(7,), end_share=0.2, other_share=0.1, scale=4.0)

    def row(self, ids: Sequence[int]) -> np.ndarray:
        parent, found = self.model.initial()
        for token in ids:
            (parent,), rows = self.model.extend([parent], [token])
            found = rows[0]
        return np.asarray(found, np.float64)

    def weight(self, ids: tuple[int, ...], text: bytes) -> float:
        """Probability that what is written behind the ids begins with a text: over all its covers."""
        if not text:
            return 1.0
        row, total = np.exp(self.row(ids)), 0.0
        for token, data in TABLE.items():
            if data.startswith(text):
                total += row[token]
            elif text.startswith(data):
                total += row[token] * self.weight((*ids, token), text[len(data) :])
        return float(total)


def _agrees(next_byte: Callable[[HashModel], Callable[[np.ndarray], np.ndarray]], seed: int, ids: list[int]) -> None:
    """Two bytes deep: what begins with b goes on with another byte, or ends or leaves the text behind b alone."""
    toy, context = Toy(seed), tuple(ids)
    found = np.exp(next_byte(toy.model)(toy.row(context)))
    row = np.exp(toy.row(context))
    wanted: Mapping[int, float] = {END: float(row[7]), OTHER: float(row[6])}
    for byte in b"abc":
        more = sum(toy.weight(context, bytes([byte, other])) for other in b"abc")
        for token, data in TABLE.items():
            if data == bytes([byte]):
                below = np.exp(toy.row((*context, token)))
                more += float(row[token] * (below[6] + below[7]))
        wanted = {**wanted, byte: more}
    assert found.sum() == pytest.approx(1)
    assert {symbol: float(found[symbol]) for symbol in wanted} == pytest.approx(wanted)


CONTEXTS = st.lists(st.sampled_from(sorted(TABLE)), max_size=4)


@given(st.integers(0, 20), CONTEXTS)
@settings(max_examples=40)
def test_the_next_byte_is_that_of_all_that_may_follow(seed: int, ids: list[int]) -> None:
    _agrees(lambda model: NextByte(model, VOCABULARY), seed, ids)


def test_a_next_byte_without_duplicates_or_the_end_is_found_out() -> None:
    fewer = byte_vocabulary({token: data for token, data in TABLE.items() if token != 5}, others=[6], ends=[7])
    with pytest.raises(AssertionError):
        _agrees(lambda model: NextByte(model, fewer), 1, [0])


@st.composite
def distributions(draw: st.DrawFn) -> tuple[np.ndarray, np.ndarray]:
    size = draw(st.integers(2, 7))
    weights = st.lists(st.integers(0, 9), min_size=size, max_size=size).filter(any)
    with np.errstate(divide="ignore"):
        one, two = (np.log(np.array(draw(weights), np.float64)) for _ in range(2))
    return one - np.logaddexp.reduce(one), two - np.logaddexp.reduce(two)


@given(distributions())
def test_divergences_are_divergences(pair: tuple[np.ndarray, np.ndarray]) -> None:
    one, two = pair
    assert jensen_shannon(one, one) == pytest.approx(0, abs=1e-12)
    assert 0 <= jensen_shannon(one, two) <= 1
    assert jensen_shannon(one, two) == pytest.approx(jensen_shannon(two, one))
    from scipy.spatial.distance import jensenshannon  # type: ignore[import-untyped]

    assert jensen_shannon(one, two) == pytest.approx(jensenshannon(np.exp(one), np.exp(two), 2) ** 2, abs=1e-9)
    assert kullback_leibler(one, two) >= jensen_shannon(one, two) / 2 - 1e-12
    from scipy.stats import entropy  # type: ignore[import-untyped]

    assert kullback_leibler(one, two) == pytest.approx(float(entropy(np.exp(one), np.exp(two), base=2)), abs=1e-9)


@given(distributions(), st.integers(1, 6), st.integers(1, 6))
def test_bounds_of_cut_off_rows_hold(pair: tuple[np.ndarray, np.ndarray], k: int, m: int) -> None:
    cut = []
    for row, kept in zip(pair, (k, m), strict=True):
        below = row.copy()
        below[np.argsort(-row, kind="stable")[kept:]] = -np.inf
        cut.append(below)
    bounds = shannon_bounds(*cut)
    assert bounds.low - 1e-12 <= jensen_shannon(*pair) <= bounds.high + 1e-12
