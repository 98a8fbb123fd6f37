"""A greedy shrinker for inputs that hypothesis did not draw: fixed examples and corpora."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from typing import Any, TypeVar

__all__ = ["shrink"]

_MAX_TRIALS = 2000

_T = TypeVar("_T")


def _smaller(data: Any) -> Iterator[Any]:  # noqa: ANN401, text, bytes, lists of ids and tuples of those
    """Candidates that are simpler than ``data``, the boldest first."""
    if isinstance(data, tuple):
        for index, member in enumerate(data):
            for candidate in _smaller(member):
                yield (*data[:index], candidate, *data[index + 1 :])
        return
    if isinstance(data, int) and data > 0:
        yield from dict.fromkeys((0, data // 2, data - 1))
    if not isinstance(data, (str, bytes, list)):
        return
    sequence: Any = data
    width = len(sequence)
    while width:
        for start in range(0, len(sequence), width):
            yield sequence[:start] + sequence[start + width :]
        width //= 2
    if isinstance(data, list):  # of texts; ids are names, of which none is simpler than another
        for index, member in enumerate(data):
            if isinstance(member, (str, list)):
                for candidate in _smaller(member):
                    yield [*data[:index], candidate, *data[index + 1 :]]
    if isinstance(data, str):
        for index, character in enumerate(data):
            if character not in "a0 ":
                for simpler in "a0 ":
                    yield data[:index] + simpler + data[index + 1 :]


def shrink(data: _T, fails: Callable[[_T], bool]) -> _T:
    """The smallest input found for which ``fails`` is still true, by deleting and simplifying.

    Args:
        data: Text, bytes, a list of ids or texts, a number, or a tuple of those, for which ``fails`` is true.
        fails: The property to keep.
    """
    trials = 0
    progress = True
    while progress and trials < _MAX_TRIALS:
        progress = False
        for candidate in _smaller(data):
            trials += 1
            if trials >= _MAX_TRIALS:
                break
            if fails(candidate):
                data, progress = candidate, True
                break
    return data
