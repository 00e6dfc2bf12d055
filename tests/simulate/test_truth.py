"""The truth's expectations equal what happens, a special case equals the simpler model, and nothing later is used."""

from dataclasses import replace

import numpy as np
import pandas as pd
import pytest

from cvo_ml.config.simulation import Campaigns, Dropout, GammaDistribution, Renewal, SimulatedAction
from cvo_ml.core.errors import UsageError
from cvo_ml.core.units import Horizon
from cvo_ml.simulate import ShopTruth, SimulatedShop, simulate_shop
from cvo_ml.simulate.shop import expectations
from cvo_ml.simulate.shop.expectations import Span

from .shops import cohort

SIGMAS = 4.0


def orders_in(shop: SimulatedShop, as_of: str, horizon: str, customers: pd.Index) -> pd.Series:
    at, orders = pd.Timestamp(as_of), shop.tables.orders
    end = at + pd.Timedelta(days=Horizon(horizon).whole_days)
    inside = orders[(orders["ordered_at"] >= at) & (orders["ordered_at"] < end)]
    return inside.groupby("customer_id").size().reindex(customers, fill_value=0)


def assert_unbiased(difference: pd.Series) -> None:
    assert abs(difference.mean()) < SIGMAS * difference.std() / np.sqrt(len(difference)), difference.mean()


@pytest.fixture(scope="module")
def demo_shop() -> SimulatedShop:
    return simulate_shop("shop", 30_000, tables=["orders", "treatments"])


class TestAgainstWhatHappens:
    @pytest.mark.parametrize(
        ("preset", "customers", "as_of", "horizon"),
        [
            ("cdnow", 40_000, "1997-10-01", "39W"),
            ("donation", 40_000, "1998-06-01", "3Y"),
            ("wholesaler", 20_000, "2011-06-01", "90D"),
            ("grocery", 6_000, "2017-06-01", "30D"),
        ],
    )
    def test_orders_and_silence_equal_expectation(self, preset: str, customers: int, as_of: str, horizon: str):
        shop = simulate_shop(preset, customers, tables=["orders"])
        self.compare(shop, as_of, horizon)

    @pytest.mark.parametrize(
        ("as_of", "horizon"),
        [("2022-10-26", "55D"), ("2022-11-20", "20D"), ("2022-12-10", "12D"), ("2021-06-01", "29D")],
        ids=["right after a wave", "inside a window, Black Friday ahead", "between windows", "before all waves"],
    )
    def test_running_treatments_are_part_of_the_expectation(self, demo_shop: SimulatedShop, as_of: str, horizon: str):
        self.compare(demo_shop, as_of, horizon)

    @staticmethod
    def compare(shop: SimulatedShop, as_of: str, horizon: str) -> None:
        expected = shop.truth.expected_orders(as_of, horizon)
        happened = orders_in(shop, as_of, horizon, expected.index)
        assert_unbiased(happened - expected)
        assert_unbiased((happened == 0) - shop.truth.churn_probability(as_of, horizon))
        living = shop.truth.alive(as_of)
        assert (happened[~living] == 0).all() or shop.config.campaigns is not None
        assert (expected[~living] == 0).all()

    def test_value_of_the_first_year_equals_expectation(self):
        shop = simulate_shop("cdnow", 40_000, tables=["orders"])
        expected = shop.truth.expected_value_of_newcomers("26W", "revenue")
        first = shop.tables.orders.groupby("customer_id")["ordered_at"].transform("min")
        inside = shop.tables.orders[shop.tables.orders["ordered_at"] < first + pd.Timedelta(weeks=26)]
        assert_unbiased(inside.groupby("customer_id")["net"].sum() - expected)

    def test_value_less_refunds_equals_expectation(self, demo_shop: SimulatedShop):
        shop = simulate_shop("wholesaler", 20_000, tables=["refunds"])
        value = shop.truth.expected_value("2011-03-01", "90D", "revenue")
        orders = shop.tables.orders.set_index("order_id")
        kept = orders["net"].sub(shop.tables.refunds.groupby("order_id")["amount"].sum(), fill_value=0)
        inside = orders["ordered_at"].between("2011-03-01", "2011-05-29 23:59:59")
        happened = kept[inside].groupby(orders["customer_id"][inside]).sum().reindex(value.index, fill_value=0)
        assert_unbiased(happened - value)


