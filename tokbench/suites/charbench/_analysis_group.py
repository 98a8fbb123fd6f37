"""The answers of one model to one task, and everything that is computed from them, as rows of the frames."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING

from tokbench.errors import MissingExtraError
from tokbench.suites.charbench._conditional import conditional_logistic
from tokbench.suites.charbench._correlation import Correlation, partial, pearson, spearman, within
from tokbench.suites.charbench._observations import CONTEXTS, FEATURES, TOKEN_FEATURES, feature, guesses
from tokbench.suites.charbench._permutation import Permutation, permutation
from tokbench.suites.charbench._regression import Regression, Term, logistic

if TYPE_CHECKING:
    import numpy as np
    import polars as pl
    from numpy.typing import NDArray

    Column = NDArray[np.float64]

__all__ = ["Group", "Row", "control_rows", "correlation_rows", "permutation_rows", "regressions", "term_rows"]

Row = dict[str, object]

_CONTROLS: Mapping[str, tuple[str, ...]] = {"given_WL": ("WL",), "given_WL_GT": ("WL", "GT")}
_CASES = ("title", "upper", "mixed")
_ABSENT = {
    "GT": "the answer is no number", "GT/WL": "the answer is no number", "TTL": "no character decides the answer",
    "dist_left": "no character decides the answer", "dist_right": "no character decides the answer",
    "target_tokens": "no character is asked for", "repeats": "no character is asked for",
}  # fmt: skip


@dataclass(frozen=True, slots=True)
class Group:
    """Answers of one model to one task."""

    key: Mapping[str, object]
    rows: pl.DataFrame
    seed: int

    @property
    def label(self) -> tuple[object, ...]:
        """What its draws are seeded with."""
        return (self.seed, *self.key.values())

    @property
    def read(self) -> str:
        """The context that the model reads: in the prompt, or the bare word where that is not known."""
        return next((name for name in reversed(CONTEXTS) if self.rows[f"{name}|NT"].count()), "bare")

    def column(self, name: str, context: str) -> Column:
        """A property, NaN where it is not known."""
        found: Column = self.rows.select(feature(name, context))[name].fill_null(float("nan")).to_numpy()
        return found

    def absent(self, name: str, context: str) -> str:
        """Why a property is not known for any item."""
        reasons = self.rows[f"{context}|reason"].drop_nulls()
        if len(reasons) == len(self.rows):
            return str(reasons[0])
        if name not in {"WL", "GT", "GT/WL"} and not self.rows[f"{context}|NT"].count():
            return f"there are no features in the context {context}"
        return _ABSENT.get(name, "not known")


def _known(right: Column, *columns: Column) -> tuple[Column, ...]:
    """Columns over the items where all are known."""
    import numpy as np

    usable = np.isfinite(np.column_stack([right, *columns])).all(axis=1)
    return (right[usable], *(column[usable] for column in columns))


def correlation_rows(group: Group) -> Iterator[Row]:
    """Pearson's r in both contexts."""
    right = group.rows["right"].to_numpy()
    bare: dict[str, float | None] = {}
    for context in CONTEXTS:
        for name in FEATURES:
            outcome, values = _known(right, group.column(name, context))
            found = (
                pearson(outcome, values, name) if len(values) else Correlation(0, reason=group.absent(name, context))
            )
            before = bare.setdefault(name, found.r)
            delta = None
            if context != CONTEXTS[0] and found.r is not None and before is not None:
                delta = found.r - before
            yield {**group.key, "context": context, "feature": name, **found._asdict(), "delta": delta}


def control_rows(group: Group) -> Iterator[Row]:
    """Ranks, inside lengths, and given other properties."""
    import numpy as np

    context = group.read
    right, lengths = group.rows["right"].to_numpy(), group.column("WL", "bare")
    for name in FEATURES:
        column = group.column(name, context)
        outcome, values, length = _known(right, column, lengths)
        found: dict[str, Correlation] = {}
        if not len(values):
            missing = Correlation(0, reason=group.absent(name, context))
            found = dict.fromkeys(("spearman", "within_WL", *_CONTROLS), missing)
        else:
            found["spearman"] = spearman(outcome, values, name)
            found["within_WL"] = within(outcome, values, length.astype(np.int64), name)
            for method, controls in _CONTROLS.items():
                found[method] = _partial(group, right, column, name, controls)
        for method, entry in found.items():
            yield {**group.key, "context": context, "method": method, "feature": name, **entry._asdict()}


