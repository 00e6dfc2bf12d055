"""Leads: what was known when each came, and what became of it."""

from __future__ import annotations

import pandas as pd
import pytest

from cvo_ml.core.errors import ModelRefused
from cvo_ml.core.tables import Tables
from cvo_ml.core.units import Horizon
from cvo_ml.features.leads import (
    as_numbers,
    customer_leads,
    field_names,
    lead_fields,
    lead_outcomes,
    refuse_written_later,
    timed_fields,
)
from cvo_ml.features.value_at_age import profit, value_after_winning, value_by_age
from tests.builders import frame, orders_of

DAY = Horizon("1D")


def leads_of(rows: list[tuple], columns: list[str]) -> pd.DataFrame:
    return frame("leads", ["lead_id", "created_at", *columns], rows)


def vendor() -> Tables:
    """Four leads: won with invoices, lost, never asked, won too late."""
    leads = leads_of(
        [
            ("1", "2024-01-01", "web"),
            ("2", "2024-01-02", "fair"),
            ("3", "2024-01-03", "web"),
            ("4", "2024-01-04", "web"),
        ],
        ["source"],
    )
    deals = frame(
        "deals",
        ["deal_id", "lead_id", "customer_id", "is_won", "created_at", "closed_at"],
        [
            ("a", "1", "c1", True, "2024-01-05", "2024-01-20"),
            ("b", "2", None, False, "2024-01-05", "2024-01-10"),
            ("d", "4", "c4", True, "2024-01-05", "2024-03-01"),
        ],
    )
    orders = orders_of(
        ("o1", "c1", "2024-01-20", 100.0), ("o2", "c1", "2024-02-01", 50.0), ("o3", "c1", "2024-02-19", 7.0)
    ).assign(cost=[40.0, 20.0, 1.0])
    costs = frame(
        "costs_to_serve",
        ["customer_id", "period", "activity", "quantity", "unit_cost"],
        [("c1", "2024-01-01", "minutes", 3.0, 2.0), ("c1", "2024-03-01", "minutes", 9.0, 9.0)],
    )
    return Tables({"orders": orders, "leads": leads, "deals": deals, "costs_to_serve": costs}, "EUR")


def test_outcomes_by_hand() -> None:
    found = lead_outcomes(vendor(), "2024-06-01", Horizon("30D"), Horizon("30D"))
    assert found["asked"].to_dict() == {"1": True, "2": True, "3": False, "4": True}
    assert found["decided"].to_dict() == {"1": True, "2": True, "3": False, "4": False}
    assert found["won"].to_dict() == {"1": True, "2": False, "3": False, "4": False}
    # [2024-01-20, 2024-02-19): 150 net, 60 cost, 6 of January's support; the third invoice comes on day 30
    assert found["profit"].to_dict() == {"1": 84.0, "2": 0.0, "3": 0.0, "4": 0.0}
    assert found.attrs["basis"] == "contribution"


def test_a_lead_whose_window_is_open_has_no_outcome() -> None:
    found = lead_outcomes(vendor(), "2024-03-02", Horizon("30D"), Horizon("30D"))
    assert list(found.index) == ["1", "2"]  # 3 came on January 3rd: its 60 days end on March 3rd


def test_without_orders_the_amount_of_the_deal_counts() -> None:
    tables = vendor()
    deals = tables.get("deals").assign(amount=[500.0, 900.0, 100.0])
    bare = Tables({**tables.frames, "orders": tables.orders.iloc[:0], "deals": deals}, "EUR")
    found = lead_outcomes(bare, "2024-06-01", Horizon("30D"), Horizon("30D"))
    assert found["profit"].tolist() == [500.0, 0.0, 0.0, 0.0]
    assert found.attrs["basis"] == "deal amount"


def test_one_order_without_cost_makes_revenue_of_all() -> None:
    tables = vendor()
    orders = tables.orders.assign(cost=[40.0, None, 1.0])
    values = value_after_winning(Tables({**tables.frames, "orders": orders}, "EUR"), "2024-06-01", Horizon("30D"))
    worth, basis = profit(values, later=False)
    assert (basis, worth["c1"]) == ("revenue", 150.0)


def test_what_came_after_the_first_order_is_told_apart() -> None:
    values = value_by_age(vendor(), "2024-06-01", Horizon("30D"))
    assert values.loc["c1", ["value", "later_value", "cost", "later_cost", "serving_cost"]].tolist() == [
        150.0, 50.0, 60.0, 20.0, 6.0,
    ]  # fmt: skip
    assert profit(values, later=True)[0]["c1"] == 24.0


TIMED = [
    ("1", "2024-01-01 10:00", "sql", "2024-01-01 12:00"),
    ("2", "2024-01-01 10:00", "won", "2024-02-01 12:00"),
    ("3", "2024-01-01 10:00", "mql", None),
    ("4", "2024-01-01 10:00", None, None),
]


def test_a_value_counts_only_from_the_moment_it_became_known() -> None:
    leads = leads_of(TIMED, ["stage", "stage_known_at"])
    assert field_names(leads) == ["stage"]
    assert timed_fields(leads) == ("stage",)
    found = lead_fields(leads, "2024-06-01", DAY)["stage"]
    assert found.dropna().to_dict() == {"1": "sql"}
    later = lead_fields(leads, "2024-06-01", Horizon("60D"))["stage"]
    assert later.dropna().to_dict() == {"1": "sql", "2": "won"}
    assert lead_fields(leads, "2024-01-15", Horizon("60D"))["stage"].dropna().to_dict() == {"1": "sql"}


def test_a_row_that_became_known_late_tells_nothing() -> None:
    rows = [("1", "2024-01-01", "web", "2024-01-01"), ("2", "2024-01-01", "fair", "2024-01-09")]
    found = lead_fields(leads_of(rows, ["source", "known_at"]), "2024-06-01", DAY)["source"]
    assert found.dropna().to_dict() == {"1": "web"}


def test_a_declared_field_that_was_written_after_conversion_is_refused() -> None:
    leads = leads_of(TIMED, ["stage", "stage_known_at"])
    with pytest.raises(
        ModelRefused, match=r"'stage' was written later than 1D after the lead came for 2 of 3"
    ) as refused:
        refuse_written_later(leads, ["stage"], DAY)
    assert refused.value.reason_code == "field_after_conversion"
    refuse_written_later(leads, [], DAY)  # masked value by value instead
    always = leads[leads["lead_id"] == "2"]
    with pytest.raises(ModelRefused, match=r"leads\.written_later"):
        refuse_written_later(always, [], DAY)


def test_leads_that_all_became_known_late_are_refused() -> None:
    leads = leads_of([("1", "2024-01-01", "web", "2024-03-01")], ["source", "known_at"])
    with pytest.raises(ModelRefused, match="1 of 1 leads became known later than 1D"):
        refuse_written_later(leads, [], DAY)


def test_customers_have_the_fields_of_the_lead_they_were() -> None:
    found = customer_leads(vendor(), "2024-02-01", DAY)
    assert found["source"].to_dict() == {"c1": "web"}  # c4 was won in March


def test_times_and_numbers_in_texts_are_told_from_words() -> None:
    rows = [("1", "2024-01-01", "12", "2024-02-01T10:00:00", "7b"), ("2", "2024-01-01", "3.5", None, "8")]
    leads = leads_of(rows, ["employees", "contacted_at", "code"])
    assert field_names(leads) == ["employees", "code"]
    assert as_numbers(leads, ["employees", "code"]) == ("employees",)
