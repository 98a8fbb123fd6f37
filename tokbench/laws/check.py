"""Hold laws against a tokenizer: draw inputs, shrink failures, say what came out."""

from __future__ import annotations

import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass

import hypothesis
from hypothesis.errors import Flaky, HypothesisException, InvalidArgument, Unsatisfiable

from tokbench.errors import TokbenchError, UnsupportedError
from tokbench.laws.law import Counterexample, Law, LawViolation, NotJudgedError, Verdict, select_laws
from tokbench.laws.shrink import shrink
from tokbench.tokenizers import Tokenizer

__all__ = ["CheckReport", "check", "check_law"]


@dataclass(frozen=True, slots=True)
class CheckReport:
    """Verdicts of a check, in the order of the laws.

    Attributes:
        tokenizer: Spec of the tokenizer.
        verdicts: One a law.
    """

    tokenizer: str
    verdicts: tuple[Verdict, ...]

    @property
    def failures(self) -> tuple[Verdict, ...]:
        """Verdicts of the laws that fail."""
        return tuple(verdict for verdict in self.verdicts if verdict.status == "fails")

    @property
    def holds(self) -> bool:
        """Whether at least one law was tried and none failed or broke."""
        return any(verdict.status == "holds" for verdict in self.verdicts) and not any(
            verdict.status in {"fails", "error"} for verdict in self.verdicts
        )

    def __getitem__(self, law_id: str) -> Verdict:
        for verdict in self.verdicts:
            if verdict.law == law_id:
                return verdict
        raise KeyError(law_id)


def _violation(error: BaseException) -> LawViolation:
    """A law is broken too by an error that is none of ours, be it a panic of a Rust library."""
    if isinstance(error, LawViolation):
        return error
    violation = LawViolation(f"{type(error).__module__}.{type(error).__name__} was raised: {ascii(str(error))[:300]}")
    violation.__cause__ = error
    return violation


class _Trial:
    """Runs the law's function on one input after another and counts those on which it was judged."""

    def __init__(self, law: Law, tokenizer: Tokenizer) -> None:
        self.law = law
        self.tokenizer = tokenizer
        self.judged = 0
        self.observation = ""
        self.not_judged = ""
        self.last: LawViolation | None = None

    def __call__(self, data: object) -> None:
        try:
            self.observation = self.law.function(self.tokenizer, data) or self.observation
        except (NotJudgedError, UnsupportedError) as reason:  # or an operation that this very input rules out
            self.not_judged = str(reason)
            return
        except (HypothesisException, KeyboardInterrupt, SystemExit, GeneratorExit, MemoryError):
            raise
        except BaseException as error:
            if type(error).__module__.startswith("hypothesis"):  # control flow of hypothesis
                raise
            self.judged += 1
            violation = _violation(error)
            violation.data = data
            self.last = violation
            raise violation from violation.__cause__
        self.judged += 1

    def fails(self, data: object) -> LawViolation | None:
        """The violation on ``data``, or None."""
        try:
            self(data)
        except LawViolation as violation:
            return violation
        except HypothesisException:  # an assumption that does not hold
            return None
        return None

    def smallest(self, violation: LawViolation) -> LawViolation:
        """The violation on the smallest input that shrinking finds; the given one if it cannot be repeated."""
        smallest = shrink(violation.data, lambda candidate: self.fails(candidate) is not None)
        return self.fails(smallest) or violation


def _counterexample(violation: LawViolation, tokenizer: Tokenizer) -> Counterexample:
    ids: tuple[int, ...] | None = None
    if isinstance(violation.data, str):
        try:
            ids = tuple(tokenizer.encode(violation.data))
        except (KeyboardInterrupt, SystemExit, GeneratorExit):
            raise
        except BaseException:  # noqa: BLE001, whatever the engine does here, the counterexample stands
            ids = None
    return Counterexample(violation.data, str(violation), ids, violation.expected, violation.got)


