"""When a request is sent again: what headers mean in seconds, and how waits are drawn."""

from __future__ import annotations

import asyncio
import time
from datetime import UTC, datetime, timedelta
from email.utils import format_datetime
from random import Random

import pytest
from hypothesis import given
from hypothesis import strategies as st

from tokbench.models._openai_retry import Backoff, Clock, asked_wait, reset_wait

WALL = 1_800_000_000.0  # 2027-01-15 08:00:00 UTC


@pytest.mark.parametrize(
    ("headers", "seconds"),
    [
        ({}, None),
        ({"retry-after": "20"}, 20.0),
        ({"retry-after": "0"}, 0.0),
        ({"retry-after": "1.5"}, 1.5),
        ({"retry-after": "-3"}, 0.0),
        ({"retry-after": "soon"}, None),
        ({"retry-after": "nan"}, None),
        ({"retry-after": "inf"}, None),
        ({"retry-after": ""}, None),
        ({"retry-after": "Fri, 15 Jan 2027 08:00:30 GMT"}, 30.0),
        ({"retry-after": "Fri, 15 Jan 2027 07:00:00 GMT"}, 0.0),
        ({"retry-after-ms": "250", "retry-after": "20"}, 0.25),
        ({"retry-after-ms": "x", "retry-after": "20"}, 20.0),
    ],
)
def test_what_a_server_asks_for(headers: dict[str, str], seconds: float | None) -> None:
    assert asked_wait(headers, WALL) == seconds


@pytest.mark.parametrize(
    ("reset", "seconds"),
    [
        ("1s", 1.0),
        ("6m0s", 360.0),
        ("120ms", 0.12),
        ("1h2m3.5s", 3723.5),
        ("17µs", 17e-6),
        ("17us", 17e-6),
        ("500ns", 500e-9),
        ("12", 12.0),
        ("0.5", 0.5),
        ("1800000045", 45.0),
        ("1800000045000", 45.0),
        ("2027-01-15T08:01:00Z", 60.0),
        ("2027-01-15T08:01:00", 60.0),
        ("2027-01-15T09:01:00+01:00", 60.0),
        ("Fri, 15 Jan 2027 08:00:30 GMT", 30.0),
        ("2026-01-15T08:01:00Z", 0.0),
        ("whenever", 0.0),
        ("", 0.0),
        ("1s2", 0.0),
    ],
)
def test_when_something_is_left_again(reset: str, seconds: float) -> None:
    headers = {"x-ratelimit-remaining-tokens": "0", "x-ratelimit-reset-tokens": reset}
    assert reset_wait(headers, WALL) == pytest.approx(seconds, abs=1e-12)
    assert reset_wait({**headers, "x-ratelimit-remaining-tokens": "1"}, WALL) == 0.0


def test_the_longest_of_the_rates_that_are_used_up_counts() -> None:
    headers = {
        "x-ratelimit-remaining-requests": "0", "x-ratelimit-reset-requests": "2s",
        "x-ratelimit-remaining-tokens": "-5", "x-ratelimit-reset-tokens": "7s",
        "x-ratelimit-remaining-input-tokens": "3", "x-ratelimit-reset-input-tokens": "99s",
        "x-ratelimit-remaining": "0", "x-ratelimit-reset": "3",
        "x-ratelimit-remaining-days": "0",
    }  # fmt: skip
    assert reset_wait(headers, WALL) == 7.0
    assert reset_wait({"x-ratelimit-remaining": "0", "x-ratelimit-reset": "3"}, WALL) == 3.0
    assert reset_wait({"x-ratelimit-remaining": "many", "x-ratelimit-reset": "3"}, WALL) == 0.0
    assert reset_wait({}, WALL) == 0.0


@pytest.mark.property
@given(st.text(max_size=20), st.text(max_size=20))
def test_no_header_breaks_it(first: str, second: str) -> None:
    headers = {"retry-after": first, "retry-after-ms": second, "x-ratelimit-remaining": "0", "x-ratelimit-reset": first}
    asked = asked_wait(headers, WALL)
    assert asked is None or asked >= 0
    assert reset_wait(headers, WALL) >= 0


@pytest.mark.property
@given(st.integers(0, 100_000), st.sampled_from(["http", "iso", "epoch"]))
def test_dates_are_seconds_from_now(seconds: int, spelling: str) -> None:
    date = datetime.fromtimestamp(WALL, UTC) + timedelta(seconds=seconds)
    text = {
        "http": format_datetime(date, usegmt=True), "iso": date.isoformat(), "epoch": str(int(date.timestamp())),
    }[spelling]  # fmt: skip
    if spelling != "epoch":
        assert asked_wait({"retry-after": text}, WALL) == seconds
    assert reset_wait({"x-ratelimit-remaining": "0", "x-ratelimit-reset": text}, WALL) == seconds


@pytest.mark.property
@given(st.integers(1, 5000), st.integers(0, 9), st.floats(0.001, 10), st.floats(0.001, 100))
def test_waits_are_within_the_bound_that_doubles(failures: int, seed: int, base: float, cap: float) -> None:
    wait = Backoff(base=base, cap=cap).wait(failures, Random(seed))
    assert 0 <= wait <= cap
    if failures < 20:
        assert wait <= base * 2 ** (failures - 1)
    assert wait == Backoff(base=base, cap=cap).wait(failures, Random(seed))


def test_the_clock_is_that_of_the_machine() -> None:
    clock = Clock()
    assert abs(clock.wall() - time.time()) < 5
    before = clock.now()
    asyncio.run(clock.sleep(0.02))
    assert 0.01 < clock.now() - before < 5
