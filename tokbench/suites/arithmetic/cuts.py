"""Where a tokenizer cuts a number, read off the byte spans of a real text (arithmetic specification, 4.8).

A *cut* stands between two digits that are not in the same token. It is counted from the right: the cut at 3 has three
digits behind it, so that cuts of numbers of different lengths compare by place value, and so that a cut at p is the
place 10**p at which a chunk ends.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from itertools import pairwise
from types import MappingProxyType

from tokbench.errors import OptionError, UnsupportedError
from tokbench.tokenizers import Tokenizer

__all__ = [
    "CONTEXTS",
    "START",
    "SUB_DIGIT",
    "UNKNOWN",
    "Context",
    "Cuts",
    "cut_digits",
    "cuts",
    "cuts_in",
    "token_spans",
]

Span = tuple[int, int]
"""Half-open range: of bytes for tokens, of code points for places in a text."""

SUB_DIGIT = "a token ends inside a digit"
UNKNOWN = "an unknown token stands for digits"
_UNCOVERED = "no token holds a digit"


@dataclass(frozen=True, slots=True)
class Context:
    """What stands beside a number.

    Attributes:
        name: Name in tables.
        before: Text in front.
        after: Text behind.
    """

    name: str
    before: str
    after: str


START = Context("start", "", "")
"""The number alone."""

_NEIGHBOURS = (
    ("space", " "), ("letter", "b"), ("underscore", "_"), ("comma", ","), ("full-stop", "."), ("plus", "+"),
    ("equals", "="), ("percent", "%"), ("newline", "\n"),
)  # fmt: skip

CONTEXTS: Mapping[str, Context] = MappingProxyType(
    {
        context.name: context
        for context in (
            START,
            *(Context(f"{name}-before", text, "") for name, text in _NEIGHBOURS),
            *(Context(f"{name}-after", "", text) for name, text in _NEIGHBOURS),
        )
    }
)
"""The contexts of the digit policy: the number alone, and each neighbour on either side."""


@dataclass(frozen=True, slots=True)
class Cuts:
    """The cuts of one number in one text.

    Attributes:
        length: Number of digits.
        positions: Places of the cuts, 1 to ``length - 1``, each the number of digits behind it.
        fused: Whether some token holds a digit of the number and something else, so that the number has no edge
            of its own there.
        reason: Why there are no cuts to speak of; ``""`` where there are.
    """

    length: int
    positions: frozenset[int] = frozenset()
    fused: bool = False
    reason: str = ""

    @property
    def clean(self) -> bool:
        """Whether the tokens of the number are digits of the number and nothing else."""
        return not self.fused and not self.reason

    @property
    def chunks(self) -> tuple[int, ...]:
        """Numbers of digits between the cuts, from left to right; empty without cuts to speak of."""
        if self.reason:
            return ()
        marks = [self.length, *sorted(self.positions, reverse=True), 0]
        return tuple(left - right for left, right in pairwise(marks))


def cut_digits(tokens: Sequence[Span], digits: Sequence[Span], unknown: frozenset[int] = frozenset()) -> Cuts:
    """The cuts of digits, from where tokens and digits lie.

    Args:
        tokens: Bytes of each token, ascending; those without bytes do not count.
        digits: Bytes of each digit of the number, ascending, with or without something in between.
        unknown: Indices of tokens that stand for something that the vocabulary does not have.
    """
    length, index = len(digits), 0
    owners: list[int] = []
    held: dict[int, int] = {}
    for start, end in digits:
        while index < len(tokens) and tokens[index][1] <= start:
            index += 1
        if index == len(tokens) or tokens[index][0] >= end:
            return Cuts(length, reason=_UNCOVERED)
        first, last = tokens[index]
        if first > start or last < end:
            return Cuts(length, reason=SUB_DIGIT)
        if index + 1 < len(tokens) and tokens[index + 1][0] < end <= tokens[index + 1][1]:
            return Cuts(length, reason=SUB_DIGIT)  # several tokens are said to lie at one character
        if index in unknown:
            return Cuts(length, reason=UNKNOWN)
        owners.append(index)
        held[index] = held.get(index, 0) + end - start
    positions = frozenset(length - at for at in range(1, length) if owners[at] != owners[at - 1])
    fused = any(tokens[owner][1] - tokens[owner][0] > size for owner, size in held.items())
    return Cuts(length, positions, fused)


def token_spans(tokenizer: Tokenizer, text: str) -> tuple[Sequence[Span], frozenset[int]] | str:
    """Bytes of the tokens of a text and the indices of unknown ones, or why there are none."""
    try:
        spans = tokenizer.spans(text)
    except UnsupportedError as error:
        return str(error)
    if "unknown-token" not in tokenizer.info.capability.losses:
        return spans, frozenset()
    ids = tokenizer.encode(text)
    return spans, frozenset(index for index, token_id in enumerate(ids) if tokenizer.kind(token_id) == "unknown")


def cuts_in(tokenizer: Tokenizer, text: str, numbers: Sequence[Sequence[int]]) -> list[Cuts]:
    """The cuts of numbers that stand in one text, which is encoded once.

    Args:
        tokenizer: The tokenizer.
        text: The text.
        numbers: For each number the places of its digits in code points, ascending. Separators between the digits
            are not among them: a cut on both sides of a separator is one cut.
    """
    found = token_spans(tokenizer, text)
    if isinstance(found, str):
        return [Cuts(len(places), reason=found) for places in numbers]
    spans, unknown = found
    if text.isascii():
        return [cut_digits(spans, [(place, place + 1) for place in places], unknown) for places in numbers]
    starts = [0]
    for character in text:
        starts.append(starts[-1] + len(character.encode()))
    return [cut_digits(spans, [(starts[at], starts[at + 1]) for at in places], unknown) for places in numbers]


def cuts(tokenizer: Tokenizer, digits: str, context: Context | str = START) -> Cuts:
    """The cuts of a number in a context.

    Args:
        tokenizer: The tokenizer.
        digits: The number, in the digits of any script.
        context: What stands beside it, or a name in :data:`CONTEXTS`.

    Raises:
        OptionError: If something else than digits is given, or the context does not exist.
    """
    if not digits.isdigit():
        raise OptionError("digits", digits, "one digit or more and nothing else")
    if isinstance(context, str):
        if context not in CONTEXTS:
            raise OptionError("context", context, f"one of {', '.join(CONTEXTS)}")
        context = CONTEXTS[context]
    start = len(context.before)
    text = f"{context.before}{digits}{context.after}"
    return cuts_in(tokenizer, text, [range(start, start + len(digits))])[0]
