"""A whole page from runs: groups with their sections, notes, provenance."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from types import ModuleType

from tokbench.report import _arithmetic, _bias, _charbench, _exactness, _phantom
from tokbench.report._format import label, visible
from tokbench.report._tables import others
from tokbench.report._view import Entry, Group, Section, flat, groups
from tokbench.results import Run

_HIDDEN = ("schema", "run.key", "files")  # what the table of a run leaves to run.json itself


@dataclass(frozen=True, slots=True)
class Provenance:
    """Where the numbers of one run come from."""

    anchor: str
    title: str
    command: str
    facts: Sequence[tuple[str, str]]
    complete: bool
    href: str = ""


@dataclass(frozen=True, slots=True)
class GroupView:
    """A group of runs, ready to be shown."""

    anchor: str
    heading: str
    sub: str
    lines: Sequence[tuple[str, str, str]]
    sections: Sequence[Section]
    tables_in_markdown: bool = False


@dataclass(frozen=True, slots=True)
class Page:
    """A report."""

    title: str
    date: str
    version: str
    groups: Sequence[GroupView] = ()
    notes: Sequence[str] = ()
    provenance: Sequence[Provenance] = ()
    raw: Sequence[Group] = field(default=(), repr=False)


def newest(runs: Sequence[Run]) -> str:
    """End of the newest run (its start where it has no end): the date of the report, never the clock's."""
    times = [run.group("time") for run in runs]
    return max((str(time.get("end") or time.get("start") or "") for time in times), default="")


def build(
    runs: Sequence[Run], *, title: str, excluded: Sequence[tuple[str, str]] = (), links: Mapping[str, str] | None = None
) -> Page:
    """Everything that a report says, in a fixed order."""
    found = groups(runs)
    links = links or {}
    versions = sorted({str(run.group("tokbench").get("version")) for run in runs})
    return Page(
        title=label(title),
        date=label(newest(runs)),
        version=label(", ".join(versions)),
        groups=[_group(group) for group in found],
        notes=[*_incomplete(found), *_excluded(excluded)],
        provenance=[_provenance(group, entry, links) for group in found for entry in group.entries],
        raw=found,
    )


def suite_of(group: Group) -> ModuleType | None:
    """The module that shows the runs of a group; None where there is none for its suite."""
    if group.suite == "arithmetic":
        return _arithmetic
    if group.suite == "charbench":
        return _charbench
    if group.suite == "phantom":
        return _phantom
    if group.suite == "exactness":
        return _bias if _bias.is_model_side(group) else _exactness
    return None


def _group(group: Group) -> GroupView:
    suite = suite_of(group)
    parts = [others(group, own=())] if suite is None else suite.sections(group)
    lines = []
    for entry in group.entries:
        line = f"{len(entry.metrics)} metrics" if suite is None else suite.summary_line(entry)
        lines.append((entry.label, line + ("" if entry.run.complete else "; run not finished"), entry.anchor))
    count = len(group.entries)
    sub = f"profile {label(group.profile)}; {count} run{'s' * (count != 1)}; items and options {group.items}"
    return GroupView(group.anchor, group.heading, sub, lines, [part for part in parts if part is not None],
                     tables_in_markdown=suite is _charbench)  # fmt: skip


def _incomplete(found: Sequence[Group]) -> list[str]:
    return [
        f"The run of {entry.label} ({group.heading}) is not finished: its numbers cover only the parts that are."
        for group in found
        for entry in group.entries
        if not entry.run.complete
    ]


def _excluded(excluded: Sequence[tuple[str, str]]) -> list[str]:
    return [f"Left out: {visible(name)}: {visible(reason)}" for name, reason in sorted(excluded)]


def _provenance(group: Group, entry: Entry, links: Mapping[str, str]) -> Provenance:
    record = entry.run.record
    facts = [
        (name, value)
        for name, value in flat(record)
        if not any(name == hidden or name.startswith(f"{hidden}.") for hidden in _HIDDEN) and name != "tokbench.command"
    ]
    return Provenance(
        anchor=entry.anchor,
        title=f"{entry.label}, {group.heading}, profile {label(group.profile)}",
        command=visible(str(entry.run.group("tokbench").get("command", ""))),
        facts=facts,
        complete=entry.run.complete,
        href=links.get(entry.run.id, ""),
    )
