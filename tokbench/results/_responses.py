"""Answers of models, kept as they come: :class:`ResponseStore`, one JSON line for each request that was answered."""

from __future__ import annotations

import contextlib
import errno
import json
import os
import sys
import threading
import time
from collections.abc import Callable, Iterator, Mapping
from pathlib import Path
from types import TracebackType
from typing import IO, Self

from tokbench.errors import OutputDirectoryError, RecordError
from tokbench.results._files import sync_directory
from tokbench.results._rows import escape, unescape

__all__ = ["ResponseStore"]

_HEAD = b'{"key":'
"""Every line begins with it. What does not is never cut off: it may be somebody's file."""

_SYNC_SECONDS = 1.0
_NO_LOCKS = frozenset({errno.ENOLCK, errno.ENOSYS, errno.EOPNOTSUPP})


@contextlib.contextmanager
def _locked(descriptor: int) -> Iterator[None]:
    """Keep other processes from writing the file; the system gives the lock back when a process dies."""
    if sys.platform == "win32":  # no advisory locks that leave readers alone: one process a file
        yield
        return
    import fcntl

    held = True
    try:
        fcntl.flock(descriptor, fcntl.LOCK_EX)
    except OSError as error:
        if error.errno not in _NO_LOCKS:  # some network file systems have none; a line is one write even there
            raise
        held = False
    try:
        yield
    finally:
        if held:
            fcntl.flock(descriptor, fcntl.LOCK_UN)


def _with_strings(value: object, change: Callable[[str], str]) -> object:
    """A copy of a JSON value with every string changed."""
    if isinstance(value, str):
        return change(value)
    if isinstance(value, Mapping):
        changed: dict[str, object] = {}
        for name, part in value.items():
            if not isinstance(name, str):
                msg = f"a response is made of JSON values, whose names are strings: found {name!r}"
                raise TypeError(msg)
            changed[change(name)] = _with_strings(part, change)
        return changed
    if isinstance(value, list | tuple):
        return [_with_strings(part, change) for part in value]
    return value


def _line(key: str, response: Mapping[str, object]) -> bytes:
    # ASCII alone would join a lone high and a lone low surrogate that stand side by side; the escape keeps them
    entry = {"key": escape(key), "response": _with_strings(response, escape)}
    return json.dumps(entry, ensure_ascii=True, separators=(",", ":")).encode() + b"\n"


def _entry(line: bytes) -> tuple[str, dict[str, object]]:
    """Key and response of a line.

    Raises:
        ValueError: If it is damaged.
    """
    if not line.startswith(_HEAD):
        msg = f"it does not begin with {_HEAD.decode()}"
        raise ValueError(msg)
    entry = json.loads(line)
    key, response = entry["key"], entry.get("response")
    if not isinstance(key, str) or not isinstance(response, dict):
        msg = "it is no key with a response"
        raise ValueError(msg)  # noqa: TRY004, damage of one kind for the caller
    return key, response


def _is_remnant(rest: bytes) -> bool:
    """Whether the end of a file can be what a crash left of one of our lines: its beginning, or zeros."""
    return rest.startswith((_HEAD, b"\0")) or _HEAD.startswith(rest)


