"""Pairs and estimates: which pairs qualify, what is matched, and numbers that were worked out by hand."""

from __future__ import annotations

import math
from collections.abc import Callable, Mapping, Sequence
from dataclasses import replace
from functools import cache
from typing import Any

import polars as pl
import pytest
from charbench_items import core_item
from charbench_lists import scowl
from charbench_pairs import unclipped
from hypothesis import given
from hypothesis import strategies as st

from tokbench.errors import MetricInputError, OptionError
from tokbench.suites.charbench import pairs as pairs_module
from tokbench.suites.charbench._pair_counts import PairCounts, counted, gap
from tokbench.suites.charbench.features import features
from tokbench.suites.charbench.item import Item
from tokbench.suites.charbench.items import build_items
from tokbench.suites.charbench.pairs import pair_estimates, pair_id, pairs
from tokbench.suites.charbench.ranking import H

PIECES = "sentencepiece:@tiny.model"  # inserts a space, so that quote and space differ
FEW = st.integers(0, 60)
COUNTS = st.builds(PairCounts, FEW, FEW, FEW, FEW).filter(lambda counts: counts.n > 0)


# ---------------------------------------------------------------------- counts


def test_pairs_are_counted_by_who_is_right() -> None:
    found = counted([(True, True), (True, False), (True, False), (False, True), (False, False)])
    assert found == PairCounts(both=1, first=2, second=1, neither=1)
    assert found.n == 5
    assert found.accuracies == (0.6, 0.4)
    assert math.isclose(found.difference, -0.2)


def test_the_published_example_of_the_interval() -> None:
    """Newcombe 1998, table of examples: 36, 12, 2, 0 has the interval 0.0569 to 0.3404 by method 10."""
    found = PairCounts(both=36, first=2, second=12, neither=0)
    assert math.isclose(found.difference, 0.2)
    assert [round(end, 4) for end in found.interval()] == [0.0569, 0.3404]


def test_exact_mcnemar() -> None:
    assert round(PairCounts(5, 1, 9, 5).p, 6) == 0.021484
    assert round(PairCounts(5, 3, 14, 5).p, 6) == 0.012726
    assert PairCounts(5, 0, 0, 5).p == 1


@pytest.mark.property
@given(counts=COUNTS)
def test_an_interval_holds_its_difference_and_turns_with_the_members(counts: PairCounts) -> None:
    lo, hi = counts.interval()
    assert -1 - 1e-9 <= lo <= counts.difference <= hi <= 1 + 1e-9
    assert lo < hi
    turned = PairCounts(counts.both, counts.second, counts.first, counts.neither)
    assert math.isclose(turned.difference, -counts.difference, abs_tol=1e-12)
    assert all(math.isclose(one, -two, abs_tol=1e-9) for one, two in zip(turned.interval(), (hi, lo), strict=True))
    assert turned.p == counts.p
    wrong = PairCounts(
        counts.neither, counts.first, counts.second, counts.both
    )  # right and wrong exchanged, and turned
    assert all(math.isclose(one, two, abs_tol=1e-9) for one, two in zip(wrong.interval(), (lo, hi), strict=True))


@pytest.mark.property
@given(one=COUNTS, other=COUNTS)
def test_a_gap_is_wider_than_each_of_its_differences(one: PairCounts, other: PairCounts) -> None:
    value, (lo, hi) = gap(one, other)
    assert math.isclose(value, one.difference - other.difference)
    assert lo <= value <= hi
    for counts in (one, other):
        ends = counts.interval()
        assert hi - lo >= ends.hi - ends.lo - 1e-9
    back, ends = gap(other, one)
    assert math.isclose(back, -value, abs_tol=1e-12)
    assert math.isclose(ends.lo, -hi, abs_tol=1e-9)


def test_no_pair_has_no_difference() -> None:
    empty = PairCounts(0, 0, 0, 0)
    for read in (lambda: empty.difference, empty.interval, lambda: gap(PairCounts(1, 0, 0, 0), empty)):
        with pytest.raises(MetricInputError, match="there is no pair"):
            read()


# ---------------------------------------------------------------------- tables by hand

SCHEMA: Mapping[str, Any] = {
    "item_id": pl.String, "prompt_id": pl.String, "tokenizer": pl.String, "context": pl.String,
    "spans": pl.List(pl.List(pl.Int64)), "ttl_chars": pl.Int64, "reason": pl.String,
}  # fmt: skip


def _item(task: str, variant: str, place: int, word: str = "stack", char: str = "t", **more: Any) -> Item:  # noqa: ANN401, fields
    base = core_item(variant.partition(".")[0], word, char)
    return replace(
        base, task=task, variant=variant, gold_profile="balanced", gold_bin=base.answer,
        item_id=f"charbench-1/balanced/{task}/{variant}/L{base.length}/{place}", **more,
    )  # fmt: skip


