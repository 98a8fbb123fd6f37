"""Trivial answers: golden shares, exact expectations against counting one by one, and what is left of a score."""

from __future__ import annotations

from collections import Counter
from collections.abc import Mapping
from dataclasses import replace
from fractions import Fraction
from statistics import fmean

import pytest
from charbench_items import item_of
from charbench_lists import paper_items, scowl, word_list
from hypothesis import given, settings
from hypothesis import strategies as st

from tokbench.errors import WordListError
from tokbench.suites.charbench import _expectation
from tokbench.suites.charbench._expectation import expectation
from tokbench.suites.charbench.baselines import Baselines, baselines, corrected, realised_baselines
from tokbench.suites.charbench.item import Item, Word, case_form
from tokbench.suites.charbench.ranking import VERSION
from tokbench.suites.charbench.tasks import PAPER
from tokbench.suites.charbench.words import WordList, load_words

LENGTHS = tuple(range(4, 11))
TASKS = tuple(task.id for task in PAPER)


def _percent(value: float | None) -> float:
    assert value is not None
    return round(100 * value, 2)


# --- golden numbers: natural ------------------------------------------------------------------------------------------


@pytest.fixture(scope="module")
def exact() -> dict[str, Baselines]:
    found = baselines(paper_items("smoke", "natural"), scowl(), "natural")
    return {task: entry for (task, _), entry in found.items()}


def test_exact_baselines_of_natural_items(exact: dict[str, Baselines]) -> None:
    assert all(exact[task].exact and exact[task].n == 273_449 for task in TASKS)
    const = {task: (exact[task].b_const.answer, _percent(exact[task].b_const.value)) for task in TASKS}
    assert const == {
        "count_char": ("1", 74.77), "count_unique": ("6", 20.22), "find_first": ("1", 19.58), "find_last": ("3", 16.36),
    }  # fmt: skip
    assert {task: _percent(exact[task].b_len.value) for task in TASKS} == {
        "count_char": 74.77, "count_unique": 50.01, "find_first": 19.58, "find_last": 19.65,
    }  # fmt: skip
    assert list(exact["find_last"].b_len.answers.items()) == [(str(length), str(length - 1)) for length in LENGTHS]


def test_exact_heuristics_of_natural_items(exact: dict[str, Baselines]) -> None:
    said = {task: {name: _percent(guess.value) for name, guess in exact[task].heuristics.items()} for task in TASKS}
    assert (said["count_unique"]["len"], said["count_unique"]["len-1"]) == (36.74, 35.27)
    assert said["find_first"]["0"] == 18.86
    assert said["find_last"]["len-1"] == 19.65
    assert said["find_first"]["sibling"] == said["find_last"]["sibling"] == 74.77
    assert said["count_char"]["1"] == _percent(exact["count_char"].b_const.value)


def test_a_guess_is_right_by_the_number_of_answers(exact: dict[str, Baselines]) -> None:
    assert {task: _percent(exact[task].uniform) for task in TASKS} == {
        "count_char": 13.38, "count_unique": 15.65, "find_first": 15.65, "find_last": 15.65,
    }  # fmt: skip


def test_the_best_constant_of_a_small_sample_is_biased_upwards(exact: dict[str, Baselines]) -> None:
    sample = realised_baselines(paper_items("smoke", "natural"))
    assert (sample["find_first", "std"].n, sample["find_first", "std"].exact) == (56, False)
    assert round(100 * sample["find_first", "std"].b_const.value, 1) == 26.8
    for task in TASKS:
        assert sample[task, "std"].b_const.value > exact[task].b_const.value


