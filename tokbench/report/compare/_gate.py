"""Whether a comparison passes: the rule that the exit status of ``tokbench compare`` follows."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from typing import Literal

from tokbench.report.compare._paired import Paired
from tokbench.report.compare._promises import Setting
from tokbench.report.compare._runs import RunComparison, RunPair
from tokbench.report.compare._tokenizers import TokenizerComparison

__all__ = ["FailOn", "Gate", "Outcome", "Rule", "judge"]

Kind = Literal["worse", "better", "other"]
FailOn = Literal["worse", "any", "never"]
Outcome = Literal["passes", "fails"]


@dataclass(frozen=True, slots=True, kw_only=True)
class Rule:
    """What fails.

    Attributes:
        fail_on: ``worse``: what got worse. ``any``: what got worse or better. ``never``: nothing.
        alpha: Level of significance of the corrected tests.
        max_drop: Points that a share over all items may lose, or percent that the tokens of a text may grow, before it
            counts as worse; it decides in place of the test. None leaves the decision to the test.
        exact: Let any difference fail, tested or not.
    """

    fail_on: FailOn = "worse"
    alpha: float = 0.05
    max_drop: float | None = None
    exact: bool = False


@dataclass(frozen=True, slots=True)
class Gate:
    """The decision.

    Attributes:
        worse: What got worse, one line each.
        better: What got better.
        failed: Whether the rule is broken.
        why: The reasons, in the words of ``worse`` and ``better``, or that nothing broke it.
    """

    worse: tuple[str, ...]
    better: tuple[str, ...]
    failed: bool
    why: str

    @property
    def exit_status(self) -> int:
        """0 passes, 1 fails."""
        return int(self.failed)


def _kind(drop: float) -> Kind:
    return "worse" if drop > 0 else "better"


def _tests(rows: tuple[Paired, ...], rule: Rule) -> Iterator[tuple[Kind, str]]:
    """Each difference that counts, with its name."""
    for row in rows:
        name = f"{row.metric} in {row.stratum}" if row.stratum else row.metric
        if row.direction == "none":
            if rule.max_drop is None and row.significant(rule.alpha) and rule.fail_on == "any":
                yield "other", name
            continue
        if row.test == "none":
            continue
        if rule.max_drop is not None and row.is_share:
            if row.stratum:
                continue  # a class of a few items drops by many points when one of them changes
            points = 100 * row.drop
            if abs(points) > rule.max_drop + 1e-9:
                yield _kind(points), f"{name} {'-' if points > 0 else '+'}{abs(points):.1f} points"
        elif row.significant(rule.alpha):
            yield _kind(row.drop), name


def _promised(settings: Sequence[Setting]) -> Iterator[tuple[Kind, str]]:
    for entry in settings:
        if entry.kind != "other":
            yield entry.kind, f"{entry.name} from {entry.first} to {entry.second}"


def _of_runs(pair: RunPair, rule: Rule) -> Iterator[tuple[Kind, str]]:
    yield from _tests((*pair.totals, *pair.strata), rule)
    yield from _promised(pair.promises)
    # where nothing was drawn each item is a fact, and one is enough
    kinds: tuple[Kind, Kind] = ("worse", "better")
    for kind in kinds:
        names = [change.item_id for change in pair.changes if change.kind == kind and change.metric not in pair.drawn]
        if names:
            more = f" and {len(names) - 1:,} more items" if len(names) > 1 else ""
            yield kind, f"{names[0]}{more}"


def _of_tokenizers(comparison: TokenizerComparison, rule: Rule) -> Iterator[tuple[Kind, str]]:
    yield from _promised(comparison.settings)
    for count in comparison.counts:
        if rule.max_drop is not None:
            counts = abs(count.change) > rule.max_drop + 1e-9
        else:
            counts = count.paired.significant(rule.alpha)
        if counts:
            yield _kind(count.change), f"tokens of {count.title} {count.change:+.1f} %"


def judge(comparison: RunComparison | TokenizerComparison, rule: Rule) -> Gate:
    """Apply the rule to a comparison."""
    found: list[tuple[Kind, str]] = []
    if isinstance(comparison, RunComparison):
        for pair in comparison.pairs:
            found += _of_runs(pair, rule)
    else:
        found += _of_tokenizers(comparison, rule)
    worse, better, other = (
        tuple(name for kind, name in found if kind == wanted) for wanted in ("worse", "better", "other")
    )
    broken = {"worse": worse, "any": (*worse, *better, *other), "never": ()}[rule.fail_on]
    if rule.exact and not comparison.equal and rule.fail_on != "never":
        return Gate(worse, better, failed=True, why="there are differences, and --exact allows none")
    if broken:
        more = f" and {len(broken) - 1} more" if len(broken) > 1 else ""
        what = "worse" if worse else "better" if better else "changed"
        return Gate(worse, better, failed=True, why=f"{what}: {broken[0]}{more}")
    if rule.fail_on == "never":
        return Gate(worse, better, failed=False, why="--fail-on never")
    if comparison.equal:
        return Gate(worse, better, failed=False, why="no difference")
    told = "no significant difference" if rule.fail_on == "any" else "nothing is significantly worse"
    if rule.max_drop is not None:
        told = f"nothing is worse by more than {rule.max_drop:g}"
    return Gate(worse, better, failed=False, why=told)
