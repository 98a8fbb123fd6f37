"""Laws on ids and on the bytes that they stand for."""

from __future__ import annotations

import re
from collections.abc import Callable
from itertools import pairwise
from typing import get_args

from hypothesis import strategies as st

from tokbench.errors import UnknownIdError, UnsupportedError
from tokbench.laws import _judge as judge
from tokbench.laws._engine import EngineTokenizer
from tokbench.laws.law import LawViolation, NotJudgedError, law, links
from tokbench.laws.strategies import EXAMPLES, texts
from tokbench.tokenizers import TEXT_KINDS, Kind, Tokenizer, excepted

__all__ = ["config_honoured", "id_space", "literal_byte_names", "lost_characters", "token_bytes", "unknown_declared"]

# ---------------------------------------------------------------------- id-space


def _outside(ids: list[int]) -> list[int]:
    """Ids that do not exist: in the gaps, at both ends, and far away."""
    gaps = [first + 1 for first, second in pairwise(ids) if second - first > 1]
    return [*gaps[:20], ids[0] - 1, ids[-1] + 1, -1 if ids[0] >= 0 else ids[0] - 2, 2**31, 2**32, 2**64]


def _refused(tokenizer: Tokenizer, token_id: int) -> None:
    calls: dict[str, Callable[[], object]] = {
        "kind": lambda: tokenizer.kind(token_id),
        "token_bytes": lambda: tokenizer.token_bytes(token_id),
        "decode": lambda: tokenizer.decode([token_id]),
        "decode_bytes": lambda: tokenizer.decode_bytes([token_id]),
        "stream().step": lambda: tokenizer.stream().step(token_id),
    }
    for name, call in calls.items():
        try:
            got: object = call()
        except UnknownIdError:
            continue
        except Exception as error:
            raise LawViolation(
                f"{name} of the id {token_id}, which does not exist", expected="UnknownIdError", got=repr(error)
            ) from error
        raise LawViolation(f"{name} of the id {token_id}, which does not exist", expected="UnknownIdError", got=got)


def _whole_vocabulary(tokenizer: Tokenizer) -> None:
    ids = list(tokenizer.ids())
    judge.require(ids, "there are no ids")
    judge.require(
        all(first < second for first, second in pairwise(ids)),
        "ids() is not ascending or repeats an id",
    )
    judge.require(
        len(ids) == tokenizer.info.n_ids, "n_ids is not the number of ids", expected=len(ids), got=tokenizer.info.n_ids
    )
    kinds, undecodable = frozenset(get_args(Kind)), tokenizer.undecodable()
    for token_id in ids:
        kind = tokenizer.kind(token_id)
        judge.require(kind in kinds, f"id {token_id} has no kind", expected=sorted(kinds), got=kind)
        if kind in TEXT_KINDS and token_id not in undecodable:
            tokenizer.token_bytes(token_id)  # an error here is a violation
    for token_id in _outside(ids):
        _refused(tokenizer, token_id)


def _needs_vocabulary(tokenizer: Tokenizer) -> str | None:
    if isinstance(tokenizer, EngineTokenizer) and not tokenizer.has_vocabulary:
        return "the engine has no members ids and token_bytes"
    return None


@law(
    "id-space",
    "ids() is ascending without repetition, every id has a kind, every text id has bytes; encode gives members "
    "only, and an id outside is UnknownIdError everywhere",
    reasons=links("ai4sd/number-token-loss#19", "QwenLM/Qwen3#29"),
    needs=_needs_vocabulary,
    strategy=texts,
    examples=(None, *EXAMPLES),
    mutants=("range-with-gaps", "unknown-id-decodes-to-nothing"),
)
def id_space(tokenizer: Tokenizer, text: str | None) -> None:
    """``None`` is the check of the vocabulary as a whole; it is the first of the examples."""
    if text is None:
        _whole_vocabulary(tokenizer)
        return
    for token_id in tokenizer.encode(text):
        judge.require(type(token_id) is int, "encode gives something else than int", got=token_id)
        tokenizer.kind(token_id)  # an unknown id is an error, and so a violation


# ---------------------------------------------------------------------- bytes of tokens


def _needs_preimage(tokenizer: Tokenizer) -> str | None:
    if tokenizer.info.capability.preimage:
        return None
    return f"the vocabulary does not keep enough to say which bytes to expect ({tokenizer.info.capability.summary})"


def _without_unknown(tokenizer: Tokenizer, ids: list[int]) -> None:
    if "unknown-token" in tokenizer.info.capability.losses and any(
        tokenizer.kind(token_id) == "unknown" for token_id in ids
    ):
        raise NotJudgedError("an unknown token occurs, as declared")


@law(
    "token-bytes",
    "the joined token bytes of encode(x) are the declared pre-image of x: the inserted prefix, then x as normalised",
    reasons=links("vllm#31391", "guidance#869", "ollama#17047"),
    needs=_needs_preimage,
    strategy=texts,
    examples=EXAMPLES,
    mutants=("last-byte-dropped", "two-ids-swapped"),
)
def token_bytes(tokenizer: Tokenizer, text: str) -> None:
    """Bytes of ids are the bytes of text."""
    ids = tokenizer.encode(text)
    _without_unknown(tokenizer, ids)
    joined = b"".join(tokenizer.token_bytes(token_id) for token_id in ids if tokenizer.kind(token_id) in TEXT_KINDS)
    expected = tokenizer.preimage(text)
    judge.require(joined == expected, "joined token bytes are not the pre-image", expected=expected, got=joined)
    back = tokenizer.join_bytes(ids)
    judge.require(back == joined, "join_bytes is not the joined token bytes", expected=joined, got=back)


