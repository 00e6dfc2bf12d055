"""Events when a state is entered: confirmed, not repeated within the cooldown, deaf to flicker."""

from __future__ import annotations

from datetime import date, timedelta

import numpy as np
import pandas as pd
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from cvo_ml.config.segments import TRIGGERS, SegmentPolicy, Trigger
from cvo_ml.core.units import Horizon
from cvo_ml.segments.triggers import EVENT_COLUMNS, events

START = date(2023, 1, 1)
JOINED = Trigger(name="joined", groups=("Loyal",), confirm_runs=2, cooldown=Horizon("90D"))


def runs(histories: dict[str, str], step: int = 30, **columns: list[float]) -> dict[date, pd.DataFrame]:
    """Letters over time: L = Loyal, other letters = another group, a dot = not there."""
    found = {}
    for place in range(len(next(iter(histories.values())))):
        rows = [
            {
                "customer_id": customer,
                "rfm_group": "Loyal" if letters[place] == "L" else "Recent",
                "rfm_m": 2.0,
                "rfm_scale": 3.0,
                "churn_probability": columns["churn"][place] if customer == "a" and "churn" in columns else np.nan,
                "icp_tier": None,
                "historic_number_of_orders": 1.0,
            }
            for customer, letters in histories.items()
            if letters[place] != "."
        ]
        frame = pd.DataFrame(rows, columns=[*rows[0]] if rows else None)
        found[START + timedelta(days=step * place)] = frame.astype({"icp_tier": "str"})
    return found


def fired(letters: str, trigger: Trigger = JOINED, step: int = 30, **columns: list[float]) -> list[int]:
    """In which runs the event came."""
    table = events(runs({"a": letters, "z": "x" * len(letters)}, step, **columns), [trigger])
    assert list(table.columns) == list(EVENT_COLUMNS)
    assert set(table["customer_id"]) <= {"a"}
    return [(day.date() - START).days // step for day in table["as_of"]]


@pytest.mark.parametrize(
    ("letters", "expected"),
    [
        ("xLL", [2]),  # confirmed by the second run
        ("xLLLLL", [2]),  # once, as long as it lasts
        ("xLxLxLxL", []),  # flicker
        ("LLLL", []),  # in it since before the first run: nobody saw an entry
        ("LLxxLL", [5]),  # left for two runs, then entered
        ("LLxLL", []),  # one run away is not leaving
        (".LL", [2]),  # a new customer
        ("xLLxxLL", [2, 6]),  # 120 days apart
        ("xL", []),
    ],
)
def test_entering_takes_two_runs_and_so_does_leaving(letters: str, expected: list[int]) -> None:
    assert fired(letters) == expected


def test_no_second_event_within_the_cooldown() -> None:
    assert fired("xLLxxLLxxLLxxLL", step=20) == [2, 10]  # run 6 comes 80 days after run 2
    assert fired("xLLxxLL", step=20, trigger=JOINED.model_copy(update={"cooldown": Horizon("1D")})) == [2, 6]


def test_one_run_is_enough_where_the_policy_says_so() -> None:
    assert fired("xLxL", trigger=JOINED.model_copy(update={"confirm_runs": 1, "cooldown": Horizon("1D")})) == [1, 3]


def test_churn_between_leaving_and_entering_changes_nothing() -> None:
    trigger = Trigger(name="about", churn_enter=0.66, churn_leave=0.5, confirm_runs=1, cooldown=Horizon("1D"))
    assert fired("xxxxxx", trigger, churn=[0.1, 0.7, 0.6, 0.7, 0.4, 0.7]) == [1, 5]
    assert fired("xxxx", trigger, churn=[0.1, 0.6, 0.65, 0.6]) == []


def test_an_event_says_since_when_and_by_what() -> None:
    table = events(runs({"a": "xLL"}, churn=[0.1, 0.2, 0.3]), [JOINED])
    row = table.iloc[0]
    assert (row["trigger"], row["rfm_group"], row["churn_probability"]) == ("joined", "Loyal", 0.3)
    assert (row["since"].date(), row["as_of"].date()) == (START + timedelta(days=30), START + timedelta(days=60))


def test_the_shipped_triggers_see_what_they_are_named_for() -> None:
    base = runs(dict.fromkeys(("high", "busy", "tier", "loyal"), "xx"))
    days = list(base)
    later = base[days[1]].set_index("customer_id")
    later.loc[["high", "busy"], "rfm_m"] = 3.0
    later.loc["busy", "historic_number_of_orders"] = 2.0
    later.loc["tier", "icp_tier"] = "top 10 %"
    table = events({days[0]: base[days[0]], days[1]: later.reset_index()}, TRIGGERS)
    assert table[["trigger", "customer_id"]].to_numpy().tolist() == [
        ["new_high_value", "high"],
        ["new_high_value", "tier"],
    ]
    assert [trigger.name for trigger in SegmentPolicy().triggers] == [
        "about_to_churn",
        "new_high_value",
        "joined_loyal",
    ]


@settings(max_examples=8)
@given(
    st.lists(st.text("Lx.", min_size=12, max_size=12), min_size=1, max_size=4), st.integers(1, 3), st.integers(1, 200)
)
def test_properties_of_any_history(histories: list[str], confirm: int, cooldown: int) -> None:
    trigger = JOINED.model_copy(update={"confirm_runs": confirm, "cooldown": Horizon(f"{cooldown}D")})
    named = {f"c{place}": letters for place, letters in enumerate(histories)} | {"z": "x" * 12}
    table = events(runs(named), [trigger])
    for customer, own in table.groupby("customer_id"):
        assert (own["as_of"].diff().dropna().dt.days >= cooldown).all()
        for day in own["as_of"]:
            place = (day.date() - START).days // 30
            assert named[str(customer)][place - confirm + 1 : place + 1] == "L" * confirm
    alone = events(runs({"c0": named["c0"], "z": named["z"]}), [trigger])
    expected = table[table["customer_id"] == "c0"].reset_index(drop=True)
    pd.testing.assert_frame_equal(alone[alone["customer_id"] == "c0"].reset_index(drop=True), expected)


def test_no_runs_give_no_events() -> None:
    assert events({}, TRIGGERS).empty
    assert events(dict(list(runs({"a": "L"}).items())), TRIGGERS).empty
