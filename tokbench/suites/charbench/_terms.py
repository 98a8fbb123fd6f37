"""The terms of a regression: columns that can be estimated beside each other, and why the others cannot."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    import numpy as np
    from numpy.typing import NDArray

    Column = NDArray[np.float64]

__all__ = ["Terms", "chosen_terms", "standardised"]

_TINY = 1e-9
"""Share of the sum of squares of a column that is rounding."""


@dataclass(frozen=True, slots=True)
class Terms:
    """What enters a regression.

    Attributes:
        rows: Which items it uses, shape ``(items,)``.
        kept: Columns by name, over these items.
        dropped: For each other column why it is left out.
    """

    rows: NDArray[np.bool_]
    kept: Mapping[str, Column]
    dropped: Mapping[str, str] = field(default_factory=dict)


def standardised(column: Column) -> Column:
    """A column with mean 0 and standard deviation 1; one that does not vary as zeros."""
    spread = float(column.std())
    centred: Column = column - column.mean()
    return centred / spread if spread > 0 else centred


def _is_dummy(column: Column) -> bool:
    return bool(((column == 0) | (column == 1)).all())


def _separation(right: Column, columns: Mapping[str, Column]) -> tuple[str, NDArray[np.bool_], str] | None:
    """The first dummy one of whose values decides every answer: its name, the items decided, and what to say."""
    for name, column in columns.items():
        if not _is_dummy(column):
            continue
        for value in (1.0, 0.0):
            decided = column == value
            outcome = right[decided]
            if len(outcome) and len(outcome) < len(right) and float(outcome.min()) == float(outcome.max()):
                word = "right" if outcome[0] else "wrong"
                which = "one of" if value else "none of"
                text = f"separates: all {len(outcome)} items with {which} it are {word}; they are left out with it"
                return name, decided, text
    return None


def _independent(columns: Mapping[str, Column], dropped: dict[str, str]) -> dict[str, Column]:
    """Columns that do vary and are no linear function of those before them (Gram and Schmidt)."""
    import numpy as np

    basis = np.zeros((len(next(iter(columns.values()), ())), 0))
    kept: dict[str, Column] = {}
    for name, column in columns.items():
        left = column - column.mean()
        size = float(left @ left)
        if size <= _TINY * max(1.0, float(column @ column)):
            dropped[name] = "does not vary"
            continue
        for _ in range(2):  # once more, for what rounding left
            left = left - basis @ (left @ basis)
        if float(left @ left) <= _TINY * size:
            same = next((other for other, held in kept.items() if np.allclose(held, column, atol=1e-6)), None)
            dropped[name] = "is a linear function of those before it" if same is None else f"is the same as {same}"
            continue
        basis = np.column_stack([basis, left / np.sqrt(left @ left)])
        kept[name] = column
    return kept


def chosen_terms(right: Column, columns: Mapping[str, Column], dummies: Sequence[str]) -> Terms:
    """Choose the terms of a logistic regression.

    A dummy one of whose values decides every answer has no finite coefficient: it is left out, with the items that it
    decides, and named. So is a column that does not vary or is a linear function of those before it.

    Args:
        right: Whether each answer is right, 0 or 1.
        columns: Candidates by name, in order of preference.
        dummies: Names of those that are 0 or 1; the others are standardised over the items that stay.
    """
    import numpy as np

    rows = np.ones(len(right), dtype=bool)
    dropped: dict[str, str] = {}
    left = dict(columns)
    while (found := _separation(right[rows], {name: left[name][rows] for name in left if name in dummies})) is not None:
        name, decided, text = found
        dropped[name] = text
        del left[name]
        places = np.flatnonzero(rows)
        rows[places[decided]] = False
    made = {name: column[rows] if name in dummies else standardised(column[rows]) for name, column in left.items()}
    return Terms(rows, _independent(made, dropped), dropped)
