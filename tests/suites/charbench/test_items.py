"""Items of a profile: their fields, their frame and digest, and lists that have too few words."""

from __future__ import annotations

from dataclasses import replace

import pytest
from charbench_lists import paper_items, scowl, word_list

from tokbench.errors import OptionError, UnknownNameError, WordListError
from tokbench.suites.charbench import selection
from tokbench.suites.charbench.items import build_items, frame, gold_counts, items_sha256, shortfalls
from tokbench.suites.charbench.selection import Shortfall


def test_ids_and_fields_of_items() -> None:
    items = build_items("smoke", "balanced", ("find_last",), 0, scowl(), lengths=(5,))
    assert [item.item_id for item in items] == [f"charbench-1/balanced/find_last/std/L5/{at}" for at in range(8)]
    for item in items:
        assert (item.task, item.variant, item.gold_profile) == ("find_last", "std", "balanced")
        assert (item.list_name, item.unit, item.case_form, item.length) == ("en-scowl-95", "codepoint", "lower", 5)
        assert item.gold_bin == item.answer
        assert item.level == scowl().level(item.word)
        assert item.query_pos is None  # balanced items ask for a character, not for a place


def test_a_frame_has_a_row_for_each_item_and_no_word_becomes_missing() -> None:
    words = word_list(["null", "none", "true", "nans", "NULL", "None", "infi", "тест"])
    items = build_items("smoke", "natural", ("count_unique", "find_first"), 0, words, lengths=(4,))
    table = frame(items, words)
    assert table["word"].to_list() == [item.word for item in items]
    assert table["word"].null_count() == 0
    assert table.filter(table["word"] == "тест")["script"].to_list() == ["Cyrillic"] * 2
    assert table["suite_version"].unique().to_list() == ["charbench-1"]
    assert table["query_char"].null_count() == 8
    assert table["lang"].unique().to_list() == ["und"]
    assert frame(items)["lang"].null_count() == frame(items)["zipf"].null_count() == 16
    assert frame([]).columns == table.columns
    assert frame([]).schema == table.schema


def test_the_digest_tells_items_apart_that_differ_in_arguments_only() -> None:
    item = paper_items("smoke", "natural")[0]
    others = [
        item, replace(item, args=(("k", "1"),)), replace(item, args=(("k", "2"),)), replace(item, variant="base1"),
        replace(item, choices=("a", "b")), replace(item, word=item.word.upper()),
    ]  # fmt: skip
    assert len({items_sha256([other]) for other in others}) == len(others)


def test_gold_counts_are_those_of_the_items() -> None:
    counts = gold_counts(paper_items("core", "balanced"))
    assert len(counts) == 28
    assert all(found.total() == 250 for found in counts.values())
    assert counts["count_char", "std", 4] == {"0": 83, "1": 83, "2": 84}


@pytest.mark.parametrize(
    ("sizes", "possible"), [((9, 8), "the largest profile possible is smoke"), ((7, 600), "no profile is possible")]
)
def test_too_few_words_for_natural_items(sizes: tuple[int, int], possible: str) -> None:
    texts = [
        f"{start}{chr(97 + at // 26)}{chr(97 + at % 26)}"
        for start, size in zip(("xx", "xxx"), sizes, strict=True)
        for at in range(size)
    ]
    words = word_list(texts)
    counts = {length: len(words.of_length(length)) for length in (4, 5)}
    with pytest.raises(WordListError, match=f"4: {counts[4]}, 5: {counts[5]}; {possible}"):
        build_items("core", "natural", ("paper",), 0, words, lengths=(4, 5))


def test_too_few_words_for_balanced_items_run_out_gold_by_gold() -> None:
    words = word_list(a + b + c + d for a in "abcd" for b in "abcd" for c in "abcd" for d in "efgh")
    missing: list[Shortfall] = []
    items = build_items("core", "balanced", ("count_unique",), 0, words, lengths=(4, 5), missing=missing)
    counts = gold_counts(items)["count_unique", "std", 4]
    assert counts == {"3": 144, "4": 96}  # two distinct ones: 16 words, fewer than 50
    assert missing == [Shortfall("count_unique", 4, 250, 240), Shortfall("count_unique", 5, 250, 0)]
    assert shortfalls(missing)[0] == "count_unique, length 4: 240 of 250 items, the list has no more"


def test_a_list_that_gives_nothing_is_refused() -> None:
    with pytest.raises(WordListError, match="gives no item: a gold answer is asked for if 50 words"):
        build_items("smoke", "balanced", ("paper",), 0, word_list(["word", "list"]))


def test_words_that_hold_every_character_are_passed_over() -> None:
    texts = [a + b + c + d for a in "ab" for b in "ab" for c in "ab" for d in "ab"]
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(selection, "OPEN_CELL", 2)
        items = build_items("smoke", "balanced", ("count_char",), 0, word_list(texts), lengths=(4,))
    absent = [item.word for item in items if item.answer == "0"]
    assert absent
    assert set(absent) <= {"aaaa", "bbbb"}


def test_names_that_do_not_exist_are_refused() -> None:
    with pytest.raises(UnknownNameError, match=r"unknown profile 'cor'.*smoke, core, full"):
        build_items("cor")
    with pytest.raises(UnknownNameError, match=r"unknown gold profile 'even'.*balanced, natural"):
        build_items(gold="even")
    with pytest.raises(OptionError, match="only tasks of the paper"):
        build_items(gold="natural", tasks=("find_first_or_minus1",))