class ResponseStore:
    """Answers by the key of their request, in a file that only grows.

    An answer survives a kill of the process as soon as :meth:`put` returns, and a loss of power about a second later.
    Opening drops a last line that broke off. Only the places of the answers are kept in memory. Several processes may
    use one file (on Windows: one after the other); each sees at its next :meth:`put` what the others have put. The
    first answer to a request stays.

    Args:
        path: The file; made, with its folders, if there is none.

    Raises:
        RecordError: If a line in the middle is damaged, or the file is none of ours.
        OutputDirectoryError: If the file cannot be written.
    """

    def __init__(self, path: Path | str) -> None:
        self.path = Path(path)
        self._places: dict[str, tuple[int, int]] = {}
        self._end = 0
        self._lines = 0
        self._synced = -_SYNC_SECONDS
        self._dirty = False
        self._own = threading.RLock()
        try:
            self.path.parent.mkdir(parents=True, exist_ok=True)
            file = self.path.open("a+b", buffering=0)
        except OSError as error:
            raise self._unwritable(error) from error
        self._file: IO[bytes] | None = file
        try:
            with _locked(file.fileno()):
                self._catch_up(file)
        except BaseException:
            file.close()
            raise
        sync_directory(self.path.parent)

    def _unwritable(self, error: OSError) -> OutputDirectoryError:
        return OutputDirectoryError(str(self.path.parent), f"{self.path.name} cannot be written ({error.strerror})")

    def _opened(self) -> IO[bytes]:
        if self._file is None:
            msg = f"the store {self.path.name} is closed"
            raise ValueError(msg)
        return self._file

    def _damaged(self, line: int, problem: object) -> RecordError:
        return RecordError(str(self.path), f"line {line} is damaged ({problem}): remove this line, or the file")

    def _catch_up(self, file: IO[bytes]) -> None:
        """Take in the lines behind those that are known, and cut off what a crash left behind them."""
        size = os.fstat(file.fileno()).st_size
        if size == self._end:
            return
        if size < self._end:
            raise RecordError(str(self.path), "the file became shorter while it was in use: run again")
        damage: Exception | None = None
        rest = b""
        # a reader of its own for every time, because a kept one could show what it read before a cut
        with open(file.fileno(), "rb", closefd=False) as reader:
            reader.seek(self._end)
            for line in reader:
                if damage is not None:
                    raise self._damaged(self._lines + 1, damage)
                if not line.endswith(b"\n"):
                    rest = line
                    break
                try:
                    key = unescape(_entry(line)[0])
                except (ValueError, KeyError, TypeError, AttributeError, RecursionError) as error:
                    # whole but wrong: the last one can be that after a loss of power
                    damage, rest = error, line
                    continue
                self._places.setdefault(key, (self._end, len(line)))
                self._end += len(line)
                self._lines += 1
        if rest:
            if not _is_remnant(rest):
                raise self._damaged(self._lines + 1, damage or "it is not the beginning of a response")
            self._cut(file, self._end)

    def _cut(self, file: IO[bytes], size: int) -> None:
        file.truncate(size)

    def get(self, key: str) -> dict[str, object] | None:
        """The answer to a request, or None.

        Raises:
            RecordError: If the file was changed by something else.
        """
        with self._own:
            place = self._places.get(key)
            if place is None:
                return None
            file = self._opened()
            file.seek(place[0])
            line = file.read(place[1])
        try:
            found, response = _entry(line)
        except (ValueError, KeyError, TypeError, AttributeError) as error:
            raise RecordError(str(self.path), f"was changed while it was in use ({error}): run again") from error
        if unescape(found) != key:
            raise RecordError(str(self.path), "was changed while it was in use: run again")
        answer = _with_strings(response, unescape)
        assert isinstance(answer, dict), "it was one"
        return answer

    def put(self, key: str, response: Mapping[str, object]) -> None:
        """Keep the answer to a request; where there is one already, that stays.

        Args:
            key: Identity of the request.
            response: The answer as JSON values; tuples come back as lists.

        Raises:
            TypeError: If it holds something that JSON has no form for; nothing is written then.
            RecordError: If what another process wrote is damaged.
            OutputDirectoryError: If it cannot be written (a full disk); what was there before stays whole.
            ValueError: If the store is closed.
        """
        line = _line(key, response)
        with self._own:
            file = self._opened()
            try:
                with _locked(file.fileno()):
                    self._catch_up(file)  # also removes what a process left that was killed meanwhile
                    if key in self._places:
                        return
                    self._append(file, line)
                self._places[key] = (self._end, len(line))
                self._end += len(line)
                self._lines += 1
                self._dirty = True
                if time.monotonic() - self._synced >= _SYNC_SECONDS:
                    self._sync(file)
            except OSError as error:
                raise self._unwritable(error) from error

    def _append(self, file: IO[bytes], line: bytes) -> None:
        """Write a line whole or not at all."""
        try:
            left = memoryview(line)
            while left:
                left = left[file.write(left) :]
        except BaseException:
            with contextlib.suppress(OSError):
                self._cut(file, self._end)
            raise

    def _sync(self, file: IO[bytes]) -> None:
        os.fsync(file.fileno())
        self._synced = time.monotonic()
        self._dirty = False

    def close(self) -> None:
        """Make everything durable and give the file back."""
        with self._own:
            if self._file is not None:
                file, self._file = self._file, None
                try:
                    if self._dirty:
                        self._sync(file)
                except OSError as error:
                    raise self._unwritable(error) from error
                finally:
                    file.close()

    def __contains__(self, key: object) -> bool:
        return key in self._places

    def __len__(self) -> int:
        return len(self._places)

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.close()
