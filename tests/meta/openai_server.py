"""A small server that speaks like OpenAI's, over a model of this package, and misbehaves where a test tells it to.

It listens on the loopback interface only, needs the standard library only, and counts what it is asked. A chat becomes
the contents of its messages with an empty line between them, so that one message of a user is answered as the same text
is by the model itself.

Run as a program it answers every prompt alike until its standard input ends: ``python openai_server.py TEXT [DELAY]``.
"""

from __future__ import annotations

import asyncio
import json
import sys
import threading
from collections import Counter
from collections.abc import Mapping
from functools import cache
from http import HTTPStatus
from types import TracebackType
from typing import Self

from openai_faults import Asked, Body, Fault, Script

from tokbench.models.completion import Completion, CompletionModel, Decoding, Prompt
from tokbench.models.completions import load_completion_model

KEY = "sk-loopback-0123456789abcdef"
MODEL = "tiny"


class Refused(Exception):
    """A request that gets an error."""

    def __init__(self, status: int, message: str, code: str | None = None) -> None:
        super().__init__(message)
        self.status = status
        self.code = code


# ---------------------------------------------------------------------- what is answered


@cache
def embedded() -> CompletionModel:
    """The embedded model."""
    return load_completion_model("ngram:tiny")


def _prompt(path: str, body: Body) -> Prompt:
    if path.endswith("/chat/completions"):
        messages = body.get("messages")
        if not isinstance(messages, list) or not messages:
            raise Refused(400, "'messages' must hold at least one message", "invalid_request_error")
        return Prompt(text="\n\n".join(message["content"] for message in messages))
    asked = body.get("prompt")
    if isinstance(asked, str):
        return Prompt(text=asked)
    if isinstance(asked, list) and asked and all(type(token) is int for token in asked):
        return Prompt(ids=tuple(asked))
    raise Refused(400, "'prompt' must be text or a list of token ids", "invalid_request_error")


def _decoding(body: Body, default: int | None) -> Decoding:
    limit = body.get("max_completion_tokens", body.get("max_tokens", default))
    stop = body.get("stop") or ()
    return Decoding(
        max_tokens=limit,
        temperature=body.get("temperature", 1.0),
        top_p=body.get("top_p", 1.0),
        stop=(stop,) if isinstance(stop, str) else tuple(stop),
        seed=body.get("seed", 0),
    )


def _logprobs(completion: Completion, *, chat: bool) -> Body | None:
    if completion.ids is None or completion.logprobs is None:
        return None
    names = [f"token_id:{token}" for token in completion.ids]
    if not chat:
        return {"tokens": names, "token_logprobs": list(completion.logprobs), "top_logprobs": None, "text_offset": []}
    pairs = zip(names, completion.logprobs, strict=True)
    return {"content": [{"token": name, "logprob": value, "bytes": None, "top_logprobs": []} for name, value in pairs]}


def _answer(path: str, body: Body, completion: Completion, model: str) -> Body:
    chat = path.endswith("/chat/completions")
    choice: Body = {"index": 0, "finish_reason": completion.finish_reason, "logprobs": None}
    if chat:
        choice["message"] = {"role": "assistant", "content": completion.text, "refusal": None}
    else:
        choice["text"] = completion.text
    if body.get("logprobs"):
        choice["logprobs"] = _logprobs(completion, chat=chat)
    read, written = completion.prompt_tokens or 0, completion.completion_tokens or 0
    answer: Body = {
        "id": "cmpl-0", "object": "chat.completion" if chat else "text_completion", "created": 0, "model": model,
        "choices": [choice],
        "usage": {"prompt_tokens": read, "completion_tokens": written, "total_tokens": read + written},
    }  # fmt: skip
    if body.get("return_token_ids"):
        choice["token_ids"] = list(completion.ids or ())
        (answer if chat else choice)["prompt_token_ids"] = list(completion.prompt_ids or ())
    return answer


# ---------------------------------------------------------------------- the server


