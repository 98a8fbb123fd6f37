"""Work on a tokenizer in a child process, where a crash, a hang or a full memory is a finding."""

from __future__ import annotations

import contextlib
import json
import pickle
import queue
import signal
import subprocess
import sys
import tempfile
import threading
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import IO, Any

from tokbench.tokenizers import Tokenizer, backends

__all__ = ["NotRestoredError", "Outcome", "identity", "in_child"]

_START_SECONDS = 90.0

Outcome = dict[str, Any] | str
"""What a piece of work gave, or how the child ended over it."""


class NotRestoredError(Exception):
    """The child could not rebuild the tokenizer. It never leaves this package."""


def identity(tokenizer: Tokenizer) -> list[str]:
    """What tells whether a tokenizer is the one that was meant: its class and its fingerprint."""
    kind = type(tokenizer)
    return [kind.__module__, kind.__qualname__, tokenizer.info.fingerprint]


class _Child:
    """A child process and the lines of JSON that it sends."""

    def __init__(self, request: Mapping[str, object], errors: IO[bytes]) -> None:
        self._errors = errors
        self._process = subprocess.Popen(
            [sys.executable, "-m", "tokbench.laws._child_main"],
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            stderr=errors,
            text=True,
            encoding="ascii",
        )
        self._lines: queue.SimpleQueue[str | None] = queue.SimpleQueue()
        self._reader = threading.Thread(target=self._read, daemon=True)
        self._reader.start()
        assert self._process.stdin is not None
        with contextlib.suppress(BrokenPipeError):
            self._process.stdin.write(json.dumps(request))
            self._process.stdin.close()

    def _read(self) -> None:
        assert self._process.stdout is not None
        for line in self._process.stdout:
            self._lines.put(line)
        self._lines.put(None)

    def message(self, seconds: float) -> Any:  # noqa: ANN401, whatever the child says
        """The next message, or None at the end.

        Raises:
            TimeoutError: If there is none within ``seconds``.
        """
        try:
            line = self._lines.get(timeout=seconds)
        except queue.Empty:
            raise TimeoutError from None
        return None if line is None else json.loads(line)

    def obituary(self) -> str:
        """How the process ended, in one sentence."""
        code = self._process.wait()
        if code < 0:
            with contextlib.suppress(ValueError):
                return f"the process was killed by {signal.Signals(-code).name}"
        self._errors.seek(0)
        lines = self._errors.read().decode("utf-8", "replace").strip().splitlines()
        return f"the process ended with status {code}" + (f": {lines[-1][:200]!a}" if lines else "")

    def close(self) -> None:
        """End the process and let go of its pipes."""
        self._process.kill()
        self._process.wait()
        self._reader.join()
        assert self._process.stdout is not None
        self._process.stdout.close()


def _some_work(request: dict[str, Any], seconds: float) -> list[Outcome]:
    """Outcomes of the first pieces of ``request["work"]``: all of them, or up to the one that ended the child."""
    with tempfile.TemporaryFile() as errors:
        child = _Child(request, errors)
        try:
            try:
                hello = child.message(_START_SECONDS)
            except TimeoutError:
                raise NotRestoredError(f"it did not load within {_START_SECONDS:g} s") from None
            if hello != request["identity"]:
                raise NotRestoredError(child.obituary() if hello is None else str(hello))
            outcomes: list[Outcome] = []
            for _ in request["work"]:
                try:
                    message = child.message(seconds)
                except TimeoutError:
                    return [*outcomes, f"it was stopped after {seconds:g} s"]
                if message is None:
                    return [*outcomes, child.obituary()]
                outcomes.append(message)
            return outcomes
        finally:
            child.close()


def _all_work(request: dict[str, Any], seconds: float) -> list[Outcome]:
    """Outcomes of all pieces of work; after one that ended the child, a new child goes on."""
    outcomes: list[Outcome] = []
    while len(outcomes) < len(request["work"]):
        outcomes += _some_work({**request, "work": request["work"][len(outcomes) :]}, seconds)
    return outcomes


def in_child(tokenizer: Tokenizer, work: Sequence[Mapping[str, object]], seconds: float) -> list[Outcome]:
    """Do pieces of work (see :func:`tokbench.laws.growth.work`) in a child process.

    Args:
        tokenizer: Restored in the child from its spec or, where that gives another one, from a pickle.
        work: The pieces.
        seconds: Time limit for each; after it the child is killed.

    Returns:
        One outcome for each piece, in order.

    Raises:
        NotRestoredError: If a child can restore the tokenizer in neither way.
    """
    request: dict[str, Any] = {
        "spec": tokenizer.info.spec,
        "pickle": None,
        "identity": identity(tokenizer),
        "path": [entry for entry in sys.path if entry],
        "work": list(work),
    }
    if tokenizer.info.spec.partition("?")[0].partition(":")[0] in backends():
        with contextlib.suppress(NotRestoredError):
            return _all_work(request, seconds)
    with tempfile.TemporaryDirectory() as folder:
        path = Path(folder) / "tokenizer.pickle"
        try:
            path.write_bytes(pickle.dumps(tokenizer))
        except Exception as error:  # an object may refuse in any way
            raise NotRestoredError(str(error)) from error
        return _all_work({**request, "pickle": str(path)}, seconds)
