"""Where texts are cut, and what a cut does to the tokens: the items of the model side of the suite.

Every text of the embedded corpus is cut in two, ``u | v``. What matters is how the cut stands to the tokens of the
whole and to those of ``u`` alone, and that depends on the tokenizer. Items are fixed by a hash of the text and the
offset, so that two models over one tokenizer see the same ones.
"""

from __future__ import annotations

import hashlib
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from typing import Literal, get_args

from tokbench.errors import TokbenchError
from tokbench.suites.exactness.texts import Text
from tokbench.tokenizers import Tokenizer

__all__ = ["KINDS", "LABELS", "Choice", "Cut", "Passage", "choices", "cuts", "heads", "passages"]

Kind = Literal["boundary", "unstable", "inside-token", "inside-char"]
"""``boundary``: a token boundary of ``encode(u v)``, and ``encode(u)`` is its prefix. ``unstable``: a boundary, but
``encode(u)`` is not. ``inside-token``: inside a token, between characters. ``inside-char``: inside a character."""

KINDS: tuple[Kind, ...] = get_args(Kind)

LABELS = ("trailing-space", "digits", "word-middle")
"""Classes that overlap the kinds: ``u`` ends in a space; both sides are digits; both sides are letters."""

_LONGEST = 240  # bytes of a passage: longer lines are cut at a character


@dataclass(frozen=True, slots=True)
class Passage:
    """One text of the corpus; the cluster of everything that is measured on it.

    Attributes:
        name: For example ``eng/3``.
        data: Its UTF-8.
    """

    name: str
    data: bytes


@dataclass(frozen=True, slots=True)
class Cut:
    """A passage, cut.

    Attributes:
        passage: The passage.
        offset: Number of bytes in front of the cut.
        kind: How it stands to the tokens.
        labels: Names in :data:`LABELS` that apply.
    """

    passage: Passage
    offset: int
    kind: Kind
    labels: tuple[str, ...]

    @property
    def stratum(self) -> str:
        """Kind and labels, joined by plus signs."""
        return "+".join((self.kind, *self.labels))


@dataclass(frozen=True, slots=True)
class Choice:
    """A question with one right answer: how does the passage go on?

    Attributes:
        passage: The passage.
        context: Text in front, trailing space included.
        answers: Continuations, the right one first.
    """

    passage: Passage
    context: str
    answers: tuple[str, ...]


def passages(texts: Sequence[Text]) -> list[Passage]:
    """The lines of texts that are long enough to be cut, none longer than 240 bytes."""
    found = []
    for text in texts:
        for number, line in enumerate(text.lines):
            data = line.encode()
            if len(data) > _LONGEST:
                data = data[:_LONGEST].decode("utf-8", "ignore").encode()
            if len(data) >= 8:  # noqa: PLR2004, shorter ones have hardly a place to cut
                found.append(Passage(f"{text.name}/{number}", data))
    return found


def _rank(*parts: object) -> bytes:
    return hashlib.blake2b("/".join(map(str, parts)).encode(), digest_size=16).digest()


def _labels(data: bytes, offset: int) -> tuple[str, ...]:
    try:
        before, after = data[:offset].decode()[-1:], data[offset:].decode()[:1]
    except UnicodeDecodeError:
        return ()
    tests = (before == " ", before.isdigit() and after.isdigit(), before.isalpha() and after.isalpha())
    return tuple(label for label, applies in zip(LABELS, tests, strict=True) if applies)


class _Tokens:
    """Tokens of a passage, and whether a cut between two of them is stable."""

    def __init__(self, tokenizer: Tokenizer, passage: Passage) -> None:
        self._tokenizer = tokenizer
        self._data = passage.data
        self._ids = tokenizer.encode(passage.data.decode())
        at = -len(tokenizer.info.prefix)
        self._tokens_before: dict[int, int] = {}
        for count, token in enumerate(self._ids, 1):
            at += len(tokenizer.token_bytes(token))
            self._tokens_before[at] = count
        if at != len(passage.data):
            raise TokbenchError(f"the tokens of {passage.name} do not join to it")

    def kind(self, offset: int) -> Kind:
        if self._data[offset] & 0xC0 == 0x80:  # noqa: PLR2004, UTF-8
            return "inside-char"
        count = self._tokens_before.get(offset)
        if count is None:
            return "inside-token"
        alone = self._tokenizer.encode(self._data[:offset].decode())
        return "boundary" if alone == self._ids[:count] else "unstable"


def cuts(tokenizer: Tokenizer, texts: Sequence[Passage], wanted: int) -> list[Cut]:
    """About ``wanted`` cuts, as many of each kind as of the others where there are so many.

    A passage whose tokens do not join to it (the tokenizer changes it) is left out.
    """
    quota = -(-wanted // len(KINDS))
    found: dict[Kind, list[Cut]] = {kind: [] for kind in KINDS}
    tokens: dict[str, _Tokens | None] = {}
    places = sorted(_places(texts))
    for _, index, offset in places:
        passage = texts[index]
        if passage.name not in tokens:
            try:
                tokens[passage.name] = _Tokens(tokenizer, passage)
            except (TokbenchError, LookupError, ValueError):
                tokens[passage.name] = None
        known = tokens[passage.name]
        if known is None:
            continue
        if all(len(group) >= quota for group in found.values()):
            break
        kind = known.kind(offset)
        if len(found[kind]) < quota:
            found[kind].append(Cut(passage, offset, kind, _labels(passage.data, offset)))
    return [cut for kind in KINDS for cut in found[kind]]


def _places(texts: Sequence[Passage]) -> Iterator[tuple[bytes, int, int]]:
    for index, passage in enumerate(texts):
        for offset in range(1, len(passage.data)):
            yield _rank("cut", passage.name, offset), index, offset


def heads(texts: Sequence[Passage], wanted: int, *, longest: int = 12) -> list[Passage]:
    """Beginnings of ``wanted`` passages, of at most ``longest`` bytes, whole characters."""
    order = sorted(texts, key=lambda passage: _rank("head", passage.name))[:wanted]
    return [Passage(passage.name, passage.data[:longest].decode("utf-8", "ignore").encode()) for passage in order]


def choices(texts: Sequence[Passage], wanted: int, *, alternatives: int = 3) -> list[Choice]:
    """Questions whose right answer is the next word of a passage, the others next words of other passages.

    The context ends in a space for half of them, and the answer begins with it for the other half: harnesses differ
    in where they cut, and that is what is measured.
    """
    spots: list[tuple[bytes, Passage, str, str]] = []
    for passage in texts:
        words = passage.data.decode().split(" ")
        for index in range(1, len(words)):
            if words[index] and words[index - 1]:
                rank = _rank("choice", passage.name, index)
                spots.append((rank, passage, " ".join(words[:index]), words[index]))
    spots.sort(key=lambda spot: spot[0])
    found: list[Choice] = []
    for number, (rank, passage, context, word) in enumerate(spots):
        if len(found) == wanted:
            break
        others: list[str] = []
        script = passage.name.split("/")[0]
        for step in range(1, len(spots)):
            _, other, _, candidate = spots[(number + step) % len(spots)]
            if other.name.split("/")[0] == script and candidate not in {word, *others}:
                others.append(candidate)
            if len(others) == alternatives:
                break
        if len(others) < alternatives:
            continue
        answers = (word, *others)
        if rank[0] % 2:
            found.append(Choice(passage, context + " ", answers))
        else:
            found.append(Choice(passage, context, tuple(" " + answer for answer in answers)))
    return found
