"""The suite with the settings of one command: which parts a run has, and what enters its key."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from contextlib import AbstractContextManager
from dataclasses import asdict, dataclass, field
from functools import cache, partial
from pathlib import Path
from typing import cast

from tokbench.errors import OptionError, PromptFormError, UnknownNameError
from tokbench.models.completion import CompletionModel, Decoding
from tokbench.models.completions import load_completion_model
from tokbench.results import ResponseStore, Sample
from tokbench.suites.asking import kept_answers, model_slug
from tokbench.suites.part import Part, PartContext, PartResult, alone
from tokbench.suites.phantom.answers import answer_samples, check_ids, target_frame
from tokbench.suites.phantom.articles import article_items, read_articles
from tokbench.suites.phantom.equivalence import equivalence_responders
from tokbench.suites.phantom.experiments import ExperimentSettings, check_experiment, experiment_parts
from tokbench.suites.phantom.item import MARKINGS, Item, Marking
from tokbench.suites.phantom.items import VERSION, items, items_sha256
from tokbench.suites.phantom.lexicon import known_words
from tokbench.suites.phantom.metrics import phantom_metrics
from tokbench.suites.phantom.prompts import template_sha256
from tokbench.suites.phantom.scripted import responders
from tokbench.suites.phantom.tokenizer_rows import phantom_tokenizer_rows
from tokbench.tokenizers import Tokenizer, load_tokenizer

__all__ = ["PhantomPlan"]

_PIECE = 2000
"""Items of one part: what an interrupted run with a model that is not paid for asks again at most."""


@cache
def _items(profile: str, seed: int, markings: tuple[str, ...]) -> tuple[Item, ...]:
    return tuple(items(profile, seed, markings or None))


@cache
def _articles(path: Path, seed: int, markings: tuple[str, ...]) -> tuple[tuple[Item, ...], tuple[str, ...]]:
    chosen = cast("tuple[Marking, ...]", markings or MARKINGS[:3])
    found, left_out = article_items(read_articles(path), chosen, seed)
    return tuple(found), tuple(left_out)


@cache
def _model(spec: str, options: tuple[tuple[str, object], ...], tokenizer: Tokenizer) -> CompletionModel:
    known = {**responders(tokenizer), **equivalence_responders(tokenizer)}
    return load_completion_model(spec, tokenizer=tokenizer, responders=known, **dict(options))


@dataclass(frozen=True, slots=True, kw_only=True)
class PhantomPlan:
    """The suite ``phantom`` with the settings of one command.

    Attributes:
        profile: ``smoke``, ``core`` or ``full``.
        seed: Part of every hash that chooses an item.
        markings: How targets are marked; empty takes those of the profile.
        model: Spec of the model; None for the census of a tokenizer alone.
        model_options: Options of the model beside those in its spec.
        decoding: How replies are drawn.
        articles: The user's own articles instead of the project's items.
        experiments: What is tried with the model beside asking it.
    """

    profile: str = "core"
    seed: int = 0
    markings: tuple[str, ...] = ()
    model: str | None = None
    model_options: tuple[tuple[str, object], ...] = ()
    decoding: Decoding = field(default_factory=lambda: Decoding(max_tokens=None))
    articles: Path | None = None
    experiments: ExperimentSettings = field(default_factory=ExperimentSettings)

    references: tuple[str, ...] = ()
    """Engines to compare ids with: this suite compares none."""

    @property
    def name(self) -> str:
        """Name of the suite."""
        return "phantom"

    @property
    def version(self) -> str:
        """Version of the suite."""
        return VERSION

    @property
    def retries(self) -> bool:
        """A request that failed is tried again by the same command."""
        return self.model is not None

    def check(self) -> None:
        """Refuse settings that contradict each other, before anything is loaded.

        Raises:
            UnknownNameError: If a marking does not exist.
            OptionError: If no item is left.
        """
        for name in self.markings:
            if name not in MARKINGS:
                raise UnknownNameError("marking", name, MARKINGS)
        self.experiments.check()
        if self.experiments.names and self.model is None:
            raise OptionError("experiment", ",".join(self.experiments.names), "a model beside it (--model SPEC)")
        if self.model is not None and not self.all_items():
            why = next(iter(self.notes()), "none is left")
            raise OptionError("markings", ",".join(self.markings), f"at least one item: {why}")

    def all_items(self) -> tuple[Item, ...]:
        """The items, made once a process."""
        if self.articles is not None:
            return _articles(self.articles, self.seed, self.markings)[0]
        return _items(self.profile, self.seed, self.markings)

    # ------------------------------------------------------------------ identity

    def items(self) -> dict[str, str]:
        """SHA-256 of the items; a census has none."""
        return {} if self.model is None else {"items": items_sha256(self.all_items())}

    def options(self) -> dict[str, object]:
        """Options that change results."""
        if self.model is None:
            return {}
        return {
            "markings": list(self.markings), "prompts": template_sha256(), "decoding": asdict(self.decoding),
            "articles": self.articles is not None, **self.experiments.plain(),
        }  # fmt: skip

    def data_files(self) -> list[Mapping[str, object]]:
        """The articles that the run reads, for its record."""
        if self.articles is None:
            return []
        return [{"name": self.articles.name, "source": "file", "rows": len(self.all_items())}]

    def model_of(self, tokenizer: Tokenizer) -> tuple[str, str, Mapping[str, object]] | None:
        """Slug, identity and description of the model."""
        if self.model is None:
            return None
        info = self.load(tokenizer).info
        return model_slug(info.spec), info.fingerprint, {**asdict(info), **asdict(self.decoding), "synthetic": info.toy}

    def load(self, tokenizer: Tokenizer) -> CompletionModel:
        """The model, loaded once a process.

        Raises:
            TokbenchError: If it cannot be loaded.
        """
        assert self.model is not None, "a run with a model"
        return _model(self.model, self.model_options, tokenizer)

    def check_references(self, tokenizer: Tokenizer, references: Sequence[Tokenizer]) -> None:
        """Load the model, and find out whether it takes the prompts and speaks the ids of the tokenizer.

        Raises:
            TokbenchError: If something is missing or does not fit.
        """
        if self.model is None:
            return
        model = self.load(tokenizer)
        if not model.takes & {"text", "messages"}:
            raise PromptFormError(model.info.spec, "text", tuple(sorted(model.takes)))
        own = model.info.tokenizer
        if own is not None and own != tokenizer.info.spec:
            other = load_tokenizer(own).info.fingerprint
            if other != tokenizer.info.fingerprint:
                given = f"{tokenizer.info.spec}, fingerprint {tokenizer.info.fingerprint}"
                expected = f"{own}, fingerprint {other}, the tokenizer of {self.model}, whose ids are graded"
                raise OptionError("tokenizer", given, expected)
        check_experiment(self.experiments, model)

    def partners(self, tokenizer: Tokenizer, others: Sequence[Tokenizer]) -> list[Tokenizer]:
        """None: this suite compares no engines."""
        return []

    def notes(self) -> list[str]:
        """Articles that were left out, and why."""
        return [] if self.articles is None else list(_articles(self.articles, self.seed, self.markings)[1])

    # ------------------------------------------------------------------ parts

    def parts(
        self, tokenizer: Tokenizer, references: Sequence[Tokenizer] = (), partners: Sequence[Tokenizer] = ()
    ) -> list[Part]:
        """The census of the tokenizer; with a model the replies, stratum by stratum, and the rates over all."""
        census = partial(phantom_tokenizer_rows, tokenizer, profile=self.profile, seed=self.seed)
        parts = [Part("census", "census", alone(census))]
        if self.model is None:
            return parts
        groups: dict[str, list[Item]] = {}
        for item in self.all_items():
            groups.setdefault(item.stratum, []).append(item)
        for name, group in groups.items():
            for start in range(0, len(group), _PIECE):
                key = f"replies/{name}" if len(group) <= _PIECE else f"replies/{name}/{start // _PIECE}"
                piece = group[start : start + _PIECE]
                parts.append(Part(key, name, partial(self._replies, tokenizer, piece), steps=len(piece)))
        parts.append(Part("rates", "rates", partial(self._rates, tokenizer)))
        return parts + experiment_parts(
            self.experiments, tokenizer, self.all_items(), model=partial(self.load, tokenizer), decoding=self.decoding,
            keep=partial(self._kept, tokenizer),
        )  # fmt: skip

    def _kept(self, tokenizer: Tokenizer, context: PartContext) -> AbstractContextManager[ResponseStore | None]:
        return kept_answers(self.load(tokenizer).info, context.out)

    def _replies(self, tokenizer: Tokenizer, chosen: Sequence[Item], context: PartContext) -> PartResult:
        with self._kept(tokenizer, context) as store:
            return PartResult(self._asked(self.load(tokenizer), tokenizer, chosen, store, context.tick))

    def _asked(
        self, model: CompletionModel, tokenizer: Tokenizer, chosen: Sequence[Item], store: ResponseStore | None,
        tick: Callable[[int], None],
    ) -> list[Sample]:  # fmt: skip
        return answer_samples(
            model, chosen, tokenizer, decoding=self.decoding, words=known_words(), store=store, tick=tick
        )

    def _rates(self, tokenizer: Tokenizer, context: PartContext) -> PartResult:
        check_ids(context.samples, tokenizer)
        context.attach("targets", target_frame(context.samples))
        return PartResult([], phantom_metrics(context.samples))
