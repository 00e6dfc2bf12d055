"""Profit by hand, planted loss-makers found, and none where none are."""

from __future__ import annotations

from typing import Any

import numpy as np
import pandas as pd
import pytest

from cvo_ml.core.tables import Tables
from cvo_ml.features.economics import customer_profit, order_profit
from cvo_ml.simulate import simulate_shop
from cvo_ml.stats.intervals import Interval, wilson
from cvo_ml.value import Undefined
from cvo_ml.value.economics import (
    A_CUSTOMER,
    AN_ORDER,
    BELOW,
    CHEAPER,
    LOST,
    MARGIN,
    PARETO,
    SERVING,
    Economics,
    EconomicsResult,
)
from tests.builders import frame

CUT = "2024-06-01"


def analyzed(tables: Tables, as_of: str = CUT, **settings: Any) -> EconomicsResult:
    found = Economics(**settings).run(tables, as_of)
    assert isinstance(found, EconomicsResult)
    return found


def shop(rows: list[tuple[str, str, str, float, float | None]], **more: pd.DataFrame) -> Tables:
    names = ["order_id", "customer_id", "ordered_at", "net", "cost"]
    return Tables({"orders": frame("orders", names, rows), **more}, "EUR")


def number(found: EconomicsResult, name: str) -> Interval:
    value = found.kpi(name).value
    assert isinstance(value, Interval), value
    return value


def test_profit_per_order_and_per_customer_by_hand() -> None:
    """a earns 40 and 20, b loses 10: 50 / 3 orders, 25 a customer, 50 of 300 is margin."""
    orders = [("1", "a", "2024-01-01", 60.0), ("2", "a", "2024-02-01", 80.0), ("3", "b", "2024-02-01", 110.0)]
    found = analyzed(shop([(order, who, day, 100.0, cost) for order, who, day, cost in orders]))
    assert found.basis == "gross_margin"
    assert number(found, AN_ORDER).estimate == pytest.approx(50 / 3)
    assert number(found, A_CUSTOMER).estimate == pytest.approx(25.0)
    assert number(found, MARGIN).estimate == pytest.approx(50 / 300)
    assert found.kpi(BELOW).value == wilson(1, 2)
    assert number(found, LOST).estimate == pytest.approx(10.0)
    assert [(one.month, one.revenue, one.value) for one in found.months] == [
        ("2024-01", 100.0, 40.0),
        ("2024-02", 200.0, 10.0),
    ]
    # from the best on: a holds 60 of 50, and b takes 10 back
    assert found.whale[50] == pytest.approx(1.2)
    assert found.whale[100] == pytest.approx(1.0)


def test_a_fifth_of_the_repeat_customers_holds_80_percent_of_the_margin() -> None:
    """A11: ten repeat customers, two with 40 each and eight with 2.5; who bought once does not count."""
    rows = [
        (f"{who}{n}", f"c{who}", "2024-01-01", 100.0, 80.0 if who < 2 else 98.75) for who in range(10) for n in range(2)
    ]
    rows += [(f"once{n}", f"once{n}", "2024-01-01", 500.0, 1.0) for n in range(5)]
    found = number(analyzed(shop(rows)), PARETO)
    assert found.estimate == pytest.approx(0.2)
    assert found.lower <= 0.2 <= found.upper


def test_revenue_is_not_called_profit() -> None:
    found = analyzed(shop([("1", "a", "2024-01-01", 100.0, None), ("2", "b", "2024-01-01", 100.0, None)]))
    assert found.basis == "revenue"
    assert isinstance(found.kpi(MARGIN).value, Undefined)
    assert isinstance(found.kpi(BELOW).value, Undefined)
    assert found.draining == ()
    assert "map what orders cost" in found.sentences()[-1]


class TestCostsToServe:
    def test_high_value_begins_at_500_a_year(self) -> None:
        """H2: the edge itself is of high value; an order of more than a year ago is not of this year."""
        rows = [
            ("1", "edge", "2024-01-01", 500.0, 1.0), ("2", "under", "2024-01-01", 499.99, 1.0),
            ("3", "long ago", "2023-01-01", 900.0, 1.0), ("4", "two", "2024-01-01", 700.0, 1.0),
            ("5", "small", "2024-01-01", 100.0, 1.0),
        ]  # fmt: skip
        high, low = analyzed(shop(rows)).served
        assert (high.customers, low.customers) == (2, 3)
        assert high.name == "at least 500 EUR"

    def test_bundled_shipments_cost_30_percent_less_of_what_is_spent(self) -> None:
        """H2's worked number: 7 of 100 for those of high value, 10 of 100 for the others; NPS stands beside it (H3)."""
        rows = [(f"h{n}", f"h{n}", "2024-01-01", 1_000.0, 1.0) for n in range(40)]
        rows += [(f"l{n}", f"l{n}", "2024-01-01", 100.0, 1.0) for n in range(40)]
        names = ["customer_id", "period", "activity", "quantity", "unit_cost"]
        costs = [(row[1], "2024-01-01", "parcels", 1.0, 70.0 if row[1][0] == "h" else 10.0) for row in rows]
        answers = [(f"h{n}", "2024-02-01", "nps_post", 10.0 if n < 30 else 3.0) for n in range(40)]
        surveys = frame("surveys", ["customer_id", "answered_at", "kind", "score"], answers)
        found = analyzed(shop(rows, costs_to_serve=frame("costs_to_serve", names, costs), surveys=surveys))
        assert found.basis == "contribution"
        assert number(found, CHEAPER).estimate == pytest.approx(0.7)
        assert number(found, SERVING).estimate == pytest.approx(40.0)
        assert [(one.activity, one.own) for one in found.activities] == [("parcels", 3_200.0)]
        high, low = found.served
        assert isinstance(high.nps, Interval)
        assert high.nps.estimate == pytest.approx(50.0)  # three quarters less one quarter
        assert isinstance(low.nps, Undefined)


