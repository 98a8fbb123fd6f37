"""The suite ``charbench`` in the terminal: what a run would ask, and what one found, both in 80 columns."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from statistics import fmean

from rich import box
from rich.console import Group, RenderableType
from rich.table import Table
from rich.text import Text

from tokbench.report import Scored, label, scored_tasks
from tokbench.results import Metric, Run
from tokbench.suites.charbench.baselines import Baselines, baselines
from tokbench.suites.charbench.item import Item
from tokbench.suites.charbench.plan import CharbenchPlan
from tokbench.suites.charbench.prompts import render
from tokbench.suites.charbench.words import load_words
from tokbench.tokenizers import Tokenizer, load_tokenizer

__all__ = ["LEGEND", "dry_run_tables", "run_summary"]

_MOST_PROMPTS = 7000
"""Prompts that are counted one by one; of more items every n-th is counted, and the sum is marked."""

_WIDEST = 22
"""Widest name of a task or baseline in a table."""


def _table(*heads: str) -> Table:
    table = Table(box=box.SIMPLE_HEAD, pad_edge=False, show_edge=False, collapse_padding=True)
    table.add_column(heads[0], vertical="bottom", no_wrap=True, overflow="ellipsis", max_width=_WIDEST)
    for head in heads[1:]:
        table.add_column(head, justify="right", vertical="bottom", no_wrap=True, overflow="ellipsis", max_width=_WIDEST)
    return table


# ---------------------------------------------------------------------- before a run


def _tokens(items: Sequence[Item], prompt: str, tokenizer: Tokenizer) -> tuple[float, bool]:
    """Tokens of the texts of all prompts, and whether that is an estimate."""
    step = -(-len(items) // _MOST_PROMPTS)
    counts = []
    for item in items[::step]:
        rendered = render(item, prompt)
        texts = [rendered.text] if rendered.system is None else [rendered.system, rendered.text]
        counts.append(sum(len(tokenizer.encode(text)) for text in texts))
    return fmean(counts) * len(items), step > 1


def _named(entry: Baselines) -> str:
    answer = entry.b_const.answer
    return f"{answer if answer.isascii() and len(answer) < 8 else 'text'} {100 * entry.b_const.value:.1f}"  # noqa: PLR2004


def _best(entry: Baselines) -> str:
    name, value = entry.best
    return f"{name} {100 * value:.1f}"


def dry_run_tables(plan: CharbenchPlan, specs: Sequence[str]) -> list[RenderableType]:
    """What a run would ask, and what trivial answers to it score; no model is loaded.

    Args:
        plan: The suite with its settings.
        specs: Specs of the tokenizers.

    Raises:
        TokbenchError: If words, items or a tokenizer cannot be loaded.
    """
    items = plan.all_items()
    words = None if plan.rows is not None else load_words(plan.words, unit=plan.unit)
    trivial = baselines(items, words, plan.gold)
    table = _table("task", "items", "best constant", "by length", "best trivial")
    for (task, variant), entry in trivial.items():
        count = sum(item.task == task and item.variant == variant for item in items)
        name = task if variant == "std" else f"{task}/{variant}"
        table.add_row(Text(name), f"{count:,}", Text(_named(entry)), f"{100 * entry.b_len.value:.1f}",
                      Text(_best(entry)))  # fmt: skip
    settings = [plan.profile, plan.gold, f"prompt {plan.prompt}", f"mode {plan.mode}"]
    head = Text(" · ".join([plan.model or "no model", *settings]), style="bold")
    lines: list[RenderableType] = [head, Text(f"{len(items):,} items; nothing was asked", style="dim"), table]
    costs = _table("tokenizer", "tokens of all prompts", "a prompt")
    for spec in specs:
        total, about = _tokens(items, plan.prompt, load_tokenizer(spec))
        costs.add_row(Text(spec), f"{'≈ ' if about else ''}{total:,.0f}", f"{total / len(items):.1f}")
    exact = any(entry.exact for entry in trivial.values())
    note = "expected over the list of words" if exact else "on these items"
    return [
        Group(*lines),
        Text(f"% right, {note}; by length: the best constant for each length of word", style="dim"),
        Group(costs, Text("text of the messages, without what a chat template adds", style="dim")),
    ]


# ---------------------------------------------------------------------- after a run

LEGEND = (
    "score: % right in the form asked for · above: 0 is the best constant, 1 is all\n"
    "other form: % of answers that are in another one, so wrong · at baseline: within\n"
    "2 standard errors of a trivial answer · below: clearly under the best one"
)


def _above(row: Metric | None) -> str:
    return "–" if row is None or row.value is None else f"{row.value:.2f}"


def _verdict(task: Scored) -> Text:
    if task.below:
        return Text("below", style="yellow")
    return Text("at baseline", style="yellow") if task.near else Text("")


def _row(task: Scored) -> Iterable[RenderableType]:
    score = task.strict
    if score.value is None or score.lo is None or score.hi is None:
        return [Text(task.name), Text("–", style="dim")]
    best = "–" if task.best is None else f"{task.best[0]} {100 * task.best[1]:.1f}"
    return [
        Text(task.name), f"{100 * score.value:.1f}", f"{100 * score.lo:.1f}–{100 * score.hi:.1f}",
        _above(task.corrected), Text(best), f"{100 * score.n_invalid / score.n:.1f}", _verdict(task),
    ]  # fmt: skip


def run_summary(run: Run) -> RenderableType:
    """One run in a form that can be pasted: a line on what was run, one line a task, and what to know about it."""
    about, model, tool = run.group("run"), run.group("model"), run.group("tokbench")
    options = about.get("options")
    chosen = options if isinstance(options, dict) else {}
    tasks = scored_tasks(run.metric_rows)
    n = sum(task.strict.n for task in tasks)
    spec = label(str(model.get("spec") or about.get("model") or "no model"))
    facts = [
        label(str(run.group("tokenizer").get("spec"))), f"prompt {label(str(chosen.get('prompt')))}",
        f"{label(str(tool.get('profile')))} {label(str(chosen.get('gold')))}", f"n = {n:,}",
    ]  # fmt: skip
    head = Text(spec, style="bold", overflow="fold")
    if model.get("synthetic"):
        head.append("  toy, never ranked", style="yellow")
    head.append("\n" + " · ".join(facts), style="dim")
    table = _table("task", "score", "95 %", "above", "best trivial", "other\nform", "")
    notes = []
    for task in tasks:
        table.add_row(*_row(task))
        if task.strict.value is None:
            notes.append(f"{task.name}: {label(task.strict.reason)}")
        elif task.strict.n_failed:
            notes.append(
                f"{task.name}: {task.strict.n_failed:,} of {task.strict.n:,} without an answer, counted as wrong"
            )
    score = next((row for row in run.metric_rows if row.metric == "charbench.score"), None)
    if score is not None and tasks:
        notes.append(
            f"no score for the leaderboard: {label(score.reason)}" if score.value is None or score.lo is None
            or score.hi is None else f"score of the leaderboard: {score.value:.4f} [{score.lo:.4f}, {score.hi:.4f}]"
        )  # fmt: skip
    return Group(head, table, *(Text(note, style="dim") for note in notes), Text(""))
