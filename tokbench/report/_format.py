"""Numbers and hostile strings as text. Fixed digits, no locale, no raw control characters."""

from __future__ import annotations

import math
import re
import unicodedata

from tokbench.results import Metric

ARROWS = {"up": "↑", "down": "↓", "none": ""}

_LARGE = 1000.0
_NOTHING = "no value and no reason recorded"


def ascii_form(text: str) -> str:
    """``ascii()`` of a string: quoted, all that is not printable ASCII escaped."""
    return ascii(text)


def visible(text: str) -> str:
    """A message of several lines with everything but printable ASCII and newlines escaped."""
    return re.sub(r"[^\n\x20-\x7e]", lambda found: ascii(found[0])[1:-1], text.replace("\r\n", "\n"))


def label(text: str) -> str:
    """A name as it is when every character shows itself, otherwise with the others escaped.

    Control, format (direction), surrogate, private and combining characters do not show themselves.
    """
    return "".join(
        char if char.isprintable() and not unicodedata.combining(char) else ascii(char)[1:-1] for char in text
    )


def number(value: float) -> str:
    """Four decimals, or one from a thousand on; the digits never depend on the other values of a table."""
    return f"{value:,.1f}" if abs(value) >= _LARGE else f"{value:.4f}"


def count(value: float) -> str:
    """A count with thousands separated."""
    return f"{round(value):,}" if float(value).is_integer() else number(value)


def percent(share: float) -> str:
    """A share in percent with two decimals."""
    return f"{100 * share:.2f} %"


def is_number(value: float | None) -> bool:
    """Whether there is a finite number."""
    return value is not None and math.isfinite(value)


def value_text(metric: Metric) -> str:
    """The value of a metric, or why there is none; zero and missing never look alike."""
    if metric.value is None:
        return label(metric.reason) or _NOTHING
    if not math.isfinite(metric.value):
        return label(metric.reason) or f"not a finite number ({metric.value})"
    if metric.method == "count" and metric.k is None and metric.lo is None and metric.value.is_integer():
        return count(metric.value)
    return number(metric.value)


def has_interval(metric: Metric) -> bool:
    """Whether a metric has a value with an interval."""
    return is_number(metric.value) and is_number(metric.lo) and is_number(metric.hi)


def interval_text(metric: Metric) -> str:
    """The interval as ``[lo, hi]``, or why there is none."""
    if not is_number(metric.value):
        return ""
    if metric.lo is None or metric.hi is None or not has_interval(metric):
        return "count of all" if metric.method == "count" else "no interval"
    return f"[{number(metric.lo)}, {number(metric.hi)}]"
