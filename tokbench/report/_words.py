"""What the metrics are called and what they mean, for heads of columns and for the questions."""

from __future__ import annotations

METRICS: dict[str, tuple[str, str]] = {
    "fertility": (
        "Fertility",
        (
            "tokens that overlap at least one byte of a word, per word, counted in running text; a token over two "
            "words counts once"
        ),
    ),
    "strr": ("Single-token words", "words that exactly one token overlaps, as a share of all words"),
    "bytes-per-token": ("Bytes/token", "bytes of the UTF-8 text per token"),
    "chars-per-token": ("Characters/token", "code points of the text per token"),
    "parity-premium": (
        "Premium",
        (
            "tokens of a text in one language as a multiple of those of the same text in the reference language, line "
            "by line"
        ),
    ),
    "gini": ("Gini", "inequality of token counts of the same lines over languages: 0 is equal, towards 1 unequal"),
    "nsl": ("Normalised length", "tokens as a multiple of those of a reference tokenizer on the same text"),
    "renyi": (
        "Rényi efficiency",
        "Rényi entropy of the token distribution over that of a uniform one; never a ranking",
    ),
    "utilisation": ("Utilisation", "share of the ids that occur in a text of fixed length in tokens"),
    "split-characters": ("Split characters", "characters whose bytes lie in more than one token"),
    "partial-tokens": ("Partial tokens", "tokens that are not valid UTF-8 alone"),
}
"""Metrics on text: title and meaning, in the order of the columns."""


def meaning(metric: str) -> str:
    """What a metric means, or nothing."""
    return METRICS[metric][1] if metric in METRICS else ""


QUESTIONS: tuple[tuple[str, str], ...] = (
    (
        "What are the intervals?",
        (
            "95 % intervals. Proportions carry Wilson's score interval. Ratios of sums, such as tokens per word, carry "
            "an interval that treats each line or cluster as one unit. A count of everything there is, such as the ids "
            "of a vocabulary, has none."
        ),
    ),
    (
        "Why is a law marked n.a.?",
        (
            "It needs something that this tokenizer does not declare, for example byte spans or lossless decoding. The "
            "reason stands below the table of laws."
        ),
    ),
    (
        "Why does a cell hold words instead of a number?",
        "The number could not be computed or was not asked for; the words say why. Zero is always written as 0.",
    ),
    (
        "Why is a tokenizer missing?",
        (
            "There is no run of it among the results, or its run could not be used; runs that were left out are listed "
            "with reasons under Notes."
        ),
    ),
    (
        "Why are there several tables for one suite?",
        "Numbers of different suite versions, profiles, items or options are not comparable and never share a table.",
    ),
    (
        "Why is there no overall score?",
        "The columns measure different things. A mean over them would rank tokenizers by the choice of columns.",
    ),
)
