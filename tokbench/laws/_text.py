"""Laws on text: what goes in comes out again."""

from __future__ import annotations

import random

from hypothesis import strategies as st

from tokbench.errors import UnsupportedError
from tokbench.laws import _judge as judge
from tokbench.laws.law import NotJudgedError, law, links
from tokbench.laws.strategies import EXAMPLES, byte_strings, indented_texts, texts
from tokbench.tokenizers import TEXT_KINDS, Tokenizer

__all__ = ["boundary_join", "bytes_round_trip", "decode_cleanup", "idempotent", "indentation", "round_trip"]

_CLEAN_UP_TEXTS = (
    "a ?",
    "a != b",
    "x , y",
    "Wait . . . what !",
    "do n't",
    "I 'm",
    "they 've 's 're",
    "if ( x ) { y ; }",
    "a  ,  b",
    " .",
    "f ( x ) , g",
    "say `` this '' !",
    "return a , b",
    "    a ? b : c",
)


@law(
    "round-trip",
    "decode(encode(x)) == x for every text x that is of no declared exception",
    reasons=links("sentencepiece#684", "sentencepiece#650", "sentencepiece#185"),
    needs=judge.keeps_all_but_exceptions,
    strategy=texts,
    examples=EXAMPLES,
    mutants=("nfc-undeclared", "u2581-undeclared"),
)
def round_trip(tokenizer: Tokenizer, text: str) -> None:
    """Text survives encoding and the library's own decoding."""
    judge.not_excepted(tokenizer, text)
    back = tokenizer.decode(tokenizer.encode(text))
    judge.require(back == text, "decode(encode(x)) is not x", expected=text, got=back)


def _needs_bytes_in(tokenizer: Tokenizer) -> str | None:
    return None if tokenizer.info.capability.bytes_in else "the library takes text only"


@law(
    "bytes-round-trip",
    "decode_bytes(encode_bytes(b)) == b for any bytes b, be they UTF-8 or not",
    reasons=("https://github.com/openai/tiktoken/blob/main/tests/test_encoding.py",),
    needs=_needs_bytes_in,
    strategy=lambda _tokenizer: byte_strings(),
    examples=(b"", b"\xff", b"\xc3", b"a\x80b", b"\xed\xa0\x80", b"\xf0\x9f\xa6", bytes(range(256))),
    mutants=("invalid-bytes-replaced",),
)
def bytes_round_trip(tokenizer: Tokenizer, data: bytes) -> None:
    """Any bytes survive encoding as bytes."""
    back = tokenizer.decode_bytes(tokenizer.encode_bytes(data))
    judge.require(back == data, "decode_bytes(encode_bytes(b)) is not b", expected=data, got=back)


def _decoder_keeps(tokenizer: Tokenizer) -> str | None:
    capability = tokenizer.info.capability
    if capability.round_trip == "lossy" and "decode-side" in capability.losses:
        return f"the decoder is declared to change text: {capability.summary}"
    return None


def _decodes_exactly(tokenizer: Tokenizer, text: str) -> None:
    back = tokenizer.decode(judge.kept_ids(tokenizer, text))
    judge.require(back == text, "the ids hold the text, but the decoder changes it", expected=text, got=back)


@law(
    "decode-cleanup",
    "spaces beside punctuation survive decoding: `a ?`, `a != b`, `x , y`, lines of code",
    reasons=links("tokenizers#1164", "tokenizers#1543", "transformers#32575", "transformers#44914"),
    needs=_decoder_keeps,
    strategy=lambda _tokenizer: (
        st.lists(
            st.sampled_from(
                ("a", "b", "1", " ", "  ", "?", "!", ".", ",", "'", "n't", "'s", "'ve", "(", ")", ":", ";", "!=", "``",
                 "-", "\n", "%", '"', "[", "]", "/", "do", "I", "'re", "'m")
            ),
            max_size=10,
        ).map("".join)
    ),
    examples=_CLEAN_UP_TEXTS,
    mutants=("space-before-question-mark-deleted",),
    share=0.5,
)  # fmt: skip
def decode_cleanup(tokenizer: Tokenizer, text: str) -> None:
    """No clean-up on decoding."""
    _decodes_exactly(tokenizer, text)


@law(
    "indentation",
    "0-16 leading spaces, tabs, and line breaks with spaces behind them survive",
    reasons=links("transformers#47487"),
    needs=_decoder_keeps,
    strategy=lambda _tokenizer: indented_texts(),
    examples=(*(" " * count + "x" for count in range(17)), "\tx", "\n    x", "a\n\n  b\n", "  \n\t x", " ", "\n"),
    mutants=("one-leading-space-lost",),
    share=0.5,
)
def indentation(tokenizer: Tokenizer, text: str) -> None:
    """White space at the start of lines survives."""
    _decodes_exactly(tokenizer, text)


