from __future__ import annotations

from collections import Counter
from collections.abc import Callable

import pytest
from arithmetic_tokenizers import DigitFree, DigitToy, irregular, l2r, left, r2l, single
from toys import ToyTokenizer

from tokbench.suites.arithmetic.alignment import (
    addition_cuts,
    additions,
    agreement,
    aligned,
    alignment,
    answer_agreement,
    operands_aligned,
)
from tokbench.suites.arithmetic.cuts import Cuts, cuts
from tokbench.suites.arithmetic.items import build_cases
from tokbench.tokenizers import Tokenizer, load_tokenizer


def of(length: int, *positions: int) -> Cuts:
    return Cuts(length, frozenset(positions))


LENGTHS = range(4, 13)
TRIPLES = [(la, lb, ln) for la in LENGTHS for lb in LENGTHS for ln in (max(la, lb), max(la, lb) + 1)]


def test_agreement_looks_only_at_places_of_both() -> None:
    assert agreement(of(7, 3, 6), of(4, 3)) == 1.0
    assert agreement(of(7, 1, 4), of(8, 2, 5)) == 0.0
    assert agreement(of(7, 3), of(7, 3, 6)) == 0.5
    assert agreement(of(2), of(9, 3, 6)) == 1.0
    assert agreement(of(3), Cuts(3, fused=True)) is None
    assert agreement(Cuts(3, reason="none"), of(3)) is None


def test_the_answer_is_compared_with_the_longest_operand() -> None:
    assert aligned(of(4, 1), of(7, 1, 4), of(7, 1, 4)) is True
    assert aligned(of(7, 1, 4), of(4, 3), of(7, 1, 4)) is True
    assert aligned(of(7, 1, 4), of(4, 3), of(8, 2, 5)) is False
    # operands of equal length: the worse one counts, whichever comes first
    assert answer_agreement(of(4, 1), of(4, 3), of(4, 1)) == 0.0
    assert answer_agreement(of(4, 3), of(4, 1), of(4, 1)) == 0.0
    # a shorter operand that is fused does not matter, a longest one does
    assert aligned(Cuts(3, fused=True), of(4, 1), of(4, 1)) is True
    assert aligned(of(4, 1), Cuts(4, fused=True), of(4, 1)) is None
    assert operands_aligned(of(4, 1), of(5, 2)) is False
    assert operands_aligned(of(4, 1), of(5, 1, 4)) is True
    assert operands_aligned(of(4, 1), Cuts(5, reason="none")) is None


def test_an_answer_shorter_than_the_operand() -> None:  # differences
    assert aligned(of(7, 3, 6), of(7, 3, 6), of(3)) is True
    assert aligned(of(7, 1, 4), of(7, 1, 4), of(6, 3)) is False


def test_numbers_are_cut_where_they_are_written() -> None:
    found = addition_cuts(DigitToy(left(3), sticky="+"), 9999, 1)
    assert found.a == of(4, 1)
    assert (found.b.fused, found.answer.chunks) == (True, (3, 2))


def test_drawn_additions_have_their_lengths() -> None:
    assert len(TRIPLES) == 162
    drawn = [*additions(2, seed=0)]
    lengths = [(len(str(a)), len(str(b)), len(str(a + b))) for a, b in drawn]
    assert lengths == [triple for triple in TRIPLES for _ in range(2)]
    assert drawn == [*additions(2, seed=0)]
    assert drawn != [*additions(2, seed=1)]
    assert drawn == [(case.problem.a, case.problem.b) for case in build_cases("smoke", 0)]


@pytest.mark.parametrize(
    ("make", "answers", "operands", "unrestricted"), [(l2r, 81, 27, None), (r2l, 162, 81, 129), (single, 162, 81, 81)]
)
def test_golden_counts(make: Callable[[], DigitToy], answers: int, operands: int, unrestricted: int | None) -> None:
    tokenizer = make()
    found = alignment(tokenizer, additions(2, seed=0))
    assert (found.basis, found.undefined) == ("length", 0)
    assert sum(share.k == share.n == 2 for share in found.answers.values()) == answers
    assert sum(share.k in {0, share.n} for share in found.answers.values()) == 162
    assert sum(share.k == share.n for share in found.operands.values()) == operands
    assert len(found.operands) == 81
    if unrestricted is not None:
        # without the restriction longer answers, which have more cuts, would seem not aligned
        positions = {length: cuts(tokenizer, "1" * length).positions for length in range(1, 14)}
        same = sum(positions[triple[2]] == positions[max(triple[:2])] for triple in TRIPLES)
        assert same == unrestricted


PREDICTED = {
    "777": True, "778": False, "788": True, "789": False, "799": True, "878": True, "879": False, "888": True,
    "889": False, "899": True, "979": True, "989": True, "999": True,
}  # fmt: skip


def test_predictor_on_the_published_triples() -> None:
    found = alignment(l2r(), additions(1, seed=0)).answers
    predicted = {name: found[int(name[0]), int(name[1]), int(name[2])].k == 1 for name in PREDICTED}
    assert predicted == PREDICTED


def test_cuts_that_differ_at_one_length_are_sampled() -> None:
    found = alignment(DigitToy(irregular), additions(4, seed=0))
    assert found.basis == "sampled"
    assert 0 < sum(share.k for share in found.answers.values()) < 4 * 162


@pytest.mark.parametrize("make", [DigitFree, lambda: DigitToy(left(3), sticky="+=0123456789")])
def test_what_is_undefined_is_counted(make: Callable[[], Tokenizer]) -> None:
    found = alignment(make(), additions(1, seed=0))
    assert found.undefined > 0
    assert found.undefined + sum(share.n for share in found.answers.values()) == 162


def test_carries_at_boundaries() -> None:
    pairs = [(4999, 5001), (4990, 5010), (4009, 5001), (1000, 1000)]
    found = alignment(r2l(), pairs).boundaries  # threes from the right: a chunk ends at place 3
    assert {triple: (share.k, share.n) for triple, share in found.items()} == {(4, 4, 5): (2, 2), (4, 4, 4): (0, 2)}


def test_carries_at_boundaries_by_hand() -> None:
    def carried(a: int, b: int) -> set[int]:
        found, carry = set(), 0
        for place, (x, y) in enumerate(zip(reversed(f"{a:012d}"), reversed(f"{b:012d}"), strict=True), 1):
            carry = int(int(x) + int(y) + carry > 9)
            if carry:
                found.add(place)
        return found

    pairs = [*additions(3, seed=5)]
    expected = Counter(
        (len(str(a)), len(str(b)), len(str(a + b)))
        for a, b in pairs
        if carried(a, b) & {place for place in (3, 6, 9, 12) if place < len(str(a + b))}
    )
    found = alignment(r2l(), pairs).boundaries
    assert {triple: share.k for triple, share in found.items() if share.k} == expected


def test_a_byte_pair_encoding_and_bytes() -> None:
    assert alignment(load_tokenizer("bytes"), additions(1, seed=0)).basis == "length"
    toy = alignment(ToyTokenizer(), additions(1, seed=0))
    assert sum(share.n for share in toy.answers.values()) == 162
    assert toy.basis == "sampled"
