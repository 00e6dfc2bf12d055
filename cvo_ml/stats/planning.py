"""How many customers a number needs: the expected width of an interval at a given size, and the size for a width."""

from __future__ import annotations

import math
from collections.abc import Callable
from statistics import NormalDist
from typing import Final

_MOST: Final = 1e12


def total_half_width(cv: float, customers: float, *, learnt_from: float | None = None, level: float = 0.95) -> float:
    """Expected relative half-width of the interval of a predicted total over customers.

    A total over n customers differs from its prediction because the future is one sample of them, and because
    the mean was learnt from another sample of m: with a coefficient of variation c per customer,
    sd(total - predicted) / total = c sqrt(1/n + 1/m).

    Parameters
    ----------
    cv:
        c = standard deviation / mean of the value per customer in the window, >= 0.
    customers:
        n > 0, whose total is predicted.
    learnt_from:
        m > 0, customers the model learns from; default: as many.

    Raises
    ------
    ValueError
        If a number is outside its domain.

    Examples
    --------
    >>> round(total_half_width(3.0, 4000), 3)
    0.131
    """
    if cv < 0 or customers <= 0 or (learnt_from is not None and learnt_from <= 0):
        raise ValueError("total_half_width needs cv >= 0, customers > 0 and learnt_from > 0")
    return _z(level) * cv * math.sqrt(1 / customers + 1 / (learnt_from or customers))


def customers_for_total(cv: float, half_width: float, level: float = 0.95) -> float:
    """Customers needed so that a total over them is expected within ``half_width`` (relative, > 0).

    Raises
    ------
    ValueError
        If ``half_width`` is not above 0.

    Examples
    --------
    >>> math.ceil(customers_for_total(3.0, 0.131))
    4030
    """
    if half_width <= 0:
        raise ValueError("customers_for_total needs half_width > 0")
    return 2 * (_z(level) * cv / half_width) ** 2


def auc_standard_error(auc: float, positives: float, negatives: float) -> float:
    """Standard error of an area under the ROC curve (Hanley & McNeil 1982, eq. 2, exponential scores).

    Parameters
    ----------
    auc:
        Expected area, in (0, 1).
    positives, negatives:
        > 0.

    Raises
    ------
    ValueError
        If a number is outside its domain.

    Examples
    --------
    >>> round(auc_standard_error(0.893, 51, 58), 3)
    0.033
    """
    if not 0 < auc < 1 or positives <= 0 or negatives <= 0:
        raise ValueError("auc_standard_error needs 0 < auc < 1, positives > 0 and negatives > 0")
    both_positives = auc / (2 - auc)  # Q1: two positives score above one negative
    both_negatives = 2 * auc**2 / (1 + auc)  # Q2: one positive scores above two negatives
    variance = (
        auc * (1 - auc) + (positives - 1) * (both_positives - auc**2) + (negatives - 1) * (both_negatives - auc**2)
    )
    return math.sqrt(max(variance, 0.0) / (positives * negatives))


def auc_half_width(auc: float, positives: float, negatives: float, level: float = 0.95) -> float:
    """Expected half-width of the interval of an AUC on a test set with these outcomes.

    Examples
    --------
    >>> round(auc_half_width(0.75, 400, 600), 3)
    0.032
    """
    return _z(level) * auc_standard_error(auc, positives, negatives)


def customers_for_auc(auc: float, positive_share: float, half_width: float, level: float = 0.95) -> float:
    """Customers in the test set so that the AUC is expected within ``half_width``.

    Parameters
    ----------
    positive_share:
        In (0, 1).
    half_width:
        In (0, .5).

    Raises
    ------
    ValueError
        If a number is outside its domain.

    Examples
    --------
    >>> math.ceil(customers_for_auc(0.75, 0.4, 0.05))
    406
    """
    if not 0 < positive_share < 1 or not 0 < half_width < 0.5:
        raise ValueError("customers_for_auc needs a share in (0, 1) and a half_width in (0, .5)")

    def excess(customers: float) -> float:
        return auc_half_width(auc, customers * positive_share, customers * (1 - positive_share), level) - half_width

    least = 2 / min(positive_share, 1 - positive_share)
    return least if excess(least) <= 0 else _root(excess, least, _MOST)


def _z(level: float) -> float:
    if not 0 < level < 1:
        raise ValueError("level must be in (0, 1)")
    return NormalDist().inv_cdf(0.5 + level / 2)


def _root(excess: Callable[[float], float], low: float, high: float) -> float:
    """Where a falling function crosses 0, to twelve digits, by halving: to import a solver takes longer."""
    while (middle := math.sqrt(low * high)) not in (low, high) and high - low > 1e-12 * high:
        low, high = (middle, high) if excess(middle) > 0 else (low, middle)
    return high
