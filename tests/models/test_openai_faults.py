"""What goes wrong between a model and its server: every prompt has its completion, and every error is one line."""

from __future__ import annotations

import asyncio
import logging
import socket
import time
from collections.abc import Iterator
from dataclasses import replace

import pytest

pytest.importorskip("openai")

from openai_client import FakeClock, connect, texts
from openai_faults import BROKEN, BUSY, CLOSED, CUT, FAULTS, HANGING, NO_JSON, Asked, Fault, by_number, failure
from openai_server import KEY, MODEL, Server, embedded

from tokbench.errors import AuthenticationError, ServerError, TokbenchError, UnknownModelError
from tokbench.models import _openai_session
from tokbench.models._openai_retry import Backoff, Clock
from tokbench.models.completion import Completion, Decoding, Prompt

SHORT = Decoding(max_tokens=4)
WRONG_KEY = "sk-wrong-0123456789abcdef"


@pytest.fixture
def server() -> Iterator[Server]:
    with Server() as running:
        yield running


def _home(prompts: list[Prompt]) -> list[str]:
    return [one.text for one in embedded().generate(prompts, SHORT)]


def _many(count: int) -> list[Prompt]:
    return texts(*(f"{number} times " for number in range(count)))


# ---------------------------------------------------------------------- asked again


@pytest.mark.parametrize("name", FAULTS)
def test_a_fault_is_overcome_by_asking_again(server: Server, name: str) -> None:
    server.script = by_number({1: FAULTS[name], 2: FAULTS[name]})
    prompts = _many(4)
    found = connect(server, concurrency=1, timeout=1.0 if name == "hanging" else 30.0).generate(prompts, SHORT)
    assert [one.text for one in found] == _home(prompts)
    assert [(one.status, one.attempts) for one in found] == [("ok", 1), ("ok", 3), ("ok", 1), ("ok", 1)]
    assert (server.number, server.faults, server.paid.total()) == (6, 2, 4)


@pytest.mark.parametrize("name", FAULTS)
def test_a_fault_that_stays_is_one_failed_request(server: Server, name: str) -> None:
    prompts = _many(4)
    server.script = lambda asked: FAULTS[name] if asked.prompt == prompts[2].text else None
    seen: list[int] = []
    model = connect(server, concurrency=2, retries=2, timeout=0.7 if name == "hanging" else 30.0)
    found = model.generate(prompts, SHORT, done=lambda place, _completion: seen.append(place))
    assert sorted(seen) == [0, 1, 2, 3]
    assert [one.status for one in found] == ["ok", "ok", "error", "ok"]
    failed = found.pop(2)
    assert (failed.text, failed.ids, failed.attempts) == ("", None, 3)
    wanted = {
        "429": "HTTP 429 Too Many Requests: Rate limit reached",
        "500": "HTTP 500 Internal Server Error: The server had an error",
        "503": "HTTP 503 Service Unavailable: Overloaded",
        "no JSON": "HTTP 200 OK, but the body is no JSON",
        "wrong shape": "HTTP 200 OK, but the first choice holds no text",
        "cut": "the connection was lost", "closed": "the connection was lost",
        "hanging": "no answer within 0.7 s",
    }[name]  # fmt: skip
    assert failed.problem.startswith(wanted)
    assert "\n" not in failed.problem
    assert [one.text for one in found] == _home([*prompts[:2], prompts[3]])
    assert server.number == 3 + 3


def test_a_chat_of_a_wrong_shape_is_asked_again(server: Server) -> None:
    bodies = [
        b"null", b"[]", b'""', b'{"choices": []}', b'{"choices": {}}', b'{"choices": [null]}', b"\xff\xfe", b"",
        b'{"choices": [{"message": {"content": 1}}]}', b"[" * 100_000,
    ]  # fmt: skip
    server.script = by_number({number: Fault(body=body) for number, body in enumerate(bodies)})
    (found,) = connect(server, api="chat", retries=len(bodies)).generate(_many(1), SHORT)
    assert (found.text, found.attempts) == (_home(_many(1))[0], len(bodies) + 1)


