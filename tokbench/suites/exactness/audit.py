"""Audit of a vocabulary: which ids no text produces, and which cannot stand alone as UTF-8.

Re-encoding the bytes of a token alone raises false alarms on half of a SentencePiece vocabulary, because a prefix is
inserted in front of them. So each text is tried alone, then behind an anchor (``«`` t), then in front of one (t ``x``).
"Unreachable" is a statement about these templates, not a proof.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from types import MappingProxyType
from typing import Literal

from tokbench.errors import UnsupportedError
from tokbench.results import Metric, Sample
from tokbench.suites.part import PartResult
from tokbench.tokenizers.protocol import Tokenizer

__all__ = ["CATEGORIES", "AuditReport", "Category", "Finding", "Reason", "audit", "audit_rows"]

Category = Literal[
    "partial-utf8", "partial-unmerged", "alone", "front", "behind", "unreachable-single", "unreachable-multi",
    "undecodable", "duplicate", "byte-emitted", "byte-silent",
]  # fmt: skip
Reason = Literal["pretokenizer", "normaliser", "shadowed", "merge"]

CATEGORIES: Mapping[Category, tuple[str, str]] = MappingProxyType(
    {
        "partial-utf8": ("ids whose bytes are not valid UTF-8 alone", "text"),
        "partial-unmerged": ("ids that are not valid UTF-8 alone and that merging their bytes does not give", "text"),
        "alone": ("ids that their own text gives", "text"),
        "front": ("ids that their own text gives behind an anchor only", "text"),
        "behind": ("ids that their own text gives in front of an anchor only", "text"),
        "unreachable-single": ("ids whose text gives one other id", "text"),
        "unreachable-multi": ("ids whose text gives several ids", "text"),
        "undecodable": ("ids to which no bytes can be assigned", "all"),
        "duplicate": ("ids that share their bytes with another id", "all"),
        "byte-emitted": ("byte pieces that some character gives", "byte"),
        "byte-silent": ("byte pieces that no character alone gives", "byte"),
    }
)
"""Every category: what it counts, and out of which ids (``text``: kind normal or added; ``byte``; ``all``)."""

# letters last: behind them stand the continuations of words in vocabularies that mark them (WordPiece)
FRONT_ANCHORS = ("«", "»", "a", "q", "7")
BEHIND_ANCHORS = ("x", "LL")
_CHUNK = 20_000
_SAMPLES = 200
_MAX_SCALAR = 0x10FFFF
_SURROGATES = range(0xD800, 0xE000)


@dataclass(frozen=True, slots=True)
class Finding:
    """One id that is out of the ordinary.

    Attributes:
        token_id: The id.
        category: What it is.
        data: Its bytes, or None where it has none.
        reason: Why its text does not give it, for the two categories of unreachable ids.
        found: What its text gives instead, or the ids that share its bytes.
        detail: In words.
    """

    token_id: int
    category: Category
    data: bytes | None
    reason: Reason | None
    found: tuple[int, ...]
    detail: str


@dataclass(frozen=True, slots=True)
class AuditReport:
    """What an audit found.

    Attributes:
        counts: Ids by category; all categories are there.
        sizes: Ids by population: ``text`` (kind normal or added, with bytes), ``byte``, ``all``.
        findings: Every id that is out of the ordinary, ascending by category, then id. ``alone``,
            ``byte-emitted`` and, where a prefix is inserted into all text, ``front`` are ordinary.
        piece: Whether merges of single pre-tokens could be looked at.
    """

    counts: Mapping[Category, int]
    sizes: Mapping[str, int]
    findings: tuple[Finding, ...]
    piece: bool

    def of(self, category: Category) -> tuple[Finding, ...]:
        """The findings of one category."""
        return tuple(finding for finding in self.findings if finding.category == category)


def _encode_all(tokenizer: Tokenizer, texts: Sequence[str]) -> Iterator[list[int]]:
    for start in range(0, len(texts), _CHUNK):
        yield from tokenizer.encode_batch(texts[start : start + _CHUNK])


def _piece(tokenizer: Tokenizer, data: bytes) -> list[int] | None:
    try:
        return tokenizer.encode_piece(data)
    except UnsupportedError:
        return None


class _Auditor:
    def __init__(self, tokenizer: Tokenizer) -> None:
        self.tokenizer = tokenizer
        self.prefix = tokenizer.info.prefix
        self.counts: dict[Category, int] = dict.fromkeys(CATEGORIES, 0)
        self.findings: list[Finding] = []
        self.text_ids: dict[int, bytes] = {}
        self.byte_ids: list[int] = []
        self.sharing: dict[bytes, list[int]] = {}
        for token_id in tokenizer.ids():
            if token_id in tokenizer.undecodable():
                continue
            kind = tokenizer.kind(token_id)
            if kind in {"normal", "added"}:
                self.text_ids[token_id] = tokenizer.token_bytes(token_id)
            elif kind == "byte":
                self.byte_ids.append(token_id)
            else:
                continue
            self.sharing.setdefault(tokenizer.token_bytes(token_id), []).append(token_id)

    def add(
        self, token_id: int, category: Category, detail: str, *, reason: Reason | None = None, found: Sequence[int] = ()
    ) -> None:
        data = self.tokenizer.join_bytes([token_id]) or None
        self.findings.append(Finding(token_id, category, data, reason, tuple(found), detail))

    # ------------------------------------------------------------------ steps

    def partial(self) -> dict[int, str]:
        """Step 1; returns the texts of the ids that are valid UTF-8."""
        texts = {}
        for token_id, data in self.text_ids.items():
            try:
                texts[token_id] = data.decode()
            except UnicodeDecodeError:
                self.counts["partial-utf8"] += 1
                self.add(token_id, "partial-utf8", f"{data!r} is not valid UTF-8")
                merged = _piece(self.tokenizer, data)
                if merged is not None and merged != [token_id]:
                    self.counts["partial-unmerged"] += 1
                    self.add(token_id, "partial-unmerged", f"merging {data!r} gives {merged}", found=merged)
        return texts

    def reach(self, texts: dict[int, str]) -> None:
        """Steps 2 and 3."""
        left = []
        for (token_id, text), found in zip(
            texts.items(), _encode_all(self.tokenizer, list(texts.values())), strict=True
        ):
            if found == [token_id]:
                self.counts["alone"] += 1
            else:
                left.append((token_id, text))
        for anchor in FRONT_ANCHORS:
            base = self.tokenizer.encode(anchor)
            encoded = _encode_all(self.tokenizer, [anchor + text for _, text in left])
            rest = []
            for (token_id, text), found in zip(left, encoded, strict=True):
                if found == [*base, token_id]:
                    self.counts["front"] += 1
                    if not self.prefix:
                        self.add(token_id, "front", f"{text!r} gives the id only behind {anchor!r}")
                else:
                    rest.append((token_id, text))
            left = rest
        for front in ("", *FRONT_ANCHORS[:1]) if self.prefix else ("",):
            base = self.tokenizer.encode(front)
            for behind in BEHIND_ANCHORS:
                encoded = _encode_all(self.tokenizer, [front + text + behind for _, text in left])
                rest = []
                for (token_id, text), found in zip(left, encoded, strict=True):
                    if found[: len(base) + 1] == [*base, token_id]:
                        self.counts["behind"] += 1
                        self.add(token_id, "behind", f"{text!r} gives the id only in front of {behind!r}")
                    else:
                        rest.append((token_id, text))
                left = rest
        for token_id, text in left:
            self.unreachable(token_id, text)

    def unreachable(self, token_id: int, text: str) -> None:
        tokenizer = self.tokenizer
        base, found = tokenizer.encode(FRONT_ANCHORS[0]), tokenizer.encode(FRONT_ANCHORS[0] + text)
        found = found[len(base) :] if found[: len(base)] == base else tokenizer.encode(text)
        data = self.text_ids[token_id]
        if _piece(tokenizer, data) == [token_id]:
            reason: Reason = "pretokenizer"
        elif len(found) == 1 and tokenizer.join_bytes(found) == data:
            reason = "shadowed"
        elif tokenizer.decode_bytes(found) != data and tokenizer.join_bytes(found) != data:
            reason = "normaliser"
        else:
            reason = "merge"
        category: Category = "unreachable-single" if len(found) == 1 else "unreachable-multi"
        self.counts[category] += 1
        self.add(token_id, category, f"{text!r} gives {found} ({reason})", reason=reason, found=found)

    def undecodable(self) -> None:
        """Step 4."""
        for token_id, reason in sorted(self.tokenizer.undecodable().items()):
            self.counts["undecodable"] += 1
            self.add(token_id, "undecodable", reason)

    def byte_pieces(self) -> None:
        """Step 5: every scalar value alone."""
        silent = {*self.byte_ids}
        for start in range(0, _MAX_SCALAR + 1, _CHUNK):
            if not silent:
                break
            block = [chr(point) for point in range(start, min(start + _CHUNK, _MAX_SCALAR + 1))
                     if point not in _SURROGATES]  # fmt: skip
            for found in self.tokenizer.encode_batch(block):
                silent.difference_update(found)
        self.counts["byte-emitted"] = len(self.byte_ids) - len(silent)
        self.counts["byte-silent"] = len(silent)
        for token_id in sorted(silent):
            self.add(token_id, "byte-silent", "no character alone gives this byte piece")

    def duplicates(self) -> None:
        for data, ids in self.sharing.items():
            if len(ids) > 1:
                self.counts["duplicate"] += len(ids)
                for token_id in ids:
                    others = [other for other in ids if other != token_id]
                    self.add(token_id, "duplicate", f"{data!r} is also held by {others}", found=others)

    def report(self) -> AuditReport:
        self.reach(self.partial())
        self.undecodable()
        self.byte_pieces()
        self.duplicates()
        order = {category: index for index, category in enumerate(CATEGORIES)}
        self.findings.sort(key=lambda finding: (order[finding.category], finding.token_id))
        sizes = {"text": len(self.text_ids), "byte": len(self.byte_ids), "all": self.tokenizer.info.n_ids}
        return AuditReport(
            MappingProxyType(self.counts),
            MappingProxyType(sizes),
            tuple(self.findings),
            _piece(self.tokenizer, b"a") is not None,
        )


def audit(tokenizer: Tokenizer) -> AuditReport:
    """Audit every id of ``tokenizer``.

    Ids of kind ``byte`` are looked at by scalar values only: an ASCII byte piece is always shadowed by the normal
    piece of the same byte.
    """
    return _Auditor(tokenizer).report()


def audit_rows(report: AuditReport) -> PartResult:
    """Rows of an audit: ``audit.<category>`` for each category, and at most 200 samples of each."""
    samples, metrics = [], []
    for category, (unit, population) in CATEGORIES.items():
        findings, total = report.of(category), report.sizes[population]
        unseen = category == "partial-unmerged" and not report.piece
        reason = "" if total else f"the vocabulary has no {population} ids"
        if unseen:
            reason = "the library exposes no merge of a single pre-token"
        metrics.append(
            Metric(
                metric=f"audit.{category}",
                value=None if reason else float(report.counts[category]),
                direction="down" if category.startswith("unreachable") or category == "undecodable" else "none",
                k=report.counts[category],
                n=total,
                method="exact",
                unit=f"{unit} ({population} ids)",
                reason=reason,
            )
        )
        shown = findings[:_SAMPLES]
        for index, finding in enumerate(shown):
            more = len(findings) - _SAMPLES if index == _SAMPLES - 1 else 0
            samples.append(
                Sample(
                    item_id=f"audit/{category}/{finding.token_id}",
                    metric=f"audit.{category}",
                    outcome="wrong" if category.startswith("unreachable") or category == "undecodable" else "correct",
                    stratum=finding.reason or "",
                    ids=(finding.token_id, *finding.found),
                    gold=None if finding.data is None else repr(finding.data),
                    message=finding.detail + (f"; {more} more ids of this category are not listed" if more > 0 else ""),
                )
            )
    return PartResult(samples, metrics)