TABLE = {
    4: (7_305, .8786, 1.1246, .7702, 3.7552, .2735, .2886, 1.3908, 1.6086),
    5: (17_087, .8405, 1.1669, .6356, 4.5951, .2268, .2327, 1.8241, 2.1753),
    6: (32_231, .7858, 1.2326, .4660, 5.3395, .1975, .2058, 2.2147, 2.7854),
    7: (46_272, .7463, 1.2815, .3251, 6.0804, .1754, .1818, 2.6112, 3.3894),
    8: (57_229, .7003, 1.3414, .2029, 6.7473, .1599, .1677, 2.9687, 4.0313),
    9: (59_090, .6608, 1.3943, .1142, 7.3940, .1486, .1543, 3.3229, 4.6761),
    10: (54_235, .6215, 1.4542, .0580, 7.9871, .1388, .1445, 3.6578, 5.3407),
}  # fmt: skip
MEAN = (.7477, 1.2851, .3674, 5.9855, .1886, .1965, 2.5700, 3.4295)  # fmt: skip
WORDFREQ = {
    4: (26_126, .8560, 1.1546, .7298, 3.7052, .2813, .2948, 1.3711, 1.6286),
    5: (38_208, .8160, 1.1990, .5891, 4.5286, .2276, .2415, 1.7977, 2.2016),
    6: (45_651, .7726, 1.2542, .4397, 5.2932, .1946, .2117, 2.1979, 2.8022),
    7: (44_724, .7349, 1.3034, .3075, 6.0317, .1719, .1894, 2.5946, 3.4052),
    8: (38_355, .6958, 1.3577, .1987, 6.7188, .1574, .1735, 2.9581, 4.0411),
    9: (29_973, .6587, 1.4104, .1151, 7.3710, .1458, .1590, 3.3107, 4.6890),
    10: (21_570, .6185, 1.4704, .0559, 7.9618, .1369, .1484, 3.6386, 5.3632),
}  # fmt: skip
WORDFREQ_MEAN = (.7361, 1.3071, .3480, 5.9443, .1879, .2026, 2.5527, 3.4473)  # fmt: skip


def _row(words: WordList, length: int) -> tuple[float, ...]:
    """n, P(count = 1), E[count], P(all unique), E[unique], P(first = 0), P(last = L - 1), E[first], E[last]."""
    found = expectation(words, length)
    count, unique, first, last = (found.golds[task] for task in TASKS)
    return (
        found.n, count[1], found.mean("count_char"), unique[length], found.mean("count_unique"), first[0],
        last[length - 1], found.mean("find_first"), found.mean("find_last"),
    )  # fmt: skip


def _check_table(words: WordList, table: Mapping[int, tuple[float, ...]], mean: tuple[float, ...]) -> None:
    rows = {length: _row(words, length) for length in LENGTHS}
    assert {length: tuple(round(value, 4) for value in row) for length, row in rows.items()} == table
    means = tuple(fmean(row[column] for row in rows.values()) for column in range(1, 9))
    assert means == pytest.approx(mean, abs=0.00005001)


def test_expectations_of_the_built_in_list() -> None:
    _check_table(scowl(), TABLE, MEAN)


def test_expectations_of_wordfreq() -> None:
    pytest.importorskip("wordfreq")
    words = load_words("wordfreq:en")
    plain = [word for length in LENGTHS for word in words.of_length(length) if word.text.isascii()]
    _check_table(WordList("wordfreq:en", plain, sha256=""), WORDFREQ, WORDFREQ_MEAN)


def test_first_and_last_are_not_mirrored_in_every_word() -> None:
    found = expectation(word_list(["aaba"]), 4)
    assert found.mean("find_first") + found.mean("find_last") == pytest.approx(3.25)


# --- golden numbers: balanced -----------------------------------------------------------------------------------------


def test_baselines_of_balanced_items() -> None:
    found = baselines(paper_items("core", "balanced"), scowl(), "balanced")
    assert not any(entry.exact for entry in found.values())
    assert [_percent(found[task, "std"].b_const.value) for task in TASKS] == [23.37, 21.14, 15.66, 15.71]
    assert [_percent(found[task, "std"].b_len.value) for task in TASKS] == [23.43, 23.71, 15.77, 15.77]
    siblings = [found[task, "std"].heuristics["sibling"].value for task in ("find_first", "find_last")]
    assert [round(100 * value, 1) for value in siblings] == [57.9, 64.6]
    assert {entry.n for entry in found.values()} == {1_750}


