"""What an order of customers by churn is worth: EMPC, and profit with each customer's own value."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Final

import numpy as np
from scipy.special import betainc

from cvo_ml.core.arrays import Floats, Outcomes
from cvo_ml.stats.ranking import top_weights

#: alpha, beta of the share of leaving customers whom an offer keeps (Verbraken, Verbeke & Baesens 2013).
ACCEPTS: Final = (6.0, 14.0)


@dataclass(frozen=True)
class Campaign:
    """A retention offer.

    Parameters
    ----------
    incentive_cost, contact_cost:
        >= 0, in currency: of the offer to who takes it, and of each contact.
    accepts:
        alpha, beta > 0 of the Beta law of the share of leaving customers who take the offer and stay. Those who would
        have stayed take it always.
    """

    incentive_cost: float = 10.0
    contact_cost: float = 1.0
    accepts: tuple[float, float] = ACCEPTS

    @property
    def save_rate(self) -> float:
        """The mean share of leaving customers who stay."""
        return self.accepts[0] / sum(self.accepts)

    def profit(self, churned: Outcomes, value: Floats) -> Floats:
        """Expected profit of contacting each customer, given what they would have done without it, (n,).

        Parameters
        ----------
        value:
            (n,) what each one brings if kept, in currency.
        """
        kept = self.save_rate * (value - self.incentive_cost)
        return np.where(np.asarray(churned).astype(bool), kept, -self.incentive_cost) - self.contact_cost

    def expected_profit(self, probability: Floats, value: Floats) -> Floats:
        """As ``profit`` for customers who leave with ``probability``, (n,)."""
        return probability * self.profit(np.ones(len(value)), value) + (1 - probability) * self.profit(
            np.zeros(len(value)), value
        )


def empc(outcome: Outcomes, score: Floats, clv: float = 200.0, campaign: Campaign | None = None) -> float:
    """Expected maximum profit of churn, a customer (Verbraken, Verbeke & Baesens 2013, eq. 9); NaN with one class.

    The best threshold is taken for each save rate, and the save rate has a Beta law.

    Parameters
    ----------
    outcome, score:
        (n,) of 0 and 1; higher = more likely 1.
    clv:
        > the offer's cost: what a kept customer brings, the same for all.

    Examples
    --------
    >>> y = np.tile([0, 1], 10)
    >>> round(empc(y, y.astype(float)), 4), round(empc(y, np.zeros(20)), 4)
    (28.0, 22.5008)
    """
    offer = campaign or Campaign()
    rate, hits, alarms = _hull(outcome, score)
    if not 0 < rate < 1:
        return float("nan")
    alpha, beta = offer.accepts
    delta, phi = offer.incentive_cost / clv, offer.contact_cost / clv
    with np.errstate(divide="ignore", invalid="ignore"):
        steps = (1 - rate) * (delta + phi) * np.diff(alarms) / (rate * (1 - delta) * np.diff(hits)) + phi / (1 - delta)
    gamma = np.concatenate([[0.0], np.minimum(np.nan_to_num(steps, nan=1.0, posinf=1.0), 1.0), [1.0]])
    share, first = np.diff(betainc(alpha, beta, gamma)), np.diff(betainc(alpha + 1, beta, gamma))
    gain = clv * (1 - delta) * rate * hits * first * alpha / (alpha + beta)
    cost = clv * (phi * rate * hits + (delta + phi) * (1 - rate) * alarms) * share
    return float((gain - cost).sum())


def profit_at(profit: Floats, score: Floats, fraction: float = 0.1) -> float:
    """Profit, a customer of all, of contacting the top ``fraction`` by score; ties share the last places."""
    return float((profit * top_weights(score, fraction)).sum() / len(profit))


def _hull(outcome: Outcomes, score: Floats) -> tuple[float, Floats, Floats]:
    """The rate, and hits (true positives' share) and false alarms along the ROC curve's convex hull."""
    y = np.asarray(outcome).astype(bool)
    if y.all() or not y.any():
        return float(y.mean()), np.empty(0), np.empty(0)
    _, level = np.unique(-score, return_inverse=True)
    positives, sizes = np.bincount(level, weights=y), np.bincount(level)
    hits = np.concatenate([[0.0], np.cumsum(positives) / y.sum()])
    alarms = np.concatenate([[0.0], np.cumsum(sizes - positives) / (~y).sum()])
    kept: list[int] = []
    for place in range(len(hits)):
        while len(kept) > 1 and _below(alarms, hits, kept[-2], kept[-1], place):
            kept.pop()
        kept.append(place)
    return float(y.mean()), hits[kept], alarms[kept]


def _below(x: Floats, y: Floats, a: int, b: int, c: int) -> bool:
    """Whether point b lies on or below the line from a to c."""
    return bool((x[b] - x[a]) * (y[c] - y[a]) - (y[b] - y[a]) * (x[c] - x[a]) >= 0)
