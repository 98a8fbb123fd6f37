"""Of which kind an edit on the level of ids is that leaves the word as it was: the classes E1 to E12.

E1 to E8 are those of arXiv 2601.14658, section 4, where they overlap and are told apart by eye. Here every change gets
exactly one label, that of the first step whose condition holds, and keeps all others that hold beside it. E9 to E12
are ours and are counted apart, so that shares of E1 to E8 can be compared with other publications.

>>> classify([b" repaid"], [b"re", b"paid"]).label
'E6'
"""

from __future__ import annotations

import tomllib
from collections.abc import Container, Mapping, Sequence
from dataclasses import dataclass
from functools import cache
from types import MappingProxyType
from typing import Literal, get_args

import regex

from tokbench._resources import resource
from tokbench.suites.phantom._pieces import Pieces, Whitespace, prepare

__all__ = ["CLASSES", "PAPER", "Class", "Classified", "classify"]

Class = Literal["E1", "E2", "E3", "E4", "E5", "E6", "E7", "E8", "E9", "E10", "E11", "E12"]

PAPER: tuple[Class, ...] = get_args(Class)[:8]
"""The classes of the paper."""

CLASSES: Mapping[Class, str] = MappingProxyType(
    {
        "E1": "white-space boundary shift",
        "E2": "white space detached or reattached",
        "E3": "newline substitution",
        "E4": "resegmentation inside the word",
        "E5": "proper-noun segmentation",
        "E6": "morphological boundary",
        "E7": "acronym split",
        "E8": "plural or possessive tail",
        "E9": "invisible or normal-form change",
        "E10": "cut inside a character",
        "E11": "white-space run changed",
        "E12": "duplicate ids of equal bytes",
    }
)
"""Every class with its name."""

_ACRONYM = regex.compile(r"(?:\p{Lu}\.?){2,}\p{Nd}*")
_CURLY = "’s".encode()
_TAILS = (b"s", b"'s", _CURLY)


@dataclass(frozen=True, slots=True, kw_only=True)
class Classified:
    """What kind of change it is.

    Attributes:
        label: The class, that of the first condition that holds.
        also: Every other class whose condition holds.
        detail: What the class itself tells apart: ``lost`` or ``gained`` (E1), ``detached`` or ``reattached`` (E2),
            ``to_newline`` or ``from_newline`` (E3), ``prefix`` or ``suffix`` (E6); else ``""``.
        plural_like: For E8, whether the tail is that of a plural or possessive and not of a word such as *glass*;
            None for all others.
        ws_in: White space before the word that went in.
        ws_out: White space before the word that came out.
        pieces_in: Tokens of the word that went in, white space left out.
        pieces_out: Tokens of the word that came out.
        cuts_added: Offsets in bytes at which only the latter is cut.
        cuts_removed: Offsets at which only the former is.
        strict: Whether the bytes are equal, white space included.
    """

    label: Class
    also: tuple[Class, ...]
    detail: str
    plural_like: bool | None
    ws_in: Whitespace
    ws_out: Whitespace
    pieces_in: int
    pieces_out: int
    cuts_added: tuple[int, ...]
    cuts_removed: tuple[int, ...]
    strict: bool

    @property
    def merge(self) -> bool:
        """Whether fewer tokens came out than went in."""
        return self.pieces_out < self.pieces_in


@dataclass(frozen=True, slots=True)
class _Affixes:
    least_stem: int
    prefixes: tuple[bytes, ...]
    suffixes: tuple[bytes, ...]


@cache
def _affixes() -> _Affixes:
    table = tomllib.loads(resource("suites", "phantom", "affixes.toml").read_text(encoding="utf-8"))
    return _Affixes(
        int(table["least_stem"]),
        tuple(entry.encode() for entry in table["prefixes"]),
        tuple(entry.encode() for entry in table["suffixes"]),
    )


# ---------------------------------------------------------------------- conditions


def _text(word: bytes) -> str:
    return word.decode("utf-8", "replace")


def _inside_character(word: bytes, changed: frozenset[int]) -> bool:
    return any(word[cut] & 0xC0 == 0x80 for cut in changed)  # noqa: PLR2004, a continuation byte


def _tail_offsets(word: bytes) -> set[int]:
    size = len(word)
    if word.endswith(b"'s"):
        return {size - 2, size - 1}
    if word.endswith(_CURLY):
        return {size - 4, size - 1}
    return {size - 1} if word.endswith(b"s") else set()


def _tail(one: Pieces, two: Pieces, changed: frozenset[int]) -> bool:
    ends = [pieces.core[-1] in _TAILS for pieces in (one, two)]
    return bool(changed & _tail_offsets(one.word)) or ends[0] != ends[1]


