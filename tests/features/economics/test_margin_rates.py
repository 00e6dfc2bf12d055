"""Margin rates shrunk by credibility, against the law that made them."""

from __future__ import annotations

import numpy as np
import pandas as pd
import pytest

from cvo_ml.core.tables import Tables
from cvo_ml.features.economics import margin_rates
from tests.builders import frame

SHOP, CHANNELS, CELLS, PEOPLE, NOISE = 0.4, 0.10, 0.06, 0.08, 1.5


@pytest.fixture(scope="module")
def made() -> tuple[Tables, pd.Series]:
    """A shop by the law of Bühlmann and Straub: channels around it, categories in channels, customers in those."""
    rng = np.random.default_rng(5)
    orders, lines, people, truth = [], [], [], {}
    for channel in range(6):
        of_channel = SHOP + CHANNELS * rng.standard_normal()
        for category in range(5):
            of_cell = of_channel + CELLS * rng.standard_normal()
            for number in range(30):
                who = f"{channel}-{category}-{number:02}"
                truth[who] = of_cell + PEOPLE * rng.standard_normal()
                people.append((who, f"channel {channel}"))
                for order in range(1 + rng.poisson(2)):
                    net = round(float(rng.lognormal(3.5, 0.6)), 2)
                    rate = truth[who] + NOISE * rng.standard_normal() / np.sqrt(net)
                    orders.append((f"{who}-{order}", who, "2024-01-02", net, net * (1 - rate)))
                    lines.append((f"{who}-{order}", f"p{category}", 1.0, net, f"category {category}"))
    tables = Tables(
        {
            "orders": frame("orders", ["order_id", "customer_id", "ordered_at", "net", "cost"], orders),
            "order_lines": frame("order_lines", ["order_id", "product_id", "quantity", "net", "category"], lines),
            "customers": frame("customers", ["customer_id", "acquisition_channel"], people),
        },
        "EUR",
    )
    return tables, pd.Series(truth)


def shop(*costs: tuple[str, float | None]) -> Tables:
    """Orders of 100 each by their customer and cost."""
    names = ["order_id", "customer_id", "ordered_at", "net", "cost"]
    rows = [(str(n), who, "2024-01-02", 100.0, cost) for n, (who, cost) in enumerate(costs)]
    return Tables({"orders": frame("orders", names, rows)}, "EUR")


def test_the_variances_of_the_law_are_recovered(made: tuple[Tables, pd.Series]) -> None:
    found = margin_rates(made[0], "2024-02-01")
    assert found.within == pytest.approx(NOISE**2, rel=0.1)
    assert found.between["category"] == pytest.approx(PEOPLE**2, rel=0.35)
    assert 0.2 * CELLS**2 < found.between["acquisition_channel"] < 3 * CELLS**2
    assert 0.1 * CHANNELS**2 < found.between["shop"] < 4 * CHANNELS**2


def test_a_shrunk_rate_is_nearer_the_truth_than_ones_own_and_than_the_groups(made: tuple[Tables, pd.Series]) -> None:
    tables, truth = made
    found = margin_rates(tables, "2024-02-01").customers
    error = {
        name: float(((found[name] - truth) ** 2).mean() ** 0.5) for name in ("own_rate", "group_rate", "margin_rate")
    }
    assert error["margin_rate"] < 0.9 * min(error["own_rate"], error["group_rate"])


def test_who_bought_more_is_believed_more(made: tuple[Tables, pd.Series]) -> None:
    found = margin_rates(made[0], "2024-02-01").customers
    assert found["net"].rank().corr(found["credibility"].rank()) == pytest.approx(1.0)
    assert found["credibility"].between(0, 1).all()


def test_a_loss_maker_has_a_negative_rate() -> None:
    orders = [
        (f"{who}{n}", who, "2024-01-02", 100.0, 100.0 - gain - n)
        for who, gain in (("a", -20), ("b", 40), ("c", 41))
        for n in range(5)
    ]
    tables = Tables(
        {"orders": frame("orders", ["order_id", "customer_id", "ordered_at", "net", "cost"], orders)}, "EUR"
    )
    found = margin_rates(tables, "2024-02-01").customers["margin_rate"]
    assert found["a"] < -0.15
    assert 0.35 < found["b"] < found["c"]


def test_one_order_each_tells_nobody_apart() -> None:
    """Between chance and difference nothing can be told: everybody has the shop's rate."""
    orders = [(who, who, "2024-01-02", 100.0, cost) for who, cost in (("a", 40.0), ("b", 80.0))]
    tables = Tables(
        {"orders": frame("orders", ["order_id", "customer_id", "ordered_at", "net", "cost"], orders)}, "EUR"
    )
    found = margin_rates(tables, "2024-02-01")
    assert found.customers["margin_rate"].tolist() == pytest.approx([0.4, 0.4])
    assert np.isnan(found.within)


def test_without_costs_there_is_no_rate() -> None:
    tables = Tables(
        {"orders": frame("orders", ["order_id", "customer_id", "ordered_at", "net"], [("1", "a", "2024-01-02", 9.0)])},
        "EUR",
    )
    found = margin_rates(tables, "2024-02-01")
    assert found.customers.empty
    assert np.isnan(found.shop)
