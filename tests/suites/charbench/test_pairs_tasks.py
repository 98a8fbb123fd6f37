"""Group 6 as tasks: which items there are, what the members of a pair share, and how they are asked."""

from __future__ import annotations

from collections import Counter
from functools import cache

import pytest
from charbench_lists import scowl, word_list
from charbench_tasks import by_hand, drafted

from tokbench.errors import OptionError
from tokbench.models.completion import Completion, Prompt
from tokbench.suites.charbench import prompts
from tokbench.suites.charbench._shots import shot_items
from tokbench.suites.charbench.baselines import baselines
from tokbench.suites.charbench.features import features
from tokbench.suites.charbench.grading import grade
from tokbench.suites.charbench.item import Fields, Item, Word
from tokbench.suites.charbench.items import build_items, items_sha256
from tokbench.suites.charbench.pairs import pair_id
from tokbench.suites.charbench.prompts import RENDERINGS, render
from tokbench.suites.charbench.scripted import responders
from tokbench.suites.charbench.tasks import GROUPS, PAPER, SETS, TASKS
from tokbench.suites.charbench.tasks.pairs import COVERS, PairCase, PairRender, Pairs, condition_of

BASES = ("count_char", "count_unique", "find_first", "find_last")
UNDER = ("pair_render", "pair_case", "pair_ids")


@cache
def _items() -> list[Item]:
    return build_items("smoke", "balanced", tuple(task.id for task in GROUPS[6]), 0, scowl(), lengths=(4, 5))


def _members(task: str) -> dict[str, list[Item]]:
    """Items by pair."""
    found: dict[str, list[Item]] = {}
    for item in _items():
        if item.task == task:
            found.setdefault(pair_id(item), []).append(item)
    return found


# ---------------------------------------------------------------------- which items


def test_the_group_is_in_all_and_not_in_the_default_set() -> None:
    assert [task.id for task in GROUPS[6]] == ["pair_render", "pair_case", "pair_ids", "matched_ttl"]
    assert {task.id for task in SETS["all"]} >= {task.id for task in GROUPS[6]}
    assert not {task.id for task in SETS["standard"]} & {task.id for task in GROUPS[6]}
    assert [task.group for task in TASKS.values()] == sorted(task.group for task in TASKS.values())


def test_variants_are_a_task_and_a_condition() -> None:
    conditions = {
        "pair_render": tuple(RENDERINGS),
        "pair_case": ("lower", "title", "upper"),
        "pair_ids": ("canonical", "chars", "fewest", "drop"),
    }
    for name, expected in conditions.items():
        assert TASKS[name].variants == tuple(f"{base}.{one}" for base in BASES for one in expected)
    assert TASKS["matched_ttl"].variants == ("find_first", "find_last")
    assert condition_of("count_char.space") == ("count_char", "space")
    assert conditions["pair_ids"] == COVERS


def test_every_variant_has_its_items_and_every_item_its_own_id() -> None:
    counts = Counter((item.task, item.variant, item.length) for item in _items())
    assert set(counts.values()) == {8}
    assert len(counts) == 2 * (24 + 12 + 16 + 2)
    assert len({item.item_id for item in _items()}) == len(_items())
    for item in _items():
        assert item.item_id.startswith(f"charbench-1/balanced/{item.task}/{item.variant}/L{item.length}/")
        assert item.answer == item.gold_bin == TASKS[item.task].gold(item) == TASKS[item.task].second_gold(item)


@pytest.mark.parametrize("name", UNDER)
def test_members_of_a_pair_share_all_but_the_condition(name: str) -> None:
    task = TASKS[name]
    assert isinstance(task, Pairs)
    for members in _members(name).values():
        assert [condition_of(item.variant)[1] for item in members] == list(task.conditions)
        shared = {
            (item.word.lower(), (item.query_char or "").lower(), item.answer, item.gold_index, item.rep, item.level)
            for item in members
        }
        assert len(shared) == 1


def test_a_pair_is_found_by_its_id() -> None:
    item = next(item for item in _items() if item.variant == "find_first.nlquote")
    assert pair_id(item) == "charbench-1/balanced/pair_render/find_first/L4/0"
    alone = next(item for item in _items() if item.task == "matched_ttl")
    assert pair_id(alone) == alone.item_id


def test_words_are_chosen_for_each_task_on_its_own() -> None:
    """By hashes with the name of the task, so that two tasks ask about other words."""
    chosen = {
        task: tuple(item.word for item in _items() if (item.task, item.variant) == (task, f"find_last{mark}"))
        for task, mark in (("pair_render", ".quote"), ("pair_ids", ".drop"), ("matched_ttl", ""))
    }
    assert len(set(chosen.values())) == 3


