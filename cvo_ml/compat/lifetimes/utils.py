"""lifetimes' functions on transactions: summaries, a calibration and a holdout, paths and tracking.

Periods, ends and units mean what they mean there: a period holds one purchase however many rows it has, the end of
observation is inclusive, T and recency are counted in ``freq`` (divided by ``freq_multiplier``).
"""

from __future__ import annotations

from typing import Any, Final

import numpy as np
import pandas as pd

from cvo_ml.core.errors import DataError, UsageError

#: What pandas calls a month's or a year's period is no fixed time: as lifetimes, an average one.
_DAYS: Final = {"M": 30.436875, "Y": 365.2425, "A": 365.2425}


def summary_data_from_transaction_data(
    transactions: pd.DataFrame,
    customer_id_col: str,
    datetime_col: str,
    monetary_value_col: str | None = None,
    datetime_format: str | None = None,
    observation_period_end: Any = None,
    freq: str = "D",
    freq_multiplier: float = 1,
    include_first_transaction: bool = False,
) -> pd.DataFrame:
    """Frequency, recency, T and the mean value of the repeat purchases of each customer.

    Parameters
    ----------
    observation_period_end:
        The last moment that is seen, inclusive; None = the last transaction.
    freq:
        Period that counts as one purchase.
    include_first_transaction:
        Count the first purchase and its value too; not for fitting.

    Returns
    -------
    DataFrame
        ``frequency, recency, T`` and, with ``monetary_value_col``, ``monetary_value`` (0 without repeat purchase), by
        customer.

    Raises
    ------
    UsageError
        If a column is missing.
    DataError
        If a time or a customer is missing, or cannot be read.
    """
    when = _times(transactions, datetime_col, datetime_format)
    end = (
        when.max() if observation_period_end is None else pd.to_datetime(observation_period_end, format=datetime_format)
    )
    end = _start_of(pd.Series([end]), freq).iloc[0]
    purchases = _purchases(transactions, customer_id_col, when, monetary_value_col, freq)
    purchases = purchases[purchases["at"] <= end]
    by = purchases.groupby("customer", sort=False)
    first, last, number = by["at"].min(), by["at"].max(), by["at"].size()
    unit = _unit(freq) * freq_multiplier
    table = pd.DataFrame(
        {
            "frequency": number - (0 if include_first_transaction else 1),
            "recency": (last - first) / unit,
            "T": (end - first) / unit,
        }
    ).astype("float64")
    if monetary_value_col is not None:
        later = purchases["at"] > purchases["customer"].map(first)
        counted = purchases if include_first_transaction else purchases[later]
        table["monetary_value"] = counted.groupby("customer")["value"].mean().reindex(table.index).fillna(0.0)
    return table.sort_index().rename_axis(customer_id_col)


def calibration_and_holdout_data(
    transactions: pd.DataFrame,
    customer_id_col: str,
    datetime_col: str,
    calibration_period_end: Any,
    observation_period_end: Any = None,
    freq: str = "D",
    freq_multiplier: float = 1,
    datetime_format: str | None = None,
    monetary_value_col: str | None = None,
    include_first_transaction: bool = False,
) -> pd.DataFrame:
    """The summary up to an end of calibration, and what came after it up to the end of observation.

    Returns
    -------
    DataFrame
        ``frequency_cal, recency_cal, T_cal, frequency_holdout, duration_holdout``; with ``monetary_value_col`` also
        ``monetary_value_cal, monetary_value_holdout`` (mean of the holdout's rows, 0 without any).

    Raises
    ------
    ValueError
        If nothing happened in the holdout.
    """
    when = _times(transactions, datetime_col, datetime_format)
    split = pd.to_datetime(calibration_period_end, format=datetime_format)
    end = (
        when.max() if observation_period_end is None else pd.to_datetime(observation_period_end, format=datetime_format)
    )
    table = summary_data_from_transaction_data(
        transactions[when <= split], customer_id_col, datetime_col, monetary_value_col, datetime_format, split, freq,
        freq_multiplier, include_first_transaction,
    ).add_suffix("_cal")  # fmt: skip
    after = (when > split) & (when <= end)
    if not after.any():
        raise ValueError(
            "There is no data available. Check the `observation_period_end` and `calibration_period_end` and confirm "
            "that values in `transactions` occur prior to those dates."
        )
    held = _purchases(transactions[after], customer_id_col, when[after], None, freq)
    table["frequency_holdout"] = held.groupby("customer").size().reindex(table.index).fillna(0.0)
    if monetary_value_col is not None:
        rows = transactions[after].groupby(customer_id_col)[monetary_value_col].mean()
        table["monetary_value_holdout"] = rows.reindex(table.index).fillna(0.0)
    periods = pd.Period(end, freq=freq).ordinal - pd.Period(split, freq=freq).ordinal
    table["duration_holdout"] = periods / freq_multiplier
    return table


