"""Who churned by each definition, by hand on a few rows; who cannot churn any more; what cannot be read."""

from datetime import date

import numpy as np
import pandas as pd
import pytest

from cvo_ml.config.churn import ChurnJob, Condition, MrrDown
from cvo_ml.core.errors import ConfigError, ModelRefused
from cvo_ml.core.tables import Tables
from cvo_ml.core.units import Horizon
from cvo_ml.features import snapshots
from cvo_ml.features.churn_outcomes import check_condition, churned, days_to_event, days_to_order, ineligible
from tests.builders import frame

CUT = date(2024, 3, 1)
ORDERS = [
    ("1", "often", "2024-02-01", 10.0),
    ("2", "often", "2024-02-06", 10.0),
    ("3", "often", "2024-02-11", 10.0),
    ("4", "often", "2024-03-21", 10.0),
    ("5", "once", "2024-02-20", 10.0),
    ("6", "once", "2024-03-01", 10.0),
    ("7", "silent", "2024-02-25", 10.0),
    ("8", "refunded", "2024-02-25", 10.0),
    ("9", "refunded", "2024-03-05", 10.0),
]
SUBSCRIPTIONS = [
    ("a", "often", "active", 100.0, "2024-01-01", None),
    ("b", "once", "active", 100.0, "2024-01-01", "2024-03-10"),
    ("c", "silent", "active", 60.0, "2024-01-01", None),
    ("d", "silent", "active", 40.0, "2024-01-01", "2024-03-15"),
    ("e", "refunded", "ended", 40.0, "2024-01-01", "2024-02-01"),
]
EVENTS = [
    ("often", "2024-03-02", "login", 1.0),
    ("often", "2024-03-03", "login", 2.0),
    ("once", "2024-05-01", "login", 1.0),
]


@pytest.fixture(scope="module")
def shop() -> Tables:
    """Four customers with all that the definitions ask for."""
    subscriptions = ("subscription_id", "customer_id", "status", "mrr", "started_at", "ended_at")
    return Tables(
        {
            "orders": frame("orders", ("order_id", "customer_id", "ordered_at", "net"), ORDERS),
            "refunds": frame(
                "refunds", ("order_id", "refunded_at", "amount", "customer_id"), [("9", "2024-03-08", 10.0)]
            ),
            "subscriptions": frame("subscriptions", subscriptions, SUBSCRIPTIONS),
            "events": frame("events", ("customer_id", "at", "name", "value"), EVENTS),
        },
        "EUR",
    )


def who(shop: Tables, **settings: object) -> set[str]:
    """The customers who churned in 30 days from the cut."""
    job = ChurnJob(horizon=Horizon("30D"), **settings)
    rows = snapshots(shop, [CUT])
    left = churned(shop, rows, job.outcome, days_to_event(shop, rows, job.outcome))
    return set(rows.index.get_level_values("customer_id")[left])


def test_no_order_within_the_horizon_and_an_order_refunded_in_it_is_none(shop: Tables) -> None:
    assert who(shop) == {"silent", "refunded"}


def test_days_to_the_next_order_are_counted_from_the_date(shop: Tables) -> None:
    rows = snapshots(shop, [CUT])
    days = days_to_order(shop, [CUT], Horizon("30D"), rows.index).droplevel("as_of")
    assert days[["once", "often"]].tolist() == [0.0, 20.0]
    assert days[["refunded", "silent"]].isna().all()


def test_own_gaps_make_a_frequent_customer_churn_earlier(shop: Tables) -> None:
    # "often" has gaps of 5 days: 3 x 5 = 15 < 20 days of silence; "once" has no gap and the whole horizon
    assert who(shop, definition="no_order_within_own_gaps") == {"often", "silent", "refunded"}


def test_a_subscription_that_ended_and_one_of_two(shop: Tables) -> None:
    assert who(shop, definition="subscription_ended") == {"once", "refunded"}


@pytest.mark.parametrize(("share", "expected"), [(0.2, {"once", "silent", "refunded"}), (0.5, {"once", "refunded"})])
def test_revenue_down_by_a_share(shop: Tables, share: float, expected: set[str]) -> None:
    assert who(shop, definition="mrr_down", mrr_down=MrrDown(share=share)) == expected


def test_a_condition_counts_or_sums_rows_of_the_window(shop: Tables) -> None:
    no_login = Condition(name="no_login", table="events", where={"name": "login"}, below=1)
    assert who(shop, definition="condition", condition=no_login) == {"once", "silent", "refunded"}
    much = Condition(name="much", table="events", sum_of="value", at_least=3)
    assert who(shop, definition="condition", condition=much) == {"often"}