class Server:
    """The server; ``with Server() as server`` runs it in a thread of its own.

    Args:
        model: What answers; the embedded model by default.
        names: Names of the models that it has.
        key: The key that it wants; None takes any.
        context: Longest sequence, prompt and answer together; None for no limit.
        delay: Seconds until an answer.
        keep: Whether requests are kept; a server that is asked very often keeps only numbers.

    Attributes:
        script: Says what goes wrong.
        requests: Requests for an answer, in their order.
        paid: Number of whole answers that were sent, by prompt.
        faults: Number of faults that were sent.
        peak: Largest number of requests at a time.
        connections: Number of connections.
        headers: Headers of the last request.
    """

    def __init__(
        self,
        model: CompletionModel | None = None,
        *,
        names: tuple[str, ...] = (MODEL,),
        key: str | None = KEY,
        context: int | None = None,
        delay: float = 0.0,
        keep: bool = True,
    ) -> None:
        self.script: Script = lambda _asked: None
        self.requests: list[Asked] = []
        self.paid: Counter[str] = Counter()
        self.faults = self.peak = self.connections = self.number = 0
        self.headers: Mapping[str, str] = {}
        self.port = 0
        self._model = model or embedded()
        self._names = names
        self._key = key
        self._context = context
        self._delay = delay
        self._keep = keep
        self._known: dict[tuple[Prompt, Decoding], Completion] = {}
        self._times: Counter[str] = Counter()
        self._busy = 0
        self._loop: asyncio.AbstractEventLoop | None = None
        self._stopped = asyncio.Event()
        self._started = threading.Event()
        self._thread = threading.Thread(target=lambda: asyncio.run(self._serve()), name="openai-server", daemon=True)

    @property
    def url(self) -> str:
        """Base URL."""
        return f"http://127.0.0.1:{self.port}/v1"

    @property
    def host(self) -> str:
        """Host and port."""
        return f"127.0.0.1:{self.port}"

    def start(self) -> None:
        """Listen on ``port``, or on a free one where that is 0."""
        self._thread.start()
        assert self._started.wait(30), "the server did not start"

    def stop(self) -> None:
        """End, with every connection."""
        assert self._loop is not None, "it was started"
        self._loop.call_soon_threadsafe(self._stopped.set)
        self._thread.join(30)

    def __enter__(self) -> Self:
        self.start()
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.stop()

    async def _serve(self) -> None:
        self._loop = asyncio.get_running_loop()
        tasks: set[asyncio.Task[None]] = set()

        async def connected(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
            task = asyncio.current_task()
            assert task is not None, "runs in a task"
            tasks.add(task)
            self.connections += 1
            try:
                await self._talk(reader, writer)
            except (ConnectionError, asyncio.IncompleteReadError, asyncio.CancelledError):
                pass  # the other side is gone, or this one ends
            finally:
                tasks.discard(task)
                writer.close()

        server = await asyncio.start_server(connected, "127.0.0.1", self.port, backlog=1024)
        self.port = server.sockets[0].getsockname()[1]
        self._started.set()
        await self._stopped.wait()
        server.close()
        for task in tasks:
            task.cancel()
        await asyncio.gather(*tasks, return_exceptions=True)
        await asyncio.sleep(0)  # connections close in the next turn

    async def _talk(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        """Requests of one connection."""
        while True:
            try:
                head = (await reader.readuntil(b"\r\n\r\n")).decode("latin-1").split("\r\n")
            except asyncio.IncompleteReadError:
                return
            method, path, _ = head[0].split(" ", 2)
            pairs = (line.partition(":") for line in head[1:] if line)
            headers = {name.lower(): text.strip() for name, _, text in pairs}
            body = await reader.readexactly(int(headers.get("content-length", 0)))
            self.headers = headers
            self._busy += 1
            self.peak = max(self.peak, self._busy)
            try:
                if not await self._reply(reader, writer, f"{method} {path}", headers, body):
                    return
            finally:
                self._busy -= 1

    async def _reply(
        self,
        reader: asyncio.StreamReader,
        writer: asyncio.StreamWriter,
        line: str,
        headers: Mapping[str, str],
        body: bytes,
    ) -> bool:
        """Answer one request; returns whether the connection goes on."""
        fault: Fault | None = None
        asked: Asked | None = None
        try:
            status: int = HTTPStatus.OK
            answer: Body = {}
            self._check_key(headers)
            if line == "GET /v1/models":
                answer = {"object": "list", "data": [{"id": name, "object": "model"} for name in self._names]}
            elif line in {"POST /v1/chat/completions", "POST /v1/completions"}:
                asked = self._take(line.removeprefix("POST "), body)
                fault = self.script(asked)
                late = self._delay if fault is None else self._delay + fault.late
                if late:
                    await asyncio.sleep(late)
                if fault is not None and fault.true:
                    fault = None
                if fault is None or fault.cut:
                    answer = self._answered(asked)
            else:
                status, answer = HTTPStatus.NOT_FOUND, {"error": {"message": f"Unknown request URL: {line}"}}
        except Refused as refused:
            status = refused.status
            answer = {"error": {"message": str(refused), "type": "invalid_request_error", "code": refused.code}}
        if fault is not None:
            self.faults += 1
            if fault.silent:
                while fault.hang and await reader.read(1):
                    pass
                return False
            if fault.body is not None:
                await _send(writer, fault.status, fault.body, fault.headers)
                return True
        data = json.dumps(answer).encode()
        await _send(writer, status, data, {}, cut=fault is not None and fault.cut)
        if fault is None and asked is not None and status == HTTPStatus.OK:
            self.paid[asked.prompt if self._keep else ""] += 1
        return fault is None

    def _check_key(self, headers: Mapping[str, str]) -> None:
        given = headers.get("authorization", "").removeprefix("Bearer ")
        if self._key is not None and given != self._key:
            # as careless as a server can be: it repeats what it was given
            raise Refused(401, f"Incorrect API key provided: {given}", "invalid_api_key")

    def _take(self, path: str, data: bytes) -> Asked:
        try:
            body = json.loads(data)
        except ValueError:
            raise Refused(400, "We could not parse the JSON body of your request") from None
        prompt = _prompt(path, body)
        name = prompt.text if prompt.text is not None else " ".join(map(str, prompt.ids or ()))
        asked = Asked(self.number, path, name, self._times[name] if self._keep else 0, body)
        self.number += 1
        if self._keep:
            self.requests.append(asked)
            self._times[name] += 1
        return asked

    def _answered(self, asked: Asked) -> Body:
        body = asked.body
        if body.get("model") not in self._names:
            raise Refused(404, f"The model `{body.get('model')}` does not exist", "model_not_found")
        if body.get("stream") or body.get("n", 1) != 1:
            raise Refused(400, "one whole answer only", "unsupported_value")
        chat = asked.path.endswith("/chat/completions")
        decoding = _decoding(body, None if chat else 16)
        completion = self._completion(_prompt(asked.path, body), decoding)
        return _answer(asked.path, body, completion, str(body["model"]))

    def _completion(self, prompt: Prompt, decoding: Decoding) -> Completion:
        found = self._known.get((prompt, decoding)) if self._keep else None
        if found is None:
            (found,) = self._model.generate([prompt], decoding)
            if self._keep:
                self._known[prompt, decoding] = found
        if found.status != "ok":
            raise Refused(400, found.problem, "invalid_request_error")
        read = found.prompt_tokens or 0
        if self._context is not None and read + (decoding.max_tokens or 1) > self._context:
            raise Refused(
                400,
                f"This model's maximum context length is {self._context} tokens, but you requested "
                f"{read + (decoding.max_tokens or 1)}",
                "context_length_exceeded",
            )
        return found


async def _send(
    writer: asyncio.StreamWriter, status: int, body: bytes, headers: Mapping[str, str], *, cut: bool = False
) -> None:
    try:
        phrase = HTTPStatus(status).phrase
    except ValueError:
        phrase = "Unknown"
    fields = {"content-type": "application/json", "content-length": str(len(body)), **headers}
    head = "".join(f"{name}: {text}\r\n" for name, text in fields.items())
    writer.write(f"HTTP/1.1 {status} {phrase}\r\n{head}\r\n".encode("latin-1"))
    writer.write(body[: len(body) // 2] if cut else body)
    await writer.drain()


def main() -> None:
    """Answer every prompt alike until standard input ends; print the port first."""
    from tokbench.models._scripted import scripted

    text = sys.argv[1]
    delay = float(sys.argv[2]) if len(sys.argv) > 2 else 0.0
    with Server(scripted("constant", lambda _prompt: text), delay=delay, keep=False) as server:
        print(server.port, flush=True)  # noqa: T201, what the program is asked for
        for _line in sys.stdin:
            print(json.dumps({"paid": server.paid.total(), "peak": server.peak}), flush=True)  # noqa: T201


if __name__ == "__main__":
    main()