def test_an_answer_without_text_is_an_answer(server: Server) -> None:
    body = b'{"choices": [{"message": {"content": null}, "finish_reason": "length"}]}'
    server.script = by_number({0: Fault(body=body)})
    (found,) = connect(server, api="chat").generate(_many(1), SHORT)
    assert (found.status, found.text, found.finish_reason, found.attempts) == ("ok", "", "length", 1)


def test_a_server_that_starts_late_is_waited_for() -> None:
    """Nobody listens at first; the port is taken while the client waits."""
    late = Server()
    with socket.socket() as taken:
        taken.bind(("127.0.0.1", 0))
        late.port = taken.getsockname()[1]

    class Waiting(FakeClock):
        async def sleep(self, seconds: float) -> None:
            if len(self.sleeps) == 2:
                late.start()
            await super().sleep(seconds)

    clock = Waiting()
    try:
        (found,) = connect(late, clock=clock).generate(_many(1), SHORT)
    finally:
        late.stop()
    assert (found.text, found.attempts) == (_home(_many(1))[0], 4)


def test_requests_that_cannot_succeed_are_not_repeated(server: Server) -> None:
    server.script = by_number({1: failure(400, "Bad field")})
    found = connect(server, concurrency=1).generate([*_many(2), Prompt(text="half \ud83d"), *_many(1)], SHORT)
    assert [(one.status, one.attempts) for one in found] == [("ok", 1), ("error", 1), ("error", 1), ("ok", 1)]
    assert found[1].problem == "HTTP 400 Bad Request: Bad field"
    assert "surrogate" in found[2].problem
    assert server.number == 3


def test_a_context_too_short_is_a_failure_of_its_prompt() -> None:
    with Server(context=12) as server:
        found = connect(server).generate([*_many(2), Prompt(text="far too long " * 20)], SHORT)
    assert [one.status for one in found] == ["ok", "ok", "error"]
    assert "maximum context length is 12 tokens" in found[2].problem
    assert found[2].attempts == 1


def test_what_a_filter_held_back_is_refused_and_no_error(server: Server) -> None:
    server.script = by_number({0: failure(400, "flagged", "content_filter")})
    (found,) = connect(server).generate(_many(1), SHORT)
    assert (found.status, found.finish_reason, found.text, found.attempts) == ("ok", "refused", "", 1)


# ---------------------------------------------------------------------- how long it waits


def _sleeps(server: Server, seed: int, faults: int = 5, **backoff: float) -> list[float]:
    clock = FakeClock()
    first = server.number
    server.script = lambda asked: BROKEN if asked.number < first + faults else None
    model = connect(server, clock=clock, seed=seed, retries=faults, backoff=Backoff(**backoff))
    (found,) = model.generate(_many(1), SHORT)
    assert (found.status, found.attempts) == ("ok", faults + 1)
    assert found.seconds == clock.time == sum(clock.sleeps)
    return clock.sleeps


def test_waits_double_with_full_jitter_from_a_seed(server: Server) -> None:
    first = _sleeps(server, 1)
    assert first == _sleeps(server, 1)
    assert first != _sleeps(server, 2)
    drawn = [_sleeps(server, seed) for seed in range(15)]
    for turn in range(5):
        waits = sorted(sleeps[turn] for sleeps in drawn)
        assert 0 <= waits[0] < 2.0**turn * 0.35
        assert 2.0**turn * 0.65 < waits[-1] <= 2.0**turn
    assert max(_sleeps(server, 3, faults=12, base=4.0, cap=5.0)) <= 5.0


def test_the_wait_that_a_server_asks_for_is_kept(server: Server) -> None:
    clock = FakeClock()
    dates = "Fri, 15 Jan 2027 08:01:40 GMT"  # 100 s after the start of the clock
    server.script = by_number({
        0: failure(429, retry_after="30"), 1: failure(503, retry_after=dates), 2: failure(500, retry_after_ms="2500"),
    })  # fmt: skip
    (found,) = connect(server, clock=clock, backoff=Backoff(base=0.0)).generate(_many(1), SHORT)
    assert found.attempts == 4
    assert clock.sleeps[:3] == [30.0, 70.0, 2.5]


