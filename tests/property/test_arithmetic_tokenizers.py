"""Cuts, alignment and policy of the arithmetic suite, on tokenizers whose rule is known."""

from __future__ import annotations

from itertools import accumulate

import pytest
from arithmetic_tokenizers import DigitToy, irregular, l2r, left, r2l, right, single, whole
from hypothesis import given
from hypothesis import strategies as st
from toys import PrefixToy, ToyTokenizer

from tokbench.suites.arithmetic.alignment import (
    addition_cuts,
    agreement,
    aligned,
    answer_agreement,
    operands_aligned,
)
from tokbench.suites.arithmetic.cuts import CONTEXTS, Context, Cuts, cuts
from tokbench.suites.arithmetic.partitions import segmentations
from tokbench.suites.arithmetic.policy import CANDIDATES, candidate_cuts, digit_policy
from tokbench.tokenizers import Tokenizer, load_tokenizer

pytestmark = pytest.mark.property

L2R, R2L, SINGLE = l2r(), r2l(), single()
TOYS: list[Tokenizer] = [
    L2R, R2L, SINGLE, DigitToy(whole), DigitToy(irregular), DigitToy(left(3), sticky=" +_b"), ToyTokenizer(),
    PrefixToy(), load_tokenizer("bytes"),
]  # fmt: skip
PLAIN = [L2R, R2L, SINGLE]

digits = st.text("0123456789", min_size=1, max_size=24)
operands = st.integers(1, 10**15)


@st.composite
def any_cuts(draw: st.DrawFn) -> Cuts:
    length = draw(st.integers(1, 16))
    return Cuts(length, draw(st.frozensets(st.integers(1, length - 1))) if length > 1 else frozenset())


@given(st.sampled_from(TOYS), digits, st.sampled_from(list(CONTEXTS.values())))
def test_two_digits_are_apart_exactly_when_no_token_holds_both(tokenizer: Tokenizer, run: str, at: Context) -> None:
    found = cuts(tokenizer, run, at)
    parts = [tokenizer.token_bytes(token_id) for token_id in tokenizer.encode(at.before + run + at.after)]
    start = len(at.before) + sum(map(len, parts)) - len(at.before + run + at.after)  # behind an inserted space
    ends = {*accumulate(map(len, parts))}
    assert found.positions == {place for place in range(1, len(run)) if start + len(run) - place in ends}
    assert sum(found.chunks) == len(run)
    edges = (start in ends | {0}) and start + len(run) in ends
    inserted = start - len(at.before)
    assert found.fused is not (edges or (start == inserted == 1 and start + len(run) in ends))


@given(st.sampled_from([R2L, SINGLE]), operands, operands)
def test_right_to_left_and_single_digits_are_always_aligned(tokenizer: Tokenizer, a: int, b: int) -> None:
    found = addition_cuts(tokenizer, a, b)
    assert aligned(*found) is True
    assert operands_aligned(found.a, found.b) is True
    assert answer_agreement(*found) == 1.0


@given(operands, operands)
def test_left_to_right_is_aligned_where_the_answer_is_no_longer_or_nothing_is_cut(a: int, b: int) -> None:
    found = addition_cuts(L2R, a, b)
    longest, length = len(str(max(a, b))), len(str(a + b))
    assert aligned(*found) is (length == longest or longest < 3)
    assert operands_aligned(found.a, found.b) is (
        (len(str(a)) - len(str(b))) % 3 == 0
        or min(len(str(a)), len(str(b))) == 1
        or not {place for one in found[:2] for place in one.positions if place < min(found.a.length, found.b.length)}
    )


@given(st.sampled_from(TOYS), operands, operands)
def test_swapping_the_operands_changes_nothing_where_context_does_not(tokenizer: Tokenizer, a: int, b: int) -> None:
    one, other = addition_cuts(tokenizer, a, b), addition_cuts(tokenizer, b, a)
    if (one.a, one.b) == (other.b, other.a):
        assert answer_agreement(*one) == answer_agreement(*other)
        assert operands_aligned(one.a, one.b) == operands_aligned(other.a, other.b)


@given(any_cuts(), any_cuts())
def test_agreement_is_a_symmetric_share(one: Cuts, other: Cuts) -> None:
    found = agreement(one, other)
    assert found is not None
    assert 0 <= found <= 1
    assert found == agreement(other, one)
    shared = min(one.length, other.length)
    same = {p for p in range(1, shared) if p in one.positions} == {p for p in range(1, shared) if p in other.positions}
    assert (found == 1) is same
    assert agreement(one, one) == 1


@given(st.sampled_from(CANDIDATES), st.integers(1, 30))
def test_rules_from_the_right_mirror_those_from_the_left(name: str, length: int) -> None:
    found = candidate_cuts(name, length)
    assert all(0 < place < length for place in found)
    mirror = name.translate(str.maketrans("LR", "RL")) if "2" in name else name
    assert {length - place for place in found} == candidate_cuts(mirror, length)


@given(st.integers(1, 6), st.sampled_from(["left", "right"]))
def test_policy_of_any_width(width: int, side: str) -> None:
    toy = DigitToy((left if side == "left" else right)(width), widest=1)
    expected = "single" if width == 1 else f"{'L2R' if side == 'left' else 'R2L'}-{width}"
    assert digit_policy(toy, per_length=2, contexts=[*CONTEXTS.values()][:3]).label == expected


@given(st.sampled_from([1, 2, 3]), digits)
def test_segmentations_follow_the_recurrence(widest: int, run: str) -> None:
    ways = [1]
    for _ in run:
        ways.append(sum(ways[-widest:]))
    assert segmentations(VOCABULARIES[widest], run) == ways[-1]


VOCABULARIES = {width: DigitToy(left(width), widest=width) for width in (1, 2, 3)}
