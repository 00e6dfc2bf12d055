"""What every model of customers who are alive can answer, and what follows from it: arrays in, arrays out."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any, Final, Protocol, Self

import numpy as np
from scipy.special import betainc

from cvo_ml.core.arrays import Floats, Ints

DAYS_PER_YEAR: Final = 365.25
_NODES: Final = np.polynomial.legendre.leggauss(12)
_NODES_FOREVER: Final = np.polynomial.legendre.leggauss(64)
_UNDERFLOW: Final = -600.0
_FEW: Final = 64  # customers for which a loop over rows costs more than it saves
_FORGOTTEN: Final = 30.0  # e^-30: what discounting leaves of money at the end of "for ever"


class PurchaseLaw(Protocol):
    """The future of customers who are alive now; one row per customer (n,). Times share the data's unit."""

    @property
    def age(self) -> Floats:
        """Time scale of each customer's rate, > 0."""

    def rows(self, index: Any) -> Self:
        """The law of some of the customers."""

    def drifted(self, variance: float) -> Self:
        """The law if rates change by a factor of mean 1 and this ``variance`` >= 0 (``RateDrift``)."""

    def expected(self, spans: Floats) -> Floats:
        """E[purchases within each of ``spans`` (m, n)], shape (m, n)."""

    def survival(self, n: Floats, span: float) -> Floats:
        """P(at least ``n`` purchases in ``span``), n >= 1 broadcast against the customers."""

    def survival_up_to(self, top: int, span: float) -> Floats:
        """P(at least 1, 2 … ``top`` purchases in ``span``), shape (n, top), with an absolute error below 1e-12."""

    def pmf(self, n: Floats, span: float) -> Floats:
        """P(exactly ``n`` purchases in ``span``), n >= 0 broadcast against the customers."""

    def silence(self, span: float) -> Floats:
        """P(no purchase in ``span``) (n,)."""

    def still_alive(self, span: float) -> Floats:
        """P(alive after ``span``) (n,)."""

    def waiting_time(self, level: Floats) -> Floats:
        """Time by which the next purchase has come with probability ``level`` (n,); infinite if it never does."""

    def simulate(self, span: float, n_draws: int, generator: np.random.Generator) -> Ints:
        """Purchases in ``span``, shape (n_draws, n)."""


def drifted_rate(shape: Floats, age: Floats, variance: float) -> tuple[Floats, Floats]:
    """Shape and age (n,) of Gamma(shape, age) times a factor of mean 1 and ``variance``: mean and variance are exact.

    Examples
    --------
    >>> shape, age = drifted_rate(np.array([4.0]), np.array([8.0]), 0.25)
    >>> float((shape / age)[0]), float((shape / age**2)[0])  # 1/2, and 1/16 + 1/4 / 4 + 1/16 / 4
    (0.5, 0.140625)
    """
    if variance == 0:
        return shape, age
    wider = 1.0 / (1.0 / shape + variance + variance / shape)
    return wider, age * (wider / shape)


def discounted_purchases(law: PurchaseLaw, span: float, force: float) -> Floats:
    """E[Σ e^(−force · time from now) over the purchases in ``span``] (n,), force >= 0 per unit of time.

    By parts: D(h) E(h) − ∫ D'(s) E(s) ds, with D(s) the discount factor; the integral by Gauss–Legendre in
    log(1 + s / age), where E is smooth for young and old customers alike.
    """
    if force == 0:
        return np.asarray(law.expected(np.full((1, len(law.age)), span))[0])
    return _discounted(law, span, force, _NODES)


def residual_purchases(law: PurchaseLaw, force: float) -> Floats:
    """E[Σ e^(−force · time from now) over all future purchases] (n,), force > 0: the sum over an endless horizon."""
    return _discounted(law, _FORGOTTEN / force, force, _NODES_FOREVER)


def force_of_interest(annual_rate: float, days_per_unit: float) -> float:
    """Continuous rate per unit of time that equals an annual effective rate.

    Examples
    --------
    >>> round(float(np.exp(-force_of_interest(0.1, 365.25))), 12)  # one year at 10 %
    0.909090909091
    """
    return float(np.log1p(annual_rate) * days_per_unit / DAYS_PER_YEAR)


def _discounted(law: PurchaseLaw, span: float, force: float, rule: tuple[Floats, Floats]) -> Floats:
    node, weight = (rule[0][:, None] + 1) / 2, rule[1][:, None] / 2
    reach = np.log1p(span / law.age)
    inner = law.age * np.expm1(node * reach)
    expected = law.expected(np.vstack([inner, np.full((1, len(law.age)), span)]))
    jacobian = reach * (law.age + inner)
    integral = (weight * force * np.exp(-force * inner) * expected[:-1] * jacobian).sum(axis=0)
    return np.asarray(np.exp(-force * span) * expected[-1] + integral)


def negative_binomial_survival(shape: Floats, age: Floats, span: Floats, top: int) -> Floats:
    """P(at least 1 … ``top`` events in ``span``) (n, top) of a Gamma(shape, age) mixture of Poisson processes (n,).

    One minus the running sum of probabilities, each from the last by its ratio: no special function per count. By the
    incomplete beta function where the first probability underflows.
    """
    k = np.arange(1.0, top)
    first = -shape * np.log1p(span / age)
    if (first < _UNDERFLOW).any():
        return np.asarray(betainc(np.append(k, top), shape[:, None], (span / (age + span))[:, None]))
    mass = np.empty((top, len(shape)))
    mass[0] = np.exp(first)
    np.multiply(span / (age + span), (shape - 1.0) / k[:, None] + 1.0, out=mass[1:])
    running(np.add, running(np.multiply, mass))
    np.subtract(1.0, mass, out=mass)
    return np.asarray(np.maximum(mass, 0.0, out=mass).T)


def running(operation: np.ufunc, values: Floats) -> Floats:
    """``operation.accumulate`` along the first axis (m, n), in place and row by row: several customers at a time."""
    if values.shape[1] < _FEW:
        operation.accumulate(values, axis=0, out=values)
        return values
    for i in range(1, len(values)):
        operation(values[i], values[i - 1], out=values[i])
    return values


def time_to_reach(cumulative: Callable[[Floats], Floats], level: Floats, scale: Floats) -> Floats:
    """Times t (n,) with cumulative(t) = level, by bisection in log(t / scale); infinite where it is not reached."""
    low, high = np.full(len(level), -40.0), np.full(len(level), 40.0)
    never = cumulative(scale * np.exp(high)) <= level
    for _ in range(52):
        middle = (low + high) / 2
        early = cumulative(scale * np.exp(middle)) < level
        low, high = np.where(early, middle, low), np.where(early, high, middle)
    return np.where(never, np.inf, scale * np.exp((low + high) / 2))
