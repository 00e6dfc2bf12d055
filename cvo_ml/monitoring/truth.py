"""Scores of a simulated shop against the truth that no model saw."""

from __future__ import annotations

from dataclasses import dataclass, field
from datetime import date
from typing import Any, Protocol

import numpy as np
import pandas as pd
from scipy.stats import spearmanr

from cvo_ml.core.models import CHURN, CLV
from cvo_ml.core.result import OPTIONAL, Result
from cvo_ml.core.units import Horizon
from cvo_ml.stats.ranking import capture


class Truth(Protocol):
    """What the simulator knows; series are indexed by ``customer_id``."""

    def alive(self, as_of: str | date) -> pd.Series:
        """Whether each customer has not dropped out."""
        ...

    def churn_probability(self, as_of: str | date, horizon: Horizon | str) -> pd.Series:
        """P(no order in the window)."""
        ...

    def expected_value(self, as_of: str | date, horizon: Horizon | str, basis: Any = ...) -> pd.Series:
        """Expected value of the window's orders."""
        ...


@dataclass(frozen=True)
class ValueDistance(Result):
    """Predicted value against the true expectation.

    Parameters
    ----------
    top_decile_share, best_top_decile_share, regret:
        The share of the true value in the top tenth by prediction, the best possible, and the difference.
    """

    customers: int
    rank_correlation: float
    predicted_total: float
    true_total: float
    top_decile_share: float
    best_top_decile_share: float
    regret: float


@dataclass(frozen=True)
class ChurnDistance(Result):
    """Predicted against true probabilities of churn, of the eligible."""

    customers: int
    rank_correlation: float
    mean_absolute_error: float
    bias: float


@dataclass(frozen=True)
class AliveDistance(Result):
    """The share that is alive, and the mean P(alive) of all, of the alive and of those who dropped out."""

    share: float
    mean_p_alive: float
    mean_p_alive_of_alive: float
    mean_p_alive_of_dropped_out: float


@dataclass(frozen=True)
class TruthDistance(Result):
    """How far scores are from the truth; a part without scores is None."""

    value: ValueDistance | None = field(default=None, metadata=OPTIONAL)
    churn: ChurnDistance | None = field(default=None, metadata=OPTIONAL)
    alive: AliveDistance | None = field(default=None, metadata=OPTIONAL)


def distance_from_truth(scores: pd.DataFrame, truth: Truth, as_of: date, horizon: Horizon) -> TruthDistance:
    """How far scores and ranking are from what is true of each customer.

    Parameters
    ----------
    scores:
        Indexed by ``customer_id``.
    """
    return TruthDistance(
        _value(scores[CLV.score], truth.expected_value(as_of, horizon, "revenue").reindex(scores.index)),
        _churn(scores[CHURN.score], truth.churn_probability(as_of, horizon).reindex(scores.index)),
        _alive(scores["p_alive"], truth.alive(as_of).reindex(scores.index)),
    )


def _value(scored: pd.Series, truth: pd.Series) -> ValueDistance | None:
    rows = scored.notna() & truth.notna()
    if not rows.any():
        return None
    predicted, true = scored[rows].to_numpy(), truth[rows].to_numpy()
    ours, best = capture(true, predicted), capture(true, true)
    return ValueDistance(
        customers=len(true),
        rank_correlation=float(spearmanr(predicted, true).statistic),
        predicted_total=float(predicted.sum()),
        true_total=float(true.sum()),
        top_decile_share=ours,
        best_top_decile_share=best,
        regret=best - ours,
    )


def _churn(scored: pd.Series, truth: pd.Series) -> ChurnDistance | None:
    rows = scored.notna() & truth.notna()
    if not rows.any():
        return None
    predicted, true = scored[rows].to_numpy(), truth[rows].to_numpy()
    return ChurnDistance(
        customers=len(true),
        rank_correlation=float(spearmanr(predicted, true).statistic),
        mean_absolute_error=float(np.abs(predicted - true).mean()),
        bias=float((predicted - true).mean()),
    )


def _alive(scored: pd.Series, truth: pd.Series) -> AliveDistance | None:
    rows = scored.notna() & truth.notna()
    if not rows.any():
        return None
    lives, p_alive = truth[rows].astype(bool), scored[rows]
    return AliveDistance(
        share=float(lives.mean()),
        mean_p_alive=float(p_alive.mean()),
        mean_p_alive_of_alive=float(p_alive[lives].mean()),
        mean_p_alive_of_dropped_out=float(p_alive[~lives].mean()),
    )
