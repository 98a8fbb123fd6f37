"""Token budgets: what a text or a corpus may cost, and which words it is that cost more.

Tokens are counted in context, by their spans: a token belongs to the first word that it holds a byte of. Where the
library has no spans, words are encoded alone, and the message says so.
"""

from __future__ import annotations

import re
from collections import Counter
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from pathlib import Path

import pytest

from tokbench._plugin.message import shorten
from tokbench._plugin.snapshot import FOLDER, name_of, readable
from tokbench.errors import UnsupportedError
from tokbench.laws import as_tokenizer
from tokbench.tokenizers import Tokenizer

__all__ = ["BETWEEN", "Budget", "Cost", "cost_of", "format_ledger", "parse_ledger"]

BETWEEN = ""
"""Stands for what lies between words in a table of costs."""

_VERSION = 1
_SHOWN = 20
_LEDGER = 20_000


@dataclass
class Cost:
    """What texts cost.

    Attributes:
        tokens: Tokens in all.
        size: Bytes in all.
        words: Tokens of each word, over all its occurrences.
        counts: Occurrences of each word.
        alone: Whether words had to be encoded alone.
    """

    tokens: int = 0
    size: int = 0
    words: Counter[str] = field(default_factory=Counter)
    counts: Counter[str] = field(default_factory=Counter)
    alone: bool = False


def _words(text: str) -> list[tuple[str, int, int]]:
    """Words between white space, with their byte ranges."""
    found, position, offset = [], 0, 0
    for match in re.finditer(r"\S+", text):
        offset += len(text[position : match.start()].encode())
        end = offset + len(match.group().encode())
        found.append((match.group(), offset, end))
        position, offset = match.end(), end
    return found


def _add(cost: Cost, tokenizer: Tokenizer, text: str) -> None:
    words = _words(text)
    ids = tokenizer.encode(text)
    cost.tokens += len(ids)
    cost.size += len(text.encode())
    cost.counts.update(word for word, _, _ in words)
    try:
        spans = tokenizer.spans(text)
    except UnsupportedError:
        cost.alone = True
        for word, _, _ in words:
            cost.words[word] += len(tokenizer.encode(word))
        return
    index = 0
    for start, end in spans:
        while index < len(words) and words[index][2] <= start:
            index += 1
        inside = index < len(words) and words[index][1] < max(end, start + 1)
        cost.words[words[index][0] if inside else BETWEEN] += 1


def cost_of(tokenizer: Tokenizer, texts: Iterable[str]) -> Cost:
    """What ``texts`` cost, in all and by word."""
    cost = Cost()
    for text in texts:
        _add(cost, tokenizer, text)
    return cost


# ---------------------------------------------------------------------- the ledger


def format_ledger(costs: Mapping[str, Cost], title: str) -> str:
    """The costs of a test as a file: for each tokenizer the sum, then ``tokens occurrences word``, sorted by word."""
    lines = [f"# tokbench budget {_VERSION}: {title}"]
    for by, cost in sorted(costs.items()):
        lines += ["", f"by {by}: {cost.tokens} tokens, {cost.size} bytes"]
        kept = {word for word, _ in sorted(cost.words.items(), key=lambda pair: (-pair[1], pair[0]))[:_LEDGER]}
        lines += [f"{cost.words[word]:6} {cost.counts[word]:6} {word!a}" for word in sorted(kept)]
    return "\n".join(lines) + "\n"


def parse_ledger(data: str) -> dict[str, Counter[str]]:
    """Tokens by word, for each tokenizer of a ledger; a file that is none is empty."""
    import ast

    costs: dict[str, Counter[str]] = {}
    if not data.startswith(f"# tokbench budget {_VERSION}:"):
        return costs
    current: Counter[str] = Counter()
    for line in data.splitlines()[1:]:
        if line.startswith("by "):
            current = costs.setdefault(line[3:].rpartition(": ")[0], Counter())
        elif match := re.match(r"\s*(\d+)\s+\d+\s+(['\"].*['\"])$", line):
            current[ast.literal_eval(match[2])] = int(match[1])
    return costs


# ---------------------------------------------------------------------- the fixture


def _cut(tokenizer: Tokenizer, word: str) -> str:
    ids = tokenizer.encode(word)
    pieces = []
    for token_id in ids:
        try:
            pieces.append(readable(tokenizer.token_bytes(token_id)))
        except (UnsupportedError, ValueError, LookupError):
            pieces.append(str(token_id))
    return shorten(" ".join(pieces), 80)