def _partial(group: Group, right: Column, column: Column, name: str, controls: Sequence[str]) -> Correlation:
    if name in controls:
        return Correlation(len(right), reason=f"{name} is a control itself")
    outcome, values, *held = _known(right, column, *(group.column(control, "bare") for control in controls))
    if not len(values):
        return Correlation(0, reason=f"{' and '.join(controls)}: {group.absent(controls[-1], 'bare')}")
    return partial(outcome, values, dict(zip(controls, held, strict=True)), name)


# ---------------------------------------------------------------------- regressions


def _properties(group: Group, items: pl.DataFrame) -> tuple[dict[str, Column], dict[str, str]]:
    """Columns of the regression in order of preference, and why others are not there."""
    import numpy as np

    context, rows = group.read, group.rows
    left_out = {"CR": "a function of WL and NT"}
    columns: dict[str, Column] = {}
    for name in ("WL", "GT", "GT/WL", "TTL", "dist_left", "NT"):
        column = group.column(name, context)
        if np.isfinite(column).any():
            columns[name] = column
        else:
            left_out[name] = group.absent(name, context)
    rarity = next((name for name in ("zipf", "level") if not rows[name].null_count()), None)
    if rarity is None:
        left_out["level"] = "not known for every word"
    else:
        columns[rarity] = rows[rarity].cast(float).to_numpy()
    for case in _CASES:
        columns[f"case:{case}"] = (rows["case_form"] == case).cast(float).to_numpy()
    own = items.join(rows.select("item_id"), on="item_id", how="semi")
    matches = rows.select("item_id").join(guesses(own), on="item_id", how="left", maintain_order="left")
    columns |= {name: matches[name].to_numpy() for name in matches.columns[1:]}
    return columns, left_out


def _cells(group: Group) -> NDArray[np.int64]:
    """Number of the cell of length and gold answer of each item."""
    import polars as pl

    found: NDArray[np.int64] = group.rows.select(pl.struct("length", "answer").rank("dense"))["length"].to_numpy()
    return found.astype("int64")


def regressions(group: Group, items: pl.DataFrame) -> tuple[Regression | MissingExtraError, Regression]:
    """Over all items (or why not), and inside cells of length and gold answer."""
    import numpy as np

    columns, left_out = _properties(group, items)
    dummies = [name for name in columns if name.startswith(("case:", "match:"))]
    usable = np.isfinite(np.column_stack(list(columns.values()))).all(axis=1)
    right = group.rows["right"].to_numpy()[usable]
    columns = {name: column[usable] for name, column in columns.items()}
    words = group.rows["word"].rank("dense").to_numpy().astype("int64")[usable]
    clusters = words if len(np.unique(words)) < len(words) else None
    whole: Regression | MissingExtraError
    try:
        whole = logistic(right, columns, dummies, clusters, left_out)
    except MissingExtraError as error:
        whole = error
    strict = conditional_logistic(right, columns, dummies, _cells(group)[usable], key=group.label)
    return whole, strict


def term_rows(group: Group, found: Regression) -> Iterator[Row]:
    """The terms of a regression; one without a name where it has none."""
    shared: Row = {**group.key, "context": group.read, "n": found.n, "covariance": found.covariance}
    for term in found.terms or (Term("", reason=found.reason),):
        yield {**shared, **term._asdict(), "reason": term.reason or found.reason}


# ---------------------------------------------------------------------- permutation


def permutation_rows(group: Group, deals: int) -> Iterator[Row]:
    """Tests inside cells of length and gold answer, not adjusted yet."""
    context = group.read
    cells = _cells(group)
    right = group.rows["right"].to_numpy()
    for name in TOKEN_FEATURES:
        outcome, values, cell = _known(right, group.column(name, context), cells.astype(float))
        if len(values):
            found = permutation(outcome, values, cell.astype("int64"), name=name, key=(*group.label, name), deals=deals)
        else:
            found = Permutation(0, 0, reason=group.absent(name, context))
        yield {**group.key, "context": context, "feature": name, **found._asdict()}
