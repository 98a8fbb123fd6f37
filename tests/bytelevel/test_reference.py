"""The readable twin itself: against fractions, and against another brute force."""

from __future__ import annotations

import math
from fractions import Fraction

import numpy as np
import pytest
from byte_toys import READINGS, RENORMALISE, Case, text_toy
from golden_toys import AA, LEAKY, LEAKY_TABLE, SPLIT, SPLIT_ROW, STOP, A, B, chain, golden, markov

from tokbench.bytelevel.readings import END, OTHER
from tokbench.bytelevel.reference import Reference, begins_an_encoding


def twin(rows: object, reading: str, renormalise: str | None = None) -> Reference:
    toy = golden()
    table = toy.bytes_of
    admitted = begins_an_encoding(lambda data: toy.encode(data) or [], table, [b"A", b"B"], 2)
    return Reference(
        lambda ids: np.array([float(value) for value in rows(ids)]), table, toy.end_ids,  # type: ignore[operator]
        None if reading == "all" else admitted, toy.complete, reading=reading, renormalise=renormalise,
    )  # fmt: skip


@pytest.mark.parametrize(("text", "reading"), LEAKY_TABLE)
def test_the_leaky_model(text: bytes, reading: str) -> None:
    weight, to_a, to_b, end, leak, share = map(float, LEAKY_TABLE[text, reading])
    found = twin(lambda _: LEAKY, reading)
    weights = found.weights(text)
    assert found.weight(text) == pytest.approx(weight)
    assert weights[[ord("A"), ord("B"), END, OTHER]] == pytest.approx([to_a, to_b, end, 0])
    assert weight - weights.sum() == pytest.approx(leak, abs=1e-15)
    assert twin(lambda _: LEAKY, reading, "byte").next(text)[ord("A")] == pytest.approx(share)


@pytest.mark.parametrize("reading", READINGS)
def test_the_chain(reading: str) -> None:
    found = twin(markov, reading)
    for text in (b"", b"A", b"BA", b"ABAAA"):
        assert found.weight(text) == pytest.approx(float(chain(text)))
    assert found.next(b"AAA")[[ord("A"), ord("B")]] == pytest.approx([3 / 4, 1 / 4])


def test_covers_are_listed_one_by_one() -> None:
    covers = dict(twin(lambda _: LEAKY, "all").covers(b"AAA"))
    assert set(covers) == {(A, A, A), (A, AA), (AA, A), (AA, AA), (A, A, AA)}
    assert covers[A, A, AA] == pytest.approx(float(Fraction(3, 8) ** 2 / 4))
    assert set(dict(twin(lambda _: LEAKY, "canonical").covers(b"AAA"))) == {(AA, A), (AA, AA)}
    assert set(dict(twin(lambda _: LEAKY, "all").covers(b""))) == {()}


@pytest.mark.parametrize(
    ("text", "wanted"),
    [
        (b"A", {(A,): Fraction(1, 6), (AA,): Fraction(1, 2)}),
        (b"AA", {(AA,): Fraction(1, 2)}),
        (b"AAA", {(AA, A): Fraction(3, 32), (AA, AA): Fraction(9, 32)}),
        (b"BA", {(B, A): Fraction(1, 24), (B, AA): Fraction(1, 8)}),
        (b"AB", {(A, B): Fraction(1, 6)}),
        (b"ABAAA", {(A, B, AA, A): Fraction(3, 256), (A, B, AA, AA): Fraction(9, 256)}),
    ],
)
@pytest.mark.parametrize("reading", READINGS)
def test_covers_of_the_chain_that_have_mass(text: bytes, wanted: dict[tuple[int, ...], Fraction], reading: str) -> None:
    found = {ids: mass for ids, mass in twin(markov, reading).covers(text) if mass}
    assert found == pytest.approx({ids: float(mass) for ids, mass in wanted.items()}, rel=1e-14)


def test_a_token_as_two_ids_has_more_covers_of_the_same_weight() -> None:
    row = np.array([float(value) for value in SPLIT_ROW])
    split = Reference(lambda _: row, SPLIT, (STOP,), None, lambda _: True, reading="all", renormalise=None)
    for reference, count in ((twin(lambda _: LEAKY, "all"), 5), (split, 17)):
        covers = list(reference.covers(b"AAA"))
        assert len(covers) == len(dict(covers)) == count
        assert math.fsum(mass for _, mass in covers) == pytest.approx(173 / 512, rel=1e-14)


def test_what_begins_an_encoding() -> None:
    toy = golden()
    begins = begins_an_encoding(lambda data: toy.encode(data) or [], toy.bytes_of, [b"A", b"B"], 2)
    assert [begins(ids) for ids in ((), (A,), (AA, A), (A, B))] == [True] * 4
    assert [begins(ids) for ids in ((A, A), (A, AA), (B, A, A))] == [False] * 3


@pytest.mark.parametrize("renormalise", RENORMALISE)
@pytest.mark.parametrize("reading", READINGS)
def test_against_another_brute_force(reading: str, renormalise: str | None) -> None:
    # that one lists all sequences first and asks afterwards which count
    made = Case(text_toy(0), 8, 1.0, "ids", reading, renormalise)
    for text in (b"a", b" b", b"\xc3"):
        weight, weights = made.reference.weight(text), made.reference.weights(text)
        if renormalise != "token":
            assert weight == pytest.approx(float(made.exact.weight(text)), rel=1e-12)
            for byte in (*b"ab 1'", 0xA9, 0xC3):
                wanted = float(made.exact.weight(text + bytes([byte])))
                assert weights[byte] == pytest.approx(wanted, rel=1e-12, abs=0)
            assert weights[END] == pytest.approx(float(made.exact.special(text, made.toy.end_ids)), rel=1e-12, abs=0)
        shares = made.reference.next(text)
        if renormalise is not None or reading == "all":
            assert math.isclose(float(shares.sum()), 1, rel_tol=1e-12)
        else:
            assert float(shares.sum()) < 1 + 1e-12
            assert reading != "canonical" or float(shares.sum()) < 0.999
