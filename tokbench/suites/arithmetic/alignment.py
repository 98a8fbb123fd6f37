"""Whether the cuts of an answer line up with those of the operands (arithmetic specification, 4.8).

Cuts are compared where both numbers have places: on 1 to the shorter length less one. A longer number has further
cuts to the left, which say nothing about alignment; with them, tokenizers that are always aligned would seem not to be.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass
from types import MappingProxyType
from typing import Literal, NamedTuple

from tokbench.suites.arithmetic.cuts import Cuts, cuts_in
from tokbench.suites.arithmetic.items import cases_of
from tokbench.suites.arithmetic.problem import addition_carries
from tokbench.suites.arithmetic.strata import Triple, strata
from tokbench.tokenizers import Tokenizer

__all__ = [
    "AdditionCuts",
    "Alignment",
    "Share",
    "addition_cuts",
    "additions",
    "agreement",
    "aligned",
    "alignment",
    "answer_agreement",
    "operands_aligned",
]

# ---------------------------------------------------------------------- one addition


def agreement(first: Cuts, second: Cuts) -> float | None:
    """Jaccard index of two sets of cuts on the places that both numbers have; 1 where neither has a cut there.

    None where a number is fused with something else or has no cuts to speak of.
    """
    if not (first.clean and second.clean):
        return None
    shared = min(first.length, second.length)
    one = {place for place in first.positions if place < shared}
    other = {place for place in second.positions if place < shared}
    union = one | other
    return len(one & other) / len(union) if union else 1.0


def answer_agreement(a: Cuts, b: Cuts, answer: Cuts) -> float | None:
    """:func:`agreement` of the answer with the longest operand; with the worse one where both are as long.

    So swapping the operands changes nothing. None where it is undefined for an operand that is compared.
    """
    longest = max(a.length, b.length)
    found = [agreement(operand, answer) for operand in (a, b) if operand.length == longest]
    known = [value for value in found if value is not None]
    return min(known) if len(known) == len(found) else None


def aligned(a: Cuts, b: Cuts, answer: Cuts) -> bool | None:
    """Whether the answer has the cuts of the longest operand, on the places that both have; None where undefined."""
    found = answer_agreement(a, b, answer)
    return None if found is None else found == 1


def operands_aligned(a: Cuts, b: Cuts) -> bool | None:
    """Whether two operands have the same cuts on the places that both have; None where undefined."""
    found = agreement(a, b)
    return None if found is None else found == 1


class AdditionCuts(NamedTuple):
    """Cuts of the three numbers of an addition, each where it is written."""

    a: Cuts
    b: Cuts
    answer: Cuts


def addition_cuts(tokenizer: Tokenizer, a: int, b: int) -> AdditionCuts:
    """Cuts of the operands in ``a+b=`` and of the sum alone, as the answer is a message of its own."""
    first, second, total = str(a), str(b), str(a + b)
    behind = len(first) + 1
    operands = cuts_in(
        tokenizer, f"{first}+{second}=", [range(len(first)), range(behind, behind + len(second))]
    )  # fmt: skip
    answer = cuts_in(tokenizer, total, [range(len(total))])
    return AdditionCuts(operands[0], operands[1], answer[0])


# ---------------------------------------------------------------------- all strata


@dataclass(slots=True)
class Share:
    """Counts over the additions of one stratum.

    Attributes:
        n: Additions for which it is defined.
        k: Those that are aligned.
        total: Sum of the Jaccard indices.
        undefined: Additions for which it is not defined.
    """

    n: int = 0
    k: int = 0
    total: float = 0.0
    undefined: int = 0

    def add(self, value: float | None) -> None:
        """Count one addition by its Jaccard index."""
        if value is None:
            self.undefined += 1
            return
        self.n += 1
        self.k += value == 1
        self.total += value


@dataclass(frozen=True, slots=True)
class Alignment:
    """Alignment over the strata of the addition block.

    Attributes:
        basis: ``length`` where all numbers of one length had the same cuts in each of the three roles, so that a
            stratum is aligned or not as a whole; else ``sampled``.
        answers: Answer with operands, by triple of lengths.
        operands: Operand with operand, by pair of lengths.
        boundaries: Additions in which a carry enters a place at which a chunk of the answer ends, by triple
            (``total`` is not used).
    """

    basis: Literal["length", "sampled"]
    answers: Mapping[Triple, Share]
    operands: Mapping[tuple[int, int], Share]
    boundaries: Mapping[Triple, Share]

    @property
    def undefined(self) -> int:
        """Additions whose alignment is not defined."""
        return sum(share.undefined for share in self.answers.values())


def additions(count: int, seed: int) -> Iterator[tuple[int, int]]:
    """Operands of the first ``count`` items of each stratum of additions: 162 triples of lengths.

    Raises:
        SuiteDefinitionError: If the definition of the suite is malformed.
    """
    for stratum in strata("addition"):
        for case in cases_of(stratum, seed, count, shots=0):
            yield case.problem.a, case.problem.b


def alignment(tokenizer: Tokenizer, pairs: Iterable[tuple[int, int]]) -> Alignment:
    """Alignment of additions, by stratum.

    Args:
        tokenizer: The tokenizer.
        pairs: Operands of the additions, see :func:`additions`.
    """
    answers: dict[Triple, Share] = {}
    operands: dict[tuple[int, int], Share] = {}
    boundaries: dict[Triple, Share] = {}
    seen: dict[tuple[str, int], Cuts] = {}
    constant = True
    for a, b in pairs:
        found = addition_cuts(tokenizer, a, b)
        triple = (found.a.length, found.b.length, found.answer.length)
        answers.setdefault(triple, Share()).add(answer_agreement(*found))
        operands.setdefault(triple[:2], Share()).add(agreement(found.a, found.b))
        crossed = not found.answer.positions.isdisjoint(addition_carries(a, b))
        boundaries.setdefault(triple, Share()).add(float(crossed) if found.answer.clean else None)
        constant = constant and all(
            seen.setdefault((role, one.length), one) == one for role, one in zip(found._fields, found, strict=True)
        )
    return Alignment(
        "length" if constant else "sampled",
        MappingProxyType(answers),
        MappingProxyType(operands),
        MappingProxyType(boundaries),
    )