@pytest.mark.slow
def test_baselines_of_all_balanced_items() -> None:
    found = baselines(paper_items("full", "balanced"), scowl(), "balanced")
    assert [_percent(found[task, "std"].b_const.value) for task in TASKS] == [27.55, 25.41, 15.65, 15.65]
    letters = found["count_char", "std"].b_letter
    assert letters is not None
    assert round(100 * letters.value, 1) == 33.5


# --- exact expectations are what counting gives -----------------------------------------------------------------------


def _natural_items(words: WordList, lengths: tuple[int, ...]) -> list[tuple[Item, Fraction]]:
    """All items of the paper's design with their weights, lengths weighing the same."""
    return [
        (_natural(task.id, word, position), Fraction(1, len(lengths) * len(words.of_length(length)) * length))
        for task in PAPER
        for length in lengths
        for word in words.of_length(length)
        for position in range(length)
    ]


def _natural(task: str, word: Word, position: int) -> Item:
    (chosen,) = (entry for entry in PAPER if entry.id == task)
    fields = chosen.at(word, position)
    return Item(
        item_id=f"{VERSION}/natural/{task}/std/L{len(word.units)}/{word.text}-{position}", task=task, variant="std",
        gold_profile="natural", list_name="test", word=word.text, unit="grapheme", length=len(word.units), level=None,
        case_form=case_form(word.units), answer=fields.answer, answer_type="int", query_char=fields.query_char,
        query_pos=position, gold_index=fields.gold_index, index_base=fields.index_base,
    )  # fmt: skip


def _check_exact(words: WordList, lengths: tuple[int, ...]) -> None:
    weighted = _natural_items(words, lengths)
    found = baselines([item for item, _ in weighted], words, "natural")
    for task in PAPER:
        entry = found[task.id, "std"]
        group = [(item, weight) for item, weight in weighted if item.task == task.id]
        shares = Counter(item.length for item, _ in group)
        # lengths weigh as many items as are given of them
        group = [
            (item, weight * len(lengths) * Fraction(shares[item.length], len(group))) for item, weight in group
        ]  # fmt: skip
        pooled: Counter[str] = Counter()
        by_letter: dict[str, Counter[str]] = {}
        by_length: dict[int, Counter[str]] = {}
        right: Counter[str] = Counter()
        for item, weight in group:
            pooled[item.answer] += weight  # type: ignore[assignment]
            by_length.setdefault(item.length, Counter())[item.answer] += weight  # type: ignore[assignment]
            if item.query_char is not None:
                by_letter.setdefault(item.query_char, Counter())[item.answer] += weight  # type: ignore[assignment]
            for name, answer in task.heuristics(item).items():
                right[name] += weight if answer == item.answer else 0  # type: ignore[assignment]
        assert entry.b_const.value == pytest.approx(float(max(pooled.values())))
        assert float(pooled[entry.b_const.answer]) == pytest.approx(float(max(pooled.values())))
        assert entry.b_len.value == pytest.approx(float(sum(max(row.values()) for row in by_length.values())))
        assert {name: guess.value for name, guess in entry.heuristics.items()} == pytest.approx(
            {name: float(value) for name, value in right.items()}
        )
        assert (entry.b_letter is None) == (not by_letter)
        if entry.b_letter is not None:
            assert entry.b_letter.value == pytest.approx(float(sum(max(row.values()) for row in by_letter.values())))
            assert set(entry.b_letter.answers) == set(by_letter)


WORDS = st.lists(st.sampled_from(["a", "b", "C", "g\u0308"]), min_size=3, max_size=4).map("".join)
MIXED = st.lists(WORDS, min_size=2, max_size=12, unique=True)


