"""Who changed group between two runs, why, and what it is worth (methods B9)."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import date
from itertools import pairwise

import numpy as np
import pandas as pd

from cvo_ml.core.membership import is_among
from cvo_ml.core.result import Json, Result, to_json
from cvo_ml.segments.group_profiles import mean_interval
from cvo_ml.segments.rules.assign import segment
from cvo_ml.segments.rules.edges import SegmentEdges
from cvo_ml.stats.intervals import Interval, wilson

OWN, CORRECTION, EDGE = "own behaviour", "data correction", "moved edge"
#: A customer who was not there before, and one who has no order left now.
NEW, GONE = "new customer", "no order left"


@dataclass(frozen=True)
class EarlierRun:
    """An earlier run to compare with.

    Parameters
    ----------
    groups:
        The group of each customer then, by ``customer_id``; null where there was none.
    edges:
        The edges it was assigned by.
    """

    as_of: date
    groups: pd.Series
    edges: SegmentEdges


@dataclass(frozen=True)
class FlipRate(Result):
    """How many of the customers with a group on two dates changed it.

    Parameters
    ----------
    rate:
        Share of them with Wilson's interval; None where there are none.
    causes:
        Customers moved, by cause.
    """

    customers: int
    moved: int
    rate: Interval | None
    causes: Mapping[str, int]


@dataclass(frozen=True)
class AdverseFlow(Result):
    """Customers who moved by themselves to a poorer group and to a richer one.

    Parameters
    ----------
    is_adverse:
        Whether surely more went down than up.
    share_down:
        With Wilson's interval; None where nobody went either way.
    """

    down: int
    up: int
    is_adverse: bool
    share_down: Interval | None = None

    def to_json(self) -> dict[str, Json]:
        """The fields; no ``share_down`` where there is none."""
        fields = super().to_json()
        return fields if self.share_down is not None else {k: v for k, v in fields.items() if k != "share_down"}


@dataclass(frozen=True)
class PeriodMovement(Result):
    """Who changed group between two dates, by the same edges.

    Parameters
    ----------
    matrix:
        As ``transitions``.
    net_flow:
        Of each group: who came from another group less who went to another.
    """

    since: date
    until: date
    matrix: pd.DataFrame
    net_flow: Mapping[str, int]
    flips: FlipRate

    def to_json(self) -> dict[str, Json]:
        """The dates as ``from`` and ``to``; of the matrix what is not 0."""
        matrix = {
            str(group): {str(name): int(count) for name, count in line.items() if count}
            for group, line in self.matrix.iterrows()
        }
        return {
            "from": str(self.since),
            "to": str(self.until),
            "matrix": matrix,
            "net_flow": to_json(self.net_flow),
            "flips": self.flips.to_json(),
        }

    def sizes(self) -> dict[str, int]:
        """Customers of each group at the end."""
        return {name: int(self.matrix[name].sum()) if name in self.matrix else 0 for name in self.net_flow}


def movement_since(before: EarlierRun, corrected: pd.DataFrame, rfm: pd.DataFrame, edges: SegmentEdges) -> pd.DataFrame:
    """The group before, and why it changed.

    The way from one group to the other has three steps: what today's data say about the earlier date (a difference is a
    ``data correction``), what the customer did since, orders or silence, by the earlier edges (``own behaviour``), and
    the edges of today (``moved edge``). The first of own behaviour, data correction, moved edge that changes the group
    is the cause: nobody is said to have moved by themselves unless their own step changed the group.

    Parameters
    ----------
    corrected:
        Days, orders and money as of the earlier date in today's data, by ``customer_id``.
    rfm:
        The same as of now.
    edges:
        The edges of now.

    Returns
    -------
    pandas.DataFrame
        ``rfm_group_previous, rfm_change_cause, segment_reason`` indexed like ``rfm``. Reasons of nulls:
        ``new_customer``, ``no_group_before``, ``group_unchanged``.
    """
    stood = before.groups.reindex(rfm.index).astype("str")
    was = _groups(corrected, before.edges).reindex(rfm.index)
    still, now = _groups(rfm, before.edges), _groups(rfm, edges)
    moved = stood.notna() & (stood != now)
    own = moved & was.notna() & (was != still)
    correction = moved & (was.isna() | (was != stood))
    cause = pd.Series(np.select([own, correction, moved], [OWN, CORRECTION, EDGE], ""), index=rfm.index, dtype="str")
    reason = np.select(
        [moved, stood.notna(), is_among(rfm.index, before.groups.index)], ["", "group_unchanged", "no_group_before"],
        "new_customer",
    )  # fmt: skip
    return pd.DataFrame(
        {
            "rfm_group_previous": stood,
            "rfm_change_cause": cause.where(moved),
            "segment_reason": pd.Series(reason, index=rfm.index, dtype="str").where(~moved),
        }
    )


def transitions(before: pd.Series, now: pd.Series) -> pd.DataFrame:
    """Customers by group before (rows) and now (columns), with those who came and those who went.

    Parameters
    ----------
    before, now:
        Groups by ``customer_id``; null = none.

    Examples
    --------
    >>> transitions(pd.Series({"a": "Loyal", "b": "Recent"}), pd.Series({"a": "Loyal", "c": "Recent"}))
                   Loyal  Recent  no order left
    Loyal              1       0              0
    Recent             0       0              1
    new customer       0       1              0
    """
    both = pd.DataFrame({"before": before.dropna().astype("str"), "now": now.dropna().astype("str")})
    names = sorted(set(both["before"].dropna()) | set(both["now"].dropna()))
    rows, columns = both["before"].fillna(NEW), both["now"].fillna(GONE)
    counted = pd.crosstab(rows, columns).reindex(index=[*names, NEW], columns=[*names, GONE], fill_value=0)
    return counted.rename_axis(index=None, columns=None)


def flip_rate(before: pd.Series, now: pd.Series, cause: pd.Series | None = None) -> FlipRate:
    """Share of the customers with a group in both who changed it, with Wilson's interval and the causes.

    Examples
    --------
    >>> flips = flip_rate(pd.Series({"a": "Loyal", "b": "Recent"}), pd.Series({"a": "Loyal", "b": "Loyal"}))
    >>> flips.moved, flips.customers, flips.rate.estimate
    (1, 2, 0.5)
    """
    both = pd.DataFrame({"before": before.astype("str"), "now": now.astype("str")}).dropna()
    moved = both["before"] != both["now"]
    counted = {} if cause is None else cause.reindex(both.index)[moved].value_counts().to_dict()
    return FlipRate(
        customers=len(both),
        moved=int(moved.sum()),
        rate=wilson(int(moved.sum()), len(both)) if len(both) else None,
        causes={str(name): int(count) for name, count in counted.items()},
    )


def movement_between(groups: Mapping[date, pd.Series]) -> tuple[PeriodMovement, ...]:
    """For each date after the first what changed since the date before: transitions, net flow and flip rate.

    Parameters
    ----------
    groups:
        The group of each customer on each date, by ``customer_id``.
    """
    return tuple(_period(earlier, later, groups[earlier], groups[later]) for earlier, later in pairwise(sorted(groups)))


def _period(since: date, until: date, before: pd.Series, now: pd.Series) -> PeriodMovement:
    matrix = transitions(before, now)
    names = [name for name in matrix.index if name in matrix.columns]
    among = matrix.loc[names, names]
    net = among.sum() - among.sum(axis=1)
    return PeriodMovement(since, until, matrix, {name: int(net[name]) for name in names}, flip_rate(before, now))


def moves(before: pd.DataFrame, now: pd.DataFrame) -> pd.DataFrame:
    """One row per move from a group to another: how many, why, and what it changed in expected value.

    Parameters
    ----------
    before, now:
        Scores of two runs, by ``customer_id``: ``rfm_group, predicted_clv``, and ``rfm_change_cause`` of now.

    Returns
    -------
    pandas.DataFrame
        By ``from, to``: ``customers``, one column per cause, ``value_change`` (sum, currency), ``mean_change`` with
        ``lower`` and ``upper`` (Student's 95 % interval; null for one customer), most customers first. Customers
        without an expected value in both runs count in ``customers`` alone.
    """
    then = before[["rfm_group", "predicted_clv"]].set_axis(["from", "value_before"], axis=1)
    both = now[["rfm_group", "predicted_clv", "rfm_change_cause"]].rename(columns={"rfm_group": "to"})
    both = both.join(then, how="inner").dropna(subset=["from", "to"])
    both = both[both["from"] != both["to"]]
    both["change"] = both["predicted_clv"] - both["value_before"]
    grouped = both.groupby(["from", "to"])
    table = grouped.agg(customers=("change", "size"), value_change=("change", "sum"))
    for cause in (OWN, CORRECTION, EDGE):
        table[cause] = (both["rfm_change_cause"] == cause).groupby([both["from"], both["to"]]).sum()
    table = table.join(mean_interval(grouped["change"]).rename(columns={"mean": "mean_change"}))
    order = ["customers", OWN, CORRECTION, EDGE, "value_change", "mean_change", "lower", "upper"]
    return table[order].sort_values(["customers"], ascending=False, kind="stable")


def adverse_flow(before: pd.DataFrame, now: pd.DataFrame) -> AdverseFlow:
    """Whether more of those who moved by themselves went to a poorer group than to a richer one.

    A group is as rich as its mean ``predicted_clv`` in the earlier run (``historic_clv`` where nothing was predicted).
    ``is_adverse`` = the lower end of Wilson's interval of the share that went down lies above one half.
    """
    value = "predicted_clv" if before["predicted_clv"].notna().any() else "historic_clv"
    worth = before.groupby("rfm_group", observed=True)[value].mean()
    own = now[now["rfm_change_cause"] == OWN]
    change = own["rfm_group"].map(worth).astype(float) - own["rfm_group_previous"].map(worth).astype(float)
    down, up = int((change < 0).sum()), int((change > 0).sum())
    if down + up == 0:
        return AdverseFlow(0, 0, is_adverse=False)
    share = wilson(down, down + up)
    return AdverseFlow(down, up, is_adverse=share.lower > 0.5, share_down=share)


def _groups(rfm: pd.DataFrame, edges: SegmentEdges) -> pd.Series:
    return pd.Series(segment(rfm, edges).groups(), index=rfm.index).astype("str")
