"""Files that are whole or absent, and the lock that keeps two processes off one run."""

from __future__ import annotations

import contextlib
import hashlib
import json
import os
import platform
import sys
import time
from collections.abc import Mapping
from pathlib import Path

from tokbench.errors import OutputDirectoryError

LOCK = "run.lock"
_EMPTY_LOCK_SECONDS = 10.0  # between the creation of a lock and the writing of its owner
_GRACE_SECONDS = 5.0  # a worker whose command was killed needs a moment to notice and to end


def json_text(value: object) -> str:
    """Canonical JSON for files that people read: sorted keys, two spaces, ASCII only."""
    return json.dumps(value, sort_keys=True, indent=2, ensure_ascii=True) + "\n"


def sync_directory(path: Path) -> None:
    """Make a rename in ``path`` durable, where the system can."""
    with contextlib.suppress(OSError):  # Windows opens no directories
        descriptor = os.open(path, os.O_RDONLY)
        try:
            os.fsync(descriptor)
        finally:
            os.close(descriptor)


def write_atomically(path: Path, data: bytes) -> None:
    """Put ``data`` at ``path``: a reader, and a crash, see the old file or the new one, never a part."""
    draft = path.with_name(f".{path.name}.{os.getpid()}.tmp")
    try:
        with draft.open("wb") as file:
            file.write(data)
            file.flush()
            os.fsync(file.fileno())
        draft.replace(path)
    finally:
        draft.unlink(missing_ok=True)
    sync_directory(path.parent)


# ---------------------------------------------------------------------- the lock


def _host() -> str:
    """A name of this machine that tells nothing about it."""
    return hashlib.sha256(platform.node().encode("utf-8", "replace")).hexdigest()[:16]


def _started(pid: int) -> str | None:
    """When a process started, so that a new process with an old number is not taken for the old one."""
    try:
        stat = Path(f"/proc/{pid}/stat").read_text(encoding="ascii", errors="replace")
    except OSError:
        return None
    fields = stat.rpartition(")")[2].split()  # the name before ) may hold anything
    return None if fields[0] == "Z" else fields[19]  # fields 3 and 22 of proc(5); a zombie writes no more


def _alive(pid: int) -> bool:
    if sys.platform == "win32":
        import ctypes

        handle = ctypes.windll.kernel32.OpenProcess(0x1000, 0, pid)  # PROCESS_QUERY_LIMITED_INFORMATION
        if handle:
            ctypes.windll.kernel32.CloseHandle(handle)
        return bool(handle)
    try:
        os.kill(pid, 0)
    except ProcessLookupError:
        return False
    except PermissionError:
        return True  # it lives and belongs to somebody else
    return True


def _writes(pid: int, started: str | None) -> bool:
    """Whether the process that took a lock is still there."""
    if pid <= 0 or not _alive(pid):
        return False
    return started is None or _started(pid) == started


class RunLock:
    """The right to write one run: a file that names its owner and exists exactly as long as the right.

    Args:
        directory: Directory of the run.

    Raises:
        OutputDirectoryError: If a living process holds the lock, or one on another machine.
    """

    def __init__(self, directory: Path) -> None:
        self.path = directory / LOCK
        self._mine = json.dumps(
            {"pid": os.getpid(), "host": _host(), "started": _started(os.getpid()), "taken": time.time_ns()},
            sort_keys=True,
        )
        for _attempt in range(3):
            try:
                descriptor = os.open(self.path, os.O_CREAT | os.O_EXCL | os.O_WRONLY, 0o644)
            except FileExistsError:
                self._remove_if_stale()
                continue
            with os.fdopen(descriptor, "w", encoding="ascii") as file:
                file.write(self._mine)
            return
        raise OutputDirectoryError(str(directory), "other processes are fighting for its lock: try again")

    def _remove_if_stale(self) -> None:
        try:
            written = self.path.read_text(encoding="ascii", errors="replace")
            age = time.time() - self.path.stat().st_mtime
        except FileNotFoundError:
            return
        try:
            owner = json.loads(written)
            pid, host, started = int(owner["pid"]), str(owner["host"]), owner.get("started")
        except (ValueError, KeyError, TypeError, AttributeError):
            if age < _EMPTY_LOCK_SECONDS:
                self._refuse("a process that is just starting")
        else:
            if host != _host():
                self._refuse("a process on another machine")
            deadline = time.monotonic() + _GRACE_SECONDS
            while _writes(pid, started):
                if pid == os.getpid() or time.monotonic() > deadline:
                    self._refuse(f"process {pid}")
                time.sleep(0.1)
        # Between the reading and the removal another process may have taken the stale lock over, so the
        # file is first moved aside, looked at again, and put back if it was not the stale one.
        aside = self.path.with_name(f".{LOCK}.{os.getpid()}.stale")
        try:
            self.path.rename(aside)
        except FileNotFoundError:
            return
        if aside.read_text(encoding="ascii", errors="replace") == written:
            aside.unlink()
        else:
            aside.rename(self.path)

    def _refuse(self, owner: str) -> None:
        raise OutputDirectoryError(
            str(self.path.parent), f"{owner} is writing this run: wait for it, or remove {LOCK} if it is gone"
        )

    def release(self) -> None:
        """Give the right up; only a lock that is still ours is removed."""
        with contextlib.suppress(FileNotFoundError):
            if self.path.read_text(encoding="ascii", errors="replace") == self._mine:
                self.path.unlink()


def file_entry(data: bytes, rows: int) -> Mapping[str, object]:
    """What a record says about a file beside it."""
    return {"sha256": hashlib.sha256(data).hexdigest(), "bytes": len(data), "rows": rows}