_BYTE_NAME = re.compile("<(0x[0-9A-Fa-f]{2})>")


@law(
    "literal-byte-names",
    "text that spells a byte piece, such as `<0x41>`, never becomes that byte",
    reasons=links("vllm#31391", "guidance#869", "ollama#17047"),
    strategy=lambda _tokenizer: st.builds(
        "{}<0x{:02X}>{}".format,
        st.sampled_from(("", "a", " ", "a ", "\n", "<", "\u00e9")),
        st.integers(0, 255),
        st.sampled_from(("", "a", " b", "\n", ">", "\u00e9", "<0xC3><0xA9>")),
    ),
    examples=("<0x41>", "<0x0A>", "<0xFF>", "<0xff>", "a<0x20>b", "<0xC3><0xA9>", "<0xE2><0x96><0x81>"),
    mutants=("byte-names-everywhere",),
    share=0.5,
)
def literal_byte_names(tokenizer: Tokenizer, text: str) -> None:
    """The name of a byte is text like any other."""
    names = [name.lower() for name in _BYTE_NAME.findall(text)]
    if not names:
        raise NotJudgedError("the text spells no byte piece")
    ids = tokenizer.encode(text)
    if any(tokenizer.kind(token_id) == "unknown" for token_id in ids):
        raise NotJudgedError("an unknown token occurs")
    joined = tokenizer.join_bytes(ids)
    spelled = joined.decode("utf-8", "replace").lower().replace(" ", "")
    for name in names:
        judge.require(name in spelled, f"the text <{name}> does not stay text", expected=name, got=joined)


# ---------------------------------------------------------------------- unknown tokens


def lost_characters(tokenizer: Tokenizer, text: str) -> int:
    """Number of characters of ``text``, white space aside, that no token but an unknown one covers.

    A run that collapses to one unknown token counts with all its characters.

    Raises:
        UnsupportedError: If the tokenizer has no spans for this text.
    """
    covered = bytearray(len(text.encode()))
    for token_id, (start, end) in zip(tokenizer.encode(text), tokenizer.spans(text), strict=True):
        if tokenizer.kind(token_id) in TEXT_KINDS:
            covered[start:end] = b"\x01" * (end - start)
    lost = position = 0
    for character in text:
        size = len(character.encode())
        lost += not character.isspace() and not any(covered[position : position + size])
        position += size
    return lost


_HEAP = "\U0001f4a9" * 3


def _count_of_unknown(tokenizer: Tokenizer) -> str | None:
    """How a run of emoji fares that many vocabularies do not know."""
    try:
        lost = lost_characters(tokenizer, _HEAP)
    except UnsupportedError:
        return None
    unknown = sum(tokenizer.kind(token_id) == "unknown" for token_id in tokenizer.encode(_HEAP))
    return f"U+1F4A9 three times: {unknown} unknown tokens, {lost} characters lost" if lost else None


@law(
    "unknown-declared",
    "a tokenizer that gives unknown tokens or lets characters vanish says so",
    reasons=links("tokenizers#404"),
    strategy=texts,
    examples=(*EXAMPLES, _HEAP, f"a {_HEAP} b"),
    mutants=("silent-drop", "unknown-undeclared"),
    observe=_count_of_unknown,
)
def unknown_declared(tokenizer: Tokenizer, text: str) -> None:
    """Nothing of a text is lost to unknown tokens unless that is declared."""
    capability = tokenizer.info.capability
    ids = tokenizer.encode(text)
    if "unknown-token" in capability.losses:
        judge.require(ids or not re.search(r"\w", text), "a text with letters or digits gives no ids at all")
        return
    for token_id in ids:
        judge.require(
            tokenizer.kind(token_id) != "unknown",
            "an unknown token, although the tokenizer is declared to have none",
            got=ids,
        )
    if capability.preimage:
        expected, joined = tokenizer.preimage(text), tokenizer.join_bytes(ids)
        judge.require(len(joined) >= len(expected), "part of the text vanishes", expected=expected, got=joined)
    changes = "normalisation" in capability.losses or excepted(text, capability.exceptions) is not None
    if not changes and capability.spans != "none":
        lost = lost_characters(tokenizer, text)
        judge.require(lost == 0, "characters that no token covers", expected=0, got=lost)


# ---------------------------------------------------------------------- inserted prefix


@law(
    "config-honoured",
    "the declared prefix stands in front of non-empty text exactly when it is declared, and nothing in front of none",
    reasons=links("transformers#29625", "transformers#28622"),
    strategy=lambda _tokenizer: st.lists(
        st.sampled_from(("a", "b", "water", "the", "hello", " ", "x", "in", "1")), min_size=1, max_size=5
    ).map("".join),
    examples=("a", "hello world", "the", "", "a b", "water"),
    mutants=("prefix-option-ignored",),
    share=0.25,
)
def config_honoured(tokenizer: Tokenizer, text: str) -> None:
    """Options of the file that add a space are honoured."""
    ids = tokenizer.encode(text)
    if not text:
        judge.require(ids == [], "the empty text has ids", expected=[], got=ids)
        return
    if not text[0].isalpha():
        raise NotJudgedError("a text that begins with a space cannot show whether one was inserted")
    if any(tokenizer.kind(token_id) == "unknown" for token_id in ids):
        raise NotJudgedError("an unknown token occurs")
    joined, prefix = tokenizer.join_bytes(ids), tokenizer.info.prefix
    expected = prefix + text[0].encode()
    judge.require(
        joined.startswith(expected),
        "the prefix is declared and missing" if prefix else "a prefix is inserted and not declared",
        expected=expected,
        got=joined[: len(expected) + 4],
    )
