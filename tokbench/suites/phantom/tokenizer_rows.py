"""The census of a tokenizer as metrics of a run."""

from __future__ import annotations

import math
from collections.abc import Callable, Sequence

from tokbench.errors import UnsupportedError
from tokbench.models.completion import Completion
from tokbench.results import Metric
from tokbench.stats import ratio_interval, wilson
from tokbench.suites.hashing import Hasher
from tokbench.suites.part import PartResult
from tokbench.suites.phantom.census import ambiguity, availability, drift, sensitivity, stray_bytes, twins
from tokbench.suites.phantom.classify import CLASSES
from tokbench.suites.phantom.grading import grade
from tokbench.suites.phantom.item import Item, Kind
from tokbench.suites.phantom.items import VERSION, items
from tokbench.suites.phantom.lexicon import words_of
from tokbench.tokenizers import Tokenizer

__all__ = ["CENSUS", "UNITS", "census_metrics", "census_words", "phantom_tokenizer_rows"]

UNITS = {
    "census.ambiguity": "bits: log2 of the segmentations of a space and a word, mean over words",
    "census.ambiguity_per_byte": "bits a byte of the same",
    "census.ambiguity_within": "bits: the same within pre-tokens",
    "census.twins": "share of entries of a space and letters whose bare form is an entry",
    "census.available": "share of words with an alternative of at most 3 tokens of a class",
    "census.strict": "share of alternatives whose bytes are equal, space included",
    "census.somewhere": "share of alternatives that the tokenizer gives in some context",
    "census.marker": "share of words whose ids change under a mark",
    "census.marker_single": "share of words of one token that stay one token under a mark",
    "census.stray": "share of entries that are not valid UTF-8 alone",
    "census.stripped_copy": "share of bracketed words that a faithful copy without brackets gives other ids",
    "census.drift": "share of beginnings of encodings that do not come back from their own text",
}
"""Every metric of the census with its unit."""

CENSUS = {"smoke": 200, "core": 2000, "full": 2000}
"""Words by profile."""

_KINDS: tuple[Kind, ...] = ("proper", "acronym", "possessive", "plural", "affixed", "code", "common")

_TEXTS = {"smoke": 32, "core": 320, "full": 320}


