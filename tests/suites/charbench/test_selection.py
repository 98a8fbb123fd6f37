"""Which words become items: golden digests, and the laws of both profiles against a twin written from the text."""

from __future__ import annotations

import os
import subprocess
import sys
from collections.abc import Iterable, Sequence

import pytest
from charbench_lists import paper_items, scowl, word_list
from hypothesis import given, settings
from hypothesis import strategies as st

from tokbench.suites.charbench import selection
from tokbench.suites.charbench.item import Fields, Item
from tokbench.suites.charbench.items import build_items, gold_counts, items_sha256
from tokbench.suites.charbench.ranking import VERSION, H, Hasher
from tokbench.suites.charbench.selection import PROFILES, Chosen, Shortfall, balanced, natural
from tokbench.suites.charbench.task import Draft, Task
from tokbench.suites.charbench.tasks import PAPER
from tokbench.suites.charbench.tasks.core import Core, FindFirst
from tokbench.suites.charbench.words import WordList

LENGTHS = tuple(range(4, 11))
DIGESTS = {
    ("smoke", "natural"): "b9067769009aaa30512dd1b61f33a385512ebc66872e0db28f8f809a9e684bde",
    ("smoke", "balanced"): "63a4f788e49545f26d74b766b126027d917246cac91d95df7dec6ac8f6bd0187",
    ("core", "natural"): "ed55de3f484157aa7f01d88dfbd09d86d8d09ff2a054204532ed76ddaabd862b",
    ("core", "balanced"): "cb1083bb5ae0190e9e336072223566d8001416b0cc81e52d180c264b486ee4db",
    ("full", "natural"): "2189a3dd38e71b7364deeb538af03ffabbbd0b6a9deff09f2a4c8a4e843024ba",
    ("full", "balanced"): "6e7c50f7827975a03063b31426d28ed109e0a9913d6bf6bb2c1748de0c6aafc8",
}
DISTINCT = {"smoke": 224, "core": 7_000, "full": 149_392}


def _place(item: Item) -> int:
    return int(item.item_id.rpartition("/")[2])


def _beginning(items: Iterable[Item], profile: str) -> list[Item]:
    return [item for item in items if _place(item) < PROFILES[profile]]


# --- hashes -----------------------------------------------------------------------------------------------------------


def test_the_hash_is_the_one_of_the_definition() -> None:
    assert H("a", 1) == 0x8181C16B4AD83CC1
    assert H("charbench-1", 0, "words", "en-scowl-95", 4, "abed") == 6451896799576772789


@pytest.mark.property
@given(
    first=st.lists(st.one_of(st.integers(), st.text(max_size=5)), min_size=1, max_size=4),
    lasts=st.lists(st.text(max_size=8), max_size=4),
)
def test_hashes_of_many_words_are_the_same(first: list[int | str], lasts: list[str]) -> None:
    expected = [H(*first, last) for last in lasts]
    hasher = Hasher(*first)
    assert [hasher(last) for last in lasts] == expected
    encoded = [last.encode("utf-8", "surrogatepass") for last in lasts]
    assert [int.from_bytes(digest, "big") for digest in hasher.digests(encoded)] == expected


# --- golden items -----------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("profile", ["smoke", "core", "full"])
def test_natural_items_are_golden(profile: str) -> None:
    items = paper_items(profile, "natural")
    assert len(items) == 28 * PROFILES[profile]
    assert items_sha256(items) == DIGESTS[profile, "natural"]
    assert len({item.word for item in items}) == DISTINCT[profile]
    assert items_sha256(_beginning(items, "smoke")) == DIGESTS["smoke", "natural"]


def test_balanced_items_are_golden() -> None:
    items = paper_items("core", "balanced")
    assert len(items) == 7_000
    assert items_sha256(items) == DIGESTS["core", "balanced"]
    assert items_sha256(_beginning(items, "smoke")) == DIGESTS["smoke", "balanced"]


@pytest.mark.slow
def test_all_balanced_items_are_golden() -> None:
    items = paper_items("full", "balanced")
    assert len(items) == 175_000
    assert items_sha256(items) == DIGESTS["full", "balanced"]
    assert items_sha256(_beginning(items, "core")) == DIGESTS["core", "balanced"]


def _shown(items: Sequence[Item], length: int, places: Sequence[int]) -> str:
    """Items of a length as ``word/char/gold``, tasks separated by semicolons."""
    parts = []
    for task in PAPER:
        chosen = [item for item in items if item.task == task.id and item.length == length and _place(item) in places]
        parts.append(", ".join("/".join(filter(None, (item.word, item.query_char, item.answer))) for item in chosen))
    return "; ".join(parts)


