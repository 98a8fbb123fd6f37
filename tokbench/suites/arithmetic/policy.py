"""The digit policy of a tokenizer: the rule by which it cuts numbers, in each context (arithmetic specification, 4.9).

A rule is judged on the lengths that tell it from every other rule: a number of six digits is cut alike from the left
and from the right in threes.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from functools import cache
from types import MappingProxyType

from tokbench.errors import OptionError, UnknownNameError
from tokbench.suites.arithmetic.cuts import CONTEXTS, START, Context, Cuts, cuts
from tokbench.suites.arithmetic.formats import SCRIPTS
from tokbench.suites.arithmetic.item import VERSION
from tokbench.suites.arithmetic.sampling import draw
from tokbench.tokenizers import Tokenizer

__all__ = [
    "CANDIDATES",
    "LONGEST",
    "THRESHOLD",
    "ContextPolicy",
    "Policy",
    "candidate_cuts",
    "digit_policy",
    "distinct_lengths",
    "judge",
    "numbers",
]

LONGEST = 20
"""Digits of the longest number."""

THRESHOLD = 0.99
"""Share of numbers that a rule has to cut as the tokenizer does."""

CANDIDATES: tuple[str, ...] = (
    "whole", "single", *(f"{side}-{width}" for side in ("L2R", "R2L") for width in range(2, 7)),
)  # fmt: skip
"""Rules: one token, one digit each, chunks of k counted from the left (L2R-k) or from the right (R2L-k)."""

# ---------------------------------------------------------------------- rules


def candidate_cuts(name: str, length: int) -> frozenset[int]:
    """The cuts of a rule in a number of ``length`` digits, counted from the right."""
    if name == "whole":
        return frozenset()
    if name == "single":
        return frozenset(range(1, length))
    side, _, width = name.partition("-")
    from_right = range(int(width), length, int(width))
    return frozenset(from_right if side == "R2L" else (length - place for place in from_right))


@cache
def distinct_lengths(name: str) -> frozenset[int]:
    """Lengths up to 20 at which the cuts of a rule differ from those of every other rule."""
    return frozenset(
        length
        for length in range(1, LONGEST + 1)
        if all(candidate_cuts(other, length) != candidate_cuts(name, length) for other in CANDIDATES if other != name)
    )


# ---------------------------------------------------------------------- numbers


def numbers(length: int, count: int, seed: int, *, purpose: str = "number", zeros: bool = False) -> list[str]:
    """Numbers of ``length`` digits, always the same, each from a hash of its index; a number may come twice.

    Args:
        length: Digits.
        count: How many.
        seed: Any integer.
        purpose: Keeps the numbers of different tables apart.
        zeros: Whether the first digit may be 0.
    """
    least = 0 if zeros or length == 1 else 10 ** (length - 1)
    drawn = (draw(10**length - least, VERSION, seed, purpose, length, index) for index in range(count))
    return [f"{least + rank:0{length}d}" for rank in drawn]


# ---------------------------------------------------------------------- policy


@dataclass(frozen=True, slots=True)
class ContextPolicy:
    """How numbers are cut in one context.

    Attributes:
        label: The rule, ``irregular`` where no rule fits, ``undefined`` where most numbers have no
            cuts.
        rule: The rule that fits best.
        k: Numbers of the lengths that tell this rule from others and that are cut by it.
        n: Numbers of these lengths.
        fused: Numbers, of all lengths, with a token that holds a digit and something else.
        undefined: Numbers, of all lengths, without cuts to speak of.
        total: Numbers of all lengths.
        reason: The most frequent reason why a number has no cuts.
    """

    label: str
    rule: str
    k: int
    n: int
    fused: int
    undefined: int
    total: int
    reason: str = ""


@dataclass(frozen=True, slots=True)
class Policy:
    """How a tokenizer cuts numbers.

    Attributes:
        label: The label of a number alone.
        contexts: By name of the context.
    """

    label: str
    contexts: Mapping[str, ContextPolicy]

    @property
    def labels(self) -> tuple[str, ...]:
        """The different labels of the contexts in which numbers have cuts, most frequent first."""
        counted = Counter(found.label for found in self.contexts.values() if found.label != "undefined")
        return tuple(label for label, _ in counted.most_common())

    @property
    def context_dependent(self) -> bool:
        """Whether contexts differ in their label."""
        return len(self.labels) > 1


def judge(found: Sequence[Cuts]) -> ContextPolicy:
    """The rule of some cuts: the one that fits at least 99 % of the numbers whose length tells it from others."""
    known = [one for one in found if not one.reason]
    reasons = Counter(one.reason for one in found if one.reason)
    reason = reasons.most_common(1)[0][0] if reasons else ""
    best, share = ("", 0, 0), -1.0
    for name in CANDIDATES:
        lengths = distinct_lengths(name)
        judged = [one for one in known if one.length in lengths]
        fitting = sum(one.positions == candidate_cuts(name, one.length) for one in judged)
        if judged and fitting / len(judged) > share:
            best, share = (name, fitting, len(judged)), fitting / len(judged)
    if 2 * len(known) < len(found) or not best[0]:
        label = "undefined"
    else:
        label = best[0] if share >= THRESHOLD else "irregular"
    return ContextPolicy(
        label,
        *best,
        fused=sum(one.fused for one in known),
        undefined=len(found) - len(known),
        total=len(found),
        reason=reason,
    )


def digit_policy(
    tokenizer: Tokenizer,
    *,
    per_length: int = 20,
    seed: int = 0,
    contexts: Sequence[Context] = tuple(CONTEXTS.values()),
    script: str = "",
) -> Policy:
    """The digit policy, from numbers of 1 to 20 digits in every context.

    Args:
        tokenizer: The tokenizer.
        per_length: Numbers of each length; the same ones in every context and script.
        seed: Seed of the numbers.
        contexts: Contexts; the first gives the label of the whole.
        script: Whose digits, a name in :data:`~tokbench.suites.arithmetic.formats.SCRIPTS`; ASCII where empty.

    Raises:
        UnknownNameError: If the script does not exist.
        OptionError: If no context is given.
    """
    if script and script not in SCRIPTS:
        raise UnknownNameError("digits", script, tuple(SCRIPTS))
    if not contexts:
        raise OptionError("contexts", (), f"at least one, for example {START.name}")
    table = str.maketrans(dict(zip("0123456789", SCRIPTS[script], strict=True)) if script else {})
    drawn = [
        number.translate(table) for length in range(1, LONGEST + 1) for number in numbers(length, per_length, seed)
    ]
    found = {
        context.name: judge([cuts(tokenizer, number, context) for number in drawn]) for context in contexts
    }  # fmt: skip
    return Policy(found[contexts[0].name].label, MappingProxyType(found))
