"""How long a silent customer can still be won: days until P(alive) falls below a threshold (methods B13)."""

from __future__ import annotations

from typing import Final

import numpy as np
import pandas as pd

from cvo_ml.core.errors import UsageError
from cvo_ml.models.clv.purchase_model import PurchaseModel

#: Beyond ten years the window means "never".
LONGEST_DAYS: Final = 3653


def last_chance(model: PurchaseModel, X: pd.DataFrame, below: float = 0.3) -> pd.DataFrame:
    """The days of silence after which each customer is more surely lost than ``below`` allows.

    Parameters
    ----------
    model:
        A fitted model of purchases in days.
    X:
        ``frequency, recency, T``, by ``customer_id``.
    below:
        The threshold of P(alive), in (0, 1).

    Returns
    -------
    pandas.DataFrame
        ``p_alive`` now and ``days_left``: whole days of further silence until P(alive) < ``below``; 0 = it is already,
        null = not within ten years. BG/NBD never loses one-time buyers (its P(alive) of them is 1), so they get null;
        MBG/NBD and Pareto/NBD give them a window.

    Raises
    ------
    UsageError
        If ``below`` is no probability.
    """
    if not 0 < below < 1:
        raise UsageError(f"the threshold of P(alive) is {below}: give a probability between 0 and 1, such as 0.3")
    p_alive = model.probability_alive(X)
    # the answer lies in (alive, lost]; without a purchase P(alive) only falls
    alive, lost = np.full(len(X), -1, dtype=np.int64), np.full(len(X), LONGEST_DAYS, dtype=np.int64)
    ends = model.probability_alive(X.assign(T=X["T"] + LONGEST_DAYS)) < below if len(X) else np.zeros(0, dtype=bool)
    while len(X) and (lost - alive).max() > 1:
        middle = alive + (lost - alive + 1) // 2
        is_lost = model.probability_alive(X.assign(T=X["T"] + middle)) < below
        lost, alive = np.where(is_lost, middle, lost), np.where(is_lost, alive, middle)
    return pd.DataFrame({"p_alive": p_alive, "days_left": np.where(ends, lost, np.nan)}, index=X.index)
