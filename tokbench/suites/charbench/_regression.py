"""Logistic regression of being right on what is known of an item, with statsmodels (extra ``analysis``)."""

from __future__ import annotations

import warnings
from collections.abc import Mapping, Sequence
from statistics import NormalDist
from typing import TYPE_CHECKING, Any, NamedTuple

from tokbench.errors import MissingExtraError
from tokbench.stats import CONFIDENCE
from tokbench.suites.charbench._correlation import no_variance
from tokbench.suites.charbench._terms import chosen_terms

if TYPE_CHECKING:
    from types import ModuleType

    import numpy as np
    from numpy.typing import NDArray

    Column = NDArray[np.float64]

__all__ = ["HIGH_VIF", "Regression", "Term", "logistic"]

HIGH_VIF = 10.0
"""Variance inflation from which on a coefficient says little by itself."""

_EDGE = 1e-7
"""A fitted chance this near to 0 or 1 makes a separation likely, which is then looked for."""


class Term(NamedTuple):
    """One term of a regression.

    Attributes:
        term: Its name.
        coefficient: Change of the log-odds a standard deviation (a dummy: from 0 to 1), or None.
        lo: Lower end of its 95 % interval, or None.
        hi: Upper end, or None.
        p: Two-sided p-value of the Wald test, or None.
        vif: Variance inflation factor, or None.
        reason: Why there is no coefficient, or ``""``.
    """

    term: str
    coefficient: float | None = None
    lo: float | None = None
    hi: float | None = None
    p: float | None = None
    vif: float | None = None
    reason: str = ""


class Regression(NamedTuple):
    """A fitted regression.

    Attributes:
        n: Items that it uses.
        covariance: How its errors are estimated: ``cluster`` (by word), ``HC1`` or ``information``.
        terms: Its terms, those left out with the reason.
        reason: Why there is none, or ``""``.
    """

    n: int
    covariance: str
    terms: Sequence[Term]
    reason: str = ""


def _models() -> ModuleType:
    """The module of generalised linear models; the whole library would take seconds to load.

    Raises:
        MissingExtraError: If statsmodels is not installed.
    """
    try:
        from statsmodels.genmod import generalized_linear_model
    except ImportError:
        raise MissingExtraError("statsmodels", "analysis", "needed by the regressions") from None
    found: ModuleType = generalized_linear_model
    return found


def _separable(right: Column, design: Column) -> bool:
    """Whether a plane separates right from wrong answers, touching it allowed (K. Konis, thesis, Oxford 2007).

    A linear program: the largest sum of distances to a plane on the right side of which all items lie; 0 if there is
    no such plane.
    """
    import numpy as np
    from scipy.optimize import linprog  # type: ignore[import-untyped]

    signed = design * np.where(right > 0, 1.0, -1.0)[:, None]
    found = linprog(-signed.sum(axis=0), A_ub=-signed, b_ub=np.zeros(len(signed)), bounds=(-1, 1), method="highs")
    return bool(found.status == 0 and -found.fun > 1e-6 * len(signed))


def _inflation(columns: Mapping[str, Column]) -> dict[str, float]:
    """Variance inflation factors 1 / (1 - R^2), R^2 of a column on the others.

    They are the diagonal of the inverse of the correlations of all columns, the same numbers that
    ``statsmodels.stats.outliers_influence.variance_inflation_factor`` gets by a regression each.
    """
    import numpy as np

    correlations = np.atleast_2d(np.corrcoef(np.column_stack(list(columns.values())), rowvar=False))
    return dict(zip(columns, np.diag(np.linalg.inv(correlations)).tolist(), strict=True))


def logistic(
    right: Column,
    columns: Mapping[str, Column],
    dummies: Sequence[str],
    clusters: NDArray[np.int64] | None = None,
    left_out: Mapping[str, str] | None = None,
) -> Regression:
    """Fit ``GLM(Binomial)`` with an intercept.

    Args:
        right: Whether each answer is right, 0 or 1.
        columns: Properties by name, in order of preference.
        dummies: Those that are 0 or 1; the others are standardised.
        clusters: Cluster of each item where items are not independent; None takes errors robust to wrong variances.
        left_out: Properties that were not even tried, with the reason.

    Raises:
        MissingExtraError: If statsmodels is not installed.
    """
    import numpy as np

    models = _models()
    terms = chosen_terms(right, columns, dummies)
    outcome = right[terms.rows]
    others = [Term(name, reason=reason) for name, reason in {**terms.dropped, **(left_out or {})}.items()]
    covariance = "HC1" if clusters is None else "cluster"
    n = len(outcome)
    reason = no_variance(outcome, np.arange(n, dtype=np.float64), "")
    if not reason and not terms.kept:
        reason = "no property is left"
    if reason:
        return Regression(n, covariance, others, reason)
    design = np.column_stack([np.ones(n), *terms.kept.values()])
    options: dict[str, Any] = {"cov_type": "HC0"}
    if clusters is not None:
        options = {"cov_type": "cluster", "cov_kwds": {"groups": clusters[terms.rows]}}
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")  # a separation is looked for below, by its definition
        fitted = models.GLM(outcome, design, family=models.families.Binomial()).fit(**options)
        chances, errors = np.asarray(fitted.fittedvalues), np.asarray(fitted.bse)
    if clusters is None:  # HC1; statsmodels takes the name for these models and leaves its factor out
        errors = errors * (n / max(n - design.shape[1], 1)) ** 0.5
    extreme = bool(((chances < _EDGE) | (chances > 1 - _EDGE)).any())
    if (extreme or not fitted.converged) and _separable(outcome, design):
        reason = "separation: some mix of the properties decides answers, so no coefficient is finite"
        kept = [Term(name, reason="separation") for name in terms.kept]
        return Regression(n, covariance, [*kept, *others], reason)
    inflation = _inflation(terms.kept)
    normal = NormalDist()
    half = normal.inv_cdf((1 + CONFIDENCE) / 2) * errors
    made = [
        Term(name, float(value), float(value - width), float(value + width), 2 * normal.cdf(-abs(float(value / error))),
             inflation.get(name))
        for name, value, width, error in zip(("intercept", *terms.kept), fitted.params, half, errors, strict=True)
    ]  # fmt: skip
    reason = "" if fitted.converged else "the fit did not converge"
    return Regression(n, covariance, [*made, *others], reason)