def test_printed_items_are_golden() -> None:
    items = paper_items("smoke", "natural")
    assert _shown(items, 4, [0]) == "just/u/1; whoa/4; yurt/t/3; stie/t/1"
    assert _shown(items, 7, [0]) == "heftily/y/1; panowie/7; berakah/a/3; mistone/s/2"
    assert _shown(items, 10, [0]) == "salicylide/l/2; chestnutty/8; arsmetrick/r/1; corrugator/r/9"
    items = paper_items("core", "balanced")
    assert _shown(items, 4, [0, 1]) == "kvas/e/0, gwag/g/2; xxvi/3, frau/4; avos/s/3, moho/o/1; enes/n/1, mugg/m/0"
    assert _shown(items, 10, [0, 1]) == (
        "redefected/e/4, meningosis/m/1; preferrers/5, overpeople/6; bluebeards/s/9, slanguages/e/8; "
        "lenitively/i/5, exothermal/x/1"
    )


def test_natural_words_are_distinct_within_a_task_and_across_tasks_where_the_list_is_large_enough() -> None:
    items = paper_items("full", "natural")
    for length in LENGTHS:
        words = {task.id: [i.word for i in items if i.task == task.id and i.length == length] for task in PAPER}
        assert all(len(set(found)) == len(found) == 6_250 for found in words.values())
        together = len(set().union(*words.values()))
        assert (together == 25_000) == (length >= 6)


def test_open_golds_of_the_built_in_list() -> None:
    counts = gold_counts(paper_items("core", "balanced"))
    golds = {(task, length): sorted(map(int, found)) for (task, _, length), found in counts.items()}
    assert [golds["count_char", length] for length in LENGTHS] == [
        [0, 1, 2], [0, 1, 2, 3], [0, 1, 2, 3], *[[0, 1, 2, 3, 4]] * 4,
    ]  # fmt: skip
    assert [(min(golds["count_unique", length]), max(golds["count_unique", length])) for length in LENGTHS] == [
        (2, 4), (3, 5), (3, 6), (3, 7), (4, 8), (4, 9), (5, 10),
    ]  # fmt: skip
    for length in LENGTHS:
        assert golds["find_first", length] == golds["find_last", length] == list(range(length))


# --- the same everywhere ----------------------------------------------------------------------------------------------

PROGRAM = """
import sys
from tokbench.suites.charbench.items import build_items, items_sha256
for gold in sys.argv[1:]:
    print(items_sha256(build_items("smoke", gold, ("paper",))))
"""
PLANTED = """
from tokbench.suites.charbench.ranking import Hasher
Hasher.__call__ = lambda self, last: hash(last)
"""


def _digests(program: str, seed: str, *golds: str) -> list[str]:
    done = subprocess.run(
        [sys.executable, "-c", program, *golds], env={**os.environ, "PYTHONHASHSEED": seed}, capture_output=True,
        text=True, check=True,
    )  # fmt: skip
    return done.stdout.split()


def test_natural_items_do_not_depend_on_the_seed_of_python() -> None:
    assert _digests(PROGRAM, "1", "natural") == [DIGESTS["smoke", "natural"]]


def test_a_hash_of_python_would_be_found() -> None:
    assert _digests(PLANTED + PROGRAM, "1", "natural") != _digests(PLANTED + PROGRAM, "2", "natural")


@pytest.mark.slow
@pytest.mark.parametrize("seed", ["0", "1", "2"])
def test_no_item_depends_on_the_seed_of_python(seed: str) -> None:
    wanted = [DIGESTS["smoke", "natural"], DIGESTS["smoke", "balanced"]]
    assert _digests(PROGRAM, seed, "natural", "balanced") == wanted


def test_items_do_not_depend_on_the_order_of_the_list() -> None:
    list_ = scowl()
    words = [word for length in LENGTHS for word in list_.of_length(length)]
    words = words[::-1][1::2] + words[::-1][::2]
    other = WordList("builtin:en-scowl-95", words, sha256=list_.sha256)
    assert items_sha256(build_items("core", "natural", ("paper",), 0, other)) == DIGESTS["core", "natural"]
    items = build_items("core", "balanced", ("paper",), 0, other, lengths=(4,))
    assert items == [item for item in paper_items("core", "balanced") if item.length == 4]


def test_another_seed_gives_other_items() -> None:
    one, other = (build_items("smoke", "natural", ("paper",), seed, scowl()) for seed in (0, 1))
    assert {item.word for item in one}.isdisjoint(item.word for item in other)


