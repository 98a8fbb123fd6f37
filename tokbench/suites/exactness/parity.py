"""Do two engines give the same ids on the same vocabulary, and if not, on which smallest string?"""

from __future__ import annotations

import unicodedata
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, replace
from typing import Literal

from tokbench.errors import UnsupportedError, VocabularyMismatchError
from tokbench.suites.exactness._draw import Draw
from tokbench.suites.exactness._shrink import shrink_ids, shrink_text
from tokbench.tokenizers.description import TEXT_KINDS
from tokbench.tokenizers.protocol import Tokenizer

__all__ = [
    "Cause",
    "DecodeDifference",
    "DecodeReport",
    "Difference",
    "ParityReport",
    "Tally",
    "check_vocabulary",
    "compare",
    "compare_decoding",
]

Cause = Literal["special-parsed", "unknown", "prefix", "whitespace", "normalisation", "split-pattern", "merge", "other"]
"""Class of a difference, decided on the minimal string."""

Verdict = Literal["equal", "differs", "not-comparable"]


@dataclass(frozen=True, slots=True)
class Difference:
    """One string that two engines encode differently.

    Attributes:
        text_class: Class of text that the string belongs to.
        number: Its position in the class, from 0.
        text: The string.
        minimal: A short string that differs, or the string itself where shrinking was cut short.
        cause: Class of the difference, decided on ``minimal``.
        index: First index at which the ids of ``minimal`` differ.
        first_ids: Ids of ``minimal`` under the first engine.
        second_ids: Ids under the second.
        first_bytes: Bytes of each id; None for ids that stand for no bytes.
        second_bytes: Likewise.
        shrunk: Whether ``minimal`` was looked for.
    """

    text_class: str
    number: int
    text: str
    minimal: str
    cause: Cause
    index: int
    first_ids: tuple[int, ...]
    second_ids: tuple[int, ...]
    first_bytes: tuple[bytes | None, ...]
    second_bytes: tuple[bytes | None, ...]
    shrunk: bool

    def mirrored(self) -> Difference:
        """The same difference with the engines exchanged."""
        return replace(
            self,
            first_ids=self.second_ids,
            second_ids=self.first_ids,
            first_bytes=self.second_bytes,
            second_bytes=self.first_bytes,
        )


@dataclass(frozen=True, slots=True)
class Tally:
    """Mismatches of one class of text.

    Attributes:
        text_class: Its name.
        mismatches: Strings that differ.
        n: Strings compared.
    """

    text_class: str
    mismatches: int
    n: int


@dataclass(frozen=True, slots=True)
class ParityReport:
    """Outcome of a comparison.

    Attributes:
        first: Spec of the first engine.
        second: Spec of the second.
        verdict: ``equal``; ``differs`` (the two are not equivalent, neither has failed); ``not-comparable``.
        by_bytes: Whether byte segmentations were compared instead of ids.
        tallies: Mismatches by class of text.
        differences: Every string that differs.
        reason: Why the two are not comparable.
    """

    first: str
    second: str
    verdict: Verdict
    by_bytes: bool
    tallies: tuple[Tally, ...]
    differences: tuple[Difference, ...]
    reason: str = ""

    @property
    def causes(self) -> tuple[Cause, ...]:
        """Classes of difference that occur, sorted: the ``classes`` of the verdict ``differs{classes}``."""
        return tuple(sorted({difference.cause for difference in self.differences}))

    @property
    def summary(self) -> str:
        """``equal``, ``differs{merge, prefix}`` or ``not-comparable``."""
        return f"differs{{{', '.join(self.causes)}}}" if self.verdict == "differs" else self.verdict

    @property
    def mismatches(self) -> int:
        """Strings that differ, over all classes."""
        return sum(tally.mismatches for tally in self.tallies)

    @property
    def n(self) -> int:
        """Strings compared, over all classes."""
        return sum(tally.n for tally in self.tallies)

    def mirrored(self) -> ParityReport:
        """The report of the same comparison with the engines exchanged."""
        differences = tuple(difference.mirrored() for difference in self.differences)
        return replace(self, first=self.second, second=self.first, differences=differences)


@dataclass(frozen=True, slots=True)
class DecodeDifference:
    """An id sequence that two engines decode differently.

    Attributes:
        ids: A short sequence.
        first: Text under the first engine.
        second: Text under the second.
    """

    ids: tuple[int, ...]
    first: str
    second: str


