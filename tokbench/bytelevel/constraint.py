"""What bytes may come next: constraints on drawn text.

A mask at every byte renormalises what is left there. That is *not* the model conditioned on the whole text keeping
the constraint; the logarithm of the mass that each mask left is therefore summed up in
:attr:`~tokbench.bytelevel.generate.ByteCompletion.log_allowed`, as an importance weight. For a finite set of texts
:meth:`ByteModel.choose <tokbench.bytelevel.ByteModel.choose>` is exact.
"""

from __future__ import annotations

from collections.abc import Hashable, Sequence
from typing import Protocol, TypeAlias

import numpy as np
from numpy.typing import NDArray

from tokbench.bytelevel._automaton import Automaton, compile_pattern
from tokbench.bytelevel._text import as_bytes
from tokbench.bytelevel.utf8 import allowed_next, cut
from tokbench.errors import OptionError

__all__ = ["All", "ByteRegex", "Choices", "Constraint", "Prefix", "State", "Utf8"]

State: TypeAlias = Hashable
"""Where a constraint is; never changed, only replaced."""

Allowed: TypeAlias = tuple[NDArray[np.bool_], bool]
"""Which of the 256 bytes may come, and whether the text may end."""

_ALL = np.ones(256, np.bool_)
_ALL.setflags(write=False)


class Constraint(Protocol):
    """What bytes may come next."""

    def start(self) -> State:
        """The state of the empty text."""
        ...

    def allowed(self, state: State) -> Allowed:
        """Which bytes may come next, bool of shape ``(256,)``, and whether the text may end here."""
        ...

    def advance(self, state: State, byte: int) -> State:
        """The state one byte on; asked only for bytes that are allowed."""
        ...


class Choices:
    """One of a finite set of texts.

    Args:
        texts: The texts, at least one.
    """

    def __init__(self, texts: Sequence[str | bytes]) -> None:
        if not texts:
            raise OptionError("choices", [], "at least one text")
        self._texts = tuple(sorted({as_bytes(text) for text in texts}))

    def start(self) -> State:
        """See :meth:`Constraint.start`."""
        return b""

    def allowed(self, state: State) -> Allowed:
        """See :meth:`Constraint.allowed`."""
        assert isinstance(state, bytes)
        mask = np.zeros(256, np.bool_)
        for text in self._texts:
            if len(text) > len(state) and text.startswith(state):
                mask[text[len(state)]] = True
        return mask, state in self._texts

    def advance(self, state: State, byte: int) -> State:
        """See :meth:`Constraint.advance`."""
        assert isinstance(state, bytes)
        return state + bytes([byte])


class Prefix:
    """The text begins with given bytes, and is free behind them.

    Args:
        data: The bytes.
    """

    def __init__(self, data: str | bytes) -> None:
        self._data = as_bytes(data)

    def start(self) -> State:
        """See :meth:`Constraint.start`."""
        return 0

    def allowed(self, state: State) -> Allowed:
        """See :meth:`Constraint.allowed`."""
        assert isinstance(state, int)
        if state == len(self._data):
            return _ALL, True
        mask = np.zeros(256, np.bool_)
        mask[self._data[state]] = True
        return mask, False

    def advance(self, state: State, byte: int) -> State:
        """See :meth:`Constraint.advance`."""
        assert isinstance(state, int)
        return min(state + 1, len(self._data))


class Utf8:
    """Valid UTF-8; the text ends between characters."""

    def start(self) -> State:
        """See :meth:`Constraint.start`."""
        return b""

    def allowed(self, state: State) -> Allowed:
        """See :meth:`Constraint.allowed`."""
        assert isinstance(state, bytes)
        return allowed_next(state), not state

    def advance(self, state: State, byte: int) -> State:
        """See :meth:`Constraint.advance`."""
        assert isinstance(state, bytes)
        parts = cut(state + bytes([byte]))
        assert parts is not None, "only allowed bytes advance"
        return parts[1]


class ByteRegex:
    r"""The whole text matches a regular expression.

    Understood are literals, escapes (``\n \t \r \f \v \0 \xNN \d \D \w \W \s \S`` and escaped punctuation), ``.``
    (anything but a newline), classes with ranges and negation, groups, ``|``, ``* + ? {m} {m,} {m,n}``. ``\d``, ``\w``
    and ``\s`` are the ASCII ones. In a pattern that is text, characters stand for their UTF-8 and ``.`` and negated
    classes for one character; in bytes, for one byte.

    Args:
        pattern: The expression.

    Raises:
        OptionError: If it holds something else: look-around, back references, anchors, lazy quantifiers.
    """

    def __init__(self, pattern: str | bytes) -> None:
        self._automaton: Automaton = compile_pattern(pattern)

    def start(self) -> State:
        """See :meth:`Constraint.start`."""
        return self._automaton.start

    def allowed(self, state: State) -> Allowed:
        """See :meth:`Constraint.allowed`; a byte that leads nowhere is not allowed."""
        return self._automaton.allowed(state)

    def advance(self, state: State, byte: int) -> State:
        """See :meth:`Constraint.advance`."""
        return self._automaton.step(state, byte)


class All:
    """Several constraints at once.

    Args:
        constraints: The constraints.
    """

    def __init__(self, *constraints: Constraint) -> None:
        self._constraints = constraints

    def start(self) -> State:
        """See :meth:`Constraint.start`."""
        return tuple(constraint.start() for constraint in self._constraints)

    def allowed(self, state: State) -> Allowed:
        """See :meth:`Constraint.allowed`."""
        assert isinstance(state, tuple)
        mask, may_end = _ALL.copy(), True
        for constraint, own in zip(self._constraints, state, strict=True):
            allowed, end = constraint.allowed(own)
            mask &= allowed
            may_end = may_end and end
        return mask, may_end

    def advance(self, state: State, byte: int) -> State:
        """See :meth:`Constraint.advance`."""
        assert isinstance(state, tuple)
        return tuple(constraint.advance(own, byte) for constraint, own in zip(self._constraints, state, strict=True))
