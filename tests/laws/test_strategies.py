from __future__ import annotations

import pytest
from hypothesis import find, given, settings
from hypothesis import strategies as st
from toys import ToyTokenizer

from tokbench.laws.strategies import EXAMPLES, byte_strings, edits, ids, surrogate_texts, texts

TOY = ToyTokenizer()


def reached(strategy: st.SearchStrategy[str], predicate: object) -> str:
    assert callable(predicate)
    return find(strategy, predicate, settings=settings(max_examples=5000, database=None))


@pytest.mark.parametrize(
    "predicate",
    [
        lambda text: any(0x4E00 <= ord(character) < 0xA000 for character in text),
        lambda text: any(ord(character) > 0xFFFF for character in text),
        lambda text: "\u00a0" in text or "\u3000" in text or "\u2028" in text,
        lambda text: "<|" in text,
        lambda text: "'" in text,
        lambda text: any(character.isdigit() for character in text),
        lambda text: "\x00" in text or "\x1c" in text or "\x0b" in text,
        lambda text: "\n    " in text or "\t" in text,
        lambda text: "hello" in text,  # a word of the vocabulary under test
        lambda text: "<tool>" in text or "na\u00efve" in text,  # an added token
    ],
)
def test_texts_reach_every_class(predicate: object) -> None:
    assert reached(texts(TOY), predicate)


def test_surrogates_are_drawn_where_they_are_wanted_and_nowhere_else() -> None:
    assert reached(surrogate_texts(), lambda text: any("\ud800" <= character <= "\udfff" for character in text))


@pytest.mark.property
@given(texts(TOY))
def test_texts_have_a_utf8_form(text: str) -> None:
    assert text.encode().decode() == text


@pytest.mark.property
@given(ids(TOY), byte_strings())
def test_ids_exist(sequence: list[int], data: bytes) -> None:
    known = set(TOY.ids())
    assert set(sequence) <= known
    assert isinstance(data, bytes)


@pytest.mark.property
@given(st.data())
def test_edits_stay_near(data: st.DataObject) -> None:
    text = "some text"
    edited = data.draw(edits(text))
    assert isinstance(edited, str)
    assert edited.encode().decode() == edited


def test_the_fixed_examples_of_the_specification_are_there() -> None:
    wanted = [
        "\x1f-a", "\u00bc-a", "a \u3007b", "\u2165-a", "\ufeff//", "C\u1eeda Vi\u1ec7t", "<s>a", "a\na", '"`',
        " \u2e4e", "\n\x0b  ", "a\xa0\xa0\x00b", "one <mask>", "a </s> b", "\xa0aC", "\u2029 \ua3e4", "a ?", "\u00e5",
        "\U000ac517", "3", "333333333", "today\n  \n", " \x850", "0", "00000000000000000",
        "\u0ba8\u0b9f\u0bbf\u0b95\u0bb0\u0bcd \u0b9a\u0bc2\u0bb0\u0bcd\u0baf\u0bbe", " \u0120\u9664", "\u2581",
        "\u0120", "\u010a", "\x00", "<0x41>", "<0xFF>", "\ufb01", "\u0130", "\u03a3", "\u017f",
    ]  # fmt: skip
    missing = [text for text in wanted if text not in EXAMPLES]
    assert not missing
