"""The unit of resumable work of a suite: a :class:`Part` is run once, and its rows are kept for good."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, field

from tokbench.results import Metric, Sample

__all__ = ["Part", "PartResult"]


@dataclass(frozen=True, slots=True)
class PartResult:
    """What a part found: sample rows, and the metrics that are computed from this part alone."""

    samples: list[Sample] = field(default_factory=list)
    metrics: list[Metric] = field(default_factory=list)


@dataclass(frozen=True, slots=True)
class Part:
    """A named piece of a run.

    Attributes:
        key: Stable name, unique in the run, for example ``laws/round-trip``; a continued run skips the keys
            that are already in its journal.
        title: What a progress bar says while it runs.
        work: Does it.
    """

    key: str
    title: str
    work: Callable[[], PartResult]
