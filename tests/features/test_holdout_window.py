"""What came after a summary: by hand, and nothing of it from beyond the window."""

from __future__ import annotations

import pandas as pd
import pytest

from cvo_ml.core.errors import UsageError
from cvo_ml.core.units import Horizon
from cvo_ml.features import HoldoutWindow, holdout, rfm_summary
from tests.builders import shop_of

CUT, WINDOW = "2024-02-01", "10D"
ORDERS = [
    ("1", "a", "2024-01-01 09:00", 10.0),
    ("2", "a", "2024-01-23 10:00", 20.0),
    ("3", "a", "2024-02-01 00:00", 30.0),  # the first moment of the window
    ("4", "a", "2024-02-01 20:00", 5.0),  # the same day: one purchase
    ("5", "a", "2024-02-10 23:59", 40.0),
    ("6", "b", "2024-01-31 12:00", 50.0),
    ("7", "b", "2024-02-11 00:00", 60.0),  # the first moment after it
    ("8", "c", "2024-02-03 12:00", 70.0),  # nobody knew c at the cut
    ("9", "d", "2024-01-05 12:00", 80.0),
    ("10", "d", "2024-02-05 12:00", 90.0),
]
REFUNDS = [("10", "2024-02-06", 90.0)]


def test_purchases_and_value_in_the_window_and_before_it() -> None:
    came = holdout(shop_of(ORDERS, REFUNDS), CUT, WINDOW)
    assert came.horizon == Horizon("10D")
    assert came.outcomes["purchases"].to_dict() == {"a": 2.0, "b": 0.0, "d": 0.0}
    assert came.outcomes["value"].to_dict() == {"a": 75.0, "b": 0.0, "d": 0.0}
    assert came.before["purchases"].to_dict() == {"a": 1.0, "b": 1.0, "d": 0.0}
    assert came.before["value"].to_dict() == {"a": 20.0, "b": 50.0, "d": 0.0}
    days = came.days
    assert (sorted(days.births), sorted(days.repeats)) == ([0, 4, 30], [22, 31, 40])
    assert (days.cut, days.end) == (31, 41)


def test_it_is_of_the_customers_of_the_summary_and_later_rows_change_nothing() -> None:
    shop = shop_of(ORDERS, REFUNDS)
    came = holdout(shop, CUT, WINDOW)
    assert came.outcomes.index.equals(rfm_summary(shop, as_of=CUT).index)
    more = [*ORDERS, ("11", "a", "2024-02-11 08:00", 1.0), ("12", "e", "2024-01-02 08:00", 1.0, "2024-03-01 00:00")]
    later = holdout(shop_of(more, [*REFUNDS, ("5", "2024-02-12", 40.0)]), CUT, WINDOW)
    pd.testing.assert_frame_equal(later.outcomes, came.outcomes)
    assert later.days.repeats.tolist() == came.days.repeats.tolist()


def test_a_window_ends_with_the_last_order_at_the_latest() -> None:
    shop = shop_of(ORDERS[:5])
    assert holdout(shop, CUT, WINDOW).outcomes.loc["a", "purchases"] == 2
    with pytest.raises(UsageError, match=r"2024-02-12 is not over in the orders \(the last is of 2024-02-10\)"):
        holdout(shop, CUT, "11D")


@pytest.mark.parametrize("wrong", [pd.DataFrame({"orders": [1]}), [1, 2], None])
def test_a_holdout_by_hand_needs_purchases(wrong: object) -> None:
    with pytest.raises(UsageError, match="holds a frame by customer_id with 'purchases'"):
        HoldoutWindow(wrong, "90D")
