"""The runs that belong into one table, and their rows."""

from __future__ import annotations

import hashlib
import json
import re
from collections import Counter
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field

from tokbench.report._format import label
from tokbench.results import Metric, Run, Sample


@dataclass(slots=True)
class Entry:
    """One run in a group, with its rows in a canonical order.

    Attributes:
        run: The run.
        label: How it is called in tables, unique in its group.
        anchor: For links to its provenance.
    """

    run: Run
    label: str = ""
    anchor: str = ""
    samples: list[Sample] = field(default_factory=list)
    metrics: list[Metric] = field(default_factory=list)

    def __post_init__(self) -> None:
        self.samples = sorted(self.run.sample_rows, key=repr)
        self.metrics = sorted(self.run.metric_rows, key=lambda row: (row.metric, row.filter, row.unit, repr(row)))

    @property
    def tokenizer(self) -> dict[str, object]:
        """Description of the tokenizer."""
        return self.run.group("tokenizer")

    @property
    def spec(self) -> str:
        """Spec of the tokenizer."""
        return label(str(self.tokenizer.get("spec", "")))

    @property
    def laws(self) -> dict[str, Sample]:
        """For each law the row that decides it: an error before a failure before a pass before a skip."""
        order = {"failed": 0, "invalid": 1, "wrong": 2, "correct": 3, "skipped": 4}
        found: dict[str, Sample] = {}
        for row in sorted(self.with_prefix("law/"), key=lambda row: (order[row.outcome], repr(row))):
            found.setdefault(row.item_id.removeprefix("law/"), row)
        return dict(sorted(found.items()))

    def with_prefix(self, prefix: str) -> list[Sample]:
        """Sample rows of items whose name begins so."""
        return [row for row in self.samples if row.item_id.startswith(prefix)]

    def named(self, *names: str) -> list[Metric]:
        """Metrics of these names; a name that ends in a point stands for all that begin so."""
        return [
            row for row in self.metrics
            if any(row.metric == name or (name.endswith(".") and row.metric.startswith(name)) for name in names)
        ]  # fmt: skip


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
    anchors = Counter(slug("-".join(key[:3])) for key in found)
    result = []
    for key, entries in sorted(found.items()):
        anchor = slug("-".join(key[:3]))
        group = Group(*key, entries, anchor if anchors[anchor] == 1 else f"{anchor}-{key[3]}")
        _name(group)
        result.append(group)
    return result


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
    for number, entry in enumerate(group.entries, 1):
        entry.anchor = f"{group.anchor}-run{number}"


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
