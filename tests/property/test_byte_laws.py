"""What a byte probability is: the laws 1-5, 9, 11 and 15 over random vocabularies, encoders and models."""

from __future__ import annotations

import byte_laws as laws
import pytest
from byte_toys import (
    READINGS,
    RENORMALISE,
    SEEDS,
    STATES,
    Case,
    Toy,
    bare_toys,
    cases,
    letter_toys,
    text_toy,
    texts,
)
from hypothesis import given, settings
from hypothesis import strategies as st

pytestmark = pytest.mark.property

TEXT_TOYS = range(4)


def with_text(made: Case, most: int) -> st.SearchStrategy[tuple[Case, bytes]]:
    return st.tuples(st.just(made), texts(made.toy, most=most))


ANY = cases().flatmap(lambda made: with_text(made, 6))
JUDGED = cases(letter_toys()).flatmap(lambda made: with_text(made, 6))
SHORT = cases().flatmap(lambda made: with_text(made, 4))


@given(ANY)
@settings(max_examples=60)
def test_1_everything_sums_to_one(item: tuple[Case, bytes]) -> None:
    laws.normalised(*item)


@given(ANY)
@settings(max_examples=60)
def test_2_the_chain_rule(item: tuple[Case, bytes]) -> None:
    made, text = item
    laws.chained(made.read(made.reading, None if made.renormalise == "byte" else made.renormalise), text)


@given(ANY)
@settings(max_examples=40)
def test_3_a_longer_text_is_never_likelier(item: tuple[Case, bytes]) -> None:
    laws.monotone(*item)


@given(JUDGED)
@settings(max_examples=80)
def test_4_every_reading_is_as_defined(item: tuple[Case, bytes]) -> None:
    laws.as_defined(*item)


@given(cases(bare_toys()).flatmap(lambda made: with_text(made, 6)))
@settings(max_examples=40)
def test_4_any_tokens_at_all(item: tuple[Case, bytes]) -> None:
    laws.as_defined(*item)


@pytest.mark.parametrize("renormalise", RENORMALISE)
@pytest.mark.parametrize("reading", READINGS)
@pytest.mark.parametrize("number", TEXT_TOYS)
@given(st.data())
@settings(max_examples=2)
def test_4_texts_of_characters(number: int, reading: str, renormalise: str | None, data: st.DataObject) -> None:
    toy = text_toy(number)
    made = Case(toy, data.draw(SEEDS), 1.0, data.draw(STATES), reading, renormalise)
    laws.as_defined(made, data.draw(texts(toy, most=3)))


@given(SHORT)
@settings(max_examples=40)
def test_4_weights_against_decimal_numbers(item: tuple[Case, bytes]) -> None:
    laws.without_underflow(*item)


@given(SHORT)
@settings(max_examples=60)
def test_5_a_finished_text_is_the_sum_over_its_segmentations(item: tuple[Case, bytes]) -> None:
    laws.marginal(*item)


@given(cases(letter_toys(["ranks", "merges", "greedy"])).flatmap(lambda made: with_text(made, 6)))
@settings(max_examples=40)
def test_5_a_finished_text_is_its_encoding_in_canonical(item: tuple[Case, bytes]) -> None:
    laws.encoding_alone(*item)


@pytest.mark.parametrize("number", TEXT_TOYS)
@given(st.data())
@settings(max_examples=8)
def test_5_so_is_a_finished_text_of_characters(number: int, data: st.DataObject) -> None:
    toy = text_toy(number)
    words = data.draw(st.lists(st.sampled_from(toy.symbols), max_size=4))
    laws.encoding_alone(Case(toy, data.draw(SEEDS)), b"".join(words))


@given(JUDGED)
@settings(max_examples=40)
def test_9_what_is_pushed_at_once_makes_no_difference(item: tuple[Case, bytes]) -> None:
    laws.associative(*item)


@given(cases(letter_toys(), readings=READINGS[1:]).flatmap(lambda made: with_text(made, 8)))
@settings(max_examples=80)
def test_9_scores_at_once_are_scores_byte_by_byte(item: tuple[Case, bytes]) -> None:
    laws.at_once(*item)


@pytest.mark.parametrize("number", TEXT_TOYS)
@given(st.data())
@settings(max_examples=12)
def test_9_and_so_for_texts_of_characters(number: int, data: st.DataObject) -> None:
    toy = text_toy(number)
    made = Case(
        toy, data.draw(SEEDS), 1.0, "ids", data.draw(st.sampled_from(READINGS[1:])),
        data.draw(st.sampled_from(RENORMALISE)),
    )  # fmt: skip
    text = data.draw(texts(toy, most=12))
    laws.at_once(made, text)
    laws.associative(made, text)


@given(JUDGED)
@settings(max_examples=40)
def test_11_readings_are_ordered(item: tuple[Case, bytes]) -> None:
    laws.ordered(*item)


@pytest.mark.parametrize("number", TEXT_TOYS)
@given(st.data())
@settings(max_examples=5)
def test_11_so_they_are_for_texts_of_characters(number: int, data: st.DataObject) -> None:
    toy = text_toy(number)
    laws.ordered(Case(toy, data.draw(SEEDS)), data.draw(texts(toy, most=6)))


@given(ANY)
@settings(max_examples=60)
def test_15_the_cut_makes_no_difference(item: tuple[Case, bytes]) -> None:
    made, text = item
    laws.cut_anywhere(made.read(made.reading, made.renormalise), text)


@given(letter_toys(), SEEDS)
@settings(max_examples=20)
def test_the_toys_encode_what_they_say(toy: Toy, seed: int) -> None:
    # the ground of everything above: ids of an encoding spell the text, and are admitted at every token
    text = b"".join(toy.symbols[(seed >> shift) % len(toy.symbols)] for shift in range(0, 12, 2))
    ids = toy.encode(text)
    assert ids is not None
    assert b"".join(toy.bytes_of[token] for token in ids) == text
    assert all(toy.admitted(tuple(ids[:size])) for size in range(len(ids) + 1))
    assert toy.complete(tuple(ids))
