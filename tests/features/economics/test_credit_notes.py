"""Refunds that name only their customer: matched once, by what was known when they became known."""

from __future__ import annotations

from datetime import date

import ibis
import pandas as pd
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from cvo_ml.core.tables import Tables
from cvo_ml.features.economics import customer_profit, matched_refunds, order_profit
from cvo_ml.features.engine import engine
from cvo_ml.features.integer_sums import MICRO
from tests.builders import Order, Refund, refunds_of, shop_of

LATER = "2024-06-01"


def parts(tables: Tables) -> pd.DataFrame:
    """Every refund as it was matched, in units."""
    with engine(tables) as opened:
        rows = opened.run(matched_refunds(opened).mutate(one=ibis.literal("")), index="one").reset_index()
    return rows.assign(amount=rows["amount"] / MICRO)


class TestWorkedExamples:
    def test_a_credit_note_takes_the_latest_order_by_then_and_spills_to_the_one_before(self) -> None:
        orders = [("1", "A", "2024-01-01", 100.0), ("2", "A", "2024-02-01", 100.0), ("3", "A", "2024-03-01", 100.0)]
        shop = shop_of(orders, [(None, "2024-03-05", 130.0, "A")])
        assert order_profit(shop, LATER)["left"].to_dict() == {"1": 100.0, "2": 70.0, "3": 0.0}
        assert order_profit(shop, LATER)["is_purchase"].to_dict() == {"1": True, "2": True, "3": False}

    def test_the_export_of_an_erp_whose_credit_notes_have_numbers_of_their_own(self) -> None:
        """Two customers of a business: A gave the third order back, B the second, which had gone out the same day."""
        orders = [
            ("1", "A", "2024-01-01", 100.0), ("2", "A", "2024-02-01", 100.0), ("3", "A", "2024-03-01", 100.0),
            ("4", "B", "2024-01-01", 50.0), ("5", "B", "2024-02-01", 100.0), ("6", "B", "2024-02-01", 100.0),
        ]  # fmt: skip
        shop = shop_of(orders, [(None, "2024-03-05", 100.0, "A"), (None, "2024-02-01", 100.0, "B")])
        found = customer_profit(shop, LATER)
        assert found["orders"].to_dict() == {"A": 2, "B": 2}
        assert found["left"].to_dict() == {"A": 200.0, "B": 150.0}

    def test_a_later_order_or_refund_moves_no_earlier_match(self) -> None:
        orders = [("1", "A", "2024-01-01", 100.0), ("2", "A", "2024-02-01", 100.0)]
        notes = [(None, "2024-01-15", 100.0, "A")]
        before = order_profit(shop_of(orders, notes), LATER)["left"].to_dict()
        more = [*notes, ("1", "2024-03-01", 40.0, "A")]
        after = order_profit(shop_of([*orders, ("3", "A", "2024-01-10", 50.0, "2024-04-01")], more), LATER)
        assert before == {"1": 0.0, "2": 100.0}
        # what names the order is taken off it, though it was given back already: the money went out twice
        assert after["left"].to_dict() == {"1": -40.0, "2": 100.0, "3": 50.0}

    def test_what_finds_no_order_counts_against_the_customer(self) -> None:
        shop = shop_of(
            [("1", "A", "2024-02-01", 80.0)],
            [(None, "2024-01-01", 30.0, "A"), (None, "2024-03-01", 100.0, "A"), ("?", "2024-03-01", 5.0, "A")],
        )
        found = customer_profit(shop, LATER).loc["A"]
        assert (found["unmatched"], found["refunded"], found["left"]) == (55.0, 80.0, -55.0)

    def test_a_refund_is_no_news_before_it_is_known(self) -> None:
        shop = shop_of([("1", "A", "2024-01-01", 80.0)], [(None, "2024-01-05", 80.0, "A", "2024-02-01")])
        assert order_profit(shop, "2024-01-31")["left"].item() == 80.0
        assert order_profit(shop, "2024-02-01")["left"].item() == 0.0

    def test_the_order_says_whose_a_refund_is(self) -> None:
        shop = shop_of([("1", "A", "2024-01-01", 80.0)], [("1", "2024-01-05", 30.0, "B")])
        assert customer_profit(shop, LATER)["left"].to_dict() == {"A": 50.0}


