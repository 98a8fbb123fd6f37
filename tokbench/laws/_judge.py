"""What the laws share: which texts a tokenizer promises to keep, and where text spells special tokens."""

from __future__ import annotations

import re
import unicodedata
from collections.abc import Mapping
from dataclasses import dataclass
from weakref import WeakKeyDictionary

from tokbench.laws.law import LawViolation, NotJudgedError
from tokbench.tokenizers import TEXT_KINDS, Tokenizer, excepted

__all__ = [
    "has_special_text",
    "keeps_all_but_exceptions",
    "kept_ids",
    "named_ids",
    "needs_parse",
    "not_excepted",
    "require",
    "scan_specials",
]


def require(condition: object, problem: str, *, expected: object = None, got: object = None) -> None:
    """Raise a violation unless ``condition`` holds.

    Raises:
        LawViolation: If it does not.
    """
    if not condition:
        raise LawViolation(problem, expected=expected, got=got)


def keeps_all_but_exceptions(tokenizer: Tokenizer) -> str | None:
    """Need of laws on texts that must survive whatever they are."""
    capability = tokenizer.info.capability
    return f"the tokenizer is declared {capability.summary}" if capability.round_trip == "lossy" else None


def needs_parse(tokenizer: Tokenizer) -> str | None:
    """Need of laws on special tokens that are parsed from text."""
    if not tokenizer.info.capability.parse:
        return "the library parses no special tokens from text"
    return None if named_ids(tokenizer) else "the vocabulary has no special token"


def not_excepted(tokenizer: Tokenizer, text: str) -> None:
    """Leave out a text that the tokenizer is declared to change.

    Raises:
        NotJudgedError: If it is of a declared exception.
    """
    name = excepted(text, tokenizer.info.capability.exceptions)
    if name is not None:
        raise NotJudgedError(f"the text is of the declared exception {name}")


def kept_ids(tokenizer: Tokenizer, text: str) -> list[int]:
    """Ids of a text that the tokenizer keeps.

    A lossless tokenizer has to keep whatever is no declared exception; of a lossy one only those texts are
    judged whose bytes its tokens do join to.

    Raises:
        NotJudgedError: If the text is excepted, or changed by a tokenizer that is declared lossy.
    """
    not_excepted(tokenizer, text)
    ids = tokenizer.encode(text)
    if tokenizer.info.capability.round_trip != "lossy":
        return ids
    joined, prefix = tokenizer.join_bytes(ids), tokenizer.info.prefix
    # with a leading space, an inserted prefix and the text's own space cannot be told apart unless both are there
    expected = (prefix + text.encode()) if text else b""
    if any(tokenizer.kind(token_id) not in TEXT_KINDS for token_id in ids) or joined != expected:
        raise NotJudgedError(f"the tokenizer changes the text, as declared ({tokenizer.info.capability.summary})")
    return ids


@dataclass(frozen=True, slots=True)
class _Names:
    """The strings that a vocabulary treats as a whole; made once for each tokenizer."""

    named: dict[str, int]
    pattern: re.Pattern[str] | None
    folded: tuple[str, ...]


_NAMES: WeakKeyDictionary[Tokenizer, _Names] = WeakKeyDictionary()


def _folded(text: str) -> str:
    return unicodedata.normalize("NFKC", text).casefold()


def _names(tokenizer: Tokenizer) -> _Names:
    found = _NAMES.get(tokenizer)
    if found is None:
        specials = [name for name in tokenizer.special_tokens() if name]
        added = [
            tokenizer.token_bytes(token_id).decode("utf-8", "replace")
            for token_id in tokenizer.ids()
            if token_id not in tokenizer.undecodable() and tokenizer.kind(token_id) == "added"
        ]
        whole = sorted({*specials, *filter(None, added)}, key=lambda name: (-len(name), name))
        named = {
            name: token_id
            for name, token_id in tokenizer.special_tokens().items()
            if name and tokenizer.kind(token_id) in {"special", "control"}
        }
        pattern = re.compile("|".join(map(re.escape, whole))) if whole else None
        found = _NAMES[tokenizer] = _Names(named, pattern, tuple({_folded(name) for name in specials}))
    return found


def named_ids(tokenizer: Tokenizer) -> Mapping[str, int]:
    """Special and control tokens by name: what must come out of text only when it is asked for."""
    return _names(tokenizer).named


def scan_specials(tokenizer: Tokenizer, text: str) -> list[tuple[str, int]]:
    """Special tokens that text spells, with their places: the leftmost first, the longest of those.

    Added tokens that are plain text are found in the same pass, so they may cover the start of a special one.
    """
    names = _names(tokenizer)
    found = names.pattern.finditer(text) if names.pattern is not None else ()
    return [(match.group(), match.start()) for match in found if match.group() in names.named]


def has_special_text(tokenizer: Tokenizer, text: str) -> bool:
    """Whether text may spell a special token, letter case and compatibility forms aside."""
    folded = _folded(text)
    return any(name in folded for name in _names(tokenizer).folded)
