"""Which run of one side is compared with which of the other."""

from __future__ import annotations

import json
from collections.abc import Callable, Hashable, Sequence
from dataclasses import dataclass

from tokbench.errors import RecordError
from tokbench.results import Run

__all__ = ["Matched", "match"]


@dataclass(frozen=True, slots=True)
class Matched:
    """Runs of two sides, paired.

    Attributes:
        pairs: The pairs, in the order of the first side.
        only_first: Runs of the first side without a counterpart.
        only_second: Likewise of the second.
    """

    pairs: tuple[tuple[Run, Run], ...]
    only_first: tuple[Run, ...]
    only_second: tuple[Run, ...]


def _settings(run: Run) -> str:
    about, tool = run.group("run"), run.group("tokbench")
    return json.dumps([about.get("options"), tool.get("profile"), tool.get("seed")], sort_keys=True, default=str)


def _named(run: Run) -> tuple[object, ...]:
    about = run.group("run")
    return about.get("tokenizer"), about.get("model")


# from the closest likeness to the loosest
_STRICT: tuple[Callable[[Run], Hashable], ...] = (
    lambda run: (*_named(run), str(run.group("run").get("suite_version")), _settings(run)),
    lambda run: (*_named(run), str(run.group("run").get("suite_version")), run.group("tokbench").get("profile")),
    lambda run: (*_named(run), run.group("tokbench").get("profile")),
    _named,
)
_LOOSE: tuple[Callable[[Run], Hashable], ...] = (
    lambda run: (run.group("run").get("model"), run.group("tokbench").get("profile")),
    lambda run: run.group("run").get("model"),
    lambda run: (run.group("run").get("tokenizer"), run.group("tokbench").get("profile")),
    lambda run: run.group("run").get("tokenizer"),
    lambda _: None,
)


def _paired(
    first: list[Run], second: list[Run], likenesses: Sequence[Callable[[Run], Hashable]]
) -> list[tuple[Run, Run]]:
    """Pairs that are the only ones of their likeness; they leave both lists."""
    pairs = []
    for likeness in likenesses:
        for run in list(first):
            mine = [other for other in first if likeness(other) == likeness(run)]
            theirs = [other for other in second if likeness(other) == likeness(run)]
            if len(mine) == len(theirs) == 1:
                pairs.append((run, theirs[0]))
                first.remove(run)
                second.remove(theirs[0])
    return pairs


def _suites(runs: Sequence[Run]) -> list[str]:
    return sorted({str(run.group("run").get("suite")) for run in runs})


def match(first: Sequence[Run], second: Sequence[Run]) -> Matched:
    """Pair runs of one suite: by tokenizer, model and settings, and as far as these are shared.

    Of each suite the runs are paired that share tokenizer and model (and, where there are several, settings). Only
    where a suite has no such pair are runs of another tokenizer or another model paired, if it is clear which.

    Raises:
        RecordError: If no pair is found, or if it is not clear which runs belong together.
    """
    pairs: list[tuple[Run, Run]] = []
    left: tuple[list[Run], list[Run]] = ([], [])
    unclear = []
    for suite in sorted({*_suites(first), *_suites(second)}):
        mine = [run for run in first if run.group("run").get("suite") == suite]
        theirs = [run for run in second if run.group("run").get("suite") == suite]
        found = _paired(mine, theirs, _STRICT) or _paired(mine, theirs, _LOOSE)
        if not found and mine and theirs:
            unclear.append(f"{len(mine)} runs of {suite} here and {len(theirs)} there")
        pairs += found
        left[0].extend(mine)
        left[1].extend(theirs)
    if not pairs:
        if unclear:
            problem = f"it is not clear which runs belong together ({'; '.join(unclear)}): name single runs"
        else:
            suites = f"{', '.join(_suites(first))} here and {', '.join(_suites(second))} there"
            problem = f"no suite on both sides ({suites}): compare runs of one suite"
        raise RecordError("A and B", problem)
    order = {id(run): place for place, run in enumerate(first)}
    pairs.sort(key=lambda pair: order[id(pair[0])])
    return Matched(tuple(pairs), tuple(left[0]), tuple(left[1]))
