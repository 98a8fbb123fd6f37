"""Ranks: from paired tests, over what every ranked run has answered, with the reason where a run has none.

Two runs are compared on the same items only, because a mean over other items answers another question. Ranks come
from the pairs that the tests separate, never from intervals that do or do not overlap.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, NamedTuple

from tokbench import stats
from tokbench.report._format import count, label, percent
from tokbench.report._groups import Entry, Group
from tokbench.report._tables import missing, row_head
from tokbench.report._view import Cell, Column, Section, Table

if TYPE_CHECKING:
    import polars as pl

__all__ = ["Answers", "Contest", "answers", "barred", "places", "ranking_section"]

_RANKABLE = 2


class Answers(NamedTuple):
    """Answers of one run to one question.

    Attributes:
        right: Whether each item is right, by its name. An item that was not asked is not in it; one to which nothing
            came back is, as False.
        clusters: Cluster of each item.
    """

    right: Mapping[str, bool]
    clusters: Mapping[str, str]


@dataclass(frozen=True, slots=True)
class Contest:
    """A question that several runs have answered.

    Attributes:
        name: The question.
        answers: Answers of the runs that may be ranked, by the anchor of the run.
        barred: For every other run the reason.
    """

    name: str
    answers: Mapping[str, Answers]
    barred: Mapping[str, Cell]


def answers(entry: Entry, where: pl.Expr, right: pl.Expr | None = None, fields: Sequence[str] = ()) -> Answers:
    """Answers of a run.

    Args:
        entry: The run.
        where: Which of its sample rows belong to the question. Skipped ones never do.
        right: Whether a row is right; by default its outcome says so.
        fields: Fields of ``detail`` that the expressions need, in columns ``detail.<field>``.
    """
    import polars as pl

    chosen = (
        entry.frame(*fields)
        .filter((pl.col("outcome") != "skipped") & where)
        .select(
            "item_id",
            # an item that names no cluster stands alone
            pl.when(pl.col("cluster").fill_null("") == "").then("item_id").otherwise("cluster").alias("cluster"),
            (pl.col("outcome") == "correct" if right is None else right).alias("right"),
        )
    )
    names = chosen["item_id"].to_list()
    return Answers(
        dict(zip(names, chosen["right"].to_list(), strict=True)),
        dict(zip(names, chosen["cluster"].to_list(), strict=True)),
    )


def barred(entry: Entry) -> Cell | None:
    """Why a run is never ranked, whatever the question; None where it may be."""
    if entry.run.group("model").get("synthetic"):
        return Cell("toy, not ranked", tone="mute")
    if not entry.run.complete:
        return Cell("not finished", tone="mute")
    return None


def _clusters(found: Mapping[str, Answers]) -> dict[str, str] | None:
    """Clusters of all items; None where none has two of them, so that items are independent."""
    together: dict[str, str] = {}
    for one in found.values():
        together |= one.clusters
    return together if len(set(together.values())) < len(together) else None


def _ranked(found: Mapping[str, Answers]) -> list[stats.Ranked]:
    """Rows from best to worst; none where fewer than two can be compared."""
    rights = {name: dict(one.right) for name, one in found.items()}
    if len(rights) < _RANKABLE or not stats.common_support(rights):
        return []
    return stats.rank(rights, _clusters(found))


def _place(row: stats.Ranked) -> str:
    return f"{row.best}" if row.best == row.worst else f"{row.best} to {row.worst}"


def places(contest: Contest) -> dict[str, Cell]:
    """For every run, by its anchor, its rank in a few characters, or why it has none."""
    cells = dict(contest.barred)
    ranked = _ranked(contest.answers)
    for row in ranked:
        cells[row.name] = Cell(_place(row), sub=f"group {row.group}", value=float(row.best))
    if not ranked:
        reason = "alone" if len(contest.answers) == 1 else "no item in common"
        cells |= dict.fromkeys(contest.answers, missing(reason))
    return cells


def _rows(group: Group, contest: Contest) -> list[list[Cell]]:
    entries = {entry.anchor: entry for entry in group.entries}
    rows = []
    for row in _ranked(contest.answers):
        one = contest.answers[row.name]
        k, own = round(row.value * row.n), sum(one.right.values())
        lo, hi = stats.wilson(k, row.n)
        rows.append([
            Cell(label(contest.name)), row_head(entries[row.name]), Cell(_place(row), value=float(row.best)),
            Cell(row.group), Cell(percent(row.value), sub=f"{percent(lo)} to {percent(hi)}"),
            Cell(f"{count(k)} of {count(row.n)}"),
            Cell(percent(row.n / len(one.right)), sub=f"{count(row.n)} of {count(len(one.right))}"),
            Cell(percent(own / len(one.right)), sub=f"{count(own)} of {count(len(one.right))}"),
            Cell(group.heading),
        ])  # fmt: skip
    return rows


def ranking_section(group: Group, contests: Sequence[Contest], *, question: str, right: str, intro: str) -> Section:
    """The ranking of a group of runs, one block of rows for each question.

    Args:
        group: The runs.
        contests: The questions.
        question: What a question is called, for example ``Task``.
        right: What counts as right, for the head of a column.
        intro: What to know of the suite's own.
    """
    anchor, title = f"{group.anchor}-ranking", "Ranking"
    rows = [row for contest in contests for row in _rows(group, contest)]
    if not rows:
        return Section(anchor, title, f"No ranking: {_why_none(contests)}.")
    columns = [
        Column(question), Column("Run"), Column("Rank", "interval", numeric=True), Column("Tie group"),
        Column(f"{right} ↑", "on common items, 95 % Wilson", numeric=True), Column("k of n", numeric=True),
        Column("Coverage", "common of own items", numeric=True), Column(right, "on all own items", numeric=True),
        Column("Version"),
    ]  # fmt: skip
    return Section(
        anchor, title,
        f"{intro} Only items that every ranked run has answered or failed count; the share on all of its own items "
        "stands beside. Pairs are compared on the same items by the exact McNemar test (and by a bootstrap over "
        "clusters where items share a word or template: the larger p counts), corrected by Holm: runs that share a "
        "letter are not separated. Best rank: 1 and the runs significantly above; worst: all, less those "
        "significantly below. Scripted, replayed and built-in models are never ranked.",
        [Table("Ranking", columns, rows)],
    )  # fmt: skip


def _why_none(contests: Sequence[Contest]) -> str:
    most = max((len(contest.answers) for contest in contests), default=0)
    if most < _RANKABLE:
        return f"it takes two runs that can be ranked, and there {'is one' if most else 'is none'}"
    return "the runs have no item in common"
