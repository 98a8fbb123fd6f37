"""Two tokenizers, or two versions of one: vocabulary, promises, token counts and cuts."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass

from tokbench.errors import VocabularyMismatchError
from tokbench.laws.shrink import shrink
from tokbench.report.compare._paired import Paired, corrected, paired_means
from tokbench.report.compare._promises import Setting, capability_changes, table_changes
from tokbench.report.compare._vocabulary import VocabularyChange, compare_vocabularies
from tokbench.suites.exactness.corpus import parity_corpus
from tokbench.suites.exactness.parity import Difference, check_vocabulary, compare
from tokbench.suites.exactness.texts import Text, embedded_corpus
from tokbench.tokenizers import Tokenizer

__all__ = ["CutChange", "TextCount", "TokenizerComparison", "compare_tokenizers"]

_SHRUNK = 2
"""Differences of one class of text that are shrunk; most lead to the same few strings."""


@dataclass(frozen=True, slots=True)
class TextCount:
    """Tokens of one text of the embedded corpus.

    Attributes:
        name: Its name, ``all`` for the sum.
        title: Its language.
        first: Tokens under the first tokenizer; ``second`` under the second.
        lines: Its lines.
        changed: Lines whose number of tokens changed.
        paired: The test over the lines, of tokens a line.
    """

    name: str
    title: str
    first: int
    second: int
    lines: int
    changed: int
    paired: Paired

    @property
    def change(self) -> float:
        """Change of the number of tokens in percent of the first."""
        return 100 * (self.second - self.first) / self.first if self.first else 0.0


@dataclass(frozen=True, slots=True)
class CutChange:
    """A text that the two cut differently, as short as shrinking made it.

    Attributes:
        text: The text.
        cause: Class of the difference.
        first: Ids and bytes under the first; ``second`` under the second.
        found: Texts that were shrunk to it.
    """

    text: str
    cause: str
    first: tuple[tuple[int, bytes | None], ...]
    second: tuple[tuple[int, bytes | None], ...]
    found: int


@dataclass(frozen=True, slots=True, kw_only=True)
class TokenizerComparison:
    """Outcome of a comparison.

    Attributes:
        first: The first tokenizer.
        second: The second.
        settings: What they say differently of themselves, files and libraries included.
        vocabulary: What became of the ids.
        counts: Tokens by text, the sum first.
        texts: Texts that were encoded by both.
        other_ids: Those with other ids.
        other_cuts: Those with other token boundaries or bytes.
        causes: Texts with other cuts (or ids, where the vocabularies are the same) by class of difference.
        cuts: Such texts made small, the smallest first.
    """

    first: Tokenizer
    second: Tokenizer
    settings: tuple[Setting, ...]
    vocabulary: VocabularyChange
    counts: tuple[TextCount, ...]
    texts: int
    other_ids: int
    other_cuts: int
    causes: Mapping[str, int]
    cuts: tuple[CutChange, ...]

    @property
    def equal(self) -> bool:
        """Whether the vocabulary, all ids and what is promised about the text are the same.

        Files, libraries and what they can do beside may be others: two engines on one vocabulary can be equal. Of one
        backend the switches count too.
        """
        switched = self.first.info.backend == self.second.info.backend and any(
            entry.name.startswith("switches.") for entry in self.settings
        )
        promised = any(entry.kind != "other" for entry in self.settings)
        return self.vocabulary.equal and not (self.other_ids or switched or promised)


# ---------------------------------------------------------------------- what they say of themselves


def _settings(first: Tokenizer, second: Tokenizer) -> list[Setting]:
    one, other = first.info, second.info
    found = table_changes("about", {"family": one.family}, {"family": other.family})
    if one.prefix != other.prefix:
        found.append(Setting("about.prefix", repr(one.prefix), repr(other.prefix)))
    found += capability_changes(asdict(one.capability), asdict(other.capability))
    found += table_changes("switches", dict(one.switches), dict(other.switches))
    found += table_changes("libraries", dict(one.libraries), dict(other.libraries))
    # a file of one name is another version; files of two names are listed as two
    files = [{file.name: file.sha256[:12] for file in info.files} for info in (one, other)]
    return found + table_changes("files", *files)


# ---------------------------------------------------------------------- texts


def _counts(first: Tokenizer, second: Tokenizer, texts: Sequence[Text], seed: int) -> list[TextCount]:
    def count(name: str, title: str, mine: Sequence[int], theirs: Sequence[int]) -> TextCount:
        # fewer tokens for the same line are better: a shorter prompt, and more text in a context
        paired = paired_means("tokens/line", name, mine, theirs, direction="down", seed=seed)
        changed = sum(one != other for one, other in zip(mine, theirs, strict=True))
        return TextCount(name, title, sum(mine), sum(theirs), len(mine), changed, paired)

    lengths = [
        [[len(ids) for ids in tokenizer.encode_batch(text.lines)] for tokenizer in (first, second)] for text in texts
    ]
    rows = [count(text.name, text.title or text.name, *pair) for text, pair in zip(texts, lengths, strict=True)]
    everything = [[length for pair in lengths for length in pair[side]] for side in (0, 1)]
    total = count("all", "all texts", *everything)
    adjusted = corrected([row.paired for row in rows])
    parts = [
        TextCount(row.name, row.title, row.first, row.second, row.lines, row.changed, paired)
        for row, paired in zip(rows, adjusted, strict=True)
    ]
    whole = TextCount(
        total.name, total.title, total.first, total.second, total.lines, total.changed, corrected([total.paired])[0]
    )
    return [whole, *parts]


def _same_vocabulary(first: Tokenizer, second: Tokenizer) -> bool:
    try:
        check_vocabulary(first, second)
    except VocabularyMismatchError:
        return False
    return True


def _smallest(first: Tokenizer, second: Tokenizer, differences: Sequence[Difference]) -> list[CutChange]:
    """Minimal strings, each once, the smallest first.

    Shrinking tends to lead to one string, a single space for example. Of each class of difference that is then
    missing, the shortest text is shrunk as long as it stays in its class.
    """
    found: dict[str, list[Difference]] = {}
    for difference in differences:
        if difference.shrunk:
            found.setdefault(difference.minimal, []).append(difference)
    shown = {group[0].cause for group in found.values()}
    for difference in sorted(differences, key=lambda entry: (len(entry.text), entry.text)):
        if difference.cause in shown:
            continue
        shown.add(difference.cause)
        cause = difference.cause

        def stays(text: str, cause: str = cause) -> bool:
            report = compare(first, second, [text], by_bytes=True, max_shrunk=0)
            return cause in report.causes

        if stays(difference.text):
            (small,) = compare(first, second, [shrink(difference.text, stays)], by_bytes=True, max_shrunk=0).differences
            found.setdefault(small.minimal, [small])
    changes = [
        CutChange(
            text, group[0].cause,
            tuple(zip(group[0].first_ids, group[0].first_bytes, strict=True)),
            tuple(zip(group[0].second_ids, group[0].second_bytes, strict=True)), len(group),
        )
        for text, group in found.items()
    ]  # fmt: skip
    return sorted(changes, key=lambda change: (len(change.text.encode()), change.text))


def _pieces(tokenizer: Tokenizer, ids: Sequence[int]) -> list[bytes]:
    return [tokenizer.join_bytes([token_id]) for token_id in ids]


def compare_tokenizers(
    first: Tokenizer, second: Tokenizer, *, strings: int = 500, seed: int = 0
) -> TokenizerComparison:
    """Compare two tokenizers on the embedded corpus and on strings of the fixed parity corpus.

    Where the two have one vocabulary, texts are compared id by id; otherwise their cuts are compared, that is, the
    bytes of the tokens in order, and texts with other ids are only counted.

    Args:
        first: A tokenizer.
        second: Another, or another version of it.
        strings: Strings of the parity corpus: a multiple of five up to 20,000.
        seed: Seed of the bootstrap.

    Raises:
        OptionError: If there is no corpus of that size.
        TokbenchError: If one of them cannot encode a text.
    """
    corpus = embedded_corpus()
    classes: dict[str, Sequence[str]] = {**{text.name: text.lines for text in corpus}, **parity_corpus(strings)}
    same = _same_vocabulary(first, second)
    parity = compare(first, second, classes, by_bytes=not same, max_shrunk=_SHRUNK)
    other_ids, other_cuts = 0, 0
    for texts in classes.values():
        for one, other in zip(first.encode_batch(texts), second.encode_batch(texts), strict=True):
            other_ids += one != other
            other_cuts += one != other and _pieces(first, one) != _pieces(second, other)
    causes: dict[str, int] = {}
    for difference in parity.differences:
        causes[difference.cause] = causes.get(difference.cause, 0) + 1
    return TokenizerComparison(
        first=first, second=second, settings=tuple(_settings(first, second)),
        vocabulary=compare_vocabularies(first, second), counts=tuple(_counts(first, second, corpus, seed)),
        texts=sum(map(len, classes.values())), other_ids=other_ids, other_cuts=other_cuts,
        causes=dict(sorted(causes.items(), key=lambda entry: (-entry[1], entry[0]))),
        cuts=tuple(_smallest(first, second, parity.differences)),
    )  # fmt: skip
