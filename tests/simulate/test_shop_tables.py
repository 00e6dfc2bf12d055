"""The shop's tables agree with each other and show what was planted."""

import numpy as np
import pandas as pd
import pytest
from scipy import stats

from cvo_ml.simulate import SimulatedShop, shop_preset, simulate_shop
from cvo_ml.simulate.shop.clock import Clock
from cvo_ml.simulate.shop.costs import ACTIVITIES

SIGMAS = 4.0


@pytest.fixture(scope="module")
def shop() -> SimulatedShop:
    return simulate_shop("shop", 20_000)


def repeats(shop: SimulatedShop) -> pd.Series:
    """Whether each regular customer of the first 700 days ordered again."""
    orders, truth = shop.tables.orders, shop.truth.customers.set_index("customer_id")
    counts = orders.groupby("customer_id").size()
    return (counts > 1)[(truth["population"] == "regular") & (truth["born_day"] < 600)]


class TestLedgers:
    def test_lines_of_an_order_add_up_to_its_net_to_the_cent(self, shop: SimulatedShop):
        lines = shop.tables.get("order_lines").groupby("order_id")["net"].sum().round(2)
        orders = shop.tables.orders.set_index("order_id")["net"]
        pd.testing.assert_series_equal(lines, orders.sort_index(), check_names=False)

    def test_no_refund_is_larger_than_its_order_or_earlier(self, shop: SimulatedShop):
        orders = shop.tables.orders.set_index("order_id").loc[shop.tables.refunds["order_id"]]
        assert (shop.tables.refunds["amount"].to_numpy() <= orders["net"].to_numpy()).all()
        assert (shop.tables.refunds["refunded_at"].to_numpy() >= orders["ordered_at"].to_numpy()).all()

    def test_costs_to_serve_count_every_order_and_minute(self, shop: SimulatedShop):
        totals = shop.tables.get("costs_to_serve").groupby("activity")["quantity"].sum()
        wanted = (len(shop.tables.orders), shop.tables.get("tickets")["minutes"].sum(), len(shop.tables.refunds))
        for activity, quantity in zip(ACTIVITIES, wanted, strict=True):
            assert totals[activity] == pytest.approx(quantity)

    def test_everything_lies_between_start_and_end(self, shop: SimulatedShop):
        begin, end = pd.Timestamp(shop.config.start), pd.Timestamp(shop.config.end)
        for frame in shop.tables.frames.values():
            for column in frame.select_dtypes("datetime64").columns:
                assert frame[column].dropna().between(begin, end, inclusive="left").all(), column

    def test_customers_begin_with_their_first_order(self, shop: SimulatedShop):
        first = shop.tables.orders.groupby("customer_id")["ordered_at"].min()
        created = shop.tables.get("customers").set_index("customer_id")["created_at"]
        pd.testing.assert_series_equal(first, created, check_names=False)

    def test_nobody_orders_after_dropping_out(self):
        shop = simulate_shop("cdnow", 5_000)
        last = shop.tables.orders.groupby("customer_id")["ordered_at"].max()
        ended = shop.truth.frames["lives"].set_index("customer_id")["dropped_out_at"].dropna()
        assert (last[ended.index] == ended).all()

    def test_acquisition_spend_is_the_cost_of_the_customers(self, shop: SimulatedShop):
        planned = sum(20_000 * channel.share * channel.cost_per_customer for channel in shop.config.channels)
        assert shop.tables.get("acquisition_spend")["spend"].sum() == pytest.approx(planned, rel=0.01)


