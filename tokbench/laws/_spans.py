"""Laws on spans: which part of the text each token stands for."""

from __future__ import annotations

from itertools import pairwise

from tokbench.laws import _judge as judge
from tokbench.laws.law import NotJudgedError, law, links
from tokbench.laws.strategies import EXAMPLES, texts
from tokbench.tokenizers import TEXT_KINDS, Tokenizer

__all__ = ["spans_cover", "spans_reference"]


def _needs_spans(tokenizer: Tokenizer) -> str | None:
    return "the tokenizer has no spans" if tokenizer.info.capability.spans == "none" else None


def _holds_text(tokenizer: Tokenizer, ids: list[int], data: bytes) -> bool:
    """Whether the bytes of ``ids`` join to ``data``, with or without the prefix."""
    return all(tokenizer.kind(token_id) in TEXT_KINDS for token_id in ids) and tokenizer.join_bytes(ids) in {
        data,
        tokenizer.info.prefix + data,
    }


@law(
    "spans-cover",
    "byte spans, one per id, tile a text that the tokens hold; others lie within the text in ascending order",
    reasons=links("tokenizers#156", "tokenizers#188"),
    needs=_needs_spans,
    strategy=texts,
    examples=EXAMPLES,
    mutants=("span-beyond-the-end", "span-gap"),
)
def spans_cover(tokenizer: Tokenizer, text: str) -> None:
    """Spans leave nothing out, count nothing twice, and stay inside."""
    ids, spans, data = tokenizer.encode(text), tokenizer.spans(text), text.encode()
    judge.require(len(spans) == len(ids), "not one span per id", expected=len(ids), got=len(spans))
    for start, end in spans:
        judge.require(0 <= start <= end <= len(data), f"a span outside 0..{len(data)}", got=(start, end))
    for first, second in pairwise(spans):
        judge.require(first[0] <= second[0], "the starts of spans do not ascend", got=(first, second))
    if not ids or not _holds_text(tokenizer, ids, data):
        return
    judge.require(spans[0][0] == 0, "the first span does not begin at 0", got=spans[0])
    for first, second in pairwise(spans):
        judge.require(first[1] == second[0], "spans leave a gap or overlap", got=(first, second))
    judge.require(spans[-1][1] == len(data), "the last span does not end with the text", got=spans[-1])


def _needs_char_spans(tokenizer: Tokenizer) -> str | None:
    capability = tokenizer.info.capability
    if not capability.char_spans:
        return "the library reports no spans"
    if any(tokenizer.kind(token_id) == "byte" for token_id in tokenizer.ids()):
        return "with byte fallback the library gives a character to one byte piece of its group, as documented"
    if capability.prefix and capability.round_trip == "lossy":
        return f"the library's spans are those of the changed text ({capability.summary})"
    return None


def _characters(text: str, pieces: list[bytes], inserted: int) -> list[tuple[int, int] | None]:
    """For each piece the characters any of whose bytes it holds; None for a piece that holds none."""
    owner = [index for index, character in enumerate(text) for _ in character.encode()]
    found: list[tuple[int, int] | None] = []
    position = -inserted
    for piece in pieces:
        end = position + len(piece)
        held = owner[max(position, 0) : max(end, 0)]
        found.append((held[0], held[-1] + 1) if held else None)
        position = end
    return found


@law(
    "spans-reference",
    "the library's own span of a token is the characters any of whose bytes the token holds",
    reasons=links("tokenizers#663"),
    needs=_needs_char_spans,
    strategy=texts,
    examples=(*EXAMPLES, "i \u2b62 j", "\u00e9 b\U0001f999"),
    mutants=("spans-of-normalised-text",),
)
def spans_reference(tokenizer: Tokenizer, text: str) -> None:
    """Neighbours overlap where they share a character, and nowhere else."""
    ids, data = tokenizer.encode(text), text.encode()
    if not _holds_text(tokenizer, ids, data):
        raise NotJudgedError("the tokens do not hold the text itself")
    pieces = [tokenizer.token_bytes(token_id) for token_id in ids]
    expected = _characters(text, pieces, len(b"".join(pieces)) - len(data))
    spans = tokenizer.char_spans(text)
    judge.require(len(spans) == len(ids), "not one span per id", expected=len(ids), got=len(spans))
    for token_id, span, held in zip(ids, spans, expected, strict=True):
        if held is None:
            judge.require(span[0] == span[1], f"id {token_id} holds no character", expected="an empty span", got=span)
        else:
            judge.require(span == held, f"the span of id {token_id}", expected=held, got=span)
