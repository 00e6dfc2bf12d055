"""What the books say of a shop without its customers: monthly totals, overheads, marks of what happened."""

from __future__ import annotations

from datetime import date, timedelta

import numpy as np
import pyarrow as pa

from cvo_ml.config.simulation import SimulatedShopConfig
from cvo_ml.core.arrays import Numbers
from cvo_ml.simulate.columns import Columns, cents, table, texts, times
from cvo_ml.simulate.random_streams import Block
from cvo_ml.simulate.shop.clock import base_pace, promotion_lift, value_factor
from cvo_ml.simulate.shop.sales import Sales

FIRST_YEAR = 12


class MonthlyTotals:
    """Orders and net of each calendar month, added up block by block."""

    def __init__(self, config: SimulatedShopConfig) -> None:
        self.config = config
        self.first = np.datetime64(config.start, "M")
        months = int((np.datetime64(config.end - timedelta(days=1), "M") - self.first).astype(np.int64)) + 1
        self.orders, self.net = np.zeros(months, np.int64), np.zeros(months)

    def add(self, sales: Sales) -> None:
        """Count a block's orders."""
        month = (times(self.config.start, sales.day).astype("datetime64[M]") - self.first).astype(np.int64)
        self.orders += np.bincount(month, minlength=len(self.orders))
        self.net += np.bincount(month, sales.net, minlength=len(self.net))

    def columns(self, block: Block) -> Columns:
        """The table ``months``: earlier totals by the season and the size of the first twelve months, then the sums.

        An earlier month m has E[orders] = level x pace_m and net = orders x net per order x value factor_m,
        with level = orders / pace of the first twelve months, and likewise for net.
        """
        accounting = self.config.accounting
        assert accounting is not None
        month, pace, value = seasons(self.config)
        earlier, year = accounting.earlier_months, slice(accounting.earlier_months, accounting.earlier_months + 12)
        orders, net = self.orders[:FIRST_YEAR].sum(), self.net[:FIRST_YEAR].sum()
        level = orders / pace[year][: len(self.orders)].sum()
        worth = net / max((self.orders[:FIRST_YEAR] * value[year][: len(self.orders)]).sum(), 1.0)
        draws = block.keyed("accounting", np.arange(earlier))
        noise = np.exp(accounting.noise * draws.normal() - accounting.noise**2 / 2)
        before = np.round(level * pace[:earlier] * noise)
        return {
            "month": month.astype("datetime64[us]"),
            "orders": np.concatenate([before, self.orders]),
            "net": cents(np.concatenate([before * worth * value[:earlier], self.net])),
        }


def seasons(config: SimulatedShopConfig) -> tuple[Numbers, Numbers, Numbers]:
    """Each month of the books and of the data: its first day, its mean pace times its days, the factor on values."""
    earlier = config.accounting.earlier_months if config.accounting else 0
    first = np.datetime64(config.start, "M") - earlier
    month = np.arange(first, np.datetime64(config.end - timedelta(days=1), "M") + 1)
    pace = np.array([_pace(config, begin, end) for begin, end in zip(month, month + 1, strict=True)])
    value = np.array([value_factor(config.season, int(number) % 12 + 1) for number in month.astype(np.int64)])
    return month, pace, value


def season_columns(config: SimulatedShopConfig) -> Columns:
    """Truth: the season of each month. ``pace``: plain days that the month is worth; ``value_factor``: of an order."""
    month, pace, value = seasons(config)
    return {"month": month.astype("datetime64[us]"), "pace": pace, "value_factor": value}


def annotation_rows(config: SimulatedShopConfig) -> list[tuple[date, str, str, float]]:
    """Marks inside the data: day, text, kind, true factor on the shop's pace from then on (1 = none)."""
    rows = [(shift.at, shift.what, "change", shift.factor) for shift in config.season.shifts]
    for promotion in config.season.promotions:
        years = range(config.start.year, config.end.year + 1)
        rows += [(date(year, promotion.month, promotion.day), promotion.code, "promotion", 1.0) for year in years]
    return sorted(row for row in rows if config.start <= row[0] < config.end)


def annotation_table(rows: list[tuple[date, str, str, float]]) -> pa.Table:
    """The table ``annotations``."""
    at, what, kind, _ = zip(*rows, strict=True) if rows else ((), (), (), ())
    return table(
        {
            "at": np.array(at, "datetime64[us]"),
            "what": pa.array(what, pa.large_string()),
            "kind": pa.array(kind, pa.large_string()),
        }
    )


def overhead_columns(config: SimulatedShopConfig) -> Columns:
    """Rows of ``costs_to_serve`` for nobody in particular: fixed, each month, with the driver to allot them by."""
    assert config.costs_to_serve is not None
    overheads = config.costs_to_serve.overheads
    month = np.arange(np.datetime64(config.start, "M"), np.datetime64(config.end - timedelta(days=1), "M") + 1)
    code = np.repeat(np.arange(len(overheads)), len(month))
    return {
        "customer_id": pa.nulls(len(code), pa.large_string()),
        "period": np.tile(month, len(overheads)).astype("datetime64[us]"),
        "activity": texts([overhead.activity for overhead in overheads], code),
        "quantity": np.ones(len(code)),
        "unit_cost": np.array([overhead.per_month for overhead in overheads])[code],
        "driver": texts([overhead.driver for overhead in overheads], code),
        "is_fixed": np.ones(len(code), bool),
    }


def _pace(config: SimulatedShopConfig, begin: np.datetime64, end: np.datetime64) -> float:
    """Plain days between two months' first days; of customers who react to promotions their share counts."""
    days = (date.fromisoformat(str(day)) for day in np.arange(begin, end, dtype="datetime64[D]"))
    share, season = config.season.responsive_share, config.season
    return sum(
        base_pace(season, config.start, day) * (1 + share * (promotion_lift(season.promotions, day) - 1))
        for day in days
        if day < config.end
    )
