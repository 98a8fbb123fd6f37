"""The suite ``charbench``: scores beside trivial answers, ranking, subsets, and the layout of the paper's table."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from statistics import fmean

from tokbench import stats
from tokbench.report._format import count, is_number, label, number, percent, value_text
from tokbench.report._groups import Entry, Group
from tokbench.report._plots import chart, charts
from tokbench.report._ranking import Answers, Contest, answers, barred, places, ranking_section
from tokbench.report._scored import PREFIX, Scored, scored_tasks
from tokbench.report._tables import missing, others, row_head
from tokbench.report._view import Cell, Chart, Column, Section, Table
from tokbench.results import Metric
from tokbench.suites.charbench.metrics import RATES
from tokbench.suites.charbench.published import published
from tokbench.suites.charbench.tasks import GROUPS, PAPER

__all__ = ["overview_section", "sections", "summary_line"]

_TITLES = {
    1: "Paper core", 2: "Access", 3: "Composition", 4: "Edit", 5: "Compare", 6: "Token-aware pairs", 7: "Controls",
}  # fmt: skip


# ---------------------------------------------------------------------- cells


def _value(row: Metric | None, *, signed: bool = False) -> Cell:
    """A score as a number with its interval in small print, or why there is none."""
    if row is None:
        return missing("not measured")
    if row.value is None or not is_number(row.value):
        return missing(value_text(row))
    sub = f"{number(row.lo)} to {number(row.hi)}" if row.lo is not None and row.hi is not None else ""
    return Cell(f"{row.value:+.4f}" if signed else number(row.value), sub=sub)


def _share(row: Metric | None) -> Cell:
    if row is None or row.k is None or row.value is None:
        return _value(row)
    return Cell(f"{count(row.k)} of {count(row.n)}", sub=percent(row.value))


def _rate(k: float, n: int) -> Cell:
    return Cell(percent(k / n) if k else "0", sub=f"{count(k)} of {count(n)}" if k else "")


def _habit(name: str, value: float) -> str:
    """A trivial answer with a share; answers in quotes, because most are numbers themselves."""
    said = f"“{name}”" if name.isdigit() else label(name)
    return f"{said} {percent(value)}".replace(" ", "\N{NO-BREAK SPACE}")


def _toy(entry: Entry) -> bool:
    return bool(entry.run.group("model").get("synthetic"))


# ---------------------------------------------------------------------- ranks


def _contest(group: Group, name: str) -> Contest:
    """Who may be ranked in a task, and why the others may not."""
    import polars as pl

    cells: dict[str, Cell] = {}
    found: dict[str, Answers] = {}
    for entry in group.entries:
        task = _scored(entry).get(name)
        if task is None or task.strict.value is None:
            cells[entry.anchor] = missing("not run")
        elif (why := barred(entry)) is not None:
            cells[entry.anchor] = why
        elif task.below or task.near:
            words = "below baseline" if task.below else "at baseline"
            cells[entry.anchor] = Cell(words, sub=task.near or "", tone="warn")
        else:
            stratum = pl.col("stratum")
            found[entry.anchor] = answers(entry, (stratum == name) | stratum.str.starts_with(f"{name}/"))
    return Contest(name, found, cells)


def _ranking(group: Group) -> Section:
    names = [name for which in GROUPS for name in _names(group, which)]
    return ranking_section(
        group, [_contest(group, name) for name in names], question="Task", right="Strict",
        intro="A score within two standard errors of a trivial answer is “at baseline” and has no rank.",
    )  # fmt: skip


# ---------------------------------------------------------------------- sections


def _scored(entry: Entry) -> dict[str, Scored]:
    return {task.name: task for task in scored_tasks(entry.metrics, variants=True)}


def _names(group: Group, number: int) -> list[str]:
    """Tasks and variants of a group of tasks that some run has, in the order of the suite."""
    wanted = {task.id for task in GROUPS[number]}
    found: dict[str, None] = {}
    for entry in group.entries:
        found |= dict.fromkeys(name for name in _scored(entry) if name.split("/")[0] in wanted)
    return list(found)


def overview_section(group: Group) -> Section:
    """The score of the leaderboard, and the four tasks of the paper above the best constant answer."""
    tasks = [task.id for task in PAPER if task.id in _names(group, 1)]
    columns = [Column("Model"), Column("Score of the leaderboard", "0 trivial, 1 no error", numeric=True),
               *(Column(name, "corrected", numeric=True) for name in tasks)]  # fmt: skip
    rows = []
    for entry in group.entries:
        score = next(iter(entry.named("charbench.score")), None)
        scored = _scored(entry)
        cells = [_value(scored[name].corrected) if name in scored else missing("not run") for name in tasks]
        rows.append([row_head(entry, spec=True), _value(score), *cells])
    return Section(
        f"{group.anchor}-overview", "Overview",
        "Corrected: strict accuracy above the best constant answer b, (accuracy - b) / (1 - b): 0 is no better than "
        "always giving one answer, 1 is without error. The score of the leaderboard is their mean over the tasks of "
        "the paper.",
        [Table("Overview of models", columns, rows)],
    )  # fmt: skip


def _plots(group: Group, names: Sequence[str]) -> list[Chart]:
    """One small chart for each task; variants of a task stand in the table only."""
    found = []
    for name in names:
        tasks = [(entry, _scored(entry).get(name)) for entry in group.entries]
        best = {task.best for _, task in tasks if task is not None}
        rule = next(iter(best)) if len(best) == 1 else None  # tasks whose trivial answers differ have no common line
        points = [(entry, None if task is None else task.strict, "") for entry, task in tasks]
        if "/" not in name:
            found.append(chart(
                label(name), "strict score, share of items", points, as_percent=True,
                rule=None if rule is None else rule[1], rule_label="" if rule is None else f"trivial: {label(rule[0])}",
            ))  # fmt: skip
    return charts(*found)


def _scores(group: Group, which: int) -> Section | None:
    """One table for a group of tasks: everything that belongs beside a score."""
    names = _names(group, which)
    if not names:
        return None
    rows = []
    for name in names:
        ranks = places(_contest(group, name))
        for entry in group.entries:
            task = _scored(entry).get(name)
            if task is None:
                continue
            score, best = task.strict, task.best
            if score.value is None:
                blank = [missing(value_text(score)), *[missing("not run")] * 9]
                rows.append([Cell(label(name)), row_head(entry), *blank])
                continue
            rows.append([
                Cell(label(name)), row_head(entry), _value(score), Cell(f"{count(score.k or 0)} of {count(score.n)}"),
                _value(task.rows.get("lenient")), _value(task.corrected), _value(task.rows.get("corrected_len")),
                missing("none") if best is None else Cell(number(best[1]), sub=label(best[0])),
                _rate(score.n_invalid, score.n), _rate(score.n_failed, score.n),
                _share(task.rows["coverage"]) if "coverage" in task.rows else Cell("see task"), ranks[entry.anchor],
            ])  # fmt: skip
    columns = [
        Column("Task"), Column("Model"), Column("Strict", "95 % Wilson", numeric=True), Column("k of n", numeric=True),
        Column("Lenient", numeric=True), Column("Corrected", "constant", numeric=True),
        Column("Corrected", "by length", numeric=True), Column("Best trivial", numeric=True),
        Column("Other form", "or unreadable", numeric=True), Column("No answer", "counted as wrong", numeric=True),
        Column("Asked", numeric=True), Column("Rank", "in its task"),
    ]  # fmt: skip
    return Section(
        f"{group.anchor}-group{which}", _TITLES[which],
        "Ranks are explained under Ranking. A score within two standard errors of a trivial answer is “at baseline” "
        "and has no rank.",
        [Table(_TITLES[which], columns, rows)],
        charts=_plots(group, names),
    )  # fmt: skip


def _subset_columns(group: Group, *, length: bool) -> list[str]:
    found: dict[str, None] = {}
    for entry in group.entries:
        parts = (row.filter.partition("|")[2] for row in entry.named("charbench.strict"))
        found |= dict.fromkeys(part for part in parts if part and part.startswith("length=") == length)
    order = ("rep=0", "rep=1", "absent=1", "level=common", "level=medium", "level=rare")
    place = {name: index for index, name in enumerate(order)}
    return sorted(found, key=lambda name: (place.get(name, len(place)), len(name), name))


def _subsets(group: Group) -> Section | None:
    tables = []
    for length, caption in ((True, "Strict score by length"), (False, "Strict score by subset")):
        names = _subset_columns(group, length=length)
        rows = []
        for entry in group.entries:
            found = {row.filter: row for row in entry.named("charbench.strict")}
            for task in scored_tasks(entry.metrics):
                cells = [_value(found.get(f"{task.name}|{name}")) if f"{task.name}|{name}" in found
                         else missing("no such items") for name in names]  # fmt: skip
                if length:
                    cells = [_value(task.rows.get("macro")), *cells]
                rows.append([Cell(label(task.name)), row_head(entry), *cells])
        if names:
            heads = [Column("Mean of lengths", numeric=True)] if length else []
            heads += [Column(label(name.replace("=", " ").replace("absent 1", "absent").replace("level ", "")),
                             numeric=True) for name in names]  # fmt: skip
            tables.append(Table(caption, [Column("Task"), Column("Model"), *heads], rows))
    if not tables:
        return None
    return Section(
        f"{group.anchor}-subsets", "Subsets",
        "rep 1: the queried character occurs more than once; absent: it does not occur. Words are common, medium or "
        "rare by their level in the list. Small subsets have wide intervals.",
        tables,
    )  # fmt: skip


def _habits(group: Group) -> Section | None:
    rows = []
    for entry in group.entries:
        for task in _scored(entry).values():
            if task.strict.value is None:
                continue
            says = [
                _habit(name.removeprefix("says."), row.value or 0)
                for name, row in task.rows.items() if name.startswith("says.")
            ]  # fmt: skip
            trivial = [_habit(name, value) for name, value in task.baselines.items()]
            rows.append([
                Cell(label(task.name)), row_head(entry), _value(task.rows.get("bias"), signed=True),
                _value(task.rows.get("bias_wrong"), signed=True), Cell(", ".join(trivial)), Cell(", ".join(says)),
            ])  # fmt: skip
    if not rows:
        return None
    columns = [Column("Task"), Column("Model"), Column("Bias", "all answers", numeric=True),
               Column("Bias", "wrong answers", numeric=True), Column("Trivial answers are right on"),
               Column("Answers equal to them")]  # fmt: skip
    return Section(
        f"{group.anchor}-habits", "Bias and habits",
        "Bias: answer minus gold, mean, intervals clustered by word. A model that gives a trivial answer far more "
        "often than it is right does not look at the characters.",
        [Table("Bias and habits", columns, rows)],
    )  # fmt: skip


def _failures(group: Group) -> Section | None:
    rows = []
    for entry in group.entries:
        for task in _scored(entry).values():
            if task.strict.value is not None:
                cells = [_share(task.rows.get(name)) for name in RATES]
                rows.append([Cell(label(task.name)), row_head(entry), *cells])
    if not rows:
        return None
    columns = [Column("Task"), Column("Model"), *(Column(name, numeric=True) for name in RATES)]
    return Section(
        f"{group.anchor}-failures", "Answers that are none",
        "invalid: neither reading finds an answer; truncated: cut off before one; refused: the provider says so; "
        "error: the request failed; missing: a recording has none. All of them stay in every n.",
        [Table("Answers that are none", columns, rows)],
    )  # fmt: skip


# ---------------------------------------------------------------------- the table of the paper


def _why_not_comparable(group: Group) -> str:
    """What keeps the runs of a group from standing beside the paper's table, or nothing."""
    options = group.entries[0].run.group("run").get("options")
    chosen = options if isinstance(options, Mapping) else {}
    wanted = {"gold": ("natural", "rows"), "prompt": (published().prompt,), "mode": ("generate",)}
    found = [
        f"{name} {label(str(chosen.get(name)))} (needs {values[0]})"
        for name, values in wanted.items() if chosen.get(name) not in values
    ]  # fmt: skip
    lacking = [task.id for task in PAPER if task.id not in _names(group, 1)]
    return ", ".join([*found, *([f"without {', '.join(lacking)}"] if lacking else [])])


