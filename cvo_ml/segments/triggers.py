"""Events when customers enter a state, with hysteresis and cooldown (methods B10)."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from datetime import date
from typing import Final

import numpy as np
import pandas as pd

from cvo_ml.config.segments import Trigger
from cvo_ml.core.arrays import Flags

#: What triggers read of Scores.
COLUMNS: Final = (
    "customer_id", "rfm_group", "rfm_m", "rfm_scale", "churn_probability", "icp_tier", "historic_number_of_orders",
)  # fmt: skip
EVENT_COLUMNS: Final = ("customer_id", "as_of", "trigger", "rfm_group", "churn_probability", "since")


def events(runs: Mapping[date, pd.DataFrame], triggers: Sequence[Trigger]) -> pd.DataFrame:
    """Every event that the runs show, replayed from the first to the last.

    Parameters
    ----------
    runs:
        Scores of each run with ``COLUMNS``. Who is in a state in the first run did not enter it there: nobody knows
        since when.

    Returns
    -------
    pandas.DataFrame
        ``customer_id, as_of, trigger, rfm_group, churn_probability`` as of the event, and ``since``, the first of the
        runs in a row that confirmed it; ordered by date, trigger, customer.
    """
    days = sorted(runs)
    frames = [runs[day].set_index("customer_id") for day in days]
    named = [frame.index.to_series() for frame in frames]
    customers = pd.Index(pd.concat([pd.Series(dtype="str"), *named]).drop_duplicates().sort_values())
    frames = [frame.reindex(customers) for frame in frames]
    replayed = [_replay(trigger, days, frames, customers) for trigger in triggers]
    table = pd.concat([*replayed, _event_table(customers[:0], [], "")], ignore_index=True)
    return table.sort_values(["as_of", "trigger", "customer_id"], kind="stable", ignore_index=True)


def enters(trigger: Trigger, scores: pd.DataFrame) -> Flags:
    """Who shows what the trigger waits for, in one run (n,)."""
    inside = scores["rfm_group"].isin(list(trigger.groups)).to_numpy()
    if trigger.churn_enter is not None:
        inside = inside | (scores["churn_probability"] >= trigger.churn_enter).to_numpy()
    if trigger.high_value:
        top = (scores["icp_tier"] == "top 10 %") | (scores["rfm_m"] == scores["rfm_scale"])
        inside = inside | top.fillna(False).to_numpy(dtype=bool)
    return np.asarray(inside & _few_orders(trigger, scores), dtype=bool)


def leaves(trigger: Trigger, scores: pd.DataFrame) -> Flags:
    """Who clearly shows it no more; between entering and leaving lies what changes nothing (n,)."""
    near = np.zeros(len(scores), dtype=bool)
    if trigger.churn_leave is not None:
        near = (scores["churn_probability"] >= trigger.churn_leave).to_numpy() & _few_orders(trigger, scores)
    return ~enters(trigger, scores) & ~near


def _few_orders(trigger: Trigger, scores: pd.DataFrame) -> Flags:
    if trigger.most_orders is None:
        return np.ones(len(scores), dtype=bool)
    return np.asarray((scores["historic_number_of_orders"] <= trigger.most_orders).to_numpy(), dtype=bool)


def _replay(
    trigger: Trigger, days: Sequence[date], frames: Sequence[pd.DataFrame], customers: pd.Index
) -> pd.DataFrame:
    n = len(customers)
    inside = np.zeros(n, dtype=bool)
    shown, gone = np.zeros(n, dtype=np.int32), np.zeros(n, dtype=np.int32)
    last = np.full(n, -np.inf)
    fired = []
    for place, (day, scores) in enumerate(zip(days, frames, strict=True)):
        enter, leave = enters(trigger, scores), leaves(trigger, scores)
        shown, gone = np.where(enter, shown + 1, 0), np.where(leave, gone + 1, 0)
        if place == 0:
            inside = enter
            continue
        entered = ~inside & (shown >= trigger.confirm_runs)
        inside = (inside | entered) & ~(gone >= trigger.confirm_runs)
        fires = np.flatnonzero(entered & (day.toordinal() - last >= trigger.cooldown.days))
        last[fires] = day.toordinal()
        since = days[place - trigger.confirm_runs + 1]
        table = _event_table(customers[fires], [pd.Timestamp(day)] * len(fires), trigger.name)
        table["rfm_group"] = scores["rfm_group"].to_numpy()[fires]
        table["churn_probability"] = scores["churn_probability"].to_numpy()[fires]
        table["since"] = pd.Timestamp(since)
        fired.append(table)
    return pd.concat(fired, ignore_index=True) if fired else _event_table(customers[:0], [], trigger.name)


def _event_table(customers: pd.Index, days: Sequence[pd.Timestamp], name: str) -> pd.DataFrame:
    moments = pd.Series(list(days), dtype="datetime64[us]")
    table = pd.DataFrame({"customer_id": pd.Series(customers, dtype="str"), "as_of": moments, "trigger": name})
    table["rfm_group"] = pd.Series(None, index=table.index, dtype="str")
    table["churn_probability"] = np.nan
    table["since"] = moments
    return table.astype({"trigger": "str"})[list(EVENT_COLUMNS)]
