"""The runs that belong into one table, and their rows."""

from __future__ import annotations

import hashlib
import json
import re
from collections import Counter
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from functools import cached_property
from typing import TYPE_CHECKING

from tokbench.report._format import label
from tokbench.results import Metric, Run, Sample, escape, unescape

if TYPE_CHECKING:
    import polars as pl


_FAULTS = ("wrong", "failed", "invalid")
_DECIDES = {"failed": 0, "invalid": 1, "wrong": 2, "correct": 3, "skipped": 4}


@dataclass
class Entry:
    """One run in a group. Its rows stay in their frame, and only those that are asked for become objects.

    Whatever it returns is in an order that does not depend on the order of the rows in the run.

    Attributes:
        run: The run.
        label: How it is called in tables, unique in its group.
        anchor: For links to its provenance.
    """

    run: Run
    label: str = ""
    anchor: str = ""

    @cached_property
    def metrics(self) -> list[Metric]:
        """Its metrics, sorted by name, filter and unit."""
        return sorted(self.run.metric_rows, key=lambda row: (row.metric, row.filter, row.unit, repr(row)))

    @property
    def tokenizer(self) -> dict[str, object]:
        """Description of the tokenizer."""
        return self.run.group("tokenizer")

    @property
    def spec(self) -> str:
        """Spec of the tokenizer."""
        return label(str(self.tokenizer.get("spec", "")))

    @cached_property
    def laws(self) -> dict[str, Sample]:
        """For each law the row that decides it: an error before a failure before a pass before a skip."""
        found: dict[str, Sample] = {}
        for row in sorted(self.with_prefix("law/"), key=lambda row: (_DECIDES[row.outcome], repr(row))):
            found.setdefault(row.item_id.removeprefix("law/"), row)
        return dict(sorted(found.items()))

    @cached_property
    def _fields(self) -> dict[str, pl.Series]:
        return {}

    def frame(self, *fields: str) -> pl.DataFrame:
        """The samples with fields of their ``detail`` as columns, each read once: JSON is dear, and asked for often.

        Args:
            fields: Names of fields that hold text, numbers or truth values. The column of ``status`` is called
                ``detail.status`` and is text: a number in digits, ``true`` or ``false``, null where there is none.
        """
        import polars as pl

        for name in fields:
            if name not in self._fields:
                values = pl.col("detail").str.json_path_match(f"$.{name}")
                self._fields[name] = self.run.samples.select(values.alias(f"detail.{name}")).to_series()
        return self.run.samples.with_columns(self._fields[name] for name in fields)

    def rows(self, where: pl.Expr) -> list[Sample]:
        """Sample rows that an expression over the columns of :attr:`Run.samples` chooses.

        Args:
            where: The expression. Strings in the columns are escaped (:func:`tokbench.results.escape`).
        """
        return sorted(self.run.chosen(where), key=repr)

    def with_prefix(self, prefix: str) -> list[Sample]:
        """Sample rows of items whose name begins so."""
        return self.rows(_begins(prefix))

    def wrong(self, limit: int, prefix: str = "") -> list[Sample]:
        """The first sample rows, by the name of the item, that are wrong, failed or invalid.

        Args:
            limit: How many at most.
            prefix: What the name of the item begins with.
        """
        import polars as pl

        where = _begins(prefix) & pl.col("outcome").is_in(_FAULTS)
        first = self.run.samples.lazy().filter(where).select("item_id").collect()["item_id"].sort().head(limit)
        if first.is_empty():
            return []
        # all rows of the last item, so that a cut among them does not depend on their order in the run
        chosen = self.run.chosen(where & (pl.col("item_id") <= first[-1]))
        return sorted(chosen, key=lambda row: (escape(row.item_id).encode(), repr(row)))[:limit]

    def faults(self, prefix: str, parts: int = 2) -> dict[str, int]:
        """How many sample rows are wrong, failed or invalid, by parts of the name of the item, sorted.

        Args:
            prefix: What the name of the item begins with.
            parts: How many parts between slashes behind the first one tell what is counted together: with two,
                ``parity/hf-x/ascii/00042`` counts for ``hf-x/ascii``.
        """
        import polars as pl

        found = self.run.samples.lazy().filter(_begins(prefix) & pl.col("outcome").is_in(_FAULTS))
        part = pl.col("item_id").str.split("/").list.slice(1, parts).list.join("/")
        counted = found.select(part.alias("part")).group_by("part").len().collect()
        return {unescape(name): number for name, number in sorted(counted.iter_rows())}

    def outcomes(self, *, metric: str | None = None, stratum: str | None = None) -> pl.DataFrame:
        """What became of each item that was not skipped.

        Args:
            metric: Only rows that count towards this metric.
            stratum: Only rows of this class of items.

        Returns:
            A frame with the columns ``item_id``, ``outcome``, ``stratum``, ``cluster`` and ``score``, sorted by them;
            strings are escaped (:func:`tokbench.results.escape`).
        """
        import polars as pl

        where = pl.col("outcome") != "skipped"
        for name, wanted in (("metric", metric), ("stratum", stratum)):
            if wanted is not None:
                where &= pl.col(name) == escape(wanted)
        return self.run.samples.filter(where).select(_OUTCOME_COLUMNS).sort(_OUTCOME_COLUMNS)

    def named(self, *names: str) -> list[Metric]:
        """Metrics of these names; a name that ends in a point stands for all that begin so."""
        exact = {name for name in names if not name.endswith(".")}
        begins = tuple(name for name in names if name.endswith("."))
        return [row for row in self.metrics if row.metric in exact or (begins and row.metric.startswith(begins))]


