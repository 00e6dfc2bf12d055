"""Customers who can buy at opportunities only: BG/BB, as donors do.

Before each opportunity a living customer dies with probability theta, else buys with probability p
(Fader, Hardie & Shang 2010, Customer-Base Analysis in a Discrete-Time Noncontractual Setting, §2).
"""

from __future__ import annotations

import numpy as np

from cvo_ml.core.arrays import Numbers
from cvo_ml.simulate.shop.population import Traits
from cvo_ml.simulate.shop.purchases import Lives


def walk(
    traits: Traits, born: Numbers, every: float, end: float, rng: np.random.Generator
) -> tuple[Numbers, Numbers, Lives]:
    """Orders after the first, and lives.

    Parameters
    ----------
    every, end:
        Days between opportunities; the last day. Opportunity j is at ``born + j every`` < ``end``.

    Returns
    -------
    Customer and day of each order, sorted by customer and time; the spans of life.
    """
    chances = opportunities_before(born, every, end)
    columns = int(chances.max(initial=0))
    number = np.arange(1, columns + 1)
    with np.errstate(divide="ignore"):
        lived = rng.geometric(np.maximum(traits.dies, 1e-12)) - 1  # opportunities survived
    bought = rng.random((len(born), columns)) < traits.buys[:, None]
    bought &= (number <= chances[:, None]) & (number <= lived[:, None])
    who, column = np.nonzero(bought)
    until = np.where(lived < chances, born + (lived + 1) * every, np.inf)
    return who, born[who] + number[column] * every, Lives(np.arange(len(born)), born, until)


def opportunities_before(born: Numbers, every: float, day: Numbers | float) -> Numbers:
    """Opportunities of each customer before ``day``, those at ``born + j every`` < ``day``; >= 0."""
    return np.maximum(np.ceil((day - born) / every) - 1, 0).astype(np.int64)


def expected_purchases(buys: Numbers, dies: Numbers, chances: Numbers) -> Numbers:
    """E[X(n)] given p, theta and alive: p (1 - theta) (1 - (1 - theta)^n) / theta (ibid., eq. 5).

    Examples
    --------
    >>> float(expected_purchases(np.array([0.5]), np.array([0.5]), np.array([2]))[0])
    0.375
    """
    dies = np.maximum(dies, 1e-12)
    return buys * (1 - dies) * -np.expm1(chances * np.log1p(-np.minimum(dies, 1 - 1e-16))) / dies


def any_purchase(buys: Numbers, dies: Numbers, chances: Numbers) -> Numbers:
    """P(at least one purchase in n opportunities) given p, theta and alive.

    The first purchase comes at opportunity j with probability p (1 - theta)^j (1 - p)^(j - 1).

    Examples
    --------
    >>> float(any_purchase(np.array([0.5]), np.array([0.5]), np.array([2]))[0])
    0.3125
    """
    stays_silent = (1 - dies) * (1 - buys)
    with np.errstate(invalid="ignore", divide="ignore"):
        runs = np.where(stays_silent < 1, (1 - stays_silent**chances) / (1 - stays_silent), chances)
    return buys * (1 - dies) * runs
