"""How else a word could be spelled by tokens, and where the tokenizer itself would spell it so."""

from __future__ import annotations

from collections.abc import Iterator
from itertools import pairwise

from tokbench.bytelevel import Lattice
from tokbench.suites.phantom.slices import Slice, canonical_tokens, window_start
from tokbench.tokenizers import Tokenizer
from tokbench.tokenizers.vocabulary import ByteVocabulary

__all__ = [
    "MARKERS",
    "MOST_PIECES",
    "PROBES",
    "base_forms",
    "canonical_slices",
    "lattice_of",
    "short_segmentations",
    "slice_in",
]

MOST_PIECES = 3
"""Tokens of an alternative, at most."""

MARKERS = {
    "bracket": ("The [", "] was"),
    "double quotes": ('The "', '" was'),
    "single quotes": ("The '", "' was"),
    "list dash": ("The words\n-", "\nwas"),
    "line start": ("The words\n", "\nwas"),
}
"""Text in front of a word and behind it where it is marked or stands on a line of its own."""

PLAIN = ("The ", " was")
"""The same where it is not."""

PROBES = (
    PLAIN, *MARKERS.values(), ("", " was"), ("The (", ")"), ("The words: ", "."), ("The\n\n", "\n"), ("The  ", "  was"),
    ("a/", "/b"), ("1", " was"), ("pre-", "-like"), ("The _", "_"), ("the", "ness"),
)  # fmt: skip
"""Contexts in which a segmentation is looked for among those that the tokenizer gives."""


def base_forms(word: str) -> tuple[bytes, bytes, bytes]:
    """What may stand for a word: behind a space, bare, behind a line break."""
    return f" {word}".encode(), word.encode(), f"\n{word}".encode()


def short_segmentations(
    vocabulary: ByteVocabulary, data: bytes, most: int = MOST_PIECES
) -> Iterator[tuple[tuple[int, ...], tuple[bytes, ...]]]:
    """All segmentations into at most ``most`` tokens, ids and bytes; of ids with equal bytes each counts.

    The lattice itself has those of any length, with one id for equal bytes; a long word has many thousands.
    """
    size = len(data)
    if size == 0:
        return
    found: dict[int, list[tuple[int, int]]] = {}

    def edges(offset: int) -> list[tuple[int, int]]:
        if offset not in found:
            found[offset] = [
                (offset + length, id_)
                for length, lo, hi in vocabulary.prefixes_of(data[offset:])
                for id_ in vocabulary.ids[lo:hi].tolist()
            ]
        return found[offset]

    stack: list[tuple[int, tuple[int, ...], tuple[int, ...]]] = [(0, (), (0,))]
    while stack:
        at, ids, cuts = stack.pop()
        if at == size:
            yield ids, tuple(data[start:end] for start, end in pairwise(cuts))
        elif len(ids) < most:
            last = len(ids) == most - 1
            stack += [(end, (*ids, id_), (*cuts, end)) for end, id_ in reversed(edges(at)) if end == size or not last]


def slice_in(tokenizer: Tokenizer, before: str, behind: str, word: str) -> Slice:
    """The tokens of a word in a context, from the white space before it to its end.

    Raises:
        UnsupportedError: If the tokenizer has no exact spans.
    """
    tokens = canonical_tokens(tokenizer, f"{before}{word}{behind}")
    start = len(before.encode())
    return tokens.slice(window_start(tokens.data, start), start + len(word.encode()))


def canonical_slices(tokenizer: Tokenizer, word: str) -> set[tuple[int, ...]]:
    """Ids that the tokenizer gives for a word in any of the :data:`PROBES`."""
    return {slice_in(tokenizer, *probe, word).ids for probe in PROBES}


def lattice_of(tokenizer: Tokenizer, word: str) -> Lattice:
    """The segmentations of a word behind a space."""
    return Lattice.of(tokenizer, word if tokenizer.info.prefix else f" {word}")
