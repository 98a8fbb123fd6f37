"""A scripted responder asked by our own runner, and the same responder asked by another harness."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import replace
from pathlib import Path

import pytest

from tokbench import run as runner
from tokbench.integrations._bridge import RecordedAnswer, Request
from tokbench.models._scripted import RequestFailed, scripted
from tokbench.models.completion import Completion, Decoding, Prompt
from tokbench.results import Run, load
from tokbench.suites.arithmetic.conditions import standard_conditions
from tokbench.suites.arithmetic.plan import ArithmeticPlan
from tokbench.suites.arithmetic.scripted import responders as arithmetic_responders
from tokbench.suites.charbench.plan import CharbenchPlan
from tokbench.suites.charbench.scripted import responders as charbench_responders
from tokbench.suites.part import Plan
from tokbench.suites.phantom import plan as phantom_plan
from tokbench.suites.phantom.plan import PhantomPlan
from tokbench.suites.phantom.scripted import responders as phantom_responders
from tokbench.tokenizers import load_tokenizer

Answering = Callable[[Prompt], str | Completion]

SETTINGS: Mapping[str, Mapping[str, object]] = {
    "charbench": {"tasks": "count_char"},
    "arithmetic": {"formats": "nosep,comma_r2l", "shots": "2", "blocks": "parity"},
    "phantom": {"markings": "bracket"},
}
"""Settings of each suite that make few questions, quickly."""

BYTES = load_tokenizer("bytes")


def responder(suite: str, name: str) -> Answering:
    """A scripted responder of a suite; those of phantom without their token ids, which no harness hands on."""
    if suite == "charbench":
        return charbench_responders(BYTES)[name]
    if suite == "arithmetic":
        return arithmetic_responders(BYTES)[name]
    found = phantom_responders(BYTES)[name]
    return lambda prompt: replace(found(prompt), ids=None)


def own_plan(suite: str, name: str) -> Plan:
    """The plan that ``tokbench run SUITE --model scripted:NAME`` makes of :data:`SETTINGS`."""
    spec = f"scripted:{name}"
    if suite == "charbench":
        return CharbenchPlan(profile="smoke", tasks=("count_char",), model=spec)
    if suite == "arithmetic":
        conditions = standard_conditions(("nosep", "comma_r2l"), (2,))
        return ArithmeticPlan(profile="smoke", conditions=conditions, explicit=True, blocks=("parity",), model=spec)
    return PhantomPlan(
        profile="smoke", markings=("bracket",), model=f"{spec}-as-text", decoding=Decoding(max_tokens=256)
    )


def own_run(suite: str, name: str, out: Path, monkeypatch: pytest.MonkeyPatch) -> Run:
    """The run of our own runner."""
    made = scripted(f"{name}-as-text", responder(suite, name))
    monkeypatch.setattr(phantom_plan, "load_completion_model", lambda *_, **__: made)
    runner.run(runner.RunRequest(plan=own_plan(suite, name), tokenizers=("bytes",), out=out, argv=("test",)))
    (found,) = load(out)
    return found


def answer(answering: Answering, request: Request) -> RecordedAnswer:
    """What a log holds of the responder's answer."""
    try:
        said = answering(request.prompt)
    except RequestFailed as error:
        return RecordedAnswer(text=None, problem=str(error))
    if isinstance(said, str):
        return RecordedAnswer(text=said)
    return RecordedAnswer(text=said.text, finish_reason=said.finish_reason)


def comparable(run: Run) -> tuple[list[object], list[object]]:
    """Samples and metrics of a run, without what belongs to the harness: the time that an answer took."""
    samples = [replace(row, seconds=None, detail=_graded(row.detail)) for row in run.sample_rows]
    return list[object](samples), list[object](run.metric_rows)


def _graded(detail: Mapping[str, object] | None) -> Mapping[str, object] | None:
    counted = ("prompt_tokens", "completion_tokens")
    return None if detail is None else {name: value for name, value in detail.items() if name not in counted}
