"""Plans of the suites whose model is there already: one that collects questions, or one that gives recorded answers.

Everything else is the plan of ``tokbench run``, so that items, prompts, grades and metrics are its own.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, replace
from pathlib import Path

from tokbench.errors import OptionError
from tokbench.integrations._bridge_settings import Value
from tokbench.models.completion import Completion, CompletionModel, Decoding, Done, Form, Prompt
from tokbench.models.info import ModelInfo
from tokbench.results import Sample
from tokbench.suites.arithmetic.conditions import mixed_condition, standard_conditions
from tokbench.suites.arithmetic.formats import parse_format
from tokbench.suites.arithmetic.item import Condition
from tokbench.suites.arithmetic.plan import ArithmeticPlan
from tokbench.suites.arithmetic.strata import profile_of
from tokbench.suites.charbench.plan import PAPER_PROMPT, CharbenchPlan
from tokbench.suites.part import Part, PartContext, PartResult
from tokbench.suites.phantom.plan import PhantomPlan
from tokbench.tokenizers import Tokenizer

__all__ = ["ANSWERS", "NOT_ASKED", "AnswerModel", "BridgedPlan", "make_plan"]

ANSWERS = ("answers/", "replies/")
"""Beginnings of the keys of the parts in which a model is asked."""

NOT_ASKED = "not asked: the log holds only some of the items"
"""Why an item is skipped that the harness was not to ask."""

_DECODING = Decoding()


class AnswerModel:
    """A :class:`~tokbench.models.completion.CompletionModel` that answers by a function of prompt and decoding.

    Args:
        info: Description of the model.
        form: The form in which it takes prompts.
        answer: The function.
    """

    def __init__(self, info: ModelInfo, form: Form, answer: Callable[[Prompt, Decoding], Completion]) -> None:
        self.info = info
        self.takes: frozenset[Form] = frozenset({form})
        self._answer = answer

    def generate(
        self, prompts: Sequence[Prompt], decoding: Decoding = _DECODING, *, done: Done | None = None
    ) -> list[Completion]:
        """See :meth:`~tokbench.models.completion.CompletionModel.generate`."""
        found = []
        for place, prompt in enumerate(prompts):
            completion = self._answer(prompt, decoding)
            found.append(completion)
            if done is not None:
                done(place, completion)
        return found


# ---------------------------------------------------------------------- plans


def _marked(parts: list[Part]) -> list[Part]:
    """Parts whose samples of items that were not to be asked are skipped, and not failed."""
    return [
        replace(part, work=_skipping(part.work)) if part.key.startswith(ANSWERS) else part for part in parts
    ]  # fmt: skip


def _skipping(work: Callable[[PartContext], PartResult]) -> Callable[[PartContext], PartResult]:
    def marked(context: PartContext) -> PartResult:
        found = work(context)
        return PartResult([_skipped(sample) for sample in found.samples], found.metrics)

    return marked


def _skipped(sample: Sample) -> Sample:
    if sample.message != NOT_ASKED or sample.completion is not None:
        return sample
    return replace(sample, outcome="skipped", score=None, prompt_sha256=None, detail=None)


@dataclass(frozen=True, slots=True, kw_only=True)
class BridgedCharbench(CharbenchPlan):
    """The suite ``charbench`` with a model that is there.

    Attributes:
        answering: The model.
    """

    answering: CompletionModel

    @property
    def retries(self) -> bool:
        """A log stays as it is."""
        return False

    def load(self, tokenizer: Tokenizer) -> CompletionModel:
        """The model."""
        return self.answering

    def parts(
        self, tokenizer: Tokenizer, references: Sequence[Tokenizer] = (), partners: Sequence[Tokenizer] = ()
    ) -> list[Part]:
        """Those of the suite."""
        return _marked(CharbenchPlan.parts(self, tokenizer, references, partners))


@dataclass(frozen=True, slots=True, kw_only=True)
class BridgedArithmetic(ArithmeticPlan):
    """The suite ``arithmetic`` with a model that is there.

    Attributes:
        answering: The model.
    """

    answering: CompletionModel

    @property
    def retries(self) -> bool:
        """A log stays as it is."""
        return False

    def load(self, tokenizer: Tokenizer) -> CompletionModel:
        """The model."""
        return self.answering

    def parts(
        self, tokenizer: Tokenizer, references: Sequence[Tokenizer] = (), partners: Sequence[Tokenizer] = ()
    ) -> list[Part]:
        """Those of the suite."""
        return _marked(ArithmeticPlan.parts(self, tokenizer, references, partners))


@dataclass(frozen=True, slots=True, kw_only=True)
class BridgedPhantom(PhantomPlan):
    """The suite ``phantom`` with a model that is there.

    Attributes:
        answering: The model.
    """

    answering: CompletionModel

    @property
    def retries(self) -> bool:
        """A log stays as it is."""
        return False

    def load(self, tokenizer: Tokenizer) -> CompletionModel:
        """The model."""
        return self.answering

    def parts(
        self, tokenizer: Tokenizer, references: Sequence[Tokenizer] = (), partners: Sequence[Tokenizer] = ()
    ) -> list[Part]:
        """Those of the suite."""
        return _marked(PhantomPlan.parts(self, tokenizer, references, partners))


BridgedPlan = BridgedCharbench | BridgedArithmetic | BridgedPhantom


# ---------------------------------------------------------------------- from settings


class _Settings:
    """Settings in their one form, read by kind."""

    def __init__(self, settings: Mapping[str, Value]) -> None:
        self._values = settings

    def text(self, name: str) -> str:
        return str(self._values[name])

    def maybe(self, name: str) -> str | None:
        value = self._values[name]
        return None if value is None else str(value)

    def names(self, name: str) -> tuple[str, ...]:
        value = self.maybe(name)
        return () if value is None else tuple(value.split(","))

    def path(self, name: str) -> Path | None:
        value = self.maybe(name)
        return None if value is None else Path(value)

    def whole(self, name: str) -> int:
        return int(self._values[name] or 0)

    def flag(self, name: str) -> bool:
        return bool(self._values[name])

    def decoding(self, longest: int | None, stop: tuple[str, ...] = ()) -> Decoding:
        return Decoding(
            max_tokens=self.whole("max_tokens") or longest, temperature=float(self.text("temperature")),
            top_p=float(self.text("top_p")), stop=stop, seed=self.whole("seed"),
        )  # fmt: skip


def _charbench(given: _Settings, model: CompletionModel) -> BridgedPlan:
    prompt = given.text("prompt")
    unlimited = given.flag("reasoning") or prompt == PAPER_PROMPT
    return BridgedCharbench(
        profile=given.text("profile"), seed=given.whole("seed"), tasks=given.names("tasks"), prompt=prompt,
        gold="natural" if given.text("gold") == "natural" else "balanced", words=given.text("words"),
        unit=given.text("unit"), model=model.info.spec, rows=_rows(given.maybe("rows")), answering=model,
        decoding=given.decoding(None if unlimited else 64, ("\n",) if prompt == "completion" else ()),
    )  # fmt: skip


def _rows(rows: str | None) -> Path | None:
    if rows is None:
        return None
    kind, colon, path = rows.partition(":")
    if kind != "charbench-csv" or not colon or not path:
        raise OptionError("rows", rows, "charbench-csv:FILE, the published rows")
    return Path(path)


def _arithmetic(given: _Settings, model: CompletionModel) -> BridgedPlan:
    conditions, explicit = _conditions(given)
    return BridgedArithmetic(
        profile=given.text("profile"), seed=given.whole("seed"), conditions=conditions, explicit=explicit,
        blocks=given.names("blocks"), model=model.info.spec, decoding=given.decoding(None), answering=model,
    )  # fmt: skip


def _conditions(given: _Settings) -> tuple[tuple[Condition, ...], bool]:
    """The conditions that ``tokbench run arithmetic`` makes of its options, and whether they were asked for by name."""
    plain, mode, shots = parse_format("nosep"), given.text("mode"), _shots(given.text("shots"))
    system = given.text("system")
    base = Condition(
        in_fmt=plain, out_fmt=plain, system="" if system == "none" else system, flip_query=given.flag("flip_query"),
        flip_shots=given.flag("flip_shots"),
    )  # fmt: skip
    named = {name: given.maybe(name) for name in ("in_format", "repeat", "answer")}
    wanted = {"plain": (), "io": ("in_format", "answer"), "repeat": tuple(named)}[mode]
    for name, value in named.items():
        if value is not None and name not in wanted:
            raise OptionError(name, value, f"another mode beside it than {mode}")
        if value is None and name in wanted:
            raise OptionError(name, "", f"a format, for example comma_r2l: mode={mode} has no usual one")
    if mode == "plain":
        formats = given.names("formats") or profile_of(given.text("profile")).formats
        return standard_conditions(formats, shots, base), bool(given.names("formats"))
    if given.names("formats"):
        raise OptionError("formats", given.text("formats"), f"in_format and answer with mode={mode}, one format each")
    first, last = str(named["in_format"]), str(named["answer"])
    return tuple(mixed_condition(first, last, named["repeat"], count, base) for count in shots), True


def _shots(text: str) -> tuple[int, ...]:
    parts = text.split(",")
    if not all(part.isascii() and part.isdigit() for part in parts):
        raise OptionError("shots", text, "numbers from 0 to 16 joined by commas, for example 8 or 1,2,4,8")
    return tuple(int(part) for part in parts)


def _phantom(given: _Settings, model: CompletionModel) -> BridgedPlan:
    articles = given.path("articles")
    return BridgedPhantom(
        profile=given.text("profile"), seed=given.whole("seed"), markings=given.names("markings"),
        model=model.info.spec, decoding=given.decoding(2048 if articles else 256), articles=articles, answering=model,
    )  # fmt: skip


_MAKERS: Mapping[str, Callable[[_Settings, CompletionModel], BridgedPlan]] = {
    "charbench": _charbench, "arithmetic": _arithmetic, "phantom": _phantom,
}  # fmt: skip


def make_plan(suite: str, settings: Mapping[str, Value], model: CompletionModel) -> BridgedPlan:
    """The plan that ``tokbench run SUITE`` makes of the same settings, with a model that is there.

    Args:
        suite: ``charbench``, ``arithmetic`` or ``phantom``.
        settings: As :func:`~tokbench.integrations._bridge_settings.normal` gives them.
        model: What answers.

    Raises:
        TokbenchError: If two settings do not go together, or one names something that does not exist.
    """
    plan = _MAKERS[suite](_Settings(settings), model)
    plan.check()
    return plan
