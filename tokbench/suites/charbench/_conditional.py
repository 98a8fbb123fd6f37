"""Conditional logistic regression: items are compared with items of equal length and equal gold answer only.

Given how many items of a set were answered right, the chance of which ones does not depend on anything that the items
of the set share. The likelihood (N. E. Breslow and N. E. Day, Statistical Methods in Cancer Research I (1980), section
7.1) has for each set the sum of exp(x b) over all choices of that many items, an elementary symmetric polynomial. It
takes time that grows with the square of a set, so a large group is dealt into sets of a few items, which keeps the
estimate unbiased and loses little. All sets are computed side by side; the estimates are those of
``statsmodels.discrete.conditional_models.ConditionalLogit``, which goes through sets one by one.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from statistics import NormalDist
from typing import TYPE_CHECKING, NamedTuple

from tokbench.stats import CONFIDENCE
from tokbench.suites.charbench._regression import Regression, Term
from tokbench.suites.charbench._terms import standardised
from tokbench.suites.charbench.ranking import VERSION, H

if TYPE_CHECKING:
    import numpy as np
    from numpy.typing import NDArray

    Column = NDArray[np.float64]

__all__ = ["SET", "conditional_logistic"]

SET = 10
"""Most items of a set."""

_STEPS = 50
_TINY = 1e-9
_DIVERGED = 15.0
"""A coefficient of a standardised property beyond this has no finite estimate."""


class _Sets(NamedTuple):
    """Sets side by side, padded: properties ``(sets, size, terms)``, outcome and membership ``(sets, size)``."""

    values: Column
    right: Column
    inside: NDArray[np.bool_]


def _sets(right: Column, values: Column, groups: NDArray[np.int64], size: int, key: tuple[object, ...]) -> _Sets:
    """Groups dealt into sets of at most ``size``, those without two outcomes left out."""
    import numpy as np

    generator = np.random.default_rng(H(VERSION, "sets", *key))
    places: list[NDArray[np.int64]] = []
    for group in np.unique(groups):
        members = generator.permutation(np.flatnonzero(groups == group))
        places += np.array_split(members, -(-len(members) // size))
    places = [part for part in places if 0 < right[part].sum() < len(part)]
    table = np.full((len(places), size), -1)
    for row, part in enumerate(places):
        table[row, : len(part)] = part
    inside = table >= 0
    return _Sets(np.where(inside[:, :, None], values[table], 0.0), np.where(inside, right[table], 0.0), inside)


def _step(sets: _Sets, beta: Column) -> tuple[float, Column, Column]:
    """Log-likelihood, gradient and Hessian at ``beta``."""
    import numpy as np

    count, size, terms = sets.values.shape
    score = sets.values @ beta
    score = score - np.where(sets.inside, score, -np.inf).max(axis=1, keepdims=True)
    odds = np.where(sets.inside, np.exp(score), 0.0)
    # polynomials in the number chosen, with first and second derivatives in beta; an item is chosen or not
    value = np.zeros((count, size + 1))
    first = np.zeros((count, size + 1, terms))
    second = np.zeros((count, size + 1, terms, terms))
    value[:, 0] = 1.0
    for item in range(size):
        x, w = sets.values[:, item], odds[:, item]
        outer = x[:, :, None] * x[:, None, :]
        cross = first[:, :-1, :, None] * x[:, None, None, :]
        second[:, 1:] += w[:, None, None, None] * (
            second[:, :-1] + cross + np.swapaxes(cross, 2, 3) + outer[:, None] * value[:, :-1, None, None]
        )
        first[:, 1:] += w[:, None, None] * (first[:, :-1] + x[:, None, :] * value[:, :-1, None])
        value[:, 1:] += w[:, None] * value[:, :-1]
    rows, chosen = np.arange(count), sets.right.sum(axis=1).astype(int)
    total = value[rows, chosen]
    mean = first[rows, chosen] / total[:, None]
    spread = second[rows, chosen] / total[:, None, None] - mean[:, :, None] * mean[:, None, :]
    likelihood = float((score * sets.right).sum() - np.log(total).sum())
    gradient = (sets.values * sets.right[:, :, None]).sum(axis=(0, 1)) - mean.sum(axis=0)
    return likelihood, gradient, -spread.sum(axis=0)


def _free(sets: _Sets, names: Sequence[str]) -> tuple[list[str], dict[str, str]]:
    """Properties that vary inside sets and are no linear function of those before them there."""
    import numpy as np

    held = np.where(sets.inside[:, :, None], sets.values, 0.0)
    centred = held - held.sum(axis=1, keepdims=True) / sets.inside.sum(axis=1)[:, None, None]
    flat = centred[sets.inside]
    basis: list[Column] = []
    kept, dropped = [], {}
    for place, name in enumerate(names):
        left = flat[:, place]
        size = float(left @ left)
        if size <= _TINY * len(flat):
            dropped[name] = "does not vary inside a cell of length and gold answer"
            continue
        for _ in range(2):
            for other in basis:
                left = left - (left @ other) * other
        if float(left @ left) <= _TINY * size:
            dropped[name] = "is a linear function of those before it there"
            continue
        basis.append(left / np.sqrt(left @ left))
        kept.append(name)
    return kept, dropped


def conditional_logistic(
    right: Column,
    columns: Mapping[str, Column],
    dummies: Sequence[str],
    groups: NDArray[np.int64],
    *,
    key: tuple[object, ...] = (),
    size: int = SET,
) -> Regression:
    """Fit a conditional logistic regression by Newton's method.

    Args:
        right: Whether each answer is right, 0 or 1.
        columns: Properties by name, in order of preference.
        dummies: Those that are 0 or 1; the others are standardised over all items.
        groups: Group of each item.
        key: What the deal into sets is seeded with.
        size: Most items of a set.
    """
    import numpy as np

    names = list(columns)
    made = [columns[name] if name in dummies else standardised(columns[name]) for name in names]
    sets = _sets(right, np.column_stack(made) if made else np.zeros((len(right), 0)), groups, size, key)
    n = int(sets.inside.sum())
    if not n:
        return Regression(0, "information", [], "no group has right and wrong answers")
    kept, dropped = _free(sets, names)
    others = [Term(name, reason=reason) for name, reason in dropped.items()]
    if not kept:
        return Regression(n, "information", others, "no property varies inside groups")
    sets = sets._replace(values=sets.values[:, :, [names.index(name) for name in kept]])
    beta = np.zeros(len(kept))
    likelihood, gradient, hessian = _step(sets, beta)
    for _ in range(_STEPS):
        move = np.linalg.lstsq(-hessian, gradient, rcond=None)[0]
        scale = 1.0
        while scale > _TINY and (found := _step(sets, beta + scale * move))[0] < likelihood - _TINY * abs(likelihood):
            scale /= 2
        beta, (likelihood, gradient, hessian) = beta + scale * move, found
        if float(np.abs(move).max()) < _TINY or float(np.abs(beta).max()) > _DIVERGED:
            break
    if float(np.abs(beta).max()) > _DIVERGED:
        reason = "separation: some mix of the properties decides answers, so no coefficient is finite"
        return Regression(n, "information", [*(Term(name, reason="separation") for name in kept), *others], reason)
    spread = np.sqrt(np.diag(np.linalg.inv(-hessian)))
    normal = NormalDist()
    z = normal.inv_cdf((1 + CONFIDENCE) / 2)
    terms = [
        Term(name, float(value), float(value - z * sd), float(value + z * sd), 2 * normal.cdf(-abs(value / sd)))
        for name, value, sd in zip(kept, beta, spread, strict=True)
    ]
    return Regression(n, "information", [*terms, *others])
