"""Regular expressions over bytes as automata, written for masks: which bytes still lead to a match.

An expression becomes a nondeterministic automaton (K. Thompson, Communications of the ACM 11, 1968), whose sets of
states are walked as the states of a deterministic one and remembered. States from which no match can be reached are
left out beforehand, so that no mask ever leads into a dead end.
"""

from __future__ import annotations

from collections.abc import Hashable
from functools import lru_cache

import numpy as np
from numpy.typing import NDArray

from tokbench.errors import OptionError

__all__ = ["Automaton", "compile_pattern"]

_MOST_COPIES = 1000  # of a part under {m,n}: automata grow with it
_MOST_STATES = 100_000  # of an automaton: copies of copies multiply
_MOST_DEEP = 50  # groups in groups

_SIMPLE = {"n": 10, "t": 9, "r": 13, "f": 12, "v": 11, "0": 0, "a": 7}
_DIGIT = frozenset(range(0x30, 0x3A))
_WORD = _DIGIT | frozenset(range(0x41, 0x5B)) | frozenset(range(0x61, 0x7B)) | {0x5F}
_SPACE = frozenset({9, 10, 11, 12, 13, 32})
_CLASSES = {"d": _DIGIT, "w": _WORD, "s": _SPACE}
_LAST = 0x10FFFF

Range = tuple[int, int]


class Automaton:
    """A deterministic automaton, made as it is walked.

    Args:
        moves: For each state its moves: first byte, last byte, next state.
        skips: For each state those that are reached without a byte.
        final: The state of a match.
    """

    def __init__(self, moves: list[list[tuple[int, int, int]]], skips: list[list[int]], final: int) -> None:
        self._final = final
        useful = _reaching(moves, skips, final)
        self._moves = [[move for move in own if move[2] in useful] for own in moves]
        self._skips = [[after for after in own if after in useful] for own in skips]
        self.start = self._closed({0} & useful)
        self._allowed = lru_cache(maxsize=4096)(self._find_allowed)
        self.step = lru_cache(maxsize=1 << 16)(self._step)

    def _closed(self, states: set[int]) -> frozenset[int]:
        found, waiting = set(states), list(states)
        while waiting:
            for after in self._skips[waiting.pop()]:
                if after not in found:
                    found.add(after)
                    waiting.append(after)
        return frozenset(found)

    def _step(self, state: Hashable, byte: int) -> Hashable:
        assert isinstance(state, frozenset)
        return self._closed({after for own in state for lo, hi, after in self._moves[own] if lo <= byte <= hi})

    def allowed(self, state: Hashable) -> tuple[NDArray[np.bool_], bool]:
        """Which bytes still lead to a match, and whether this is one."""
        return self._allowed(state)

    def _find_allowed(self, state: Hashable) -> tuple[NDArray[np.bool_], bool]:
        assert isinstance(state, frozenset)
        mask = np.zeros(256, np.bool_)
        for own in state:
            for lo, hi, _ in self._moves[own]:
                mask[lo : hi + 1] = True
        mask.setflags(write=False)
        return mask, self._final in state


def _reaching(moves: list[list[tuple[int, int, int]]], skips: list[list[int]], final: int) -> set[int]:
    before: list[list[int]] = [[] for _ in moves]
    for state, own in enumerate(moves):
        for _, _, after in own:
            before[after].append(state)
    for state, others in enumerate(skips):
        for after in others:
            before[after].append(state)
    found, waiting = {final}, [final]
    while waiting:
        for state in before[waiting.pop()]:
            if state not in found:
                found.add(state)
                waiting.append(state)
    return found


# ---------------------------------------------------------------------- building


class _Builder:
    """Pieces of an automaton: each begins and ends in one state."""

    def __init__(self, *, text: bool) -> None:
        self.text = text
        self.moves: list[list[tuple[int, int, int]]] = []
        self.skips: list[list[int]] = []

    def state(self) -> int:
        self.moves.append([])
        self.skips.append([])
        return len(self.moves) - 1

    def bytes_between(self, start: int, end: int, sequence: list[Range]) -> None:
        for index, (lo, hi) in enumerate(sequence):
            after = end if index == len(sequence) - 1 else self.state()
            self.moves[start].append((lo, hi, after))
            start = after

    def characters(self, start: int, end: int, ranges: list[Range]) -> None:
        """Moves for one character (text) or byte of the ranges."""
        for lo, hi in ranges:
            if not self.text:
                self.bytes_between(start, end, [(lo, hi)])
                continue
            for sequence in _utf8_ranges(lo, hi):
                self.bytes_between(start, end, sequence)


