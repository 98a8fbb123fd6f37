"""Laws on special and added tokens."""

from __future__ import annotations

from hypothesis import strategies as st
from hypothesis.strategies import SearchStrategy

from tokbench.errors import SpecialTextError
from tokbench.laws import _judge as judge
from tokbench.laws.law import LawViolation, NotJudgedError, law, links
from tokbench.laws.strategies import EXAMPLES, special_texts, texts, whole_tokens
from tokbench.tokenizers import Tokenizer

__all__ = ["added_token", "injection", "ordinary", "special_join"]

_LOOK_ALIKES = ("<|im_end|>", "<s>", "</s>", "<|endoftext|>", "a<|im_end|>b", "[CLS] a [SEP]", "<unk>", "<|e|>", "<|")


@law(
    "ordinary",
    'specials="text", "parse" and "raise" agree on a text that spells no special token',
    reasons=("https://github.com/openai/tiktoken/blob/main/tests/test_encoding.py",),
    strategy=texts,
    examples=EXAMPLES,
    mutants=("another-path-under-parse",),
    share=0.5,
)
def ordinary(tokenizer: Tokenizer, text: str) -> None:
    """Special tokens are the only difference between the three ways."""
    if judge.has_special_text(tokenizer, text):
        raise NotJudgedError("the text spells a special token")
    plain = tokenizer.encode(text)
    ways = ("raise", "parse") if tokenizer.info.capability.parse else ("raise",)
    for way in ways:
        other = tokenizer.encode(text, specials="parse" if way == "parse" else "raise")
        judge.require(other == plain, f'specials="{way}" differs from "text"', expected=plain, got=other)


def _control(tokenizer: Tokenizer, ids: list[int]) -> list[int]:
    return [token_id for token_id in ids if tokenizer.kind(token_id) in {"control", "special"}]


@law(
    "injection",
    'no text gives a control or special id under specials="text"; under "parse" it gives exactly those that it '
    'spells, and under "raise" spelling one is an error',
    reasons=links("tokenizers#1347", "transformers#29279", "transformers#48052"),
    strategy=special_texts,
    examples=(*_LOOK_ALIKES, *EXAMPLES),
    mutants=("special-parsed-in-plain-text", "special-missed-under-parse"),
)
def injection(tokenizer: Tokenizer, text: str) -> None:
    """Text of a user never becomes a control token unasked."""
    found = _control(tokenizer, tokenizer.encode(text))
    judge.require(not found, 'specials="text" gives control ids', expected=[], got=found)
    spelled = judge.scan_specials(tokenizer, text)
    if tokenizer.info.capability.parse:
        named = judge.named_ids(tokenizer)
        expected = [named[name] for name, _ in spelled]
        parsed = _control(tokenizer, tokenizer.encode(text, specials="parse"))
        judge.require(parsed == expected, 'specials="parse" gives other control ids', expected=expected, got=parsed)
    if any(name in text for name in judge.named_ids(tokenizer)):
        try:
            ids = tokenizer.encode(text, specials="raise")
        except SpecialTextError:
            return
        raise LawViolation('specials="raise" takes a text that spells a special token', got=ids)


_SIDES = ("", "a", "b c", " ", "the ", " in", "\n", "1", "\u00e9", "\U0001f999", ".", "x")


def _joins(tokenizer: Tokenizer) -> SearchStrategy[tuple[str, str, str]]:
    side = st.lists(st.sampled_from(_SIDES), max_size=3).map("".join)
    names = tuple(judge.named_ids(tokenizer))
    return st.tuples(side, st.sampled_from(names), side)


@law(
    "special-join",
    'under specials="parse", encode(a + S + b) == encode(a) + [S] + encode(b), up to a declared prefix',
    reasons=links("tokenizers#1613", "transformers#25073", "transformers#25814"),
    needs=judge.needs_parse,
    strategy=_joins,
    mutants=("space-inserted-behind-special",),
)
def special_join(tokenizer: Tokenizer, parts: tuple[str, str, str]) -> None:
    """A special token changes nothing beside it."""
    left, special, right = parts
    token_id = judge.named_ids(tokenizer).get(special)
    if token_id is None or judge.scan_specials(tokenizer, left + special + right) != [(special, len(left))]:
        raise NotJudgedError("the parts spell another special token than the one in the middle")
    ids = tokenizer.encode(left + special + right, specials="parse")
    judge.require(ids.count(token_id) == 1, f"{special} is not one token", expected=token_id, got=ids)
    at = ids.index(token_id)
    capability = tokenizer.info.capability
    stripped = (
        tokenizer.takes_spaces(special) or "special-text" in capability.exceptions or capability.round_trip == "lossy"
    )
    _same(tokenizer, left, [left, left.rstrip()] if stripped else [left], ids[:at])
    _same(tokenizer, right, [right, right.lstrip()] if stripped else [right], ids[at + 1 :])


def _same(tokenizer: Tokenizer, side: str, allowed: list[str], ids: list[int]) -> None:
    """``ids`` are those of one of the texts, or hold its bytes with or without the prefix."""
    encoded = [tokenizer.encode(text) for text in allowed]
    if ids in encoded:
        return
    if tokenizer.info.prefix and tokenizer.info.capability.preimage:
        joined = tokenizer.join_bytes(ids)
        if any(
            joined in {tokenizer.preimage(text), tokenizer.preimage(text).removeprefix(tokenizer.info.prefix)}
            for text in allowed
        ):
            return
    raise LawViolation(f"the ids of {side!a} change beside a special token", expected=encoded[0], got=ids)


def _needs_whole_tokens(tokenizer: Tokenizer) -> str | None:
    undecodable = tokenizer.undecodable()
    for token_id in tokenizer.ids():
        if tokenizer.kind(token_id) in {"added", "special"} and token_id not in undecodable:
            return None
    return "the vocabulary has no added token"


def _content(tokenizer: Tokenizer, token_id: int) -> str:
    if tokenizer.kind(token_id) == "added":
        return tokenizer.token_bytes(token_id).decode()
    return next(name for name, known in tokenizer.special_tokens().items() if known == token_id)


@law(
    "added-token",
    "every added token decodes to its own content, alone and between texts",
    reasons=links("tokenizers#1392", "tokenizers#1915", "tokenizers#1996"),
    needs=_needs_whole_tokens,
    strategy=lambda tokenizer: st.tuples(
        whole_tokens(tokenizer), st.sampled_from(("", "a", "x ", "\n", "\u00e9")), st.sampled_from(("", "a", " x", "."))
    ),
    mutants=("byte-table-on-added-text",),
)
def added_token(tokenizer: Tokenizer, parts: tuple[int, str, str]) -> None:
    """What was added as text comes back as that text."""
    token_id, left, right = parts
    if tokenizer.kind(token_id) not in {"added", "special"}:
        raise NotJudgedError("no added token")
    content = _content(tokenizer, token_id)
    prefix = tokenizer.info.prefix.decode()
    alone = tokenizer.decode([token_id])
    judge.require(
        alone in {content, content.removeprefix(prefix)},
        f"the added token {token_id} does not decode to its content",
        expected=content,
        got=alone,
    )
    if tokenizer.kind(token_id) != "added":
        return
    text = left + content + right
    ids = judge.kept_ids(tokenizer, text)
    back = tokenizer.decode(ids)
    judge.require(back == text, f"the added token {token_id} changes between texts", expected=text, got=back)
