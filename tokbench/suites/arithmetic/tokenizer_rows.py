"""Rows of the tokenizer side of the suite: how numbers are cut, and what that means for sums. No model is asked."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace
from functools import cache

from tokbench._resources import resource
from tokbench.errors import UnknownNameError, UnsupportedError
from tokbench.results import Metric, Sample
from tokbench.stats import ratio_interval, wilson
from tokbench.suites.arithmetic._shares import share_rows
from tokbench.suites.arithmetic.alignment_rows import alignment_rows
from tokbench.suites.arithmetic.cuts import START
from tokbench.suites.arithmetic.formats import SCRIPTS
from tokbench.suites.arithmetic.fusion import AFFIXES, GROUPINGS, fusion
from tokbench.suites.arithmetic.partitions import Instability, Partitions, instability, partitions, segmentations
from tokbench.suites.arithmetic.policy import LONGEST, ContextPolicy, digit_policy
from tokbench.suites.definition import read_toml
from tokbench.suites.exactness.digits import census_rows
from tokbench.suites.part import PartResult
from tokbench.tokenizers import Tokenizer

__all__ = ["TokenizerSizes", "arithmetic_tokenizer_rows", "tokenizer_sizes"]


@dataclass(frozen=True, slots=True, kw_only=True)
class TokenizerSizes:
    """How many numbers a profile looks at.

    Attributes:
        policy: Numbers of each length in each context.
        sample: Numbers of each length above four in the tables of partitions.
        additions: Additions of each triple of lengths.
        instability: Numbers of each length to which a digit is added.
        forms: Numbers of each length in each written form.
    """

    policy: int
    sample: int
    additions: int
    instability: int
    forms: int


@cache
def tokenizer_sizes(profile: str) -> TokenizerSizes:
    """The sizes of a profile, from ``suites/arithmetic/tokenizer.toml``.

    Raises:
        UnknownNameError: If the profile does not exist.
        SuiteDefinitionError: If the file is malformed.
    """
    top = read_toml(resource("suites", "arithmetic", "tokenizer.toml"))
    if not top.has(profile):
        raise UnknownNameError("profile", profile, top.names())
    fields = top.table(profile)
    found = TokenizerSizes(**{name: fields.count(name) for name in TokenizerSizes.__slots__})
    fields.finish()
    return found


_COUNTED = "12345678901234567890"
_COUNTED_LENGTHS = (3, 7, 8, 9, LONGEST)
_UNSTABLE = range(3, 13)  # a shorter number has no chunk that one more digit could move
_LISTED = 50
_SHOWN = 3


# ---------------------------------------------------------------------- policy


def _policy_sample(name: str, script: str, found: ContextPolicy) -> Sample:
    defined = found.label != "undefined"
    parts = [f"{found.label}: {found.rule} cuts {found.k} of {found.n} numbers of the lengths that tell it from others"]
    if not defined:
        parts = [f"{found.undefined} of {found.total} numbers have no cuts: {found.reason}"]
    elif found.undefined:
        parts.append(f"{found.undefined} of {found.total} numbers have no cuts: {found.reason}")
    if found.fused:
        parts.append(f"{found.fused} of {found.total} numbers share a token with what stands beside them")
    return Sample(
        item_id=f"policy/{name}{f'@{script}' if script else ''}",
        metric="policy",
        outcome="correct" if defined else "skipped",
        stratum=script or name,
        score=found.k / found.n if found.n else None,
        completion=found.label if defined else None,
        message="; ".join(parts),
        detail={"rule": found.rule, "fused": found.fused, "undefined": found.undefined, "n": found.total},
    )


def _policy_rows(tokenizer: Tokenizer, sizes: TokenizerSizes, seed: int) -> PartResult:
    result = PartResult()
    policy = digit_policy(tokenizer, per_length=sizes.policy, seed=seed)
    scripts = {
        script: digit_policy(tokenizer, per_length=sizes.policy, seed=seed, contexts=(START,), script=script)
        for script in SCRIPTS
    }
    for script, one in (("", policy), *scripts.items()):
        for name, found in one.contexts.items():
            result.samples.append(_policy_sample(name, script, found))
            result.metrics.extend(
                share_rows(
                    "policy.match",
                    found.k,
                    found.n,
                    "numbers cut by the best rule / numbers of the lengths that tell it from others",
                    filter=f"{name}@{script}" if script else name,
                    undefined=found.undefined,
                    reason=found.reason,
                )
            )
    labels = policy.labels
    known = [found for found in policy.contexts.values() if found.label != "undefined"]
    result.metrics.append(
        Metric(
            metric="policy.labels",
            value=float(len(labels)) if known else None,
            k=len(labels),
            n=len(known),
            method="exact",
            unit="different labels over all contexts (above 1: the direction depends on the context)",
            reason="" if known else policy.contexts[START.name].reason,
        )
    )
    result.samples.append(
        Sample(
            item_id="policy",
            metric="policy",
            outcome="correct" if known else "skipped",
            completion=policy.label if known else None,
            message=f"depends on the context: {', '.join(labels)}" if policy.context_dependent
            else "the same in all contexts" if known else policy.contexts[START.name].reason,
            detail={"context_dependent": policy.context_dependent, "labels": list(labels)},
        )
    )  # fmt: skip
    return result


# ---------------------------------------------------------------------- partitions


def _written(partition: Sequence[int]) -> str:
    return "+".join(map(str, partition))


def _partition_sample(found: Partitions) -> Sample:
    name = f"{'spaced' if found.spaced else 'bare'}/{found.length:02d}"
    shown = [f"{_written(partition)} x{count}" for partition, count in found.counts[:_SHOWN]]
    if len(found.counts) > _SHOWN:
        shown.append(f"others x{sum(count for _, count in found.counts[_SHOWN:])}")
    if found.undefined:
        shown.append(f"undefined x{found.undefined}")
    return Sample(
        item_id=f"partition/{name}",
        metric="partition",
        outcome="correct" if found.counts else "skipped",
        stratum="spaced" if found.spaced else "bare",
        completion=_written(found.counts[0][0]) if found.counts else None,
        message=f"bytes of tokens of {'all' if found.exhaustive else 'sampled'} strings of {found.length} digits: "
        + ", ".join(shown),
        detail={
            "partitions": {_written(partition): count for partition, count in found.counts[:_LISTED]},
            "unlisted": sum(count for _, count in found.counts[_LISTED:]),
            "exhaustive": found.exhaustive,
            "undefined": found.undefined,
        },
    )


def _partition_rows(tokenizer: Tokenizer, sizes: TokenizerSizes, seed: int) -> PartResult:
    result = PartResult()
    for spaced in (False, True):
        for length in range(1, LONGEST + 1):
            found = partitions(tokenizer, length, spaced=spaced, count=sizes.sample, seed=seed)
            result.samples.append(_partition_sample(found))
            result.metrics.extend(
                share_rows(
                    "partition.most-frequent",
                    found.counts[0][1] if found.counts else 0,
                    found.total,
                    "strings cut in the most frequent way / strings of digits",
                    filter=f"{'spaced' if spaced else 'bare'}|{length}",
                    exact=found.exhaustive,
                    undefined=found.undefined,
                )
            )
    return result


# ---------------------------------------------------------------------- one more digit, other characters, other ways


def _instability_row(name: str, found: Sequence[Instability]) -> list[Metric]:
    """A share of pairs of a number and a digit; the nine pairs of a number are not independent."""
    pairs = [pair for one in found for pair in one.numbers]
    k, n = sum(changed for changed, _ in pairs), sum(tried for _, tried in pairs)
    [row, *rest] = share_rows(
        "instability",
        k,
        n,
        "numbers and digits put in front of them that change cuts inside the number / numbers and digits",
        filter=name,
        direction="down",
        undefined=sum(one.undefined for one in found),
    )
    if n and 0 < k < n:
        lo, hi = ratio_interval([changed for changed, _ in pairs], [tried for _, tried in pairs])
        row = replace(row, lo=max(0.0, lo), hi=min(1.0, hi), method="clustered")
    elif n:  # all numbers are alike: as many trials as there are numbers
        lo, hi = wilson(len(pairs) if k else 0, len(pairs))
        row = replace(row, lo=lo, hi=hi)
    return [row, *rest]


def _instability_rows(tokenizer: Tokenizer, sizes: TokenizerSizes, seed: int) -> list[Metric]:
    found = [instability(tokenizer, length, count=sizes.instability, seed=seed) for length in _UNSTABLE]
    rows = _instability_row("all", found)
    for one in found:
        rows += _instability_row(str(one.length), [one])
    return rows


def _form_rows(tokenizer: Tokenizer, sizes: TokenizerSizes, seed: int) -> list[Metric]:
    rows: list[Metric] = []
    for name in (*GROUPINGS, *AFFIXES):
        found = fusion(tokenizer, name, per_length=sizes.forms, seed=seed)
        kept = "tokens are the groups" if name in GROUPINGS else "cuts are those of the number alone"
        rows += share_rows(
            "fusion",
            found.fused,
            found.n,
            "numbers with a token that holds a digit and something else / numbers",
            filter=name,
            direction="down",
            undefined=found.undefined,
            reason=found.reason,
        )
        rows += share_rows(
            "grouping.kept",
            found.kept,
            found.n,
            f"numbers whose {kept} / numbers",
            filter=name,
            direction="up",
            reason=found.reason,
        )
    return rows


def _segmentation_rows(tokenizer: Tokenizer) -> list[Metric]:
    rows = []
    for length in _COUNTED_LENGTHS:
        count: int | None = None
        reason = ""
        try:
            count = segmentations(tokenizer, _COUNTED[:length])
        except UnsupportedError as error:
            reason = str(error)
        rows.append(
            Metric(
                metric="segmentations",
                value=None if count is None else float(count),
                k=count,
                n=length,
                method="exact",
                unit=f"ways to spell the digits {_COUNTED[:length]} with tokens of the vocabulary",
                filter=str(length),
                reason=reason,
            )
        )
    return rows


def arithmetic_tokenizer_rows(tokenizer: Tokenizer, *, profile: str, seed: int) -> PartResult:
    """Everything that the suite says of a tokenizer alone.

    Samples: ``policy`` (the label of the whole), ``policy/<context>`` and ``policy/start@<script>``,
    ``partition/<bare|spaced>/<digits>``, ``alignment/<la>+<lb>=<ln>``. Metrics: ``digits.entries`` (census),
    ``policy.match``, ``policy.labels``, ``partition.most-frequent``, ``alignment.answers``, ``.operands``,
    ``.jaccard``, ``.carry-at-boundary``, ``.undefined``, ``instability``, ``fusion``, ``grouping.kept``,
    ``segmentations``. Where nothing is defined a row has a reason instead of a value; rows ``<metric>.undefined`` count
    what is not defined beside ``n``.

    Args:
        tokenizer: The tokenizer.
        profile: ``smoke``, ``core`` or ``full``.
        seed: Seed of the numbers.

    Raises:
        UnknownNameError: If the profile does not exist.
        SuiteDefinitionError: If the definition of the suite is malformed.
    """
    sizes = tokenizer_sizes(profile)
    result = PartResult([], census_rows(tokenizer))
    for found in (
        _policy_rows(tokenizer, sizes, seed),
        _partition_rows(tokenizer, sizes, seed),
        alignment_rows(tokenizer, sizes.additions, seed),
    ):
        result.samples.extend(found.samples)
        result.metrics.extend(found.metrics)
    result.metrics.extend(_instability_rows(tokenizer, sizes, seed))
    result.metrics.extend(_form_rows(tokenizer, sizes, seed))
    result.metrics.extend(_segmentation_rows(tokenizer))
    return result
