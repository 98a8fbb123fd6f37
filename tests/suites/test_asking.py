"""Asking: every request once, every answer kept when it comes, whatever happens to the process."""

from __future__ import annotations

import signal
import subprocess
import sys
import time
from collections import Counter
from collections.abc import Callable, Sequence
from dataclasses import replace
from pathlib import Path

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from tokbench.errors import RecordError, ServerError
from tokbench.models.completion import (
    ChoiceScores,
    Completion,
    CompletionModel,
    Decoding,
    Done,
    Form,
    Message,
    Prompt,
    request_key,
)
from tokbench.models.info import ModelInfo
from tokbench.results import ResponseStore
from tokbench.suites import asking
from tokbench.suites.asking import ask, ask_choices, choices_from, choices_plain, completion_from, completion_plain

INFO = ModelInfo(
    spec="hf:test", backend="hf", fingerprint="f" * 64, toy=True, attention="", dtype="", device="", libraries=(),
    settings=(), tokenizer=None,
)  # fmt: skip
GREEDY = Decoding()


def _answer(prompt: Prompt) -> Completion:
    return Completion(text=f"<{prompt.text}>", ids=(1, 2), finish_reason="stop")


class Counting:
    """Answers from a function, counts what it is asked, and can break off."""

    def __init__(
        self, answer: Callable[[Prompt], Completion] = _answer, *, info: ModelInfo = INFO, reports: bool = True
    ) -> None:
        self.info = info
        self.takes: frozenset[Form] = frozenset({"text"})
        self.asked: Counter[str] = Counter()
        self.breaks_after: tuple[int, BaseException] | None = None
        self.backwards = False
        self._answer = answer
        self._reports = reports

    def _before(self, text: str) -> None:
        if self.breaks_after is not None and self.asked.total() >= self.breaks_after[0]:
            raise self.breaks_after[1]
        self.asked[text] += 1

    def generate(
        self, prompts: Sequence[Prompt], decoding: Decoding = GREEDY, *, done: Done | None = None
    ) -> list[Completion]:
        completions: dict[int, Completion] = {}
        places = list(range(len(prompts)))
        for place in reversed(places) if self.backwards else places:
            self._before(prompts[place].text or "")
            completions[place] = self._answer(prompts[place])
            if done is not None and self._reports:
                done(place, completions[place])
        return [completions[place] for place in places]

    def score_choices(
        self,
        prompts: Sequence[Prompt],
        choices: Sequence[Sequence[str]],
        *,
        done: Callable[[int, ChoiceScores], None] | None = None,
    ) -> list[ChoiceScores]:
        scores = []
        for place, (prompt, options) in enumerate(zip(prompts, choices, strict=True)):
            self._before(f"{prompt.text}{list(options)}")
            scores.append(ChoiceScores(logprobs=tuple(-float(len(option)) for option in options), exact=True))
            if done is not None and self._reports:
                done(place, scores[-1])
        return scores


def _prompts(*texts: str) -> list[Prompt]:
    return [Prompt(text=text, key=f"{place}|{text}") for place, text in enumerate(texts)]


def _texts(completions: Sequence[Completion]) -> list[str]:
    return [completion.text for completion in completions]


@pytest.fixture
def path(tmp_path: Path) -> Path:
    return tmp_path / "responses.jsonl"


# ---------------------------------------------------------------------- once, in order, kept


@pytest.mark.parametrize("backwards", [False, True])
def test_each_request_is_asked_once(path: Path, *, backwards: bool) -> None:
    model = Counting()
    model.backwards = backwards
    assert isinstance(model, CompletionModel)
    steps: list[tuple[int, int]] = []
    prompts = _prompts("a", "b", "a", "c", "b")
    with ResponseStore(path) as store:
        found = ask(model, prompts, GREEDY, store, progress=lambda *step: steps.append(step))
    assert _texts(found) == ["<a>", "<b>", "<a>", "<c>", "<b>"]
    assert model.asked == {"a": 1, "b": 1, "c": 1}
    assert steps == ([(0, 5), (1, 5), (3, 5), (5, 5)] if backwards else [(0, 5), (2, 5), (4, 5), (5, 5)])

    again = Counting()
    steps.clear()
    with ResponseStore(path) as store:
        more = ask(again, [*prompts, *_prompts("d")], GREEDY, store, progress=lambda *step: steps.append(step))
    assert more[:5] == found
    assert again.asked == {"d": 1}
    assert steps == [(5, 6), (6, 6)]