_OUTCOME_COLUMNS = ("item_id", "outcome", "stratum", "cluster", "score")


def _begins(prefix: str) -> pl.Expr:
    import polars as pl

    return pl.col("item_id").str.starts_with(escape(prefix))


@dataclass(slots=True)
class Group:
    """Runs whose numbers may stand in one table: same suite, suite version, profile and items."""

    suite: str
    version: str
    profile: str
    items: str
    entries: list[Entry]
    anchor: str = ""

    @property
    def heading(self) -> str:
        """Title of the group: the version, which names most suites, and else the suite before it."""
        named = self.version.startswith(self.suite)
        return label(self.version if named else f"{self.suite} {self.version}")


def slug(text: str) -> str:
    """Text as part of an id in HTML."""
    return re.sub(r"[^a-z0-9]+", "-", text.lower()).strip("-") or "x"


def _items(run: Run) -> str:
    options = run.group("run").get("options")
    # with which engines a run was compared makes no other items: parity has a table of its own
    kept = {name: value for name, value in options.items() if name != "compared"} if isinstance(options, dict) else None
    parts = [run.group("tokbench").get("items_sha256"), kept]
    return hashlib.sha256(json.dumps(parts, sort_keys=True, default=str).encode()).hexdigest()[:8]


def groups(runs: Iterable[Run]) -> list[Group]:
    """Runs sorted into groups, all in an order that does not depend on the order given."""
    found: dict[tuple[str, str, str, str], list[Entry]] = {}
    for run in runs:
        about, tool = run.group("run"), run.group("tokbench")
        key = (str(about.get("suite")), str(about.get("suite_version")), str(tool.get("profile")), _items(run))
        found.setdefault(key, []).append(Entry(run))
    anchors = Counter(_anchor(key) for key in found)
    short = Counter(_short(entry) for entries in found.values() for entry in entries)
    result = []
    for key, entries in sorted(found.items()):
        anchor = _anchor(key)
        group = Group(*key, entries, anchor if anchors[anchor] == 1 else f"{anchor}-{key[3]}")
        _name(group)
        for number, entry in enumerate(group.entries, 1):
            own = _short(entry)
            entry.anchor = own if own and short[own] == 1 else f"{group.anchor}-run{number}"
        result.append(group)
    return result


def _anchor(key: tuple[str, str, str, str]) -> str:
    """Anchor of a group: suite, version and profile; most versions begin with the suite."""
    suite, version, profile, _ = key
    return slug("-".join([version, profile] if version.startswith(suite) else [suite, version, profile]))


def _short(entry: Entry) -> str:
    """An anchor of few characters, which does not depend on what else is on the page: each row has it twice."""
    digits = str(entry.run.group("run").get("key", ""))[:7]
    return f"r{digits}" if re.fullmatch("[0-9a-f]{7}", digits) else ""


def _name(group: Group) -> None:
    for entry in group.entries:
        about, model = entry.run.group("run"), entry.run.group("model")
        entry.label = label(str(about.get("tokenizer", "")))
        if about.get("model"):
            entry.label += f" / {label(str(about['model']))}"
        if model.get("synthetic"):
            entry.label += " (synthetic)"
    seen = Counter(entry.label for entry in group.entries)
    for entry in group.entries:
        if seen[entry.label] > 1:
            entry.label += f" ({label(str(entry.run.group('run').get('key', ''))[:8])})"
    group.entries.sort(key=lambda entry: (entry.label, entry.run.id, str(entry.run.group("run").get("key"))))


def flat(value: object, prefix: str = "") -> list[tuple[str, str]]:
    """A JSON value as pairs of a dotted name and a text, in sorted order."""
    if isinstance(value, Mapping):
        if not value:
            return [(prefix, "none")]
        return [pair for name in sorted(value, key=str) for pair in flat(value[name], f"{prefix}.{name}".lstrip("."))]
    if isinstance(value, list | tuple):
        if not value:
            return [(prefix, "none")]
        return [pair for index, item in enumerate(value, 1) for pair in flat(item, f"{prefix} {index}")]
    if value is None:
        return [(label(prefix), "none")]
    return [(label(prefix), label(str(value)) or "empty")]