# --- the laws of both profiles ----------------------------------------------------------------------------------------


def _twin(words: WordList, task: Core, variant: str, length: int, count: int, seed: int, least: int) -> list[Chosen]:
    """Balanced items, written down from the definition step by step and slow."""
    name = task.id if task.variants == ("std",) else f"{task.id}/{variant}"
    pool = words.of_length(length)
    cells: dict[tuple[int | str, int], list[tuple[int, str]]] = {}
    for word in pool:
        for gold, rep in task.cells(word, variant):
            rank = H(VERSION, seed, "cell", name, length, gold, rep, word.text)
            cells.setdefault((gold, rep), []).append((rank, word.text))
    cells = {cell: sorted(members) for cell, members in cells.items() if len(members) >= least}
    golds = {gold for gold, _ in cells}
    repeats = any(rep for _, rep in cells)
    by_text = {word.text: word for word in pool}
    used: set[str] = set()
    found: list[Chosen] = []
    turn = 0
    while len(found) < count and any(text not in used for members in cells.values() for _, text in members):
        for gold in sorted(golds, key=lambda gold: H(VERSION, seed, "round", name, length, turn, gold)):
            assert isinstance(gold, int)
            want = (turn + gold) % 2 if repeats else 0
            for rep in (want, 1 - want):
                left = [text for _, text in cells.get((gold, rep), []) if text not in used]
                if left and len(found) < count:
                    word = by_text[left[0]]
                    used.add(word.text)
                    candidates = task.cells(word, variant)[gold, rep]
                    char = candidates[H(VERSION, seed, "char", name, length, gold, word.text) % len(candidates)]
                    if task.id == "count_char" and gold == 0:
                        char = words.absent(word, H(VERSION, seed, "absent", name, word.text))
                    found.append(Chosen(len(found), word, gold, rep, task.fields(word, char, None)))
                    break
        turn += 1
    return found


LISTS = st.lists(st.text("abcde", min_size=4, max_size=4), min_size=6, max_size=60, unique=True)


@pytest.mark.property
@settings(max_examples=60)
@given(
    texts=LISTS, task=st.sampled_from(PAPER), count=st.integers(1, 70), seed=st.integers(0, 3),
    least=st.integers(1, 9), listed=st.integers(1, 20),
)  # fmt: skip
def test_balanced_items_are_those_of_the_definition(
    texts: list[str], task: Core, count: int, seed: int, least: int, listed: int
) -> None:
    words = word_list([*texts, "vwxy"])  # no word holds every character
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(selection, "OPEN_CELL", least)
        patch.setattr(selection, "_LISTED", listed)
        found, missing = balanced(words, task, "std", 4, count, seed)
    assert found == _twin(words, task, "std", 4, count, seed, least)
    assert (missing is None) == (len(found) == count)
    if missing is not None:
        assert missing == Shortfall(task.id, 4, count, len(found))


def _check_balanced(chosen: Sequence[tuple[str, int | str]]) -> None:
    """Of words with their gold answers: answers differ by one item at most until one runs out, no word comes twice."""
    assert len({word for word, _ in chosen}) == len(chosen)
    last = {gold: place for place, (_, gold) in enumerate(chosen)}
    seen = dict.fromkeys(last, 0)
    for place, (_, gold) in enumerate(chosen):
        seen[gold] += 1
        living = [seen[other] for other, end in last.items() if end >= place]
        assert max(living) - min(living) <= 1


def _pairs(chosen: Iterable[Chosen]) -> list[tuple[str, int | str]]:
    return [(entry.word.text, entry.gold) for entry in chosen]


