"""Each silent failure has its alarm, and a healthy run has none."""

from __future__ import annotations

import json
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import pytest

from cvo_ml.config.monitoring import MonitoringPolicy
from cvo_ml.core.errors import DamagedFile, UsageError
from cvo_ml.core.store import StoredRun
from cvo_ml.core.tables import Tables
from cvo_ml.monitoring.alarms import alarms
from cvo_ml.monitoring.drift import drift, reference_of
from cvo_ml.monitoring.health import Health, HealthBasis, ModelHealth, health
from tests.builders import SHOP_CUT, null_scores

POLICY = MonitoringPolicy()
RNG = np.random.default_rng(5)
X = pd.DataFrame({"recency": RNG.exponential(30, 2000), "country": RNG.choice(["DE", "FR", "IT"], 2000)})
SCORE = RNG.beta(2, 3, 2000)
REFERENCE = reference_of(X.iloc[:1000], ["recency", "country"], SCORE[:1000])


def run(**changes: Any) -> StoredRun:
    model = ModelHealth(
        scored=1000, eligible=1000, different_scores=900, parameters={"r": 0.3, "q": 2.0},
        drift=drift(REFERENCE, X.iloc[1000:], SCORE[1000:]),
    )  # fmt: skip
    churn = replace(model, **changes.pop("model", {}))
    healthy = Health(customers=1000, orders=5000, days_since_last_order=1, models={"churn": churn})
    health = replace(healthy, **changes).to_json()
    return StoredRun(Path("run"), {"as_of": "2023-11-01", "models": {}, "health": json.loads(json.dumps(health))})


def codes(now: StoredRun, before: StoredRun | None = None, unchanged: bool = False) -> list[str]:
    return [alarm.code for alarm in alarms(now, before, [], POLICY, unchanged)]


def test_a_healthy_run_has_nothing_to_report() -> None:
    assert codes(run(), run()) == []


@pytest.mark.parametrize(
    ("changes", "code"),
    [
        ({"days_since_last_order": 31}, "stale_input"),
        ({"customers": 899}, "volume_drop"),
        ({"orders": 4000}, "volume_drop"),
        ({"model": {"scored": 990}}, "customers_left_out"),
        ({"model": {"different_scores": 1}}, "constant_scores"),
        ({"model": {"parameters": {"b": 1e14, "q": 2.0}}}, "parameter_on_bound"),
        ({"model": {"parameters": {"a": 1e-9}}}, "parameter_on_bound"),
        ({"model": {"parameters": {"q": 0.9}}}, "no_mean_value"),
        ({"model": {"drift": drift(REFERENCE, X.iloc[1000:], SCORE[1000:] ** 0.3)}}, "score_drift"),
    ],
)
def test_each_silent_failure_is_said(changes: dict[str, Any], code: str) -> None:
    assert codes(run(**changes), run()) == [code]


def test_the_same_scores_on_another_date_are_an_old_extract() -> None:
    assert codes(run(), run(), unchanged=True) == ["unchanged_output"]


def test_a_moved_feature_is_a_notice_only_and_named_with_the_score_that_it_moved() -> None:
    moved = X.iloc[1000:].assign(recency=X["recency"].iloc[1000:] + 60)
    found = alarms(run(model={"drift": drift(REFERENCE, moved, SCORE[1000:])}), None, [], POLICY)
    assert [(alarm.level, alarm.code) for alarm in found] == [("notice", "feature_drift")]
    assert "recency" in found[0].text


def test_categories_drift_too_and_unseen_ones_count_as_others() -> None:
    others = X.iloc[1000:].assign(country="PT")
    found = drift(REFERENCE, others, SCORE[1000:]).features
    assert found["country"].psi > 1
    assert found["recency"].psi < found["recency"].chance


def test_small_samples_of_the_same_population_rarely_alarm() -> None:
    """200 draws of 100 customers: .2 alone would alarm by chance, the chance bound does not."""
    rng = np.random.default_rng(1)
    found = [drift(REFERENCE, X.iloc[rows], SCORE[rows]).score for rows in rng.integers(1000, 2000, (200, 100))]
    assert np.mean([shift.psi > max(POLICY.score_psi, shift.chance) for shift in found]) <= 0.03


def test_a_run_before_that_kept_no_health_counts_as_empty() -> None:
    assert codes(run(), StoredRun(Path("older"), {"as_of": "2023-10-01", "models": {}})) == []


def test_health_that_is_none_is_named() -> None:
    damaged = StoredRun(Path("run"), {"as_of": "2023-11-01", "models": {}, "health": {"customers": "many"}})
    with pytest.raises(DamagedFile, match=r"customers is 'many', not int.*cvo score"):
        alarms(damaged, None, [], POLICY)


def test_a_run_without_health_says_to_score_again() -> None:
    with pytest.raises(UsageError, match="score again"):
        alarms(StoredRun(Path("run"), {"as_of": "2023-11-01", "models": {}}), None, [], POLICY)


def test_health_counts_the_eligible_and_the_silence(shop: Tables, shop_features: pd.DataFrame) -> None:
    scores = null_scores(list(shop_features.index))
    gone = np.arange(len(scores)) % 4 == 0
    scores = scores.assign(
        churn_probability=np.where(gone, np.nan, 0.5), churn_reason=np.where(gone, "gone_already", None)
    )
    found = health(scores, shop_features, shop, {"churn": HealthBasis({"model": {"params": {"r": 1.5}}})})
    churn = found.models["churn"]
    assert (churn.eligible, churn.scored) == ((~gone).sum(),) * 2
    assert churn.different_scores == 1
    before = shop.orders["ordered_at"][
        shop.orders["ordered_at"] < pd.Timestamp(SHOP_CUT, tz=shop.orders["ordered_at"].dt.tz)
    ]
    assert found.orders == len(before)
    assert found.days_since_last_order >= 0