def calculate_alive_path(
    model: Any, transactions: pd.DataFrame, datetime_col: str, t: int, freq: str = "D"
) -> pd.Series:
    """P(alive) of one customer at each of 0 … ``t`` periods after the first purchase, as it was known then.

    Parameters
    ----------
    model:
        A fitted fitter.
    transactions:
        Those of the one customer.
    """
    when = _times(transactions, datetime_col, None)
    bought = np.unique(when.dt.to_period(freq).map(lambda period: period.ordinal).to_numpy(dtype=np.int64))
    bought = bought - bought[0]
    age = np.arange(max(int(t), int(bought[-1])) + 1)
    seen = np.searchsorted(bought, age, side="right") - 1
    recency = bought[seen].astype(float)
    alive = model.conditional_probability_alive(seen.astype(float), recency, age.astype(float))
    return pd.Series(np.asarray(alive), index=age)


def expected_cumulative_transactions(
    model: Any,
    transactions: pd.DataFrame,
    datetime_col: str,
    customer_id_col: str,
    t: int,
    datetime_format: str | None = None,
    freq: str = "D",
    freq_multiplier: int = 1,
    set_index_date: bool = False,
) -> pd.DataFrame:
    """Repeat purchases up to each period since the first one of all: those that came, and those expected.

    Returns
    -------
    DataFrame
        ``actual`` and ``predicted``, by number of the period from 0 on, or by date.
    """
    when = _times(transactions, datetime_col, datetime_format)
    purchases = _purchases(transactions, customer_id_col, when, None, freq)
    period = purchases["at"].dt.to_period(freq).map(lambda one: one.ordinal).to_numpy(dtype=np.int64)
    start = int(period.min())
    inside = period - start <= t
    first = purchases.assign(period=period)[inside].groupby("customer")["period"].transform("min")
    repeat = period[inside][period[inside] > first.to_numpy()] - start
    born, number = np.unique(
        first.groupby(purchases["customer"][inside]).first().to_numpy() - start, return_counts=True
    )
    ends = np.arange(freq_multiplier, t + 1, freq_multiplier)
    came = np.cumsum(np.bincount(repeat, minlength=t + 1))[ends - 1]
    ages = (ends[:, None] - born[None, :]) / freq_multiplier
    expected = np.asarray(model.expected_number_of_purchases_up_to_time(np.unique(ages[ages > 0])))
    curve = np.concatenate([[0.0], expected])
    places = np.searchsorted(np.unique(ages[ages > 0]), ages) + 1
    predicted = (np.where(ages > 0, curve[np.minimum(places, len(curve) - 1)], 0.0) * number).sum(axis=1)
    index: Any = range(len(ends))
    if set_index_date:
        index = pd.period_range(when.min().to_period(freq), periods=t, freq=freq)[ends - 1]
    return pd.DataFrame({"actual": came, "predicted": predicted}, index=index)


def _times(transactions: pd.DataFrame, column: str, form: str | None) -> pd.Series:
    if not isinstance(transactions, pd.DataFrame):
        raise UsageError(f"transactions are a {type(transactions).__name__}: give a pandas DataFrame")
    if column not in transactions:
        raise UsageError(f"there is no column {column!r}: the columns are {', '.join(map(repr, transactions.columns))}")
    try:
        when = pd.to_datetime(transactions[column], format=form)
    except (ValueError, TypeError) as error:
        raise DataError(f"a time cannot be read ({error})", "give datetime_format", column=column) from None
    if when.isna().any():
        raise DataError("times are missing", "drop those rows", column=column, count=int(when.isna().sum()))
    if when.dt.tz is not None:
        when = when.dt.tz_localize(None)
    return when


def _purchases(
    transactions: pd.DataFrame, customer: str, when: pd.Series, value: str | None, freq: str
) -> pd.DataFrame:
    """One row per customer and period: ``customer, at, value``."""
    for column in filter(None, (customer, value)):
        if column not in transactions:
            raise UsageError(f"there is no column {column!r}: the columns are {', '.join(map(repr, transactions))}")
    ids = transactions[customer]
    if ids.isna().any():
        raise DataError("customers are missing", "drop those rows", column=customer, count=int(ids.isna().sum()))
    rows = pd.DataFrame({"customer": ids.to_numpy(), "at": _start_of(when, freq).to_numpy()})
    rows["value"] = 0.0 if value is None else transactions[value].to_numpy(dtype=np.float64)
    summed: pd.DataFrame = rows.groupby(["customer", "at"], sort=True)["value"].sum().reset_index()
    return summed


def _start_of(when: pd.Series, freq: str) -> pd.Series:
    started: pd.Series = when.dt.to_period(freq).dt.to_timestamp()
    return started


def _unit(freq: str) -> pd.Timedelta:
    if freq in _DAYS:
        return pd.Timedelta(days=_DAYS[freq])
    if freq == "W":
        return pd.Timedelta(days=7)
    return pd.Timedelta(f"1{freq}")
