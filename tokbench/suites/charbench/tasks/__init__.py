"""All tasks by name, and the sets of them that the command line knows."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from types import MappingProxyType

from tokbench.errors import UnknownNameError
from tokbench.suites.charbench.task import Task
from tokbench.suites.charbench.tasks import access, compare, composition, controls, core, edit, pairs
from tokbench.suites.charbench.tasks.core import PAPER

__all__ = ["GROUPS", "PAPER", "SETS", "TASKS", "select_tasks"]

_MODULES = (core, access, composition, edit, compare, pairs, controls)
"""Modules of tasks in the order of their groups; each has its tasks in ``TASKS``."""

TASKS: Mapping[str, Task] = MappingProxyType({task.id: task for module in _MODULES for task in module.TASKS})
"""Every task by its name."""

GROUPS: Mapping[int, tuple[Task, ...]] = MappingProxyType(
    {group: tuple(task for task in TASKS.values() if task.group == group) for group in range(1, 8)}
)
"""Tasks by group."""

_EXTRA = frozenset({"find_first_or_minus1", "find_last_or_minus1"})
"""Variants of group 1 that are no part of any set but ``all``."""

SETS: Mapping[str, tuple[Task, ...]] = MappingProxyType(
    {
        "paper": PAPER,
        "standard": tuple(task for task in TASKS.values() if task.group in {1, 2, 3} and task.id not in _EXTRA),
        "all": tuple(TASKS.values()),
    }
)


def select_tasks(names: Sequence[str]) -> tuple[Task, ...]:
    """The tasks that names or sets name, each once, in the order of :data:`TASKS`.

    Raises:
        UnknownNameError: If a name is neither a task nor a set.
    """
    wanted: set[str] = set()
    for name in names:
        if name in SETS:
            wanted |= {task.id for task in SETS[name]}
        elif name in TASKS:
            wanted.add(name)
        else:
            raise UnknownNameError("task", name, (*SETS, *TASKS))
    return tuple(task for task in TASKS.values() if task.id in wanted)
