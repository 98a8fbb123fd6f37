"""Greedy shrinking of strings and id sequences that show a difference."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import TypeVar

T = TypeVar("T")

_SIMPLE = "a 0"
_BUDGET = 3000


class _Spent(Exception):
    pass


def _counted(fails: Callable[[T], bool]) -> Callable[[T], bool]:
    calls = 0

    def check(value: T) -> bool:
        nonlocal calls
        calls += 1
        if calls > _BUDGET:
            raise _Spent
        return fails(value)

    return check


def _delete(items: Sequence[T], fails: Callable[[Sequence[T]], bool], keep: Callable[[Sequence[T]], None]) -> None:
    """Delete spans of halving width while ``fails`` holds; ``keep`` sees every improvement."""
    width = len(items)
    while width:
        start = 0
        while start < len(items):
            shorter = [*items[:start], *items[start + width :]]
            if fails(shorter):
                items = shorter
                keep(items)
            else:
                start += width
        width = min(width, len(items) + 1) // 2


def shrink_text(text: str, fails: Callable[[str], bool]) -> str:
    """A short, simple string for which ``fails`` still holds.

    Deletes spans of characters, then replaces characters by ``a``, a space or ``0``, until neither helps.
    The result depends on nothing but ``text`` and ``fails``, so that a symmetric ``fails`` gives a symmetric
    report. At most 3,000 calls are made.

    Args:
        text: A string for which ``fails`` holds.
        fails: What is to be kept.
    """
    best = text
    check = _counted(fails)

    def keep(items: Sequence[str]) -> None:
        nonlocal best
        best = "".join(items)

    try:
        while True:
            before = best
            _delete(list(best), lambda items: check("".join(items)), keep)
            for index, character in enumerate(best):
                for simple in _SIMPLE:
                    if character == simple:
                        break
                    candidate = best[:index] + simple + best[index + 1 :]
                    if check(candidate):
                        best = candidate
                        break
            if best == before:
                return best
    except _Spent:
        return best


def shrink_ids(ids: Sequence[int], fails: Callable[[Sequence[int]], bool]) -> tuple[int, ...]:
    """A short sequence of ids for which ``fails`` still holds; ids are deleted, never replaced."""
    best = tuple(ids)
    check = _counted(fails)

    def keep(items: Sequence[int]) -> None:
        nonlocal best
        best = tuple(items)

    try:
        while True:
            before = best
            _delete(best, check, keep)
            if best == before:
                return best
    except _Spent:
        return best
