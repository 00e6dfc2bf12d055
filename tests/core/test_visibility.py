"""The one rule of visibility, by hand."""

from __future__ import annotations

from datetime import date

import pandas as pd

from cvo_ml.core.tables import Tables
from cvo_ml.core.visibility import as_known_on, happened, is_known, visible_table
from tests.builders import SHOP_CUT, frame, shop_of

DAY = date(2023, 4, 1)


def test_a_row_is_seen_if_it_happened_before_and_was_known_by_then() -> None:
    rows = [("before", "a", "2023-03-31 23:59:59", 1.0), ("at midnight", "a", "2023-04-01", 1.0),
            ("known at midnight", "a", "2023-01-01", 1.0, "2023-04-01"),
            ("known later", "a", "2023-01-01", 1.0, "2023-04-01 00:00:01")]  # fmt: skip
    assert visible_table(shop_of(rows), "orders", DAY)["order_id"].tolist() == ["before", "known at midnight"]


def test_a_table_that_is_not_there_is_empty() -> None:
    seen = visible_table(shop_of([("1", "a", "2023-01-01", 1.0)]), "treatments", DAY)
    assert seen.empty
    assert "sent_at" in seen


def test_a_table_about_no_moment_has_its_known_at_alone() -> None:
    customers = frame("customers", ["customer_id", "known_at"], [("a", "2023-01-01"), ("b", "2023-06-01"), ("c", None)])
    tables = shop_of([("1", "a", "2023-01-01", 1.0)], customers=customers)
    assert visible_table(tables, "customers", DAY)["customer_id"].tolist() == ["a", "c"]


def test_a_fact_that_is_not_told_has_not_happened() -> None:
    assert happened(pd.to_datetime(pd.Series(["2023-03-01", None, "2023-05-01"])), DAY).tolist() == [True, False, False]


def test_each_row_can_have_its_own_limit() -> None:
    rows = pd.DataFrame({"known_at": pd.to_datetime(["2023-01-05", "2023-01-05"])})
    assert is_known(rows, pd.to_datetime(pd.Series(["2023-01-04", "2023-01-05"]))).tolist() == [False, True]


def test_tables_as_known_on_a_day_put_late_rows_in_their_place() -> None:
    rows = [("1", "a", "2023-01-01", 1.0, "2023-01-01"), ("2", "a", "2023-01-02", 1.0, "2023-03-01"),
            ("3", "a", "2023-01-03", 1.0, "2023-06-01")]  # fmt: skip
    known = as_known_on(shop_of(rows), DAY)
    assert known.orders["order_id"].tolist() == ["1", "2"]
    assert visible_table(known, "orders", date(2023, 2, 1))["order_id"].tolist() == ["1", "2"]
    plain = frame("orders", ["order_id", "customer_id", "ordered_at", "net"], [("1", "a", "2023-01-01", 1.0)])
    assert as_known_on(Tables({"orders": plain}, "EUR"), SHOP_CUT).orders.equals(plain)
