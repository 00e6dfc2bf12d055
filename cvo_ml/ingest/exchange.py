"""Amounts in other currencies, converted by declared rates: the latest one at or before the day of the row."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, replace
from typing import Final

import numpy as np
import pandas as pd

from cvo_ml.core.arrays import Floats
from cvo_ml.core.contract import TIME_DTYPE, Kind
from cvo_ml.ingest.casts import Cast

NO_RATE: Final = "no rate of its currency by its day"
CONVERTED: Final = "amounts were converted by declared rates"


@dataclass(frozen=True)
class Rates:
    """What one unit of each currency is worth in the shop's, from which day on.

    Parameters
    ----------
    own:
        The shop's currency, which is worth itself.
    known:
        Currency to its days (ascending) and the rates from them on.
    """

    own: str
    known: Mapping[str, tuple[np.ndarray, Floats]]

    @classmethod
    def of(cls, table: pd.DataFrame, own: str) -> Rates:
        """The rates of a table with date, currency and rate."""
        rows = table.assign(currency=table["currency"].str.upper()).sort_values("date", kind="stable")
        return cls(
            own,
            {
                str(name): (part["date"].to_numpy(dtype=TIME_DTYPE), part["rate"].to_numpy(dtype=np.float64))
                for name, part in rows.groupby("currency")
            },
        )

    def at(self, currencies: pd.Series, times: pd.Series) -> Floats:
        """(n,) what one unit of each row's currency was worth; NaN where no rate is known by then.

        Examples
        --------
        >>> table = pd.DataFrame({"date": pd.to_datetime(["2024-01-01", "2024-02-01"]), "currency": "USD",
        ...                       "rate": [0.9, 0.8]})
        >>> days = pd.Series(pd.to_datetime(["2023-12-31", "2024-01-31", "2024-02-01", "2024-01-05"]))
        >>> Rates.of(table, "EUR").at(pd.Series(["USD", "USD", "usd", "EUR"]), days)
        array([nan, 0.9, 0.8, 1. ])
        """
        codes, days = currencies.str.upper(), times.to_numpy(dtype=TIME_DTYPE)
        rates = np.where((codes == self.own).to_numpy(dtype=np.bool_), 1.0, np.nan)
        for name, (since, values) in self.known.items():
            rows = (codes == name).to_numpy(dtype=np.bool_)
            if name != self.own and rows.any():
                place = np.searchsorted(since, days[rows], side="right") - 1
                rates[rows] = np.where(place >= 0, values[np.maximum(place, 0)], np.nan)
        return rates


def converted(casts: Mapping[str, Cast], kinds: Mapping[str, Kind], time: str, rates: Rates) -> dict[str, Cast]:
    """The columns with money in the shop's currency; a row without a rate is a fault of its currency.

    Parameters
    ----------
    time:
        The column that says when a row happened; what has not, such as a deal that is open, counts from its creation.
    """
    currency, times = casts["currency"], casts[time].values
    if "created_at" in casts:
        times = times.fillna(casts["created_at"].values)
    known = currency.values.notna().to_numpy()
    rate = rates.at(currency.values, times)
    missing = known & np.isnan(rate) & times.notna().to_numpy()
    other = known & ~np.isnan(rate) & (currency.values.str.upper() != rates.own).to_numpy(dtype=np.bool_)
    result = dict(casts)
    for name, column in casts.items():
        if kinds.get(name) == "money":
            result[name] = replace(column, values=column.values.where(~other, column.values * rate))
    faults = {**currency.faults, NO_RATE: missing}
    counts = {**currency.counts, **({CONVERTED: int(other.sum())} if other.any() else {})}
    values = currency.values.where(~other, rates.own)
    result["currency"] = Cast(values, faults, counts, currency.facts)
    return result
