"""The unit of resumable work of a suite: a :class:`Part` is run once, and its rows are kept for good.

A :class:`Plan` is a suite with the settings of one command: it says which parts a run has and what identifies it.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING, Protocol

from tokbench.results import Metric, Sample
from tokbench.tokenizers import Tokenizer

if TYPE_CHECKING:
    import polars as pl

__all__ = ["Part", "PartContext", "PartResult", "Plan", "alone"]


@dataclass(frozen=True, slots=True)
class PartResult:
    """What a part found: sample rows, and the metrics that are computed from this part alone."""

    samples: list[Sample] = field(default_factory=list)
    metrics: list[Metric] = field(default_factory=list)


@dataclass(frozen=True, slots=True, kw_only=True)
class PartContext:
    """What a part is given.

    Attributes:
        samples: Sample rows of the parts before it, for metrics over a whole run.
        out: Directory of all runs; answers of models are kept below it, because several runs may share them.
        tick: Called with the number of steps that were done since the last call.
        attach: Called with a name and a frame: a table of the suite's own, kept as ``<name>.parquet`` beside the rows.
    """

    samples: Sequence[Sample] = ()
    out: Path = Path()
    tick: Callable[[int], None] = lambda _steps: None
    attach: Callable[[str, pl.DataFrame], None] = lambda _name, _frame: None


@dataclass(frozen=True, slots=True)
class Part:
    """A named piece of a run.

    Attributes:
        key: Stable name, unique in the run, for example ``laws/round-trip``; a continued run skips the keys
            that are already in its journal.
        title: What a progress bar says while it runs.
        work: Does it.
        steps: How much of the progress of a run it is, 1 for a part that cannot say how far it is.
    """

    key: str
    title: str
    work: Callable[[PartContext], PartResult]
    steps: int = 1


def alone(work: Callable[[], PartResult]) -> Callable[[PartContext], PartResult]:
    """The work of a part that needs nothing of its context."""
    return lambda _context: work()


class Plan(Protocol):
    """A suite with the settings of one command. Immutable, and cheap to send to another process.

    Attributes:
        name: Name of the suite.
        version: Version of the suite.
        profile: ``smoke``, ``core`` or ``full``.
        seed: Seed of all that is drawn.
        references: Specs of engines that every tokenizer is compared with.
        retries: Whether a finished run in which requests failed is done again by the same command (what came back
            is not asked again).
    """

    @property
    def name(self) -> str: ...  # noqa: D102, described above
    @property
    def version(self) -> str: ...  # noqa: D102
    @property
    def profile(self) -> str: ...  # noqa: D102
    @property
    def seed(self) -> int: ...  # noqa: D102
    @property
    def references(self) -> tuple[str, ...]: ...  # noqa: D102
    @property
    def retries(self) -> bool: ...  # noqa: D102

    def items(self) -> dict[str, str]:
        """SHA-256 of every set of items that the run uses."""
        ...

    def options(self) -> dict[str, object]:
        """Options that change results."""
        ...

    def data_files(self) -> list[Mapping[str, object]]:
        """The data that the run reads, for its record."""
        ...

    def model_of(self, tokenizer: Tokenizer) -> tuple[str, str, Mapping[str, object]] | None:
        """Slug, identity and description of the model that is run; None for a run of a tokenizer alone."""
        ...

    def check_references(self, tokenizer: Tokenizer, references: Sequence[Tokenizer]) -> None:
        """Refuse before any work what cannot be run.

        Raises:
            TokbenchError: If it cannot.
        """
        ...

    def partners(self, tokenizer: Tokenizer, others: Sequence[Tokenizer]) -> list[Tokenizer]:
        """Those of ``others``, tokenizers of the same command, that ``tokenizer`` is compared with."""
        ...

    def parts(
        self, tokenizer: Tokenizer, references: Sequence[Tokenizer] = (), partners: Sequence[Tokenizer] = ()
    ) -> list[Part]:
        """What a run of ``tokenizer`` consists of."""
        ...

    def notes(self) -> list[str]:
        """What a person should know after the run beside its numbers; one line each."""
        ...
