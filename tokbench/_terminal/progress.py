"""Progress of a run in the terminal: one line a tokenizer, with the time that is left."""

from __future__ import annotations

from types import TracebackType
from typing import Self

from rich.console import Console
from rich.progress import (
    BarColumn,
    MofNCompleteColumn,
    Progress,
    TaskID,
    TextColumn,
    TimeElapsedColumn,
    TimeRemainingColumn,
)

from tokbench.run import Event

__all__ = ["RunProgress"]


class RunProgress:
    """Shows the events of a run; writes one plain line a tokenizer where there is no terminal."""

    def __init__(self, console: Console) -> None:
        self._console = console
        self._plain = not console.is_terminal
        self._progress = Progress(
            TextColumn("{task.fields[spec]}", markup=False),
            BarColumn(bar_width=24),
            MofNCompleteColumn(),
            TimeElapsedColumn(),
            TimeRemainingColumn(),
            TextColumn("{task.description}", style="dim", markup=False),
            console=console,
            disable=self._plain,
        )
        self._tasks: dict[str, TaskID] = {}

    def __enter__(self) -> Self:
        self._progress.start()
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self._progress.stop()

    def observe(self, event: Event) -> None:
        """Show what happened."""
        if self._plain:
            if event.kind in {"finished", "kept"}:
                self._console.print(f"{event.kind} {event.spec}", markup=False)
            return
        if event.kind == "started":
            self._tasks[event.spec] = self._progress.add_task(
                "", spec=event.spec, total=event.total, completed=event.done
            )
        elif event.kind == "part":
            self._progress.update(self._tasks[event.spec], description=event.text)
        elif event.kind == "advanced":
            self._progress.advance(self._tasks[event.spec], event.done)
        elif event.kind == "finished":
            self._progress.update(self._tasks[event.spec], description="done")
        else:
            self._tasks[event.spec] = self._progress.add_task("finished before", spec=event.spec, total=1, completed=1)
