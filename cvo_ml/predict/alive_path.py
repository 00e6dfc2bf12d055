"""P(alive) of one customer through time: what the model would have said on each day, and will say if no order comes."""

from __future__ import annotations

from datetime import date, timedelta
from typing import Final

import numpy as np
import pandas as pd

from cvo_ml.core.arrays import Flags, Floats, Ints
from cvo_ml.core.explanation import AlivePath
from cvo_ml.core.tables import Tables
from cvo_ml.core.visibility import KNOWN_AT, is_visible, visible_table
from cvo_ml.features.order_relations import CENT
from cvo_ml.registry.bundles.loaded import LoadedModel
from cvo_ml.registry.bundles.purchase_columns import buy_till_you_die

#: A longer path has a point a week, beside those where something happened.
DAILY_UNTIL: Final = 730
_DAY: Final = timedelta(days=1)


def alive_path(own: Tables, features: pd.DataFrame, loaded: LoadedModel | None, as_of: date, missing: str) -> AlivePath:
    """The path of the customer whose tables these are, from the first order until a horizon after ``as_of``.

    A point at day t is P(alive | purchase days before t, T = days from the first one to t - 1), which is what a run of
    that day computes; after ``as_of`` T grows and nothing else. Between two days on which an order or a refund became
    known nothing but T changes, so the points are exact and not interpolated.

    Parameters
    ----------
    features:
        The customer's row at ``as_of``: covariates of the model are settled by the first order.
    loaded:
        The CLV model; its horizon says how far the path goes on.
    missing:
        Why there is no such model.
    """
    scorer = None if loaded is None else buy_till_you_die(loaded.model)
    if loaded is None or scorer is None:
        return AlivePath(reason=missing if loaded is None else f"{loaded.kind}_has_no_p_alive")
    changes = change_days(own, as_of)
    states = purchase_states(own, changes)
    if not states["counts"].iloc[-1]:
        return AlivePath(reason="no_order_left")
    horizon = loaded.horizon.whole_days
    days = _days(states, as_of, horizon)
    at = np.searchsorted(states["day"].to_numpy(), days, side="right") - 1
    table = states.iloc[at].reset_index(drop=True)
    table["T"] = (days - table["first"].to_numpy()).astype(np.float64) - 1.0
    covariates = features[[name for name in scorer.columns if name not in scorer.HISTORY]]
    rows = pd.concat([table, covariates.iloc[np.zeros(len(table), dtype=int)].reset_index(drop=True)], axis=1)
    p_alive = np.full(len(rows), np.nan)
    left = table["counts"].to_numpy(dtype=bool)
    p_alive[left] = scorer.model.transactions_.probability_alive(scorer.prepared(rows[left]))
    first = int(np.flatnonzero(left)[0])
    bought = _Known(own).purchase_days(as_of)
    return AlivePath(
        model=loaded.kind,
        days=tuple(date.fromordinal(int(day)) for day in days[first:]),
        p_alive=tuple(p_alive[first:].tolist()),
        purchases=tuple(date.fromordinal(int(day)) for day in bought),
    )


def change_days(own: Tables, as_of: date) -> list[date]:
    """Days <= ``as_of`` on which a run first sees another set of orders or refunds than on the day before."""
    days = {as_of}
    for name in ("orders", "refunds"):
        rows = visible_table(own, name, as_of)
        for column in ({"orders": "ordered_at", "refunds": "refunded_at"}[name], KNOWN_AT):
            times = rows[column].dropna() if column in rows else rows.iloc[:0, 0]
            for day in {time.date() for time in times}:
                days |= {day, day + _DAY}
    return sorted(day for day in days if day <= as_of)


def purchase_states(own: Tables, days: list[date]) -> pd.DataFrame:
    """For each of ``days`` the purchase history that a run of it sees: one row a day.

    Returns
    -------
    pandas.DataFrame
        ``day`` and ``first`` as ordinals, ``counts`` (whether an order is left), ``frequency``, ``recency``.
    """
    known = _Known(own)
    rows = []
    for day in days:
        bought = known.purchase_days(day)
        left = len(bought) > 0
        first, last = (bought[0], bought[-1]) if left else (0, 0)
        rows.append((day.toordinal(), first, left, float(max(len(bought) - 1, 0)), float(last - first)))
    return pd.DataFrame(rows, columns=["day", "first", "counts", "frequency", "recency"])


def order_facts(own: Tables, day: date) -> pd.DataFrame:
    """The orders seen at ``day`` in time: ``ordered_at, net, refunded, counts``.

    An order counts unless less than half a cent of it is left after the refunds known by then, as in ``features``.
    """
    known = _Known(own)
    seen, refunded, counts = known.at(day)
    found = known.orders[["ordered_at", "net"]].assign(refunded=refunded, counts=counts)
    return found[seen].reset_index(drop=True)


class _Known:
    """A customer's orders in time, and their refunds, asked day by day."""

    def __init__(self, own: Tables) -> None:
        columns = [name for name in ("order_id", "ordered_at", "net", KNOWN_AT) if name in own.orders]
        self.orders = own.orders[columns].sort_values(["ordered_at", "order_id"], kind="stable", ignore_index=True)
        self.days = np.array([time.toordinal() for time in self.orders["ordered_at"]], dtype=np.int64)
        place = pd.Index(self.orders["order_id"]).get_indexer(pd.Index(own.refunds["order_id"]))
        self.refunds, self.place = own.refunds[place >= 0], place[place >= 0]
        self.net = (1e6 * self.orders["net"].to_numpy(dtype=np.float64)).round()
        self.back = self.refunds["amount"].to_numpy(dtype=np.float64)

    def at(self, day: date) -> tuple[Flags, Floats, Flags]:
        """Which orders are seen at ``day``, what is known to be refunded of each, and which count."""
        seen = is_visible(self.orders, day, "ordered_at").to_numpy(dtype=bool)
        refunded: Floats = np.zeros(len(seen))
        if len(self.refunds):
            known = is_visible(self.refunds, day, "refunded_at").to_numpy(dtype=bool)
            refunded += np.bincount(self.place[known], weights=self.back[known], minlength=len(seen))
        return seen, refunded, seen & ((refunded <= 0) | (self.net - (1e6 * refunded).round() > CENT))

    def purchase_days(self, day: date) -> Ints:
        """Ordinals of the distinct days with an order that counts at ``day``."""
        return np.unique(self.days[self.at(day)[2]])


def _days(states: pd.DataFrame, as_of: date, horizon: int) -> Ints:
    """The ordinals of the points: each day, or each week beside the days on which something changed."""
    first, now = int(states["day"].iloc[0]), as_of.toordinal()
    step = 1 if now - first <= DAILY_UNTIL else 7
    grid = np.arange(first, now, step), np.arange(now, now + horizon + 1, step)
    seen = states["day"].to_numpy(dtype=np.int64)
    return np.unique(np.concatenate([*grid, seen, seen[seen > first] - 1, [now + horizon]])).astype(np.int64)
