"""Which information a tokenizer loses, and by which of three mechanisms.

For a text x with ids = encode(x) and raw = joined token bytes less the inserted prefix, the first that holds is the
kind of loss: an *unknown* id occurs, or characters vanish without an id; raw is not the UTF-8 of x (*normalisation*);
raw is, but the library's ``decode`` gives another text (*decode-side*). A decoder that differs from raw on top of
another loss is flagged as secondary.
"""

from __future__ import annotations

import unicodedata
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from types import MappingProxyType

from tokbench.results import Metric, Sample
from tokbench.suites.exactness._shrink import shrink_text
from tokbench.suites.part import PartResult
from tokbench.tokenizers.capability import EXCEPTIONS, Loss, excepted
from tokbench.tokenizers.protocol import Tokenizer

__all__ = ["KINDS", "LossExample", "LossSurvey", "Outcome", "classify", "loss_rows", "survey"]

KINDS: tuple[Loss, ...] = ("unknown-token", "normalisation", "decode-side")


@dataclass(frozen=True, slots=True)
class Outcome:
    """What happens to one text.

    Attributes:
        kind: The main kind of loss, or None if the text comes back.
        secondary: Whether the library's decoder loses something on top of ``kind``.
    """

    kind: Loss | None
    secondary: bool = False


@dataclass(frozen=True, slots=True)
class LossExample:
    """A short text that shows a kind of loss.

    Attributes:
        kind: The kind.
        exception: Named exception that the text falls under (declared ones first), or None.
        text: The text.
        raw: Bytes that its ids stand for, less the inserted prefix.
        decoded: What the library decodes.
    """

    kind: Loss
    exception: str | None
    text: str
    raw: bytes
    decoded: str


@dataclass(frozen=True, slots=True)
class LossSurvey:
    """Losses over many texts.

    Attributes:
        n: Number of texts.
        counts: Texts by kind of loss; all three kinds are there.
        secondary: Texts with a decode-side loss on top of another.
        by_exception: Texts with a loss, by kind and by the named exception that applies (``""`` for none).
        examples: One shrunk text for each pair in ``by_exception``.
    """

    n: int
    counts: Mapping[Loss, int]
    secondary: int
    by_exception: Mapping[tuple[Loss, str], int]
    examples: tuple[LossExample, ...]

    @property
    def lossless(self) -> int:
        """Texts that come back."""
        return self.n - sum(self.counts.values())


_INSUBSTANTIAL = frozenset({"Cc", "Cf", "Mn", "Me", "Zs", "Zl", "Zp"})


def _subsequence(part: str, whole: str) -> str | None:
    """The characters of ``whole`` that are missing in ``part``, or None if ``part`` is not what is left of it."""
    missing, position = [], 0
    for character in whole:
        if position < len(part) and part[position] == character:
            position += 1
        else:
            missing.append(character)
    return "".join(missing) if position == len(part) else None


def _substance(text: str) -> bool:
    """Whether a text holds more than spaces, marks, controls and format characters (which normalisers remove)."""
    return any(
        # U+2581 stands for a space in vocabularies and is collapsed as one
        character != "\u2581" and unicodedata.category(character) not in _INSUBSTANTIAL
        for character in text
    )


def _vanished(text: str, raw: str) -> bool:
    """Whether characters of ``text`` have no trace in ``raw``, allowing for what normalisers do to the others."""
    if len(raw) >= len(text):
        return False
    for form in (text, unicodedata.normalize("NFC", text), unicodedata.normalize("NFKC", text), text.lower(),
                 unicodedata.normalize("NFKC", text).lower()):  # fmt: skip
        missing = _subsequence(raw, form)
        if missing is not None:
            # a decomposed form lists its marks apart, so that a stripped accent is a mark, not a letter
            return _substance(missing)
    return False


def _raw(tokenizer: Tokenizer, text: str, ids: list[int], decoded: str) -> bytes:
    capability = tokenizer.info.capability
    if not capability.preimage:
        # Where the vocabulary drops the spaces between words (WordPiece), joined token bytes cannot be compared
        # with the text by anyone: the declared rule of joining is the decoder's.
        return decoded.encode()
    if "leading-space" in capability.exceptions and EXCEPTIONS["leading-space"].applies(text):
        return tokenizer.join_bytes(ids)  # declared: nothing was inserted in front of this text
    return tokenizer.decode_bytes(ids)