def test_without_a_store_nothing_is_kept() -> None:
    model = Counting()
    for _ in range(2):
        assert _texts(ask(model, _prompts("a", "a"), GREEDY)) == ["<a>", "<a>"]
    assert model.asked == {"a": 2}
    assert ask(model, [], GREEDY) == []


def test_another_model_decoding_or_form_is_another_request(path: Path) -> None:
    with ResponseStore(path) as store:
        model = Counting()
        ask(model, _prompts("a"), GREEDY, store)
        ask(model, _prompts("a"), replace(GREEDY, max_tokens=None), store)
        ask(model, [Prompt(messages=(Message("user", "a"),))], GREEDY, store)
        ask(Counting(info=replace(INFO, fingerprint="0" * 64)), _prompts("a"), GREEDY, store)
        assert len(store) == 4
        assert request_key(INFO.fingerprint, Prompt(text="a"), GREEDY) in store


def test_draws_of_different_items_are_different_requests(path: Path) -> None:
    model = Counting()
    warm = Decoding(temperature=1.0)
    with ResponseStore(path) as store:
        for _ in range(2):
            ask(model, _prompts("a", "a"), warm, store)
    assert model.asked == {"a": 2}


def test_a_model_that_reports_nothing_is_kept_at_the_end(path: Path) -> None:
    with ResponseStore(path) as store:
        ask(Counting(reports=False), _prompts("a", "b"), GREEDY, store)
        assert len(store) == 2


def _failing(prompt: Prompt) -> Completion:
    if prompt.text == "e":
        return Completion(status="error", problem="503")
    return Completion(status="missing", problem="no row") if prompt.text == "m" else _answer(prompt)


def _failures_law(path: Path) -> None:
    """What failed is asked again by the next run, and what succeeded is not."""
    prompts = _prompts("a", "e", "m", "e")
    with ResponseStore(path) as store:
        found = ask(Counting(_failing), prompts, GREEDY, store)
    assert [completion.status for completion in found] == ["ok", "error", "missing", "error"]
    model = Counting()
    with ResponseStore(path) as store:
        assert _texts(ask(model, prompts, GREEDY, store)) == ["<a>", "<e>", "<m>", "<e>"]
    assert model.asked == {"e": 1, "m": 1}


def test_failures_are_tried_again(path: Path) -> None:
    _failures_law(path)


