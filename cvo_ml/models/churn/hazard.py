"""Time to event: the hazard of each period inside the horizon, given that nothing happened before."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any, ClassVar, Final, Self

import numpy as np
import pandas as pd
from numpy.typing import NDArray
from scipy.special import expit, logit

from cvo_ml.models.boosting import BoostedClassifier
from cvo_ml.models.churn.boosted import Doubt, check_outcomes
from cvo_ml.models.churn.levers import Explanation
from cvo_ml.stats.calibration import clip_probability
from cvo_ml.stats.calibrators import METHODS, NONE, Calibrator, calibrator_of

Floats = NDArray[np.float64]
PERIOD: Final = "period"


class HazardChurn:
    """Discrete-time hazards by LightGBM on rows of (customer, date, period) (Singer & Willett 1993).

    Where the event is an order, who has none by the end of the horizon has churned; where it is the end of a
    subscription, the event is the churn.

    Parameters
    ----------
    features, categories, rounds, parameters:
        As for ``BoostedClassifier``; the period is added as a number column.
    periods:
        Number of periods of equal length in the horizon, > 1.
    event_is_churn:
        Whether the event is the churn, or what saves from it.
    """

    kind: ClassVar[str] = "churn.hazard_lightgbm"

    def __init__(
        self,
        features: Sequence[str],
        categories: Sequence[str] = (),
        rounds: int = 60,
        parameters: Mapping[str, Any] | None = None,
        periods: int = 3,
        event_is_churn: bool = False,
        fewest_outcomes: int = 1,
    ) -> None:
        self.periods, self.event_is_churn, self.fewest_outcomes = periods, event_is_churn, fewest_outcomes
        self.trees = BoostedClassifier((*features, PERIOD), categories, rounds, parameters)
        self.calibration_: Calibrator = NONE
        self.doubt_ = Doubt()

    @property
    def columns(self) -> tuple[str, ...]:
        """The columns that a frame to score must have."""
        return tuple(name for name in self.trees.columns if name != PERIOD)

    def fit(self, X: pd.DataFrame, event_period: Floats) -> Self:
        """Fit on rows of (customer, date), (n, ...).

        Parameters
        ----------
        event_period:
            (n,) the period of the event, from 1 to ``periods``; NaN where there was none.

        Raises
        ------
        ModelRefused
            With fewer than ``fewest_outcomes`` rows with or without the event.
        """
        happened = np.isfinite(event_period)
        check_outcomes(happened == self.event_is_churn, self.fewest_outcomes)
        last = np.where(happened, event_period, self.periods).astype(np.intp)
        rows = np.repeat(np.arange(len(X)), last)
        period = np.arange(len(rows)) - np.repeat(np.cumsum(last) - last, last) + 1
        self.trees.fit(
            X[list(self.columns)].iloc[rows].assign(**{PERIOD: period.astype(np.float64)}), period == event_period[rows]
        )
        return self

    def hazards(self, X: pd.DataFrame) -> Floats:
        """P(event in the period | none before), (n, periods)."""
        own = X[list(self.columns)]
        columns = [self.trees.predict_positive(own.assign(**{PERIOD: float(k)})) for k in range(1, self.periods + 1)]
        return np.column_stack(columns)

    def survival(self, X: pd.DataFrame) -> Floats:
        """P(no event by the end of each period), (n, periods), not rising."""
        return np.asarray(np.cumprod(1 - self.hazards(X), axis=1), dtype=np.float64)

    def riskiest_period(self, X: pd.DataFrame) -> NDArray[np.intp]:
        """The period (from 1 on) of the highest risk given that it is reached, (n,): of ending, or of no order."""
        hazards = self.hazards(X)
        return np.asarray((hazards if self.event_is_churn else -hazards).argmax(axis=1) + 1, dtype=np.intp)

    def calibrate(self, X: pd.DataFrame, y: NDArray[np.generic], method: str = "logistic") -> Self:
        """Fit the map from the probabilities of the whole horizon to observed rates, on later rows."""
        self.calibration_ = METHODS[method](y, self.raw(X))
        return self

    def raw(self, X: pd.DataFrame) -> Floats:
        """The churn probability before calibration, (n,)."""
        if len(X) == 0:
            return np.empty(0)
        silent = self.survival(X)[:, -1]
        return 1 - silent if self.event_is_churn else silent

    def predict_proba(self, X: pd.DataFrame) -> Floats:
        """Probabilities of staying and of churning within the horizon, (n, 2)."""
        churn = self.calibration_.apply(self.raw(X))
        return np.column_stack([1 - churn, churn])

    def predict_interval(self, X: pd.DataFrame, level: float = 0.9) -> Floats:
        """Lower and upper bound of the churn probability, (n, 2)."""
        return self.doubt_.interval(self.predict_proba(X)[:, 1], level)

    def explain(self, X: pd.DataFrame) -> Explanation:
        """What makes each probability: each column's mean part of the periods' log-odds."""
        each = [
            self.trees.contributions(X[list(self.columns)].assign(**{PERIOD: float(k)}))[:, :-1]
            for k in range(1, self.periods + 1)
        ]
        places = [place for place, name in enumerate(self.trees.columns) if name != PERIOD]
        parts = np.mean(each, axis=0)[:, places] * (1.0 if self.event_is_churn else -1.0)
        log_odds = logit(clip_probability(self.raw(X)))
        return Explanation(self.columns, parts, log_odds, lambda z: self.calibration_.apply(np.asarray(expit(z))))

    def effects(self, X: pd.DataFrame) -> tuple[tuple[str, ...], Floats]:
        """Column names and each one's effect on the churn probability, (n, columns)."""
        return self.columns, self.explain(X).effects()

    def to_parts(self) -> tuple[dict[str, Any], dict[str, str]]:
        """The parameters as JSON-ready values, and the trees as text."""
        parameters, files = self.trees.to_parts()
        own = {"periods": self.periods, "event_is_churn": self.event_is_churn}
        fitted = {"calibration": self.calibration_.as_dict(), "doubt": vars(self.doubt_)}
        return {**parameters, **own, **fitted}, files

    @classmethod
    def from_parts(cls, parameters: Mapping[str, Any], files: Mapping[str, str]) -> Self:
        """Rebuild from what ``to_parts`` gave."""
        features = [name for name in parameters["features"] if name != PERIOD]
        model = cls(
            features,
            parameters["categories"],
            parameters["rounds"],
            parameters["parameters"],
            int(parameters["periods"]),
            bool(parameters["event_is_churn"]),
        )
        model.trees = BoostedClassifier.from_parts(parameters, files)
        model.calibration_ = calibrator_of(parameters["calibration"])
        model.doubt_ = Doubt(**parameters["doubt"])
        return model
