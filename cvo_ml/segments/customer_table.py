"""What is said of each customer: levels, group, tier, stage, ladder rungs, next action, days to win them back."""

from __future__ import annotations

from datetime import date
from typing import Final

import numpy as np
import pandas as pd

from cvo_ml.config.next_actions import NextActions
from cvo_ml.config.segments import Ladder, SegmentPolicy
from cvo_ml.core.errors import ConfigError, UsageError, nearest_name
from cvo_ml.core.units import midnight
from cvo_ml.models.clv.purchase_model import PurchaseModel
from cvo_ml.models.clv.scorers import BuyTillYouDie
from cvo_ml.segments.rules.assign import segment, value_tiers
from cvo_ml.segments.rules.edges import SegmentEdges

#: Beyond ten years the window to win somebody back means "never".
LONGEST_DAYS: Final = 3653
#: Columns of ladders begin with it.
LADDER: Final = "ladder_"


def customer_table(
    features: pd.DataFrame,
    rfm: pd.DataFrame,
    edges: SegmentEdges,
    stage: pd.Series,
    policy: SegmentPolicy,
    actions: NextActions,
) -> pd.DataFrame:
    """One row per customer with an order left.

    Parameters
    ----------
    features:
        Snapshot, by ``customer_id``: what ladders ask for.
    rfm:
        ``days_since_last_order, number_of_orders, net_value``, and ``margin`` where costs are known.
    stage:
        The stage of each customer, as ``Stages.stage``.

    Returns
    -------
    pandas.DataFrame
        Measures, ``rfm_r, rfm_f, rfm_m, rfm_cell, rfm_group, value_tier, is_vip`` (the best cell), ``stage``, one
        column per ladder, ``next_action``; indexed like ``rfm``.

    Raises
    ------
    ConfigError
        If a ladder names a feature that is not there.
    """
    levels = segment(rfm, edges)
    table = rfm.drop(columns="mean_gap_days").assign(
        rfm_r=levels.r,
        rfm_f=levels.f,
        rfm_m=levels.m,
        rfm_cell=levels.cells(),
        rfm_group=levels.groups(),
        value_tier=value_tiers(rfm, edges),
    )
    table["is_vip"] = (levels.r == edges.scale) & (levels.f == edges.scale) & (levels.m == levels.r)
    table["stage"] = stage.reindex(table.index)
    for ladder in policy.ladders:
        table[f"{LADDER}{ladder.name}"] = ladder_rungs(features.loc[rfm.index], ladder)
    named = {group: actions.of(group).action for group in set(edges.groups)}
    table["next_action"] = table["rfm_group"].astype("str").map(named).astype("str")
    return table


def ladder_rungs(features: pd.DataFrame, ladder: Ladder) -> pd.Series:
    """The highest rung whose conditions, and those of every rung below it, hold for each customer (methods K7).

    Parameters
    ----------
    features:
        One row per customer with the columns that the rungs name; a null meets no condition.

    Raises
    ------
    ConfigError
        If a rung names a feature that is not there.

    Examples
    --------
    >>> from cvo_ml.config.segments import Rung
    >>> ladder = Ladder(name="mastery", rungs=(Rung(name="Padawan"), Rung(name="Master", at_least={"orders": 10})))
    >>> ladder_rungs(pd.DataFrame({"orders": [1.0, 12.0]}), ladder).tolist()
    ['Padawan', 'Master']
    """
    height = np.zeros(len(features), dtype=np.int64)
    stands = np.ones(len(features), dtype=bool)
    for place, rung in enumerate(ladder.rungs):
        for name, least in rung.at_least.items():
            if name not in features:
                raise ConfigError(
                    f"ladder {ladder.name!r}, rung {rung.name!r}: there is no feature {name!r}"
                    f"{nearest_name(name, [str(column) for column in features.columns])}: see docs/features.md"
                )
            stands &= features[name].to_numpy(dtype=np.float64) >= least
        height[stands] = place
    names = pd.Index([rung.name for rung in ladder.rungs], dtype="str")
    return pd.Series(pd.Categorical.from_codes(height, categories=names, ordered=True), index=features.index)


def days_to_win_back(purchases: BuyTillYouDie, features: pd.DataFrame, as_of: date, below: float) -> pd.DataFrame:
    """``days_left`` of each customer's window, and ``last_chance_until``, the day on which it closes.

    Parameters
    ----------
    purchases:
        A model of purchases that was fitted on data before ``as_of``.
    below:
        As in ``win_back_window``.
    """
    histories = purchases.prepared(features[list(purchases.columns)])
    window = win_back_window(purchases.model.transactions_, histories, below)[["days_left"]]
    window["last_chance_until"] = (midnight(as_of) + pd.to_timedelta(window["days_left"], unit="D")).dt.date
    return window


def win_back_window(model: PurchaseModel, X: pd.DataFrame, below: float = 0.3) -> pd.DataFrame:
    """The days of silence after which each customer is more surely lost than ``below`` allows (methods B13).

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
