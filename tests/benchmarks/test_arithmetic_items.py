"""Items of arithmetic: all additions in all formats, against writing as many numbers with the commas of Python."""

from __future__ import annotations

from collections.abc import Callable

from tokbench.suites.arithmetic.conditions import standard_conditions
from tokbench.suites.arithmetic.formats import FORMATS
from tokbench.suites.arithmetic.items import build_items, cases_of
from tokbench.suites.arithmetic.prompts import expected_text, question_text
from tokbench.suites.arithmetic.strata import strata

Ratio = Callable[..., float]


def _items() -> int:
    """Drawn, and written as question and answer in each format."""
    cases = [case for stratum in strata("addition") for case in cases_of(stratum, shots=0)]
    size = 0
    for item in build_items(cases, standard_conditions(FORMATS)):
        size += len(question_text(item.problem, item.condition.in_fmt)) + len(expected_text(item))
    return size


def _commas() -> int:
    size = 0
    for number in range(16_200):
        a, b = 123_456_789 * number, 987_654 * number
        for _ in FORMATS:
            size += len(f"{a:,}+{b:,}=") + len(f"{a + b:,}")
    return size


def test_additions_in_all_formats(ratio: Ratio) -> None:
    """16,200 additions in 26 formats: at most 5 s."""
    ratio(_items, _commas, bar=15, rounds=3)


def test_solved_calculations(ratio: Ratio) -> None:
    """The same additions with eight solved ones each, none equal to another."""
    ratio(lambda: [cases_of(stratum, shots=8) for stratum in strata("addition")], _commas, bar=10, rounds=1)
