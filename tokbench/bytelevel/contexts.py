"""The canonical contexts of a known text: which token sequences may stand in front of each of its bytes."""

from __future__ import annotations

from dataclasses import dataclass

from tokbench.bytelevel.canonical import CanonicalRule, Context
from tokbench.tokenizers.vocabulary import ByteVocabulary

__all__ = ["KnownContext", "canonical_contexts", "known_contexts"]


@dataclass(frozen=True, slots=True)
class KnownContext:
    """One admitted sequence of tokens that spells the beginning of a text.

    Attributes:
        positions: Its tokens, by their position in the byte vocabulary.
        context: What the judge keeps of it; ``context.undecided`` where no text is known to begin so.
    """

    positions: tuple[int, ...]
    context: Context


def known_contexts(rule: CanonicalRule, vocabulary: ByteVocabulary, data: bytes) -> list[list[KnownContext]]:
    """For each offset ``0 .. len(data)`` the admitted sequences that spell exactly ``data[:offset]``.

    Contexts are closed under prefixes, so each is a context of an earlier offset and one token. At one offset those
    with the longest last token come first.

    Args:
        rule: The judge.
        vocabulary: The byte vocabulary that the judge was made for.
        data: The pre-image of a text (an inserted prefix included), or any beginning of it.
    """
    found: list[list[KnownContext]] = [[] for _ in range(len(data) + 1)]
    found[0].append(KnownContext((), rule.root()))
    for offset, contexts in enumerate(found):
        if not contexts:
            continue
        fits = vocabulary.prefixes_of(data[offset : offset + vocabulary.max_length])
        for known in contexts:
            for length, lo, hi in fits:
                for position in range(lo, hi):
                    context = rule.step(known.context, position)
                    if context is not None:
                        found[offset + length].append(KnownContext((*known.positions, position), context))
    return found


def canonical_contexts(rule: CanonicalRule, vocabulary: ByteVocabulary, data: bytes) -> list[list[tuple[int, ...]]]:
    """The contexts of :func:`known_contexts` as token ids.

    Example: with GPT-2's split pattern the text ``"  1"`` has the contexts ``["  "]`` and ``[" ", " "]`` behind its
    two spaces, and only the second goes on to the digit.
    """
    ids = vocabulary.ids
    return [
        [tuple(int(ids[position]) for position in known.positions) for known in contexts]
        for contexts in known_contexts(rule, vocabulary, data)
    ]