def _utf8_ranges(lo: int, hi: int) -> list[list[Range]]:
    """Sequences of byte ranges that together spell the characters ``lo .. hi``, surrogates left out."""
    found: list[list[Range]] = []
    for first, last in ((0, 0x7F), (0x80, 0x7FF), (0x800, 0xD7FF), (0xE000, 0xFFFF), (0x10000, _LAST)):
        a, b = max(lo, first), min(hi, last)
        if a <= b:
            found += _same_length(chr(a).encode(), chr(b).encode())
    return found


def _same_length(a: bytes, b: bytes) -> list[list[Range]]:
    """Ranges between two encodings of one length: split where the tails are not full."""
    if len(a) == 1:
        return [[(a[0], b[0])]]
    if a[0] == b[0]:
        return [[(a[0], a[0]), *rest] for rest in _same_length(a[1:], b[1:])]
    least, most = b"\x80" * (len(a) - 1), b"\xbf" * (len(a) - 1)
    found: list[list[Range]] = []
    first, last = a[0], b[0]
    if a[1:] != least:
        found += [[(first, first), *rest] for rest in _same_length(a[1:], most)]
        first += 1
    if b[1:] != most:
        last -= 1
    if first <= last:
        found.append([(first, last), *[(0x80, 0xBF)] * (len(a) - 1)])
    if b[1:] != most:
        found += [[(b[0], b[0]), *rest] for rest in _same_length(least, b[1:])]
    return found


# ---------------------------------------------------------------------- parsing


