"""The exactness suite, tokenizer side: which parts a run has, and what enters its key.

A part is finished or not; the rows of a finished part are kept for good. Laws are one part each, so that a
run that was killed goes on at the next law.
"""

from __future__ import annotations

import hashlib
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from functools import cache, partial
from pathlib import Path

from tokbench._resources import data_root
from tokbench.errors import OptionError, VocabularyMismatchError
from tokbench.laws import Law, Verdict, check_law, select_laws
from tokbench.laws.growth import MAX_RATIO, GrowthResult, measure_growth
from tokbench.results import Metric, Sample
from tokbench.suites.definition import ExactnessDefinition, Profile, VectorSet, load_definition
from tokbench.suites.exactness.audit import audit, audit_rows
from tokbench.suites.exactness.corpus import corpus_sha256, parity_corpus
from tokbench.suites.exactness.digits import digit_rows
from tokbench.suites.exactness.exhaustive import exhaustive, exhaustive_rows
from tokbench.suites.exactness.intrinsic import cost_rows
from tokbench.suites.exactness.losses import loss_rows, survey
from tokbench.suites.exactness.metrics import Measured, measure
from tokbench.suites.exactness.parity import check_vocabulary, compare, compare_decoding
from tokbench.suites.exactness.parity_rows import decode_rows, parity_rows
from tokbench.suites.exactness.pictures import picture_rows, tellings_entry
from tokbench.suites.exactness.segmenters import segmenter as find_words
from tokbench.suites.exactness.texts import Text, embedded_corpus, read_parallel, read_text
from tokbench.suites.exactness.vectors import check_vectors, find_sets, read_set, vector_rows
from tokbench.suites.part import Part, PartResult, alone
from tokbench.tokenizers import Tokenizer

__all__ = ["ExactnessPlan", "growth_rows", "law_rows"]

_OUTCOMES = {"holds": "correct", "fails": "wrong", "not-applicable": "skipped", "error": "failed"}


def law_rows(law: Law, verdict: Verdict) -> PartResult:
    """The row of a law: ``law/<id>``; a failure's message begins with the line to paste into a test."""
    found = verdict.counterexample
    message = verdict.reason
    if found is not None:
        ids = "" if found.ids is None else f" ids {list(found.ids)}"
        message = f"{found.paste}{ids}\n{found.problem}\n{law.statement} ({', '.join(law.reasons) or 'no issue known'})"
    return PartResult(
        [
            Sample(
                item_id=f"law/{law.id}",
                metric="law",
                outcome=_OUTCOMES[verdict.status],  # type: ignore[arg-type]
                stratum=law.group,
                score={"holds": 1.0, "fails": 0.0}.get(verdict.status),
                seconds=verdict.seconds,
                message=message,
            )
        ],
        [],
    )


def growth_rows(results: Sequence[GrowthResult]) -> PartResult:
    """Rows of the growth measurement: the law's verdict, and ``growth.ratio`` for each shape of input."""
    failing = [result for result in results if result.status == "fails"]
    message = "; ".join(f"{result.shape}: {result.message}" for result in failing)
    sample = Sample(
        item_id="law/growth",
        metric="law",
        outcome="wrong" if failing else "correct",
        stratum="growth",
        score=0.0 if failing else 1.0,
        message=message,
    )
    metrics = [
        Metric(
            metric="growth.ratio",
            value=result.ratio,
            direction="down",
            k=result.seconds_4n,
            n=result.n,
            unit=f"time of 4n code points / time of n code points; the law allows {MAX_RATIO:g}",
            filter=result.shape,
            reason="" if result.ratio is not None else result.message or "too fast to measure",
        )
        for result in results
    ]
    return PartResult([sample], metrics)


@cache
def _all_sha256(folder: Path) -> str:
    """SHA-256 over the files of a folder: names and contents in order."""
    digest = hashlib.sha256()
    for path in sorted(folder.iterdir()):
        if path.is_file():
            data = path.read_bytes()
            digest.update(f"{path.name} {len(data)}\n".encode() + data)
    return digest.hexdigest()


