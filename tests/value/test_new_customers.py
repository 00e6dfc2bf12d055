"""Second orders by hand and by campaign: censored, compared, recovered."""

from __future__ import annotations

import numpy as np
import pandas as pd
import pytest

from cvo_ml.core.tables import Tables
from cvo_ml.stats.intervals import Interval
from cvo_ml.value import Undefined
from cvo_ml.value.new_customers import NewCustomers, NewCustomersResult, second_order
from tests.builders import Order, frame, shop_of


def analyzed(tables: Tables, as_of: str = "2024-07-01", **settings: int) -> NewCustomersResult:
    found = NewCustomers(**settings).run(tables, as_of)
    assert isinstance(found, NewCustomersResult)
    return found


def test_who_has_not_had_the_time_neither_counts_as_lost_nor_is_left_out() -> None:
    """Ten began in January, five of whom came back on day 20; ten on 22 June, one of whom came back on day 5.

    After 5 days 1 of 20 has come back; at day 20 the nine others of June are no longer watched: 5 of 10 of those left.
    """
    orders: list[Order] = [(f"j{n}", f"j{n}", "2024-01-01", 9.0) for n in range(10)]
    orders += [(f"j{n}+", f"j{n}", "2024-01-21", 9.0) for n in range(5)]
    orders += [(f"k{n}", f"k{n}", "2024-06-22", 9.0) for n in range(10)] + [("k0+", "k0", "2024-06-27", 9.0)]
    found = analyzed(shop_of(orders))
    month = found.kpi(second_order(30)).value
    assert isinstance(month, Interval)
    assert month.estimate == pytest.approx(1 - 19 / 20 * 5 / 10)
    assert found.curve.at_risk == (20, 10)
    year = found.kpi(second_order(365)).value
    assert isinstance(year, Undefined)
    assert year.reason == "nobody has been a customer for 365 days"


@pytest.fixture(scope="module")
def planted() -> tuple[Tables, NewCustomersResult]:
    """1,200 customers; half of all come back within 90 days, but a fifth after the campaign 'raffle'."""
    rng = np.random.default_rng(3)
    orders: list[Order] = []
    people, lines = [], []
    for n in range(1_200):
        campaign = ("raffle", "search", "friends", "video")[n % 4]
        first = pd.Timestamp("2023-01-01") + pd.Timedelta(days=float(rng.uniform(0, 480)))
        orders.append((f"o{n}", f"c{n}", first, 20.0))
        people.append((f"c{n}", campaign))
        lines.append((f"o{n}", f"p{rng.integers(8)}", 1.0, 20.0))
        if rng.uniform() < (0.2 if campaign == "raffle" else 0.5):
            orders.append((f"o{n}+", f"c{n}", first + pd.Timedelta(days=float(rng.uniform(1, 89))), 20.0))
    orders = [order for order in orders if order[2] < pd.Timestamp("2024-07-01")]
    more = {
        "customers": frame("customers", ["customer_id", "acquisition_campaign"], people),
        "order_lines": frame("order_lines", ["order_id", "product_id", "quantity", "unit_price"], lines),
    }
    shop = shop_of(orders, **more)
    return shop, analyzed(shop)


def test_the_campaign_that_brings_guests_for_one_order_is_told_and_no_product(
    planted: tuple[Tables, NewCustomersResult],
) -> None:
    found = planted[1]
    fewer = [(one.dimension, one.name) for one in found.members if one.verdict == "fewer"]
    assert fewer == [("campaign", "raffle")]
    assert not [one for one in found.members if one.dimension == "first product" and one.verdict != "not told apart"]
    assert "campaign raffle" in found.sentences()[1]


def test_the_shares_are_those_that_were_planted(planted: tuple[Tables, NewCustomersResult]) -> None:
    by_name = {one.name: one for one in planted[1].members}
    for name, true in (("raffle", 0.2), ("search", 0.5), ("friends", 0.5), ("video", 0.5)):
        share = by_name[name].second["90"]
        assert isinstance(share, Interval)
        assert share.lower < true < share.upper
    others = by_name["raffle"].others
    assert isinstance(others, Interval)
    assert others.estimate == pytest.approx(0.5, abs=0.05)


def test_few_customers_are_not_told(planted: tuple[Tables, NewCustomersResult]) -> None:
    assert {one.dimension for one in analyzed(planted[0], least=200).members} == {"campaign"}


def test_a_shrunk_share_lies_between_its_own_and_the_whole(planted: tuple[Tables, NewCustomersResult]) -> None:
    found = planted[1]
    products = [one for one in found.members if one.dimension == "first product"]
    own = [one.second["90"].estimate for one in products if isinstance(one.second["90"], Interval)]
    assert np.ptp([one.shrunk for one in products]) < np.ptp(own)
