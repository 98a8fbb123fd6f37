"""When a request is sent again: exponential back-off with full jitter, and what the server says of waiting.

Full jitter draws the whole wait, from 0 to the bound that doubles with every failure, so that clients which failed
together do not come back together (M. Brooker, "Exponential Backoff And Jitter", AWS Architecture Blog, 2015).
"""

from __future__ import annotations

import asyncio
import math
import re
import time
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import UTC, datetime
from email.utils import parsedate_to_datetime
from random import Random

__all__ = ["Backoff", "Clock", "asked_wait", "reset_wait"]

_UNITS: Mapping[str, float] = {"h": 3600.0, "m": 60.0, "s": 1.0, "ms": 1e-3, "us": 1e-6, "µs": 1e-6, "ns": 1e-9}
_DURATION = re.compile(r"(?:\d+(?:\.\d+)?(?:h|ms|m|s|us|µs|ns))+")
_DURATION_PART = re.compile(r"(\d+(?:\.\d+)?)(h|ms|m|s|us|µs|ns)")
_REMAINING = "x-ratelimit-remaining"
_RESET = "x-ratelimit-reset"
_EPOCH_SECONDS = 1e9
"""A reset that is a larger number is a time (seconds since 1970), not a duration: it would be 31 years."""
_EPOCH_MILLISECONDS = 1e12


class Clock:
    """Time as it is; tests put another in its place."""

    def now(self) -> float:
        """Seconds since some start."""
        return time.monotonic()

    def wall(self) -> float:
        """Seconds since 1970."""
        return time.time()

    async def sleep(self, seconds: float) -> None:
        """Let that time pass."""
        await asyncio.sleep(seconds)


@dataclass(frozen=True, slots=True)
class Backoff:
    """How long to wait after failures.

    Attributes:
        base: Bound of the first wait in seconds; it doubles with every failure.
        cap: Largest bound.
        longest: Longest wait that a server may ask for; one that asks for more is not asked again.
    """

    base: float = 1.0
    cap: float = 60.0
    longest: float = 600.0

    def wait(self, failures: int, jitter: Random) -> float:
        """Seconds to wait after that many failures in a row, at least one."""
        doublings = min(failures - 1, 64)  # beyond that the cap holds, and a power of two may be no float
        return jitter.uniform(0.0, min(self.cap, self.base * 2.0**doublings))


def _number(text: str) -> float | None:
    try:
        value = float(text)
    except ValueError:
        return None
    return value if math.isfinite(value) else None


def _until(text: str, wall: float) -> float | None:
    """Seconds until a date of HTTP or of ISO 8601."""
    try:
        date = parsedate_to_datetime(text)
    except ValueError:
        try:
            date = datetime.fromisoformat(text)
        except ValueError:
            return None
    if date.tzinfo is None:
        date = date.replace(tzinfo=UTC)
    return date.timestamp() - wall


def _duration(text: str, wall: float) -> float | None:
    """Seconds that a reset header means: ``6m0s``, ``120ms``, ``1.5``, seconds or milliseconds since 1970, a date."""
    text = text.strip()
    if _DURATION.fullmatch(text):
        return sum(float(count) * _UNITS[unit] for count, unit in _DURATION_PART.findall(text))
    value = _number(text)
    if value is None:
        return _until(text, wall)
    if value >= _EPOCH_MILLISECONDS:
        return value / 1000 - wall
    return value - wall if value >= _EPOCH_SECONDS else value


def asked_wait(headers: Mapping[str, str], wall: float) -> float | None:
    """Seconds that the server asks to wait (``Retry-After``), or None where it does not say.

    Args:
        headers: Headers by their names in lower case.
        wall: Time now, in seconds since 1970.
    """
    if (text := headers.get("retry-after-ms")) is not None and (value := _number(text)) is not None:
        return max(0.0, value / 1000)
    if (text := headers.get("retry-after")) is None:
        return None
    value = _number(text)
    if value is None:
        value = _until(text.strip(), wall)
    return None if value is None else max(0.0, value)


def reset_wait(headers: Mapping[str, str], wall: float) -> float:
    """Seconds until something is left again of every rate of which nothing is left (``x-ratelimit-*``), else 0.

    Args:
        headers: Headers by their names in lower case.
        wall: Time now, in seconds since 1970.
    """
    longest = 0.0
    for name, text in headers.items():
        if not name.startswith(_REMAINING):
            continue
        remaining = _number(text)
        reset = headers.get(_RESET + name.removeprefix(_REMAINING))
        if remaining is not None and remaining <= 0 and reset is not None:
            longest = max(longest, _duration(reset, wall) or 0.0)
    return longest