def _fixed_examples(trial: _Trial, law: Law) -> LawViolation | None:
    for example in law.examples:
        violation = trial.fails(example)
        if violation is not None:
            return trial.smallest(violation)
    return None


def _drawn_examples(trial: _Trial, law: Law, max_examples: int, seed: int) -> LawViolation | None:
    if law.strategy is None:
        return trial.fails(None)
    strategy = law.strategy(trial.tokenizer)

    @hypothesis.seed(seed)
    @hypothesis.settings(
        max_examples=max(1, round(max_examples * law.share)),
        database=None,
        deadline=None,
        derandomize=False,
        suppress_health_check=list(hypothesis.HealthCheck),
        phases=[hypothesis.Phase.generate, hypothesis.Phase.shrink],
        print_blob=False,
        report_multiple_bugs=False,
        verbosity=hypothesis.Verbosity.quiet,
    )
    @hypothesis.given(strategy)
    def attempt(data: object) -> None:
        trial(data)

    try:
        attempt()
    except LawViolation as violation:
        return trial.smallest(violation)
    except Flaky:
        flaky = LawViolation(f"the same input gives different results when it is repeated: {trial.last}")
        flaky.data = trial.last.data if trial.last is not None else None
        return flaky
    return None


def check_law(
    tokenizer: Tokenizer,
    law: Law,
    *,
    max_examples: int = 200,
    seed: int = 0,
    clock: Callable[[], float] = time.monotonic,
) -> Verdict:
    """Hold one law against ``tokenizer``.

    Args:
        tokenizer: The tokenizer under test.
        law: The law.
        max_examples: Number of inputs to draw (times ``law.share``), besides the fixed ones.
        seed: Seed of the draw; in one environment the same seed draws the same inputs (hypothesis also
            draws constants that it finds in the modules of the user's own project).
        clock: Where ``seconds`` comes from.
    """
    start = clock()
    reason = law.needs(tokenizer)
    if reason is not None:
        return Verdict(law.id, "not-applicable", reason)
    trial = _Trial(law, tokenizer)
    try:
        violation = _fixed_examples(trial, law) or _drawn_examples(trial, law, max_examples, seed)
        if violation is None and trial.judged and law.observe is not None:
            trial.observation = law.observe(tokenizer) or trial.observation
    except (Unsatisfiable, InvalidArgument, TokbenchError) as error:
        return Verdict(law.id, "error", str(error), trial.judged, clock() - start)
    if violation is not None:
        found = _counterexample(violation, tokenizer)
        return Verdict(law.id, "fails", found.problem, trial.judged, clock() - start, found)
    if not trial.judged:  # a law that was never judged must not seem to hold
        return Verdict(law.id, "not-applicable", f"no input could be judged: {trial.not_judged}", 0, clock() - start)
    return Verdict(law.id, "holds", trial.observation, trial.judged, clock() - start)


def check(
    tokenizer: Tokenizer,
    laws: Sequence[str] | None = None,
    *,
    max_examples: int = 200,
    seed: int = 0,
    groups: Sequence[str] = ("core",),
    progress: Callable[[Law], None] | None = None,
) -> CheckReport:
    """Hold laws against ``tokenizer``.

    Args:
        tokenizer: The tokenizer under test.
        laws: Ids of laws (``-id`` leaves one out); None for all laws of ``groups``.
        max_examples: Number of inputs to draw for each law.
        seed: Seed of the draw.
        groups: Groups of laws, when none is named.
        progress: Called with each law before it is tried.

    Raises:
        UnknownLawError: If a law does not exist.
    """
    verdicts = []
    for entry in select_laws(laws, groups=groups):
        if progress is not None:
            progress(entry)
        verdicts.append(check_law(tokenizer, entry, max_examples=max_examples, seed=seed))
    return CheckReport(tokenizer.info.spec, tuple(verdicts))
