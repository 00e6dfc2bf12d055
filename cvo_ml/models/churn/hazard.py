"""Time to event: the hazard of each period inside the horizon, given that nothing happened before."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any, ClassVar, Final, Self

import numpy as np
import pandas as pd
from scipy.special import logit

from cvo_ml.core.arrays import Floats, Places
from cvo_ml.core.columns import Columns, Table
from cvo_ml.models.boosting import BoostedClassifier
from cvo_ml.models.churn.calibrated import CalibratedParameters, CalibratedTrees, check_outcomes
from cvo_ml.models.estimator import Estimator
from cvo_ml.models.protocol import Parts
from cvo_ml.stats.calibration import clip_probability

PERIOD: Final = "period"


@dataclass(frozen=True)
class HazardParameters(CalibratedParameters):
    """What a bundle holds of hazards, beside the trees' text."""

    periods: int = field(kw_only=True)
    event_is_churn: bool = field(kw_only=True)


class HazardChurn(Estimator, CalibratedTrees):
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
        self.features = features
        self.categories = categories
        self.rounds = rounds
        self.parameters = parameters
        self.periods = periods
        self.event_is_churn = event_is_churn
        self.fewest_outcomes = fewest_outcomes

    @property
    def tree_columns(self) -> tuple[str, ...]:
        """The columns that the trees read of a row; the period is put in."""
        return (*self.features, *self.categories)

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
        self._grow(
            BoostedClassifier((*self.features, PERIOD), self.categories, self.rounds, self.parameters),
            X[list(self.tree_columns)].iloc[rows].assign(**{PERIOD: period.astype(np.float64)}),
            period == event_period[rows],
        )
        return self

    def hazards(self, X: Table) -> Floats:
        """P(event in the period | none before), (n, periods)."""
        return np.column_stack([self.trees.predict_positive(rows) for rows in self._by_period(X)])

    def survival(self, X: Table) -> Floats:
        """P(no event by the end of each period), (n, periods), not rising."""
        return np.asarray(np.cumprod(1 - self.hazards(X), axis=1), dtype=np.float64)

    def riskiest_period(self, X: Table) -> Places:
        """The period (from 1 on) of the highest risk given that it is reached, (n,): of ending, or of no order."""
        hazards = self.hazards(X)
        return np.asarray((hazards if self.event_is_churn else -hazards).argmax(axis=1) + 1, dtype=np.intp)

    def tree_probability(self, X: Table) -> Floats:
        """The churn probability of the whole horizon by the trees alone, (n,)."""
        if len(X) == 0:
            return np.empty(0)
        silent = self.survival(X)[:, -1]
        return 1 - silent if self.event_is_churn else silent

    def tree_parts(self, X: Table) -> tuple[Floats, Floats]:
        """Each column's mean part of the periods' log-odds, (n, ``tree_columns``), and the horizon's log-odds (n,)."""
        each = [self.trees.contributions(rows)[:, :-1] for rows in self._by_period(X)]
        places = [place for place, name in enumerate(self.trees.columns) if name != PERIOD]
        parts = np.mean(each, axis=0)[:, places] * (1.0 if self.event_is_churn else -1.0)
        return parts, logit(clip_probability(self.tree_probability(X)))

    def _by_period(self, X: Table) -> list[Columns]:
        """The rows as they stand in each period."""
        rows = Columns.of(X)
        return [rows.with_numbers(**{PERIOD: np.full(len(rows), float(k))}) for k in range(1, self.periods + 1)]

    def to_parts(self) -> Parts:
        """The parameters, and the trees as text."""
        more = {"periods": self.periods, "event_is_churn": self.event_is_churn}
        return Parts.of(self._parameters_as(HazardParameters, **more), self.trees.files())

    @classmethod
    def from_parts(cls, parts: Parts) -> Self:
        """Rebuild from what ``to_parts`` gave."""
        p = parts.read(HazardParameters)
        features = [name for name in p.features if name != PERIOD]
        model = cls(features, p.categories, p.rounds, p.parameters, p.periods, p.event_is_churn)
        return model._rebuilt(p, parts.files)
