"""Many prompts to one server, a bounded number at a time, in one event loop."""

from __future__ import annotations

import asyncio
import sys
from collections.abc import Callable, Coroutine, Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor
from contextlib import AsyncExitStack
from dataclasses import replace
from queue import SimpleQueue
from random import Random
from typing import Any

import openai

from tokbench.errors import AuthenticationError, ServerError, TokbenchError, UnknownModelError
from tokbench.models._openai_retry import Backoff, Clock, asked_wait, reset_wait
from tokbench.models._openai_server import Server
from tokbench.models._openai_verdict import Verdict, judge, shortened
from tokbench.models._openai_wire import MalformedReply, Reply, Settings, parsed, request_body
from tokbench.models.completion import Completion, Decoding, Done, Prompt

__all__ = ["Session"]

_HTTP: Any = sys.modules[type(openai.DEFAULT_CONNECTION_LIMITS).__module__.partition(".")[0]]
"""The HTTP library of the client: its versions have different ones."""

_CONNECT_SECONDS = 10.0
_UNREACHED = frozenset({"ConnectError", "ConnectTimeout"})
"""Errors of the HTTP library when nobody listens; by name, because the library has another one in other versions."""
_POOL = 32
"""Requests at a time in one pool of connections (one more may ask for the models): the library looks at all of a pool
before and after every request."""

_LOST_IN_A_ROW = 4
_NAMED = 20
"""How many models a message names."""


class _Trouble(Exception):
    """No reply. ``reached`` says whether a connection was made."""

    def __init__(self, problem: str, *, reached: bool) -> None:
        super().__init__(problem)
        self.problem = problem
        self.reached = reached


class _Ended(Exception):
    """Carries what ``done`` raised out of the event loop, which some errors would tear down."""

    def __init__(self, error: BaseException) -> None:
        super().__init__()
        self.error = error


class _Over(Exception):
    """A request that is not sent again, because another one has ended the run."""