@dataclass(frozen=True, slots=True)
class DecodeReport:
    """Outcome of a comparison of decoders on random ids.

    Attributes:
        first: Spec of the first engine.
        second: Spec of the second.
        mismatches: Sequences that differ.
        n: Sequences compared.
        differences: The first few, shrunk.
    """

    first: str
    second: str
    mismatches: int
    n: int
    differences: tuple[DecodeDifference, ...]


# ---------------------------------------------------------------------- vocabulary


def _bytes_by_id(tokenizer: Tokenizer) -> dict[int, bytes]:
    """Bytes of every id that stands for bytes."""
    table = {}
    for token_id in tokenizer.ids():
        if token_id not in tokenizer.undecodable() and tokenizer.kind(token_id) in TEXT_KINDS:
            table[token_id] = tokenizer.token_bytes(token_id)
    return table


def check_vocabulary(first: Tokenizer, second: Tokenizer) -> None:
    """Check that the ids that stand for bytes are the same, with the same bytes, in both.

    An added token whose id the other engine does not have at all makes no other vocabulary: rank files cannot
    carry added tokens, and what they change is a difference to report (class ``special-parsed``).

    Raises:
        VocabularyMismatchError: With the first id that differs.
    """
    one, other = _bytes_by_id(first), _bytes_by_id(second)
    if one == other:
        return
    known = {*first.ids()} & {*second.ids()}
    differing = [
        key
        for key in {*one, *other}
        if one.get(key) != other.get(key) and (key in known or (first if key in one else second).kind(key) != "added")
    ]
    if not differing:
        return
    token_id = min(differing)
    raise VocabularyMismatchError(first.info.spec, second.info.spec, token_id, one.get(token_id), other.get(token_id))


# ---------------------------------------------------------------------- causes


def _pieces(tokenizer: Tokenizer, ids: Sequence[int]) -> tuple[bytes | None, ...]:
    return tuple(tokenizer.join_bytes([token_id]) or None for token_id in ids)


def _first_difference(one: Sequence[object], other: Sequence[object]) -> int:
    for index, (left, right) in enumerate(zip(one, other, strict=False)):
        if left != right:
            return index
    return min(len(one), len(other))


def _count(tokenizer: Tokenizer, ids: Sequence[int], kinds: set[str]) -> int:
    return sum(tokenizer.kind(token_id) in kinds for token_id in ids)


def _pretokens(tokenizer: Tokenizer, text: str) -> list[tuple[int, int]] | None:
    try:
        return tokenizer.pretoken_spans(text)
    except UnsupportedError:
        return None


def _same_merges(first: Tokenizer, second: Tokenizer, data: bytes) -> bool | None:
    try:
        return first.encode_piece(data) == second.encode_piece(data)
    except UnsupportedError:
        return None


def _without_spaces(data: bytes) -> str:
    return "".join(
        character
        for character in data.decode("utf-8", "replace")
        if not character.isspace() and unicodedata.category(character) not in {"Cc", "Cf"}
    )


def _folded(data: bytes) -> str:
    decomposed = unicodedata.normalize("NFKD", _without_spaces(data)).casefold()
    return "".join(character for character in decomposed if not unicodedata.combining(character))


def _cause(first: Tokenizer, second: Tokenizer, text: str, one: Sequence[int], other: Sequence[int]) -> Cause:
    specials = {"special", "control", "added"}
    if _count(first, one, specials) != _count(second, other, specials):
        return "special-parsed"
    if _count(first, one, {"unknown"}) != _count(second, other, {"unknown"}):
        return "unknown"
    left, right = first.join_bytes(one), second.join_bytes(other)
    if left != right:
        if left == b" " + right or right == b" " + left:
            return "prefix"
        if _without_spaces(left) == _without_spaces(right):
            return "whitespace"
        # the same letters in another form; anything else has lost letters
        return "normalisation" if _folded(left) == _folded(right) else "other"
    if _pieces(first, one) == _pieces(second, other):
        return "other"  # equal bytes under different ids
    mine, theirs = _pretokens(first, text), _pretokens(second, text)
    if mine is not None and theirs is not None:
        return "merge" if mine == theirs else "split-pattern"
    merges = _same_merges(first, second, left)
    if merges is not None:
        return "split-pattern" if merges else "merge"
    # a run of small letters is one pre-token under every pattern in use, so that only merges are left
    return "merge" if text.isalpha() and text.isascii() and text.islower() else "other"


# ---------------------------------------------------------------------- comparing