def _text_sha256(text: Text) -> str:
    return hashlib.sha256("\n".join((text.name, str(text.segmenter), *text.lines)).encode()).hexdigest()


@dataclass(frozen=True, slots=True, kw_only=True)
class ExactnessPlan:
    """The suite with the settings of one command. Immutable, and cheap to send to another process.

    Attributes:
        definition: The suite's definition.
        profile: ``smoke``, ``core`` or ``full``.
        seed: Seed of everything that is drawn.
        laws: Ids of laws; None for all that the profile has.
        texts: Texts of the user.
        parallel: Line-aligned texts of the user; the first is the base.
        data: Folder of third-party data (its ``vectors``), or None.
        references: Specs of engines to compare ids with.
        by_bytes: Whether references are compared by the bytes of tokens instead of ids.
    """

    definition: ExactnessDefinition
    profile: str
    seed: int
    laws: tuple[str, ...] | None
    texts: tuple[Text, ...]
    parallel: tuple[Text, ...]
    data: Path | None
    references: tuple[str, ...]
    by_bytes: bool

    @classmethod
    def build(
        cls,
        *,
        profile: str = "core",
        seed: int = 0,
        laws: Sequence[str] | None = None,
        texts: Sequence[Path] = (),
        parallel: Sequence[Path] = (),
        segmenter: str | None = "whitespace",
        data: Path | None = None,
        references: Sequence[str] = (),
        by_bytes: bool = False,
    ) -> ExactnessPlan:
        """Read and check everything that a user names, before any work.

        Raises:
            UnknownLawError: If a law does not exist.
            TextInputError, MetricInputError: If a text cannot be used.
            OptionError: If ``data`` is not a folder, or the profile does not exist.
            SuiteDefinitionError: If the definition is malformed.
        """
        select_laws(laws)
        if data is not None and not data.is_dir():
            raise OptionError("data", str(data), "an existing folder that holds vectors/")
        if len(parallel) == 1:
            raise OptionError("parallel", str(parallel[0]), "two line-aligned files or more, joined by commas")
        definition = load_definition()
        definition.profile(profile)
        read = [read_text(path, segmenter) for path in texts]
        read_aligned = read_parallel(parallel, segmenter)
        if segmenter is not None:
            for text in (*read, *read_aligned):
                for number, line in enumerate(text.lines, 1):
                    find_words(segmenter).checked_words(line, text.source, number)
        return cls(
            definition=definition,
            profile=profile,
            seed=seed,
            laws=None if laws is None else tuple(laws),
            texts=tuple(read),
            parallel=tuple(read_aligned),
            data=data,
            references=tuple(references),
            by_bytes=by_bytes,
        )

    @property
    def name(self) -> str:
        """Name of the suite."""
        return self.definition.name

    @property
    def version(self) -> str:
        """Version of the suite."""
        return self.definition.version

    @property
    def retries(self) -> bool:
        """Nothing here is a request that can fail."""
        return False

    @property
    def settings(self) -> Profile:
        """Numbers of the profile."""
        return self.definition.profile(self.profile)

    # ------------------------------------------------------------------ identity

    def items(self) -> dict[str, str]:
        """SHA-256 of every set of items that the run uses."""
        return {
            "parity": corpus_sha256(self.settings.parity_strings),
            "corpus": _all_sha256(data_root() / "suites" / "exactness" / "corpus"),
            **{f"text/{text.name}": _text_sha256(text) for text in self.texts},
            **{f"parallel/{text.name}": _text_sha256(text) for text in self.parallel},
        }

    def options(self) -> dict[str, object]:
        """Options that change results."""
        return {
            "laws": self.laws,
            "by_bytes": self.by_bytes,
            "vectors": None if self.vectors_folder is None else "given",
        }

    def data_files(self) -> list[Mapping[str, object]]:
        """The data that the run reads, for its record."""
        corpus = {"name": "embedded corpus", "sha256": self.items()["corpus"], "licence": "Apache-2.0"}
        own = [
            {"name": text.source, "sha256": _text_sha256(text), "licence": "unknown", "source": "the user"}
            | {"rows": len(text.lines)}
            for text in (*self.texts, *self.parallel)
        ]
        lines = sum(len(text.lines) for text in embedded_corpus())
        return [{**corpus, "source": "project", "rows": lines}, tellings_entry(), *own]

    @property
    def vectors_folder(self) -> Path | None:
        """Folder of expected ids, or None where there is none."""
        if self.data is None:
            return None
        for folder in (self.data / "vectors", self.data):
            if (folder / "kitoken").is_dir() or (folder / "llama.cpp").is_dir():
                return folder
        return None

    @staticmethod
    def model_of(tokenizer: Tokenizer) -> None:
        """None: this side needs no model."""

    # ------------------------------------------------------------------ partners

    def check_references(self, tokenizer: Tokenizer, references: Sequence[Tokenizer]) -> None:
        """Refuse references that cannot be compared id by id.

        Raises:
            VocabularyMismatchError: With the first id that differs, unless the plan compares by bytes.
        """
        if not self.by_bytes:
            for reference in references:
                check_vocabulary(tokenizer, reference)

    @staticmethod
    def notes() -> list[str]:
        """Nothing beside the numbers."""
        return []

    @staticmethod
    def partners(tokenizer: Tokenizer, others: Sequence[Tokenizer]) -> list[Tokenizer]:
        """Those of ``others`` that have the very vocabulary of ``tokenizer``, so that ids must agree."""
        found = []
        for other in others:
            try:
                check_vocabulary(tokenizer, other)
            except VocabularyMismatchError:
                continue
            found.append(other)
        return found

    # ------------------------------------------------------------------ parts

    def law_groups(self) -> tuple[str, ...]:
        """Groups of laws that the profile has, growth apart: it is measured once and has a part of its own."""
        return ("core", "memory") if self.settings.memory else ("core",)

    def parts(
        self, tokenizer: Tokenizer, references: Sequence[Tokenizer] = (), partners: Sequence[Tokenizer] = ()
    ) -> list[Part]:
        """What a run of ``tokenizer`` consists of, the quick and telling first.

        Args:
            tokenizer: The tokenizer under test.
            references: Engines that the user named.
            partners: Engines of the same command with the same vocabulary.
        """
        settings = self.settings
        parts = [self.law_part(tokenizer, law) for law in select_laws(self.laws, groups=self.law_groups())]
        if self.laws is not None and not all(name.startswith("-") for name in self.laws):
            parts = [part for part in parts if part.key != "laws/growth"]
        parts.append(Part("losses", "losses", alone(partial(self._losses, tokenizer))))
        for reference in references:
            parts.append(self.parity_part(tokenizer, reference, by_bytes=self.by_bytes))
        for partner in partners:
            if partner.info.slug not in {reference.info.slug for reference in references}:
                parts.append(self.parity_part(tokenizer, partner, by_bytes=False))
        parts += [self.vector_part(tokenizer, entry) for entry in self.vector_sets(tokenizer)]
        parts.append(Part("pictures", "telling texts", alone(partial(picture_rows, tokenizer))))
        parts.append(Part("digits", "digit policy", alone(partial(digit_rows, tokenizer, self.definition.digits))))
        parts.append(Part("metrics", "intrinsic metrics", alone(partial(self._metrics, tokenizer, references))))
        if settings.audit:
            parts.append(self.audit_part(tokenizer))
        if settings.exhaustive:
            parts.append(Part("exhaustive", "every code point", lambda _: exhaustive_rows(exhaustive(tokenizer))))
        if settings.growth or (self.laws is not None and "growth" in self.laws):
            parts.append(self.growth_part(tokenizer))
        return parts

    def law_part(self, tokenizer: Tokenizer, law: Law) -> Part:
        """One law."""

        def work() -> PartResult:
            return law_rows(law, check_law(tokenizer, law, max_examples=self.settings.law_examples, seed=self.seed))

        return Part(f"laws/{law.id}", f"law {law.id}", alone(work))

    def parity_part(self, tokenizer: Tokenizer, reference: Tokenizer, *, by_bytes: bool) -> Part:
        """Parity of ids, and of the libraries' decoding, with one other engine."""
        slug = reference.info.slug

        def work() -> PartResult:
            texts = parity_corpus(self.settings.parity_strings)
            numbers = self.definition.parity
            found = parity_rows(
                compare(tokenizer, reference, texts, by_bytes=by_bytes, max_shrunk=numbers.max_shrunk), slug
            )
            if by_bytes:
                return found
            decoded = decode_rows(
                compare_decoding(
                    tokenizer, reference, numbers.decode_sequences, max_length=numbers.max_sequence_length
                ),
                slug,
            )
            return PartResult(found.samples + decoded.samples, found.metrics + decoded.metrics)

        return Part(f"parity/{slug}-{reference.info.fingerprint[:8]}", f"parity with {slug}", alone(work))

    def vector_sets(self, tokenizer: Tokenizer) -> list[VectorSet]:
        """Sets of expected ids that belong to ``tokenizer`` and are at hand."""
        return find_sets(tokenizer, self.definition.vectors) if self.vectors_folder is not None else []

    def vector_part(self, tokenizer: Tokenizer, entry: VectorSet) -> Part:
        """Expected ids of one set."""
        folder = self.vectors_folder
        assert folder is not None

        def work() -> PartResult:
            return vector_rows(entry, check_vectors(tokenizer, entry, read_set(entry, folder)))

        return Part(f"vectors/{entry.set}", f"expected ids {entry.set}", alone(work))

    @staticmethod
    def audit_part(tokenizer: Tokenizer) -> Part:
        """The audit of the vocabulary."""
        return Part("audit", "vocabulary audit", lambda _: audit_rows(audit(tokenizer)))

    @staticmethod
    def growth_part(tokenizer: Tokenizer) -> Part:
        """Growth of time on hostile input."""
        return Part("growth", "growth", lambda _: growth_rows(measure_growth(tokenizer)))

    def _losses(self, tokenizer: Tokenizer) -> PartResult:
        corpus = parity_corpus(self.settings.parity_strings)
        return loss_rows(survey(tokenizer, (text for texts in corpus.values() for text in texts)))

    def _metrics(self, tokenizer: Tokenizer, references: Sequence[Tokenizer]) -> PartResult:
        settings = self.definition.metrics

        def counted(engine: Tokenizer, texts: Sequence[Text]) -> list[Measured]:
            return [measure(engine, text) for text in texts]

        result, embedded = PartResult(), embedded_corpus()
        taken = {text.name for text in embedded}  # a user's eng.txt is not the English of the project
        given = [
            replace(text, name=f"user-{text.name}") if text.name in taken else text
            for text in (*self.texts, *self.parallel)
        ]
        for own, texts in ((True, embedded), (False, given)):
            if not texts:
                continue
            reference = references[0] if references else None
            rows = cost_rows(
                tokenizer,
                counted(tokenizer, texts),
                settings,
                reference=counted(reference, texts) if reference else (),
                reference_slug=reference.info.slug if reference else "",
            )
            result.samples.extend(rows.samples)
            result.metrics.extend(row if own else _of_user(row) for row in rows.metrics)
        return result


def _of_user(row: Metric) -> Metric:
    """Mark a metric over all texts together as one over the user's texts."""
    whole = ("all|", "parallel")
    return replace(row, filter=f"user-{row.filter}") if row.filter.startswith(whole) else row
