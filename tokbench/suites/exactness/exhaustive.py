"""Every assigned code point below U+30000 alone: which of them does a tokenizer not give back."""

from __future__ import annotations

import unicodedata
from collections.abc import Iterator
from dataclasses import dataclass

from tokbench.errors import TokbenchError
from tokbench.results import Metric, Sample
from tokbench.suites.part import PartResult
from tokbench.tokenizers import Tokenizer, excepted

__all__ = ["ExhaustiveReport", "assigned_characters", "exhaustive", "exhaustive_rows"]

LIMIT = 0x30000
_SHOWN = 40


def assigned_characters() -> Iterator[str]:
    """Characters below U+30000 that are assigned in Python's Unicode database, surrogates left out."""
    for code in range(LIMIT):
        character = chr(code)
        if unicodedata.category(character) not in {"Cn", "Cs"}:
            yield character


@dataclass(frozen=True, slots=True)
class ExhaustiveReport:
    """What came of the code points.

    Attributes:
        n: Number of code points tried.
        changed: Those that the library decodes to something else, as declared (an exception, or lossy).
        undeclared: Those that it changes although it is declared to keep them.
    """

    n: int
    changed: tuple[str, ...]
    undeclared: tuple[str, ...]


def exhaustive(tokenizer: Tokenizer) -> ExhaustiveReport:
    """Encode and decode every assigned code point alone."""
    capability = tokenizer.info.capability
    characters = list(assigned_characters())
    changed: list[str] = []
    undeclared: list[str] = []
    for character, ids in zip(characters, tokenizer.encode_batch(characters), strict=True):
        try:
            kept = tokenizer.decode(ids) == character
        except TokbenchError:
            kept = False
        if not kept:
            declared = capability.round_trip == "lossy" or excepted(character, capability.exceptions) is not None
            (changed if declared else undeclared).append(character)
    return ExhaustiveReport(len(characters), tuple(changed), tuple(undeclared))


def exhaustive_rows(report: ExhaustiveReport) -> PartResult:
    """Rows: ``exhaustive.changed`` with filters ``declared`` and ``undeclared``, and a sample for each that occurs."""
    samples, metrics = [], []
    for name, found in (("declared", report.changed), ("undeclared", report.undeclared)):
        metrics.append(
            Metric(
                metric="exhaustive.changed",
                value=len(found) / report.n,
                direction="down",
                k=len(found),
                n=report.n,
                unit=f"code points that decode to something else / assigned code points below U+{LIMIT:X}, each alone",
                filter=name,
            )
        )
        if found:
            shown = " ".join(f"U+{ord(character):04X}" for character in found[:_SHOWN])
            more = f" and {len(found) - _SHOWN} more" if len(found) > _SHOWN else ""
            samples.append(
                Sample(
                    item_id=f"exhaustive/{name}",
                    metric="exhaustive",
                    outcome="wrong",
                    stratum=name,
                    score=len(found) / report.n,
                    message=f"{shown}{more}",
                )
            )
    return PartResult(samples, metrics)
