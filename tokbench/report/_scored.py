"""Scores of the suite ``charbench`` as its metrics hold them: task by task, each beside its trivial answers."""

from __future__ import annotations

import math
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field

from tokbench.results import Metric
from tokbench.suites.charbench.metrics import at_baseline
from tokbench.suites.charbench.tasks import GROUPS

__all__ = ["PREFIX", "Scored", "scored_tasks"]

PREFIX = "charbench."
"""What the names of its metrics begin with."""

_NOT_TRIVIAL = frozenset({"letter-best", "sibling"})
_STANDARD_ERRORS = 2


@dataclass(frozen=True, slots=True)
class Scored:
    """What a run says of one task or variant.

    Attributes:
        name: The task, or ``task/variant``.
        rows: Its metrics by name, without the prefix of the suite.
        baselines: Share of right items of each trivial answer.
    """

    name: str
    rows: Mapping[str, Metric]
    baselines: Mapping[str, float] = field(default_factory=dict)

    @property
    def strict(self) -> Metric:
        """The strict score."""
        return self.rows["strict"]

    @property
    def corrected(self) -> Metric | None:
        """The strict score above the best constant answer."""
        return self.rows.get("corrected")

    @property
    def near(self) -> str | None:
        """The trivial answer that the strict score is not told from."""
        score = self.strict
        return None if score.value is None else at_baseline(score.value, score.n, self.baselines)

    @property
    def best(self) -> tuple[str, float] | None:
        """The best trivial answer that sees no character and is not right on every item."""
        known = {name: value for name, value in self.baselines.items() if name not in _NOT_TRIVIAL and value < 1}
        if not known:
            return None
        name = max(known, key=known.__getitem__)
        return name, known[name]

    @property
    def below(self) -> bool:
        """Whether the strict score is more than two standard errors under the best trivial answer."""
        if self.best is None or self.strict.value is None:
            return False
        b = self.best[1]
        return self.strict.value < b - _STANDARD_ERRORS * math.sqrt(b * (1 - b) / self.strict.n)


def scored_tasks(metrics: Iterable[Metric], *, variants: bool = False) -> list[Scored]:
    """The tasks of a run in the order of the suite.

    Args:
        metrics: Its metrics.
        variants: Whether the variants of a task stand behind it.
    """
    found: dict[str, dict[str, Metric]] = {}
    for row in metrics:
        whole = row.metric.startswith(PREFIX) and row.filter and "|" not in row.filter
        if whole and (variants or "/" not in row.filter):
            found.setdefault(row.filter, {})[row.metric.removeprefix(PREFIX)] = row
    order = {task.id: place for place, task in enumerate(task for group in GROUPS.values() for task in group)}
    names = sorted(found, key=lambda name: (order.get(name.split("/")[0], len(order)), name))
    return [
        Scored(
            name, found[name],
            {key.removeprefix("baseline."): row.value for key, row in found[name].items()
             if key.startswith("baseline.") and row.value is not None},
        )
        for name in names if "strict" in found[name]
    ]  # fmt: skip