def _measure(tokenizer: Tokenizer, text: str) -> tuple[Outcome, bytes, str]:
    ids = tokenizer.encode(text)
    decoded = tokenizer.decode(ids)
    raw = _raw(tokenizer, text, ids, decoded)
    raw_text = raw.decode("utf-8", "replace")
    if any(tokenizer.kind(token_id) == "unknown" for token_id in ids) or (
        raw != text.encode() and _vanished(text, raw_text)
    ):
        # what a decoder shows for an unknown id is its own affair, so it is left out of the comparison
        known = [token_id for token_id in ids if tokenizer.kind(token_id) != "unknown"]
        secondary = tokenizer.info.capability.preimage and tokenizer.decode(known) != tokenizer.decode_bytes(
            known
        ).decode("utf-8", "replace")
        return Outcome("unknown-token", secondary), raw, decoded
    if raw != text.encode():
        return Outcome("normalisation", decoded != raw_text), raw, decoded
    return Outcome(None if decoded == text else "decode-side"), raw, decoded


def classify(tokenizer: Tokenizer, text: str) -> Outcome:
    """What happens to ``text`` under ``tokenizer``.

    Raises:
        UnpairedSurrogateError: If the text holds a surrogate.
    """
    return _measure(tokenizer, text)[0]


def _exception(tokenizer: Tokenizer, text: str) -> str:
    declared = tokenizer.info.capability.exceptions
    order = [*(name for name in EXCEPTIONS if name in declared), *(name for name in EXCEPTIONS if name not in declared)]
    return excepted(text, order) or ""


def survey(tokenizer: Tokenizer, texts: Iterable[str]) -> LossSurvey:
    """Count losses over ``texts``, with one shrunk example for each kind and named exception."""
    n = secondary = 0
    counts: dict[Loss, int] = dict.fromkeys(KINDS, 0)
    by_exception: dict[tuple[Loss, str], int] = {}
    first: dict[tuple[Loss, str], str] = {}
    for text in texts:
        n += 1
        outcome = classify(tokenizer, text)
        if outcome.kind is None:
            continue
        counts[outcome.kind] += 1
        secondary += outcome.secondary
        key = (outcome.kind, _exception(tokenizer, text))
        by_exception[key] = by_exception.get(key, 0) + 1
        first.setdefault(key, text)
    examples = tuple(_example(tokenizer, key, text) for key, text in sorted(first.items()))
    return LossSurvey(n, MappingProxyType(counts), secondary, MappingProxyType(by_exception), examples)


def _example(tokenizer: Tokenizer, key: tuple[Loss, str], text: str) -> LossExample:
    def same(candidate: str) -> bool:
        return classify(tokenizer, candidate).kind == key[0] and _exception(tokenizer, candidate) == key[1]

    short = shrink_text(text, same)
    _, raw, decoded = _measure(tokenizer, short)
    return LossExample(key[0], key[1] or None, short, raw, decoded)


def loss_rows(found: LossSurvey) -> PartResult:
    """Rows of a survey: ``loss.<kind>`` and ``loss.secondary``, and a sample for each example."""
    samples = [
        Sample(
            item_id=f"loss/{example.kind}/{example.exception or 'unnamed'}",
            metric=f"loss.{example.kind}",
            outcome="wrong",
            stratum=example.exception or "",
            score=found.by_exception[example.kind, example.exception or ""] / found.n,
            gold=example.text,
            completion=example.decoded,
            message=f"{example.text!r} becomes bytes {example.raw!r}, decoded to {example.decoded!r} "
            f"({found.by_exception[example.kind, example.exception or '']} of {found.n} texts)",
        )
        for example in found.examples
    ]
    metrics = [
        Metric(
            metric=f"loss.{name}",
            value=count / found.n if found.n else None,
            direction="down",
            k=count,
            n=found.n,
            method="exact",
            unit="texts / texts of the fixed corpus",
            reason="" if found.n else "there are no texts",
        )
        for name, count in [*found.counts.items(), ("secondary", found.secondary)]
    ]
    return PartResult(samples, metrics)