def test_the_name_of_the_definition_travels() -> None:
    no_login = Condition(name="no_login", table="events", below=1)
    assert ChurnJob(definition="condition", condition=no_login).definition_name == "no_login"
    assert ChurnJob(definition="no_order_within_own_gaps").definition_name == "no_order_within_3_own_gaps"


def test_who_cannot_churn_any_more_says_why(shop: Tables) -> None:
    rows = snapshots(shop, [CUT]).droplevel("as_of")
    contractual = ineligible(rows, "subscription_ended", Horizon("30D"))
    assert contractual.dropna().to_dict() == {"refunded": "gone_already"}
    without = ineligible(rows.assign(active_subscriptions=0.0, ended_subscriptions=0.0), "mrr_down", Horizon("30D"))
    assert set(without) == {"no_active_subscription"}
    late = rows.assign(days_since_last_order=np.float64(500))
    assert set(ineligible(late, "no_order_within_horizon", Horizon("30D"))) == {"gone_already"}


def test_what_cannot_be_read_is_refused_with_what_would_help(shop: Tables) -> None:
    orders_only = Tables({"orders": shop.orders}, "EUR")
    with pytest.raises(ModelRefused, match="needs the table 'subscriptions'") as refused:
        who(orders_only, definition="subscription_ended")
    assert refused.value.reason_code == "no_subscriptions"
    for condition, message in (
        (Condition(name="x", table="event", below=1), "did you mean 'events'"),
        (Condition(name="x", table="events", where={"nam": "login"}, below=1), "has no column 'nam'"),
        (Condition(name="x", table="events", sum_of="values", below=1), "has no column 'values'"),
    ):
        with pytest.raises(ConfigError, match=message):
            who(shop, definition="condition", condition=condition)


def test_a_wrong_event_is_answered_with_those_that_occur_the_nearest_first(shop: Tables) -> None:
    more = [*EVENTS, *[("often", "2024-02-01", "visit", 1.0)] * 5, ("often", "2024-02-01", "logout", 1.0)]
    busy = Tables({**shop.frames, "events": frame("events", ("customer_id", "at", "name", "value"), more)}, "EUR")
    asked = ChurnJob(
        horizon=Horizon("90D"), definition="condition",
        condition=Condition(name="x", table="events", where={"name": "logon"}, below=1),
    ).outcome  # fmt: skip
    with pytest.raises(ConfigError) as refused:
        check_condition(busy, [CUT], asked)
    assert str(refused.value) == (
        "churn: condition.where: no row of 'events' has name = 'logon' (did you mean 'login'?): those that occur are "
        "login (3), visit (5), logout (1)"
    )
    right = Condition(name="x", table="events", where={"name": "login"}, below=1)
    check_condition(busy, [CUT], ChurnJob(definition="condition", condition=right).outcome)
    check_condition(busy, [CUT], ChurnJob().outcome)  # asks nothing of any table


def test_a_column_of_names_is_not_listed(shop: Tables) -> None:
    orders = [(str(number), f"c{number}", "2024-02-01", 1.0) for number in range(300)]
    large = Tables({"orders": frame("orders", ("order_id", "customer_id", "ordered_at", "net"), orders)}, "EUR")
    asked = Condition(name="x", table="orders", where={"order_id": "nobody"}, below=1)
    with pytest.raises(ConfigError, match="300 other values occur"):
        check_condition(large, [CUT], ChurnJob(definition="condition", condition=asked).outcome)


def test_no_order_in_a_category_is_a_condition_of_lines(shop: Tables) -> None:
    columns = ("order_id", "product_id", "quantity", "category")
    lines = [("4", "p", 2.0, "coffee"), ("6", "p", 1.0, "tea"), ("1", "p", 1.0, "coffee")]
    full = Tables({**shop.frames, "order_lines": frame("order_lines", columns, lines)}, "EUR")
    coffee = Condition(name="no_coffee", table="order_lines", where={"category": "coffee"}, below=1)
    assert who(full, definition="condition", condition=coffee) == {"once", "silent", "refunded"}
    much = Condition(name="much", table="order_lines", sum_of="quantity", at_least=2)
    assert who(full, definition="condition", condition=much) == {"often"}


def test_rows_after_the_window_change_no_label(shop: Tables) -> None:
    later = pd.concat(
        [
            shop.orders,
            frame("orders", ("order_id", "customer_id", "ordered_at", "net"), [("99", "silent", "2024-03-31", 5.0)]),
        ]
    )
    assert who(Tables({**shop.frames, "orders": later}, "EUR")) == who(shop)
