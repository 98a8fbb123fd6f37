"""Exact numbers of a design: what counting every item gives, refusals, and the metrics made of them."""

from __future__ import annotations

from itertools import pairwise

import pytest
from charbench_lists import scowl, word_list
from hypothesis import given, settings
from hypothesis import strategies as st

from tokbench.errors import OptionError, UnknownNameError, UnsupportedError, WordListError
from tokbench.suites.charbench._spans import Cut, bare, cuts
from tokbench.suites.charbench.design import FEATURES, RESPONDERS, TASKS, Design
from tokbench.suites.charbench.scripted import TTL_CURVE, WL_CURVE, chance
from tokbench.suites.charbench.tokenizer_metrics import list_metrics
from tokbench.suites.charbench.words import WordList
from tokbench.tokenizers import Tokenizer, load_tokenizer

# --- the design is what counting every item gives ---------------------------------------------------------------------

TINY = load_tokenizer("hf:@tiny.json")
WORDS = st.lists(st.sampled_from(["a", "th", "e", "in", "é", "g\u0308"]), min_size=2, max_size=4).map("".join)


def _by_hand(words: WordList, tokenizer: Tokenizer, name: str, task: str) -> tuple[float, dict[str, float | None]]:
    """Every word, every position, one by one."""
    rows: list[tuple[float, ...]] = []
    lengths = [length for length in words.lengths if words.of_length(length)]
    for length in lengths:
        for word in words.of_length(length):
            units = list(word.units)
            edges = [0]
            for unit in units:
                edges.append(edges[-1] + len(unit.encode()))
            spans = tokenizer.spans(word.text)
            for char in units:
                places = [place for place, unit in enumerate(units) if unit == char]
                gold = {
                    "count_char": len(places), "count_unique": len(set(units)), "find_first": places[0],
                    "find_last": places[-1],
                }[task]  # fmt: skip
                target = edges[places[0] if task == "find_first" else places[-1]]
                start, end = next((start, end) for start, end in spans if start <= target < end)
                ttl = sum(one < end and other > start for one, other in pairwise(edges))
                said = {"const-0": 0, "const-1": 1, "len": length, "len-1": length - 1}.get(name)
                if name == "ttl-only":
                    right = chance(TTL_CURVE, ttl) if task.startswith("find") else 1.0
                elif name == "wl-only":
                    right = chance(WL_CURVE, length)
                elif name == "sibling":
                    right = float(len(places) == 1) if task.startswith("find") else 0.0
                else:
                    right = float(said == gold)
                weight = 1 / (len(lengths) * len(words.of_length(length)) * length)
                rows.append((weight, right, length, gold, gold / length, len(spans), length / len(spans), ttl))
    weights, chances, *columns = (list(column) for column in zip(*rows, strict=True))

    def mean(values: list[float]) -> float:
        return float(sum(weight * value for weight, value in zip(weights, values, strict=True)))

    m = mean(chances)
    found: dict[str, float | None] = {}
    for feature, column in zip(FEATURES, columns, strict=True):
        centre = mean(column)
        spread = mean([(value - centre) ** 2 for value in column])
        cross = mean([(value - centre) * (p - m) for value, p in zip(column, chances, strict=True)])
        usable = spread > 1e-12 and m * (1 - m) > 1e-12
        found[feature] = cross / (spread * m * (1 - m)) ** 0.5 if usable else None
    if not task.startswith("find"):
        found["TTL"] = None
    return m, found


@pytest.mark.property
@settings(max_examples=40)
@given(
    texts=st.lists(WORDS, min_size=2, max_size=8, unique=True),
    name=st.sampled_from(RESPONDERS),
    task=st.sampled_from(TASKS),
)
def test_a_design_is_the_mean_over_every_item(texts: list[str], name: str, task: str) -> None:
    words = word_list(texts, "grapheme")
    found = Design(words, TINY, words.lengths).responder(name, task)
    accuracy, r = _by_hand(words, TINY, name, task)
    assert found.accuracy == pytest.approx(accuracy)
    for feature, value in r.items():
        assert found.r[feature] == (None if value is None else pytest.approx(value, abs=1e-6))


def test_the_law_of_designs_finds_a_planted_bug(monkeypatch: pytest.MonkeyPatch) -> None:
    words = word_list(["thea", "aain", "inthe"], "codepoint")
    honest = Design._cut

    def shifted(self: Design, tokenizer: Tokenizer, length: int) -> object:
        known, tokens = honest(self, tokenizer, length)
        return known, tokens._replace(ttl=tokens.ttl[:, ::-1])

    monkeypatch.setattr(Design, "_cut", shifted)
    found = Design(words, TINY, words.lengths).responder("ttl-only", "find_first")
    accuracy, _ = _by_hand(words, TINY, "ttl-only", "find_first")
    assert found.accuracy != pytest.approx(accuracy)


# --- refusals, and metrics --------------------------------------------------------------------------------------------


def test_what_a_design_refuses(monkeypatch: pytest.MonkeyPatch) -> None:
    words = word_list(["abcd", "abce"])
    with pytest.raises(WordListError, match="has no word of length 5"):
        Design(words, None, (4, 5)).responder("len", "count_char")
    plain = Design(words, None, (4,))
    with pytest.raises(UnknownNameError, match="responder"):
        plain.responder("oracle", "count_char")
    with pytest.raises(UnknownNameError, match="task"):
        plain.responder("len", "spell")
    with pytest.raises(OptionError, match="a tokenizer, whose tokens are counted"):
        plain.statistics()
    with pytest.raises(OptionError, match="errs by the length of tokens"):
        plain.responder("ttl-only", "find_first")
    with pytest.raises(UnsupportedError, match="statistics of words"):
        Design(words, load_tokenizer("hf:@tiny-wordpiece.json"), (4,))


def test_metrics_of_a_list() -> None:
    words = word_list(["abcd", "thee", "inthe", "thein"])
    found = {(metric.metric, metric.filter): metric for metric in list_metrics(TINY, words)}
    tokens = found["words.tokens", "bare|test"]
    assert tokens.n == 4
    assert tokens.value == Design(words, TINY, (4, 5)).statistics().tokens
    assert found["words.tokens", "bare|test|L=4"].n == 2
    assert all(metric.method == "exact" and metric.lo is None for metric in found.values())
    lower = list_metrics(load_tokenizer("hf:@tiny-wordpiece.json"), words)
    assert {metric.value for metric in lower} == {None}
    assert all("tile the bytes" in metric.reason or "does not say" in metric.reason for metric in lower)
    short = list_metrics(TINY, word_list(["abc"]))
    assert {metric.reason for metric in short} == {"the list has no word of 4 to 10 characters"}


@pytest.mark.parametrize("spec", ["hf:@tiny.json", "bytes", "mistral:v3"])
def test_bare_words_are_cut_as_by_the_general_way(spec: str) -> None:
    if spec.startswith("mistral"):
        pytest.importorskip("mistral_common")
    tokenizer = load_tokenizer(spec)
    words = [word.text for length in (4, 9) for word in scowl().of_length(length)[::97]] + [
        "na\u00efve",
        "\u1230\u120b",
    ]
    texts = [(word, (0, len(word.encode()))) for word in words]
    for cut, found in zip(cuts(tokenizer, texts), bare(tokenizer, words), strict=True):
        assert isinstance(cut, Cut)
        assert found == ([end - start for start, end in cut.spans], cut.lone)