def test_the_law_sees_failures_that_are_kept(path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(asking, "_is_answer", lambda _answer: True)
    with pytest.raises(AssertionError):
        _failures_law(path)


# ---------------------------------------------------------------------- answers that depend on the item


def _by_item(prompt: Prompt) -> Completion:
    return Completion(text=prompt.key)


def _own_answers_law(path: Path, backend: str) -> None:
    model = Counting(_by_item, info=replace(INFO, backend=backend))
    with ResponseStore(path) as store:
        assert _texts(ask(model, _prompts("a", "a"), GREEDY, store)) == ["0|a", "1|a"]
        assert len(store) == 0


@pytest.mark.parametrize("backend", ["replay", "scripted"])
def test_equal_prompts_of_different_items_are_looked_up_apart(path: Path, backend: str) -> None:
    _own_answers_law(path, backend)


def test_the_law_sees_a_replay_by_text(path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(asking, "_OWN_ANSWERS", frozenset())
    with pytest.raises(AssertionError):
        _own_answers_law(path, "replay")


# ---------------------------------------------------------------------- interruptions


@pytest.mark.parametrize("error", [KeyboardInterrupt(), ServerError("host", "is down", "start it"), MemoryError()])
def test_what_was_answered_before_an_interruption_is_kept(path: Path, error: BaseException) -> None:
    prompts = _prompts(*"abcdefg")
    model = Counting()
    model.breaks_after = (4, error)
    with ResponseStore(path) as store, pytest.raises(type(error)):
        ask(model, prompts, GREEDY, store)
    again = Counting()
    with ResponseStore(path) as store:
        assert _texts(ask(again, prompts, GREEDY, store)) == [f"<{text}>" for text in "abcdefg"]
    assert model.asked + again.asked == dict.fromkeys("abcdefg", 1)


_SLOW = """
import sys, time
from pathlib import Path
from tokbench.models.completion import Completion, Decoding, Prompt
from tokbench.models.info import ModelInfo
from tokbench.results import ResponseStore
from tokbench.suites.asking import ask

path, calls, late = Path(sys.argv[1]), Path(sys.argv[2]), sys.argv[3] == "late"


class Slow:
    info = ModelInfo(spec="hf:slow", backend="hf", fingerprint="1", toy=True, attention="", dtype="", device="",
                     libraries=(), settings=(), tokenizer=None)
    takes = frozenset({"text"})

    def generate(self, prompts, decoding=None, *, done=None):
        answers = []
        with calls.open("a") as file:
            for place, prompt in enumerate(prompts):
                file.write(prompt.text + "\\n")
                file.flush()
                time.sleep(0.003)
                answers.append(Completion(text=prompt.text * 50))
                if not late:
                    done(place, answers[-1])
        return answers


prompts = [Prompt(text=f"prompt {number % 400}") for number in range(500)]
with ResponseStore(path) as store:
    answers = ask(Slow(), prompts, Decoding(), store)
assert [answer.text for answer in answers] == [prompt.text * 50 for prompt in prompts]
"""


def _killed_run_law(path: Path, calls: Path, *, late: bool = False) -> None:
    """However often a run is killed, each request is asked once, apart from the one in flight at each kill."""

    def start() -> subprocess.Popen[bytes]:
        return subprocess.Popen([sys.executable, "-c", _SLOW, str(path), str(calls), "late" if late else ""])

    def count() -> int:
        return calls.read_bytes().count(b"\n") if calls.exists() else 0

    kills = 3
    in_flight = 0
    for _ in range(kills):
        before, run = count(), start()
        deadline = time.monotonic() + 30
        while count() < before + 40 and run.poll() is None and time.monotonic() < deadline:
            time.sleep(0.002)
        run.kill()
        assert run.wait() == -signal.SIGKILL
        stored = path.read_bytes().count(b"\n")
        assert count() - in_flight - stored in {0, 1}
        in_flight = count() - stored
    assert start().wait() == 0
    asked = Counter(calls.read_text().splitlines())
    assert len(asked) == 400
    assert asked.total() == 400 + in_flight
    assert in_flight <= kills
    with ResponseStore(path) as store:
        assert len(store) == 400


@pytest.mark.skipif(sys.platform == "win32", reason="no SIGKILL there")
def test_killed_runs_ask_nothing_twice(tmp_path: Path) -> None:
    _killed_run_law(tmp_path / "r.jsonl", tmp_path / "calls")


@pytest.mark.skipif(sys.platform == "win32", reason="no SIGKILL there")
def test_the_law_sees_answers_that_are_kept_late(tmp_path: Path) -> None:
    with pytest.raises(AssertionError):
        _killed_run_law(tmp_path / "r.jsonl", tmp_path / "calls", late=True)


# ---------------------------------------------------------------------- probabilities of answers


def test_choices_are_scored_once(path: Path) -> None:
    prompts, choices = _prompts("a", "b", "a", "a"), [["1", "22"], ["1"], ["1", "22"], ["22", "1"]]
    model = Counting()
    steps: list[tuple[int, int]] = []
    with ResponseStore(path) as store:
        found = ask_choices(model, prompts, choices, store, progress=lambda *step: steps.append(step))
        ask(model, prompts[:1], GREEDY, store)  # a completion of the same prompt is another request
    assert [scores.logprobs for scores in found] == [(-1.0, -2.0), (-1.0,), (-1.0, -2.0), (-2.0, -1.0)]
    assert model.asked.total() == 4
    assert steps == [(0, 4), (2, 4), (3, 4), (4, 4)]
    again = Counting()
    with ResponseStore(path) as store:
        assert ask_choices(again, prompts, choices, store) == found
        assert not again.asked
        with pytest.raises(ValueError, match="shorter"):
            ask_choices(again, prompts, choices[:3], store)


# ---------------------------------------------------------------------- answers as JSON values

_TEXT = st.text(st.characters(), max_size=8)
_FLOATS = st.floats(allow_nan=False)
_IDS = st.none() | st.lists(st.integers(0, 2**31), max_size=4).map(tuple)
_COMPLETIONS = st.builds(
    Completion, text=_TEXT, ids=_IDS, prompt_ids=_IDS, logprobs=st.none() | st.lists(_FLOATS, max_size=4).map(tuple),
    finish_reason=st.sampled_from(["stop", "length", "refused", ""]), problem=_TEXT,
    status=st.sampled_from(["ok", "error", "missing"]), prompt_tokens=st.none() | st.integers(0),
    completion_tokens=st.none() | st.integers(0), seconds=st.none() | _FLOATS, attempts=st.integers(1, 9),
    raw=st.none() | st.dictionaries(_TEXT, st.none() | _TEXT | st.integers() | st.lists(_TEXT, max_size=2), max_size=3),
)  # fmt: skip
_SCORES = st.builds(
    ChoiceScores, logprobs=st.lists(_FLOATS, max_size=4).map(tuple), exact=st.booleans(), problem=_TEXT,
    status=st.sampled_from(["ok", "error"]),
)  # fmt: skip


@pytest.mark.property
@settings(deadline=None)
@given(completion=_COMPLETIONS, scores=_SCORES)
def test_answers_survive_the_store(
    tmp_path_factory: pytest.TempPathFactory, completion: Completion, scores: ChoiceScores
) -> None:
    path = tmp_path_factory.getbasetemp() / "answers.jsonl"
    path.unlink(missing_ok=True)
    with ResponseStore(path) as store:
        store.put("completion", completion_plain(completion))
        store.put("scores", choices_plain(scores))
    with ResponseStore(path) as store:
        assert completion_from(store.get("completion") or {}) == completion
        assert choices_from(store.get("scores") or {}) == scores


def test_fields_of_a_later_version_are_passed_over() -> None:
    assert completion_from({"text": "a", "new": [1]}) == Completion(text="a")
    assert completion_plain(Completion()) == {}


@pytest.mark.parametrize(
    "plain",
    [
        {"text": 1}, {"ids": "1"}, {"ids": ["1"]}, {"ids": [True]}, {"logprobs": [None]}, {"finish_reason": "end"},
        {"status": None}, {"attempts": 1.5}, {"raw": []}, {"seconds": "1"},
    ],
)  # fmt: skip
def test_a_response_that_is_no_completion_is_named(path: Path, plain: dict[str, object]) -> None:
    (prompt,) = _prompts("a")
    with ResponseStore(path) as store:
        store.put(request_key(INFO.fingerprint, prompt, GREEDY), plain)
        with pytest.raises(RecordError, match=rf"field {next(iter(plain))} holds .*: remove its line"):
            ask(Counting(), [prompt], GREEDY, store)


@pytest.mark.parametrize("plain", [{}, {"logprobs": [0.0], "exact": 1}])
def test_a_response_that_is_no_score_is_named(plain: dict[str, object]) -> None:
    with pytest.raises(ValueError, match="its field"):
        choices_from(plain)
