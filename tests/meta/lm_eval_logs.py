"""Scripted answers in both worlds: the record of our own run, and files of samples as lm-eval writes them."""

from __future__ import annotations

import json
from collections.abc import Callable, Mapping, Sequence
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest

from tokbench.integrations._lm_eval_log import import_log
from tokbench.models.completion import ChoiceScores, Completion, Decoding, Done, Prompt
from tokbench.models.completions import load_completion_model
from tokbench.results import Run, load
from tokbench.run import RunRequest, run
from tokbench.suites.arithmetic import plan as arithmetic
from tokbench.suites.arithmetic.conditions import standard_conditions
from tokbench.suites.arithmetic.item import VERSION as ARITHMETIC
from tokbench.suites.arithmetic.strata import profile_of
from tokbench.suites.charbench import plan as charbench
from tokbench.suites.charbench.ranking import VERSION as CHARBENCH
from tokbench.suites.phantom import plan as phantom
from tokbench.suites.phantom.items import VERSION as PHANTOM
from tokbench.tokenizers import Tokenizer

VERSIONS = {"charbench": CHARBENCH, "arithmetic": ARITHMETIC, "phantom": PHANTOM}
CHOSEN: Mapping[str, Mapping[str, object]] = {
    "charbench": {"tasks": "count_unique,spell"}, "arithmetic": {}, "phantom": {"markings": "bracket"},
}  # fmt: skip
"""Settings that keep the tests short."""

ASKED = {"charbench.strict", "arithmetic.value", "phantom"}
"""Metrics of the samples of answers; others are about the tokenizer."""

RESPONDERS = {
    "charbench": ("len", "oracle", "oracle-chatty"),
    "arithmetic": ("left-aligner", "adder", "format-breaker"),
    "phantom": ("replacer", "space-dropper", "doubler"),
}
"""Who answers: each request is answered by one of three, so that there are right, wrong and invalid answers."""
_DECODING = Decoding()
DATE = "2026-01-31T12-00-00.123456"
Row = dict[str, Any]


class TextOnly:
    """Scripted responders behind a text box, as lm-eval is one: no chats, and no ids come back."""

    takes = frozenset({"text"})

    def __init__(self, module: Any, names: Sequence[str], tokenizer: Tokenizer) -> None:  # noqa: ANN401, of three
        known = dict(module.responders(tokenizer))
        self._inner = [
            load_completion_model(f"scripted:{name}", tokenizer=tokenizer, responders=known) for name in names
        ]
        self.info = self._inner[0].info

    def generate(
        self, prompts: Sequence[Prompt], decoding: Decoding = _DECODING, *, done: Done | None = None
    ) -> list[Completion]:
        found = []
        for place, prompt in enumerate(prompts):
            inner = self._inner[sum(map(ord, prompt.key)) % len(self._inner)]
            found.append(replace(inner.generate([prompt], decoding)[0], ids=None))
            if done is not None:
                done(place, found[-1])
        return found

    def score_choices(
        self, prompts: Sequence[Prompt], choices: Sequence[Sequence[str]], *, done: object = None
    ) -> list[ChoiceScores]:
        return [
            ChoiceScores(logprobs=tuple(logprob(prompt.text or "", option) for option in options))
            for prompt, options in zip(prompts, choices, strict=True)
        ]


def logprob(context: str, continuation: str) -> float:
    """A score that depends on every letter; equal ones occur."""
    return -(sum(map(ord, context + continuation)) % 7) - 0.5


def our_run(suite: str, out: Path, **changes: object) -> Run:
    """What ``tokbench run`` makes of the same items with the scripted responders."""
    model = f"scripted:{RESPONDERS[suite][0]}"
    plans: dict[str, Callable[[], Any]] = {
        "charbench": lambda: charbench.CharbenchPlan(profile="smoke", tasks=("count_unique", "spell"), model=model),
        "arithmetic": lambda: arithmetic.ArithmeticPlan(
            profile="smoke", conditions=standard_conditions(profile_of("smoke").formats), model=model
        ),
        "phantom": lambda: phantom.PhantomPlan(profile="smoke", markings=("bracket",), model=model),
    }
    module = {"charbench": charbench, "arithmetic": arithmetic, "phantom": phantom}[suite]
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(
            module, "_model", lambda _spec, _options, tokenizer: TextOnly(module, RESPONDERS[suite], tokenizer)
        )
        done = run(RunRequest(plan=replace(plans[suite](), **changes), tokenizers=("bytes",), out=out))
    (found,) = load(done.directories[0])
    return found


def line(doc_id: int, doc: Row, replies: Sequence[object], **scores: object) -> Row:
    """A sample as lm-eval 0.4.13 writes it."""
    return {
        "doc_id": doc_id, "doc": doc, "target": str(doc.get("gold")),
        "arguments": {f"gen_args_{at}": {"arg_0": doc.get("prompt"), "arg_1": {}} for at in range(len(replies))},
        "resps": list(replies), "filtered_resps": list(replies), "filter": "none", "metrics": list(scores),
        "doc_hash": f"hash-{doc_id}", "prompt_hash": "", "target_hash": "", **scores,
    }  # fmt: skip


def write(folder: Path, task: str, rows: Sequence[object], *, results: Row | None = None) -> Path:
    folder.mkdir(parents=True, exist_ok=True)
    path = folder / f"samples_{task}_{DATE}.jsonl"
    path.write_text("".join(f"{json.dumps(row, ensure_ascii=False)}\n" for row in rows), encoding="utf-8")
    about = {
        "config": {"model": "hf", "model_args": {"pretrained": "/somewhere/private/tiny", "dtype": "float32"}},
        "lm_eval_version": "0.4.13", "versions": {task: 1.0}, "higher_is_better": {task: {"acc": True}},
    }  # fmt: skip
    written = json.dumps(about if results is None else results)
    (folder / f"results_{DATE}.json").write_text(written, encoding="utf-8")
    return path


def imported(paths: Sequence[Path], out: Path, **options: Any) -> Run:  # noqa: ANN401, passed on
    (directory,) = import_log(paths, out, **options)
    (found,) = load(directory)
    return found
