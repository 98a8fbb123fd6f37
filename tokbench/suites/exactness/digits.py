"""How a tokenizer cuts runs of digits, and how many digit tokens it has."""

from __future__ import annotations

import re
from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from types import MappingProxyType

from tokbench.errors import UnsupportedError
from tokbench.results import Metric, Sample
from tokbench.suites.definition import DigitRuns
from tokbench.suites.exactness._draw import Draw
from tokbench.suites.part import PartResult
from tokbench.tokenizers.protocol import Tokenizer

__all__ = [
    "DIGITS", "DigitCensus", "DigitPolicy", "census_rows", "digit_census", "digit_policy", "digit_rows", "digit_runs",
    "label",
]  # fmt: skip

DIGITS: Mapping[str, str] = MappingProxyType(
    {
        "ascii": "0123456789",
        "arabic-indic": "٠١٢٣٤٥٦٧٨٩",
        "full-width": "０１２３４５６７８９",
        "superscript": "⁰¹²³⁴⁵⁶⁷⁸⁹",
    }
)
"""Sorts of digits, each from zero to nine."""

Partition = tuple[int, ...]
"""Sizes of the tokens of a run, from left to right."""


@dataclass(frozen=True, slots=True)
class DigitPolicy:
    """How runs of one sort of digits are cut.

    Attributes:
        kind: Sort of digits, a name in :data:`DIGITS`.
        spaced: Whether a space stands in front of the run.
        label: ``single`` (every digit alone), ``left-k`` (chunks of k counted from the left), ``right-k`` (from
            the right), ``learned`` (varying), ``sub-digit`` (tokens end inside a digit, or
            are not the digits' own), ``unknown`` (the
            vocabulary has no such digits), or ``""`` where spans are missing.
        partitions: Token lengths in bytes, the space included, by number of digits: each partition with the
            number of runs cut that way, most frequent first.
        reason: Why there is no label.
    """

    kind: str
    spaced: bool
    label: str
    partitions: Mapping[int, tuple[tuple[Partition, int], ...]]
    reason: str = ""


@dataclass(frozen=True, slots=True)
class DigitCensus:
    """Vocabulary entries with ASCII digits.

    Attributes:
        bare: Entries that are digits only, by their length in digits.
        spaced: Entries that are a space and digits, by their number of digits.
        mixed: Entries that hold a digit and something else.
    """

    bare: Mapping[int, int]
    spaced: Mapping[int, int]
    mixed: int

    @property
    def entries(self) -> int:
        """Bare and spaced entries together."""
        return sum(self.bare.values()) + sum(self.spaced.values())


# ---------------------------------------------------------------------- policy


def digit_runs(settings: DigitRuns, kind: str) -> list[str]:
    """Runs of 1 to ``settings.max_length`` digits, ``settings.per_length`` of each, always the same.

    Of one digit there are the ten that there are.
    """
    digits = DIGITS[kind]
    runs = list(digits)
    for length in range(2, settings.max_length + 1):
        # the same figures for all sorts of digits, so that tables compare
        draws = (Draw(f"tokbench digit run/{length}/{index}") for index in range(settings.per_length))
        runs += ["".join(digits[draw.below(10)] for _ in range(length)) for draw in draws]
    return runs


def _chunks(length: int, width: int, *, from_left: bool) -> Partition:
    whole, rest = divmod(length, width)
    parts = [width] * whole + ([rest] if rest else [])
    return tuple(parts if from_left else reversed(parts))


def label(partitions: Sequence[Partition]) -> str:
    """Name of the policy that gives all of ``partitions``.

    Args:
        partitions: Token lengths in digits of several runs of several lengths.
    """
    if all(set(partition) <= {1} for partition in partitions):
        return "single"
    longest = max(max(partition) for partition in partitions)
    for side in ("left", "right"):
        if all(partition == _chunks(sum(partition), longest, from_left=side == "left") for partition in partitions):
            return f"{side}-{longest}"
    return "learned"


def _in_digits(text: str, spans: Sequence[tuple[int, int]], start: int) -> Partition | None:
    """Token lengths in digits from code point ``start`` on; None if a token ends inside a digit."""
    digit_at, position = {}, 0
    for index, character in enumerate(text):
        digit_at[position] = max(index - start, 0)
        position += len(character.encode())
    digit_at[position] = len(text) - start
    sizes = []
    for left, right in spans:
        if left not in digit_at or right not in digit_at:
            return None
        sizes.append(digit_at[right] - digit_at[left])
    return tuple(size for size in sizes if size)


