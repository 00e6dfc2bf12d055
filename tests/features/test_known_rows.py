"""What rows say at a date: later facts are hidden, promises are not; a row is somebody's by any of its ids."""

from __future__ import annotations

from datetime import date

import pandas as pd

from cvo_ml.config.segments import StageRules
from cvo_ml.core.tables import Tables
from cvo_ml.features import snapshot
from cvo_ml.features.own.rows import KnownRows
from cvo_ml.features.truncated_tables import known_rows
from cvo_ml.predict.one_customer import of_customer
from cvo_ml.segments.stages import stages
from tests.builders import frame, shop_of

DAY = date(2024, 2, 1)


def shop(**tables: pd.DataFrame) -> Tables:
    return shop_of([("1", "ann", "2024-01-01", 10.0), ("2", "bob", "2024-01-02", 10.0)], **tables)


def test_a_promise_is_known_before_it_comes_and_an_arrival_is_not() -> None:
    columns = ["order_id", "shipped_at", "delivered_at", "promised_at"]
    rows = [("1", "2024-01-02", "2024-01-04", "2024-01-03"), ("2", "2024-01-30", "2024-02-03", "2024-02-02"),
            ("2", "2024-02-02", None, "2024-02-05")]  # fmt: skip
    seen = known_rows("deliveries", frame("deliveries", columns, rows), DAY)
    assert seen["shipped_at"].dt.day.tolist() == [2, 30]
    assert seen["delivered_at"].isna().tolist() == [False, True]
    assert seen["promised_at"].dt.day.tolist() == [3, 2]


def test_whether_a_ticket_was_resolved_is_known_when_it_was_resolved_or_closed() -> None:
    columns = ["customer_id", "opened_at", "closed_at", "resolved_at", "resolved", "minutes"]
    rows = [("ann", "2024-01-02", "2024-01-05", "2024-01-04", True, 5.0),
            ("ann", "2024-01-03", "2024-02-05", "2024-02-04", True, 7.0),
            ("bob", "2024-01-04", "2024-01-09", None, False, 9.0)]  # fmt: skip
    tickets = KnownRows(shop(tickets=frame("tickets", columns, rows))).at("tickets", DAY)
    assert tickets["resolved"].astype("boolean").tolist() == [True, pd.NA, False]
    assert tickets["minutes"].fillna(0).tolist() == [5.0, 0.0, 9.0]


def test_touches_of_leads_and_answers_in_words_disturb_nobody() -> None:
    touches = frame("touchpoints", ["customer_id", "lead_id", "at", "channel"],
                    [(None, "L1", "2024-01-01", "ads"), ("zoe", None, "2024-01-01", "ads")])  # fmt: skip
    surveys = frame("surveys", ["customer_id", "answered_at", "kind", "text"],
                    [("ann", "2024-01-05", "goal", "a greener flat")])  # fmt: skip
    tables = shop(touchpoints=touches, surveys=surveys)
    assert set(stages(tables, DAY, StageRules()).entered.index) == {"ann", "bob", "zoe"}
    assert snapshot(tables, DAY)["nps_mean"].isna().all()


def test_a_row_is_a_customers_by_any_of_its_ids() -> None:
    tables = shop(
        deliveries=frame("deliveries", ["order_id", "shipped_at"], [("1", "2024-01-02"), ("2", "2024-01-03")]),
        referrals=frame("referrals", ["referrer_id", "referred_id", "at"],
                        [("ann", "bob", "2024-01-02"), ("bob", "zoe", "2024-01-03")]),
        months=frame("months", ["month", "net"], [("2023-01-01", 5.0)]),
    )  # fmt: skip
    own = of_customer(tables, "ann", DAY)
    assert own.get("deliveries")["order_id"].tolist() == ["1"]
    assert own.get("referrals")["referred_id"].tolist() == ["bob"]
    assert len(own.get("months")) == 1  # they are about nobody