def _held(server: Server, fault: Fault, seconds: float) -> None:
    """What one request learns holds all others back."""
    clock = FakeClock()
    times: dict[int, float] = {}

    def script(asked: Asked) -> Fault | None:
        if asked.number == 1:  # answered only when the first one's answer has been read
            limit = time.monotonic() + 20
            while not clock.sleeps and time.monotonic() < limit:
                time.sleep(0.001)
        times[asked.number] = clock.time
        return fault if asked.number == 0 else None

    server.script = script
    model = connect(server, clock=clock, concurrency=2, backoff=Backoff(base=0.0))
    found = model.generate(_many(5), SHORT)
    assert [one.status for one in found] == ["ok"] * 5
    assert all(at >= seconds for number, at in times.items() if number > 1), times


HELD = [
    (failure(429, retry_after="30"), 30.0),
    (failure(429, x_ratelimit_remaining_tokens="0", x_ratelimit_reset_tokens="1m30s"), 90.0),
]


@pytest.mark.parametrize(("fault", "seconds"), HELD, ids=["retry-after", "rate limit"])
def test_all_wait_for_what_one_was_told(server: Server, fault: Fault, seconds: float) -> None:
    _held(server, fault, seconds)


def test_workers_that_do_not_tell_each_other_are_found_out(server: Server, monkeypatch: pytest.MonkeyPatch) -> None:
    true = _openai_session.Session._hold

    def alone(self: _openai_session.Session, *arguments: object) -> float:
        wait = true(self, *arguments)  # type: ignore[arg-type] # as they come
        self._resume = float("-inf")
        return wait

    monkeypatch.setattr(_openai_session.Session, "_hold", alone)
    # the fault tells to wait, and the clock runs only for the one who sleeps
    monkeypatch.setattr(FakeClock, "sleep", _slow_sleep)
    with pytest.raises(AssertionError):
        _held(server, *HELD[0])


async def _slow_sleep(self: FakeClock, seconds: float) -> None:
    self.sleeps.append(seconds)
    await asyncio.sleep(0.2)
    self.time += seconds


def test_an_answer_that_uses_up_the_rate_holds_the_next_request(server: Server) -> None:
    clock = FakeClock()
    (wanted,) = connect(server, clock=clock).generate(_many(1), SHORT)
    body = f'{{"choices": [{{"text": {wanted.text!r}}}]}}'.replace("'", '"').encode()
    headers = {"x-ratelimit-remaining-requests": "0", "x-ratelimit-reset-requests": "6m0s"}
    server.script = by_number({1: Fault(body=body, headers=headers)})
    found = connect(server, clock=clock, concurrency=1).generate(_many(2), SHORT)
    assert [one.status for one in found] == ["ok", "ok"]
    assert clock.sleeps == [360.0]


def test_a_wait_beyond_all_patience_ends_the_run(server: Server) -> None:
    server.script = by_number({1: failure(429, "daily limit", retry_after="86400")})
    seen: list[int] = []
    with pytest.raises(ServerError, match=r"daily limit; it asks to wait 86400 s; run the same again"):
        connect(server, concurrency=1).generate(_many(3), SHORT, done=lambda place, _completion: seen.append(place))
    assert seen == [0]


# ---------------------------------------------------------------------- how many at a time


def _obeys(server: Server, limit: int) -> None:
    faults = {20: BUSY, 26: CLOSED, 32: CUT}
    server.script = lambda asked: Fault(late=0.4) if asked.number <= limit else faults.get(asked.number)
    found = connect(server, concurrency=limit).generate(_many(40), SHORT)
    assert [one.status for one in found] == ["ok"] * 40
    assert server.peak <= limit


@pytest.mark.parametrize("limit", [1, 3, 16])
def test_no_more_requests_at_a_time_than_allowed(server: Server, limit: int) -> None:
    _obeys(server, limit)
    assert server.peak == limit
    assert server.connections <= limit + 2  # two were lost


