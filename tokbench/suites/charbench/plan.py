"""The suite with the settings of one command: which parts a run has, and what enters its key."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import asdict, dataclass, field
from functools import cache, partial
from pathlib import Path
from typing import TYPE_CHECKING, Literal, cast

from tokbench.errors import ItemError, OptionError, UnknownNameError
from tokbench.models.completion import ChoiceModel, CompletionModel, Decoding
from tokbench.models.completions import load_completion_model
from tokbench.results import Metric, ResponseStore, Sample
from tokbench.suites.asking import kept_answers, model_slug
from tokbench.suites.charbench import prompts
from tokbench.suites.charbench.answers import (
    answer_samples,
    check_recording,
    choice_samples,
    prediction_frame,
    prompt_form,
)
from tokbench.suites.charbench.baselines import baselines
from tokbench.suites.charbench.features import features, why_not
from tokbench.suites.charbench.item import Item
from tokbench.suites.charbench.items import build_items, frame, items_sha256
from tokbench.suites.charbench.metrics import run_metrics
from tokbench.suites.charbench.pairs import pair_estimates
from tokbench.suites.charbench.ranking import VERSION
from tokbench.suites.charbench.rows import read_rows
from tokbench.suites.charbench.scripted import responders
from tokbench.suites.charbench.task import Task
from tokbench.suites.charbench.tasks import GROUPS, TASKS, select_tasks
from tokbench.suites.charbench.tokenizer_metrics import list_metrics, tokenizer_metrics
from tokbench.suites.charbench.words import WordList, load_words
from tokbench.suites.part import Part, PartContext, PartResult
from tokbench.tokenizers import Tokenizer

if TYPE_CHECKING:
    import polars as pl

__all__ = ["GOLDS", "MODES", "CharbenchPlan"]

Gold = Literal["balanced", "natural"]
Mode = Literal["generate", "loglik"]
GOLDS: tuple[Gold, ...] = ("balanced", "natural")
MODES: tuple[Mode, ...] = ("generate", "loglik")
PAPER_PROMPT = "charbench-2025"

_PAIRS = 6
"""Group of the tasks whose items come in pairs."""


@cache
def _words(source: str, unit: str) -> WordList:
    return load_words(source, unit=unit)


@cache
def _items(profile: str, gold: Gold, tasks: tuple[str, ...], seed: int, source: str, unit: str) -> tuple[Item, ...]:
    return tuple(build_items(profile=profile, gold=gold, tasks=tasks, seed=seed, words=_words(source, unit)))


@cache
def _rows(path: Path) -> tuple[Item, ...]:
    return tuple(read_rows(path))


@cache
def _model(spec: str, options: tuple[tuple[str, object], ...], tokenizer: Tokenizer) -> CompletionModel:
    return load_completion_model(spec, tokenizer=tokenizer, responders=responders(tokenizer), **dict(options))


@dataclass(frozen=True, slots=True, kw_only=True)
class CharbenchPlan:
    """The suite ``charbench`` with the settings of one command.

    Attributes:
        profile: ``smoke``, ``core`` or ``full``: 8, 250 or 6,250 items a task and length.
        seed: Part of every hash that chooses an item.
        gold: ``balanced`` or ``natural``.
        tasks: Names of tasks or of sets of tasks.
        prompt: Wording of the questions.
        mode: ``generate`` asks for an answer, ``loglik`` compares the probabilities of all answers.
        words: Source of the words.
        unit: ``codepoint`` or ``grapheme``.
        model: Spec of the model; None for a run of items and features alone.
        model_options: Options of the model beside those in its spec.
        decoding: How answers are drawn.
        rows: A file with the published rows, instead of items of our own.
        require_features: Whether a tokenizer without exact spans is an error.
    """

    profile: str = "core"
    seed: int = 0
    gold: Gold = "balanced"
    tasks: tuple[str, ...] = ("standard",)
    prompt: str = "plain"
    mode: Mode = "generate"
    words: str = "builtin:en-scowl-95"
    unit: str = "codepoint"
    model: str | None = None
    model_options: tuple[tuple[str, object], ...] = ()
    decoding: Decoding = field(default_factory=Decoding)
    rows: Path | None = None
    require_features: bool = False

    references: tuple[str, ...] = ()
    """Engines to compare ids with: this suite compares none."""

    @property
    def name(self) -> str:
        """Name of the suite."""
        return "charbench"

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
            UnknownNameError: If a task, prompt or profile does not exist.
            OptionError: If two settings do not go together.
        """
        if self.prompt not in prompts.PROMPTS:
            raise UnknownNameError("prompt", self.prompt, tuple(prompts.PROMPTS))
        chosen = select_tasks(self.tasks)
        other = [task.id for task in chosen if task.group != 1]
        for name, value, wanted in (("prompt", self.prompt, PAPER_PROMPT), ("gold", self.gold, "natural")):
            if value == wanted and other:
                ids = ", ".join(task.id for task in GROUPS[1])
                raise OptionError(name, value, f"only tasks of the paper ({ids}; --tasks paper), not {other[0]}")
        if self.mode == "loglik" and self.prompt != "completion":
            raise OptionError("mode", self.mode, "--prompt completion, whose text ends where the answer begins")

    def all_items(self) -> tuple[Item, ...]:
        """The items, made once a process."""
        if self.rows is not None:
            return _rows(self.rows)
        return _items(self.profile, self.gold, self.tasks, self.seed, self.words, self.unit)

    # ------------------------------------------------------------------ identity

    def items(self) -> dict[str, str]:
        """SHA-256 of the items and of the list of words."""
        found = {"items": items_sha256(self.all_items())}
        return found if self.rows is not None else {**found, "words": _words(self.words, self.unit).sha256}

    def options(self) -> dict[str, object]:
        """Options that change results."""
        return {
            "gold": self.gold if self.rows is None else "rows", "tasks": sorted(task.id for task in self._tasks()),
            "prompt": self.prompt, "mode": self.mode, "unit": self.unit, "prompts": prompts.sha256s(),
            "decoding": asdict(self.decoding) if self.mode == "generate" else {},
        }  # fmt: skip

    def _tasks(self) -> Sequence[Task]:
        return select_tasks(self.tasks)

    def data_files(self) -> list[Mapping[str, object]]:
        """The data that the run reads, for its record."""
        if self.rows is not None:
            return [{"name": self.rows.name, "source": "file", "rows": len(self.all_items())}]
        words = _words(self.words, self.unit)
        return [words.entry()]

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
        """Load words and model, and find out whether the model takes the prompts, before anything is asked.

        Raises:
            TokbenchError: If something is missing or does not fit.
        """
        items = self.all_items()
        if self.require_features and (reason := why_not(tokenizer)):
            raise ItemError(items[0].item_id, f"no features with {tokenizer.info.spec}: {reason}")
        if self.model is None:
            return
        model = self.load(tokenizer)
        if self.mode == "loglik":
            if not isinstance(model, ChoiceModel):
                raise OptionError("mode", "loglik", f"a model with probabilities of given texts, not {self.model}")
            return
        check_recording(model, items)
        prompt_form(model, self.prompt, system=prompts.render(items[0], self.prompt).system is not None)

    def partners(self, tokenizer: Tokenizer, others: Sequence[Tokenizer]) -> list[Tokenizer]:
        """None: this suite compares no engines."""
        return []

    def notes(self) -> list[str]:
        """Words that were given twice, and cells that ran out."""
        return [] if self.rows is not None else list(_words(self.words, self.unit).warnings)

    # ------------------------------------------------------------------ parts

    def parts(
        self, tokenizer: Tokenizer, references: Sequence[Tokenizer] = (), partners: Sequence[Tokenizer] = ()
    ) -> list[Part]:
        """What a run consists of: the answers task by task, then the features, then the metrics over all."""
        by_task: dict[str, list[Item]] = {}
        for item in self.all_items():
            by_task.setdefault(item.task if item.variant == "std" else f"{item.task}/{item.variant}", []).append(item)
        parts = []
        if self.model is not None:
            parts = [
                Part(f"answers/{name}", name, partial(self._answers, tokenizer, items), steps=len(items))
                for name, items in by_task.items()
            ]
        parts.append(Part("features", "features", partial(self._features, tokenizer)))
        if self.model is not None:
            parts.append(Part("metrics", "metrics", partial(self._metrics, tokenizer)))
        return parts

    def _answers(self, tokenizer: Tokenizer, items: Sequence[Item], context: PartContext) -> PartResult:
        model = self.load(tokenizer)
        with kept_answers(model.info, context.out) as store:
            return PartResult(self._asked(model, tokenizer, items, store, context.tick))

    def _asked(
        self, model: CompletionModel, tokenizer: Tokenizer, items: Sequence[Item], store: ResponseStore | None,
        tick: Callable[[int], None],
    ) -> list[Sample]:  # fmt: skip
        if self.mode == "loglik":
            scored = cast("ChoiceModel", model)
            return choice_samples(scored, items, prompt_id=self.prompt, store=store, tokenizer=tokenizer, tick=tick)
        return answer_samples(
            model, items, prompt_id=self.prompt, decoding=self.decoding, store=store, tokenizer=tokenizer, tick=tick
        )

    def features(self, tokenizer: Tokenizer) -> pl.DataFrame:
        """Features of all items, of the bare word and inside the prompt."""
        import polars as pl

        found = [
            features(list(self.all_items()), tokenizer, context, prompt_id=self.prompt, require=self.require_features)
            for context in ("bare", "in_prompt")
        ]
        return pl.concat(found)

    def _features(self, tokenizer: Tokenizer, context: PartContext) -> PartResult:
        table, found = frame(self.all_items()), self.features(tokenizer)
        context.attach("items", table)
        context.attach("features", found)
        metrics = tokenizer_metrics(table, found)
        if self.model is None and self.rows is None:  # exact, and the whole list takes a while
            metrics += list_metrics(tokenizer, _words(self.words, self.unit))
        return PartResult([], metrics)

    def _metrics(self, tokenizer: Tokenizer, context: PartContext) -> PartResult:
        items = self.all_items()
        predictions = prediction_frame(context.samples, self.load(tokenizer).info.spec)
        context.attach("predictions", predictions)
        if any(TASKS[item.task].group == _PAIRS for item in items):
            context.attach("pairs", pair_estimates(items, predictions, self.features(tokenizer)))
        words = None if self.rows is not None else _words(self.words, self.unit)
        not_run = {sample.item_id: sample.message for sample in context.samples if sample.outcome == "skipped"}
        metrics: list[Metric] = run_metrics(frame(items), predictions, baselines(items, words, self.gold), not_run)
        return PartResult([], metrics)
