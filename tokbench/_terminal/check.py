"""``tokbench check``: hold everything against one tokenizer and say what came out."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass

from rich.console import Console
from rich.text import Text

from tokbench._terminal.tables import verdict_table
from tokbench.errors import TokbenchError
from tokbench.laws import LAWS, CheckReport, Verdict, check_law, select_laws
from tokbench.laws.growth import GrowthResult, MemoryResult, measure_growth, measure_memory
from tokbench.laws.strategies import EXAMPLES
from tokbench.suites.exactness.audit import CATEGORIES, AuditReport, audit
from tokbench.suites.exactness.corpus import parity_corpus
from tokbench.suites.exactness.losses import LossSurvey, survey
from tokbench.suites.exactness.parity import ParityReport, compare
from tokbench.suites.exactness.suite import ExactnessPlan
from tokbench.suites.exactness.vectors import CaseResult, check_vectors, read_set
from tokbench.tokenizers import Tokenizer

__all__ = ["CheckResult", "run_check"]

_FAILED, _NOTHING = 1, 3
_SHOWN = 5


@dataclass(frozen=True, slots=True)
class CheckResult:
    """Everything that a check found.

    Attributes:
        tokenizer: The tokenizer under test.
        plan: The settings.
        report: Verdicts of the laws.
        losses: What information is lost, and how.
        parity: Comparisons with the references.
        vectors: Results of expected ids by set.
        audit: The audit, or None when it was not asked for.
        growth: Growth of time, empty when it was not measured. It is among the verdicts only where it decides.
    """

    tokenizer: Tokenizer
    plan: ExactnessPlan
    report: CheckReport
    losses: LossSurvey | None
    parity: tuple[ParityReport, ...]
    vectors: tuple[tuple[str, list[CaseResult]], ...]
    audit: AuditReport | None
    growth: tuple[GrowthResult, ...]

    @property
    def failed_vectors(self) -> int:
        """Expected-id cases that came out otherwise."""
        return sum(not (case.encode_equal and case.decode_equal) for _, cases in self.vectors for case in cases)

    @property
    def problems(self) -> list[str]:
        """What makes the check fail, in words."""
        found = [f"law {verdict.law} {verdict.status}" for verdict in self.report.verdicts if _is_bad(verdict)]
        found += [f"ids differ from {report.second}" for report in self.parity if report.verdict == "differs"]
        if self.failed_vectors:
            found.append(f"{self.failed_vectors} expected-id cases differ")
        return found

    @property
    def exit_status(self) -> int:
        """0: all good; 1: something fails; 3: nothing could be tried."""
        if self.problems:
            return _FAILED
        tried = any(verdict.status == "holds" for verdict in self.report.verdicts)
        return 0 if tried or self.parity or self.vectors or self.growth else _NOTHING

    def as_json(self) -> dict[str, object]:
        """The result as a JSON value."""
        return {
            "tokenizer": self.tokenizer.info.spec,
            "fingerprint": self.tokenizer.info.fingerprint,
            "capability": self.tokenizer.info.capability.summary,
            "suite_version": self.plan.version,
            "profile": self.plan.profile,
            "seed": self.plan.seed,
            "exit_status": self.exit_status,
            "problems": self.problems,
            "laws": [
                {
                    "law": verdict.law,
                    "status": verdict.status,
                    "reason": verdict.reason,
                    "examples": verdict.examples,
                    "seconds": round(verdict.seconds, 3),
                    "paste": verdict.counterexample.paste if verdict.counterexample else None,
                    "links": list(LAWS[verdict.law].reasons),
                }
                for verdict in self.report.verdicts
            ],
            "losses": dict(self.losses.counts) | {"n": self.losses.n} if self.losses else None,
            "parity": [
                {"reference": report.second, "verdict": report.summary, "mismatches": report.mismatches, "n": report.n}
                for report in self.parity
            ],
            "vectors": [
                {"set": name, "n": len(cases), "encode": sum(case.encode_equal for case in cases)}
                | {"decode": sum(case.decode_equal for case in cases)}
                for name, cases in self.vectors
            ],
            "audit": dict(self.audit.counts) if self.audit else None,
            "growth": [
                {"shape": result.shape, "ratio": result.ratio, "status": result.status} for result in self.growth
            ],
        }

    # ------------------------------------------------------------------ for a person

    def show(self, console: Console) -> None:
        """Print the result."""
        for line in self._heading():
            console.print(line)
        console.print(verdict_table(self.report.verdicts))
        for block in (self._failures(), self._losses(), self._parity(), self._vectors(), self._audit(), self._growth()):
            for line in block:
                console.print(line)
        counts = [
            sum(verdict.status == status for verdict in self.report.verdicts)
            for status in ("holds", "fails", "not-applicable", "error")
        ]
        summary = f"laws: {counts[0]} hold, {counts[1]} fail, {counts[2]} do not apply"
        summary += f", {counts[3]} could not be tried" if counts[3] else ""
        problems = "; ".join(self.problems)
        style = "bold red" if problems else "bold green"
        console.print(Text(f"{self.tokenizer.info.spec}: {summary}{' — ' + problems if problems else ''}", style=style))

    def _heading(self) -> Iterator[Text]:
        info = self.tokenizer.info
        yield Text(info.spec, style="bold").append(
            f"  {info.family}, {info.n_ids} ids, {info.capability.summary}", style="not bold"
        )
        files = ", ".join(f"{file.name} {file.sha256[:12]}" for file in info.files)
        libraries = ", ".join(f"{name} {version}" for name, version in info.libraries)
        setting = f"suite {self.plan.name} {self.plan.version}, profile {self.plan.profile}, seed {self.plan.seed}"
        yield Text("; ".join(part for part in (files, libraries, setting) if part), style="dim")

    def _failures(self) -> Iterator[Text]:
        for verdict in self.report.failures:
            law, found = LAWS[verdict.law], verdict.counterexample
            if found is None:  # growth and memory are measured, not searched for: their rows say it all
                continue
            text = Text(f"✗ {law.id}: ", style="bold red").append(law.statement, style="not bold default")
            rows = [("input", ascii(found.data))]
            if found.ids is not None:
                rows.append(("ids", str(list(found.ids))))
                rows.append(("bytes", self._bytes(found.ids)))
            rows += [("problem", found.problem), ("paste", found.paste)]
            rows += [("see", link) for link in law.reasons]
            for name, value in rows:
                text.append(f"\n    {name:8}", style="dim").append(value, style="not bold default")
            yield text.append("\n")

    def _bytes(self, ids: Sequence[int]) -> str:
        parts = []
        for token_id in ids:
            try:
                parts.append(repr(self.tokenizer.token_bytes(token_id)))
            except TokbenchError:
                parts.append(f"<{self.tokenizer.kind(token_id)}>")
        return f"[{', '.join(parts)}]"

    def _losses(self) -> Iterator[Text]:
        if self.losses is None or not self.losses.examples:
            return
        yield Text("what is lost", style="bold")
        for example in self.losses.examples:
            count = self.losses.by_exception[example.kind, example.exception or ""]
            name = f"{example.kind} ({example.exception})" if example.exception else example.kind
            yield Text(
                f"    {name}: {count} of {self.losses.n} texts, for example {example.text!a} -> {example.decoded!a}"
            )
        yield Text()

    def _parity(self) -> Iterator[Text]:
        for report in self.parity:
            what = "cuts" if report.by_bytes else "ids"
            style = "green" if report.verdict == "equal" else "bold red"
            yield Text(f"{what} of {report.second}: ").append(
                f"{report.summary}, {report.mismatches} of {report.n} strings differ", style=style
            )
            for difference in report.differences[:_SHOWN]:
                yield Text(
                    f"    {difference.text!a}: {list(difference.first_ids)} here, {list(difference.second_ids)} there"
                )
            yield Text()

    def _vectors(self) -> Iterator[Text]:
        for name, cases in self.vectors:
            encoded, decoded = sum(case.encode_equal for case in cases), sum(case.decode_equal for case in cases)
            style = "green" if encoded == decoded == len(cases) else "bold red"
            yield Text(f"expected ids {name}: ").append(
                f"encode {encoded}/{len(cases)}, decode {decoded}/{len(cases)}", style=style
            )

    def _audit(self) -> Iterator[Text]:
        if self.audit is None:
            return
        yield Text("vocabulary", style="bold")
        for category, (title, population) in CATEGORIES.items():
            size = self.audit.sizes[population]
            if size and not (category == "partial-unmerged" and not self.audit.piece):
                yield Text(f"    {self.audit.counts[category]:7} of {size}  {title}")
        yield Text()

    def _growth(self) -> Iterator[Text]:
        if not self.growth:
            return
        shown = ", ".join(
            f"{result.shape} {'?' if result.ratio is None else f'{result.ratio:.1f}'}" for result in self.growth
        )
        yield Text("time of 4n over time of n: ", style="bold").append(shown, style="not bold")
        for result in self.growth:
            if result.status == "fails":
                yield Text(f"    {result.shape}: {result.message}", style="red")
        yield Text()


def _is_bad(verdict: Verdict) -> bool:
    return verdict.status in {"fails", "error"}


def _memory_verdict(found: MemoryResult) -> Verdict:
    return Verdict("memory", found.status, found.message, found.texts)


def _growth_verdict(results: Sequence[GrowthResult]) -> Verdict:
    failing = [result for result in results if result.status == "fails"]
    message = "; ".join(f"{result.shape}: {result.message}" for result in failing)
    return Verdict("growth", "fails" if failing else "holds", message, len(results))


def run_check(
    tokenizer: Tokenizer,
    plan: ExactnessPlan,
    references: Sequence[Tokenizer] = (),
    *,
    audited: bool,
    growth: bool,
    memory: bool,
    console: Console,
) -> CheckResult:
    """Hold the laws, and what else the plan asks for, against ``tokenizer``.

    Args:
        tokenizer: The tokenizer under test.
        plan: The settings.
        references: Engines to compare ids with.
        audited: Whether to audit the vocabulary even if the profile does not.
        growth: Whether growth decides the exit status (and is measured even if the profile does not).
        memory: Whether to measure growth of memory even if the profile does not.
        console: Where progress is shown.

    Raises:
        VocabularyMismatchError: If a reference has another vocabulary and the plan compares ids.
    """
    plan.check_references(tokenizer, references)
    settings = plan.settings
    only = plan.laws is not None and any(not name.startswith("-") for name in plan.laws)
    laws = [law for law in select_laws(plan.laws, groups=plan.law_groups()) if law.group not in {"growth", "memory"}]
    named = set(plan.laws or ())
    verdicts, results = [], []
    with console.status("") as status:
        for law in laws:
            status.update(f"law {law.id}")
            verdicts.append(check_law(tokenizer, law, max_examples=settings.law_examples, seed=plan.seed))
        if memory or "memory" in named or (settings.memory and not only):
            status.update("growth of memory")
            verdicts.append(_memory_verdict(measure_memory(tokenizer)))
        corpus = parity_corpus(settings.parity_strings)
        status.update("what is lost")
        # the fixed inputs of the laws too: they hold what is rare in any corpus, a literal U+2581 for one
        losses = None if only else survey(tokenizer, [text for texts in (*corpus.values(), EXAMPLES) for text in texts])
        for reference in references:
            status.update(f"parity with {reference.info.slug}")
            results.append(compare(tokenizer, reference, corpus, by_bytes=plan.by_bytes))
        vectors = []
        if plan.vectors_folder is not None and not only:
            for entry in plan.vector_sets(tokenizer):
                status.update(f"expected ids {entry.set}")
                cases = read_set(entry, plan.vectors_folder)
                vectors.append((entry.set, check_vectors(tokenizer, entry, cases)))
        found_audit = None
        if audited or (settings.audit and not only):
            status.update("vocabulary audit")
            found_audit = audit(tokenizer)
        growth_results: list[GrowthResult] = []
        if growth or "growth" in named or (settings.growth and not only):
            status.update("growth of time")
            growth_results = measure_growth(tokenizer)
            if growth or "growth" in named:
                verdicts.append(_growth_verdict(growth_results))
    return CheckResult(
        tokenizer,
        plan,
        CheckReport(tokenizer.info.spec, tuple(verdicts)),
        losses,
        tuple(results),
        tuple(vectors),
        found_audit,
        tuple(growth_results),
    )
