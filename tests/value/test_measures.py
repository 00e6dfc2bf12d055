"""Numbers as people read them, and what is undefined."""

from __future__ import annotations

import pytest

from cvo_ml.stats.intervals import Interval, mean_interval, wilson
from cvo_ml.value import Undefined
from cvo_ml.value.measures import exactly, mean_of, scaled, share, shown


@pytest.mark.parametrize(
    ("value", "unit", "text"),
    [
        (wilson(5, 100), "share", "5.0 % (2.2–11.2)"),
        (Interval(0.0005, 0.0002, 0.0012), "share", "0.05 % (0.02–0.12)"),
        (Interval(112.4, 93.78, 130.2), "money", "112 EUR (94–130)"),
        (Interval(1.5, -3.25, 6.25), "money", "1.50 EUR (-3.25 to 6.25)"),
        (exactly(960), "money", "960 EUR"),
        (Undefined("nobody"), "money", "–"),
        (None, "days", "–"),
        (12.0, "days", "12 days"),
    ],
)
def test_a_number_is_shown_with_its_unit_and_its_interval(value: Interval, unit: str, text: str) -> None:
    assert shown(value, unit, "EUR") == text  # type: ignore[arg-type]


def test_nothing_of_nobody_is_a_reason() -> None:
    assert share(0, 0, "nobody has bought") == Undefined("nobody has bought")
    assert mean_of(1, 5.0, 25.0, "one alone") == Undefined("one alone")
    assert scaled(Undefined("why"), 3.0) == Undefined("why")


def test_a_mean_from_sums_has_the_interval_of_its_values() -> None:
    import numpy as np

    values = np.random.default_rng(1).gamma(2.0, 10.0, 2_000)
    found = mean_of(len(values), float(values.sum()), float((values**2).sum()), "")
    beside = mean_interval(values, replicates=400)
    assert isinstance(found, Interval)
    assert found.lower == pytest.approx(beside.lower, abs=0.15)
    assert found.upper == pytest.approx(beside.upper, abs=0.15)
