"""Retention by hand: three measures of one shop, and the contracts of a vendor."""

from __future__ import annotations

import pandas as pd
import pytest

from cvo_ml.core.tables import Tables
from cvo_ml.stats.intervals import Interval, wilson
from cvo_ml.value import AnalysisResult, Undefined
from cvo_ml.value.retention import GROSS, LOGO, NET, PERIOD, POINT, REPEAT, Retention, RetentionResult
from tests.builders import frame, shop_of


def analyzed(tables: Tables, as_of: str, **settings: int) -> RetentionResult:
    found: AnalysisResult = Retention(**settings).run(tables, as_of)
    assert isinstance(found, RetentionResult)
    return found


@pytest.fixture(scope="module")
def tables() -> Tables:
    """a buys in January, February and May; b in January; c in March and again that day; d in February, given back."""
    orders = [
        ("1", "a", "2024-01-05", 10.0), ("2", "a", "2024-02-05", 10.0), ("3", "a", "2024-05-05", 10.0),
        ("4", "b", "2024-01-20", 10.0), ("5", "c", "2024-03-02", 10.0), ("6", "c", "2024-03-02", 10.0),
        ("7", "d", "2024-02-02", 10.0),
    ]  # fmt: skip
    return shop_of(orders, [("7", "2024-02-20", 10.0, "d")])


def test_three_measures_have_three_values(tables: Tables) -> None:
    months = {one.month: one for one in analyzed(tables, "2024-06-10", period_months=1).months}
    assert list(months) == ["2024-01", "2024-02", "2024-03", "2024-04", "2024-05"]
    assert [one.customers for one in months.values()] == [2, 2, 3, 3, 3]
    # C1: more than one order out of the whole base; d gave the only order back and is nobody
    assert months["2024-05"].repeat_customer_rate == wilson(2, 3)
    assert months["2024-01"].repeat_customer_rate == wilson(0, 2)
    assert months["2024-02"].repeat_customer_rate == wilson(1, 2)
    # who bought in January and in February: a of a and b
    assert months["2024-02"].period_retention_rate == wilson(1, 2)
    assert months["2024-03"].period_retention_rate == wilson(0, 1)
    assert isinstance(months["2024-05"].period_retention_rate, Undefined)
    assert isinstance(months["2024-05"].logo_retention, Undefined)


def test_a_month_that_is_not_over_is_not_told(tables: Tables) -> None:
    assert analyzed(tables, "2024-05-31").months[-1].month == "2024-04"
    assert analyzed(tables, "2024-06-01").months[-1].month == "2024-05"


def test_one_point_is_worth_new_customers_times_what_the_second_year_of_a_point_brings() -> None:
    """Two customers came back in their first year with 30 and 50 after the first order; ten are new: 0.01 x 10 x 40."""
    orders = [
        ("1", "a", "2022-01-05", 10.0), ("2", "a", "2022-02-05", 30.0), ("3", "a", "2023-03-05", 99.0),
        ("4", "b", "2022-01-05", 10.0), ("5", "b", "2022-12-05", 50.0), ("6", "c", "2022-01-05", 10.0),
        *((f"n{n}", f"n{n}", "2023-06-05", 10.0) for n in range(10)),
    ]  # fmt: skip
    worth = analyzed(shop_of(orders), "2023-12-01").kpi(POINT).value
    assert isinstance(worth, Interval)
    assert worth.estimate == pytest.approx(4.0)
    assert worth.lower < 4.0 < worth.upper


def test_contracts_by_logo_and_by_money() -> None:
    """Four accounts a year ago at 100 each: one left, one grew to 150, one shrank to 60; one came since."""
    names = ["subscription_id", "customer_id", "status", "mrr", "started_at", "ended_at"]
    rows = [
        ("1", "a", "active", 100.0, "2023-01-01", None),
        ("2", "b", "canceled", 100.0, "2023-01-01", "2023-06-01"),
        ("3", "c", "ended", 100.0, "2023-01-01", "2023-09-01"), ("4", "c", "active", 150.0, "2023-09-01", None),
        ("5", "d", "ended", 100.0, "2023-01-01", "2023-09-01"), ("6", "d", "active", 60.0, "2023-09-01", None),
        ("7", "e", "active", 500.0, "2024-01-15", None),
    ]  # fmt: skip
    shop = shop_of([("o", "a", "2023-01-01", 1.0)], subscriptions=frame("subscriptions", names, rows))
    found = analyzed(shop, "2024-03-01")
    assert found.kpi(LOGO).value == wilson(3, 4)
    net, gross = found.kpi(NET).value, found.kpi(GROSS).value
    assert isinstance(net, Interval)
    assert isinstance(gross, Interval)
    assert net.estimate == pytest.approx(310 / 400)  # (400 + 50 - 40 - 100) / 400
    assert gross.estimate == pytest.approx(260 / 400)


def test_names_do_not_mix() -> None:
    assert len({REPEAT, PERIOD, LOGO, GROSS, NET}) == 5
    found = analyzed(shop_of([("1", "a", pd.Timestamp("2024-01-05"), 10.0)]), "2024-03-01")
    assert [kpi.name for kpi in found.kpis][:3] == [REPEAT, PERIOD, LOGO]
