"""The choice between the model of purchases and the trees on top of it."""

from __future__ import annotations

from datetime import timedelta

import numpy as np
import pytest

from cvo_ml.config.jobs import ClvJob
from cvo_ml.core.errors import ModelRefused
from cvo_ml.core.tables import Tables
from cvo_ml.core.units import Horizon
from cvo_ml.features import snapshot
from cvo_ml.predict.clv import clv_columns
from cvo_ml.registry.bundles.bundle import load_bundle, save_bundle
from cvo_ml.registry.bundles.loaded import load_model
from cvo_ml.stats.intervals import Interval
from tests.builders import SHOP_CUT, seeded_shop
from training.clv import fit, hybrid, validation
from training.clv.fit import train_clv
from training.clv.sections import sections_of

HORIZON = Horizon("60D")
JOB = ClvJob(horizon=HORIZON, validation_horizon=HORIZON)
SECTIONS = sections_of(JOB)


@pytest.fixture(scope="module")
def shop() -> Tables:
    """Enough customers for every model."""
    return seeded_shop(customers=900)


def test_the_run_says_which_was_chosen_and_why(shop: Tables) -> None:
    trained = train_clv(shop, SHOP_CUT, JOB)
    judged = trained.documents["judging"]
    assert {"btyd", "hybrid"} <= set(judged["value"])
    assert set(judged["hybrid_lead"]) == {"rmse", "total_bias", "gini"}
    assert "is chosen: RMSE of the hybrid" in judged["choice"]
    assert trained.parameters["choice"] == judged["choice"]
    assert judged["choice"] in trained.notes or trained.bundle.grade == "D"
    assert f"Choice: {judged['choice']}" in trained.texts["judging"]
    surely = judged["choice"].startswith("the hybrid")
    assert judged["value"]["model"] == judged["value"]["hybrid" if surely else "btyd"]


def test_the_hybrid_is_champion_where_it_is_surely_better(shop: Tables, monkeypatch, tmp_path) -> None:
    monkeypatch.setattr(validation, "surely_better", lambda *_: Interval(2.0, 1.0, 3.0))
    monkeypatch.setattr(validation, "grade_losses", _always_b)
    trained = train_clv(shop, SHOP_CUT, JOB)
    assert trained.bundle.kind == "clv.hybrid_hurdle_lightgbm"
    assert any("surely lower" in note for note in trained.notes)
    loaded = load_bundle(save_bundle(trained.bundle, tmp_path / "clv"))
    assert loaded.model_hash == trained.bundle.model_hash
    features = snapshot(shop, SHOP_CUT)
    ours, again = (clv_columns(features, load_model(bundle), SHOP_CUT) for bundle in (trained.bundle, loaded))
    assert ours.equals(again)
    assert ours["predicted_clv"].ge(0).all()
    assert (ours["predicted_clv_p05"] <= ours["predicted_clv_p95"]).all()
    assert not [customer for customer in features.index if f'"{customer}"' in str(trained.bundle.parameters)]


def test_where_the_hybrid_cannot_be_trained_at_the_cut_the_other_is_graded_itself(shop: Tables, monkeypatch) -> None:
    original = validation.hybrid

    def refused(tables, as_of, *others):
        if as_of == SHOP_CUT:
            raise ModelRefused("no luck today", reason_code="test")
        return original(tables, as_of, *others)

    monkeypatch.setattr(validation, "surely_better", lambda *_: Interval(2.0, 1.0, 3.0))
    monkeypatch.setattr(validation, "grade_losses", _always_b)
    monkeypatch.setattr(fit, "hybrid", refused)
    trained = train_clv(shop, SHOP_CUT, JOB)
    assert trained.bundle.kind == "clv.bg_nbd_gamma_gamma"
    assert any("no luck today" in note for note in trained.notes)


def test_every_window_is_closed_and_every_model_beneath_is_of_its_windows_date(shop: Tables, monkeypatch) -> None:
    seen = []
    original = hybrid.snapshot
    monkeypatch.setattr(hybrid, "snapshot", lambda tables, day: seen.append(day) or original(tables, day))
    features = snapshot(shop, SHOP_CUT)
    ages = []

    def fit_base(table):
        ages.append(table["T"].max())
        return validation.fit(table, SECTIONS.purchases).scorer

    hybrid.fit_hybrid(
        shop, SHOP_CUT, HORIZON, JOB.hybrid, validation.fit(features, SECTIONS.purchases).scorer, fit_base
    )
    assert max(seen) + HORIZON.delta == SHOP_CUT
    assert len(seen) == JOB.hybrid.most_snapshots
    assert np.diff(ages).tolist() == [30.0] * (len(ages) - 1)


@pytest.mark.parametrize(
    ("job", "words"),
    [
        (ClvJob(horizon=HORIZON, validation_horizon=HORIZON, hybrid={"enabled": False}), "switched off"),
        (ClvJob(horizon=Horizon("365D"), validation_horizon=HORIZON), "no closed window of 365D"),
        (
            ClvJob(horizon=HORIZON, validation_horizon=HORIZON, hybrid={"shortest_history": "300D"}),
            "no closed window of 60D",
        ),
    ],
)
def test_without_a_hybrid_the_reason_is_given(shop: Tables, job: ClvJob, words: str) -> None:
    found = validation.validate(shop, SHOP_CUT, sections_of(job).validation)
    assert words in found.choice
    assert not found.hybrid_chosen
    assert "hybrid" not in found.predicted
    assert found.cut == SHOP_CUT - timedelta(days=60)


def _always_b(*arguments):
    from dataclasses import replace

    from cvo_ml.stats.grading import grade_losses

    return replace(grade_losses(*arguments), grade="B")