def _features(rows: Sequence[tuple[Item, Sequence[tuple[int, int]] | None, int | None]], **same: str) -> pl.DataFrame:
    said = {"prompt_id": "plain", "tokenizer": "t", "context": "in_prompt", **same}
    return pl.DataFrame(
        [
            (item.item_id, said["prompt_id"], said["tokenizer"], said["context"], spans, ttl, None if spans else "why")
            for item, spans, ttl in rows
        ],
        schema=SCHEMA,
        orient="row",
    )  # fmt: skip


def _predictions(right: Mapping[str, bool], model: str = "m", lenient: bool = False) -> pl.DataFrame:  # noqa: FBT001, FBT002
    return pl.DataFrame(
        [(key, "plain", model, value and not lenient, value) for key, value in right.items()],
        schema={
            "item_id": pl.String, "prompt_id": pl.String, "model": pl.String, "correct_strict": pl.Boolean,
            "correct_lenient": pl.Boolean,
        },
        orient="row",
    )  # fmt: skip


WHOLE, HALVES, STRADDLING = ((0, 5),), ((0, 2), (2, 5)), ((-1, 2), (2, 6))


def _rendered(cuts: Sequence[Sequence[tuple[int, int]] | None]) -> tuple[list[Item], pl.DataFrame]:
    """Pairs whose first members are cut in halves, the second ones as given."""
    items, rows = [], []
    for place, spans in enumerate(cuts):
        for one, cut in (("quote", HALVES), ("space", spans)):
            items.append(_item("pair_render", f"find_first.{one}", place))
            rows.append((items[-1], cut, None))
    return items, _features(rows)


def test_a_pair_qualifies_by_its_boundaries_inside_the_word() -> None:
    items, table = _rendered([WHOLE, HALVES, STRADDLING, ((-1, 5),), ((0, 2), (2, 4), (4, 5)), None])
    found = pairs(items, table)
    assert found["qualifies"].to_list() == [True, False, False, True, True, None]
    assert found["reason"].to_list() == [None] * 5 + ["why"]
    assert found["pair_id"].to_list() == [f"charbench-1/balanced/pair_render/find_first/L5/{at}" for at in range(6)]
    assert set(found.select("task", "base", "first", "second").rows()) == {
        ("pair_render", "find_first", "quote", "space")
    }
    assert found["item_second"][2] == "charbench-1/balanced/pair_render/find_first.space/L5/2"


def test_case_is_compared_by_characters() -> None:
    """A letter may have more bytes in the other case, which moves every boundary behind it."""
    lower = _item("pair_case", "find_first.lower", 0, "aⱥb", "b")  # 3 bytes; 2 in upper case
    upper = _item("pair_case", "find_first.upper", 0, "AȺB", "B")
    rows = [(lower, ((0, 4), (4, 5)), None), (upper, ((0, 3), (3, 4)), None)]
    assert pairs([lower, upper], _features(rows))["qualifies"].to_list() == [False]
    rows = [(lower, ((0, 2), (2, 5)), None), (upper, ((0, 2), (2, 4)), None)]
    assert pairs([lower, upper], _features(rows))["qualifies"].to_list() == [False], "inside the same byte"
    rows = [(lower, ((0, 3), (3, 5)), None), (upper, ((0, 2), (2, 4)), None)]
    assert pairs([lower, upper], _features(rows))["qualifies"].to_list() == [True], "inside another byte"


def test_an_estimate_by_hand() -> None:
    items, table = _rendered([WHOLE] * 6 + [HALVES] * 4 + [None])
    qualifying = [(True, True), (True, False), (True, False), (True, False), (False, True), (False, False)]
    controls = [(True, True), (True, False), (False, False), (True, True), (True, True)]
    right = {item.item_id: value for item, value in zip(items, sum([*qualifying, *controls], ()), strict=True)}
    row = pair_estimates(items, _predictions(right), table).row(0, named=True)
    assert (row["n"], row["b"], row["c"], row["accuracy_first"], row["accuracy_second"]) == (6, 3, 1, 4 / 6, 2 / 6)
    assert (row["control_n"], row["control_b"], row["control_c"], row["unknown"], row["missing"]) == (4, 1, 0, 1, 0)
    assert math.isclose(row["difference"], -2 / 6)
    assert math.isclose(row["control_difference"], -1 / 4)
    assert math.isclose(row["estimate"], -2 / 6 + 1 / 4)
    assert (row["p"], row["control_p"]) == (0.625, 1.0)  # 2 (1 + 4) / 16
    assert row["lo"] < row["difference"] < row["hi"]
    assert row["estimate_lo"] < row["lo"] - row["control_hi"] + row["estimate_hi"], "both contribute"
    assert row["reason"] is None


