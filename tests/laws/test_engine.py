"""Anything with ``encode`` and ``decode`` as a tokenizer: what is there is used, what is missing is unsupported."""

from __future__ import annotations

from collections.abc import Mapping

import pytest
import tiktoken
from hypothesis import given
from toys import SPECIALS, ToyTokenizer

from tokbench.errors import UnknownIdError, UnsupportedError
from tokbench.laws import EngineTokenizer, as_tokenizer, check
from tokbench.laws.strategies import texts
from tokbench.tokenizers import Kind

TOY = ToyTokenizer()


class Least:
    def encode(self, text: str) -> list[int]:
        return TOY.encode(text)

    def decode(self, ids: list[int]) -> str:
        return TOY.decode(ids)


class Whole(Least):
    def ids(self) -> list[int]:
        return list(TOY.ids())

    def kind(self, token_id: int) -> Kind:
        return TOY.kind(token_id)

    def token_bytes(self, token_id: int) -> bytes:
        return TOY.token_bytes(token_id)

    def special_tokens(self) -> Mapping[str, int]:
        return SPECIALS

    def encode_batch(self, batch: list[str]) -> list[list[int]]:
        return TOY.encode_batch(batch)

    def encode_bytes(self, data: bytes) -> list[int]:
        return TOY.encode_bytes(data)

    def char_spans(self, text: str) -> list[tuple[int, int]]:
        return TOY.char_spans(text)


@pytest.mark.property
@given(texts(TOY))
def test_a_whole_engine_is_the_tokenizer_that_it_wraps(text: str) -> None:
    engine = as_tokenizer(Whole())
    ids = engine.encode(text)
    assert ids == TOY.encode(text)
    assert engine.decode(ids) == TOY.decode(ids)
    assert engine.spans(text) == TOY.spans(text)
    assert engine.char_spans(text) == TOY.char_spans(text)
    assert engine.decode_bytes(ids) == TOY.decode_bytes(ids)
    assert engine.preimage(text) == TOY.preimage(text)
    assert engine.encode_bytes(text.encode()) == TOY.encode_bytes(text.encode())


def test_its_vocabulary_is_the_engine_s() -> None:
    engine = as_tokenizer(Whole())
    assert list(engine.ids()) == list(TOY.ids())
    assert [engine.kind(token_id) for token_id in engine.ids()] == [TOY.kind(token_id) for token_id in TOY.ids()]
    assert engine.special_tokens() == SPECIALS
    with pytest.raises(UnknownIdError):
        engine.decode([max(TOY.ids()) + 1])


def test_laws_hold_for_it_and_what_is_missing_does_not_apply() -> None:
    whole = check(as_tokenizer(Whole()), ["-errors", "-pure"], max_examples=10)
    assert not [verdict for verdict in whole.verdicts if verdict.status in {"fails", "error"}]
    least = check(as_tokenizer(Least()), ["-errors", "-pure"], max_examples=10)
    assert least["id-space"].reason == "the engine has no members ids and token_bytes"
    assert not [verdict for verdict in least.verdicts if verdict.status in {"fails", "error"}]
    statuses = [sum(verdict.status == "holds" for verdict in report.verdicts) for report in (whole, least)]
    assert statuses[0] > statuses[1] > 8


def test_the_least_engine_says_what_it_lacks() -> None:
    engine = as_tokenizer(Least())
    assert isinstance(engine, EngineTokenizer)
    assert not engine.has_vocabulary
    for call in (
        lambda: engine.token_bytes(1),
        lambda: engine.join_bytes([1]),
        lambda: engine.encode_bytes(b"a"),
        lambda: engine.encode_batch(["a"]),
        lambda: engine.char_spans("a"),
    ):
        with pytest.raises(UnsupportedError, match="the engine has no member"):
            call()


def test_a_tokenizer_of_a_library_is_an_engine() -> None:
    ranks = {bytes([value]): value for value in range(256)}
    library = tiktoken.Encoding("plain", pat_str=r"\s+|\S+", mergeable_ranks=ranks, special_tokens={})
    engine = as_tokenizer(library)
    assert engine.encode("\xe9") == [0xC3, 0xA9]
    assert engine.decode_bytes([0xC3]) == b"\xc3"
    assert engine.info.capability.bytes_in is False


def test_a_tokenizer_of_ours_stays_what_it_is() -> None:
    assert as_tokenizer(TOY) is TOY


@pytest.mark.parametrize("engine", [3, object(), type("Half", (), {"encode": lambda self, text: []})()])
def test_less_than_encode_and_decode_is_no_engine(engine: object) -> None:
    with pytest.raises(TypeError, match=r"has no method (encode|decode): an engine needs"):
        as_tokenizer(engine)
