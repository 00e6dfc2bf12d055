"""The stage of each customer's life, by hand."""

from __future__ import annotations

from datetime import date

import pandas as pd

from cvo_ml.config.segments import StageRules
from cvo_ml.core.tables import Tables
from cvo_ml.segments.stages import STAGES, stages
from tests.builders import SHOP_CUT, frame, shop_of


def lives() -> Tables:
    events = frame(
        "events",
        ["customer_id", "at", "name"],
        [
            ("visitor", "2023-01-05", "page_viewed"),
            ("thinker", "2023-01-05", "product_viewed"),
            ("fan", "2023-01-01", "product_viewed"),
            ("fan", "2023-03-01", "referral"),
            ("late", "2023-12-24", "product_viewed"),
        ],
    )
    surveys = frame(
        "surveys",
        ["customer_id", "answered_at", "kind", "score"],
        [
            ("promoter", "2023-03-01", "nps_post", 10.0),
            ("buyer", "2023-03-01", "nps_post", 10.0),
            ("back", "2023-03-01", "nps_post", 8.0),
        ],
    )
    orders = [
        ("1", "buyer", "2023-02-01", 10.0),
        ("2", "back", "2023-02-01", 10.0), ("3", "back", "2023-02-11", 10.0),
        ("4", "fan", "2023-02-01", 10.0), ("5", "fan", "2023-02-21", 10.0),
        ("6", "promoter", "2023-02-01", 10.0), ("7", "promoter", "2023-05-02", 10.0),
        ("8", "refunded", "2023-02-01", 10.0),
        ("9", "buyer", "2023-12-01", 10.0),
    ]  # fmt: skip
    people = frame("customers", ["customer_id", "created_at"], [("lead", "2023-01-01"), ("later", "2023-12-01")])
    return shop_of(orders, [("8", "2023-02-05", 10.0)], events=events, surveys=surveys, customers=people)


def test_the_stage_of_each_customer_by_hand() -> None:
    found = stages(lives(), SHOP_CUT, StageRules())
    assert found.stage.astype(str).to_dict() == {
        "lead": "awareness", "visitor": "awareness", "thinker": "consideration", "refunded": "consideration",
        "buyer": "purchase", "back": "retention", "fan": "advocacy", "promoter": "advocacy",
    }  # fmt: skip
    # a promoter's answer before the second order counts from that order on
    assert found.entered.loc["promoter", "advocacy"] == pd.Timestamp("2023-05-02")
    assert found.unseen == ()


def test_stage_conversion_and_dwell_by_hand() -> None:
    rows = {row.stage: row for row in stages(lives(), SHOP_CUT, StageRules()).flow()}
    assert {name: rows[name].reached for name in STAGES} == dict(zip(STAGES, (8, 6, 4, 3, 2), strict=True))
    assert sum(row.customers for row in rows.values()) == 8
    assert rows["purchase"].onward.went_on.estimate == 0.75
    # waiting for the second order: 10, 20 and 90 days, one still waits; Kaplan-Meier is at .5 on day 20
    assert rows["purchase"].onward.median_days == 20.0
    assert rows["awareness"].onward.median_days == 0.0
    assert rows["advocacy"].to_json() == {"stage": "advocacy", "customers": 2, "reached": 2}
    assert set(rows["purchase"].to_json()) == {"stage", "customers", "reached", "went_on", "median_days"}


def test_stages_that_the_tables_cannot_show_are_named(shop: Tables) -> None:
    orders_alone = Tables({"orders": shop.orders}, shop.currency)
    found = stages(orders_alone, SHOP_CUT, StageRules())
    assert found.unseen == ("awareness", "consideration", "advocacy")
    assert set(found.stage.unique()) == {"purchase", "retention"}


def test_later_rows_change_no_stage() -> None:
    tables = lives()
    cut = dict(tables.frames)
    for name, column in (
        ("orders", "ordered_at"),
        ("events", "at"),
        ("surveys", "answered_at"),
        ("customers", "created_at"),
    ):
        cut[name] = cut[name][cut[name][column] < pd.Timestamp("2023-04-01")].reset_index(drop=True)
    early, whole = (stages(shown, date(2023, 4, 1), StageRules()) for shown in (Tables(cut, "EUR"), tables))
    pd.testing.assert_frame_equal(early.entered, whole.entered)