def test_what_was_not_run_is_missing_and_a_wrong_answer_is_not() -> None:
    items, table = _rendered([WHOLE, WHOLE, HALVES])
    right = {item.item_id: False for item in items[1:]}
    row = pair_estimates(items, _predictions(right), table).row(0, named=True)
    assert (row["n"], row["control_n"], row["missing"]) == (1, 1, 1)
    empty = pair_estimates(items, _predictions({}), table)
    assert empty.is_empty()
    assert empty.columns == list(pair_estimates(items, _predictions(right), table).columns)


def test_one_kind_of_pairs_alone_has_no_estimate_and_says_why() -> None:
    for cut, reason in ((HALVES, "no pair qualifies"), (WHOLE, "every pair qualifies: there is nothing to compare")):
        items, table = _rendered([cut, cut])
        row = pair_estimates(items, _predictions({item.item_id: True for item in items}), table).row(0, named=True)
        assert row["estimate"] is row["estimate_lo"] is row["estimate_hi"] is None
        assert row["reason"].startswith(reason)
        assert (row["difference"] is None) == (cut == HALVES)


def test_ids_of_equal_bytes_need_no_controls() -> None:
    items = [_item("pair_ids", f"count_char.{one}", 0) for one in ("canonical", "chars")]
    table = _features([(items[0], WHOLE, None), (items[1], HALVES, None)])
    right = {items[0].item_id: False, items[1].item_id: True}
    row = pair_estimates(items, _predictions(right), table).row(0, named=True)
    assert (row["first"], row["second"], row["estimate"], row["reason"]) == ("canonical", "chars", 1.0, None)
    assert (row["estimate_lo"], row["estimate_hi"]) == (row["lo"], row["hi"])


def test_models_prompts_and_tokenizers_are_kept_apart() -> None:
    items, table = _rendered([WHOLE, HALVES])
    other = table.with_columns(tokenizer=pl.lit("u"))
    elsewhere = table.with_columns(prompt_id=pl.lit("plain-b"))
    bare = table.with_columns(context=pl.lit("bare"))
    answers = pl.concat([_predictions({item.item_id: True for item in items}, model) for model in ("m", "n")])
    found = pair_estimates(items, answers, pl.concat([table, other, elsewhere, bare]))
    assert sorted(found.select("model", "prompt_id", "tokenizer").rows()) == [
        ("m", "plain", "t"), ("m", "plain", "u"), ("n", "plain", "t"), ("n", "plain", "u"),
    ]  # fmt: skip
    with pytest.raises(OptionError, match=r"context.*features of pairs in that context, not in bare"):
        pairs(items, bare)


def test_the_lenient_reading() -> None:
    items, table = _rendered([WHOLE, HALVES])
    answers = _predictions({item.item_id: True for item in items}, lenient=True)
    assert pair_estimates(items, answers, table)["accuracy_first"].to_list() == [0.0]
    assert pair_estimates(items, answers, table, reading="lenient")["accuracy_first"].to_list() == [1.0]


def test_other_items_are_passed_over() -> None:
    items = [core_item("find_first", "stack", "t")]
    table = _features([(items[0], WHOLE, 5)])
    assert pairs(items, table).is_empty()
    assert pair_estimates(items, _predictions({items[0].item_id: True}), table).is_empty()


# ---------------------------------------------------------------------- matched pairs


def _matched(*rows: tuple[int, int, dict[str, Any]]) -> list[tuple[int, int]]:
    """Places of matched items, from (place, ttl, fields that differ)."""
    items = [(_item("matched_ttl", "find_first", place, **more), ttl) for place, ttl, more in rows]
    found = pairs([item for item, _ in items], _features([(item, WHOLE, ttl) for item, ttl in items]))
    assert found["qualifies"].to_list() == [True] * len(found)
    return [
        (int(first.rpartition("/")[2]), int(second.rpartition("/")[2]))
        for first, second in found.select("item_first", "item_second").rows()
    ]


def test_words_are_matched_by_rank_order_inside_a_stratum() -> None:
    assert _matched((9, 4, {}), (3, 1, {}), (5, 2, {}), (7, 5, {}), (1, 3, {}), (2, 2, {})) == [(2, 7), (3, 9)]
    assert _matched((0, 2, {}), (1, 4, {}), (2, 3, {})) == [(0, 1)]
    assert _matched((0, 3, {}), (1, 4, {})) == []


