"""Cohorts by hand, at equal ages only, and how long customers go on."""

from __future__ import annotations

import pandas as pd
import pytest

from cvo_ml.core.tables import Tables
from cvo_ml.features.economics import order_profit
from cvo_ml.simulate import simulate_shop
from cvo_ml.stats.intervals import Interval, wilson
from cvo_ml.value import Undefined
from cvo_ml.value.cohorts import CHANGE, HALF, STAYED, Cohorts, CohortsResult
from tests.builders import Order, shop_of


def analyzed(tables: Tables, as_of: str, **settings: int) -> CohortsResult:
    found = Cohorts(**settings).run(tables, as_of)
    assert isinstance(found, CohortsResult)
    return found


def days(*when: str) -> list[Order]:
    """Orders of 10 of the customers in ``who:day day day`` texts."""
    orders: list[Order] = []
    for text in when:
        who, _, rest = text.partition(":")
        orders += [(f"{who}{n}", who, day, 10.0) for n, day in enumerate(rest.split())]
    return orders


def test_cells_by_hand() -> None:
    found = analyzed(
        shop_of(days("a:2024-01-05 2024-01-09 2024-03-05", "b:2024-01-20", "c:2024-02-02 2024-03-30 2024-04-02")),
        "2024-04-15",
    )
    january, february = found.cohorts
    assert (january.month, january.customers, january.age) == ("2024-01", 2, 2)
    assert [(cell.customers, cell.orders, cell.value) for cell in january.cells] == [
        (2, 3, 30.0),
        (0, 0, 0.0),
        (1, 1, 10.0),
    ]
    # April is not over on the 15th: the third order of c is not told
    assert [(cell.customers, cell.orders) for cell in february.cells] == [(1, 1), (1, 1)]
    assert january.cells[2].active == wilson(1, 2)


@pytest.fixture(scope="module")
def found() -> CohortsResult:
    """10,000 customers each; of September's 5 bought in month 12 and 16 in month 9, of December's 8 in month 9."""
    orders: list[Order] = []
    for month, stays in (("2019-09-10", {12: 5, 9: 16}), ("2019-12-10", {9: 8})):
        first = pd.Timestamp(month)
        orders += [(f"{month}{n}", f"{month}{n}", first, 10.0) for n in range(10_000)]
        for age, count in stays.items():
            at = first + pd.DateOffset(months=age)
            orders += [(f"{month}{n}+{age}", f"{month}{n}", at, 10.0) for n in range(count)]
    return analyzed(shop_of(orders), "2020-10-01", compared_age=9)


class TestEqualAges:
    """C5: September 2019 kept 0.05 % and December 0.08 % by September 2020, which is no comparison."""

    def test_they_are_compared_at_the_age_that_both_have_reached(self, found: CohortsResult) -> None:
        pair = found.at_equal_age("2019-09", "2019-12")
        assert not isinstance(pair, Undefined)
        assert pair.age == 9
        assert pair.earlier_active == wilson(16, 10_000)
        assert pair.later_active == wilson(8, 10_000)

    def test_the_shares_of_today_are_warned_of(self, found: CohortsResult) -> None:
        september, december = found.cohorts
        assert september.cells[-1].active.estimate == pytest.approx(0.0005)
        assert december.cells[-1].active.estimate == pytest.approx(0.0008)
        pair = found.at_equal_age("2019-09", "2019-12")
        assert not isinstance(pair, Undefined)
        assert "12 and 9 months old: their shares of today are not of equal age" in pair.warning
        # at equal age December kept half as many, not more
        assert pair.later_active.estimate < pair.earlier_active.estimate

    def test_newer_half_against_older_half_at_that_age(self, found: CohortsResult) -> None:
        change, stayed = found.kpi(CHANGE).value, found.kpi(STAYED).value
        assert isinstance(change, Interval)
        assert isinstance(stayed, Interval)
        assert change.estimate == pytest.approx(-0.0008)
        assert change.lower < -0.0008 < change.upper
        assert stayed.estimate == pytest.approx(24 / 20_000)


def test_how_long_customers_go_on() -> None:
    """Silent after 0, 30 and 60 days; one still bought lately after 100 days and is censored there."""
    shop = shop_of(
        days("a:2024-01-01", "b:2024-01-01 2024-01-31", "c:2024-01-01 2024-03-01 2024-12-01", "d:2024-08-23 2024-12-01")
    )
    found = analyzed(shop, "2024-12-20", silence_days=120)
    assert found.going.times == (0, 30, 60)
    assert found.going.survival == pytest.approx((0.75, 0.5, 0.25))
    half = found.kpi(HALF).value
    assert isinstance(half, Interval)
    assert half.estimate == 30
    assert found.going.at(100) is not None
    assert found.going.at(101) is None


def test_the_cells_are_those_of_another_engine() -> None:
    """Every cell of the simulated shop, worked out again in pandas."""
    tables = simulate_shop("shop", n_customers=400).tables
    found = analyzed(tables, "2022-12-01")
    orders = order_profit(tables, "2022-12-01").query("is_purchase")
    month = orders["ordered_at"].dt.year * 12 + orders["ordered_at"].dt.month
    first = month.groupby(orders["customer_id"]).transform("min")
    cells = orders.groupby([first, month - first]).agg(
        customers=("customer_id", "nunique"), orders=("net", "size"), value=("contribution", "sum")
    )
    told = [
        (cell.customers, cell.orders, round(cell.value, 2))
        for one in found.cohorts
        for cell in one.cells
        if cell.orders
    ]
    assert told == [(row.customers, row.orders, round(row.value, 2)) for row in cells.itertuples()]
    assert len(told) > 150
