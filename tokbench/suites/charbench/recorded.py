"""What runs left behind, as the frames that the analysis takes."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

from tokbench.errors import RecordError
from tokbench.results import Run, scan
from tokbench.suites.charbench.tasks import select_tasks

if TYPE_CHECKING:
    import polars as pl

__all__ = ["Recorded", "recorded"]

SUITE = "charbench"


@dataclass(frozen=True, slots=True, kw_only=True)
class Recorded:
    """The frames of one or several runs.

    Attributes:
        runs: Names of the runs.
        items: Their items, each once.
        predictions: Their answers, with the ``tokenizer`` whose features belong to each.
        features: Their features.
        notes: What was left out and why.
    """

    runs: tuple[str, ...]
    items: pl.DataFrame
    predictions: pl.DataFrame
    features: pl.DataFrame
    notes: tuple[str, ...] = ()

    def only(self, tasks: Sequence[str]) -> pl.DataFrame:
        """The answers to some tasks.

        Args:
            tasks: Names of tasks or of sets of tasks.

        Raises:
            UnknownNameError: If a name does not exist.
            RecordError: If the runs have no answer to any of them.
        """
        import polars as pl

        ids = [task.id for task in select_tasks(tasks)]
        chosen = self.items.filter(pl.col("task").is_in(ids))
        found = self.predictions.join(chosen, on="item_id", how="semi", maintain_order="left")
        if found.is_empty():
            asked = ", ".join(self.items["task"].unique(maintain_order=True))
            raise RecordError(", ".join(self.runs), f"no answer to {', '.join(tasks)}: the tasks are {asked}")
        return found


def _problem(run: Run) -> str | None:
    """Why a run cannot be analysed."""
    suite = str(run.group("run").get("suite"))
    if suite != SUITE:
        return f"a run of {suite}, not of {SUITE}"
    if not run.complete:
        return "was cut off and is not finished: the same command continues it"
    if "predictions.parquet" not in run.group("files"):
        return "has no answers: it was a run of items and features alone"
    return None


def _tables(run: Run) -> tuple[pl.DataFrame, pl.DataFrame, pl.DataFrame]:
    import polars as pl

    items, predictions, features = (run.table(name) for name in ("items", "predictions", "features"))
    found = features["tokenizer"].unique().to_list() if "tokenizer" in features.columns else []
    if len(found) != 1:
        raise RecordError(run.id, f"its table features is of {len(found)} tokenizers: expected one")
    return items, predictions.with_columns(pl.lit(found[0]).alias("tokenizer")), features


def _items(frames: Sequence[pl.DataFrame]) -> pl.DataFrame:
    """All items, each once.

    Raises:
        RecordError: If one name stands for two questions: other words or another seed.
    """
    import polars as pl

    whole = pl.concat(frames, how="diagonal").unique(
        ["item_id", "word", "query_char", "answer"], keep="first", maintain_order=True
    )
    twice = whole.filter(pl.col("item_id").is_duplicated())
    if not twice.is_empty():
        which = f"{twice['item_id'][0]} asks about {twice['word'][0]!a} in one run and {twice['word'][1]!a} in another"
        raise RecordError(SUITE, f"{which} (other words or another seed): analyse these runs one by one")
    return whole


def recorded(paths: Iterable[Path | str]) -> Recorded:
    """Read all finished runs of the suite at and below some directories.

    Args:
        paths: Directories.

    Raises:
        RecordError: If a directory does not exist, if it holds no run that can be analysed (the message says why the
            first cannot), or if two runs asked different questions under one name.
    """
    import polars as pl

    wanted = [Path(path) for path in paths]
    for path in wanted:
        if not path.is_dir():
            raise RecordError(str(path), "no such directory" if not path.exists() else "not a directory")
    runs, problems = scan(*wanted)
    reasons: list[RecordError] = [
        problem if isinstance(problem, RecordError) else RecordError(problem.first, str(problem))
        for problem in problems
    ]  # fmt: skip
    tables = []
    names = []
    for run in runs:
        if (why := _problem(run)) is not None:
            reasons.append(RecordError(str(run.directory or run.id), why))
            continue
        tables.append(_tables(run))
        names.append(run.id)
    if not tables:
        raise reasons[0]
    items, predictions, features = zip(*tables, strict=True)
    return Recorded(
        runs=tuple(names),
        items=_items(items),
        predictions=pl.concat(predictions, how="diagonal"),
        features=pl.concat(features, how="diagonal"),
        notes=tuple(f"left out: {reason}" for reason in reasons),
    )
