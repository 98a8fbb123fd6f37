"""Pairs of answers that differ in the tokens of the word alone: which pairs qualify, and what the cut is worth.

A pair of ``pair_render``, ``pair_case`` or ``pair_ids`` *qualifies* for a tokenizer if its members have other token
boundaries inside the word, everything else being equal. Where they have the same ones the pair is a negative control:
what changes there is due to the delimiters, to case or to chance. The estimate is the difference on qualifying pairs
minus that on controls; for ``pair_ids``, whose members have the same bytes, it is the difference on qualifying pairs
(its controls are equal requests, and should differ by nothing).

Pairs of ``matched_ttl`` are two words whose tokens are short and long at the asked character, with equal task, length,
answer, repetition and band of frequency; they have no controls.

>>> from tokbench.suites.charbench.features import features
>>> from tokbench.suites.charbench.items import build_items
>>> items = build_items("smoke", tasks=("pair_case",), lengths=(5,))
>>> pairs(items, features(items, "bytes"))["qualifies"].unique().to_list()
[False]
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Literal, NamedTuple

from tokbench.errors import OptionError
from tokbench.suites.charbench._pair_counts import PairCounts, counted, gap
from tokbench.suites.charbench._spans import Place, inner_boundaries
from tokbench.suites.charbench.item import Item
from tokbench.suites.charbench.tasks import TASKS
from tokbench.suites.charbench.tasks.pairs import MatchedTtl, PairIds, Pairs, condition_of
from tokbench.suites.charbench.words import units_of

if TYPE_CHECKING:
    import polars as pl

__all__ = ["LONG", "SHORT", "pair_estimates", "pair_id", "pairs"]

SHORT = 2
"""Longest token of the first member of a matched pair, in characters of the word."""

LONG = 4
"""Shortest token of the second member."""

_BANDS = (50, 70)
"""Highest levels of common and of medium words."""

_CUT_ALONE = frozenset({PairIds.id, MatchedTtl.id})
"""Tasks in which no delimiter and no case differs: the difference is the estimate."""

_NO_ROW = "it has no features"


class _Pair(NamedTuple):
    """Two items, and whether they are cut differently (None where a cut is not known)."""

    pair_id: str
    task: str
    base: str
    first: str
    second: str
    items: tuple[Item, Item]
    qualifies: bool | None
    reason: str | None = None


@dataclass(frozen=True, slots=True)
class _Seen:
    """What a table of features says of an item."""

    spans: Sequence[Place] | None
    ttl: int | None
    reason: str | None


def pair_id(item: Item) -> str:
    """What the members of a pair have in common: their id without the condition.

    >>> from tokbench.suites.charbench.items import build_items
    >>> items = build_items("smoke", tasks=("pair_case",), lengths=(5,))
    >>> sorted({pair_id(item) for item in items})[0], len(items)
    ('charbench-1/balanced/pair_case/count_char/L5/0', 96)
    """
    head, _, tail = item.item_id.partition(f"/{item.variant}/")
    return f"{head}/{condition_of(item.variant)[0]}/{tail}"


# ---------------------------------------------------------------------- pairs of conditions


def _marks(item: Item, spans: Sequence[Place]) -> frozenset[tuple[int, int]]:
    """Where tokens begin inside the word: the character, and the byte in it (case may change how many it has)."""
    word = item.word
    if word.isascii():
        return frozenset((mark, 0) for mark in inner_boundaries(spans, len(word)))
    places = [
        (index, byte)
        for index, unit in enumerate(units_of(word, item.unit))
        for byte in range(len(unit.encode("utf-8", "surrogatepass")))
    ]
    return frozenset(places[mark] for mark in inner_boundaries(spans, len(places)))


def _under_conditions(items: Iterable[Item], seen: Mapping[str, _Seen]) -> Iterator[_Pair]:
    """Each item with the one of the first condition."""
    groups: dict[str, dict[str, Item]] = {}
    for item in items:
        groups.setdefault(pair_id(item), {})[condition_of(item.variant)[1]] = item
    for name, members in groups.items():
        task = TASKS[next(iter(members.values())).task]
        assert isinstance(task, Pairs), "chosen by the caller"
        reference, *others = task.conditions
        for other in others:
            if reference not in members or other not in members:
                continue
            pair = members[reference], members[other]
            found = [seen.get(member.item_id, _Seen(None, None, _NO_ROW)) for member in pair]
            qualifies, reason = None, next((one.reason for one in found if one.spans is None), None)
            marks = [_marks(member, one.spans) for member, one in zip(pair, found, strict=True) if one.spans]
            if len(marks) == len(pair):
                qualifies = marks[0] != marks[1]
            yield _Pair(name, task.id, condition_of(pair[0].variant)[0], reference, other, pair, qualifies, reason)


# ---------------------------------------------------------------------- matched pairs


def _stratum(item: Item) -> tuple[object, ...]:
    """What the members of a matched pair have in common."""
    band = None if item.level is None else sum(item.level > top for top in _BANDS)
    return item.task, item.variant, item.length, item.gold_bin, item.rep, band


def _place(item: Item) -> int:
    return int(item.item_id.rpartition("/")[2])


def _matched(items: Iterable[Item], seen: Mapping[str, _Seen]) -> Iterator[_Pair]:
    """The first short one with the first long one of a stratum, the second with the second, and so on."""
    strata: dict[tuple[object, ...], tuple[list[Item], list[Item]]] = {}
    for item in sorted(items, key=_place):
        one = seen.get(item.item_id)
        short, long = strata.setdefault(_stratum(item), ([], []))
        if one is None or one.ttl is None:
            continue
        if one.ttl <= SHORT:
            short.append(item)
        elif one.ttl >= LONG:
            long.append(item)
    names = f"ttl<={SHORT}", f"ttl>={LONG}"
    for short, long in strata.values():
        for first, second in zip(short, long, strict=False):
            name = f"{first.item_id}~{_place(second)}"
            yield _Pair(name, first.task, first.variant, *names, (first, second), qualifies=True)


# ---------------------------------------------------------------------- from features


def _seen(features: pl.DataFrame, wanted: Sequence[str], context: str) -> dict[tuple[str, str], dict[str, _Seen]]:
    """What is said of the wanted items, by tokenizer and prompt."""
    import polars as pl

    rows = features.filter(pl.col("context") == context, pl.col("item_id").is_in(wanted))
    found: dict[tuple[str, str], dict[str, _Seen]] = {}
    columns = ("tokenizer", "prompt_id", "item_id", "spans", "ttl_chars", "reason")
    for tokenizer, prompt, item_id, spans, ttl, reason in zip(*(rows[name].to_list() for name in columns), strict=True):
        found.setdefault((tokenizer, prompt), {})[item_id] = _Seen(spans, ttl, reason)
    return found


def _pairs(
    items: Sequence[Item], features: pl.DataFrame, context: str
) -> Iterator[tuple[tuple[str, str], Sequence[_Pair]]]:
    """The pairs for each tokenizer and prompt."""
    ours = [item for item in items if TASKS[item.task].group == Pairs.group]
    matched = [item for item in ours if item.task == MatchedTtl.id]
    under = [item for item in ours if item.task != MatchedTtl.id]
    found = _seen(features, [item.item_id for item in ours], context)
    if ours and not found:
        known = ", ".join(sorted(features["context"].unique().to_list())) or "none"
        raise OptionError("context", context, f"features of pairs in that context, not in {known}")
    for key, seen in found.items():
        yield key, [*_under_conditions(under, seen), *_matched(matched, seen)]


def pairs(items: Sequence[Item], features: pl.DataFrame, context: str = "in_prompt") -> pl.DataFrame:
    """The pairs among items.

    Args:
        items: The items; those outside of group 6 are passed over.
        features: Their features (:func:`~.features.features`), of any number of tokenizers and prompts.
        context: Where the words stand when they are compared, ``in_prompt`` or ``chat``.

    Returns:
        One row a pair: ``tokenizer``, ``prompt_id``, ``pair_id``, ``task``, ``base`` (the task that is asked),
        ``first`` and ``second`` (their conditions), ``item_first``, ``item_second``; ``qualifies``, which is null where
        a cut is not known, and ``reason``, which says why.

    Raises:
        OptionError: If there are no features of pairs in the context.
    """
    import polars as pl

    schema = dict.fromkeys(("tokenizer", "prompt_id", "pair_id", "task", "base", "first", "second"), pl.String)
    rows = [
        (*key, *pair[:5], pair.items[0].item_id, pair.items[1].item_id, pair.qualifies, pair.reason)
        for key, found in _pairs(items, features, context)
        for pair in found
    ]
    more = {"item_first": pl.String, "item_second": pl.String, "qualifies": pl.Boolean, "reason": pl.String}
    return pl.DataFrame(rows, schema={**schema, **more}, orient="row")


# ---------------------------------------------------------------------- estimates


def _answers(predictions: pl.DataFrame, reading: str) -> dict[tuple[str, str], dict[str, bool]]:
    """Whether each item was answered rightly, by model and prompt."""
    found: dict[tuple[str, str], dict[str, bool]] = {}
    columns = ("model", "prompt_id", "item_id", f"correct_{reading}")
    for model, prompt, item_id, right in zip(*(predictions[name].to_list() for name in columns), strict=True):
        found.setdefault((model, prompt), {})[item_id] = right
    return found


def _side(counts: PairCounts) -> tuple[object, ...]:
    """Columns of one kind of pairs: n, both accuracies, b, c, difference, its interval, p."""
    if not counts.n:
        return 0, None, None, 0, 0, None, None, None, None
    return counts.n, *counts.accuracies, counts.first, counts.second, counts.difference, *counts.interval(), counts.p


def _estimate(counts: PairCounts, controls: PairCounts, task: str) -> tuple[object, ...]:
    """Columns of the estimate: value, interval, and why there is none."""
    if not counts.n:
        return None, None, None, "no pair qualifies"
    if task in _CUT_ALONE:
        return counts.difference, *counts.interval(), None
    if not controls.n:
        return None, None, None, "every pair qualifies: there is nothing to compare with"
    value, interval = gap(counts, controls)
    return value, *interval, None


def _row(pair: _Pair, group: Sequence[_Pair], right: Mapping[str, bool]) -> tuple[object, ...]:
    answered = [one for one in group if all(item.item_id in right for item in one.items)]

    def of(qualifies: bool) -> PairCounts:  # noqa: FBT001, one of two kinds
        return counted(
            (right[one.items[0].item_id], right[one.items[1].item_id]) for one in answered if one.qualifies is qualifies
        )

    counts, controls = of(True), of(False)  # noqa: FBT003
    unknown = sum(one.qualifies is None for one in answered)
    return (
        pair.task, pair.base, pair.first, pair.second, *_side(counts), *_side(controls),
        *_estimate(counts, controls, pair.task), unknown, len(group) - len(answered),
    )  # fmt: skip


def pair_estimates(
    items: Sequence[Item],
    predictions: pl.DataFrame,
    features: pl.DataFrame,
    *,
    reading: Literal["strict", "lenient"] = "strict",
    context: str = "in_prompt",
) -> pl.DataFrame:
    """What another cut of the word changes in the accuracy of models.

    Differences are accuracies of the second members minus those of the first. Intervals are two-sided 95 % ones
    (:mod:`~._pair_counts`); p-values are those of the exact McNemar test. Every answered pair counts, whatever its
    status; pairs of which a member was not run are counted as ``missing``.

    Args:
        items: The items; those outside of group 6 are passed over.
        predictions: Their predictions (:func:`~.answers.prediction_frame`), of any number of models and prompts.
        features: See :func:`pairs`.
        reading: ``strict`` or ``lenient``.
        context: See :func:`pairs`.

    Returns:
        One row for each model, prompt, tokenizer, task, asked task (``base``) and second condition. Of qualifying
        pairs ``n``, ``accuracy_first``, ``accuracy_second``, ``b`` (only the first is right), ``c`` (only the second
        is), ``difference``, ``lo``, ``hi`` and ``p``; the same of controls under ``control_*``; ``estimate``,
        ``estimate_lo`` and ``estimate_hi``, null with a ``reason`` where there are too few pairs for it; ``unknown``,
        pairs with a cut that is not known, and ``missing``.

    Raises:
        OptionError: If there are no features of pairs in the context.
    """
    import polars as pl

    answers = _answers(predictions, reading)
    rows: list[tuple[object, ...]] = []
    for (tokenizer, prompt), found in _pairs(items, features, context):
        groups: dict[tuple[str, ...], list[_Pair]] = {}
        for pair in found:
            groups.setdefault(pair[1:5], []).append(pair)
        for (model, asked), right in answers.items():
            if asked == prompt:
                rows += [(model, prompt, tokenizer, *_row(group[0], group, right)) for group in groups.values()]
    text, whole, real = pl.String(), pl.Int64(), pl.Float64()
    side = {
        "n": whole, "accuracy_first": real, "accuracy_second": real, "b": whole, "c": whole,
        "difference": real, "lo": real, "hi": real, "p": real,
    }  # fmt: skip
    schema: dict[str, pl.DataType] = {
        **dict.fromkeys(("model", "prompt_id", "tokenizer", "task", "base", "first", "second"), text),
        **side, **{f"control_{name}": kind for name, kind in side.items()},
        "estimate": real, "estimate_lo": real, "estimate_hi": real, "reason": text, "unknown": whole, "missing": whole,
    }  # fmt: skip
    return pl.DataFrame(rows, schema=schema, orient="row")
