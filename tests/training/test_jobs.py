"""The training jobs on a seeded shop: what they refuse, what they never look at, what they hand over."""

from datetime import date, timedelta
from pathlib import Path

import numpy as np
import pandas as pd
import pytest

from cvo_ml.config.jobs import ChurnJob, ClvJob, IcpJob, Trees
from cvo_ml.config.shops import ShopConfig
from cvo_ml.core.errors import ModelRefused
from cvo_ml.core.tables import Tables
from cvo_ml.core.units import Horizon
from cvo_ml.core.workspace import Workspace
from cvo_ml.features import SEASON, feature_hash
from cvo_ml.ingest import read_shop
from cvo_ml.readiness import readiness
from cvo_ml.registry.bundles.bundle import load_bundle, save_bundle
from cvo_ml.registry.bundles.purchase_columns import BTYD
from cvo_ml.simulate import simulate_shop
from cvo_ml.workflows.train import RefusedModel, TrainedModel, TrainRequest
from tests.builders import SHOP_CUT, seeded_shop
from training.churn import evaluation
from training.churn.dataset import windows_of
from training.churn.fit import train_churn
from training.churn.sections import sections_of
from training.clv.fit import train_clv
from training.evidence import plots
from training.evidence.dates import first_day, training_dates
from training.icp import fit_customers
from training.icp.fit_customers import labelled, split_in_time, train_icp
from training.icp.sections import sections_of as icp_sections
from training.jobs import train_models

HORIZON = Horizon("60D")
CLV = ClvJob(horizon=HORIZON, validation_horizon=HORIZON)


@pytest.fixture(scope="module")
def big_shop() -> Tables:
    """Enough customers for every model."""
    return seeded_shop(customers=900)


def before(tables: Tables, day: date) -> Tables:
    """The tables as a file that ends at ``day`` would give them."""
    orders = tables.orders[tables.orders["ordered_at"] < pd.Timestamp(day)]
    refunds = tables.refunds[tables.refunds["refunded_at"] < pd.Timestamp(day)]
    frames = {**tables.frames, "orders": orders, "refunds": refunds}
    return Tables(frames, tables.currency)


@pytest.mark.parametrize(
    ("train", "job"),
    [
        (train_clv, CLV),
        (train_churn, ChurnJob(horizon=HORIZON)),
        (train_icp, IcpJob(age=Horizon("30D"), top_share=0.3)),
    ],
    ids=["clv", "churn", "icp"],
)
def test_rows_after_the_cut_change_no_model(big_shop: Tables, train, job) -> None:
    whole, early = train(big_shop, SHOP_CUT, job), train(before(big_shop, SHOP_CUT), SHOP_CUT, job)
    assert whole.bundle.model_hash == early.bundle.model_hash
    assert whole.metrics == pytest.approx(early.metrics, nan_ok=True)
    facts = whole.bundle.facts
    # the model of purchases beside the trees brings columns of its own
    assert facts["feature_hash"] == feature_hash(facts["features"], dict.fromkeys(BTYD, ()))


def test_the_season_is_learnt_from_a_whole_year_or_not_at_all(big_shop: Tables) -> None:
    with pytest.raises(ModelRefused, match=r"season: true needs training dates over 365 days and has them over 1\d\d"):
        train_churn(big_shop, SHOP_CUT, ChurnJob(horizon=HORIZON, season=True))
    years = simulate_shop("shop", n_customers=900, seed=3, tables=["orders", "refunds", "order_lines"]).tables
    job = ChurnJob(horizon=HORIZON, season=True, most_snapshots=16, trees=Trees(rounds=20))
    trained = train_churn(years, date(2023, 5, 1), job)
    assert trained.bundle.grade != "D"
    assert set(SEASON) <= set(trained.bundle.facts["features"])


def test_the_grade_of_clv_rests_on_the_window_before_the_cut(big_shop: Tables, tmp_path) -> None:
    trained = train_clv(big_shop, SHOP_CUT, CLV)
    assert trained.bundle.grade in "ABCD"
    assert trained.metrics["oracle_prediction_gap"] < 1e-8
    assert trained.metrics["model_rmse"] > 0
    assert load_bundle(save_bundle(trained.bundle, tmp_path / "clv")).model_hash == trained.bundle.model_hash
    for draw in trained.figures.values():
        assert draw().axes[0].get_title()


def test_a_model_no_better_than_its_baseline_leaves_it_the_place(big_shop: Tables, monkeypatch) -> None:
    monkeypatch.setattr(evaluation, "log_loss", lambda y, p: np.zeros(len(y)))  # no advantage in either
    trained = train_churn(big_shop, SHOP_CUT, ChurnJob(horizon=HORIZON))
    assert trained.bundle.grade == "D"
    assert trained.bundle.kind == "churn.recency_logistic"
    assert "recency is champion" in trained.notes[0]