def _drift(tokenizer: Tokenizer) -> str | None:
    """Share of random sequences of 4 ids that are valid UTF-8 and do not come back from their own text."""
    chance = random.Random(0)
    pool = [token_id for token_id in tokenizer.ids()
            if tokenizer.kind(token_id) in TEXT_KINDS and token_id not in tokenizer.undecodable()]  # fmt: skip
    if not pool:
        return None
    drifted = tried = 0
    for _ in range(500):
        ids = chance.choices(pool, k=4)
        try:
            text = tokenizer.decode_bytes(ids).decode()
        except UnicodeDecodeError:
            continue
        tried += 1
        drifted += tokenizer.encode(text) != ids
    return f"of {tried} random sequences of 4 ids that are valid UTF-8, {drifted} are not what their text encodes to"


@law(
    "idempotent",
    "encode(decode(encode(x))) == encode(x) for every text x that is kept",
    reasons=links("trl#5224", "rllm#272", "SkyRL#123", "sglang#26555"),
    needs=judge.keeps_all_but_exceptions,
    strategy=texts,
    examples=EXAMPLES,
    mutants=("decode-adds-a-space",),
    observe=_drift,
)
def idempotent(tokenizer: Tokenizer, text: str) -> None:
    """Ids of text survive a turn through text."""
    ids = judge.kept_ids(tokenizer, text)
    again = tokenizer.encode(tokenizer.decode(ids))
    judge.require(
        again == ids, "the ids of a text change when it is decoded and encoded again", expected=ids, got=again
    )


_JOINED = (
    "Answer: the quick brown fox",
    "return x != y  # why ?\n    pass",
    "na\u00efve caf\u00e9 \u2014 \u4f60\u597d \U0001f999",
    "1234567 + 89 = 1234656",
    "\u043c\u043e\u043b\u043e\u043a\u043e  \u0438 \u0432\u043e\u0434\u0430",
)


def _split_rate(tokenizer: Tokenizer) -> str | None:
    differing = cuts = empty = 0
    for text in _JOINED:
        whole = tokenizer.encode(text)
        for cut in range(1, len(text)):
            left, right = tokenizer.encode(text[:cut]), tokenizer.encode(text[cut:])
            cuts += 1
            differing += left + right != whole
            empty += len(whole) <= len(left)
    return (
        f"encode(a + b) differs from encode(a) + encode(b) at {differing} of {cuts} places of "
        f"{len(_JOINED)} fixed texts; at {empty} the second half adds no token"
    )


@law(
    "boundary-join",
    "a continuation that adds no token is handled like any other: everything takes and gives empty ids",
    reasons=links("lm-evaluation-harness#1053", "lm-evaluation-harness#1297", "lm-evaluation-harness#4055"),
    strategy=lambda tokenizer: st.tuples(texts(tokenizer), texts(tokenizer)),
    examples=(("Ans", "wer"), ("", ""), ("a", ""), ("", "a"), ("hell", "o"), ("the", " ")),
    mutants=("empty-continuation-crashes",),
    share=0.5,
    observe=_split_rate,
)
def boundary_join(tokenizer: Tokenizer, halves: tuple[str, str]) -> None:
    """The ids behind a boundary, even when there are none, decode to what the whole has there."""
    first, second = halves
    whole = tokenizer.encode(first + second)
    at = len(tokenizer.encode(first))
    head, tail = whole[:at], whole[at:]
    joined = tokenizer.join_bytes(head) + tokenizer.join_bytes(tail)
    judge.require(
        joined == tokenizer.join_bytes(whole),
        "the bytes of the two parts of an id sequence do not join to the bytes of the whole",
        expected=tokenizer.join_bytes(whole),
        got=joined,
    )
    text = tokenizer.decode(tail)
    if not tail:
        judge.require(text == "", "no ids decode to some text", expected="", got=text)
        judge.require(tokenizer.decode_bytes(tail) == b"", "no ids decode to some bytes")
        stream = tokenizer.stream()
        judge.require(stream.finish() == b"", "a stream that was fed nothing gives bytes")
    if not second and not first:
        judge.require(whole == [], "the empty text has ids", expected=[], got=whole)
        judge.require(tokenizer.encode_batch([]) == [], "an empty batch has rows")
        _no_spans_of_nothing(tokenizer)


def _no_spans_of_nothing(tokenizer: Tokenizer) -> None:
    if tokenizer.info.capability.spans == "none":
        return
    try:
        spans = tokenizer.spans("")
    except UnsupportedError as error:
        raise NotJudgedError(str(error)) from error
    judge.require(spans == [], "the empty text has spans", expected=[], got=spans)