class TestEffects:
    """One wave, half of the customers treated at random: the difference is the effect that truth states."""

    @pytest.mark.parametrize("regularity", [1, 3])
    @pytest.mark.parametrize("kind", ["growth", "save"])
    def test_difference_between_treated_and_untreated_is_the_true_effect(self, kind: str, regularity: int):
        action = SimulatedAction(name="act", channel="email", kind=kind, cost=1.0, mean=0.5, sd=0.2,
                        weights={"age": 1.0}, base_logit=0.0)  # fmt: skip
        wave = Campaigns(actions=(action,), first_after_days=100.0, every_days=400.0, window_days=60.0,
                         exploration=1.0, holdout=0.0)  # fmt: skip
        purchase = Renewal(r=1.5, alpha=4.0, regularity=regularity)
        shop = simulate_shop(cohort(purchase, weeks=40, campaigns=wave), 60_000, tables=["treatments"])
        effect = shop.truth.effects("2020-04-10", "120D").set_index("customer_id")
        counts = orders_in(shop, "2020-04-10", "120D", effect.index)
        plain = shop.truth.expected_orders("2020-04-10", "120D")
        treated = shop.tables.get("treatments").set_index("customer_id")["action"].reindex(effect.index) == "act"
        assert_unbiased((counts - plain)[~treated])
        assert_unbiased((counts - plain - effect["extra_orders"])[treated])
        assert effect["extra_orders"].mean() > 0.05

    def test_growth_over_its_window_is_the_rate_effect_times_the_expected_orders(self, demo_shop: SimulatedShop):
        """Hazard unchanged and rate times 1 + tau: extra = tau x E[orders in the window], for Poisson buyers."""
        effects = demo_shop.truth.effects("2022-12-10", "45D")
        growth = effects[effects["action"] == "new_arrivals"].set_index("customer_id")
        plain = demo_shop.truth.expected_orders("2022-12-10", "45D")
        traits = demo_shop.truth.customers.set_index("customer_id").loc[growth.index]
        exact = (traits["population"] == "regular") & (traits["dropout_per_order"] < 1 + growth["effect"])
        assert exact.mean() > 0.5
        wanted = growth["effect"] * plain
        np.testing.assert_allclose(growth["extra_orders"][exact], wanted[exact], rtol=1e-9, atol=1e-12)

    def test_a_shop_without_campaigns_has_no_effects(self):
        with pytest.raises(UsageError, match="has no campaigns"):
            simulate_shop("cdnow", 10).truth.effects("1997-06-01", "90D")


