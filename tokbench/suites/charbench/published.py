"""The tables of the CharBench paper (arXiv 2508.02591), as data: ``suites/charbench/published.toml``."""

from __future__ import annotations

import tomllib
from collections.abc import Mapping
from dataclasses import dataclass
from functools import cache
from types import MappingProxyType
from typing import TYPE_CHECKING

from tokbench._resources import resource
from tokbench.errors import SuiteDefinitionError

if TYPE_CHECKING:
    import polars as pl

__all__ = ["AVERAGE", "Published", "published"]

AVERAGE = "average"
"""Name of the row of averages in the table of correlations."""

_FILE = ("suites", "charbench", "published.toml")


@dataclass(frozen=True, slots=True, kw_only=True)
class Published:
    """What the paper prints.

    Attributes:
        source: The paper.
        n: Items a task and model.
        prompt: Wording of the questions.
        gold: Gold profile that has its design.
        grading: How answers were read.
        accuracies: Table 2: for each model the accuracy in percent by task, and ``overall``.
        average_printed: The printed row of averages of Table 2, which is not the mean of the rows.
        correlations: Table 3: for each task and model (and :data:`AVERAGE`) the r of each property.
    """

    source: str
    n: int
    prompt: str
    gold: str
    grading: str
    accuracies: Mapping[str, Mapping[str, float]]
    average_printed: Mapping[str, float]
    correlations: Mapping[str, Mapping[str, Mapping[str, float]]]

    def frame(self) -> pl.DataFrame:
        """Table 3 as a frame with the columns task, model, feature, r."""
        import polars as pl

        rows = [
            (task, model, feature, r)
            for task, models in self.correlations.items()
            for model, row in models.items()
            for feature, r in row.items()
        ]
        schema = {"task": pl.String, "model": pl.String, "feature": pl.String, "r": pl.Float64}
        return pl.DataFrame(rows, schema=schema, orient="row")


@cache
def published() -> Published:
    """The published tables.

    Raises:
        SuiteDefinitionError: If their file is missing or lacks a part.
    """
    path = resource(*_FILE)
    try:
        data = tomllib.loads(path.read_text(encoding="utf-8"))
        return Published(
            source=data["source"], n=data["n"], prompt=data["prompt"], gold=data["gold"], grading=data["grading"],
            accuracies=MappingProxyType(data["accuracies"]), average_printed=MappingProxyType(data["average_printed"]),
            correlations=MappingProxyType(data["correlations"]),
        )  # fmt: skip
    except (KeyError, tomllib.TOMLDecodeError) as error:
        raise SuiteDefinitionError("/".join(_FILE), f"not the tables of the paper ({error})") from error