@pytest.mark.parametrize(
    "more", [{"rep": 1}, {"gold_bin": "2"}, {"length": 6}, {"level": 50}, {"variant": "find_last"}]
)
def test_words_of_different_strata_are_not_matched(more: dict[str, Any]) -> None:
    first = _item("matched_ttl", "find_first", 0, level=55)
    second = replace(_item("matched_ttl", "find_first", 1, level=70), **more)
    rows = [(first, WHOLE, 1), (second, WHOLE, 5)]
    assert pairs([first, second], _features(rows)).is_empty()
    same = replace(second, **{name: getattr(first, name) for name in more})
    assert len(pairs([first, same], _features([(first, WHOLE, 1), (same, WHOLE, 5)]))) == 1


def test_matched_pairs_have_a_difference_and_no_controls() -> None:
    items = [_item("matched_ttl", "find_last", place) for place in range(4)]
    table = _features([(item, WHOLE, ttl) for item, ttl in zip(items, (1, 2, 4, 5), strict=True)])
    right = {item.item_id: place != 2 for place, item in enumerate(items)}
    row = pair_estimates(items, _predictions(right), table).row(0, named=True)
    assert (row["first"], row["second"], row["base"]) == ("ttl<=2", "ttl>=4", "find_last")
    assert (row["n"], row["b"], row["c"], row["difference"], row["estimate"]) == (2, 1, 0, -0.5, -0.5)
    assert (row["control_n"], row["control_difference"], row["reason"]) == (0, None, None)


# ---------------------------------------------------------------------- responders with known causes


@cache
def _real() -> tuple[list[Item], pl.DataFrame]:
    items = build_items("core", "balanced", ("pair_render",), 0, scowl(), lengths=(4, 5))
    chosen = [item for item in items if item.variant.endswith((".quote", ".space"))]
    return chosen, features(chosen, PIECES)


def _chance(item: Item) -> float:
    return float(H("test", item.item_id) / 2**64)


def _estimates(chance: Callable[[Item, int], float]) -> list[dict[str, Any]]:
    """Estimates for a responder with a known chance of a right answer, from an item and its number of tokens."""
    items, table = _real()
    tokens = dict(zip(table["item_id"], table["n_tokens"], strict=True))
    right = {item.item_id: _chance(item) < chance(item, tokens[item.item_id]) for item in items}
    return pair_estimates(items, _predictions(right), table).rows(named=True)


def test_a_responder_that_the_delimiter_disturbs_has_no_estimate_to_speak_of() -> None:
    rows = _estimates(lambda item, _: 0.9 if item.variant.endswith("quote") else 0.5)
    for row in rows:
        assert row["difference"] < -0.2
        assert row["control_difference"] < -0.2
        assert row["p"] < 0.001
        assert row["estimate_lo"] < 0.05
        assert row["estimate_hi"] > -0.05
    assert abs(sum(row["estimate"] for row in rows) / len(rows)) < 0.06


def test_a_responder_that_the_cut_disturbs_is_found() -> None:
    items, table = _real()
    marks = dict(zip(table["item_id"], table["spans"].to_list(), strict=True))
    quotes = {pair_id(item): item.item_id for item in items if item.variant.endswith("quote")}

    def chance(item: Item, _tokens: int) -> float:
        same = _inner(marks[quotes[pair_id(item)]], item) == _inner(marks[item.item_id], item)
        return 0.9 if same else 0.3

    for row in _estimates(chance):
        assert row["difference"] < -0.4
        assert abs(row["control_difference"]) < 0.15
        assert row["estimate_hi"] < -0.2
        assert row["p"] < 1e-6


def _inner(spans: Sequence[Sequence[int]], item: Item) -> list[int]:
    return [end for _, end in spans if 0 < end < len(item.word)]


def test_pairs_of_a_tokenizer_of_bytes_are_all_controls() -> None:
    items, _ = _real()
    found = pairs(items, features(items, "bytes"))
    assert found["qualifies"].to_list() == [False] * (len(items) // 2)


def test_boundaries_that_are_not_clipped_make_every_pair_differ(monkeypatch: pytest.MonkeyPatch) -> None:
    items, table = _real()
    share = pairs(items, table)["qualifies"].mean()
    assert isinstance(share, float)
    assert 0.02 < share < 0.9
    monkeypatch.setattr(pairs_module, "inner_boundaries", unclipped)
    assert pairs(items, table)["qualifies"].mean() > share + 0.05  # type: ignore[operator]


def test_cuts_that_are_not_known_say_why() -> None:
    items = [item for item in _real()[0] if item.item_id.endswith("/7")]
    found = pairs(items, features(items, "hf:@tiny-wordpiece.json"))
    assert found["qualifies"].to_list() == [None] * 8
    assert all("its tokens do not tile the bytes" in reason for reason in found["reason"])
