"""Shares as rows of a result."""

from __future__ import annotations

from typing import Literal

from tokbench.results import Metric
from tokbench.stats import wilson

__all__ = ["UNDEFINED", "share_rows"]

UNDEFINED = "numbers are fused with what stands beside them, or have no tokens of their own"
"""Why there is no value, where nothing more is known."""


def share_rows(
    metric: str, k: float, n: int, unit: str, *, filter: str = "", direction: Literal["up", "down", "none"] = "none",  # noqa: A002
    exact: bool = False, undefined: int = 0, reason: str = "",
) -> list[Metric]:  # fmt: skip
    """A share with Wilson's interval, or without one where everything was looked at.

    What is not defined is not part of ``n``; where there is any, a second row ``<metric>.undefined`` counts it.
    """
    lo, hi = wilson(k, n) if n and not exact else (None, None)
    row = Metric(
        metric=metric,
        value=k / n if n else None,
        direction=direction,
        k=k,
        n=n,
        lo=lo,
        hi=hi,
        method="exact" if exact else "wilson",
        unit=unit,
        filter=filter,
        reason="" if n else reason or UNDEFINED,
    )
    if not undefined:
        return [row]
    return [
        row,
        Metric(
            metric=f"{metric}.undefined",
            value=float(undefined),
            direction="down",
            k=undefined,
            n=n + undefined,
            unit="numbers that are fused with something else or have no tokens of their own",
            filter=filter,
        ),
    ]