@pytest.fixture(scope="module")
def planted() -> tuple[Tables, EconomicsResult]:
    """The simulated shop, the goods of whom one campaign brought costing 120 of 100, and one product at a loss."""
    tables = simulate_shop("shop", n_customers=900).tables
    people = tables.get("customers").set_index("customer_id")["acquisition_campaign"]
    orders, lines = tables.orders.copy(), tables.get("order_lines").copy()
    bad = orders["customer_id"].map(people) == "video"
    orders.loc[bad, "cost"] = (orders.loc[bad, "net"] * 1.2).round(2)
    lines.loc[lines["product_id"] == "p00000", "unit_cost"] *= 3.5
    by_lines = (lines["unit_cost"] * lines["quantity"]).groupby(lines["order_id"]).sum()
    orders["cost"] = np.where(bad, orders["cost"], by_lines.reindex(orders["order_id"]).round(2))
    made = Tables({**tables.frames, "orders": orders, "order_lines": lines}, "EUR")
    return made, analyzed(made, "2023-06-01")


class TestDraining:
    def test_the_campaign_and_the_product_that_lose_money_are_found_and_no_others(
        self, planted: tuple[Tables, EconomicsResult]
    ) -> None:
        found = {(one.dimension, one.name) for one in planted[1].draining}
        assert ("campaign", "video") in found
        assert ("product", "p00000") in found
        lines = planted[0].get("order_lines")
        brand = lines.loc[lines["product_id"] == "p00000", "brand"].iloc[0]  # it loses money with its largest product
        assert found <= {("campaign", "video"), ("product", "p00000"), ("brand", brand)}
        assert "stop or reprice" in planted[1].sentences()[-1]

    def test_nothing_is_flagged_in_a_shop_where_nothing_loses(self) -> None:
        assert analyzed(simulate_shop("shop", n_customers=600).tables, "2023-06-01").draining == ()

    def test_members_add_up_to_the_shop(self, planted: tuple[Tables, EconomicsResult]) -> None:
        tables, _ = planted
        found = analyzed(tables, "2023-06-01", least=2)
        whole = customer_profit(tables, "2023-06-01")
        for dimension in ("campaign", "country"):
            own = [one for one in found.members if one.dimension == dimension]
            assert sum(one.value for one in own) == pytest.approx(whole["contribution"].sum())
            assert sum(one.cost_to_serve for one in own) == pytest.approx(whole["cost_to_serve"].sum())
        orders = order_profit(tables, "2023-06-01").query("is_purchase")
        category = [one for one in found.members if one.dimension == "category"]
        assert sum(one.revenue for one in category) == pytest.approx(orders["left"].sum(), abs=0.05)
        assert sum(one.value for one in category) == pytest.approx(orders["contribution"].sum(), abs=0.05)

    def test_a_bad_mean_of_few_is_no_evidence(self) -> None:
        rows = [(f"{n}", f"c{n}", "2024-01-01", 100.0, 130.0 if n < 20 else 50.0) for n in range(60)]
        people = frame("customers", ["customer_id", "country"], [(f"c{n}", "X" if n < 20 else "Y") for n in range(60)])
        assert analyzed(shop(rows, customers=people)).draining == ()
        assert [one.name for one in analyzed(shop(rows, customers=people), least=20).draining] == ["X"]


def test_what_is_unmatched_and_unallocated_is_noted() -> None:
    back = frame("refunds", ["order_id", "refunded_at", "amount", "customer_id"], [(None, "2023-12-01", 7.0, "a")])
    names = ["customer_id", "period", "activity", "quantity", "unit_cost"]
    costs = frame("costs_to_serve", names, [(None, "2024-01-01", "rent", 1.0, 12.0)])
    rows = [("1", "a", "2024-01-01", 100.0, 60.0), ("2", "b", "2024-01-01", 100.0, 60.0)]
    notes = analyzed(shop(rows, refunds=back, costs_to_serve=costs)).notes
    assert notes[0] == "refunds of 7.00 EUR found no order and count against their customers"
    assert notes[1].startswith("rent: 12.00 EUR borne by nobody, it names neither")
