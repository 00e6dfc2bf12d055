"""What orders and customers are worth after refunds and costs, by hand."""

from __future__ import annotations

from datetime import date
from typing import Any

import pandas as pd
import pytest

from cvo_ml.core.tables import Tables
from cvo_ml.features.economics import CostCoverage, cost_coverage, customer_profit, order_profit
from cvo_ml.features.engine import engine
from tests.builders import frame, refunds_of

LATER = "2024-06-01"


def shop(orders: list[tuple[Any, ...]], *names: str, **more: pd.DataFrame) -> Tables:
    """A shop of orders (order_id, customer_id, ordered_at, net, then ``names``)."""
    return Tables(
        {"orders": frame("orders", ["order_id", "customer_id", "ordered_at", "net", *names], orders), **more}, "EUR"
    )


def costs(*rows: tuple[Any, ...]) -> pd.DataFrame:
    """Costs to serve as (customer_id, period, activity, quantity, unit_cost, driver)."""
    names = ["customer_id", "period", "activity", "quantity", "unit_cost", "driver"]
    return frame("costs_to_serve", names, rows)


def coverage(tables: Tables) -> CostCoverage:
    with engine(tables) as opened:
        return cost_coverage(opened, date.fromisoformat(LATER))


class TestOrders:
    def test_contribution_is_net_less_goods_payment_and_the_parcel_that_was_not_charged(self) -> None:
        rows = [
            ("1", "A", "2024-01-01", 100.0, 60.0, 4.9, 2.5, 6.9),
            ("2", "A", "2024-01-02", 50.0, 20.0, 9.0, 1.0, 6.9),
        ]
        tables = shop(rows, "cost", "shipping", "payment_cost", "shipping_cost")
        found = order_profit(tables, LATER)
        assert found["gross_margin"].tolist() == [40.0, 30.0]
        # 100 - 60 - 2.5 - (6.9 - 4.9); what a customer pays for shipping beyond its cost is no income of goods
        assert found["contribution"].tolist() == pytest.approx([35.5, 29.0])

    def test_what_goes_back_takes_its_part_of_the_goods_along(self) -> None:
        rows = [("1", "A", "2024-01-01", 100.0, 60.0), ("2", "A", "2024-01-02", 100.0, 60.0)]
        back = refunds_of(("1", "2024-01-09", 25.0, "A"), ("2", "2024-01-09", 100.0, "A"))
        found = order_profit(shop(rows, "cost", refunds=back), LATER)
        assert found["cost"].tolist() == [45.0, 0.0]
        assert found["contribution"].tolist() == [30.0, 0.0]
        assert found["is_purchase"].tolist() == [True, False]

    def test_a_free_order_is_a_purchase_that_costs_something(self) -> None:
        found = order_profit(shop([("1", "A", "2024-01-01", 0.0, 3.0)], "cost"), LATER)
        assert (found["is_purchase"].item(), found["contribution"].item()) == (True, -3.0)

    def test_the_lines_tell_the_cost_where_all_of_them_have_one(self) -> None:
        names = ["order_id", "product_id", "quantity", "unit_cost"]
        lines = frame(
            "order_lines",
            names,
            [("1", "p", 2.0, 10.0), ("1", "q", 1.0, 5.0), ("2", "p", 1.0, 10.0), ("2", "q", 1.0, None)],
        )
        found = order_profit(
            shop([("1", "A", "2024-01-01", 50.0), ("2", "A", "2024-01-01", 20.0)], order_lines=lines), LATER
        )
        assert found["cost_known"].tolist() == [True, False]
        assert found["cost"].tolist() == [25.0, 10.0]  # the second at the shop's own share, a half