@pytest.mark.property
@settings(max_examples=40)
@given(texts=LISTS, task=st.sampled_from(PAPER), count=st.integers(1, 70), seed=st.integers(0, 3))
def test_gold_answers_are_even_until_one_runs_out(texts: list[str], task: Task, count: int, seed: int) -> None:
    words = word_list([*texts, "vwxy"])
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(selection, "OPEN_CELL", 2)
        found, _ = balanced(words, task, "std", 4, count, seed)
        shorter, _ = balanced(words, task, "std", 4, max(1, count // 3), seed)
    _check_balanced(_pairs(found))
    assert [entry.index for entry in found] == list(range(len(found)))
    assert found[: len(shorter)] == shorter  # a smaller profile is the beginning of a larger one


def test_golden_items_obey_the_laws() -> None:
    items = paper_items("core", "balanced")
    for task in PAPER:
        for length in LENGTHS:
            group = [item for item in items if item.task == task.id and item.length == length]
            assert len({item.word for item in group}) == len(group) == 250
            _check_balanced([(item.word, item.gold_bin) for item in group])
            for gold in {item.gold_bin for item in group}:  # and so are repeated characters within a gold answer
                _check_balanced([(item.word, item.rep) for item in group if item.gold_bin == gold])


def _reused(self: selection._Queue, used: set[int]) -> int | None:
    """The next word of a cell, whether or not it is used."""
    if self._at >= len(self._members):
        return None
    self._at += 1
    return sorted(self._members)[self._at - 1][1]


def test_the_laws_find_words_that_are_used_twice(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(selection, "OPEN_CELL", 2)
    words = word_list([*(a + b + c + "a" for a in "abc" for b in "abc" for c in "abc"), "vwxy"])
    _check_balanced(_pairs(balanced(words, PAPER[0], "std", 4, 20)[0]))
    monkeypatch.setattr(selection._Queue, "next", _reused)
    with pytest.raises(AssertionError):
        _check_balanced(_pairs(balanced(words, PAPER[0], "std", 4, 20)[0]))


def test_the_laws_find_golds_that_are_not_taken_in_turn() -> None:
    chosen = _pairs(balanced(scowl(), PAPER[2], "std", 4, 40)[0])
    _check_balanced(chosen)
    with pytest.raises(AssertionError):
        _check_balanced(sorted(chosen, key=lambda pair: str(pair[1])))


def test_a_twin_of_other_hashes_differs(monkeypatch: pytest.MonkeyPatch) -> None:
    words = word_list([*(a + b + c + "a" for a in "abc" for b in "abc" for c in "abc"), "vwxy"])
    monkeypatch.setattr(selection, "OPEN_CELL", 2)
    expected = _twin(words, PAPER[2], "std", 4, 12, 0, 2)
    assert balanced(words, PAPER[2], "std", 4, 12)[0] == expected
    monkeypatch.setattr(selection, "H", lambda *parts: H(*parts, "other"))  # the order of the rounds
    assert balanced(words, PAPER[2], "std", 4, 12)[0] != expected


@pytest.mark.property
@settings(max_examples=60)
@given(texts=st.lists(st.text("abcdé", min_size=3, max_size=3), min_size=8, max_size=40, unique=True),
       count=st.integers(1, 8), seed=st.integers(0, 3))  # fmt: skip
def test_natural_items_are_those_of_the_definition(texts: list[str], count: int, seed: int) -> None:
    words = word_list(texts)
    rank = sorted(texts, key=lambda text: (H(VERSION, seed, "words", "test", 3, text), text))
    found = list(natural(words, PAPER, (3,), count, seed))
    for turn, task in enumerate(PAPER):
        order = [text for step in range(4) for text in rank[(turn + step) % 4 :: 4]]
        chosen = [made for of, _, made in found if of is task]
        assert [made.word.text for made in chosen] == order[:count]
        for made in chosen:
            position = H(VERSION, seed, "pos", task.id, made.word.text) % 3
            assert made.fields == task.at(made.word, position)
            repeated = made.word.units.count(made.word.units[position]) > 1
            assert made.rep == (repeated and task.id.startswith("find"))


# --- variants ---------------------------------------------------------------------------------------------------------


class Twofold(FindFirst):
    """A task with two variants."""

    id = "twofold"
    variants = ("one", "two")


def test_variants_have_items_of_their_own() -> None:
    words = scowl()
    one, other = (balanced(words, Twofold(), variant, 4, 20)[0] for variant in Twofold.variants)
    assert [entry.word for entry in one] != [entry.word for entry in other]
    assert one == _twin(words, Twofold(), "one", 4, 20, 0, 50)
    assert other == _twin(words, Twofold(), "two", 4, 20, 0, 50)


def test_further_choices_are_hashes_of_task_variant_word_and_name() -> None:
    draws: dict[str, tuple[int, int]] = {}

    class Watching(Twofold):
        def complete(self, draft: Draft) -> Fields | None:
            draws[draft.word.text] = (draft.draw("k"), draft.draw("absent"))
            return super().complete(draft)

    balanced(scowl(), Watching(), "two", 4, 5, 3)
    assert len(draws) == 5
    for text, (argument, absent) in draws.items():
        assert argument == H(VERSION, 3, "arg", "twofold", "two", text, "k")
        assert absent == H(VERSION, 3, "absent", "twofold/two", text)
