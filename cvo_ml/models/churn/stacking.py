"""What joins the trees on the log-odds before calibration: a model of purchases, and the season of the date."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Final, Self

import numpy as np
import pandas as pd
from scipy.special import expit, logit

from cvo_ml.core.arrays import Floats, Outcomes
from cvo_ml.core.columns import Columns, Table
from cvo_ml.core.result import Result
from cvo_ml.features import SEASON
from cvo_ml.stats.calibration import clip_probability
from cvo_ml.stats.logistic import fit_logistic

#: The column with P(no purchase in the horizon) of a model of purchases.
P_NO_ORDER: Final = "btyd_p_no_order"


@dataclass(frozen=True)
class Season(Result):
    """The level of the date, on the log-odds: ``intercept + sine x sin + cosine x cos`` of the day of the year."""

    intercept: float
    sine: float
    cosine: float

    def at(self, X: Table) -> Floats:
        """The level of each row's date, (n,)."""
        sine, cosine = (Columns.of(X).numbers(name) for name in SEASON)
        return np.asarray(self.intercept + self.sine * sine + self.cosine * cosine)

    @classmethod
    def fit(cls, X: pd.DataFrame, outcome: Outcomes, probability: Floats, ridge: float = 50.0) -> Self:
        """The wave in what ``probability`` missed, by penalised maximum likelihood (Newton).

        Parameters
        ----------
        X:
            (n, ...) rows of several dates, with the columns of ``SEASON``.
        outcome, probability:
            (n,) of 0 and 1, and of a model that does not know the season.
        ridge:
            Rows of weight that pull the wave towards none.
        """
        z = logit(clip_probability(probability))
        design = np.column_stack([np.ones(len(X)), X[list(SEASON)].to_numpy(dtype=np.float64)])
        fit = fit_logistic(design, outcome, ridge=np.array([1.0, ridge, ridge]), offset=z)
        return cls(*map(float, fit.coefficients))


@dataclass(frozen=True)
class Stack(Result):
    """``logit(q) = (1 - weight) logit(trees) + weight logit(P(no order)) + season``.

    Parameters
    ----------
    weight:
        Of the model of purchases, in [0, 1]; a row for which it has no number keeps the trees alone.
    typical:
        The mean log-odds of P(no order) in training: a customer who has it is moved by nothing.
    season:
        None where the date does not count.
    """

    weight: float = 0.0
    typical: float = 0.0
    season: Season | None = None

    @property
    def columns(self) -> tuple[str, ...]:
        """What it reads beside the trees' columns."""
        return (*((P_NO_ORDER,) if self.weight else ()), *(SEASON if self.season else ()))

    def apply(self, probability: Floats, X: Table) -> Floats:
        """The trees' probabilities joined with the rest, (n,).

        Raises
        ------
        UsageError
            If a column that it reads is missing.
        """
        if not self.columns:
            return probability
        z = logit(clip_probability(probability))
        return np.asarray(expit(z + sum(self._parts(z, X).values())))

    def explain(self, parts: Floats, log_odds: Floats, X: Table) -> tuple[tuple[str, ...], Floats, Floats]:
        """The parts (n, k) of the trees' log-odds (n,), those of ``added``, and all log-odds: they still add up."""
        own = self._parts(log_odds, X)
        if not own:
            return (), parts, log_odds
        joined = log_odds + sum(own.values())
        if P_NO_ORDER in own:
            weight = np.where(np.isfinite(self._purchases(X)), self.weight, 0.0)
            # what the trees lose to the stack is not a reason: their parts shrink, the purchases' own part stands alone
            own[P_NO_ORDER] = weight * (np.nan_to_num(self._purchases(X), nan=self.typical) - self.typical)
            parts = parts * (1 - weight)[:, None]
        return tuple(own), np.column_stack([parts, *own.values()]), np.asarray(joined)

    def _parts(self, z: Floats, X: Table) -> dict[str, Floats]:
        X = Columns.of(X)
        X.require(self.columns)
        own: dict[str, Floats] = {}
        if self.weight:
            other = self._purchases(X)
            own[P_NO_ORDER] = self.weight * np.where(np.isfinite(other), other - z, 0.0)
        if self.season is not None:
            own[SEASON[0]] = self.season.at(X)
        return own

    @staticmethod
    def _purchases(X: Table) -> Floats:
        return np.asarray(logit(clip_probability(Columns.of(X).numbers(P_NO_ORDER))))
