"""Levers: the sources' worked numbers typed, and measured ones of a shop by hand."""

from __future__ import annotations

from typing import Any

import pytest

from cvo_ml.core.contracts import CONTRACTS
from cvo_ml.core.tables import Tables
from cvo_ml.stats.intervals import Interval
from cvo_ml.value import Undefined
from cvo_ml.value.levers import BIGGEST, CLV, PROFIT, Levers, LeversResult
from tests.builders import frame, shop_of

TYPED = {
    "average_order_value": 80.0,
    "orders_per_year": 4.0,
    "lifespan_years": 3.0,
    "margin": 0.5,
    "acquisition_cost": 100.0,
}


def analyzed(tables: Tables | None = None, as_of: str = "2024-01-01", **settings: Any) -> LeversResult:
    nothing = Tables({"orders": CONTRACTS["orders"].empty()}, "USD")
    found = Levers(**settings).run(tables or nothing, as_of)
    assert isinstance(found, LeversResult)
    return found


class TestTyped:
    def test_960_becomes_1200_when_four_orders_a_year_become_five(self) -> None:
        """A1: $80 x 4 a year x 3 years = $960; a frequency of 5 gives $1,200, a quarter more."""
        found = analyzed(**TYPED, step=0.25)
        before, lever = found.kpi(CLV).value, next(one for one in found.levers if one.name == "orders per year")
        assert isinstance(before, Interval)
        assert (before.estimate, lever.after, lever.clv) == (960.0, 5.0, 1_200.0)
        assert lever.clv / before.estimate == 1.25

    def test_no_data_is_read_and_nothing_has_an_interval(self) -> None:
        assert not Levers(**TYPED).needs_data
        found = analyzed(**TYPED, new_customers=1_000)
        profit = found.kpi(PROFIT).value
        assert isinstance(profit, Interval)
        assert (profit.lower, profit.estimate, profit.upper) == (380.0, 380.0, 380.0)
        gains = {one.name: one.gain_a_year.estimate for one in found.levers if isinstance(one.gain_a_year, Interval)}
        assert gains["years as a customer"] == pytest.approx(48_000.0)
        assert gains["cost of winning a customer"] == pytest.approx(10_000.0)

    def test_numbers_that_multiply_are_worth_the_same_and_it_says_so(self) -> None:
        assert "they multiply" in analyzed(**TYPED).sentences()[0]

    def test_without_new_customers_a_year_has_a_reason_and_no_number(self) -> None:
        found = analyzed(**TYPED)
        assert isinstance(found.kpi(BIGGEST).value, Undefined)
        assert "a customer" in found.sentences()[0]


@pytest.fixture(scope="module")
def found() -> LeversResult:
    """Four customers bought twice in 2022, two of them again in 2023, orders of 50 each; two more were won for 60."""
    orders = [(f"{who}{n}", who, f"2022-0{n + 1}-02", 50.0) for who in "abcd" for n in range(2)]
    orders += [(f"{who}{n}", who, f"2023-0{n}-02", 50.0) for who in "abef" for n in (3, 5)]
    spent = [("2023-02-01", "search", 60.0), ("2022-02-01", "search", 999.0)]
    spend = frame("acquisition_spend", ["date", "channel", "spend"], spent)
    return analyzed(shop_of(orders, acquisition_spend=spend), "2024-01-02")


class TestMeasured:
    def test_the_numbers_of_the_last_year(self, found: LeversResult) -> None:
        before = {one.name: one.before.estimate for one in found.levers if isinstance(one.before, Interval)}
        assert before["average order value"] == 50.0
        assert before["orders per year"] == 2.0
        assert before["retention"] == 0.5
        assert before["years as a customer"] == 2.0
        assert before["margin"] == 1.0
        assert before["cost of winning a customer"] == 30.0
        clv = found.kpi(CLV).value
        assert isinstance(clv, Interval)
        assert clv.estimate == 200.0

    def test_revenue_is_not_called_profit_without_a_warning(self, found: LeversResult) -> None:
        assert found.basis == "revenue"
        assert "value is revenue" in found.notes[0]

    def test_one_point_of_retention_lengthens_the_life(self, found: LeversResult) -> None:
        point = next(one for one in found.levers if one.name == "retention")
        assert point.after == pytest.approx(0.51)
        assert point.gain.estimate == pytest.approx(100 * (1 / 0.49 - 2))

    def test_a_typed_number_wins_over_the_measured_one(self) -> None:
        orders = [(f"{who}{year}", who, f"{year}-03-20", 50.0) for who in "ab" for year in (2022, 2023)]
        found = analyzed(shop_of(orders), "2024-03-19", margin=0.3)
        margin = next(one for one in found.levers if one.name == "margin")
        assert isinstance(margin.before, Interval)
        assert margin.before.estimate == 0.3

    def test_a_life_is_not_measured_from_a_part_of_a_year(self) -> None:
        """Who bought in the nine days before the last year are the busiest, not everybody."""
        orders = [(f"{who}{n}", who, day, 50.0) for who in "ab" for n, day in enumerate(("2022-12-25", "2023-03-02"))]
        found = analyzed(shop_of(orders))
        assert found.levers == ()
        assert "less than two years" in found.sentences()[0]
        assert analyzed(shop_of(orders), lifespan_years=2.0).levers

    def test_half_a_year_of_orders_is_not_a_year(self) -> None:
        found = analyzed(shop_of([("1", "a", "2023-08-01", 9.0), ("2", "b", "2023-11-01", 9.0)]))
        assert found.levers == ()
        assert "less than a year" in found.sentences()[0]
