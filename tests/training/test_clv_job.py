"""The CLV job: the ladder from its configuration to a bundle that scores, and what the run shows."""

from __future__ import annotations

import json
from dataclasses import replace

import numpy as np
import pytest

from cvo_ml.config.jobs import ClvJob
from cvo_ml.core.errors import ModelRefused
from cvo_ml.core.tables import Tables
from cvo_ml.core.units import Horizon
from cvo_ml.features import snapshot
from cvo_ml.models.clv import BetaGeoModel, GammaGammaModel
from cvo_ml.models.clv.baselines import LastPeriod
from cvo_ml.models.clv.purchase_model import PurchaseModel
from cvo_ml.models.clv.uncertainty import RateDrift
from cvo_ml.predict.clv import clv_columns
from cvo_ml.registry.bundles.bundle import load_bundle, save_bundle
from cvo_ml.registry.bundles.kinds import model_of
from cvo_ml.registry.bundles.loaded import load_model
from cvo_ml.stats.accuracy import paired
from cvo_ml.stats.grading import grade_losses
from tests.builders import SHOP_CUT, SHOP_START, seeded_shop
from training.clv import fit, validation
from training.clv.evaluation import remarks_on_order
from training.clv.fit import train_clv
from training.clv.sections import sections_of

HORIZON = Horizon("60D")
#: Without trees, which take most of the time.
ALONE = ClvJob(horizon=HORIZON, validation_horizon=HORIZON, hybrid={"enabled": False})


@pytest.fixture(scope="module")
def shop() -> Tables:
    """Enough customers for every model."""
    return seeded_shop(customers=900)


@pytest.mark.parametrize("model", ["bg_nbd", "mbg_nbd", "pareto_nbd"])
def test_every_model_of_purchases_trains_travels_and_scores(shop: Tables, model: str, tmp_path) -> None:
    trained = train_clv(shop, SHOP_CUT, ClvJob(model=model, horizon=HORIZON, validation_horizon=HORIZON))
    assert trained.bundle.kind == f"clv.{model}_gamma_gamma"
    assert trained.parameters["purchase_model"] == model
    assert set(trained.parameters[model]["standard_error"]) == set(model_of(trained.bundle).model.transactions_.params_)
    assert trained.metrics["oracle_prediction_gap"] < 1e-6
    assert trained.metrics["oracle_log_likelihood_gap"] < 1e-9
    loaded = load_bundle(save_bundle(trained.bundle, tmp_path / "clv"))
    features = snapshot(shop, SHOP_CUT)
    ours, again = (clv_columns(features, load_model(bundle), SHOP_CUT) for bundle in (trained.bundle, loaded))
    assert ours.equals(again)
    assert ours["predicted_clv"].gt(0).all()
    assert ours["p_alive"].between(0, 1).all()


def test_a_rung_below_the_first_is_named_with_its_reason(shop: Tables, monkeypatch) -> None:
    original = validation.fit_lifetime_value
    monkeypatch.setattr(
        validation,
        "fit_lifetime_value",
        lambda X, **options: original(X, **{**options, "first": Refusing()}),
    )
    trained = train_clv(shop, SHOP_CUT, ClvJob(horizon=HORIZON, validation_horizon=HORIZON))
    assert trained.bundle.kind == "clv.mbg_nbd_gamma_gamma"
    assert trained.parameters["rung"] == "MBG/NBD"
    assert "no such luck" in trained.parameters["rung_reason"]
    assert any(note.startswith("mbg_nbd: MBG/NBD: no such luck") for note in trained.notes)


class Refusing(BetaGeoModel):
    """A first rung that never holds."""

    def fit_histories(self, histories, *, prior=None):
        raise ModelRefused("no such luck", reason_code="test")


def test_the_better_baseline_is_champion_with_the_reason_where_no_rung_holds() -> None:
    tables = seeded_shop(customers=40)
    trained = train_clv(tables, SHOP_CUT, ALONE)
    assert trained.metrics["last_period_repeated_rmse"] < trained.metrics["formula_rmse"]
    assert (trained.bundle.kind, trained.bundle.grade) == ("clv.last_period", "D")
    assert trained.bundle.facts["baseline"] == "last period repeated"
    assert trained.notes[0].startswith("the last period repeated is champion: ")
    assert trained.parameters["rung"] == "formula"
    assert "bought again" in trained.notes[0]
    assert set(trained.figures) == {"holdout_by_decile", "ranking"}
    assert trained.metrics["model_rmse"] == trained.metrics["formula_rmse"]
    scored = clv_columns(snapshot(tables, SHOP_CUT), load_model(trained.bundle), SHOP_CUT)
    assert scored["predicted_clv"].ge(0).all()
    assert scored["clv_reason"].str.contains("last_period_has_no_probabilities").all()


def test_a_model_worse_than_the_last_period_repeated_makes_way_for_it(shop: Tables, monkeypatch) -> None:
    monkeypatch.setattr(validation, "grade_losses", _always_d)
    monkeypatch.setattr(validation, "baselines", lambda horizon: {"last period repeated": LastPeriod.like(horizon)})
    monkeypatch.setattr(fit, "baselines", validation.baselines)
    trained = train_clv(shop, SHOP_CUT, ALONE)
    assert (trained.bundle.kind, trained.bundle.grade) == ("clv.last_period", "D")
    assert any(
        note == "not better than the last period repeated out of time: the last period repeated is champion"
        for note in trained.notes
    )


def _always_d(*arguments):
    return replace(grade_losses(*arguments), grade="D")


