"""Which id sequences begin the encoding of a text: the judges behind the readings CANONICAL and CANONICAL_CONTEXT.

A sequence of tokens is *admitted* if some text has it at the beginning of its encoding. The text may go on behind
the sequence in whatever way suits it, and that matters: under a split pattern that looks ahead, ``[" in", "  "]``
begins the encoding of ``" in  "`` and not that of ``" in  1"``. Asking whether a sequence is the encoding of its own
text would be another question, with another answer (bytelevel specification 4.3).

A judge (:class:`CanonicalRule`) walks along a sequence, one token a step, and keeps what it has to know in a
:class:`Context`. It only refutes what it can prove. A context that is neither refuted nor shown to begin the encoding
of some text is marked ``undecided``, and every result reports how much weight such contexts have.
"""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Sequence
from dataclasses import dataclass
from typing import TypeAlias

import numpy as np
from numpy.typing import NDArray

from tokbench.errors import UnsupportedError, UnsupportedReadingError
from tokbench.tokenizers import Tokenizer
from tokbench.tokenizers.rules import BpeRules, EncodingRules, GreedyRules, UnigramRules
from tokbench.tokenizers.vocabulary import ByteVocabulary

__all__ = ["CanonicalRule", "Context", "Mask", "canonical_rule", "rule_for"]

Mask: TypeAlias = NDArray[np.bool_]


@dataclass(frozen=True, slots=True, eq=False)
class Context:
    """An admitted sequence of tokens, as far as a judge has to remember it.

    Attributes:
        undecided: Whether no text was found whose encoding begins so, though nothing speaks against one.
    """

    undecided: bool = False


class CanonicalRule(ABC):
    """Judge of one tokenizer. Tokens are named by their position in the byte vocabulary."""

    @abstractmethod
    def root(self) -> Context:
        """The empty sequence."""

    @abstractmethod
    def step(self, context: Context, token: int) -> Context | None:
        """The sequence with one more token, or None if no text has it at the beginning of its encoding."""

    @abstractmethod
    def dead(self, context: Context, lo: int, hi: int) -> Mask | None:
        """Which tokens of a range :meth:`step` would refute; None: none of them. Shape ``(hi - lo,)``, read only."""

    @abstractmethod
    def complete(self, context: Context) -> bool:
        """Whether the sequence is the whole encoding of its own text."""

    def context_of(self, tokens: Sequence[int]) -> Context | None:
        """The context after several tokens, or None if they are refuted."""
        context: Context | None = self.root()
        for token in tokens:
            if context is None:
                break
            context = self.step(context, token)
        return context


def rule_for(rules: EncodingRules, vocabulary: ByteVocabulary, *, utf8: bool = True, spec: str = "") -> CanonicalRule:
    """The judge for rules of encoding.

    Args:
        rules: How the tokenizer encodes.
        vocabulary: Its byte vocabulary.
        utf8: Whether texts are UTF-8, or any bytes.
        spec: Name of the tokenizer in errors.

    Raises:
        UnsupportedReadingError: If the rules hold a split pattern of which nothing is known.
    """
    if isinstance(rules, UnigramRules):
        from tokbench.bytelevel._viterbi import UnigramRule

        return UnigramRule(rules, vocabulary)
    if isinstance(rules, GreedyRules):
        from tokbench.bytelevel._greedy import GreedyRule

        return GreedyRule(rules, vocabulary)
    inner = _bpe_rule(rules, vocabulary, utf8=utf8, spec=spec)
    if not rules.added:
        return inner
    from tokbench.bytelevel._added import AddedRule

    return AddedRule(inner, rules.added, vocabulary)


def _bpe_rule(rules: BpeRules, vocabulary: ByteVocabulary, *, utf8: bool, spec: str) -> CanonicalRule:
    if rules.symbols == "characters":
        from tokbench.bytelevel._char_bpe import CharacterBpeRule

        return CharacterBpeRule(rules, vocabulary)
    from tokbench.bytelevel._byte_bpe import ByteBpeRule
    from tokbench.bytelevel.boundaries import recognised

    if rules.pattern is not None and not recognised(rules.pattern):
        raise UnsupportedReadingError(
            "canonical",
            f"the split pattern of {spec or 'this tokenizer'} is not one whose boundaries are understood",
            "use reading='all'",
        )
    return ByteBpeRule(rules, vocabulary, utf8=utf8)


_RULES: dict[str, CanonicalRule] = {}


def canonical_rule(tokenizer: Tokenizer) -> CanonicalRule:
    """The judge of a tokenizer; built once for each fingerprint.

    Raises:
        UnsupportedReadingError: If nothing is known of how it encodes.
    """
    key = tokenizer.info.fingerprint
    found = _RULES.get(key)
    if found is None:
        try:
            rules = tokenizer.rules()
        except UnsupportedError as error:
            raise UnsupportedReadingError(
                "canonical", f"{error.reason} ({tokenizer.info.spec})", "use reading='all'"
            ) from error
        utf8 = tokenizer.info.family != "bytes"
        found = _RULES[key] = rule_for(rules, tokenizer.byte_vocabulary(), utf8=utf8, spec=tokenizer.info.spec)
    return found