def _own_row(entry: Entry) -> list[Cell] | None:
    scored = _scored(entry)
    rows = [scored[task.id].strict for task in PAPER if task.id in scored]
    if len(rows) < len(PAPER) or any(row.value is None for row in rows):
        return None
    k, n = sum(row.k or 0 for row in rows), sum(row.n for row in rows)
    cells = []
    for right, of in ((k, n), *((row.k or 0, row.n) for row in rows)):
        lo, hi = stats.wilson(right, of)
        cells.append(Cell(f"{100 * right / of:.2f}", sub=f"{100 * lo:.2f} to {100 * hi:.2f}"))
    return [row_head(entry), Cell("toy" if _toy(entry) else "this run"), Cell(count(n)), *cells]


def _paper(group: Group) -> Section | None:
    if not _names(group, 1):
        return None
    anchor, title = f"{group.anchor}-paper", "Beside the table of the paper"
    if why := _why_not_comparable(group):
        return Section(anchor, title, f"These runs are not comparable with {published().source}, table 2: {why}.")
    source = published()
    names = ["overall", *(task.id for task in PAPER)]
    rows = [
        [Cell(label(model)), Cell("published", tone="mute"), Cell(count(4 * source.n)),
         *(Cell(f"{accuracies[name]:.2f}") for name in names)]
        for model, accuracies in source.accuracies.items()
    ]  # fmt: skip
    means = {name: fmean(row[name] for row in source.accuracies.values()) for name in names}
    for head, values in (("Average, as printed", source.average_printed), ("Mean of the rows above", means)):
        rows.append([Cell(head), Cell("published", tone="mute"), missing("a mean"),
                     *(Cell(f"{values[name]:.2f}") for name in names)])  # fmt: skip
    rows += [row for entry in group.entries if (row := _own_row(entry)) is not None]
    columns = [Column("Model"), Column("From"), Column("n", numeric=True),
               *(Column(name, "% strict", numeric=True) for name in names)]  # fmt: skip
    return Section(
        anchor, title,
        f"Rows marked “published” are printed in {source.source}, table 2, without intervals. Ours have the same "
        "design, wording and grading, but other words (unless the published rows were imported). The printed average "
        "is not the mean of the printed rows; both are shown.",
        [Table("Accuracy in percent, layout of the paper", columns, rows)],
    )  # fmt: skip


def sections(group: Group) -> list[Section | None]:
    """All sections of a group of runs."""
    scored = any(map(_scored, group.entries))
    return [
        *([overview_section(group)] if scored else []),
        *(_scores(group, which) for which in GROUPS),
        *([_ranking(group)] if scored else []),
        _paper(group), _subsets(group), _habits(group), _failures(group),
        others(group, own=(PREFIX,)),
    ]  # fmt: skip


def summary_line(entry: Entry) -> str:
    """One sentence on a model."""
    tasks = scored_tasks(entry.metrics)
    if not tasks:
        return f"{len(entry.metrics)} metrics"
    parts = []
    score = next(iter(entry.named("charbench.score")), None)
    if score is not None:
        parts.append(f"score {number(score.value)}" if score.value is not None else f"no score: {label(score.reason)}")
    flagged = [label(task.name) for task in tasks if task.below or task.near]
    if flagged:
        parts.append(f"at or below a trivial answer: {', '.join(flagged)}")
    return "; ".join(parts)