def _clients(server: Server, count: int, timeout: float) -> list[openai.AsyncOpenAI]:
    """Clients with room for ``count`` requests at a time in all, each with a small pool of connections of its own."""
    limits = _HTTP.Limits(max_connections=_POOL + 1, max_keepalive_connections=_POOL)
    context = _HTTP.create_ssl_context()  # takes longer than all else, so they share one
    return [
        openai.AsyncOpenAI(
            api_key=server.key,
            base_url=server.url,
            max_retries=0,
            timeout=openai.Timeout(timeout, connect=min(_CONNECT_SECONDS, timeout / 2)),
            http_client=openai.DefaultAsyncHttpxClient(limits=limits, verify=context),
        )
        for _ in range(-(-count // _POOL))
    ]


class Session:
    """One call of ``generate``.

    Args:
        spec: How the model is named in messages.
        server: Who is asked.
        settings: What is sent, and how.
        decoding: How answers are drawn.
        backoff: How long to wait after failures.
        clock: Time.
        jitter: Draws the waits.
    """

    def __init__(
        self,
        spec: str,
        server: Server,
        settings: Settings,
        decoding: Decoding,
        *,
        backoff: Backoff,
        clock: Clock,
        jitter: Random,
    ) -> None:
        self._spec = spec
        self._server = server
        self._settings = settings
        self._decoding = decoding
        self._backoff = backoff
        self._clock = clock
        self._jitter = jitter
        self._heard = False  # whether there was any reply
        self._answered = False  # whether there was any answer
        self._lost = 0  # requests in a row that reached nobody
        self._resume = float("-inf")  # nothing is sent before
        self._sending: set[asyncio.Task[None]] = set()
        self._ending = False  # whether nothing more is sent
        self._cancel: Callable[[], object] | None = None
        self._stopped = False

    # ------------------------------------------------------------------ the loop

    def run(self, prompts: Sequence[Prompt], done: Done) -> None:
        """Ask all prompts; ``done`` is called in this thread.

        Raises:
            TokbenchError: If no request can succeed.
        """
        try:
            asyncio.get_running_loop()
        except RuntimeError:
            pass
        else:  # as in a notebook: a loop cannot run inside another one
            _beside(self, prompts, done)
            return
        try:
            asyncio.run(self._all(prompts, done))
        except _Ended as ended:
            error = ended.error
        else:
            return
        raise error

    async def _all(self, prompts: Sequence[Prompt], done: Done) -> None:
        loop, task = asyncio.get_running_loop(), asyncio.current_task()
        assert task is not None, "runs in a task"
        self._cancel = lambda: loop.call_soon_threadsafe(task.cancel)
        if self._stopped:
            return
        count = max(1, min(self._settings.concurrency, len(prompts)))
        clients = _clients(self._server, count, self._settings.timeout)
        async with AsyncExitStack() as stack:
            for client in clients:
                await stack.enter_async_context(client)
            places = iter(enumerate(prompts))  # the workers share it: no more is under way than they can hold
            workers = [
                asyncio.create_task(self._work(clients[number // _POOL], places, done)) for number in range(count)
            ]
            try:
                ended, working = await asyncio.wait(workers, return_when=asyncio.FIRST_EXCEPTION)
                if working and not any(isinstance(worker.exception(), _Ended) for worker in ended):
                    await self._drain(working)
            finally:
                for worker in workers:
                    worker.cancel()
                ends = await asyncio.gather(*workers, return_exceptions=True)
        errors = [end for end in ends if isinstance(end, Exception) and not isinstance(end, _Over)]
        for error in sorted(errors, key=lambda error: not isinstance(error, _Ended)):
            raise error

    async def _drain(self, working: set[asyncio.Task[None]]) -> None:
        """Let the requests under way come to their end, because their answers are paid for; send no others."""
        self._ending = True
        for worker in working - self._sending:
            worker.cancel()
        await asyncio.wait(working)

    async def _work(self, client: openai.AsyncOpenAI, places: Iterator[tuple[int, Prompt]], done: Done) -> None:
        for place, prompt in places:
            completion = await self._ask(client, prompt)
            try:
                done(place, completion)
            except BaseException as error:  # noqa: BLE001, raised again behind the loop
                raise _Ended(error) from None
            if self._ending:
                return

    def stop(self) -> None:
        """End from another thread."""
        self._stopped = True
        if self._cancel is not None:
            self._cancel()

    # ------------------------------------------------------------------ one prompt

    async def _ask(self, client: openai.AsyncOpenAI, prompt: Prompt) -> Completion:
        """The completion of one prompt, after all retries."""
        began = self._clock.now()
        chat = self._settings.is_chat(prompt)
        attempts = 0
        while True:
            while (left := self._resume - self._clock.now()) > 0:
                await self._clock.sleep(left)
            attempts += 1
            wait = 0.0
            reached = True
            try:
                reply = await self._send(client, prompt)
            except _Trouble as trouble:
                verdict, reached = Verdict("retry", shortened(self._server.clean(trouble.problem))), trouble.reached
            except UnicodeEncodeError:
                verdict = Verdict("fail", "the prompt holds half a surrogate pair, which no request can carry")
            else:
                self._heard, self._lost = True, 0
                verdict = judge(reply, chat=chat)
                wait = self._hold(reply, verdict)
            if verdict.kind == "answer":
                assert verdict.completion is not None, "an answer has one"
                self._answered = True
                return self._finished(verdict.completion, attempts, self._clock.now() - began)
            if self._ending:
                raise _Over
            over = verdict.kind == "retry" and attempts > self._settings.retries
            if over and not reached:
                self._give_up(verdict.problem)
            if over or verdict.kind == "fail" or (verdict.local and self._answered):
                problem = shortened(self._server.clean(verdict.problem))
                seconds = self._clock.now() - began
                return Completion(status="error", problem=problem, attempts=attempts, seconds=seconds)
            if verdict.kind != "retry":
                raise await self._fatal(client, verdict)
            await self._clock.sleep(wait + self._backoff.wait(attempts, self._jitter))

    def _finished(self, completion: Completion, attempts: int, seconds: float) -> Completion:
        raw = self._server.cleaned(completion.raw or {})
        assert isinstance(raw, dict), "of a mapping"
        return replace(completion, attempts=attempts, seconds=seconds, raw=raw or None)

    async def _send(self, client: openai.AsyncOpenAI, prompt: Prompt) -> Reply:
        """One request.

        Raises:
            _Trouble: If there is no whole reply.
            UnicodeEncodeError: If the prompt cannot be sent.
        """
        path = "/chat/completions" if self._settings.is_chat(prompt) else "/completions"
        body = request_body(prompt, self._decoding, self._settings)
        task = asyncio.current_task()
        assert task is not None, "runs in a task"
        self._sending.add(task)
        try:
            # the methods of their own name would walk through every field before they send it as it is
            return await self._reply(client.post(path, body=body, cast_to=_HTTP.Response))
        finally:
            self._sending.discard(task)

    async def _reply(self, request: Coroutine[Any, Any, Any]) -> Reply:
        """The reply to a request, whatever its status, within the limit of time.

        Raises:
            _Trouble: If there is no whole reply.
        """
        try:
            async with asyncio.timeout(self._settings.timeout):
                response = await request
        except openai.APIStatusError as error:
            response = error.response
        except (TimeoutError, openai.APITimeoutError) as error:
            reached = type(error.__cause__).__name__ not in _UNREACHED
            limit = f"no answer within {self._settings.timeout:g} s"
            raise _Trouble(limit if reached else "no connection within the limit of time", reached=reached) from None
        except openai.APIConnectionError as error:
            cause = error.__cause__
            reached = type(cause).__name__ not in _UNREACHED
            what = "the connection was lost" if reached else "no connection"
            raise _Trouble(f"{what}: {cause}" if f"{cause}" else what, reached=reached) from None
        headers = {name.lower(): value for name, value in response.headers.items()}
        return Reply(response.status_code, headers, response.content)

    # ------------------------------------------------------------------ waiting and giving up

    def _hold(self, reply: Reply, verdict: Verdict) -> float:
        """Keep all workers from sending while the server wants to be left alone.

        Returns:
            Seconds until then.

        Raises:
            ServerError: If the server asks for a longer wait than anyone would sit through.
        """
        wall = self._clock.wall()
        asked = asked_wait(reply.headers, wall) if verdict.kind == "retry" else None
        if asked is None:
            wait = min(reset_wait(reply.headers, wall), self._backoff.longest)
        elif asked > self._backoff.longest:
            problem = f"{verdict.problem}; it asks to wait {asked:.0f} s"
            raise ServerError(self._server.host, self._server.clean(problem), "run the same again after that time")
        else:
            wait = asked
        if wait > 0:
            self._resume = max(self._resume, self._clock.now() + wait)
        return wait

    def _give_up(self, problem: str) -> None:
        """End the run where nobody listens any more.

        Raises:
            ServerError: If nobody ever answered, or all workers in turn reached nobody.
        """
        self._lost += 1
        host = self._server.host
        if not self._heard:
            raise ServerError(
                host, f"no server answers ({problem})", "start it, or name another one by base_url (--base-url)"
            )
        if self._lost >= max(_LOST_IN_A_ROW, self._settings.concurrency):
            remedy = "start it again and run the same: what is answered is kept"
            raise ServerError(host, f"the server has stopped answering ({problem})", remedy)

    async def _fatal(self, client: openai.AsyncOpenAI, verdict: Verdict) -> TokbenchError:
        """The error that ends the run."""
        server = self._server
        problem = shortened(server.clean(verdict.problem))
        if verdict.kind == "key":
            return AuthenticationError(server.host, problem, server.variable)
        if verdict.kind == "path":
            remedy = (
                "check base_url (--base-url; most end in /v1), or choose the endpoint by api=chat or api=completions"
            )
            return ServerError(server.host, problem, remedy)
        if verdict.kind == "stop":
            return ServerError(server.host, problem, verdict.remedy)
        name = self._settings.model
        models = await self._models(client)
        if not models:
            return ServerError(server.host, f"it has no model {name!r} ({problem})", "name one that it has")
        rest = f" and {len(models) - _NAMED} more" if len(models) > _NAMED else ""
        listed = ", ".join(server.clean(model) for model in models[:_NAMED])
        return UnknownModelError(self._spec, f"a model that {server.host} has: {listed}{rest}")

    async def _models(self, client: openai.AsyncOpenAI) -> list[str]:
        """Names of the models that the server has, those most like the wanted one first; none if it does not say."""
        import difflib

        try:
            reply = await self._reply(client.get("/models", cast_to=_HTTP.Response))
            data = parsed(reply.body)
        except (_Trouble, MalformedReply):
            return []
        rows = data.get("data") if isinstance(data, dict) else None
        names = [row.get("id") for row in rows if isinstance(row, dict)] if isinstance(rows, list) else []
        known = sorted({name for name in names if isinstance(name, str)})
        close = difflib.get_close_matches(self._settings.model, known, n=5, cutoff=0.5)
        return [*close, *(name for name in known if name not in close)]


def _beside(session: Session, prompts: Sequence[Prompt], done: Done) -> None:
    """Run a session in a thread of its own, and call ``done`` in this one."""
    found: SimpleQueue[tuple[int, Completion] | None] = SimpleQueue()

    def whole() -> None:
        try:
            session.run(prompts, lambda place, completion: found.put((place, completion)))
        finally:
            found.put(None)

    with ThreadPoolExecutor(1, "openai") as pool:
        future = pool.submit(whole)
        try:
            while (entry := found.get()) is not None:
                done(*entry)
        except BaseException:
            session.stop()
            raise
    future.result()
