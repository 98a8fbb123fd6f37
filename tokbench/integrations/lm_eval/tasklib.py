"""What the task files beside this one name by ``!function``: lm-eval loads this file by its path.

``datasets``, which comes with lm-eval, is imported when a task is loaded and not before.
"""

from __future__ import annotations

import importlib
from collections.abc import Mapping, Sequence

from tokbench.integrations._lm_eval_docs import choice_documents, documents, grade, grade_choice

__all__ = ["grade", "grade_choice", "load", "load_choices"]


def _split(rows: Sequence[Mapping[str, object]]) -> dict[str, object]:
    """The one split of a task, as a ``datasets.Dataset``."""
    datasets = importlib.import_module("datasets")
    return {"test": datasets.Dataset.from_list([dict(row) for row in rows])}


def load(**metadata: object) -> dict[str, object]:
    """The questions of a suite, for ``custom_dataset``.

    Args:
        **metadata: What the task file says under ``metadata``, overridden by ``--metadata`` of the command line.
    """
    return _split(documents(metadata))


def load_choices(**metadata: object) -> dict[str, object]:
    """The same with all answers to each question, for ``output_type: multiple_choice``."""
    return _split(choice_documents(metadata))