def test_a_worker_too_many_is_found_out(server: Server, monkeypatch: pytest.MonkeyPatch) -> None:
    true = _openai_session.Session.__init__

    def greedy(self: _openai_session.Session, *arguments: object, **options: object) -> None:
        true(self, *arguments, **options)  # type: ignore[arg-type] # as they come
        self._settings = replace(self._settings, concurrency=self._settings.concurrency + 1)

    monkeypatch.setattr(_openai_session.Session, "__init__", greedy)
    with pytest.raises(AssertionError):
        _obeys(server, 3)


def test_slow_answers_do_not_hold_up_others(server: Server) -> None:
    prompts = _many(12)
    server.script = lambda asked: HANGING if asked.prompt == prompts[0].text else None
    order: list[int] = []
    model = connect(server, concurrency=2, retries=0, timeout=1.5)
    model.generate(prompts, SHORT, done=lambda place, _completion: order.append(place))
    assert order[-1] == 0
    assert sorted(order) == list(range(12))


# ---------------------------------------------------------------------- what ends a run


def _only_line(error: TokbenchError) -> str:
    line = str(error)
    assert "\n" not in line
    assert error.exit_code == 2
    return line


def test_a_wrong_key_ends_the_run_and_is_not_repeated(server: Server, caplog: pytest.LogCaptureFixture) -> None:
    caplog.set_level(logging.DEBUG)
    with pytest.raises(AuthenticationError) as caught:
        connect(server, key=WRONG_KEY).generate(_many(3), SHORT)
    assert _only_line(caught.value) == (
        f"{server.host}: HTTP 401 Unauthorized: Incorrect API key provided: ***; the key is read from the environment "
        "variable OPENAI_API_KEY only"
    )
    assert caught.value.__cause__ is None
    assert server.number == 0
    for shown in (caplog.text, repr(caught.value), repr(caught.value.args)):
        assert WRONG_KEY not in shown


def test_a_key_is_in_no_log_and_no_result(server: Server, caplog: pytest.LogCaptureFixture) -> None:
    caplog.set_level(logging.DEBUG)
    echo = f'{{"choices": [{{"text": "1"}}], "id": "{KEY}", "usage": {{"{KEY}": ["{KEY}"]}}}}'.encode()
    server.script = by_number({0: failure(400, f"your key {KEY} at {server.url}"), 1: Fault(body=echo)})
    model = connect(server, concurrency=1)
    found = model.generate(_many(3), SHORT)
    assert found[0].problem == f"HTTP 400 Bad Request: your key *** at {server.host}"
    assert found[1].raw == {"id": "***", "usage": {"***": ["***"]}}
    assert caplog.records, "the libraries have something to say"
    for shown in (repr(found), repr(model), repr(model.info), repr(model._settings), repr(model._server), caplog.text):
        assert KEY not in shown


def test_an_unknown_model_is_named_with_those_that_are_like_it() -> None:
    names = (*(f"other-{number:02}" for number in range(30)), "tiny-large", "tiny")
    with Server(names=names) as server, pytest.raises(UnknownModelError) as caught:
        connect(server, model="tinny").generate(_many(3), SHORT)
    line = _only_line(caught.value)
    assert line.startswith(
        f"model spec 'openai:tinny': expected a model that {server.host} has: tiny, tiny-large, other-00, other-01"
    )
    assert line.endswith("other-17 and 12 more")


def test_an_unknown_model_of_a_server_that_lists_none() -> None:
    with Server(names=()) as server, pytest.raises(ServerError) as caught:
        connect(server, concurrency=1).generate(_many(3), SHORT)
    assert "it has no model 'tiny' (HTTP 404 Not Found: The model `tiny` does not exist)" in _only_line(caught.value)
    assert server.number == 1


def test_nobody_listens() -> None:
    gone = Server()
    with socket.socket() as free:
        free.bind(("127.0.0.1", 0))
        gone.port = free.getsockname()[1]
    with pytest.raises(ServerError) as caught:
        connect(gone, retries=2).generate(_many(30), SHORT)
    assert f"{gone.host}: no server answers (no connection" in _only_line(caught.value)
    assert "start it, or name another one by base_url (--base-url)" in str(caught.value)