class TestCustomers:
    def test_costs_to_serve_are_the_customers_own_and_their_part_of_what_is_shared(self) -> None:
        orders = [
            ("1", "A", "2024-01-03", 100.0, 50.0),
            ("2", "A", "2024-01-09", 100.0, 50.0),
            ("3", "B", "2024-01-20", 100.0, 50.0),
        ]
        serving = costs(
            ("B", "2024-01-01", "support", 30.0, 0.8, None),
            (None, "2024-01-01", "warehouse", 1.0, 30.0, "orders"),
            (None, "2024-02-01", "warehouse", 1.0, 30.0, "orders"),
            (None, "2024-01-01", "office", 1.0, 7.0, "square metres"),
        )
        tables = shop(orders, "cost", costs_to_serve=serving)
        found = customer_profit(tables, LATER)
        assert found["cost_to_serve"].to_dict() == {"A": 20.0, "B": 34.0}
        assert found["contribution"].to_dict() == {"A": 80.0, "B": 16.0}
        left = {cost.activity: (cost.amount, cost.reason) for cost in coverage(tables).unallocated}
        assert left["warehouse"] == (30.0, "nobody had any of 'orders' in its months")
        assert left["office"][0] == 7.0
        assert "nobody is measured by 'square metres'" in left["office"][1]

    def test_parts_of_a_shared_cost_add_up_to_it_whatever_the_drivers_are(self) -> None:
        orders = [(f"{n}", f"c{n % 7}", "2024-01-03", 10.0, 1.0) for n in range(31)]
        tables = shop(orders, "cost", costs_to_serve=costs((None, "2024-01-01", "rent", 1.0, 100.0, "orders")))
        found = customer_profit(tables, LATER)
        assert round(found["cost_to_serve"].sum() * 1e6) == 100_000_000
        assert coverage(tables).unallocated == ()

    def test_a_cost_of_a_segment_is_named_and_borne_by_nobody(self) -> None:
        serving = costs((None, "2024-01-01", "key accounts", 1.0, 9.0, None)).assign(segment="wholesale")
        serving["segment"] = serving["segment"].astype("str")
        found = coverage(shop([("1", "A", "2024-01-03", 100.0, 50.0)], "cost", costs_to_serve=serving))
        assert [(cost.activity, cost.amount) for cost in found.unallocated] == [("key accounts", 9.0)]
        assert "names a segment" in found.unallocated[0].reason


class TestBasis:
    ORDERS = tuple((str(n), "A", "2024-01-03", 10.0, 4.0 if n else None) for n in range(20))

    def test_revenue_with_a_warning_until_95_of_100_orders_have_a_cost(self) -> None:
        assert coverage(shop(list(self.ORDERS), "cost")).basis == "gross_margin"
        less = coverage(shop([(*row[:4], None) if row[0] == "1" else row for row in self.ORDERS], "cost"))
        assert less.basis == "revenue"
        assert "18 of 20 orders have a cost" in less.warning

    def test_contribution_where_there_are_costs_to_serve_too(self) -> None:
        serving = costs(("A", "2024-01-01", "support", 1.0, 1.0, None))
        assert coverage(shop(list(self.ORDERS), "cost", costs_to_serve=serving)).basis == "contribution"

    def test_without_any_cost_every_margin_is_what_is_left(self) -> None:
        tables = shop([row[:4] for row in self.ORDERS])
        assert coverage(tables).basis == "revenue"
        assert customer_profit(tables, LATER)["contribution"].item() == 200.0


def test_simulated_costs_and_margins_are_recovered() -> None:
    """The simulated shop's contribution in the tables is its true margin of what was kept, less its costs to serve."""
    from cvo_ml.simulate import simulate_shop

    made = simulate_shop("shop", n_customers=300)
    cut = "2023-01-01"
    found = customer_profit(made.tables, cut)
    margin = made.truth.customers.set_index("customer_id")["margin"].reindex(found.index)
    served = made.tables.get("costs_to_serve")
    served = served[served["period"] < cut]
    serving = (served["quantity"] * served["unit_cost"]).groupby(served["customer_id"]).sum().reindex(found.index)
    true = found["left"] * margin - serving.fillna(0.0)
    assert (found["contribution"] - true).abs().max() < 0.01 * found["orders"].max() + 1e-9
    assert found["contribution"].rank().corr(true.rank()) > 0.9999