class TestConsistency:
    def test_windows_add_up(self, demo_shop: SimulatedShop):
        truth = demo_shop.truth
        whole = truth.expected_orders("2022-11-01", "90D")
        parts = truth.expected_orders("2022-11-01", "30D") + truth.expected_orders("2022-11-01", "60D", delay="30D")
        np.testing.assert_allclose(whole, parts, rtol=1e-9, atol=1e-12)

    def test_the_finite_sum_equals_the_closed_form_for_poisson_gaps(self):
        rng = np.random.default_rng(1)
        span = Span(rng.uniform(1, 50, 500), rng.gamma(1, 0.2, 500), rng.random(500), rng.gamma(1, 0.01, 500))
        stages = np.ones((500, 1))
        width = int((span.length * span.rate).max() * 2 + 60)
        for closed, summed in zip(
            expectations._through(span, stages), expectations._through_stages(span, stages, width), strict=True
        ):
            np.testing.assert_allclose(summed, closed, rtol=1e-9)

    def test_two_spans_equal_one(self):
        rate, leaves, dies = np.array([0.3]), np.array([0.2]), np.array([0.01])
        stages = np.array([[0.5, 0.3, 0.2]])
        one = expectations.expected_purchases([Span(np.array([30.0]), rate, leaves, dies)], stages)
        two = expectations.expected_purchases([Span(np.array([s]), rate, leaves, dies) for s in (11.0, 19.0)], stages)
        np.testing.assert_allclose(one[0], two[0], rtol=1e-9)
        np.testing.assert_allclose(one[1], two[1], rtol=1e-9)

    def test_without_any_dropout_orders_are_rate_times_time(self):
        shop = simulate_shop(cohort(Renewal(r=2.0, alpha=4.0), Dropout(), weeks=20), 100)
        expected = shop.truth.expected_orders("2020-03-01", "30D").to_numpy()
        np.testing.assert_allclose(expected, 30 * shop.truth.customers["rate_per_day"], rtol=1e-12)

    def test_nothing_after_as_of_is_used(self):
        shop = simulate_shop("shop", 3_000)
        as_of, day = "2022-11-05", 673.0
        frames = dict(shop.truth.frames)
        frames["orders"] = frames["orders"][frames["orders"]["day"] < day]
        frames["treatments"] = frames["treatments"][frames["treatments"]["sent_day"] < day]
        lives = frames["lives"][frames["lives"]["since_day"] < day]
        frames["lives"] = lives.assign(until_day=lives["until_day"].where(lives["until_day"] <= day, np.inf))
        born = frames["customers"]["born_day"] < day
        unborn = frames["customers"].loc[~born, "customer_id"].tolist()
        newborn = pd.DataFrame({"customer_id": unborn, "since_day": day + 1, "until_day": np.inf})
        frames["lives"] = pd.concat([frames["lives"], newborn]).sort_values("customer_id", kind="stable")
        blind = ShopTruth(shop.config, frames)
        for ask in ("expected_orders", "churn_probability", "expected_value"):
            pd.testing.assert_series_equal(getattr(blind, ask)(as_of, "90D"), getattr(shop.truth, ask)(as_of, "90D"))

    def test_a_window_far_after_the_end_is_refused(self):
        with pytest.raises(UsageError, match="years after the data"):
            simulate_shop("cdnow", 10).truth.expected_orders("1998-01-01", "20Y")

    def test_pareto_customers_who_never_buy_again_are_not_yet_dead(self):
        """Dropout in time is not tied to an order: some die long after their last order."""
        shop = simulate_shop(cohort(dropout=Dropout(per_time=GammaDistribution(shape=1.0, rate=20.0))), 2_000)
        lives = shop.truth.frames["lives"]
        assert np.isfinite(lives["until_day"]).mean() > 0.3
        assert (lives["until_day"] > lives["since_day"]).all()


def test_age_of_regular_buyers_counts_the_time_that_growth_added():
    """With lifted pace the same days mean more mean gaps: the truth must stay unbiased right after a window."""
    action = SimulatedAction(
        name="act", channel="email", kind="growth", cost=1.0, mean=2.0, weights={"age": 1.0}, base_logit=3.0
    )
    wave = Campaigns(actions=(action,), first_after_days=60.0, every_days=400.0, window_days=20.0,
                     exploration=0.01, holdout=0.0)  # fmt: skip
    config = cohort(Renewal(r=3.0, alpha=6.0, regularity=4), weeks=30, campaigns=wave)
    shop = simulate_shop(config, 40_000, tables=["orders"])
    expected = shop.truth.expected_orders("2020-03-21", "14D")
    assert_unbiased(orders_in(shop, "2020-03-21", "14D", expected.index) - expected)
    unaware = replace(shop.truth, frames={**shop.truth.frames, "treatments": shop.truth.frames["treatments"].iloc[:0]})
    biased = orders_in(shop, "2020-03-21", "14D", expected.index) - unaware.expected_orders("2020-03-21", "14D")
    assert abs(biased.mean()) > SIGMAS * biased.std() / np.sqrt(len(biased))