def test_a_server_that_goes_away_ends_the_run_and_what_came_is_kept() -> None:
    server = Server()
    server.start()
    kept: list[Completion] = []

    def done(place: int, completion: Completion) -> None:
        kept.append(completion)
        if len(kept) == 3:
            server.stop()

    with pytest.raises(ServerError, match=r"the server has stopped answering .* what is answered is kept"):
        connect(server, concurrency=1, retries=1).generate(_many(30), SHORT, done=done)
    assert [one.status for one in kept] == ["ok"] * 3 + ["error"] * 3


def test_a_wrong_path_is_no_failure_of_every_prompt(server: Server) -> None:
    address = connect(server)._server
    model = connect(server)
    model._server = replace(address, url=f"http://{server.host}/v2")
    with pytest.raises(ServerError, match=r"HTTP 404 Not Found.*check base_url \(--base-url"):
        model.generate(_many(3), SHORT)


@pytest.mark.parametrize("status", [403, 404, 405])
def test_where_others_are_answered_a_prompt_that_is_kept_out_is_a_failure(server: Server, status: int) -> None:
    server.script = by_number({1: Fault(status, b"<html>firewall</html>")})
    found = connect(server, concurrency=1).generate(_many(3), SHORT)
    assert [one.status for one in found] == ["ok", "error", "ok"]
    assert found[1].problem.startswith(f"HTTP {status} ")


def test_an_account_without_credit_ends_the_run(server: Server) -> None:
    server.script = by_number({2: failure(429, "You exceeded your current quota", "insufficient_quota")})
    kept: list[int] = []
    with pytest.raises(ServerError, match="no credit: what is answered is kept"):
        connect(server, concurrency=1).generate(_many(5), SHORT, done=lambda place, _completion: kept.append(place))
    assert kept == [0, 1]


def _drains(server: Server) -> None:
    """What is under way when another request ends the run is answered, kept, and the last thing that is sent."""
    ends = replace(failure(402, "no credit"), late=0.5)
    lost = replace(BROKEN, late=1.0)
    server.script = by_number({0: Fault(late=1.0), 1: ends, 2: lost, 3: Fault(late=0.8), 4: failure(503)})
    kept: list[str] = []
    prompts = _many(20)
    with pytest.raises(ServerError, match="no credit"):
        connect(server, concurrency=5, backoff=Backoff(base=30.0), clock=Clock()).generate(
            prompts, SHORT, done=lambda place, _completion: kept.append(prompts[place].text or "")
        )
    assert server.number == 5, "neither a new request nor one again"
    assert sorted(kept) == sorted(server.paid)
    assert len(kept) == 2


def test_an_end_waits_for_the_answers_that_are_under_way(server: Server) -> None:
    began = time.monotonic()
    _drains(server)
    assert time.monotonic() - began < 15, "it does not wait for those that are between two requests"


def test_answers_that_are_dropped_at_an_end_are_found_out(server: Server, monkeypatch: pytest.MonkeyPatch) -> None:
    async def hasty(self: _openai_session.Session, working: object) -> None:
        self._ending = True

    monkeypatch.setattr(_openai_session.Session, "_drain", hasty)
    with pytest.raises(AssertionError):
        _drains(server)


def test_a_field_that_the_model_does_not_take_says_how_to_leave_it_out(server: Server) -> None:
    server.script = by_number({0: failure(400, "'temperature' is not supported", "unsupported_value")})
    with pytest.raises(ServerError, match=r'left out by extra_body=\{"NAME": null\}'):
        connect(server).generate(_many(2), SHORT)


def test_after_an_end_the_same_model_goes_on(server: Server) -> None:
    server.script = by_number({0: Fault(401, b""), 1: NO_JSON})
    model = connect(server)
    with pytest.raises(AuthenticationError):
        model.generate(_many(1), SHORT)
    assert [one.text for one in model.generate(_many(3), SHORT)] == _home(_many(3))
    assert MODEL in repr(model)
