"""Repeat purchases by the week."""

from __future__ import annotations

import numpy as np
import pytest

from cvo_ml.models.clv import BetaGeoModel
from cvo_ml.models.clv.tracking import track

from .shops import purchase_model

CDNOW = {"r": 0.2425945, "alpha": 4.4136019, "a": 0.7929199, "b": 2.4258881}


def test_the_cohorts_expectation_is_the_sum_over_its_customers():
    model = purchase_model(BetaGeoModel, "D", CDNOW | {"alpha": 4.414 * 7})
    births = np.random.default_rng(1).integers(0, 40, 500)
    found = track(births, np.array([], dtype=np.intp), model.expected_curve_new, cut_day=40, days=71)
    by_hand = [
        sum(model.expected_curve_new(np.array([last - b]))[0] for b in births if b < last) for last in (6, 13, 69)
    ]
    assert np.cumsum(found.expected)[[0, 1, 9]] == pytest.approx(by_hand, rel=1e-12)
    assert len(found.week) == 10  # 71 days hold ten whole weeks


def test_the_curve_of_a_new_customer_is_fader_hardie_lee_2005_table():
    """E[X(t)] at 1, 3, 31.8571 and 32 weeks of the CDNOW sample: .0532 .1506 1.0405 1.0437."""
    curve = purchase_model(BetaGeoModel, "W", CDNOW).expected_curve_new(np.array([1.0, 3.0, 31.8571, 32.0]))
    assert curve == pytest.approx([0.0532, 0.1506, 1.0405, 1.0437], abs=2e-4)


def test_what_came_after_the_cut_is_counted_in_whole_weeks():
    found = track(np.array([0]), np.array([1, 9, 17, 25, 99]), lambda t: 0.1 * t, cut_day=10, days=28)
    assert found.actual.tolist() == [1, 1, 1, 1]  # the 99th day lies beyond
    assert found.after_the_cut() == (pytest.approx(1.4), 2.0)
    assert found.cumulative[1].tolist() == [1, 2, 3, 4]