MONEY = st.integers(1, 30_000).map(lambda cents: cents / 100)
DAYS = st.integers(0, 120).map(lambda day: pd.Timestamp("2024-01-01") + pd.Timedelta(days=day))
DELAYS = st.sampled_from([0, 0, 0, 3, 40])


@st.composite
def shops(draw: st.DrawFn) -> tuple[list[Order], list[Refund]]:
    """Orders of three customers and refunds that name an order, a customer, both or a stranger; some are late."""
    orders: list[Order] = []
    for number in range(draw(st.integers(1, 8))):
        day = draw(DAYS)
        orders.append(
            (f"o{number}", draw(st.sampled_from("ABC")), day, draw(MONEY), day + pd.Timedelta(days=draw(DELAYS)))
        )
    refunds: list[Refund] = []
    for _ in range(draw(st.integers(0, 7))):
        day = draw(DAYS)
        order = draw(st.sampled_from([None, None, "o0", "o1", "nowhere"]))
        customer = draw(st.sampled_from("ABC")) if order is None else draw(st.sampled_from([None, "A"]))
        refunds.append((order, day, draw(MONEY), customer, day + pd.Timedelta(days=draw(DELAYS))))
    return orders, refunds


class TestWhatHoldsForAnyShop:
    @settings(max_examples=10)
    @given(shops())
    def test_every_refund_is_matched_once(self, rows: tuple[list[Order], list[Refund]]) -> None:
        orders, refunds = rows
        found = parts(shop_of(orders, refunds))
        assert round(found["amount"].sum(), 2) == round(sum(refund[2] for refund in refunds), 2)
        notes = parts(shop_of(orders, [refund for refund in refunds if refund[0] is None])).dropna(subset="order_id")
        placed = {order[0]: order for order in orders}
        assert all(placed[note.order_id][2] <= note.refunded_at for note in notes.itertuples())
        borne = notes.groupby("order_id")["amount"].sum()
        assert all(amount <= placed[order_id][3] + 1e-9 for order_id, amount in borne.items())

    @settings(max_examples=10)
    @given(shops(), st.randoms(use_true_random=False))
    def test_rows_in_any_order_give_the_same(self, rows: tuple[list[Order], list[Refund]], lot: object) -> None:
        orders, refunds = rows
        shop = shop_of(orders, refunds)
        turned = shop_of(orders[::-1], sorted(refunds, key=lambda _: lot.random()))  # type: ignore[attr-defined]
        pd.testing.assert_frame_equal(order_profit(shop, LATER), order_profit(turned, LATER))
        pd.testing.assert_frame_equal(customer_profit(shop, LATER), customer_profit(turned, LATER))

    @settings(max_examples=10)
    @given(shops(), st.integers(1, 150))
    def test_what_is_known_later_changes_nothing(self, rows: tuple[list[Order], list[Refund]], day: int) -> None:
        orders, refunds = rows
        cut = pd.Timestamp("2024-01-01") + pd.Timedelta(days=day)
        seen = [order for order in orders if order[2] < cut and order[4] <= cut]
        back = [refund for refund in refunds if refund[1] < cut and refund[4] <= cut]
        as_of = date(cut.year, cut.month, cut.day)
        if seen:
            pd.testing.assert_frame_equal(
                customer_profit(shop_of(orders, refunds), as_of), customer_profit(shop_of(seen, back), as_of)
            )

    @settings(max_examples=10)
    @given(shops())
    def test_customers_add_up_to_orders_less_what_found_none(self, rows: tuple[list[Order], list[Refund]]) -> None:
        shop = shop_of(*rows)
        people, orders = customer_profit(shop, LATER), order_profit(shop, LATER)
        assert round(people["left"].sum(), 6) == round(orders["left"].sum() - people["unmatched"].sum(), 6)


def test_notes_without_a_customer_or_an_order_belong_to_nobody() -> None:
    shop = shop_of([("1", "A", "2024-01-01", 80.0)])
    tables = Tables({**shop.frames, "refunds": refunds_of((None, "2024-01-05", 30.0))}, "EUR")
    assert parts(tables)["amount"].sum() == pytest.approx(30.0)
    assert customer_profit(tables, LATER)["left"].to_dict() == {"A": 80.0}
