"""What a reader of a comparison has to know about the two runs."""

from __future__ import annotations

from collections.abc import Mapping

from tokbench.results import Run

__all__ = ["pair_notes"]


def pair_notes(first: Run, second: Run) -> list[str]:
    """What is unfinished, what is synthetic, and which settings differ."""
    notes = []
    for side, run in (("A", first), ("B", second)):
        if not run.complete:
            notes.append(f"{side} is not finished: only the items of its finished parts are here")
        if run.group("model").get("synthetic"):
            notes.append(f"{side} is synthetic (scripted, replayed or a toy): it says nothing of a model")
    pairs = {
        "profile": [run.group("tokbench").get("profile") for run in (first, second)],
        "seed": [run.group("tokbench").get("seed") for run in (first, second)],
    }
    options = [run.group("run").get("options") for run in (first, second)]
    one, other = (entry if isinstance(entry, Mapping) else {} for entry in options)
    pairs |= {name: [one.get(name), other.get(name)] for name in sorted({*one, *other} - {"compared"})}
    for name, (before, after) in pairs.items():
        if before != after:
            long = any(isinstance(value, Mapping | list) for value in (before, after))
            notes.append(f"settings differ: {name}" + ("" if long else f" {before!s} in A, {after!s} in B"))
    return notes