class _Comparison:
    def __init__(self, first: Tokenizer, second: Tokenizer, *, by_bytes: bool, max_shrunk: int) -> None:
        self.first = first
        self.second = second
        self.by_bytes = by_bytes
        self.max_shrunk = max_shrunk

    def key(self, tokenizer: Tokenizer, ids: Sequence[int]) -> Sequence[object]:
        return _pieces(tokenizer, ids) if self.by_bytes else list(ids)

    def differs(self, text: str) -> bool:
        one, other = self.first.encode(text), self.second.encode(text)
        return self.key(self.first, one) != self.key(self.second, other)

    def difference(self, name: str, number: int, text: str, *, shrink: bool) -> Difference:
        minimal = shrink_text(text, self.differs) if shrink else text
        one, other = self.first.encode(minimal), self.second.encode(minimal)
        return Difference(
            text_class=name,
            number=number,
            text=text,
            minimal=minimal,
            cause=_cause(self.first, self.second, minimal, one, other),
            index=_first_difference(self.key(self.first, one), self.key(self.second, other)),
            first_ids=tuple(one),
            second_ids=tuple(other),
            first_bytes=_pieces(self.first, one),
            second_bytes=_pieces(self.second, other),
            shrunk=shrink,
        )

    def of_class(self, name: str, texts: Sequence[str]) -> tuple[Tally, list[Difference]]:
        found: list[Difference] = []
        pairs = zip(self.first.encode_batch(texts), self.second.encode_batch(texts), strict=True)
        for number, (one, other) in enumerate(pairs):
            if self.key(self.first, one) != self.key(self.second, other):
                found.append(self.difference(name, number, texts[number], shrink=len(found) < self.max_shrunk))
        return Tally(name, len(found), len(texts)), found


def compare(
    first: Tokenizer,
    second: Tokenizer,
    texts: Mapping[str, Sequence[str]] | Iterable[str],
    *,
    by_bytes: bool = False,
    max_shrunk: int = 40,
    strict: bool = True,
) -> ParityReport:
    """Compare two engines string by string under ``specials="text"``.

    The comparison is symmetric: exchanging the engines gives the mirrored report.

    Args:
        first: An engine.
        second: Another.
        texts: Strings by class of text, or strings of no class.
        by_bytes: Compare the bytes of the tokens instead of their ids.
        max_shrunk: Differences of one class of text that are shrunk; the others are classified as they stand.
        strict: Raise on different vocabularies instead of giving the verdict ``not-comparable``.

    Raises:
        VocabularyMismatchError: If the vocabularies differ, unless ``by_bytes`` or not ``strict``.
    """
    classes = texts if isinstance(texts, Mapping) else {"texts": list(texts)}
    specs = (first.info.spec, second.info.spec)
    if not by_bytes:
        try:
            check_vocabulary(first, second)
        except VocabularyMismatchError as error:
            if strict:
                raise
            return ParityReport(*specs, "not-comparable", by_bytes, (), (), str(error))
    comparison = _Comparison(first, second, by_bytes=by_bytes, max_shrunk=max_shrunk)
    tallies, differences = [], []
    for name, strings in classes.items():
        tally, found = comparison.of_class(name, list(strings))
        tallies.append(tally)
        differences += found
    verdict: Verdict = "differs" if differences else "equal"
    return ParityReport(*specs, verdict, by_bytes, tuple(tallies), tuple(differences))


def compare_decoding(
    first: Tokenizer, second: Tokenizer, sequences: int, *, max_length: int = 8, shown: int = 20
) -> DecodeReport:
    """Compare what the two libraries decode from random id sequences, always the same ones.

    Args:
        first: An engine.
        second: Another of the same vocabulary.
        sequences: Number of sequences.
        max_length: Longest sequence, in ids.
        shown: Differences that are shrunk and listed.

    Raises:
        VocabularyMismatchError: If the vocabularies differ.
    """
    check_vocabulary(first, second)
    ids = sorted({*_bytes_by_id(first)} & {*_bytes_by_id(second)})

    def differs(candidate: Sequence[int]) -> bool:
        return first.decode(candidate) != second.decode(candidate)

    mismatches = 0
    differences: list[DecodeDifference] = []
    for number in range(sequences):
        draw = Draw(f"tokbench decode parity/{number}")
        sequence = [draw.one(ids) for _ in range(draw.between(1, max_length))]
        if differs(sequence):
            mismatches += 1
            if len(differences) < shown:
                short = shrink_ids(sequence, differs)
                differences.append(DecodeDifference(short, first.decode(short), second.decode(short)))
    return DecodeReport(first.info.spec, second.info.spec, mismatches, sequences, tuple(differences))
