"""Telling answers of a model, drawn in the tokens of its tokenizer: one of each kind of error, never drawn by lot.

Everything comes from the rows of a run and its own tables. Where a run does not hold how a word was cut, there is no
picture of it.
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from dataclasses import fields as fields_of
from itertools import accumulate, pairwise
from typing import TYPE_CHECKING

from tokbench.errors import RecordError, TokbenchError
from tokbench.report._format import count, label
from tokbench.report._groups import Entry
from tokbench.report._pictures import between, from_hex, picture, pieces, shortened
from tokbench.report._view import Picture, Piece
from tokbench.results import Sample, escape
from tokbench.suites.charbench.item import Item
from tokbench.suites.charbench.prompts import render, sha256s
from tokbench.suites.phantom.classify import CLASSES

if TYPE_CHECKING:
    import polars as pl

__all__ = ["Examples", "examples"]

MOST = 6
"""Examples of a suite."""

_CALCULATION = re.compile("([0-9]{1,200})([-+x])([0-9]{1,200})")
_SIGNS = {"+": "+", "-": "−", "x": "×"}
_MOST_CHUNKS = 48  # the answer stands last and has to be seen
_ANSWER = 40
_QUESTION = 140


@dataclass(frozen=True, slots=True)
class Examples:
    """Examples of one run.

    Attributes:
        pictures: The examples.
        chosen: How they were chosen, and out of how many.
    """

    pictures: Sequence[Picture]
    chosen: str


# ---------------------------------------------------------------------- choosing


def _detail(name: str) -> pl.Expr:
    import polars as pl

    return pl.col("detail").cast(pl.String).str.json_path_match(f"$.{name}")


def _chosen(
    entry: Entry,
    where: pl.Expr,
    kind: pl.Expr,
    *before: pl.Expr,
    kinds: str,
    what: str,
    first: str = "by the name of the item",
) -> tuple[list[Sample], str]:
    """The first row of each kind, the most frequent kind first; then the second of each, and so on.

    Of the rows of one kind in one cluster (the same word, the same sum under another condition) only the first counts.

    Args:
        entry: The run.
        where: Which rows are examples at all.
        kind: What kind a row is of.
        before: What sorts the rows of a kind before the names of the items do.
        kinds: What the kinds are called.
        what: What the rows are called.
        first: What makes a row the first of its kind.
    """
    import polars as pl

    cluster = pl.col("cluster").fill_null("")
    columns = [
        pl.col("item_id"), kind.fill_null("").alias("kind"),
        pl.when(cluster == "").then("item_id").otherwise(cluster).alias("cluster"),
        *(one.alias(f"by{at}") for at, one in enumerate(before)),
    ]  # fmt: skip
    found = entry.run.samples.lazy().filter(where).select(columns).collect()
    total, order = found.height, [f"by{at}" for at in range(len(before))]
    found = (
        found.with_columns(frequent=pl.len().over("kind").cast(pl.Int64))
        .sort(*order, "item_id")
        .unique(["kind", "cluster"], keep="first", maintain_order=True)
        .with_columns(turn=pl.int_range(pl.len()).over("kind"))
        .sort(pl.col("turn"), -pl.col("frequent"), pl.col("kind"))
        .head(MOST)
    )
    place = {name: at for at, name in reversed(list(enumerate(found["item_id"])))}
    rows: dict[str, Sample] = {}
    for row in entry.rows(where & pl.col("item_id").is_in(list(place))):
        rows.setdefault(escape(row.item_id), row)
    how = f"the first of each {kinds} ({first}), the most frequent {kinds} first, of one word or calculation only one"
    chosen = [rows[name] for name in sorted(rows, key=place.__getitem__)]
    return chosen, f"{how}; {len(rows)} of {count(total)} {what}"


# ---------------------------------------------------------------------- characters of a word


_FEATURES = ("item_id", "context", "spans", "target_token_index")


def _tables(entry: Entry, ids: Sequence[str]) -> tuple[dict[str, dict[str, object]], dict[str, dict[str, object]]]:
    """For some items what they ask, and how the word is cut: in the prompt if that is known, else alone."""
    import polars as pl

    try:
        features, items = entry.run.table("features"), entry.run.table("items")
    except RecordError:
        return {}, {}
    wanted = {field.name for field in fields_of(Item)}
    if not wanted <= {*items.columns} or not {*_FEATURES} <= {*features.columns}:
        return {}, {}
    known = features.filter(pl.col("item_id").is_in(ids) & pl.col("spans").is_not_null()).select(_FEATURES)
    cut = {str(row["item_id"]): row for row in known.sort("context", "item_id").iter_rows(named=True)}
    asked = items.filter(pl.col("item_id").is_in(ids)).select(sorted(wanted))
    return {str(row["item_id"]): row for row in asked.iter_rows(named=True)}, cut


def _question(entry: Entry, asked: Mapping[str, object], row: Sample) -> str:
    """What was asked, or nothing where the wordings are not those of the run."""
    options, detail = entry.run.group("run").get("options"), row.detail or {}
    if not isinstance(options, Mapping) or options.get("prompts") != sha256s():
        return ""
    args, choices = asked["args"] or (), asked["choices"] or ()
    assert isinstance(args, Iterable), "a list"
    assert isinstance(choices, Iterable), "a list"
    parted = (str(arg).partition("=") for arg in args)
    values = dict(asked) | {"args": tuple((name, value) for name, _, value in parted), "choices": tuple(choices)}
    try:
        text = render(Item(**values), str(detail.get("prompt_id")), str(detail.get("rendering"))).text  # type: ignore[arg-type] # as they were recorded
    except (TokbenchError, TypeError):
        return ""
    return shortened(label(" ".join(text.strip().split("\n\n")[-1].split())), _QUESTION)


def _word(asked: Mapping[str, object], cut: Mapping[str, object]) -> list[Piece]:
    """The tokens of a word; what they hold of the text around it is cut off."""
    data, spans, target = str(asked["word"]).encode("utf-8", "surrogatepass"), cut["spans"], cut["target_token_index"]
    assert isinstance(spans, Iterable), "a list of pairs"
    places = [(max(begin, 0), min(end, len(data))) for begin, end in spans]
    return pieces([data[begin:end] for begin, end in places], marked={target} if isinstance(target, int) else ())


def _said(row: Sample) -> str:
    parsed = (row.detail or {}).get("parsed")
    text = row.completion or "" if parsed is None else str(parsed)
    return f"Said “{shortened(label(text), _ANSWER)}”; right is “{shortened(label(row.gold or ''), _ANSWER)}”."


def _charbench(entry: Entry) -> Examples:
    import polars as pl

    rows, chosen = _chosen(
        entry, (pl.col("metric") == "charbench.strict") & (pl.col("outcome") == "wrong"), pl.col("stratum"),
        kinds="task", what="wrong answers",
    )  # fmt: skip
    asked, cuts = _tables(entry, [row.item_id for row in rows])
    found = []
    for row in rows:
        if row.item_id not in asked or row.item_id not in cuts:
            continue
        item, cut = asked[row.item_id], cuts[row.item_id]
        question = _question(entry, item, row)
        alone = "Cut as it is alone." * (cut["context"] == "bare")
        marked = "Marked: the token with the character that decides." * (cut["target_token_index"] is not None)
        found.append(picture(f"{row.stratum}: {item['word']}", _word(item, cut), question, _said(row), marked, alone))
    return Examples(found, chosen)


# ---------------------------------------------------------------------- digits of a number


def _chunks(digits: str, sizes: object, marked: Iterable[int] = ()) -> list[Piece] | None:
    """A number in its chunks, those marked that hold a marked digit (1 is the first); None if they do not add up."""
    if not isinstance(sizes, list) or not all(isinstance(size, int) and size > 0 for size in sizes):
        return None
    if sum(sizes) != len(digits):
        return None
    spans = list(pairwise([0, *accumulate(sizes)]))
    hit = {at for at, (begin, end) in enumerate(spans) if any(begin < digit <= end for digit in marked)}
    return pieces([digits[begin:end].encode() for begin, end in spans], marked=hit)


def _sum(row: Sample) -> Picture | None:
    detail = row.detail or {}
    read, sizes = _CALCULATION.fullmatch(str(detail.get("calculation"))), detail.get("chunks")
    if read is None or not isinstance(sizes, list) or len(sizes) != 3:  # noqa: PLR2004, two operands and the answer
        return None
    first, sign, second = read.groups()
    a, b = int(first), int(second)
    truth = str(a + b if sign == "+" else a - b if sign == "-" else a * b)
    digits = detail.get("wrong_digits")
    wrong = [at for at in digits if isinstance(at, int)] if isinstance(digits, list) else []
    cut = [_chunks(first, sizes[0]), _chunks(second, sizes[1]), _chunks(truth, sizes[2], wrong)]
    if None in cut:
        return None
    one, two, three = (part or [] for part in cut)
    places = f"wrong digits, from the left: {', '.join(map(str, wrong))}" if wrong else "not as long as the right one"
    where = "" if detail.get("chunks_basis") == "tokens" else "Cut as the format groups digits."
    return picture(
        f"{first}{sign}{second}",
        [*one, between(_SIGNS[sign]), *two, between("="), *three],
        f"Said “{shortened(label(str(detail.get('value'))), _ANSWER)}”; right is “{shortened(truth, _ANSWER)}”.",
        f"{label(str(detail.get('label')))}; {places}.",
        f"Condition {label(str(detail.get('condition')))}.",
        where,
        most=_MOST_CHUNKS,
    )


def _arithmetic(entry: Entry) -> Examples:
    import polars as pl

    kind = _detail("label").str.split(":").list.first()  # without the number of the chunk
    rows, chosen = _chosen(
        entry, (pl.col("metric") == "arithmetic.value") & (pl.col("outcome") == "wrong"), kind,
        kinds="kind of error", what="wrong answers",
    )  # fmt: skip
    return Examples([found for row in rows if (found := _sum(row)) is not None], chosen)


# ---------------------------------------------------------------------- phantom edits


def _edit(row: Sample) -> Picture | None:
    detail = row.detail or {}
    sides = [from_hex(detail.get(name)) for name in ("bytes_in", "bytes_out")]
    ids = [detail.get(name) for name in ("ids_in", "ids_out")]
    if sides[0] is None or sides[1] is None:
        return None
    edges = [_spans(side) for side in sides]
    drawn = []
    for here, there in ((0, 1), (1, 0)):
        known, data = ids[here], sides[here]
        listed = known if isinstance(known, list) else None
        new = {at for at, span in enumerate(edges[here]) if span not in edges[there]}
        drawn.append(pieces(data or [], listed, marked=new))
    explained = detail.get("context_explained")
    reason = "No reason in the context" if explained is False else "The context explains it"
    if explained is None:
        reason = "Whether the context explains it is not known"
    return picture(
        f"{detail.get('word')}, under {detail.get('marking')}",
        [*drawn[0], between("→"), *drawn[1]],
        f"{_class(detail.get('label'))} {reason}. Marked: cut in another way.",
    )


def _class(name: object) -> str:
    """A class with what it means."""
    meaning = next((words for one, words in CLASSES.items() if one == name), "a class that is not known")
    return f"{label(str(name))}: {meaning}."


def _spans(side: Sequence[bytes | None] | None) -> list[tuple[int, int]]:
    return list(pairwise([0, *accumulate(len(token or b"") for token in side or ())]))


def _phantom(entry: Entry) -> Examples:
    import polars as pl

    rows, chosen = _chosen(
        entry, (pl.col("metric") == "phantom") & (_detail("status") == "DIFFERENT"), _detail("label"),
        _detail("context_explained").fill_null("") != "false", _detail("strict").fill_null("") != "true",
        kinds="class", what="targets under other ids", first="those without a reason in the context before the others",
    )  # fmt: skip
    return Examples([found for row in rows if (found := _edit(row)) is not None], chosen)


# ---------------------------------------------------------------------- any suite


_SUITES = {"charbench": _charbench, "arithmetic": _arithmetic, "phantom": _phantom}


def examples(suite: str, entries: Iterable[Entry]) -> Examples | None:
    """Examples of a model in one suite, from the run with the most answers that has some.

    Args:
        suite: The suite.
        entries: Runs of the model in it.

    Returns:
        The examples; None for a suite without such, or where nothing was wrong or no run holds how it was cut.
    """
    if suite not in _SUITES:
        return None
    order = sorted(entries, key=lambda one: (-one.run.samples.height, one.run.id, one.anchor))
    return next((made for entry in order if (made := _SUITES[suite](entry)).pictures), None)
