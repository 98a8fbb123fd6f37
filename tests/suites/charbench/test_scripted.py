"""Responders: what each says, through the whole way of render, answer and grade, and what is known of their scores."""

from __future__ import annotations

import math
import os
import subprocess
import sys
from collections import Counter
from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path

import pytest
from charbench_items import core_item, item_of
from charbench_lists import all_items, paper_items

from tokbench.errors import OptionError, UnsupportedError
from tokbench.models.completion import Completion, Prompt
from tokbench.suites.charbench import scripted
from tokbench.suites.charbench.grading import Graded, grade
from tokbench.suites.charbench.item import Item
from tokbench.suites.charbench.items import build_items
from tokbench.suites.charbench.prompts import render
from tokbench.suites.charbench.scripted import NAMES, TTL_CURVE, WL_CURVE, chance, responders, ttl
from tokbench.tokenizers import Tokenizer, load_tokenizer


@pytest.fixture(scope="module")
def natural() -> Sequence[Item]:
    """7,000 items of the paper's design."""
    return paper_items("core", "natural")


@pytest.fixture(scope="module")
def everything() -> Sequence[Item]:
    """Some items of every task."""
    return all_items()


def _prompt(item: Item) -> Prompt:
    return Prompt(messages=render(item).messages(), key=item.item_id, item=item)


def _graded(name: str, items: Sequence[Item], tokenizer: Tokenizer | None = None) -> list[Graded]:
    respond = responders(tokenizer)[name]
    return [grade(item, Completion(text=respond(_prompt(item)), finish_reason="stop")) for item in items]


def _accuracy(name: str, items: Sequence[Item], tokenizer: Tokenizer | None = None) -> float:
    return sum(graded.correct_strict for graded in _graded(name, items, tokenizer)) / len(items)


def _near(share: float, wanted: float, count: int) -> bool:
    """Within four standard errors."""
    return abs(share - wanted) < 4 * math.sqrt(wanted * (1 - wanted) / count)


# ---------------------------------------------------------------------- golden values


@pytest.mark.parametrize(
    ("task", "word", "char", "answer"),
    [
        ("count_char", "mississippi", "s", "4"),
        ("count_unique", "balloon", "", "5"),
        ("find_first", "cheese", "e", "2"),
        ("find_last", "cinnamon", "n", "7"),
    ],
)
@pytest.mark.parametrize("prompt_id", ["plain", "completion", "charbench-2025"])
def test_table_1_of_the_paper(task: str, word: str, char: str, answer: str, prompt_id: str) -> None:
    item = core_item(task, word, char)
    rendered = render(item, prompt_id)
    assert f"'{word}'" in rendered.text
    text = responders()["oracle"](Prompt(messages=rendered.messages(), item=item))
    assert text == answer
    graded = grade(item, Completion(text=f"{text}\n"))
    assert (graded.status, graded.parsed, graded.correct_strict, graded.signed_error) == ("strict", answer, True, 0)
    wrong = grade(item, Completion(text=f"It is {int(answer) - 1}"))
    assert (wrong.status, wrong.correct_lenient, wrong.signed_error) == ("lenient", False, -1)


# ---------------------------------------------------------------------- laws of the harness


def test_the_oracle_is_always_right(everything: Sequence[Item], natural: Sequence[Item]) -> None:
    for graded in _graded("oracle", [*everything, *natural]):
        assert (graded.status, graded.correct_strict, graded.correct_lenient) == ("strict", True, True)


def test_the_chatty_oracle_is_right_to_a_lenient_reader_alone(
    everything: Sequence[Item], natural: Sequence[Item]
) -> None:
    for graded in _graded("oracle-chatty", [*everything, *natural]):
        assert (graded.status, graded.correct_strict, graded.correct_lenient) == ("lenient", False, True)