class TestPlanted:
    def test_buyers_of_toxic_products_come_back_less(self, shop: SimulatedShop):
        toxic = set(shop.truth.frames["anomalies"].query("kind == 'toxic_product'")["member"])
        lines = shop.tables.get("order_lines")
        first = lines[(lines["line_id"] == "0000") & lines["order_id"].str.endswith("-00000")]
        hit = first[first["product_id"].isin(toxic)]["order_id"].str.slice(1, 9).radd("c")
        again = repeats(shop)
        affected = again.index.isin(hit)
        assert affected.sum() > 100
        assert again[affected].mean() < again[~affected].mean() - 0.1
        marked = shop.truth.customers.set_index("customer_id")["toxic_first_product"]
        assert set(marked.index[marked]) == set(hit)

    def test_customers_of_loyal_cities_have_less_dropout(self, shop: SimulatedShop):
        truth = shop.truth.customers.set_index("customer_id").query("population == 'regular'")
        city = shop.tables.get("customers").set_index("customer_id")["city"][truth.index]
        dropout = truth["dropout_per_order"].groupby(city.isin(["Leipzig", "Graz"])).mean()
        assert dropout[True] < 0.7 * dropout[False]
        again = repeats(shop)
        loyal = city[again.index].isin(["Leipzig", "Graz"])
        assert again[loyal].mean() > again[~loyal].mean() + 0.03

    @pytest.mark.parametrize(("link", "linked"), [(0.0, False), (0.8, True)])
    def test_nps_says_something_about_staying_only_if_linked(self, link: float, linked: bool):
        shop = simulate_shop(shop_preset("shop", (f"surveys.link={link}",)), 20_000, tables=["surveys"])
        answers = shop.tables.get("surveys").query("kind == 'nps_pre'").groupby("customer_id")["score"].mean()
        satisfaction = shop.truth.customers.set_index("customer_id")["satisfaction"][answers.index]
        correlation = stats.pearsonr(answers, satisfaction)
        assert (
            (correlation.statistic > 0.3) if linked else (abs(correlation.statistic) < SIGMAS / np.sqrt(len(answers)))
        )

    def test_toxic_products_lower_the_score_after_delivery(self, shop: SimulatedShop):
        scores = shop.tables.get("surveys").groupby("kind")["score"].mean()
        assert scores["nps_post"] < scores["nps_pre"]

    def test_channels_cause_the_stated_share_of_repeat_orders(self, shop: SimulatedShop):
        orders = shop.truth.frames["orders"]
        repeat = orders[~orders["order_id"].str.endswith("-00000")]
        for channel in shop.config.touchpoints:
            share, error = (repeat["caused_by"] == channel.name).mean(), np.sqrt(0.25 / len(repeat))
            assert abs(share - channel.causes) < SIGMAS * error

    def test_brand_search_precedes_orders_and_causes_none(self, shop: SimulatedShop):
        touches = shop.tables.get("touchpoints").query("channel == 'brand_search'")
        assert len(touches) > 1_000
        assert (shop.truth.frames["orders"]["caused_by"] != "brand_search").all()

    def test_better_channels_bring_better_customers(self, shop: SimulatedShop):
        truth = shop.truth.customers.set_index("customer_id").query("population == 'regular'")
        channel = shop.tables.get("customers").set_index("customer_id")["acquisition_channel"][truth.index]
        rate = truth["rate_per_day"].groupby(channel).mean()
        assert rate["referral"] > rate["paid_social"]

    def test_engagement_shows_in_the_profile_as_weighted(self, shop: SimulatedShop):
        truth = shop.truth.customers.set_index("customer_id").query("population == 'regular'")
        seen = shop.tables.get("customers").set_index("customer_id")["engagement_score"][truth.index]
        assert stats.spearmanr(seen, truth["rate_per_day"]).statistic == pytest.approx(0.385, abs=0.03)


class TestPace:
    def test_orders_follow_the_clock(self, shop: SimulatedShop):
        """Arrivals are a Poisson process on the shop's clock: uniform there."""
        clock = Clock.of(shop.config.season, shop.config.start, shop.config.end)
        born = shop.truth.customers["born_day"].to_numpy()
        plain = np.zeros(len(born), bool)
        last = clock.elapsed(float((shop.config.acquired_until - shop.config.start).days), plain[:1])[0]
        assert stats.kstest(clock.elapsed(born, plain) / last, "uniform").pvalue > 1e-3

    def test_clock_and_its_inverse_agree(self, shop: SimulatedShop):
        clock = Clock.of(shop.config.season, shop.config.start, shop.config.end)
        day, responsive = np.linspace(0, 900, 500), np.arange(500) % 2 == 0
        np.testing.assert_allclose(clock.day_at(clock.elapsed(day, responsive), responsive), day, atol=1e-9)

    def test_responsive_customers_buy_more_in_promotions(self, shop: SimulatedShop):
        repeat = shop.tables.orders[~shop.tables.orders["order_id"].str.endswith("-00000")]
        responsive = shop.truth.customers.set_index("customer_id")["responsive"][repeat["customer_id"]].to_numpy()
        black = repeat["ordered_at"].between("2022-11-22", "2022-11-29").to_numpy()
        assert black[responsive].mean() > 1.7 * black[~responsive].mean()

    def test_discounted_orders_have_their_code_and_gross(self, shop: SimulatedShop):
        orders = shop.tables.orders
        used = orders["discount_code"].notna()
        assert used.any()
        np.testing.assert_allclose(orders["gross"] - orders["discount"], orders["net"], atol=0.011)
        assert (orders.loc[~used, "discount"] == 0).all()

    def test_weekend_of_the_wholesaler_is_closed(self):
        days = simulate_shop("wholesaler", 500).tables.orders["ordered_at"].dt.day_of_week
        assert (days != 5).all()


class TestTreatments:
    def test_only_consenting_customers_are_treated(self, shop: SimulatedShop):
        consent = shop.tables.get("customers").set_index("customer_id")["marketing_consent"]
        assert consent[shop.tables.get("treatments")["customer_id"]].all()

    def test_held_out_customers_get_nothing(self, shop: SimulatedShop):
        merged = shop.tables.get("assignments").assign(action=shop.tables.get("treatments")["action"])
        held = merged[merged["variant"] == "holdout"]
        assert (held["action"] == "none").all()
        assert len(held) / len(merged) == pytest.approx(0.1, abs=0.01)

    def test_treatments_follow_an_order(self, shop: SimulatedShop):
        created = shop.tables.get("customers").set_index("customer_id")["created_at"]
        sent = shop.tables.get("treatments")
        assert (created[sent["customer_id"]].to_numpy() <= sent["sent_at"].to_numpy()).all()

    def test_the_saved_live_again(self, shop: SimulatedShop):
        lives = shop.truth.frames["lives"]
        assert lives.duplicated("customer_id").any()
        following = lives["customer_id"].eq(lives["customer_id"].shift())
        assert (lives["since_day"][following] > lives["until_day"].shift()[following]).all()
