"""The suite ``charbench`` where a model is not asked but scored: all answers of an item by their log-probability.

lm-eval asks for it by ``output_type: multiple_choice``: the log-probability of a space and an answer behind a prompt
that ends where the answer begins, which is what ``tokbench run charbench --mode loglik --prompt completion`` asks for.
"""

from __future__ import annotations

import hashlib
import json
from collections.abc import Callable, Collection, Mapping, Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import cast

from tokbench.errors import RecordingError
from tokbench.integrations._bridge import Request, log_settings
from tokbench.integrations._bridge_plans import ANSWERS, NOT_ASKED, AnswerModel, BridgedCharbench, make_plan
from tokbench.integrations._bridge_settings import Value, normal
from tokbench.models.completion import ChoiceScores, Completion, Decoding, Prompt
from tokbench.models.info import ModelInfo, setting_table
from tokbench.suites.charbench.item import Item
from tokbench.suites.part import PartContext
from tokbench.tokenizers import load_tokenizer

__all__ = ["ChoiceRequest", "choice_requests", "chosen", "import_choices"]

SUITE = "charbench"
_OWN = ("suite", "suite_version", "items", "requests", "requests_sha256", "mode")
"""What a document carries beside the settings of the plan."""


@dataclass(frozen=True, slots=True)
class ChoiceRequest:
    """A question with all its answers.

    Attributes:
        request: The question; its prompt ends where the answer begins.
        choices: The answers, each without the space before it.
    """

    request: Request
    choices: tuple[str, ...]


def chosen(logprobs: Sequence[float]) -> int:
    """Place of the most probable answer; the first of equal ones, as in our own runs."""
    return max(range(len(logprobs)), key=logprobs.__getitem__)


class _ScoredModel(AnswerModel):
    """A :class:`~tokbench.models.completion.ChoiceModel` whose scores come from a function of prompt and choices."""

    def __init__(self, info: ModelInfo, score: Callable[[Prompt, Sequence[str]], ChoiceScores]) -> None:
        super().__init__(info, "text", _not_asked)
        self._score = score

    def score_choices(
        self,
        prompts: Sequence[Prompt],
        choices: Sequence[Sequence[str]],
        *,
        done: Callable[[int, ChoiceScores], None] | None = None,
    ) -> list[ChoiceScores]:
        """See :meth:`~tokbench.models.completion.ChoiceModel.score_choices`."""
        found = []
        for place, (prompt, options) in enumerate(zip(prompts, choices, strict=True)):
            scores = self._score(prompt, options)
            found.append(scores)
            if done is not None:
                done(place, scores)
        return found


def _not_asked(_prompt: Prompt, _decoding: Decoding) -> Completion:
    return Completion(status="missing", problem=NOT_ASKED)


def _info(spec: str, settings: Mapping[str, object], fingerprint: str, *, toy: bool) -> ModelInfo:
    return ModelInfo(
        spec=spec, backend="replay", fingerprint=fingerprint, toy=toy, attention="", dtype="", device="", libraries=(),
        settings=setting_table(settings), tokenizer=None,
    )  # fmt: skip


def _plan(settings: Mapping[str, Value], model: _ScoredModel) -> BridgedCharbench:
    plan = replace(cast("BridgedCharbench", make_plan(SUITE, settings, model)), mode="loglik")
    plan.check()
    return plan


def choice_requests(settings: Mapping[str, object]) -> list[ChoiceRequest]:
    """All questions whose answers can be listed, in the order of the suite.

    Args:
        settings: Settings of the suite by name.

    Raises:
        TokbenchError: If a setting does not exist or does not fit.
    """
    canonical = normal(SUITE, settings)
    asked: list[tuple[Prompt, Sequence[str]]] = []

    def listen(prompt: Prompt, options: Sequence[str]) -> ChoiceScores:
        asked.append((prompt, options))
        return ChoiceScores(status="missing", problem=NOT_ASKED)

    plan = _plan(canonical, _ScoredModel(_info("bridge:questions", {}, "questions", toy=True), listen))
    found = []
    for part in plan.parts(load_tokenizer(str(canonical["tokenizer"]))):
        if part.key.startswith(ANSWERS):
            asked.clear()
            part.work(PartContext())
            found += [_request(part.title, prompt, options) for prompt, options in asked]
    return found


def _request(group: str, prompt: Prompt, options: Sequence[str]) -> ChoiceRequest:
    item = prompt.item
    assert isinstance(item, Item), "an item of the suite"
    request = Request(
        key=prompt.key, item_id=item.item_id, prompt=prompt, max_tokens=None, stop=(), gold=item.answer, suite=SUITE,
        group=group,
    )  # fmt: skip
    return ChoiceRequest(request, tuple(option.removeprefix(" ") for option in options))


def import_choices(
    settings: Mapping[str, object],
    scores: Mapping[str, ChoiceScores],
    *,
    model: str,
    out: Path,
    source: Mapping[str, str],
    asked: Collection[str],
) -> Path:
    """Make a run record of the log-probabilities in a file of samples.

    Args:
        settings: What a document carries.
        scores: What each question scored, by its key.
        model: Who was scored.
        out: Directory of all runs.
        source: Where the scores come from.
        asked: Keys of the questions that were asked; all others are skipped, with the reason.

    Returns:
        Directory of the record.

    Raises:
        RecordingError: If the file is of another version of the suite, or of other items.
        TokbenchError: If a setting does not fit, or the record cannot be written.
    """
    from tokbench import run as runner

    log = source.get("log", "the file")
    canonical = normal(SUITE, {name: value for name, value in settings.items() if name not in _OWN})
    made = log_settings(SUITE, **canonical)
    for name in ("suite_version", "items", "requests_sha256"):
        if settings.get(name) != made[name]:
            problem = (
                f"{name.replace('_', ' ')} of the file and of this version of tokbench are not the same: read it with "
                "the version, and the file of words, that made it"
            )
            raise RecordingError(log, None, problem)
    identity = json.dumps([model, sorted(asked), sorted((key, entry.logprobs) for key, entry in scores.items())])
    fingerprint = hashlib.sha256(identity.encode()).hexdigest()
    info = _info(f"lm-eval:{model}", {"model": model, **source}, fingerprint, toy=source.get("synthetic") == "true")

    def read(prompt: Prompt, options: Sequence[str]) -> ChoiceScores:
        answer = scores.get(prompt.key)
        if answer is None:
            problem = f"{log} holds no score of it" if prompt.key in asked else NOT_ASKED
            return ChoiceScores(status="missing", problem=problem)
        if len(answer.logprobs) != len(options):
            problem = f"{prompt.key!a} has {len(answer.logprobs)} scores: expected {len(options)}, one for each answer"
            raise RecordingError(log, None, problem)
        return answer

    plan = _plan(canonical, _ScoredModel(info, read))
    return runner.run(runner.RunRequest(plan=plan, tokenizers=(str(canonical["tokenizer"]),), out=out)).directories[0]