def test_an_order_no_better_than_chance_is_remarked_and_a_good_one_is_not() -> None:
    rng = np.random.default_rng(5)
    actual = rng.gamma(0.5, 100.0, 800)
    by_lot, by_value = rng.random(800), actual * rng.uniform(0.5, 1.5, 800)
    (remark, worse) = remarks_on_order(actual, by_lot, "formula", paired(actual, by_lot, by_value))
    assert "not surely better than chance" in remark
    assert worse.startswith("the formula orders customers better: lead in Gini -0.")
    assert remarks_on_order(actual, by_value, "formula", paired(actual, by_value, by_lot)) == ()
    assert remarks_on_order(np.zeros(5), by_lot[:5], "formula", {}) == ()


def test_rates_that_wander_widen_the_intervals_of_the_champion_and_are_told(shop: Tables, monkeypatch) -> None:
    monkeypatch.setattr(PurchaseModel, "estimate_drift", lambda *_: RateDrift(0.8, 0.8, 0.9))
    trained = train_clv(shop, SHOP_CUT, ALONE)
    assert trained.parameters["rate_drift"] == 0.8
    assert any("rates that wander" in note for note in trained.notes)
    constant = replace(trained.bundle, parameters={**trained.bundle.parameters, "rate_drift": 0.0})
    features = snapshot(shop, SHOP_CUT)
    wide, narrow = (clv_columns(features, load_model(bundle), SHOP_CUT) for bundle in (trained.bundle, constant))
    assert wide["predicted_clv"].equals(narrow["predicted_clv"])
    assert wide["predicted_clv_p95"].sum() > 1.05 * narrow["predicted_clv_p95"].sum()


def test_covariates_go_from_the_job_into_a_bundle_that_scores(shop: Tables, tmp_path) -> None:
    job = ALONE.model_copy(update={"covariates": ("first_order_net",)})
    trained = train_clv(shop, SHOP_CUT, job)
    assert trained.parameters["rung"] == "converged"
    assert "purchase_log first_order_net" in trained.parameters["bg_nbd"]
    judged = trained.documents["judging"]["tracking"]
    assert sum(judged["expected"]) == pytest.approx(sum(judged["actual"]), rel=0.3)
    if trained.bundle.grade != "D":
        assert "first_order_net" in trained.bundle.parameters["features"]
        loaded = load_bundle(save_bundle(trained.bundle, tmp_path / "clv"))
        features = snapshot(shop, SHOP_CUT)
        ours, again = (clv_columns(features, load_model(bundle), SHOP_CUT) for bundle in (trained.bundle, loaded))
        assert ours.equals(again)


def test_nobody_before_the_cut_is_refused(shop: Tables) -> None:
    early = (SHOP_START + HORIZON.delta).date()
    with pytest.raises(ModelRefused, match="no customer before the cut") as refused:
        train_clv(shop, early, ClvJob(horizon=HORIZON, validation_horizon=HORIZON))
    assert refused.value.reason_code == "no_customers"


def test_independence_of_value_and_frequency_is_reported(shop: Tables, monkeypatch) -> None:
    job = ClvJob(horizon=HORIZON, validation_horizon=HORIZON)
    trained = train_clv(shop, SHOP_CUT, job)
    found = trained.parameters["gamma_gamma"]["independence"]
    assert 0 <= found["p_value"] <= 1
    features = snapshot(shop, SHOP_CUT)
    features["monetary_value"] *= features["frequency"]  # who buys more pays more
    assert GammaGammaModel().fit(features).independence_.p_value < 0.01
    sections = sections_of(job)
    fitted = validation.fit(features, sections.purchases)
    _, notes = fit.describe(fitted, validation.validate(shop, SHOP_CUT, sections.validation), job.model)
    assert any("depends on their number" in note for note in notes)


def test_the_judgement_is_whole_and_holds_no_customer(shop: Tables) -> None:
    trained = train_clv(shop, SHOP_CUT, ClvJob(horizon=HORIZON, validation_horizon=HORIZON))
    judged = json.loads(json.dumps(trained.documents["judging"], allow_nan=False))
    assert {"model", "formula", "last period repeated", "zero"} <= set(judged["value"])
    assert judged["value"]["zero"] | {"mae": 0, "rmse": 0} == {
        "total_bias": -1.0, "rmse": 0, "mae": 0, "gini": None, "spearman": None, "top_decile_share": None
    }  # fmt: skip
    assert judged["value"]["model"]["rmse"] == pytest.approx(trained.metrics["model_rmse"])
    n = sum(row["rows"] for row in judged["by_decile"])
    assert n == sum(row["rows"] for row in judged["by_frequency"])
    assert sum(row["share_of_actual"] for row in judged["by_decile"]) == pytest.approx(1)
    assert set(judged["lead"]["formula"]) == {"rmse", "total_bias", "gini"}
    tracked = judged["tracking"]
    assert len(tracked["week"]) == len(tracked["expected"]) == len(tracked["actual"])
    cut, before = tracked["cut_week"], np.array(tracked["week"]) <= tracked["cut_week"]
    features = snapshot(shop, SHOP_CUT - HORIZON.delta)
    seen = np.array(tracked["actual"])[before].sum()
    assert cut - 1 < before.sum() <= cut
    assert seen <= features["frequency"].sum() <= seen + np.array(tracked["actual"])[before.sum()]
    expected = np.array(tracked["expected"])[before].sum()
    assert expected == pytest.approx(seen, rel=0.25)
    text = trained.texts["judging"]
    assert "| model |" in text
    assert not [customer for customer in features.index if customer in text]
    assert {"tracking", "holdout_by_frequency", "probability_alive"} <= set(trained.figures)
    for draw in trained.figures.values():
        figure = draw()
        assert all(axes.get_title() and axes.get_xlabel() for axes in figure.axes[:1])
