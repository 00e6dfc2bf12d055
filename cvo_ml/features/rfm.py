"""The RFM summary that buy-till-you-die models take (Fader, Hardie & Lee 2005)."""

from __future__ import annotations

from datetime import date
from typing import Any

import pandas as pd

from cvo_ml.core.contracts import ORDERS
from cvo_ml.core.tables import Tables
from cvo_ml.core.units import UNIT, days_per, parse_as_of
from cvo_ml.features.engine import Engine, Source, engine
from cvo_ml.features.integer_sums import as_int64, units, value_at_most
from cvo_ml.features.order_relations import order_rows


def rfm_summary(orders: pd.DataFrame | Source, *, as_of: str | date, unit: str = "D") -> pd.DataFrame:
    """Frequency, recency, age and mean value of each customer as known at ``as_of``.

    Parameters
    ----------
    orders:
        A shop's tables, or an engine over them, or a frame with ``order_id, customer_id, ordered_at, net``.
    as_of:
        Orders on or after this date at 00:00 are not seen.
    unit:
        Unit of ``recency`` and ``T``: D, W, M or Y. Purchases are counted per day in any unit.

    Returns
    -------
    pandas.DataFrame
        Indexed by ``customer_id``: ``frequency`` (repeat purchase days), ``recency`` (first to last
        purchase), ``T`` (first purchase to the day before ``as_of``), ``monetary_value`` (mean value
        of the repeat days, 0 without any). Equal to lifetimes' ``summary_data_from_transaction_data``
        with ``observation_period_end = as_of - 1 day``. ``attrs["unit"]`` holds the unit: a model in another refuses
        the frame. It outlives selections, copies and files, not a join with a frame that has none.

    Raises
    ------
    ContractError
        If the orders break their contract.

    Examples
    --------
    >>> orders = pd.DataFrame({"order_id": ["1", "2"], "customer_id": ["a", "a"], "net": [10.0, 30.0],
    ...                        "ordered_at": pd.to_datetime(["2011-01-01", "2011-01-11"])})
    >>> rfm_summary(orders, as_of="2011-01-31").loc["a"].to_dict()
    {'frequency': 1.0, 'recency': 10.0, 'T': 29.0, 'monetary_value': 30.0}
    """
    source = Tables({"orders": ORDERS.validate(orders)}, currency="") if isinstance(orders, pd.DataFrame) else orders
    with engine(source) as opened:
        summary = opened.run(rfm_expression(opened, parse_as_of(as_of)))
    summary[["recency", "T"]] /= days_per(unit)
    summary.attrs[UNIT] = unit
    return summary


def rfm_expression(engine: Engine, as_of: date) -> Any:
    """The RFM summary in days as an Ibis expression."""
    orders = order_rows(engine, [as_of])
    orders = orders.filter(orders.kept)
    # at one date the age of a day is the day
    days = orders.group_by("customer_id", "age").agg(value=as_int64(orders.remaining.sum()))
    repeat = days.value.sum() - value_at_most(days.value, days.age)
    return days.group_by("customer_id").agg(
        frequency=(days.count() - 1).cast("float64"),
        recency=(days.age.max() - days.age.min()).cast("float64"),
        T=(days.age.max() - 1).cast("float64"),
        monetary_value=(units(repeat) / (days.count() - 1).nullif(0)).coalesce(0.0),
    )