def _plural_like(word: bytes, kind: str, words: Container[str]) -> bool:
    if kind in {"plural", "possessive"}:
        return True
    for ending in ("’s", "'s", "s"):
        text = _text(word)
        if text.endswith(ending):
            stem = text.removesuffix(ending)
            return stem in words or stem.lower() in words
    return False


def _affix(one: Pieces, two: Pieces) -> str:
    """``prefix`` or ``suffix`` if one token became two at the boundary of a listed affix, else ``""``."""
    if len(one.core) != 1 or len(two.core) != 2:  # noqa: PLR2004, as the class is defined
        return ""
    listed = _affixes()
    front, back = (piece.lower() for piece in two.core)
    if front in listed.prefixes and len(back) >= listed.least_stem:
        return "prefix"
    return "suffix" if back in listed.suffixes and len(front) >= listed.least_stem else ""


def _spaces(one: Pieces, two: Pieces) -> tuple[Class, str]:
    """Class of a change of white space alone, the word being cut in the same way."""
    kinds = (one.whitespace, two.whitespace)
    if one.whitespace == two.whitespace:
        return "E11", ""
    for kind in ("reattached", "detached"):
        if kind in kinds:
            return "E2", kind
    return "E1", "lost" if two.whitespace == "none" else "gained"


def _newline(one: Pieces, two: Pieces) -> str:
    if (one.whitespace == "newline") == (two.whitespace == "newline"):
        return ""
    return "to_newline" if two.whitespace == "newline" else "from_newline"


def _holding(
    one: Pieces, two: Pieces, changed: frozenset[int], *, sentence_initial: bool, proper: bool
) -> list[tuple[Class, str]]:
    """Classes whose condition holds, in the order of their steps, with what they tell apart; the words are equal."""
    found: list[tuple[Class, str]] = []
    word = one.word
    if direction := _newline(one, two):
        found.append(("E3", direction))
    if one.core == two.core:
        if not direction:
            found.append(_spaces(one, two))
        return found
    text = _text(word)
    if _inside_character(word, changed):
        found.append(("E10", ""))
    if _ACRONYM.fullmatch(text):
        found.append(("E7", ""))
    if _tail(one, two, changed):
        found.append(("E8", ""))
    if proper or (text[:1].isupper() and not sentence_initial):
        found.append(("E5", ""))
    if boundary := _affix(one, two):
        found.append(("E6", boundary))
    return [*found, ("E4", "")]


# ---------------------------------------------------------------------- the classifier


def classify(
    in_pieces: Sequence[bytes],
    out_pieces: Sequence[bytes],
    *,
    sentence_initial: bool = False,
    proper: bool = False,
    kind: str = "",
    words: Container[str] = (),
) -> Classified:
    """The class of a change of ids under which the word stays the same.

    Args:
        in_pieces: Bytes of the tokens that went in, from the white space before the word to its end.
        out_pieces: Bytes of the tokens that came out.
        sentence_initial: Whether the word begins a sentence, where a capital says nothing.
        proper: Whether the word is in a list of proper nouns.
        kind: Kind of the item; ``plural`` and ``possessive`` make a tail plural-like.
        words: Words, for telling the tail of a plural from that of a word such as *glass*.

    Returns:
        Its label with all facets; it is defined for any two lists of tokens. Equal lists are two ids of equal bytes.
    """
    one, two = prepare(in_pieces), prepare(out_pieces)
    same = one.word == two.word
    changed = one.cuts ^ two.cuts if same else frozenset[int]()
    holding: list[tuple[Class, str]]
    if not same:
        holding = [("E9", "")]
        if direction := _newline(one, two):
            holding.append(("E3", direction))
    elif tuple(in_pieces) == tuple(out_pieces):
        holding = [("E12", "")]
    else:
        holding = _holding(one, two, changed, sentence_initial=sentence_initial, proper=proper)
    label, detail = holding[0]
    return Classified(
        label=label,
        also=tuple(entry for entry, _ in holding[1:]),
        detail=detail,
        plural_like=_plural_like(one.word, kind, words) if label == "E8" else None,
        ws_in=one.whitespace,
        ws_out=two.whitespace,
        pieces_in=len(one.core),
        pieces_out=len(two.core),
        cuts_added=tuple(sorted(two.cuts - one.cuts)) if same else (),
        cuts_removed=tuple(sorted(one.cuts - two.cuts)) if same else (),
        strict=b"".join(in_pieces) == b"".join(out_pieces),
    )
