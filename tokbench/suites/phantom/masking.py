"""The masking experiment: forbid the ids that phantom edits were made of, on words that the mask never saw.

The ids are collected on one half of the words (*dev*) and judged on the other (*test*): what helps only on the words
that it was made from is no remedy. A second split by passage, in which words recur, stands beside it, and random masks
of equal size show what forbidding any ids of that frequency does.
"""

from __future__ import annotations

import unicodedata
from collections import Counter
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from typing import Literal, get_args

import numpy as np

from tokbench.errors import OptionError, UnknownNameError
from tokbench.suites.hashing import H
from tokbench.suites.phantom.items import VERSION
from tokbench.tokenizers import Tokenizer
from tokbench.tokenizers.description import TEXT_KINDS
from tokbench.tokenizers.vocabulary import ByteVocabulary

__all__ = ["NOTHING", "VARIANTS", "Half", "Mask", "Split", "Variant", "half_of", "mask_set", "matched_mask", "without"]

Variant = Literal["new", "all", "first"]
"""Which ids of the output are forbidden: those that the input did not have; all; the first that differs."""

VARIANTS: tuple[Variant, ...] = get_args(Variant)

Split = Literal["word", "item"]
Half = Literal["dev", "test"]

NOTHING = "nothing to mask"

Row = Mapping[str, object]


# ---------------------------------------------------------------------- halves


def half_of(row: Row, split: Split, seed: int = 0) -> Half:
    """The half in which a graded target is, by BLAKE2b.

    Args:
        row: A row of :func:`~tokbench.suites.phantom.answers.target_frame`.
        split: ``word``: by the target word in NFC and without case, so that a word is never in both halves, under no
            marking and at no place of a sentence. ``item``: by the name of the item without its marking, so that one
            passage is never in both, but its word may be.
        seed: Part of the hash.
    """
    if split == "word":
        name = unicodedata.normalize("NFC", str(row["word"])).casefold()
    else:
        name = str(row["item_id"]).rpartition(f"/{row['marking']}")[0]  # behind it is the number of a target
    return "dev" if H(VERSION, seed, "mask", split, name) % 2 == 0 else "test"


# ---------------------------------------------------------------------- masks


@dataclass(frozen=True, slots=True, kw_only=True)
class Mask:
    """Ids that are never to be emitted.

    Attributes:
        ids: The ids, ascending.
        cases: ``DIFFERENT`` targets that they were collected from.
        counts: In how many of these each occurs, by id.
        spared: Ids that would be forbidden, but no text with their bytes could be written then.
        capped: Ids that the limit left out.
    """

    ids: tuple[int, ...] = ()
    cases: int = 0
    counts: Mapping[int, int]
    spared: tuple[int, ...] = ()
    capped: int = 0

    @property
    def problem(self) -> str:
        """Why there is nothing to mask, ``""`` where there is something."""
        if self.ids:
            return ""
        if not self.cases:
            return f"{NOTHING}: no target of the dev half came back different"
        if self.spared:
            return f"{NOTHING}: every id of the {self.cases} cases is needed to write its bytes at all"
        return f"{NOTHING}: the {self.cases} cases hold no id that counts under this variant"


def _numbers(row: Row, name: str) -> tuple[int, ...]:
    found = row.get(name)
    return tuple(found) if isinstance(found, list | tuple) else ()


def _forbidden(row: Row, variant: Variant) -> set[int]:
    """The ids of one case that a variant forbids."""
    before, after = _numbers(row, "ids_in"), _numbers(row, "ids_out")
    if variant == "all":
        return set(after)
    if variant == "new":
        return set(after) - set(before)
    shared = next((at for at, (a, b) in enumerate(zip(before, after, strict=False)) if a != b), len(before))
    return set(after[shared : shared + 1])


def _needed(tokenizer: Tokenizer, token: int) -> bool:
    """Whether some text could no longer be written without a token: it is of one byte, or no shorter tokens spell it.

    What is left then spells every text that could be spelled before: a forbidden token is replaced by shorter ones,
    and these again, until none is forbidden. In a vocabulary with all 256 bytes only those are needed.
    """
    data = tokenizer.token_bytes(token)
    vocabulary = tokenizer.byte_vocabulary()
    if len(data) == 1 or vocabulary.byte_complete:
        return len(data) == 1
    reached = {0}
    for start in range(len(data)):
        if start in reached:
            lengths = (length for length, _, _ in vocabulary.prefixes_of(data[start:]))
            reached |= {start + length for length in lengths if length < len(data)}
    return len(data) not in reached


