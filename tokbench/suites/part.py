"""The unit of resumable work of a suite: a :class:`Part` is run once, and its rows are kept for good.

A :class:`Plan` is a suite with the settings of one command: it says which parts a run has and what identifies it.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Protocol

from tokbench.results import Metric, Sample
from tokbench.tokenizers import Tokenizer

__all__ = ["Part", "PartResult", "Plan"]


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
        over: Does it on the rows of all parts before it, instead of ``work``: for metrics over a whole run.
    """

    key: str
    title: str
    work: Callable[[], PartResult] | None = None
    over: Callable[[Sequence[Sample]], PartResult] | None = None

    def run(self, rows: Sequence[Sample]) -> PartResult:
        """Do it; ``rows`` are those of the parts before."""
        if self.over is not None:
            return self.over(rows)
        assert self.work is not None, "a part has work"
        return self.work()


class Plan(Protocol):
    """A suite with the settings of one command. Immutable, and cheap to send to another process.

    Attributes:
        name: Name of the suite.
        version: Version of the suite.
        profile: ``smoke``, ``core`` or ``full``.
        seed: Seed of all that is drawn.
        references: Specs of engines that every tokenizer is compared with.
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