def test_a_longer_profile_begins_with_the_shorter_one() -> None:
    names = ("pair_case", "matched_ttl")
    core = {item.item_id: item for item in build_items("core", "balanced", names, 0, scowl(), lengths=(4,))}
    for item in _items():
        if item.task in names and item.length == 4:
            assert core[item.item_id] == item


def test_the_digest_tells_conditions_apart() -> None:
    by_condition = [[item for item in _items() if item.variant == f"count_char.{one}"] for one in RENDERINGS]
    assert len({items_sha256(items) for items in by_condition}) == len(RENDERINGS)


def test_natural_items_are_those_of_the_paper_alone() -> None:
    with pytest.raises(OptionError, match="only tasks of the paper"):
        build_items("smoke", "natural", ("pair_case",), 0, scowl())


def test_golds_are_even() -> None:
    items = build_items("core", "balanced", ("matched_ttl",), 0, scowl(), lengths=(5,))
    for variant in ("find_first", "find_last"):
        found = [item for item in items if item.variant == variant]
        assert Counter(item.answer for item in found) == dict.fromkeys("01234", 50)
        repeated = Counter(item.answer for item in found if item.rep)
        # nothing comes behind the last place or before the first; too few words end a repetition at their second letter
        assert repeated == dict.fromkeys("0123" if variant == "find_first" else "234", 25)


# ---------------------------------------------------------------------- case


def test_cases_of_words_and_characters() -> None:
    for members in _members("pair_case").values():
        lower, title, upper = members
        assert [item.case_form for item in members] == ["lower", "title", "upper"]
        assert (title.word, upper.word) == (lower.word.capitalize(), lower.word.upper())
        if lower.query_char is None:
            assert lower.word[0] not in lower.word[1:]
        else:
            assert lower.query_char == title.query_char != lower.word[0]
            assert upper.query_char == lower.query_char.upper()


@pytest.mark.parametrize(
    ("text", "base", "cells"),
    [
        ("alpha", "count_char", {(0, 0): [""], (1, 0): ["l", "p", "h"]}),  # the second a is another character in Alpha
        ("alpha", "count_unique", {}),
        ("stack", "count_unique", {(5, 0): [""]}),
        ("stacks", "count_unique", {}),
        ("stack", "find_first", {(1, 0): ["t"], (2, 0): ["a"], (3, 0): ["c"], (4, 0): ["k"]}),
        ("noon", "find_last", {(2, 1): ["o"]}),
        ("Stack", "count_char", {}),
        ("STACK", "count_char", {}),
        ("straße", "count_char", {}),
        ("नमस्ते", "count_char", {}),
        ("λόγος", "count_char", {}),  # in upper case the last sigma is any other
        ("été", "count_char", {(0, 0): [""], (1, 0): ["t"]}),
    ],
)
def test_words_whose_answer_does_not_depend_on_case(
    text: str, base: str, cells: dict[tuple[int, int], list[str]]
) -> None:
    assert PairCase().cells(Word(text, tuple(text)), base) == cells


def test_an_absent_character_needs_an_upper_case() -> None:
    pool = word_list(["stack", "aßßßa"])
    assert drafted(PairCase(), Word("stack", tuple("stack")), (0, 0), "", pool, variant="count_char.upper") is None


# ---------------------------------------------------------------------- questions


def test_renderings_of_a_pair_are_equal_up_to_the_delimiters() -> None:
    for members in _members("pair_render").values():
        texts = {condition_of(item.variant)[1]: render(item).text for item in members}
        for name, (pre, post) in RENDERINGS.items():
            ending = f"String:{pre}{members[0].word}{post}"
            assert texts[name].endswith(ending)
            assert texts[name].removesuffix(ending) == texts["quote"].rpartition("String:")[0]
        assert len(set(texts.values())) == len(RENDERINGS)


@pytest.mark.parametrize("prompt_id", ["plain", "plain-b", "plain-c", "completion"])
def test_pairs_ask_what_the_task_of_the_paper_asks(prompt_id: str) -> None:
    for item in _items():
        base = TASKS[condition_of(item.variant)[0]]
        same = by_hand(base, item.word, item.query_char)
        found = render(item, prompt_id)
        assert found == render(same, prompt_id, found.rendering)
        assert found.text.encode()[found.word_start : found.word_end].decode() == item.word
        assert found.rendering == (condition_of(item.variant)[1] if item.task == "pair_render" else "inline")


