"""What each injected item does: one law, one class of the parity corpus, one set of vectors, one audit category."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import dataclass
from functools import cache, partial
from pathlib import Path
from typing import TYPE_CHECKING, Literal

from tokbench._plugin.message import MAX_LINES, ids_block, law_failure, pieces_of, shorten
from tokbench._plugin.options import Settings
from tokbench._plugin.outcomes import LOSSY
from tokbench._plugin.subjects import Subject
from tokbench.errors import TokbenchError
from tokbench.laws import LAWS, check_law
from tokbench.tokenizers import Tokenizer

if TYPE_CHECKING:
    from tokbench.suites.definition import VectorSet
    from tokbench.suites.exactness.audit import AuditReport, Category, Finding
    from tokbench.suites.exactness.parity import Difference
    from tokbench.suites.exactness.vectors import CaseResult

__all__ = ["Check", "Found", "checks_of", "hold_law", "known_names"]

_PARITY_SHARE = 30  # strings of the parity corpus for each example of a law: the profiles of the suite have about that
_SHOWN = 20
_AUDITED = ("unreachable-single", "unreachable-multi", "undecodable")


@dataclass(frozen=True, slots=True)
class Found:
    """What a check found.

    Attributes:
        status: ``passed``, ``failed``, ``skipped`` or ``error`` (it could not be tried).
        reason: One sentence for tables and records.
        text: The whole message for a person.
        example: A line to paste, where there is a counterexample.
    """

    status: Literal["passed", "failed", "skipped", "error"]
    reason: str = ""
    text: str = ""
    example: str = ""


@dataclass(frozen=True, slots=True)
class Check:
    """One item before it is one.

    Attributes:
        name: Last part of its id.
        suite: Suite that it counts under.
        work: Does it.
        drawn: Whether its inputs are drawn, so that a known failure may pass by chance.
    """

    name: str
    suite: str
    work: Callable[[], Found]
    drawn: bool = False


# ---------------------------------------------------------------------- laws


def _skip(tokenizer: Tokenizer, reason: str) -> Found:
    capability = tokenizer.info.capability
    if capability.round_trip == "lossy" and capability.summary in reason:
        reason = f"{LOSSY}{', '.join(sorted(capability.losses))}; {reason}"
    return Found("skipped", reason)


def hold_law(tokenizer: Tokenizer, name: str, law_id: str, settings: Settings, *, known: bool = False) -> Found:
    """Hold one law against a tokenizer.

    Args:
        tokenizer: The tokenizer.
        name: Its name in this run.
        law_id: The law.
        settings: Number of examples and seed.
        known: Whether it is known to fail; then the examples are always the same.
    """
    law, seed = LAWS[law_id], 0 if known else settings.seed
    verdict = check_law(tokenizer, law, max_examples=settings.max_examples, seed=seed)
    if verdict.status == "holds":
        return Found("passed", verdict.reason)
    if verdict.status == "not-applicable":
        return _skip(tokenizer, verdict.reason)
    if verdict.status == "error":
        text = f"{law_id} could not be held against {name}: {verdict.reason}"
        return Found("error", verdict.reason, text)
    repeat = f"--tokbench-laws {law_id} --tokbench-max-examples {settings.max_examples} --tokbench-seed {seed}"
    example = verdict.counterexample.paste if verdict.counterexample is not None else ""
    return Found("failed", ascii(verdict.reason)[1:-1], law_failure(tokenizer, name, verdict, repeat), example)


def _conformance(subject: Subject, tokenizer: Tokenizer, settings: Settings) -> Iterator[Check]:
    known = {law for law in settings.laws if _is_known(settings, subject.slug, law)}
    for law in settings.laws:
        work = partial(hold_law, tokenizer, subject.slug, law, settings, known=law in known)
        yield Check(law, "conformance", work, drawn=True)


def _is_known(settings: Settings, slug: str, name: str) -> bool:
    return bool(settings.xfails.of(f"tokbench::{slug}::{name}"))


# ---------------------------------------------------------------------- parity


def _of_difference(found: Difference, names: tuple[str, str]) -> list[str]:
    pieces = tuple([piece if piece is not None else "<no bytes>" for piece in side]
                   for side in (found.first_bytes, found.second_bytes))  # fmt: skip
    block = ids_block(names, (found.first_ids, found.second_ids), (pieces[0], pieces[1]), cause=found.cause)
    return [f"    input       {shorten(ascii(found.minimal), 300)}", *block]


def _parity(subject: Subject, first: Tokenizer, second: Tokenizer, name: str, settings: Settings) -> Found:
    from tokbench.errors import VocabularyMismatchError
    from tokbench.suites.exactness.corpus import LARGEST, parity_corpus
    from tokbench.suites.exactness.parity import compare

    size = min(LARGEST, 5 * max(1, settings.max_examples * _PARITY_SHARE // 5))
    texts = {name: parity_corpus(size)[name]}
    try:
        report = compare(first, second, texts, by_bytes=settings.by_bytes)
    except VocabularyMismatchError as error:
        told = str(error).replace("--by-bytes", "--tokbench-by-bytes")
        return Found("failed", told, f"parity of {subject.slug} with {second.info.slug} cannot be judged: {told}")
    if report.verdict == "equal":
        return Found("passed", f"{report.n} strings")
    smallest = min(report.differences, key=lambda entry: (len(entry.minimal), entry.minimal))
    what = "cuts" if settings.by_bytes else "ids"
    head = f"{what} of {report.mismatches} of {report.n} strings ({name}) differ from {second.info.slug}"
    lines = [
        f"parity-{name} fails on {subject.slug}: {head} ({', '.join(report.causes)})",
        *_of_difference(smallest, ("here", "reference")),
        f"    paste       @example({smallest.minimal!a})",
    ]
    shown = sorted({entry.cause: entry for entry in reversed(report.differences)}.items())
    lines += [
        f"    also        {cause}: {shorten(ascii(entry.minimal), 100)}"
        for cause, entry in shown
        if cause != smallest.cause
    ]
    return Found("failed", head, "\n".join(lines[:MAX_LINES]), f"@example({smallest.minimal!a})")


def _parity_checks(subject: Subject, tokenizer: Tokenizer, reference: Tokenizer, settings: Settings) -> Iterator[Check]:
    from tokbench.suites.exactness.corpus import CLASSES

    for name in CLASSES:
        yield Check(f"parity-{name}", "parity", partial(_parity, subject, tokenizer, reference, name, settings))


# ---------------------------------------------------------------------- vectors


def _vectors_folder(data: Path | None) -> Path | None:
    if data is None:
        return None
    for folder in (data / "vectors", data):
        if (folder / "kitoken").is_dir() or (folder / "llama.cpp").is_dir():
            return folder
    return None


def _one_case(tokenizer: Tokenizer, result: CaseResult) -> list[str]:
    case = result.case
    lines = [f"    case        {case.source} {case.number}", f"    input       {shorten(ascii(case.text), 300)}"]
    if result.problem:
        lines.append(f"    problem     {shorten(ascii(result.problem)[1:-1], 300)}")
    if result.ids is not None and not result.encode_equal:
        pieces = pieces_of(tokenizer, case.ids), pieces_of(tokenizer, result.ids)
        lines += ids_block(("expected", "got"), (case.ids, result.ids), pieces)
    elif result.output is not None and not result.decode_equal:
        lines.append(f"    expected    {shorten(ascii(case.output))}")
        lines.append(f"    decoded     {shorten(ascii(result.output))}")
    return lines


def _vectors(subject: Subject, tokenizer: Tokenizer, entry: VectorSet, folder: Path) -> Found:
    from tokbench.suites.exactness.vectors import check_vectors, read_set

    try:
        results = check_vectors(tokenizer, entry, read_set(entry, folder))
    except TokbenchError as error:
        return Found("error", str(error), f"vectors-{entry.set} of {subject.slug}: {error}")
    wrong = [result for result in results if not (result.encode_equal and result.decode_equal)]
    if not wrong:
        return Found("passed", f"{len(results)} cases")
    head = f"{len(wrong)} of {len(results)} cases of the expected ids {entry.set} differ"
    smallest = min(wrong, key=lambda result: (len(result.case.text), result.case.number))
    lines = [f"vectors-{entry.set} fails on {subject.slug}: {head}", *_one_case(tokenizer, smallest)]
    others = ", ".join(f"{result.case.source} {result.case.number}" for result in wrong[:12] if result is not smallest)
    if others:
        lines.append(f"    also        {others}{' ...' if len(wrong) > len(others.split(',')) + 1 else ''}")
    lines.append(f"    paste       @example({shorten(ascii(smallest.case.text), 2000)})")
    return Found("failed", head, "\n".join(lines[:MAX_LINES]), f"@example({smallest.case.text!a})")


def _set_name(entry: VectorSet) -> str:
    return f"vectors-{'-'.join(entry.set.split())}".replace("/", "-").replace("::", "-")


def _vector_checks(subject: Subject, tokenizer: Tokenizer, settings: Settings) -> Iterator[Check]:
    from tokbench.suites.definition import load_definition
    from tokbench.suites.exactness.vectors import find_sets

    folder = _vectors_folder(settings.data)
    if folder is None:
        where = "no folder is given" if settings.data is None else f"vectors not found at {settings.data.name}"
        reason = f"{where}: --tokbench-data DIR or TOKBENCH_DATA names the folder of third-party expected ids"
        yield Check("vectors", "vectors", lambda: Found("skipped", reason))
        return
    sets = find_sets(tokenizer, load_definition().vectors)
    if not sets:
        why = "no set of expected ids belongs to this tokenizer (they are known by the SHA-256 of its file)"
        yield Check("vectors", "vectors", lambda: Found("skipped", why))
    for entry in sets:
        yield Check(_set_name(entry), "vectors", partial(_vectors, subject, tokenizer, entry, folder))


# ---------------------------------------------------------------------- audit


@cache
def _audited(tokenizer: Tokenizer) -> AuditReport:
    from tokbench.suites.exactness.audit import audit

    return audit(tokenizer)


def _of_finding(found: Finding) -> str:
    return f"    id {found.token_id:<7}{shorten(ascii(found.detail)[1:-1], 120)}"


def _audit(subject: Subject, tokenizer: Tokenizer, category: Category) -> Found:
    from tokbench.suites.exactness.audit import CATEGORIES

    report = _audited(tokenizer)
    findings = report.of(category)
    unit, population = CATEGORIES[category]
    head = f"{len(findings)} of {report.sizes[population]}: {unit}"
    if not findings:
        return Found("passed", head)
    lines = [f"audit-{category} fails on {subject.slug}: {head}", *map(_of_finding, findings[:_SHOWN])]
    if len(findings) > _SHOWN:
        lines.append(f"    and {len(findings) - _SHOWN} more")
    return Found("failed", head, "\n".join(lines))


def _audit_checks(subject: Subject, tokenizer: Tokenizer) -> Iterator[Check]:
    for category in _AUDITED:
        yield Check(f"audit-{category}", "audit", partial(_audit, subject, tokenizer, category))  # type: ignore[arg-type]


# ---------------------------------------------------------------------- all of them


def _not_loaded(subject: Subject) -> Found:
    if subject.unavailable:
        return Found("skipped", subject.unavailable)
    return Found("error", subject.broken, f"{subject.slug} could not be loaded: {subject.broken}")


def checks_of(subject: Subject, settings: Settings, reference: Subject | None) -> list[Check]:
    """The items of one tokenizer in all suites that are asked for, sorted by name.

    A tokenizer that could not be loaded has one item for each suite, which says so; the settings are refused
    where the suite parity has no reference.
    """
    tokenizer = subject.tokenizer
    if tokenizer is None:
        return [Check(f"{suite}-load", suite, partial(_not_loaded, subject)) for suite in sorted(settings.suites)]
    checks: list[Check] = []
    if "conformance" in settings.suites:
        checks += _conformance(subject, tokenizer, settings)
    if "parity" in settings.suites and reference is not None:
        if reference.tokenizer is None:
            checks.append(Check("parity-load", "parity", partial(_not_loaded, reference)))
        else:
            checks += _parity_checks(subject, tokenizer, reference.tokenizer, settings)
    if "vectors" in settings.suites:
        checks += _vector_checks(subject, tokenizer, settings)
    if "audit" in settings.suites:
        checks += _audit_checks(subject, tokenizer)
    return sorted(checks, key=lambda check: check.name)


def known_names() -> list[str]:
    """Last parts of all ids that injected items can have, to find lines of a file that match none."""
    from tokbench.suites.definition import load_definition
    from tokbench.suites.exactness.corpus import CLASSES

    return [
        *LAWS,
        *(f"parity-{name}" for name in CLASSES),
        "vectors",
        *(_set_name(entry) for entry in load_definition().vectors),
        *(f"audit-{category}" for category in _AUDITED),
    ]