class _Parser:
    """Recursive descent over an expression; each method builds from a state and returns the state behind."""

    def __init__(self, pattern: str | bytes) -> None:
        self.given = pattern
        self.source = pattern if isinstance(pattern, str) else pattern.decode("latin-1")
        self.text = isinstance(pattern, str)
        self.builder = _Builder(text=self.text)
        self.at = 0
        self.depth = 0

    def wrong(self, problem: str) -> OptionError:
        return OptionError("regular expression", self.given, f"{problem} (at character {self.at})")

    def peek(self) -> str:
        return self.source[self.at : self.at + 1]

    def take(self) -> str:
        found = self.peek()
        self.at += 1
        return found

    def whole(self) -> Automaton:
        start = self.builder.state()
        final = self.alternatives(start)
        if self.at < len(self.source):
            raise self.wrong("no closing parenthesis without an opening one")
        found = Automaton(self.builder.moves, self.builder.skips, final)
        if not found.start:
            raise OptionError("regular expression", self.given, "one that some text matches")
        return found

    def alternatives(self, start: int) -> int:
        end = self.builder.state()
        while True:
            entry = self.builder.state()
            self.builder.skips[start].append(entry)
            self.builder.skips[self.sequence(entry)].append(end)
            if self.peek() != "|":
                return end
            self.at += 1

    def sequence(self, start: int) -> int:
        while self.peek() not in {"", "|", ")"}:
            start = self.repeated(start)
        return start

    def repeated(self, start: int) -> int:
        begin = self.at
        end = self.atom(start)
        least, most = self.quantifier()
        if (least, most) == (1, 1):
            return end
        if self.peek() and self.peek() in "*+?{":
            raise self.wrong("one quantifier behind a part; lazy and possessive ones are not understood")
        behind = self.at
        # the part that was just built is let go of (nothing leads to it) and built once for each copy
        self.builder.moves[start].clear()
        self.builder.skips[start].clear()
        state = start
        exit_state = self.builder.state()
        for _ in range(least):
            state = self.copy(begin, state)
        if most is None:
            loop = self.builder.state()
            self.builder.skips[state].append(loop)
            self.builder.skips[self.copy(begin, loop)].append(loop)
            self.builder.skips[loop].append(exit_state)
        else:
            for _ in range(most - least):
                self.builder.skips[state].append(exit_state)
                state = self.copy(begin, state)
            self.builder.skips[state].append(exit_state)
        self.at = behind
        return exit_state

    def copy(self, begin: int, start: int) -> int:
        """Build the part that begins at a place of the expression once more, behind a state of its own."""
        entry = self.builder.state()
        self.builder.skips[start].append(entry)
        self.at = begin
        return self.atom(entry)

    def quantifier(self) -> tuple[int, int | None]:
        sign = self.peek()
        if sign and sign in "*+?":
            self.at += 1
            return (0, 1) if sign == "?" else (int(sign == "+"), None)
        if sign != "{":
            return 1, 1
        close = self.source.find("}", self.at)
        low, comma, high = self.source[self.at + 1 : close].partition(",") if close > 0 else ("", "", "")
        if not low.isdecimal() or (high and not high.isdecimal()):
            raise self.wrong("{m}, {m,} or {m,n} behind an opening brace (escape one that stands for itself)")
        least = int(low)
        most = int(high) if high else None if comma else least
        if (most is not None and most < least) or max(least, most or 0) > _MOST_COPIES:
            raise self.wrong(f"m <= n <= {_MOST_COPIES} in {{m,n}}")
        self.at = close + 1
        return least, most

    def atom(self, start: int) -> int:
        sign = self.take()
        end = self.builder.state()
        if len(self.builder.moves) > _MOST_STATES:
            raise self.wrong(f"a smaller expression: its automaton has more than {_MOST_STATES} states")
        if sign == "(":
            self.group(start, end)
        elif sign == "[":
            self.builder.characters(start, end, self.character_class())
        elif sign == ".":
            self.builder.characters(start, end, self.without([(10, 10)]))
        elif sign in "*+?{":
            raise self.wrong("something in front of a quantifier")
        elif sign in "^$":
            raise self.wrong("no anchors: the whole text has to match anyway")
        else:
            self.builder.characters(start, end, self.escaped() if sign == "\\" else [(ord(sign), ord(sign))])
        return end

    def group(self, start: int, end: int) -> None:
        if self.peek() == "?":
            if not self.source.startswith("?:", self.at):
                raise self.wrong("( or (?: as the beginning of a group")
            self.at += 2
        self.depth += 1
        if self.depth > _MOST_DEEP:
            raise self.wrong(f"at most {_MOST_DEEP} groups inside each other")
        entry = self.builder.state()
        self.builder.skips[start].append(entry)
        self.builder.skips[self.alternatives(entry)].append(end)
        if self.take() != ")":
            raise self.wrong("a closing parenthesis")
        self.depth -= 1

    def escaped(self) -> list[Range]:
        sign = self.take()
        if sign == "x":
            digits = self.source[self.at : self.at + 2]
            try:
                value = int(digits, 16) if len(digits) == 2 else -1  # noqa: PLR2004, two hexadecimal digits
            except ValueError:
                value = -1
            if value < 0:
                raise self.wrong("two hexadecimal digits behind \\x")
            self.at += 2
            return [(value, value)]
        if sign in _SIMPLE:
            return [(_SIMPLE[sign], _SIMPLE[sign])]
        if sign.lower() in _CLASSES:
            ranges = _ranges(_CLASSES[sign.lower()])
            return ranges if sign.islower() else self.without(ranges)
        if not sign or sign.isalnum():
            raise self.wrong(f"an escape that is understood, not \\{sign}")
        return [(ord(sign), ord(sign))]

    def character_class(self) -> list[Range]:
        negated = self.peek() == "^"
        self.at += negated
        found: list[Range] = []
        first = True
        while first or self.peek() != "]":
            first = False
            if not self.peek():
                raise self.wrong("a closing bracket")
            ranges = self.member()
            if self.peek() == "-" and self.source[self.at + 1 : self.at + 2] not in {"]", ""}:
                self.at += 1
                until = self.member()
                if len(ranges) != 1 or len(until) != 1 or ranges[0][0] != ranges[0][1] or until[0][0] < ranges[0][0]:
                    raise self.wrong("a range from one character to a later one")
                ranges = [(ranges[0][0], until[0][1])]
            found += ranges
        self.at += 1
        return self.without(found) if negated else _merged(found)

    def member(self) -> list[Range]:
        sign = self.take()
        return self.escaped() if sign == "\\" else [(ord(sign), ord(sign))]

    def without(self, ranges: list[Range]) -> list[Range]:
        """Everything but the ranges."""
        found, at = [], 0
        last = _LAST if self.text else 0xFF
        for lo, hi in _merged(ranges):
            if at < lo:
                found.append((at, lo - 1))
            at = hi + 1
        return [*found, (at, last)] if at <= last else found


def _ranges(values: frozenset[int]) -> list[Range]:
    return _merged([(value, value) for value in sorted(values)])


def _merged(ranges: list[Range]) -> list[Range]:
    found: list[Range] = []
    for lo, hi in sorted(ranges):
        if found and lo <= found[-1][1] + 1:
            found[-1] = (found[-1][0], max(found[-1][1], hi))
        else:
            found.append((lo, hi))
    return found


def compile_pattern(pattern: str | bytes) -> Automaton:
    """The automaton of an expression.

    Raises:
        OptionError: If it is malformed, or holds something that is not understood.
    """
    return _Parser(pattern).whole()
