"""With every effect switched off the tables are all there, and what an analysis would find is chance."""

from typing import get_args

import numpy as np
import pandas as pd
import pytest
from scipy import stats

from cvo_ml.config.simulation import SaasEffect, ShopEffect
from cvo_ml.simulate import (
    SimulatedSaas,
    SimulatedShop,
    saas_preset,
    shop_preset,
    simulate_saas,
    simulate_shop,
)
from cvo_ml.simulate.known import PLANTED

CHANCE = 1e-3  # p-values below it are a finding


@pytest.fixture(scope="module")
def shop() -> SimulatedShop:
    return simulate_shop(shop_preset("shop_full", (f"without=[{','.join(get_args(ShopEffect))}]",)), 12_000)


@pytest.fixture(scope="module")
def saas() -> SimulatedSaas:
    return simulate_saas(saas_preset("saas_full", (f"without=[{','.join(get_args(SaasEffect))}]",)), 40_000)


def is_chance(groups: pd.Series, happened: pd.Series) -> bool:
    """Whether a chi-square test finds no difference between groups with at least 30 customers each."""
    counts = pd.crosstab(groups, happened)
    return bool(stats.chi2_contingency(counts[counts.sum(axis=1) >= 30]).pvalue > CHANCE)


def test_the_truth_says_that_nothing_was_planted(shop: SimulatedShop):
    rows = shop.truth.table("anomalies").merge(pd.DataFrame([vars(kind) for kind in PLANTED]), on="kind")
    sizes = rows[~rows["kind"].isin(["late_carrier"])]  # parcels are still late: it does nothing
    assert (sizes["size_x"] == sizes["neutral"]).all()
    assert set(shop.tables.frames) == set(simulate_shop("shop_full", 20).tables.frames)


def test_nobody_leaves_for_a_product_a_city_a_campaign_a_page_or_a_delay(shop: SimulatedShop):
    truth = shop.truth.customers.set_index("customer_id").query("population == 'regular'")
    lives = shop.truth.table("lives").drop_duplicates("customer_id").set_index("customer_id").loc[truth.index]
    left = lives["since_day"] == lives["until_day"]
    people = shop.tables.get("customers").set_index("customer_id").loc[truth.index]
    first = shop.truth.table("deliveries").query("order_id.str.endswith('-00000')")
    late = pd.Series(first["days_late"].to_numpy() > 0, "c" + first["order_id"].str[1:9])[truth.index]
    looked = pd.Series(truth.index.isin(shop.truth.table("pages")["customer_id"]), truth.index)
    of_social = people["acquisition_channel"] == "paid_social"
    for groups in (truth["toxic_first_product"], truth["sticky_first_product"], people["city"], looked, late):
        assert is_chance(groups, left)
    assert is_chance(people.loc[of_social, "acquisition_campaign"], left[of_social])


def test_answers_and_ratings_say_nothing(shop: SimulatedShop):
    answers = (
        shop.tables.get("surveys").query("kind == 'nps_post'").merge(shop.truth.table("deliveries"), on="order_id")
    )
    assert stats.spearmanr(answers["score"], answers["days_late"]).pvalue > CHANCE
    index = shop.truth.customers.set_index("customer_id")["satisfaction"]
    mean = answers.groupby("customer_id")["score"].mean()
    assert stats.spearmanr(mean, index[mean.index]).pvalue > CHANCE
    reviews = shop.tables.get("reviews")
    popular = reviews[reviews["product_id"].isin(reviews["product_id"].value_counts().index[:40])]
    assert stats.kruskal(*(rows["rating"] for _, rows in popular.groupby("product_id"))).pvalue > CHANCE


def test_treatments_do_nothing(shop: SimulatedShop):
    effects = shop.truth.effects("2022-03-10", "90D")
    np.testing.assert_allclose(effects["extra_orders"], 0.0, atol=1e-12)
    np.testing.assert_allclose(effects["profit"], -effects["cost"], atol=1e-9)


def test_no_season_is_left_but_days_trend_and_size(shop: SimulatedShop):
    seasons = shop.truth.table("seasons")
    assert (seasons["value_factor"] == 1).all()
    days = seasons["month"].dt.days_in_month
    year = (seasons["month"] - seasons["month"][12]) / pd.Timedelta(days=365.25)
    np.testing.assert_allclose(seasons["pace"] / days / 1.03**year, 1.0, rtol=0.02)  # weekdays differ a little


def test_features_and_usage_say_nothing_about_churn(saas: SimulatedSaas):
    accounts = saas.truth.table("accounts").set_index("customer_id")
    left = np.isfinite(accounts["ended_day"])
    for _, users in saas.truth.table("adoption").groupby("feature_id")["customer_id"]:
        assert is_chance(pd.Series(accounts.index.isin(users), accounts.index), left)
    active = saas.tables.get("events").query("name == 'active_users'").groupby("customer_id")["value"].sum()
    months = saas.truth.table("months").groupby("lead_number")["seats"].sum()
    share = active / months[accounts.loc[active.index, "lead_number"]].to_numpy()
    churn = saas.truth.leads["churn_per_renewal"].iloc[accounts.loc[share.index, "lead_number"]]
    assert stats.spearmanr(share, churn).pvalue > CHANCE
    assert not accounts["ended_unpaid"].any()


def test_contacts_do_not_depend_on_winning_and_choices_on_levels(saas: SimulatedSaas):
    leads = saas.truth.leads
    assert is_chance(leads["would_buy"], leads["contacted"])
    choices = saas.tables.get("choices")
    for attribute in ("support", "users"):
        assert is_chance(choices[attribute], choices["chosen"])
    assert not is_chance(choices["price"], choices["chosen"])  # a price still is one
