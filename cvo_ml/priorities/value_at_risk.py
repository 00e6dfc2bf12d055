"""What an action can act on: the value at stake in churn, or the value expected in its window."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
import pandas as pd

from cvo_ml.config.priorities import Action
from cvo_ml.core.arrays import Floats


def value_at_risk(scores: pd.DataFrame) -> pd.Series:
    """What is lost if the customer leaves, times the probability that somebody who is still there leaves.

    ``min(churn_probability, p_alive) x value while active``, and the value while active in the churn
    window is ``predicted_clv / p_alive x min(1, churn horizon / CLV horizon)``.
    ``churn_probability x predicted_clv`` would count churn twice; without the minimum
    the smallest P(alive) would promise the most (docs/decisions/0009). Nobody has more at stake than
    ``predicted_clv``. The formula CLV, which knows no P(alive), is the value while active already.
    """
    p_alive = scores["p_alive"].fillna(1.0)
    leaving = scores["churn_probability"].clip(upper=p_alive)
    while_active = scores["predicted_clv"] / p_alive.where(p_alive > 0)
    # horizons differ only where the user set them so; an unknown one is taken to be equal
    share_of_window = (scores["churn_horizon_days"] / scores["clv_horizon_days"]).clip(upper=1).fillna(1.0)
    return leaving * while_active * share_of_window


def expected_value(scores: pd.DataFrame, days: float) -> pd.Series:
    """``predicted_clv`` in proportion to the first ``days`` of its horizon; never more than all of it."""
    share_of_window = (days / scores["clv_horizon_days"]).clip(upper=1).fillna(1.0)
    return scores["predicted_clv"] * share_of_window


def values_of(scores: pd.DataFrame, actions: Sequence[Action], value_share: float = 1.0) -> Floats:
    """What each action acts on, shape (customers, actions); nan where a score is missing.

    Parameters
    ----------
    value_share:
        The share of a customer's value left after costs, >= 0.
    """
    at_stake = value_at_risk(scores).to_numpy(dtype=np.float64)
    columns = [
        at_stake if action.kind == "save" else expected_value(scores, action.window.days).to_numpy(dtype=np.float64)
        for action in actions
    ]
    return value_share * np.column_stack(columns)
