"""The parts of charts that need no library: where things stand, how texts are cut, what a drawing may hold, colours."""

from __future__ import annotations

import re
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from tokbench import report
from tokbench.report._chart_plan import COLOURS, SHAPES, plan
from tokbench.report._chart_text import elide, width, wrap
from tokbench.report._svg import compact
from tokbench.report._view import Chart, Mark

_STYLE = Path(report.__file__).parent / "templates" / "style.css"

_finite = st.floats(-1e9, 1e9).filter(lambda value: value == 0 or abs(value) > 1e-9)


@given(st.lists(_finite, min_size=1, max_size=6), st.booleans())
def test_the_axis_holds_all_marks_and_has_a_few_steps(values: list[float], percent: bool) -> None:  # noqa: FBT001
    laid = plan(
        Chart("T", "x", [Mark(f"row {index}", value) for index, value in enumerate(values)], "a", percent=percent)
    )
    low, high = laid.domain
    slack = 1e-6 * (high - low)
    assert low - slack <= min(values) <= max(values) <= high + slack
    assert all(low - slack <= tick <= high + slack for tick in laid.ticks)
    assert 3 <= len(laid.ticks) <= 8
    assert len(set(laid.ticks)) == len(laid.ticks)


def test_no_two_of_many_series_look_alike() -> None:
    looks = {(COLOURS[index % len(COLOURS)], SHAPES[index % len(SHAPES)]) for index in range(len(SHAPES))}
    assert len(looks) == len(SHAPES) >= 6


@given(st.text(st.characters(codec="utf-8", categories=["L", "N", "P"]), max_size=80), st.floats(20, 400))
def test_elided_names_fit_and_keep_both_ends(text: str, limit: float) -> None:
    short = elide(text, limit, 13.0)
    assert width(short, 13.0) <= max(limit, width("…", 13.0))
    if width(text, 13.0) <= limit:
        assert short == text
    else:
        head, mark, tail = short.partition("…") if "…" not in text else ("", "…", "")
        assert mark
        assert text.startswith(head)
        assert text.endswith(tail)


@given(st.lists(st.text(st.characters(codec="ascii", categories=["L"]), min_size=1, max_size=12), max_size=20))
def test_lines_of_a_title_fit_and_have_all_words(words: list[str]) -> None:
    lines = wrap(" ".join(words), 200.0, 12.0)
    assert " ".join(lines) == " ".join(words)
    assert all(width(line, 12.0) <= 200.0 for line in lines)


@pytest.mark.parametrize(
    ("inside", "said"),
    [
        ("<image/>", "element"),
        ("<script/>", "element"),
        ("<foreignObject/>", "element"),
        ('<g transform="rotate(3)"/>', "transform"),
        ('<path d="M0,0" fill="url(#a)"/>', "refers"),
        ('<line x2="1" y2="1"/>', "slanted"),
    ],
)
def test_what_is_not_known_in_a_drawing_is_refused(inside: str, said: str) -> None:
    with pytest.raises(ValueError, match=said):
        compact(f"<svg width='1' height='1'>{inside}</svg>", head={}, owners={})


def _luminance(colour: str) -> float:
    parts = [int(colour[place : place + 2], 16) / 255 for place in (1, 3, 5)]
    red, green, blue = (part / 12.92 if part <= 0.04045 else ((part + 0.055) / 1.055) ** 2.4 for part in parts)
    return 0.2126 * red + 0.7152 * green + 0.0722 * blue


def _contrast(one: str, other: str) -> float:
    low, high = sorted((_luminance(one), _luminance(other)))
    return (high + 0.05) / (low + 0.05)


def test_colours_are_seen_on_the_page_in_light_and_dark() -> None:
    style = _STYLE.read_text(encoding="utf-8")
    grounds = re.findall(r"--bg: (#[0-9a-f]{6})", style)
    found = [re.findall(rf"--chart-{place}: (#[0-9a-f]{{6}})", style) for place in range(1, len(COLOURS) + 1)]
    assert all(len(colours) == len(grounds) >= 2 for colours in found)
    for place, colours in enumerate(found, 1):
        assert COLOURS[place - 1] == f"var(--chart-{place}, {colours[0]})"
        for ground, colour in zip(grounds, colours, strict=True):
            assert _contrast(ground, colour) >= 3