def mask_set(rows: Iterable[Row], variant: str = "new", cap: int | None = None, *, tokenizer: Tokenizer) -> Mask:
    """The ids that a mask forbids, collected from the ``DIFFERENT`` targets among some rows.

    Special tokens, tokens of one byte, and tokens that no shorter ones spell are never forbidden, so that every text
    can still be written.

    Args:
        rows: Rows of :func:`~tokbench.suites.phantom.answers.target_frame`, those of the dev half.
        variant: ``new``: ids of the output slice that are not in that of the input. ``all``: all of the output slice.
            ``first``: the first of the output slice that differs from that of the input at its place.
        cap: At most so many ids, those that occur in most cases, of equal ones the lower; None for all.
        tokenizer: The tokenizer.

    Raises:
        UnknownNameError: If there is no such variant.
        OptionError: If the limit is below 1.
    """
    if variant not in VARIANTS:
        raise UnknownNameError("mask variant", variant, VARIANTS)
    if cap is not None and cap < 1:
        raise OptionError("mask-cap", cap, "a number of at least 1, or none for no limit")
    cases = [row for row in rows if row["status"] == "DIFFERENT"]
    counts: Counter[int] = Counter()
    for row in cases:
        counts.update(_forbidden(row, variant))
    text = [token for token in counts if tokenizer.kind(token) in TEXT_KINDS]
    spared = {token for token in text if _needed(tokenizer, token)}
    ranked = sorted((token for token in text if token not in spared), key=lambda token: (-counts[token], token))
    kept = ranked if cap is None else ranked[:cap]
    return Mask(
        ids=tuple(sorted(kept)), cases=len(cases), counts={token: counts[token] for token in sorted(kept)},
        spared=tuple(sorted(spared)), capped=len(ranked) - len(kept),
    )  # fmt: skip


def matched_mask(
    mask: Mask, frequencies: Mapping[int, int], *, tokenizer: Tokenizer, draw: int, seed: int = 0
) -> tuple[int, ...]:
    """A random mask of the size of another, whose ids are about as frequent in what the model wrote without any.

    Each id is replaced by another one of its class of frequencies (1, 2-3, 4-7, ...), drawn by hash; where a class is
    used up, by one of the nearest class that is not. The same ids are allowed as in :func:`mask_set`.

    Args:
        mask: The mask.
        frequencies: How often each id occurs in the baseline.
        tokenizer: The tokenizer.
        draw: Number of the draw.
        seed: Part of the hash.

    Returns:
        The ids, ascending; fewer than those of the mask where the baseline has too few others.
    """
    free = [
        token for token in frequencies
        if token not in mask.counts and tokenizer.kind(token) in TEXT_KINDS and not _needed(tokenizer, token)
    ]  # fmt: skip
    classes: dict[int, list[int]] = {}
    for token in sorted(free, key=lambda token: H(VERSION, seed, "mask", "random", draw, token)):
        classes.setdefault(frequencies[token].bit_length(), []).append(token)
    chosen: list[int] = []
    for token in sorted(mask.ids, key=lambda token: (-frequencies.get(token, 0), token)):
        wanted = frequencies.get(token, 0).bit_length()
        nearest = min((size for size, tokens in classes.items() if tokens), default=None,
                      key=lambda size: (abs(size - wanted), size))  # fmt: skip
        if nearest is None:
            break
        chosen.append(classes[nearest].pop(0))
    return tuple(sorted(chosen))


def without(vocabulary: ByteVocabulary, ids: Sequence[int]) -> ByteVocabulary:
    """A vocabulary in which some ids stand for no bytes: the tokens that a masked model can write with."""
    gone = np.isin(vocabulary.ids, np.array(sorted(ids), np.int32))
    data = vocabulary.data[np.repeat(~gone, vocabulary.lengths)]
    others = np.sort(np.concatenate([vocabulary.other_ids, vocabulary.ids[gone]])).astype(np.int32)
    return ByteVocabulary(vocabulary.ids[~gone], vocabulary.lengths[~gone], data, others, vocabulary.end_ids.copy())