@dataclass
class Budget:
    """Holds texts to a number of tokens.

    Attributes:
        path: File of the costs by word, as of the last ``--tokbench-snapshot-update``.
        title: Id of the test.
        update: Whether to write that file.
        seen: Costs of this run by tokenizer.
    """

    path: Path
    title: str
    update: bool
    seen: dict[str, Cost] = field(default_factory=dict)

    def __call__(
        self, engine: object, texts: str | Path | Iterable[str], tokens: int, *, reference: object = None
    ) -> int:
        """Fail where ``texts`` cost more than ``tokens``; returns what they cost.

        Args:
            engine: The tokenizer: ours, or anything with ``encode`` and ``decode``.
            texts: One text, a file of text (a path), or several texts.
            tokens: What they may cost at most, in all.
            reference: Another tokenizer, to whose costs the difference by word is shown. Without one it is shown to
                the costs that ``--tokbench-snapshot-update`` has stored, if any.
        """
        __tracebackhide__ = True
        if type(tokens) is not int or tokens < 0:
            raise pytest.UsageError(f"tokbench_budget: expected a number of tokens from 0, found {tokens!a}")
        tokenizer, by = as_tokenizer(engine), name_of(engine)
        listed = self._read(texts)
        count = sum(len(ids) for ids in map(tokenizer.encode, listed))
        if self.update or count > tokens:
            cost = cost_of(tokenizer, listed)
            total = self.seen.setdefault(by, Cost())
            total.tokens, total.size = total.tokens + cost.tokens, total.size + cost.size
            total.words.update(cost.words)
            total.counts.update(cost.counts)
        if count > tokens:
            pytest.fail("\n".join(self._message(tokenizer, by, cost, tokens, reference, listed)))
        return count

    @staticmethod
    def _read(texts: str | Path | Iterable[str]) -> list[str]:
        if isinstance(texts, Path):
            try:
                return [texts.read_text(encoding="utf-8")]
            except (OSError, UnicodeDecodeError) as error:
                why = error.strerror if isinstance(error, OSError) else "it is not UTF-8"
                raise pytest.UsageError(f"tokbench_budget: {texts} cannot be read ({why})") from None
        return [texts] if isinstance(texts, str) else list(texts)

    def _baseline(self, by: str, reference: object, texts: list[str]) -> tuple[str, Counter[str]] | None:
        if reference is not None:
            return name_of(reference), cost_of(as_tokenizer(reference), texts).words
        try:
            stored = parse_ledger(self.path.read_text(encoding="utf-8"))
        except (OSError, UnicodeDecodeError):
            return None
        where = f"{FOLDER}/{self.path.parent.name}/{self.path.name}"
        return (where, stored[by]) if by in stored else None

    def _message(
        self, tokenizer: Tokenizer, by: str, cost: Cost, tokens: int, reference: object, texts: list[str]
    ) -> list[str]:
        words = sum(cost.counts.values())
        over = f"{cost.tokens - tokens} more than the {tokens} of the budget"
        lines = [f"{cost.tokens} tokens by {by}, {over} ({cost.size} bytes, {words} words)"]
        if cost.alone:
            lines.append("    words are encoded alone: the library has no spans")
        baseline = self._baseline(by, reference, texts)
        if baseline is None:
            lines.append("    the words that cost most; --tokbench-snapshot-update stores costs to compare with")
            rows = sorted(cost.words.items(), key=lambda pair: (-pair[1], pair[0]))
            lines += [f"    {total:6}  {self._row(tokenizer, cost, word)}" for word, total in rows[:_SHOWN]]
        else:
            name, before = baseline
            changed = {word: cost.words[word] - before[word] for word in {*cost.words, *before}}
            rows = sorted(((word, change) for word, change in changed.items() if change),
                          key=lambda pair: (-abs(pair[1]), pair[0]))  # fmt: skip
            lines.append(f"    difference by word to {name}: {cost.tokens - sum(before.values()):+} tokens")
            lines += [f"    {change:+6}  {self._row(tokenizer, cost, word)}" for word, change in rows[:_SHOWN]]
        if len(rows) > _SHOWN:
            lines.append(f"    and {len(rows) - _SHOWN} more words")
        return lines

    @staticmethod
    def _row(tokenizer: Tokenizer, cost: Cost, word: str) -> str:
        if word == BETWEEN:
            return "between words"
        if not cost.counts[word]:
            return f"{shorten(ascii(word), 40)}  no longer there"
        return f"{shorten(ascii(word), 40)}  {cost.counts[word]} times, alone {_cut(tokenizer, word)}"

    def finish(self) -> None:
        """Write the costs by word under update."""
        if self.update and self.seen:
            data = format_ledger(self.seen, self.title)
            self.path.parent.mkdir(parents=True, exist_ok=True)
            self.path.write_text(data, encoding="utf-8", newline="\n")
