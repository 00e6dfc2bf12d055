"""Grades: DESIGN.md §6, letter by letter."""

from __future__ import annotations

import json

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from cvo_ml.stats.grading import grade, grade_losses
from cvo_ml.stats.intervals import Interval

CLEAR, LIKELY, WORSE = Interval(0.2, 0.1, 0.3), Interval(0.2, -0.1, 0.3), Interval(-0.2, -0.3, -0.1)
GOOD, BAD = Interval(1.0, 0.95, 1.2), Interval(1.4, 1.2, 1.6)


@pytest.mark.parametrize(
    ("advantage", "slope", "slices", "letter"),
    [
        (CLEAR, GOOD, {"new": CLEAR, "old": LIKELY}, "A"),
        (CLEAR, None, {}, "A"),
        (CLEAR, BAD, {}, "B"),
        (CLEAR, Interval(0.5, 0.2, 0.9), {}, "A"),  # the interval touches 0.9
        (CLEAR, Interval(0.5, 0.2, 0.89), {}, "B"),
        (CLEAR, Interval(1.0, float("nan"), float("nan")), {}, "B"),
        (CLEAR, GOOD, {"new": WORSE}, "B"),
        (CLEAR, GOOD, {"new": Interval(-0.1, -0.3, 0.1)}, "A"),  # worse, but not significantly
        (Interval(0.2, 0.0, 0.3), GOOD, {}, "C"),  # a lower bound of 0 is not above 0
        (LIKELY, GOOD, {}, "C"),
        (Interval(0.0, 0.0, 0.0), GOOD, {}, "D"),
        (WORSE, GOOD, {}, "D"),
        (Interval(float("nan"), float("nan"), float("nan")), GOOD, {}, "D"),
    ],
)
def test_the_letter_follows_from_advantage_slope_and_slices(
    advantage: Interval, slope: Interval | None, slices: dict[str, Interval], letter: str
) -> None:
    assert grade(advantage, slope, slices).grade == letter


@given(*[st.floats(-1, 1)] * 3)
def test_a_larger_advantage_never_earns_a_worse_letter(estimate: float, half: float, gain: float) -> None:
    half, gain = abs(half), abs(gain)
    before = grade(Interval(estimate, estimate - half, estimate + half), GOOD, {}).grade
    after = grade(Interval(estimate + gain, estimate + gain - half, estimate + gain + half), GOOD, {}).grade
    assert after <= before


def test_losses_are_compared_row_by_row() -> None:
    # the rows' losses vary by hundreds and the model is better by 0.1 on each: only a paired comparison sees it
    baseline = np.random.default_rng(1).uniform(0, 500, 200)
    verdict = grade_losses(baseline - 0.1, baseline, None, {})
    assert verdict.grade == "A"
    assert verdict.advantage.estimate == pytest.approx(0.1)


def test_equal_losses_are_no_advantage() -> None:
    assert grade_losses(np.ones(50), np.ones(50), None, {}).grade == "D"


def test_a_slice_that_loses_is_named_and_one_too_small_is_not_judged() -> None:
    rng = np.random.default_rng(2)
    model, baseline = rng.normal(1.0, 0.1, 400), rng.normal(2.0, 0.1, 400)
    model[:60] = 3.0
    first = np.arange(400) < 60
    verdict = grade_losses(model, baseline, None, {"first": first, "rest": ~first, "tiny": np.arange(400) < 29})
    assert (verdict.grade, verdict.worse_slices, sorted(verdict.slices)) == ("B", ("first",), ["first", "rest"])


def test_the_verdict_is_json_with_its_evidence() -> None:
    told = json.loads(json.dumps(grade(CLEAR, GOOD, {"new": WORSE}).to_json(), allow_nan=False))
    assert told["grade"] == "B"
    assert told["advantage"] == {"estimate": 0.2, "lower": 0.1, "upper": 0.3, "level": 0.95}
    assert told["slope"]["estimate"] == 1.0
    assert told["worse_slices"] == ["new"]
    assert told["slices"]["new"]["upper"] == -0.1
    assert grade(CLEAR, None, {}).to_json()["slope"] is None
