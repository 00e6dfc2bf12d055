"""What lists of customers would have earned: the same contacts by every ranking, judged by who then left."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Final

import numpy as np
import pandas as pd

from cvo_ml.core.arrays import Flags, Floats
from cvo_ml.core.result import OPTIONAL, Result, json_key
from cvo_ml.core.units import Horizon
from cvo_ml.stats.intervals import Interval, bootstrap

REPLICATES: Final = 300
#: share of the eligible customers whom each list contacts
CONTACTED: Final = 0.1
OURS: Final = "expected profit"


def contacts(
    scores: pd.DataFrame, features: pd.DataFrame, churned: pd.Series, horizon: Horizon, *, save_rate: float, cost: float
) -> pd.DataFrame:
    """Per eligible customer what a contact would have earned, and whom each ranking contacts.

    A contact of somebody who then left earns ``save_rate`` x what they used to bring in such a window
    (net value so far / age x horizon), a number that no model has touched; every contact costs ``cost``.
    Who would have stayed anyway earns nothing. The save rate is an assumption, equal for all lists.

    Parameters
    ----------
    scores, features, churned:
        Indexed by ``customer_id``; ``churned``: no order came in the window.

    Returns
    -------
    pandas.DataFrame
        ``earned`` and one boolean column per ranking, indexed by the customers with a churn score.
    """
    eligible = scores.index[scores["churn_probability"].notna()]
    scores, features = scores.loc[eligible], features.loc[eligible]
    age = features["days_since_first_order"].clip(lower=1)
    usual = (features["net_value"].clip(lower=0) / age * horizon.days).fillna(0.0)
    earned = churned.loc[eligible].astype("float64") * save_rate * usual - cost
    rankings = {
        OURS: -scores["priority_rank"].astype("float64").fillna(np.inf),
        "churn probability": scores["churn_probability"].astype("float64"),
        "predicted CLV": scores["predicted_clv"].astype("float64").fillna(0.0),
        "longest silent": features["days_since_last_order"].astype("float64"),
        "value so far": features["net_value"].astype("float64").fillna(0.0),
    }
    number = round(CONTACTED * len(eligible))
    chosen = {name: _top(np.asarray(values, dtype=np.float64), number) for name, values in rankings.items()}
    return pd.DataFrame({"earned": earned, **chosen}, index=eligible)


@dataclass(frozen=True)
class ListEarnings(Result):
    """What one list of contacts earned.

    Parameters
    ----------
    ranking:
        What the list is ordered by.
    earned, by_window:
        Over all windows with a 95 % interval, and in each.
    lead:
        By how much the list of expected profit earned more; None for that list itself.
    """

    ranking: str = field(metadata=json_key("list"))
    earned: Interval
    by_window: Mapping[str, float]
    lead: Interval | None = field(default=None, metadata=OPTIONAL)


def earnings(windows: Mapping[str, pd.DataFrame]) -> tuple[ListEarnings, ...]:
    """What each list earned over all windows, with the lead of ours over it; best first.

    Customers are drawn anew within each window for the 95 % intervals. ``at random`` is the mean of all.
    """
    frames = list(windows.values())
    if not frames:
        return ()
    names = [str(name) for name in frames[0] if name != "earned"]
    per_row = {name: np.concatenate([_row_earnings(frame, name) for frame in frames]) for name in names}
    per_row["at random"] = np.concatenate([_random_earnings(frame, names[0]) for frame in frames])
    sizes = np.cumsum([0, *(len(frame) for frame in frames)])
    lists = []
    for name, rows in per_row.items():
        by_window = {key: float(rows[sizes[k] : sizes[k + 1]].sum()) for k, key in enumerate(windows)}
        lead = None if name == OURS else _total(per_row[OURS] - rows)
        lists.append(ListEarnings(name, _total(rows), by_window, lead))
    return tuple(sorted(lists, key=lambda one: -one.earned.estimate))


def _top(values: Floats, number: int) -> Flags:
    chosen = np.zeros(len(values), dtype=bool)
    chosen[np.argsort(-values, kind="stable")[:number]] = True
    return chosen


def _row_earnings(frame: pd.DataFrame, name: str) -> Floats:
    return np.where(frame[name], frame["earned"], 0.0).astype(np.float64)


def _random_earnings(frame: pd.DataFrame, like: str) -> Floats:
    """Everybody with the probability of being drawn."""
    return (frame["earned"] * frame[like].mean()).to_numpy(dtype=np.float64)


def _total(rows: Floats) -> Interval:
    return bootstrap(lambda i: float(rows[i].sum()), len(rows), replicates=REPLICATES)