def test_a_lenient_reading_without_phrases_is_a_fault_that_the_chatty_oracle_finds(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr("tokbench.suites.charbench._parse._bare", str.strip)
    item = item_of("str", "yrrebwarts", task="count_unique")
    assert not _graded("oracle-chatty", [item])[0].correct_lenient


def test_silence_is_invalid(everything: Sequence[Item]) -> None:
    for graded in _graded("silent", everything):
        assert (graded.status, graded.correct_strict, graded.correct_lenient) == ("invalid", False, False)


def test_failures_are_a_seventh_and_the_same_each_time(natural: Sequence[Item]) -> None:
    from tokbench.models._scripted import RequestFailed

    respond = responders()["fails"]
    failed = Counter[str]()
    for item in natural:
        try:
            assert respond(_prompt(item)) == item.answer
        except RequestFailed:
            failed[item.item_id.rpartition("/")[0]] += 1
            assert int(item.item_id.rpartition("/")[2]) % 7 == 6
    assert set(failed.values()) == {250 // 7}
    assert len(failed) == 28


# ---------------------------------------------------------------------- what they say

RED = [core_item("find_first", "redder", "e"), core_item("find_last", "redder", "e"), core_item("count_unique", "red")]


@pytest.mark.parametrize(
    ("name", "answers"),
    [
        ("oracle", ["1", "4", "3"]),
        ("oracle-chatty", ["The answer is **1**.", "The answer is **4**.", "The answer is **3**."]),
        ("const-0", ["0"] * 3),
        ("const-1", ["1"] * 3),
        ("len", ["6", "6", "3"]),
        ("len-1", ["5", "5", "2"]),
        ("sibling", ["4", "1", ""]),
        ("echo", ["redder", "redder", "red"]),
        ("silent", [""] * 3),
    ],
)
def test_answers(name: str, answers: list[str]) -> None:
    assert [responders()[name](_prompt(item)) for item in RED] == answers


def test_all_names_are_there() -> None:
    assert tuple(responders()) == NAMES


@pytest.mark.parametrize(
    ("item", "wrong"),
    [
        (item_of("int", "-1"), "0"),
        (item_of("bool", "yes"), "no"),
        (item_of("bool", "no"), "yes"),
        (item_of("choice", "fig", choices=("pear", "fig")), "pear"),
        (item_of("str", "abc"), "abcc"),
    ],
)
def test_wrong_answers_are_wrong(item: Item, wrong: str, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(scripted, "_unit", lambda _name, _item: 0.999)
    text = responders()["wl-only"](_prompt(replace(item, task="count_unique")))
    assert text == wrong
    assert not grade(item, Completion(text=text)).correct_lenient


def test_a_prompt_without_an_item() -> None:
    with pytest.raises(OptionError, match="prompts with items of charbench, not NoneType"):
        responders()["oracle"](Prompt(text="?"))


# ---------------------------------------------------------------------- causes that are known


@pytest.mark.parametrize(
    ("name", "task", "wanted"),
    [
        ("const-1", "count_char", 0.7477),
        ("len", "count_unique", 0.3674),
        ("const-0", "find_first", 0.1886),
        ("len-1", "find_last", 0.1965),
        ("wl-only", "find_first", 0.6476),
    ],
)
def test_accuracies_over_the_words(name: str, task: str, wanted: float, natural: Sequence[Item]) -> None:
    """The exact expectations of the specification, 7.5."""
    items = [item for item in natural if item.task == task]
    assert len(items) == 1750
    assert _near(_accuracy(name, items), wanted, len(items))


@pytest.mark.data
@pytest.mark.parametrize(("task", "wanted"), [("find_first", 0.6410), ("find_last", 0.6328)])
def test_the_accuracy_of_ttl_only(
    task: str, wanted: float, natural: Sequence[Item], tiktoken_cache: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("TIKTOKEN_CACHE_DIR", str(tiktoken_cache))
    tokenizer = load_tokenizer("tiktoken:o200k_base")
    items = [item for item in natural if item.task == task]
    expected = [chance(TTL_CURVE, size) for item in items if (size := ttl(item, tokenizer))]
    assert len(expected) == len(items)
    assert abs(sum(expected) / len(items) - wanted) < 0.01  # the words differ, the coin does not
    assert _near(_accuracy("ttl-only", items, tokenizer), wanted, len(items))
    assert {ttl(item, tokenizer) for item in natural if item.task == "count_char"} == {None}


@pytest.mark.data
def test_the_token_of_the_gold_character(tiktoken_cache: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("TIKTOKEN_CACHE_DIR", str(tiktoken_cache))
    tokenizer = load_tokenizer("tiktoken:o200k_base")
    item = core_item("find_first", "strawberry", "e")
    assert (item.gold_index, ttl(item, tokenizer)) == (6, 5)  # st|raw|berry


@pytest.mark.parametrize("unit", ["codepoint", "grapheme"])
def test_a_character_counts_if_it_shares_a_byte_with_the_token(unit: str) -> None:
    item = replace(core_item("find_last", "a\u1230e\u0301", "e"), unit=unit)
    assert ttl(item, load_tokenizer("bytes")) == 1


def test_ttl_only_is_right_where_no_character_decides_and_needs_a_tokenizer(natural: Sequence[Item]) -> None:
    counting = [item for item in natural if item.task.startswith("count")]
    assert _accuracy("ttl-only", counting, load_tokenizer("bytes")) == 1
    with pytest.raises(OptionError, match="a run with a tokenizer"):
        responders()["ttl-only"](_prompt(natural[0]))


def test_a_tokenizer_that_loses_the_character(monkeypatch: pytest.MonkeyPatch) -> None:
    tokenizer = load_tokenizer("bytes")
    monkeypatch.setattr(type(tokenizer), "spans", lambda _self, _text: [(0, 2)])
    with pytest.raises(
        UnsupportedError, match="bytes does not support ttl-only: no token holds byte 6 of 'strawberry'"
    ):
        ttl(core_item("find_first", "strawberry", "e"), tokenizer)


def test_ttl_only_errs_by_one_token_of_one_byte() -> None:
    items = [core_item("find_first", "strawberry", "e", place) for place in range(1000)]
    graded = _graded("ttl-only", items, load_tokenizer("bytes"))
    assert _near(sum(one.correct_strict for one in graded) / 1000, chance(TTL_CURVE, 1), 1000)
    assert {one.signed_error for one in graded} == {0, 1}


@pytest.mark.parametrize(
    ("curve", "size", "wanted"), [(TTL_CURVE, 0, 0.880797), (TTL_CURVE, 5, 0.475021), (WL_CURVE, 10, 0.549834)]
)
def test_chances(curve: tuple[float, float], size: int, wanted: float) -> None:
    assert chance(curve, size) == pytest.approx(wanted, abs=1e-6)


@pytest.mark.parametrize("seed", ["0", "1"])
def test_answers_do_not_depend_on_the_process(seed: str) -> None:
    code = (
        "from tokbench.models.completion import Prompt\n"
        "from tokbench.suites.charbench.items import build_items\n"
        "from tokbench.suites.charbench.scripted import responders\n"
        "items = build_items('smoke', 'natural', ('find_first',))\n"
        "print(','.join(responders()['wl-only'](Prompt(text='', item=item)) for item in items))"
    )
    run = subprocess.run(
        [sys.executable, "-c", code],
        env={**os.environ, "PYTHONHASHSEED": seed},
        capture_output=True,
        text=True,
        check=True,
    )
    items = build_items("smoke", "natural", ("find_first",))
    assert run.stdout.strip() == ",".join(responders()["wl-only"](_prompt(item)) for item in items)
