"""Items of the suite, all chosen by hashes: the same ones everywhere, and a smaller profile within a larger one."""

from __future__ import annotations

import hashlib
from collections.abc import Iterator, Sequence
from itertools import count

from tokbench.errors import SuiteDefinitionError, UnknownNameError
from tokbench.suites.hashing import Hasher
from tokbench.suites.phantom.item import KINDS, MARKINGS, Item, Kind, Marking, Target
from tokbench.suites.phantom.lexicon import frames, proper_nouns, words_of
from tokbench.suites.phantom.prompts import mark
from tokbench.suites.phantom.replies import split_words

__all__ = ["CORE", "MULTILINGUAL", "PROFILES", "VERSION", "items", "items_sha256"]

VERSION = "phantom-1"
"""Version of the suite; part of every hash."""

CORE: tuple[Kind, ...] = KINDS[:8]
MULTILINGUAL: tuple[Kind, ...] = KINDS[8:]
PROFILES = ("smoke", "core", "full")
USUAL: tuple[Marking, ...] = ("bracket", "ordinal", "copy")
"""Markings of every profile: the marked words, the same words without an inline mark, and no request to edit."""

_COUNT = {"smoke": 32, "core": 1000, "full": 1000}
_EVERY = 125
"""Targets of each stratum of ``core`` that ``full`` asks under all five markings: 1,000 in all."""

_ENGLISH = frozenset({*CORE, "emoji"})


def _sources(kind: Kind, seed: int) -> Iterator[tuple[str, str, str]]:
    """Words with a frame and what follows it, by hash, in rounds: no word comes up again before all others did."""
    words, choices = words_of(kind), frames()[kind if kind in frames() else "inside"]
    after = ("", *frames()["after" if kind in _ENGLISH else f"after_{kind}"])
    seen: set[tuple[str, str, str]] = set()
    for turn in count():
        before = len(seen)
        digests = Hasher(VERSION, seed, kind, turn, "word").digests(word.encode() for word in words)
        place, ending = Hasher(VERSION, seed, kind, turn, "frame"), Hasher(VERSION, seed, kind, turn, "after")
        for _, word in sorted(zip(digests, words, strict=True)):
            source = word, choices[place(word) % len(choices)], after[ending(word) % len(after)]
            if source not in seen:
                seen.add(source)
                yield source
        if len(seen) == before:
            return


def _passage(word: str, frame: str, after: str) -> tuple[str, int] | None:
    """A passage with the place of its target in characters; None if the word occurs in it elsewhere."""
    at = frame.index("{}")
    text = " ".join(part for part in (frame.format(word), after) if part)
    parts = {part.text.casefold() for part in split_words(word)}
    rest = f"{text[:at]} {text[at + len(word) :]}"
    return None if parts & {part.text.casefold() for part in split_words(rest)} else (text, at)


def _targets(kind: Kind, seed: int, wanted: int) -> Iterator[tuple[int, str, str, Target]]:
    """Number, frame, passage and target of the first ``wanted`` items of a stratum.

    Raises:
        SuiteDefinitionError: If words and frames do not give as many.
    """
    made = 0
    names = {frame: f"{name}/{at}" for name, entries in frames().items() for at, frame in enumerate(entries)}
    for word, frame, after in _sources(kind, seed):
        if made == wanted:
            return
        found = _passage(word, frame, after)
        if found is None:
            continue
        text, at = found
        start = len(text[:at].encode())
        target = Target(
            word=word, start=start, end=start + len(word.encode()), kind=kind, sentence_initial=at == 0,
            proper=word in proper_nouns(),
        )  # fmt: skip
        yield made, names[frame], text, target
        made += 1
    if made < wanted:
        raise SuiteDefinitionError("suites/phantom", f"stratum {kind}: {made} of {wanted} targets can be made")


def items(profile: str = "core", seed: int = 0, markings: Sequence[str] | None = None) -> list[Item]:
    """The items of a profile.

    Args:
        profile: ``smoke``: 32 targets of each of 8 strata under three markings; ``core``: 1,000; ``full``: those and
            1,000 of each of six more, and 1,000 targets of ``core`` under the two other markings.
        seed: Part of every hash.
        markings: Only these.

    Returns:
        Stratum by stratum, target by target, the markings of one target next to each other.

    Raises:
        UnknownNameError: If a profile or marking does not exist.
    """
    if profile not in PROFILES:
        raise UnknownNameError("profile", profile, PROFILES)
    for name in markings or ():
        if name not in MARKINGS:
            raise UnknownNameError("marking", name, MARKINGS)
    found = []
    for kind in (*CORE, *MULTILINGUAL) if profile == "full" else CORE:
        for index, frame, text, target in _targets(kind, seed, _COUNT[profile]):
            every = profile == "full" and kind in CORE and index < _EVERY
            for marking in MARKINGS if every else USUAL:
                if markings is None or marking in markings:
                    item_id = f"{VERSION}/{kind}/{index}/{marking}"
                    found.append(mark(item_id, kind, frame, text, (target,), marking))
    return found


def items_sha256(chosen: Sequence[Item]) -> str:
    """Hash of items: of their names, prompts and targets, one a line."""
    digest = hashlib.sha256()
    for item in chosen:
        targets = ",".join(f"{target.start}-{target.end}" for target in item.targets)
        digest.update(f"{item.item_id}\t{item.prompt!a}\t{targets}\n".encode())
    return digest.hexdigest()