def digit_policy(tokenizer: Tokenizer, kind: str, settings: DigitRuns, *, spaced: bool) -> DigitPolicy:
    """The policy for one sort of digits, from all runs of :func:`digit_runs`."""
    table: dict[int, Counter[Partition]] = {}
    in_digits: list[Partition] = []
    sub_digit = False
    for run in digit_runs(settings, kind):
        text = f" {run}" if spaced else run
        if any(tokenizer.kind(token_id) == "unknown" for token_id in tokenizer.encode(text)):
            return DigitPolicy(kind, spaced, "unknown", MappingProxyType({}), "some run gives an unknown token")
        try:
            # a token without bytes in the text (an inserted prefix) is left out
            spans = [(start, end) for start, end in tokenizer.spans(text) if end > start]
        except UnsupportedError as error:
            return DigitPolicy(kind, spaced, "", MappingProxyType({}), str(error))
        table.setdefault(len(run), Counter())[tuple(end - start for start, end in spans)] += 1
        sizes = _in_digits(text, spans, int(spaced))
        if sizes is None or sum(sizes) != len(run):
            sub_digit = True
        else:
            in_digits.append(sizes)
    partitions = {length: tuple(counter.most_common()) for length, counter in sorted(table.items())}
    name = "sub-digit" if sub_digit else label(in_digits)
    return DigitPolicy(kind, spaced, name, MappingProxyType(partitions))


# ---------------------------------------------------------------------- census


_BARE = re.compile(rb"[0-9]+")
_SPACED = re.compile(rb" [0-9]+")
_ANY = re.compile(rb"[0-9]")


def digit_census(tokenizer: Tokenizer) -> DigitCensus:
    """Count the vocabulary entries of kind normal or added that hold ASCII digits."""
    bare: Counter[int] = Counter()
    spaced: Counter[int] = Counter()
    mixed = 0
    for token_id in tokenizer.ids():
        if token_id in tokenizer.undecodable() or tokenizer.kind(token_id) not in {"normal", "added"}:
            continue
        data = tokenizer.token_bytes(token_id)
        if _BARE.fullmatch(data):
            bare[len(data)] += 1
        elif _SPACED.fullmatch(data):
            spaced[len(data) - 1] += 1
        elif _ANY.search(data):
            mixed += 1
    return DigitCensus(MappingProxyType(dict(sorted(bare.items()))), MappingProxyType(dict(sorted(spaced.items()))),
                       mixed)  # fmt: skip


# ---------------------------------------------------------------------- rows


def _table(policy: DigitPolicy) -> str:
    """Some partitions in one line: ``4: 3+1; 7: 3+3+1``, lengths in bytes by number of digits.

    A regular policy is clear from two lengths; of others the two most frequent partitions of short runs are shown.
    """
    regular = policy.label == "single" or policy.label.startswith(("left-", "right-"))
    lines = []
    for length in (4, 7) if regular else range(1, 7):
        found = policy.partitions.get(length, ())
        shown = ["+".join(map(str, partition)) + ("" if len(found) == 1 else f" x{count}")
                 for partition, count in found[:2]]  # fmt: skip
        rest = sum(count for _, count in found[2:])
        lines += [f"{length}: {', '.join([*shown, *([f'others x{rest}'] if rest else [])])}"] if shown else []
    return "; ".join(lines)


def census_rows(tokenizer: Tokenizer) -> list[Metric]:
    """Rows of the census: ``digits.entries``, in all and by kind and length of entry."""
    census = digit_census(tokenizer)
    return [
        Metric(
            metric="digits.entries",
            value=float(count),
            k=count,
            n=tokenizer.info.n_ids,
            method="exact",
            unit="vocabulary entries",
            filter=name,
        )
        for name, count in [
            ("all", census.entries),
            *((f"bare|{length}", count) for length, count in census.bare.items()),
            *((f"spaced|{length}", count) for length, count in census.spaced.items()),
            ("mixed", census.mixed),
        ]
    ]


def digit_rows(tokenizer: Tokenizer, settings: DigitRuns) -> PartResult:
    """Rows: a sample ``digits/<kind>`` (and ``digits/<kind>-spaced``) for each sort of digits, and the census."""
    samples = []
    for kind in settings.kinds:
        for spaced in (False, True):
            policy = digit_policy(tokenizer, kind, settings, spaced=spaced)
            table = _table(policy)
            samples.append(
                Sample(
                    item_id=f"digits/{kind}{'-spaced' if spaced else ''}",
                    metric="digits",
                    outcome="correct" if policy.label else "skipped",
                    stratum=kind,
                    completion=policy.label or None,
                    message=(f"{policy.label}: {policy.reason}" if policy.label else policy.reason)
                    if policy.reason
                    else f"{policy.label}; bytes of tokens by number of digits {table}",
                )
            )
    return PartResult(samples, census_rows(tokenizer))