def test_churn_needs_two_closed_windows(big_shop: Tables) -> None:
    start = first_day(big_shop)
    with pytest.raises(ModelRefused, match="needs 2 closed windows") as refused:
        train_churn(big_shop, start + timedelta(days=140), ChurnJob(horizon=HORIZON))
    assert refused.value.reason_code == "too_short_history"


def test_churn_labels_are_closed_when_the_cut_comes(big_shop: Tables) -> None:
    last = SHOP_CUT - HORIZON.delta
    dates = training_dates(big_shop, last, Horizon("30D"), 12, Horizon("30D"))
    assert dates == sorted(dates)
    assert dates[-1] + HORIZON.delta == SHOP_CUT
    assert dates[0] >= first_day(big_shop) + timedelta(days=30)
    assert len(training_dates(big_shop, last, Horizon("30D"), 3, Horizon("30D"))) == 3


def test_the_gone_are_not_in_the_churn_labels(big_shop: Tables) -> None:
    (window,) = windows_of(big_shop, [SHOP_CUT - HORIZON.delta], sections_of(ChurnJob(horizon=HORIZON)).dataset)
    own = (3 * window.X["median_gap_days"]).fillna(0).clip(lower=2 * HORIZON.days)
    assert (window.X["days_since_last_order"] <= own).all()
    assert 0 < window.churned.mean() < 1


def test_icp_learns_from_customers_whose_window_closed_before_the_test_customers_came(big_shop: Tables) -> None:
    customers = icp_sections(IcpJob(age=Horizon("30D"), top_share=0.3)).customers
    rows = labelled(big_shop, SHOP_CUT, customers)
    learn, test = split_in_time(rows, customers)
    assert (learn["first_ordered_at"] + pd.Timedelta(days=30)).max() <= test["first_ordered_at"].min()
    assert rows["first_ordered_at"].min() >= pd.Timestamp(first_day(big_shop)) + pd.Timedelta(days=30)
    assert rows["is_top"].mean() == pytest.approx(0.3, abs=0.02)


def test_icp_refuses_where_too_few_are_left_to_learn_from(shop: Tables) -> None:
    with pytest.raises(ModelRefused, match="and 60 are needed") as refused:
        train_icp(shop, SHOP_CUT, IcpJob(age=Horizon("30D"), top_share=0.1))
    assert refused.value.reason_code == "too_few_icp_positives"
    with pytest.raises(ModelRefused, match="no customer has a closed window"):
        fit_customers.labelled(shop, first_day(shop) + timedelta(days=20), icp_sections(IcpJob()).customers)


def test_figures_have_titles_and_units() -> None:
    y = np.arange(50) % 2 == 0
    score = np.linspace(0, 1, 50)
    for figure in (
        plots.gains(y.astype(float), {"model": score}),
        plots.reliability_diagram(y, {"model": score}),
        plots.importance({"a": 2.0, "b": 1.0}),
        plots.deciles(score, score, "Value"),
    ):
        axes = figure.axes[0]
        assert axes.get_title()
        assert axes.get_xlabel()


def test_training_refuses_what_check_refuses_in_its_words(tmp_path: Path) -> None:
    people = [f"C{n % 40}" for n in range(120)]  # too few who bought again: of CLV, the formula serves
    days = pd.date_range("2023-01-01", periods=120, freq="4D").strftime("%Y-%m-%d")
    rows = pd.DataFrame({"order_id": range(120), "customer_id": people, "ordered_at": days, "net": 5.0})
    rows.to_csv(tmp_path / "orders.csv", index=False)
    told = ShopConfig.model_validate(
        {
            "name": "few", "currency": "EUR", "source": {"path": str(tmp_path / "orders.csv")},
            "columns": {name: name for name in rows},
        }
    )  # fmt: skip
    as_of, place = date(2024, 4, 1), Workspace(tmp_path / "out", tmp_path / "mlruns")
    found = {one.model: one for one in readiness(read_shop(told), as_of=as_of, horizon=Horizon("90D")).models}
    trained = train_models(TrainRequest(shop=told, as_of=as_of, names=("clv", "churn", "icp")), place)
    assert [model.name for model in trained] == ["clv", "churn", "icp"]
    assert isinstance(trained[0], TrainedModel)
    assert (found["clv"].status, trained[0].kind) == ("thin", "clv.formula")
    for model in trained[1:]:
        assert isinstance(model, RefusedModel)
        assert (found[model.name].status, found[model.name].code) == ("refused", model.reason)
        assert found[model.name].reasons[0] in model.text