@pytest.mark.property
@settings(max_examples=60)
@given(texts=MIXED)
def test_expectations_are_what_counting_all_items_gives(texts: list[str]) -> None:
    words = word_list(texts, "grapheme")
    _check_exact(words, tuple(words.lengths))


def test_the_law_of_expectations_finds_a_planted_bug(monkeypatch: pytest.MonkeyPatch) -> None:
    texts = ["abca", "aabc", "abbb", "abab"]
    _check_exact(word_list(texts, "grapheme"), (4,))
    honest = _expectation._expectation

    def last_is_first(words: WordList, length: int) -> _expectation.Expectation:
        found = honest(words, length)
        return replace(found, golds={**found.golds, "find_last": found.golds["find_first"]})

    monkeypatch.setattr(_expectation, "_expectation", last_is_first)
    with pytest.raises(AssertionError):
        _check_exact(word_list(texts, "grapheme"), (4,))


def test_a_length_without_words_is_refused() -> None:
    with pytest.raises(WordListError, match="has no word of length 7"):
        expectation(word_list(["abcd"]), 7)


# --- other kinds of answers -------------------------------------------------------------------------------------------


def test_items_from_elsewhere_have_the_baselines_of_their_own_answers() -> None:
    items = [replace(item, gold_profile="rows") for item in paper_items("smoke", "natural")]
    found = baselines(items, None, "natural")
    assert found == realised_baselines(items)
    assert {entry.gold_profile for entry in found.values()} == {"rows"}


def _made(answers: list[str], answer_type: str, choices: tuple[str, ...] = ()) -> Baselines:
    items = [
        replace(item_of(answer_type, answer, task="count_unique", choices=choices), query_char="ab"[place % 2])  # type: ignore[arg-type]
        for place, answer in enumerate(answers)
    ]
    return realised_baselines(items)["count_unique", "std"]


def test_a_guess_of_other_kinds_of_answers() -> None:
    assert _made(["yes", "no", "no"], "bool").uniform == 0.5
    assert _made(["x", "y"], "choice", ("w", "x", "y", "z")).uniform == 0.25
    text = _made(["ab", "ba", "ba"], "str")
    assert text.uniform is None
    assert "uniform" not in text.values
    assert (text.b_const.answer, text.b_const.value, text.b_const.n) == ("ba", 2 / 3, 3)


def test_the_best_answer_by_letter() -> None:
    found = _made(["1", "2", "1", "2", "1", "1"], "int")
    assert found.b_letter is not None
    assert dict(found.b_letter.answers) == {"a": "1", "b": "2"}
    assert dict(found.b_letter.values) == {"a": 1.0, "b": 2 / 3}
    assert found.b_letter.value == pytest.approx(5 / 6)


def test_of_equally_good_answers_the_least_is_named() -> None:
    assert _made(["10", "9", "-1", "2"], "int").b_const.answer == "-1"
    assert _made(["10", "9", "10", "9"], "int").b_const.answer == "9"
    assert _made(["b", "a"], "str").b_const.answer == "a"
    assert _made(["--1", "7"], "str").b_const.answer == "7"


def test_the_best_trivial_answer_sees_no_character(exact: dict[str, Baselines]) -> None:
    assert exact["find_last"].best == ("len-best", exact["find_last"].b_len.value)
    assert exact["find_last"].values["sibling"] > 0.7
    assert exact["count_char"].best[0] == "const"
    assert list(exact["find_first"].values)[:4] == ["const", "len-best", "letter-best", "uniform"]


def test_corrected_scores() -> None:
    assert corrected(0.8945, 0.752) == pytest.approx(0.5746, abs=5e-5)  # GPT-4o on count_char
    assert corrected(0.7452, 0.752) == pytest.approx(-0.027, abs=5e-4)  # DeepSeek-V3
    assert corrected(1.0, 0.3) == 1.0
    assert corrected(0.3, 0.3) == 0.0
    assert corrected(1.0, 1.0) is None
