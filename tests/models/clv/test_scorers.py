"""The face that bundles see."""

from __future__ import annotations

import numpy as np
import pandas as pd
import pytest

from cvo_ml.core.errors import UsageError
from cvo_ml.core.units import Horizon
from cvo_ml.features.catalogue import WINDOWS
from cvo_ml.models.clv import CustomerLifetimeValue, ModifiedBetaGeoModel, ParetoNBDModel
from cvo_ml.models.clv.baselines import Formula, LastPeriod
from cvo_ml.models.clv.scorers import OUTPUTS, BuyTillYouDie, scorer_of
from cvo_ml.models.protocol import Parts

from .shops import simulate_shop

SHOP = simulate_shop(3000, 0.6, 30.0, 0.8, 2.5, seed=1)
SHOP["monetary_value"] = np.random.default_rng(1).gamma(6.0, 5.0, len(SHOP)) * (SHOP["frequency"] > 0)
MODEL = CustomerLifetimeValue().fit(SHOP)
YEAR = Horizon("365D")


def test_the_top_decile_of_the_reference_holds_about_a_tenth_of_its_customers():
    values = MODEL.predict(SHOP, horizon=YEAR, interval=None)["predicted_clv"]
    table = BuyTillYouDie(MODEL, reference_p90=float(values.quantile(0.9))).predict(SHOP, horizon=YEAR)
    assert list(table.columns) == list(OUTPUTS)
    assert table["p_top_decile"].between(0, 1).all()
    assert 0.05 < table["p_top_decile"].mean() < 0.2
    assert table["p_top_decile"].corr(values, method="spearman") > 0.9


def test_one_row_scores_the_same_as_all():
    scorer = BuyTillYouDie(MODEL, 1.2, reference_p90=150.0)
    together = scorer.predict(SHOP, horizon=YEAR, discount_rate=0.1).iloc[7:8]
    pd.testing.assert_frame_equal(scorer.predict(SHOP.iloc[7:8], horizon=YEAR, discount_rate=0.1), together, rtol=1e-9)


def test_days_to_the_next_order_are_null_exactly_where_never_is_more_likely():
    days = BuyTillYouDie(MODEL).predict(SHOP, horizon=YEAR)["days_to_next_order"]
    assert days.isna().tolist() == (MODEL.transactions_.probability_alive(SHOP) <= 0.5).tolist()
    half = MODEL.transactions_.probability_of_no_purchase(SHOP, YEAR) < 0.5
    assert ((days <= 365) == half).all()


def test_parts_make_the_round_trip_and_older_documents_are_read():
    parts = BuyTillYouDie(MODEL, 1.5, reference_p90=99.0).to_parts()
    again = BuyTillYouDie.from_parts(parts)
    assert (again.orders_per_purchase_day, again.reference_p90) == (1.5, 99.0)
    older = {name: value for name, value in parts.parameters.items() if name != "reference_p90"}
    table = BuyTillYouDie.from_parts(Parts(older)).predict(SHOP, horizon=YEAR)
    assert table["p_top_decile"].isna().all()
    assert table["predicted_clv"].notna().all()
    with pytest.raises(UsageError, match="reference_p90"):
        BuyTillYouDie(MODEL, reference_p90=float("nan"))


def test_the_formula_knows_no_chance():
    X = pd.DataFrame({"number_of_orders": [3], "net_value": [90.0], "days_since_first_order": [365.0]})
    table = Formula().predict(X, horizon=YEAR)
    assert list(table.columns) == list(OUTPUTS)
    assert table[["p_top_decile", "days_to_next_order", "p_alive"]].isna().all(axis=None)


def test_the_last_period_is_repeated_over_the_horizon_and_returns_are_not():
    X = pd.DataFrame({"orders_90d": [3, 0, 1], "net_90d": [90.0, 0.0, -20.0]})
    table = LastPeriod.like(Horizon("100D")).predict(X, horizon=Horizon("180D"))
    assert list(table.columns) == list(OUTPUTS)
    assert table["predicted_clv"].tolist() == [180.0, 0.0, 0.0]
    assert table["predicted_number_of_orders"].tolist() == [6.0, 0.0, 2.0]
    assert table[["p_top_decile", "days_to_next_order", "p_alive", "predicted_clv_p95"]].isna().all(axis=None)


def test_the_last_period_is_one_that_a_snapshot_has():
    assert tuple(days for days in WINDOWS if days is not None) == LastPeriod.PERIODS
    assert [LastPeriod.like(Horizon(text)).days for text in ("5D", "60D", "90D", "300D", "9Y")] == [7, 90, 90, 365, 365]
    assert LastPeriod.from_parts(LastPeriod(30).to_parts()).columns == ("orders_30d", "net_30d")
    with pytest.raises(UsageError, match="no last 60 days: give one of 7, 30"):
        LastPeriod(60)


@pytest.mark.parametrize("drift", [-1.0, float("nan")])
def test_a_drift_that_is_no_variance_is_refused(drift):
    with pytest.raises(UsageError, match="rate_drift"):
        BuyTillYouDie(MODEL, rate_drift=drift)
    with pytest.raises(UsageError, match="rate_drift"):
        MODEL.predict(SHOP, horizon=YEAR, rate_drift=drift)


@pytest.mark.parametrize(
    ("purchases", "kind"),
    [(ModifiedBetaGeoModel(), "clv.mbg_nbd_gamma_gamma"), (ParetoNBDModel(), "clv.pareto_nbd_gamma_gamma")],
)
def test_each_model_of_purchases_has_its_own_kind(purchases, kind):
    scorer = scorer_of(CustomerLifetimeValue(purchases).fit(SHOP), 1.1, 150.0)
    assert scorer.kind == kind
    again = type(scorer).from_parts(scorer.to_parts())
    pd.testing.assert_frame_equal(again.predict(SHOP, horizon=YEAR), scorer.predict(SHOP, horizon=YEAR))
    with pytest.raises(UsageError, match="holds a"):
        BuyTillYouDie.from_parts(scorer.to_parts())
