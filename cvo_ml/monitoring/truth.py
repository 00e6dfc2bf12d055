"""Scores of a simulated shop against the truth that no model saw."""

from __future__ import annotations

from datetime import date
from typing import Any, Protocol

import numpy as np
import pandas as pd
from numpy.typing import NDArray
from scipy.stats import spearmanr

from cvo_ml.core.units import Horizon
from cvo_ml.stats.ranking import capture

Floats = NDArray[np.float64]


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


def distance_from_truth(scores: pd.DataFrame, truth: Truth, as_of: date, horizon: Horizon) -> dict[str, Any]:
    """How far scores and ranking are from what is true of each customer.

    Parameters
    ----------
    scores:
        Indexed by ``customer_id``; a part without scores is left out of the answer.

    Returns
    -------
    dict
        ``value``: rank correlation with the true expected value, total bias, and the share of it in the
        top decile beside the best possible (``regret`` = the difference). ``churn``: mean absolute
        error and bias of the probability among the eligible. ``alive``: mean P(alive) of the alive and
        of the dropped out.
    """
    found: dict[str, Any] = {}
    value = truth.expected_value(as_of, horizon, "revenue").reindex(scores.index)
    predicted = scores["predicted_clv"]
    if (rows := predicted.notna() & value.notna()).any():
        found["value"] = _value(predicted[rows].to_numpy(), value[rows].to_numpy())
    churn = truth.churn_probability(as_of, horizon).reindex(scores.index)
    probability = scores["churn_probability"]
    if (rows := probability.notna() & churn.notna()).any():
        found["churn"] = _churn(probability[rows].to_numpy(), churn[rows].to_numpy())
    alive = truth.alive(as_of).reindex(scores.index)
    p_alive = scores["p_alive"]
    if (rows := p_alive.notna() & alive.notna()).any():
        lives = alive[rows].astype(bool)
        found["alive"] = {
            "share": float(lives.mean()),
            "mean_p_alive": float(p_alive[rows].mean()),
            "mean_p_alive_of_alive": float(p_alive[rows][lives].mean()),
            "mean_p_alive_of_dropped_out": float(p_alive[rows][~lives].mean()),
        }
    return found


def _value(predicted: Floats, true: Floats) -> dict[str, float]:
    ours, best = capture(true, predicted), capture(true, true)
    return {
        "customers": len(true),
        "rank_correlation": float(spearmanr(predicted, true).statistic),
        "predicted_total": float(predicted.sum()),
        "true_total": float(true.sum()),
        "top_decile_share": ours,
        "best_top_decile_share": best,
        "regret": best - ours,
    }


def _churn(predicted: Floats, true: Floats) -> dict[str, float]:
    return {
        "customers": len(true),
        "rank_correlation": float(spearmanr(predicted, true).statistic),
        "mean_absolute_error": float(np.abs(predicted - true).mean()),
        "bias": float((predicted - true).mean()),
    }