def test_a_rendering_that_is_asked_for_goes_before_the_condition() -> None:
    item = next(item for item in _items() if item.variant == "find_first.nlquote")
    assert render(item, "plain", "space").rendering == "space"
    assert render(item, "plain", "inline").rendering == "inline"


def test_all_conditions_have_the_same_answered_questions() -> None:
    for variant in ("find_last.lower", "find_last.upper"):
        assert shot_items("pair_case", variant, 4) == shot_items("find_last", "std", 4)


def test_the_wording_of_the_paper_is_for_its_own_tasks() -> None:
    item = next(item for item in _items() if item.task == "pair_ids")
    with pytest.raises(OptionError, match=r"only tasks of the paper .*not pair_ids"):
        render(item, "charbench-2025")


# ---------------------------------------------------------------------- the ordinary machinery


def test_trivial_answers_are_those_of_the_task_that_is_asked() -> None:
    found = baselines(_items())
    assert set(found) == {(task.id, variant) for task in GROUPS[6] for variant in task.variants}
    same = baselines(build_items("smoke", "balanced", ("paper",), 0, scowl(), lengths=(4, 5)))
    for (_, variant), one in found.items():
        base = same[condition_of(variant)[0], "std"]
        assert one.uniform == base.uniform
        assert set(one.heuristics) == set(base.heuristics)


def test_responders_answer_pairs() -> None:
    said = {name: responders()[name] for name in ("oracle", "sibling", "silent")}
    for item in _items():
        prompt = Prompt(text=render(item).text, item=item)
        assert grade(item, Completion(text=str(said["oracle"](prompt)))).correct_strict
        assert grade(item, Completion(text=str(said["silent"](prompt)))).status == "invalid"
        assert bool(said["sibling"](prompt)) == ("find" in item.variant)


def test_features_have_the_rendering_of_the_item() -> None:
    items = [item for item in _items() if item.length == 4]
    table = features(items, "bytes")
    assert table["rendering"].to_list() == [render(item).rendering for item in items]
    assert features(items[:3], "bytes", rendering="space")["rendering"].to_list() == ["space"] * 3


# ---------------------------------------------------------------------- planted bugs


class AnyLetter(PairCase):
    """Queries the first letter, too: in title case it is another character."""

    def cells(self, word: Word, variant: str) -> dict[tuple[int | str, int], list[str]]:
        found = self.base(variant).cells(word, "std")
        return {cell: list(candidates) for cell, candidates in found.items()}


class CharAsItIs(PairCase):
    """Leaves the queried character in lower case."""

    def member(self, fields: Fields, word: Word, variant: str) -> Fields:
        made = super().member(fields, word, variant)
        return Fields(answer=made.answer, query_char=fields.query_char, gold_index=made.gold_index, word=made.word)


@pytest.mark.parametrize("planted", [AnyLetter, CharAsItIs])
def test_two_golds_find_planted_bugs(planted: type[PairCase]) -> None:
    wrong = 0
    task, pool = planted(), word_list(["alpha", "stack", "level", "union"])
    for text in ("alpha", "stack", "level"):
        word = Word(text, tuple(text))
        for cell, candidates in task.cells(word, "count_char").items():
            for char in candidates:
                for variant in ("count_char.title", "count_char.upper"):
                    item = drafted(task, word, cell, char, pool, variant=variant)
                    wrong += item is not None and task.second_gold(item) != item.answer
    assert wrong


def test_one_selection_for_each_condition_breaks_the_pairs(monkeypatch: pytest.MonkeyPatch) -> None:
    alone = property(lambda self: {variant: (variant,) for variant in self.variants})
    monkeypatch.setattr(PairRender, "selections", alone)
    items = build_items("smoke", "balanced", ("pair_render",), 0, word_list(_few()), lengths=(4,))
    words: dict[str, set[str]] = {}
    for item in items:
        words.setdefault(pair_id(item), set()).add(item.word)
    assert max(map(len, words.values())) > 1


def _few() -> list[str]:
    return [word.text for word in scowl().of_length(4)[:900]]


def test_a_rendering_without_its_condition_is_found(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(prompts, "rendering_of", lambda item, rendering=None: rendering or "inline")
    with pytest.raises(AssertionError):
        test_renderings_of_a_pair_are_equal_up_to_the_delimiters()


def test_the_paper_has_four_bases() -> None:
    assert tuple(task.id for task in PAPER) == BASES
