"""The suites as tasks of inspect_ai: ``inspect eval tokbench/charbench -T tasks=paper --model openai/NAME``.

inspect_ai finds this module by its entry point; the rest of the package never imports it. Questions, limits and grades
are those of ``tokbench run``. The metrics here are counts and no more: ``tokbench import-inspect LOG`` turns the log
into a run record with rates, intervals and baselines.

Settings have the names of ``tokbench run SUITE`` with underscores (``--in`` is ``in_format``, ``--items`` is ``rows``).
The profile is ``smoke`` unless given, and ``n`` asks so many questions at most, evenly over the tasks.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from tokbench.errors import MissingExtraError, OptionError, TokbenchError
from tokbench.integrations import _inspect_log
from tokbench.integrations._bridge import Request, grade, log_settings, requests

try:
    from inspect_ai import Task, task
    from inspect_ai.dataset import MemoryDataset, Sample
    from inspect_ai.model import ChatMessageAssistant, ChatMessageSystem, ChatMessageUser, GenerateConfig
    from inspect_ai.scorer import (
        CORRECT,
        INCORRECT,
        NOANSWER,
        Metric,
        SampleScore,
        Score,
        Scorer,
        Target,
        metric,
        scorer,
    )
    from inspect_ai.solver import Generate, Solver, TaskState, solver
except ImportError as error:
    raise MissingExtraError("inspect_ai", "inspect", str(error)) from error

if TYPE_CHECKING:
    from inspect_ai.model import ChatMessage

__all__ = ["arithmetic", "charbench", "counts", "graded", "phantom", "questions"]

_VALUES = {"correct": CORRECT, "wrong": INCORRECT, "invalid": NOANSWER, "failed": NOANSWER}
_MESSAGES = {"system": ChatMessageSystem, "user": ChatMessageUser, "assistant": ChatMessageAssistant}


# ---------------------------------------------------------------------- the parts of a task


def _input(request: Request) -> str | list[ChatMessage]:
    """A question as inspect_ai sends it: the messages of a chat, or a text, which becomes the message of the user."""
    prompt = request.prompt
    if prompt.messages is None:
        return str(prompt.text)
    return [_MESSAGES[message.role](content=message.content) for message in prompt.messages]


def _sample(request: Request) -> Sample:
    own = {
        "key": request.key, "item_id": request.item_id, "group": request.group, "max_tokens": request.max_tokens,
        "stop": list(request.stop), "prompt_sha256": request.prompt.sha256,
    }  # fmt: skip
    return Sample(input=_input(request), target=request.gold, id=request.key, metadata={_inspect_log.NAME: own})


@solver
def questions() -> Solver:
    """Ask once, with the longest answer and the stop strings of the question."""

    async def solve(state: TaskState, generate: Generate) -> TaskState:
        own = state.metadata[_inspect_log.NAME]
        limits: dict[str, object] = {"stop_seqs": own["stop"]} if own["stop"] else {}
        if own["max_tokens"] is not None:
            limits["max_tokens"] = own["max_tokens"]
        return await generate(state, **limits)

    return solve


@metric
def counts() -> Metric:
    """How many answers are right, wrong, and not to be graded, of how many; rates are left to the import."""

    def count(scores: list[SampleScore]) -> dict[str, str | int | float | bool | None]:
        # not by value: inspect_ai has made a number of it by now, which an answer that cannot be graded has not
        outcomes = [(score.score.metadata or {}).get("outcome") for score in scores]
        return {**{name: outcomes.count(name) for name in _VALUES}, "n": len(outcomes)}

    return count


@scorer(metrics=[counts()])
def graded(suite: str, settings: dict[str, object]) -> Scorer:
    """The suite's own grade of an answer.

    Args:
        suite: Name of the suite.
        settings: Settings with which the questions were made.
    """

    async def score(state: TaskState, target: Target) -> Score:  # noqa: ARG001, the form that inspect_ai calls
        found = grade(suite, str(state.sample_id), _inspect_log.answer_of(state.output), **settings)
        details = [row.detail for row in found.rows]
        return Score(
            value=_VALUES[found.outcome],
            answer=state.output.completion,
            explanation=found.message or f"{found.metric}: {found.outcome}",
            metadata={"metric": found.metric, "outcome": found.outcome, "score": found.score, "detail": details},
        )

    return score


def _task(suite: str, given: dict[str, object]) -> Task:
    n = given.pop("n")
    if n is not None and given["limit"] is not None:
        raise OptionError("n", n, "n or limit, which are the same")
    given["limit"] = n if n is not None else given["limit"]
    identity = log_settings(suite, **given)
    found = requests(suite, **given)  # type: ignore[arg-type] # any value: it is looked at there
    settings = {name: identity[name] for name in given}
    top_p = float(str(settings["top_p"]))
    return Task(
        dataset=MemoryDataset([_sample(request) for request in found], name=str(identity["suite_version"])),
        solver=questions(),
        scorer=graded(suite, settings),
        config=GenerateConfig(temperature=float(str(settings["temperature"])), top_p=None if top_p == 1 else top_p),
        version=str(identity["suite_version"]),
        metadata={_inspect_log.NAME: identity},
        fail_on_error=False,  # a request that failed stays in every denominator
    )


def _made(suite: str, given: dict[str, object]) -> Task:
    try:
        return _task(suite, given)
    except TokbenchError as error:
        raise _inspect_log.plain_refusal(error) from error


# ---------------------------------------------------------------------- tasks


@task
def charbench(  # noqa: PLR0913, PLR0917, settings of a suite
    profile: str = "smoke",
    tasks: str | list[str] = "standard",
    prompt: str = "plain",
    gold: str = "balanced",
    words: str = "builtin:en-scowl-95",
    unit: str = "codepoint",
    rows: str | None = None,
    tokenizer: str = "bytes",
    seed: int = 0,
    n: int | None = None,
    limit: int | None = None,
    form: str = "messages",
    max_tokens: int | None = None,
    temperature: float = 0.0,
    top_p: float = 1.0,
    *,
    reasoning: bool = False,
) -> Task:
    """Characters of words.

    Args:
        profile: How much is asked: smoke, core or full.
        tasks: paper, standard, all, or names of tasks.
        prompt: Wording: plain, plain-b, plain-c, completion, charbench-2025.
        gold: Gold answers: balanced or natural.
        words: builtin:en-scowl-95, wordfreq:LANG or file:PATH.
        unit: What counts as a character: codepoint or grapheme.
        rows: charbench-csv:FILE asks the published rows instead of own items.
        tokenizer: Spec of the model's tokenizer, for the features; bytes does without.
        seed: Seed of all that is drawn.
        n: At most so many questions, evenly over the tasks.
        limit: The same as n.
        form: messages asks with a chat, text with one message that holds the text.
        max_tokens: Longest answer; 64 by default.
        temperature: 0 takes the most probable token.
        top_p: Share of the probability that is drawn from.
        reasoning: Leave the length of answers to the model.
    """
    return _made("charbench", dict(locals()))


@task
def arithmetic(  # noqa: PLR0913, PLR0917, settings of a suite
    profile: str = "smoke",
    formats: str | list[str] | None = None,
    shots: int | str | list[int] = 8,
    mode: str = "plain",
    in_format: str | None = None,
    repeat: str | None = None,
    answer: str | None = None,
    blocks: str | list[str] | None = None,
    system: str = "helpful",
    tokenizer: str = "bytes",
    seed: int = 0,
    n: int | None = None,
    limit: int | None = None,
    form: str = "messages",
    max_tokens: int | None = None,
    temperature: float = 0.0,
    top_p: float = 1.0,
    *,
    flip_query: bool = False,
    flip_shots: bool = False,
) -> Task:
    """Sums and how their numbers are written.

    Args:
        profile: How much is asked: smoke, core or full.
        formats: Formats of numbers; those of the profile by default.
        shots: Solved calculations before the question.
        mode: plain, io or repeat.
        in_format: Format of the question, for io and repeat.
        repeat: Format of the repeat.
        answer: Format of the answer, for io and repeat.
        blocks: addition, parity, subtraction, product, twins, scripts, grouping.
        system: System message: helpful, mathgpt or none.
        tokenizer: Spec of the model's tokenizer, which says where numbers are cut and how long a reply may be.
        seed: Seed of all that is drawn.
        n: At most so many questions, evenly over formats and blocks.
        limit: The same as n.
        form: messages asks with a chat, text with one message that holds the text.
        max_tokens: Longest reply; twice the expected one and 8 by default.
        temperature: 0 takes the most probable token.
        top_p: Share of the probability that is drawn from.
        flip_query: Operands of the question change places.
        flip_shots: Operands of the shots change places.
    """
    return _made("arithmetic", dict(locals()))


@task
def phantom(
    profile: str = "smoke",
    markings: str | list[str] | None = None,
    articles: str | None = None,
    tokenizer: str = "bytes",
    seed: int = 0,
    n: int | None = None,
    limit: int | None = None,
    form: str = "messages",
    max_tokens: int | None = None,
    temperature: float = 0.0,
    top_p: float = 1.0,
) -> Task:
    """Replace marked words; replies are graded on their text, because inspect_ai gives no token ids.

    Args:
        profile: How much is asked: smoke, core or full.
        markings: bracket, ordinal, copy, quoted, offsets.
        articles: Your own articles: a folder of .txt, or .jsonl with text.
        tokenizer: Spec of the model's tokenizer, for the census.
        seed: Seed of all that is drawn.
        n: At most so many questions, evenly over the kinds of words.
        limit: The same as n.
        form: messages asks with a chat, text with one message that holds the text.
        max_tokens: Longest reply; 256 by default, with articles 2048.
        temperature: 0 takes the most probable token.
        top_p: Share of the probability that is drawn from.
    """
    return _made("phantom", dict(locals()))
