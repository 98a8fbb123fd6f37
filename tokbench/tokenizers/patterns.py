"""Split patterns: by name, for rank files that carry none, and applied to text.

A rank file holds merges only; which pre-tokens they work on is decided by a pattern that the publisher
names elsewhere. The pattern is part of the vocabulary's format: another one gives other ids.
"""

from __future__ import annotations

from collections.abc import Mapping
from types import MappingProxyType

import regex

from tokbench.errors import UnsupportedError

__all__ = ["PATTERNS", "named_pattern", "pattern_spans", "split_rule"]

_CONTRACTIONS = "'s|'t|'re|'ve|'m|'ll|'d"
_UPPER = r"[\p{Lu}\p{Lt}\p{Lm}\p{Lo}\p{M}]"
_LOWER = r"[\p{Ll}\p{Lm}\p{Lo}\p{M}]"
_SPACES = r"\s+(?!\S)|\s+"


def _case_runs(contractions: str) -> str:
    head = r"[^\r\n\p{L}\p{N}]?"
    return f"{head}{_UPPER}*{_LOWER}+{contractions}|{head}{_UPPER}+{_LOWER}*{contractions}"


PATTERNS: Mapping[str, str] = MappingProxyType(
    {
        "gpt2": rf"{_CONTRACTIONS}| ?\p{{L}}+| ?\p{{N}}+| ?[^\s\p{{L}}\p{{N}}]+|{_SPACES}",
        "cl100k": (
            rf"(?i:{_CONTRACTIONS})|[^\r\n\p{{L}}\p{{N}}]?\p{{L}}+|\p{{N}}{{1,3}}"
            rf"| ?[^\s\p{{L}}\p{{N}}]+[\r\n]*|\s*[\r\n]+|{_SPACES}"
        ),
        "qwen2": (
            rf"(?i:{_CONTRACTIONS})|[^\r\n\p{{L}}\p{{N}}]?\p{{L}}+|\p{{N}}"
            rf"| ?[^\s\p{{L}}\p{{N}}]+[\r\n]*|\s*[\r\n]+|{_SPACES}"
        ),
        "o200k": (
            rf"{_case_runs(f'(?i:{_CONTRACTIONS})?')}|\p{{N}}{{1,3}}"
            rf"| ?[^\s\p{{L}}\p{{N}}]+[\r\n/]*|\s*[\r\n]+|{_SPACES}"
        ),
        "tekken": rf"{_case_runs('')}|\p{{N}}| ?[^\s\p{{L}}\p{{N}}]+[\r\n/]*|\s*[\r\n]+|{_SPACES}",
        "whole": r"[\s\S]+",
    }
)
"""``llama3`` is ``cl100k``, ``r50k`` and ``p50k`` are ``gpt2``: see :func:`named_pattern`. ``whole`` does not split."""

_ALIASES = {
    "r50k": "gpt2", "r50k_base": "gpt2", "p50k": "gpt2", "p50k_base": "gpt2", "cl100k_base": "cl100k",
    "llama3": "cl100k", "o200k_base": "o200k", "qwen": "qwen2", "qwen3": "qwen2",
}  # fmt: skip


def named_pattern(name: str) -> str | None:
    """The pattern that ``name`` or one of its aliases stands for, or None."""
    return PATTERNS.get(_ALIASES.get(name, name))


def split_rule(pattern: str) -> str | None:
    """A split pattern as :class:`~tokbench.tokenizers.rules.BpeRules` names it: None if it does not split."""
    return None if pattern == PATTERNS["whole"] else pattern


def pattern_spans(pattern: str, text: str, spec: str) -> list[tuple[int, int]]:
    """Byte spans of the pre-tokens into which a split pattern cuts ``text``.

    Raises:
        UnsupportedError: If the pattern leaves some of the text out.
    """
    spans, position = [], 0
    for match in regex.finditer(pattern, text):
        if length := len(match.group().encode()):
            spans.append((position, position + length))
            position += length
    if position != len(text.encode()):
        raise UnsupportedError("pretoken_spans", spec, "the split pattern does not cover the text")
    return spans
