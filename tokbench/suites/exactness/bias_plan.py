"""The exactness suite, model side: which parts a run of one model has, and what enters its key."""

from __future__ import annotations

import hashlib
from collections.abc import Callable, Mapping, Sequence
from dataclasses import asdict, dataclass
from functools import cache, partial
from pathlib import PurePath

from tokbench._resources import data_root
from tokbench.bytelevel import ByteModel
from tokbench.errors import OptionError, UnsupportedReadingError
from tokbench.models import Model, load_model
from tokbench.results import Sample
from tokbench.suites.definition import BiasSettings, ExactnessDefinition, load_definition
from tokbench.suites.exactness.bias import (
    Readings,
    choice_samples,
    cut_samples,
    head_samples,
    invariance_samples,
)
from tokbench.suites.exactness.bias_rows import bias_metrics
from tokbench.suites.exactness.cuts import choices, cuts, heads, passages
from tokbench.suites.exactness.texts import embedded_corpus
from tokbench.suites.part import Part, PartContext, PartResult
from tokbench.tokenizers import Tokenizer

__all__ = ["BiasPlan"]


@cache
def _model(spec: str, tokenizer: Tokenizer) -> Model:
    return load_model(spec, tokenizer=tokenizer)


@dataclass(frozen=True, slots=True, kw_only=True)
class BiasPlan:
    """The model side of the suite with the settings of one command. Immutable, cheap to send to another process.

    Attributes:
        definition: The suite's definition.
        profile: ``smoke``, ``core`` or ``full``.
        seed: Recorded; nothing here is drawn.
        model: Spec of the model.
        start: Context in front of every text, for models without a start token; None for the model's own.
    """

    definition: ExactnessDefinition
    profile: str
    seed: int
    model: str
    start: str | None = None

    @classmethod
    def build(cls, *, model: str, profile: str = "core", seed: int = 0, start: str | None = None) -> BiasPlan:
        """The plan of one model.

        Raises:
            SuiteDefinitionError: If the definition is malformed.
        """
        definition = load_definition()
        definition.profile(profile)
        return cls(definition=definition, profile=profile, seed=seed, model=model, start=start)

    @property
    def name(self) -> str:
        """Name of the suite."""
        return self.definition.name

    @property
    def version(self) -> str:
        """Version of the suite."""
        return self.definition.version

    @property
    def settings(self) -> BiasSettings:
        """Numbers of the model side."""
        return self.definition.bias

    @property
    def wanted(self) -> int:
        """Number of cuts."""
        return self.definition.profile(self.profile).bias_cuts

    # ------------------------------------------------------------------ identity

    references: tuple[str, ...] = ()
    """Engines to compare ids with: none on this side."""

    retries: bool = False
    """Nothing here is a request that can fail."""

    def items(self) -> dict[str, str]:
        """SHA-256 of the texts that are cut."""
        folder = data_root() / "suites" / "exactness" / "corpus"
        digest = hashlib.sha256()
        for path in sorted(folder.glob("*.txt")):
            digest.update(path.name.encode() + b"\n" + path.read_bytes())
        return {"cuts": digest.hexdigest()}

    def options(self) -> dict[str, object]:
        """Options that change results."""
        return {"parts": ["bias"], "start": self.start, **asdict(self.settings)}

    def data_files(self) -> list[Mapping[str, object]]:
        """The data that the run reads, for its record."""
        return [
            {"name": "embedded corpus", "sha256": self.items()["cuts"], "licence": "Apache-2.0", "source": "project",
             "rows": sum(len(text.lines) for text in embedded_corpus())}
        ]  # fmt: skip

    def model_of(self, tokenizer: Tokenizer) -> tuple[str, str, Mapping[str, object]]:
        """Slug, identity and description of the model."""
        info = _model(self.model, tokenizer).info
        backend, _, locator = info.spec.partition("?")[0].partition(":")
        slug = f"{backend}-{PurePath(locator).name or locator}"
        return slug, info.fingerprint, {**asdict(info), "synthetic": info.toy}

    def check_references(self, tokenizer: Tokenizer, references: Sequence[Tokenizer]) -> None:
        """Nothing to check: this side compares no engines. But the model has to load, and to fit the tokenizer.

        Raises:
            TokbenchError: If it does not.
        """
        self.readings(tokenizer)

    def notes(self) -> list[str]:
        """Nothing beside the numbers."""
        return []

    def partners(self, tokenizer: Tokenizer, others: Sequence[Tokenizer]) -> list[Tokenizer]:
        """None: this side compares no engines."""
        return []

    # ------------------------------------------------------------------ parts

    def readings(self, tokenizer: Tokenizer) -> Readings:
        """The model under every reading.

        Raises:
            UnsupportedReadingError: If the tokenizer does not say how it encodes.
            OptionError: If ``start`` holds something else than ids or text.
        """
        model = _model(self.model, tokenizer)
        start = _start(self.start)
        settings = self.settings
        try:
            return Readings(
                ByteModel(model, tokenizer, reading="canonical", start=start),
                ByteModel(model, tokenizer, reading="canonical_context", start=start),
                ByteModel(model, tokenizer, reading="all", start=start, eps=settings.eps,
                          positions_per_byte=float(settings.positions_per_byte)),
            )  # fmt: skip
        except UnsupportedReadingError as error:
            raise UnsupportedReadingError(
                error.reading, error.problem, "the model side of this suite needs another tokenizer"
            ) from error

    def parts(
        self, tokenizer: Tokenizer, references: Sequence[Tokenizer] = (), partners: Sequence[Tokenizer] = ()
    ) -> list[Part]:
        """What a run consists of: cuts a chunk at a time, then the rest, then the metrics over all rows."""
        settings, readings = self.settings, self.readings(tokenizer)
        texts = passages(embedded_corpus())
        found = cuts(tokenizer, texts, self.wanted)
        chunk = settings.chunk
        parts = [
            Part(f"bias/cuts/{at:05d}", f"cuts {at + 1}-{min(at + chunk, len(found))} of {len(found)}",
                 _work(partial(cut_samples, readings, found[at : at + chunk])))
            for at in range(0, len(found), chunk)
        ]  # fmt: skip
        short = heads(texts, max(1, self.wanted // settings.head_share))
        parts += [
            Part(f"bias/heads/{at:05d}", f"non-canonical mass {at + 1}-{min(at + chunk, len(short))} of {len(short)}",
                 _work(partial(head_samples, readings, short[at : at + chunk])))
            for at in range(0, len(short), chunk)
        ]  # fmt: skip
        questions = choices(texts, max(1, self.wanted // settings.choice_share))
        parts += [
            Part(f"bias/choices/{at:05d}", f"questions {at + 1}-{min(at + chunk, len(questions))} of {len(questions)}",
                 _work(partial(choice_samples, readings, questions[at : at + chunk])))
            for at in range(0, len(questions), chunk)
        ]  # fmt: skip
        whole = [cut.passage for cut in found[:: max(1, settings.choice_share)]]
        once = list({passage.name: passage for passage in whole}.values())
        parts.append(Part("bias/invariance", "cut invariance", _work(partial(invariance_samples, readings, once))))
        parts.append(Part("bias/metrics", "metrics", lambda context: PartResult([], bias_metrics(context.samples))))
        return parts


def _work(measure: Callable[[], list[Sample]]) -> Callable[[PartContext], PartResult]:
    return lambda _context: PartResult(measure(), [])


def _start(start: str | None) -> str | tuple[int, ...] | None:
    """A start context as the command line gives it: ids joined by commas, or text behind ``text:``."""
    if start is None:
        return None
    if start.startswith("text:"):
        return start.removeprefix("text:")
    try:
        return tuple(int(part) for part in start.split(","))
    except ValueError:
        raise OptionError("start", start, "token ids joined by commas, or text:... for text") from None
