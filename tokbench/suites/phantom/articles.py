"""Articles of the user's own as items, in the setting of arXiv 2601.14658: 5 % of the non-stop words of each."""

from __future__ import annotations

import json
from collections.abc import Sequence
from pathlib import Path

from tokbench.errors import TextInputError
from tokbench.suites.hashing import Hasher
from tokbench.suites.phantom.item import Item, Marking, Target
from tokbench.suites.phantom.items import VERSION
from tokbench.suites.phantom.lexicon import proper_nouns, stop_words
from tokbench.suites.phantom.prompts import mark
from tokbench.suites.phantom.replies import split_words

__all__ = ["LENGTHS", "SHARE", "article_items", "read_articles"]

LENGTHS = (100, 600)
"""Words of an article, at least and at most."""

SHARE = 0.05
"""Share of the non-stop words that become targets."""


def read_articles(path: Path) -> list[tuple[str, str]]:
    """Articles of a folder (one ``.txt`` each) or of a ``.jsonl`` file (fields ``id`` and ``text``), with their names.

    Raises:
        TextInputError: If the file cannot be read, or a line has no text.
    """
    if path.is_dir():
        return [(file.stem, _text(file)) for file in sorted(path.glob("*.txt"))]
    found = []
    for number, line in enumerate(_text(path).splitlines(), 1):
        if not line.strip():
            continue
        try:
            row = json.loads(line)
        except ValueError as error:
            raise TextInputError(f"{path.name}, line {number}", f"is no JSON ({error})") from error
        if not isinstance(row, dict) or not isinstance(row.get("text"), str):
            raise TextInputError(f"{path.name}, line {number}", "expected an object with a field text")
        found.append((str(row.get("id", number)), row["text"]))
    return found


def _text(path: Path) -> str:
    try:
        return path.read_text(encoding="utf-8")
    except (OSError, UnicodeDecodeError) as error:
        raise TextInputError(path.name, f"cannot be read as UTF-8 text: {error}") from error


def article_items(
    articles: Sequence[tuple[str, str]], markings: Sequence[Marking], seed: int = 0
) -> tuple[list[Item], list[str]]:
    """Items of articles, and why the others are left out.

    The targets are the words with the smallest hashes among those that are no stop words; as many as :data:`SHARE` of
    them, at least one.
    """
    found: list[Item] = []
    left_out = []
    for name, text in articles:
        words = split_words(text)
        if not LENGTHS[0] <= len(words) <= LENGTHS[1]:
            left_out.append(f"article {name}: {len(words)} words, expected {LENGTHS[0]} to {LENGTHS[1]}")
            continue
        free = [word for word in words if word.text.casefold() not in stop_words() and word.text.isalpha()]
        if not free:
            left_out.append(f"article {name}: it has no word that is no stop word")
            continue
        digests = Hasher(VERSION, seed, "article", name).digests(f"{word.start}".encode() for word in free)
        count = max(1, round(SHARE * len(free)))
        chosen = sorted(
            (word for _, word in sorted(zip(digests, free, strict=True))[:count]), key=lambda word: word.start
        )
        targets = []
        for word in chosen:
            start = len(text[: word.start].encode())
            before = text[: word.start].rstrip()
            targets.append(
                Target(
                    word=word.text, start=start, end=start + len(word.text.encode()), kind="common",
                    sentence_initial=not before or before[-1] in ".!?", proper=word.text in proper_nouns(),
                )
            )  # fmt: skip
        found += [
            mark(f"{VERSION}/article/{name}/{marking}", "article", f"article/{name}", text, targets, marking)
            for marking in markings
        ]
    return found, left_out
