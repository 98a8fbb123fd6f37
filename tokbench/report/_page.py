"""A whole page from runs: groups with their sections, notes, provenance."""

from __future__ import annotations

from collections.abc import Collection, Mapping, Sequence
from types import ModuleType

from tokbench.report import _arithmetic, _bias, _charbench, _exactness, _phantom
from tokbench.report._format import label, visible
from tokbench.report._groups import Entry, Group, flat
from tokbench.report._pictures import telling
from tokbench.report._portraits import model_portraits, tokenizer_portraits
from tokbench.report._tables import others
from tokbench.report._view import Facets, GroupView, Page, Provenance
from tokbench.results import Run

_HIDDEN = ("schema", "run.key", "files", "outcome.skipped")  # what the table of a run leaves to run.json itself


def newest(runs: Sequence[Run]) -> str:
    """End of the newest run (its start where it has no end): the date of the report, never the clock's."""
    times = [run.group("time") for run in runs]
    return max((str(time.get("end") or time.get("start") or "") for time in times), default="")


def build(
    found: Sequence[Group],
    *,
    title: str,
    excluded: Sequence[tuple[str, str]] = (),
    links: Mapping[str, str] | None = None,
    downloads: Sequence[str] = (),
) -> Page:
    """Everything that a report says, in a fixed order."""
    entries = [(group, entry) for group in found for entry in group.entries]
    runs = [entry.run for _, entry in entries]
    facts = {entry.anchor: _facts(entry) for _, entry in entries}
    shared = _shared(list(facts.values()))
    by_group = {
        group.anchor: [fact for fact in _shared([facts[entry.anchor] for entry in group.entries]) if fact not in shared]
        for group in found
    }
    versions = sorted({str(run.group("tokbench").get("version")) for run in runs})
    return Page(
        title=label(title),
        date=label(newest(runs)),
        version=label(", ".join(versions)),
        groups=[_group(group, by_group[group.anchor]) for group in found],
        notes=[*_incomplete(found), *_excluded(excluded)],
        provenance=[
            _provenance(group, entry, facts[entry.anchor], {*shared, *by_group[group.anchor]}, links or {})
            for group, entry in entries
        ],
        shared=shared,
        tokenizers=tokenizer_portraits(found),
        models=model_portraits(found),
        telling=telling(found),
        facets=[_facets(group, entry) for group, entry in entries],
        downloads=downloads,
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


def _group(group: Group, shared: Sequence[tuple[str, str]]) -> GroupView:
    suite = suite_of(group)
    parts = [others(group, own=())] if suite is None else suite.sections(group)
    lines = []
    for entry in group.entries:
        line = f"{len(entry.metrics)} metrics" if suite is None else suite.summary_line(entry)
        lines.append((entry.label, line + ("" if entry.run.complete else "; run not finished"), entry.anchor))
    count = len(group.entries)
    sub = f"profile {label(group.profile)}; {count} run{'s' * (count != 1)}; items and options {group.items}"
    return GroupView(group.anchor, group.heading, sub, lines, [part for part in parts if part is not None], shared)


def _incomplete(found: Sequence[Group]) -> list[str]:
    return [
        f"The run of {entry.label} ({group.heading}) is not finished: its numbers cover only the parts that are."
        for group in found
        for entry in group.entries
        if not entry.run.complete
    ]


def _excluded(excluded: Sequence[tuple[str, str]]) -> list[str]:
    return [f"Left out: {visible(name)}: {visible(reason)}" for name, reason in sorted(excluded)]


def _facts(entry: Entry) -> list[tuple[str, str]]:
    return [
        (name, value)
        for name, value in flat(entry.run.record)
        if not any(name == hidden or name.startswith((f"{hidden}.", f"{hidden} ")) for hidden in _HIDDEN)
        and name != "tokbench.command"
    ]


def _shared(facts: Sequence[Sequence[tuple[str, str]]]) -> list[tuple[str, str]]:
    """What the records of all runs have in common; nothing where there is only one."""
    if len(facts) < 2:  # noqa: PLR2004, one run shares nothing with others
        return []
    common = set(facts[0]).intersection(*facts[1:])
    return [fact for fact in facts[0] if fact in common]


def _provenance(
    group: Group,
    entry: Entry,
    facts: Sequence[tuple[str, str]],
    common: Collection[tuple[str, str]],
    links: Mapping[str, str],
) -> Provenance:
    return Provenance(
        anchor=entry.anchor,
        title=f"{entry.label}, {group.heading}, profile {label(group.profile)}",
        command=visible(str(entry.run.group("tokbench").get("command", ""))),
        facts=[fact for fact in facts if fact not in common],
        complete=entry.run.complete,
        href=links.get(entry.run.id, ""),
    )


def _facets(group: Group, entry: Entry) -> Facets:
    about, found = entry.run.group("run"), entry.tokenizer
    ids = found.get("n_ids")
    model = label(str(about["model"])) if about.get("model") else ""
    return Facets(
        anchor=entry.anchor,
        backend=entry.spec.partition(":")[0],
        family=label(str(found.get("family") or "")),
        ids=ids if isinstance(ids, int) else None,
        model=model,
        suite=group.heading,
        text=f"{entry.label} {entry.spec} {model}".lower(),
    )