def census_words(profile: str, seed: int) -> list[tuple[str, Kind]]:
    """Words of the census with their kinds, chosen by hash: as many of each kind, and common ones for what is missing.

    A word that is of two kinds is in it once. A smaller profile has the first of a larger one, kind by kind.
    """
    found: dict[str, Kind] = {}
    for kind in _KINDS:
        words = words_of(kind)
        digests = Hasher(VERSION, seed, "census", kind).digests(word.encode() for word in words)
        ranked = [word for _, word in sorted(zip(digests, words, strict=True)) if word not in found]
        last = kind == _KINDS[-1]
        found |= dict.fromkeys(ranked[: CENSUS[profile] - len(found) if last else CENSUS[profile] // len(_KINDS)], kind)
    return list(found.items())


def _share(metric: str, k: int, n: int, name: str = "", *, every: bool = False, why: str = "") -> Metric:
    """A share of a sample, or of everything there is."""
    if n == 0:
        return Metric(metric=metric, value=None, unit=UNITS[metric], filter=name, reason=why)
    lo, hi = (None, None) if every else wilson(k, n)
    return Metric(
        metric=metric, value=k / n, k=k, n=n, lo=lo, hi=hi, method="exact" if every else "wilson", unit=UNITS[metric],
        filter=name,
    )  # fmt: skip


def _mean(metric: str, above: Sequence[float], below: Sequence[float] | None = None) -> Metric:
    weights = [1.0] * len(above) if below is None else below
    finite = [(one, two) for one, two in zip(above, weights, strict=True) if math.isfinite(one)]
    if len(finite) < 2:  # noqa: PLR2004, an interval needs two
        return Metric(metric=metric, value=None, unit=UNITS[metric], reason="too few words have a segmentation")
    tops, bottoms = [one for one, _ in finite], [two for _, two in finite]
    lo, hi = ratio_interval(tops, bottoms)
    return Metric(
        metric=metric, value=math.fsum(tops) / math.fsum(bottoms), n=len(finite), lo=lo, hi=hi, method="clustered",
        unit=UNITS[metric],
    )  # fmt: skip


def _ambiguity(tokenizer: Tokenizer, words: Sequence[str]) -> list[Metric]:
    found = ambiguity(tokenizer, words)
    rows = [
        _mean("census.ambiguity", [row.bits for row in found]),
        _mean("census.ambiguity_per_byte", [row.bits for row in found], [float(row.size) for row in found]),
    ]
    within = [row.within for row in found if row.within is not None]
    if within:
        return [*rows, _mean("census.ambiguity_within", within)]
    why = "the boundaries of its pre-tokens are not known"
    return [
        *rows,
        Metric(metric="census.ambiguity_within", value=None, unit=UNITS["census.ambiguity_within"], reason=why),
    ]


def _vocabulary(tokenizer: Tokenizer) -> list[Metric]:
    pairs, stray, size = twins(tokenizer), stray_bytes(tokenizer), len(tokenizer.byte_vocabulary())
    return [
        _share("census.twins", pairs.both, pairs.spaced, every=True, why="no entry begins with a space"),
        _share("census.stray", stray.suffix, size, "begins inside a character", every=True),
        _share("census.stray", stray.prefix, size, "ends inside a character", every=True),
        _share("census.stray", stray.both, size, "both", every=True),
    ]


def _classes(tokenizer: Tokenizer, words: Sequence[tuple[str, Kind]]) -> list[Metric]:
    found = availability(tokenizer, words)
    why = "no word has another spelling of at most 3 tokens"
    rows = [_share("census.available", found.having[label], found.words, label) for label in CLASSES]
    rows += [
        _share("census.strict", found.strict[label], found.alternatives[label], label, why="no such alternative")
        for label in CLASSES
    ]
    rows.append(_share("census.strict", found.strict.total(), found.total, why=why))
    return [*rows, _share("census.somewhere", found.somewhere, found.total, why=why)]


def _markers(tokenizer: Tokenizer, words: Sequence[str]) -> list[Metric]:
    rows = []
    for found in sensitivity(tokenizer, words):
        rows += [
            _share("census.marker", found.changed, found.words, found.marker),
            _share("census.marker_single", found.still_single, found.single, found.marker, why="no word is one token"),
        ]
    return rows


def _stripped_copy(tokenizer: Tokenizer, asked: Sequence[Item]) -> list[Metric]:
    """The paper's rate of a model that copies the passage without its marks and makes no phantom edit at all."""
    rows: dict[str, list[bool]] = {}
    for item in asked:
        copy = Completion(text=item.text, ids=tuple(tokenizer.encode(item.text)), finish_reason="stop")
        for found in grade(item, copy, tokenizer).targets:
            if found.after is None:
                raise UnsupportedError("ids at places of a text", tokenizer.info.spec, found.outcome.reason)
            rows.setdefault(item.stratum, []).append(found.outcome.status == "DIFFERENT")
    every = [hit for hits in rows.values() for hit in hits]
    return [
        _share("census.stripped_copy", sum(hits), len(hits), name)
        for name, hits in (("", every), *rows.items())
    ]  # fmt: skip


def phantom_tokenizer_rows(tokenizer: Tokenizer, *, profile: str, seed: int) -> PartResult:
    """All metrics of the census of a profile."""
    texts = list(dict.fromkeys(item.text for item in items("smoke" if profile == "smoke" else "core", seed, ["copy"])))
    texts = texts[:: max(1, len(texts) // _TEXTS[profile])]
    marked = items("smoke", seed, ["bracket"])
    return PartResult([], census_metrics(tokenizer, census_words(profile, seed), texts, marked))


def census_metrics(
    tokenizer: Tokenizer, kinds: Sequence[tuple[str, Kind]], texts: Sequence[str], marked: Sequence[Item] = ()
) -> list[Metric]:
    """All metrics of the census over words, texts and bracketed items; where a tokenizer cannot give one, it says why.

    Without items the rate of a faithful copy is left out.
    """
    words = [word for word, _ in kinds]
    steps: dict[str, Callable[[], list[Metric]]] = {
        "census.ambiguity": lambda: _ambiguity(tokenizer, words),
        "census.twins": lambda: _vocabulary(tokenizer),
        "census.available": lambda: _classes(tokenizer, kinds),
        "census.marker": lambda: _markers(tokenizer, words),
        "census.drift": lambda: [_share("census.drift", *drift(tokenizer, texts), why="no beginning is a text")],
    }
    if marked:
        steps["census.stripped_copy"] = lambda: _stripped_copy(tokenizer, marked)
    rows: list[Metric] = []
    for metric, work in steps.items():
        try:
            rows += work()
        except UnsupportedError as error:
            rows.append(Metric(metric=metric, value=None, unit=UNITS[metric], reason=str(error)))
    return rows
