"""What customers of the full shop live through: each effect has the size that its formula states."""

import numpy as np
import pandas as pd
import pytest
from scipy import stats

from cvo_ml.config.simulation import Campaigns, SimulatedAction, SimulatedSeason
from cvo_ml.simulate import SimulatedShop, shop_preset, simulate_shop
from cvo_ml.simulate.shop.clock import Clock
from cvo_ml.simulate.shop.deliveries import expected_points, late_shares

from .shops import cohort

SIGMAS = 4.0


@pytest.fixture(scope="module")
def shop() -> SimulatedShop:
    return simulate_shop("shop_full", 12_000)


def assert_unbiased(difference: pd.Series | np.ndarray) -> None:
    error = np.std(difference) / np.sqrt(len(difference))
    assert abs(np.mean(difference)) <= SIGMAS * error, (np.mean(difference), error)


def planted(shop: SimulatedShop, kind: str) -> pd.Series:
    return shop.truth.frames["anomalies"].query("kind == @kind").set_index("member")["size"]


def left_at_first(shop: SimulatedShop) -> pd.Series:
    """Whether each customer left right after the first order."""
    lives = shop.truth.frames["lives"].drop_duplicates("customer_id").set_index("customer_id")
    return lives["until_day"] == lives["since_day"]


class TestDeliveries:
    def test_lateness_has_the_stated_share_and_mean_by_carrier_and_region(self, shop: SimulatedShop):
        parcels = shop.tables.get("deliveries").merge(shop.truth.frames["deliveries"], on="order_id")
        shares = pd.DataFrame(
            late_shares(shop.config), [c.name for c in shop.config.deliveries.carriers],
            [city.region for city in shop.config.cities],
        )  # fmt: skip
        for (carrier, region), rows in parcels.groupby(["carrier", "region"]):
            assert_unbiased((rows["days_late"] > 0) - shares.loc[carrier, region])
        for carrier in shop.config.deliveries.carriers:
            late = parcels.query("carrier == @carrier.name and days_late > 0")["days_late"]
            assert_unbiased(late - carrier.mean_days_late)

    def test_the_table_shows_the_delay(self, shop: SimulatedShop):
        parcels = shop.tables.get("deliveries").merge(shop.truth.frames["deliveries"], on="order_id").dropna()
        seen = (parcels["delivered_at"] - parcels["promised_at"]) / pd.Timedelta(days=1)
        late = parcels["days_late"] > 0
        np.testing.assert_allclose(seen[late], parcels["days_late"][late], atol=1e-4)
        assert (seen[~late] <= 0).all()

    def test_expected_points_lost_are_those_of_the_formula(self, shop: SimulatedShop):
        """E[min(a L, M)] = a m (1 - exp(-M / (a m))) for an exponential delay of mean m."""
        lost = shop.truth.frames["deliveries"]["points_lost"].to_numpy()
        assert lost.max() == shop.config.deliveries.most_points
        city = shop.tables.get("customers").set_index("customer_id")["city"]
        names = [place.name for place in shop.config.cities]
        expected = pd.Series(expected_points(shop.config), names)
        who = "c" + shop.truth.frames["deliveries"]["order_id"].str[1:9]
        assert_unbiased(lost - city[who].map(expected).to_numpy())

    def test_late_first_orders_drive_away_as_stated(self, shop: SimulatedShop):
        """P(leaves after the first order) = 1 - (1 - dropout) (1 - d E[points])."""
        truth = shop.truth.customers.set_index("customer_id")
        leaves = 1 - (1 - truth["dropout_at_first"]) * (1 - truth["leaves_by_delivery"])
        assert_unbiased(left_at_first(shop).astype(float) - leaves)
        first = shop.truth.frames["deliveries"].query("order_id.str.endswith('-00000')")
        points = first["points_lost"].to_numpy()
        given = 1 - (1 - truth["dropout_at_first"]) * (1 - shop.config.deliveries.leave_per_point * points)
        late = points > 1
        assert_unbiased((left_at_first(shop).astype(float) - given)[late])

    def test_a_delay_lowers_the_answer_after_delivery_by_its_points(self):
        overrides = ("without=[leaving_after_delays]",), ("without=[late_deliveries]",)
        late, punctual = (simulate_shop(shop_preset("shop_full", o), 4_000, tables=["surveys"]) for o in overrides)
        points = late.truth.frames["deliveries"].set_index("order_id")["points_lost"]
        answers = [shop.tables.get("surveys").set_index(["order_id", "kind"])["score"] for shop in (late, punctual)]
        both = pd.concat(answers, axis=1, keys=["late", "punctual"]).dropna().reset_index()
        before, after = both.query("kind == 'nps_pre'"), both.query("kind == 'nps_post' and punctual < 10 and late > 0")
        assert (before["late"] == before["punctual"]).all()
        dropped = (after["punctual"] - after["late"]).to_numpy()
        assert (np.abs(dropped - points[after["order_id"]].to_numpy()) <= 1).all()
        assert (dropped > 0).any()


class TestWhoStays:
    def test_leaving_after_the_first_order_by_product_and_page(self, shop: SimulatedShop):
        """Toxic: + .45 (1 - p); sticky: p / 2; who looked at the page by lot: times .6."""
        truth, left = shop.truth.customers.set_index("customer_id"), left_at_first(shop).astype(float)
        leaves = 1 - (1 - truth["dropout_at_first"]) * (1 - truth["leaves_by_delivery"])
        for column in ("toxic_first_product", "sticky_first_product"):
            assert_unbiased((left - leaves)[truth[column]])
        looked = truth.index.isin(shop.truth.frames["pages"]["customer_id"])
        assert_unbiased((left - leaves)[looked])
        regular = truth["population"] == "regular"
        plain = regular & ~truth["toxic_first_product"] & ~truth["sticky_first_product"] & ~looked
        assert left[regular & truth["toxic_first_product"]].mean() > left[plain].mean() + 0.2
        assert left[regular & truth["sticky_first_product"] & ~looked].mean() < left[plain].mean()
        assert left[regular & looked].mean() / left[plain].mean() == pytest.approx(0.6, abs=0.1)

    def test_a_campaign_multiplies_dropout(self, shop: SimulatedShop):
        without = simulate_shop(shop_preset("shop_full", ("without=[loyal_campaigns]",)), 12_000, tables=["customers"])
        campaign = shop.tables.get("customers")["acquisition_campaign"]
        factor = campaign.map(planted(shop, "loyal_campaign")).fillna(1.0).to_numpy()
        plain = without.truth.customers["dropout_per_order"].to_numpy()
        once = (without.truth.customers["population"] == "one-time").to_numpy()
        wanted = np.where(once, 1.0, np.minimum(plain * factor, 1.0))
        np.testing.assert_allclose(shop.truth.customers["dropout_per_order"], wanted, rtol=1e-12)

    def test_a_page_before_the_second_order_is_a_sign_without_effect(self, shop: SimulatedShop):
        views = shop.tables.get("events").query("name == 'wish_list'")["customer_id"]
        orders = shop.tables.orders.groupby("customer_id").size()
        second = orders[orders > 1].index
        assert set(views) <= set(second)
        assert_unbiased(second.isin(views) - 0.35)
        assert planted(shop, "page")["wish_list"] == 0


class TestWordOfMouth:
    def test_mean_rating_is_that_of_the_rounded_normal(self, shop: SimulatedShop):
        """P(rating <= k) = Phi((k + .5 - mean - quality + points / 2) / mood) for k below 5."""
        rows = shop.tables.get("reviews").merge(shop.truth.frames["products"], on="product_id")
        rows = rows.merge(shop.truth.frames["deliveries"], on="order_id")
        reviews = shop.config.reviews
        latent = reviews.mean_stars + rows["quality"] - 0.5 * rows["points_lost"]
        upto = [stats.norm.cdf((k + 0.5 - latent) / reviews.mood_sd) for k in range(1, 5)]
        assert_unbiased(rows["rating"] - (5 - np.sum(upto, axis=0)))
        assert rows.query("is_toxic")["rating"].mean() < rows.query("not is_toxic")["rating"].mean() - 1

    def test_referrers_are_drawn_by_their_willingness(self, shop: SimulatedShop):
        sent = shop.tables.get("referrals").groupby("referrer_id").size()
        truth = shop.truth.customers.set_index("customer_id")
        expected = truth["expected_referrals"]
        happened = sent.reindex(expected.index, fill_value=0)
        assert happened.sum() == pytest.approx(expected.sum())
        for third in np.array_split(truth["satisfaction"].sort_values().index, 3):
            assert abs((happened - expected)[third].sum()) < SIGMAS * np.sqrt(expected[third].sum())
        assert happened[truth["satisfaction"] > 1].mean() > 1.5 * happened.mean()

    def test_referrers_came_before_those_whom_they_sent(self, shop: SimulatedShop):
        rows, people = shop.tables.get("referrals"), shop.tables.get("customers").set_index("customer_id")
        came = people["created_at"]
        assert (came[rows["referrer_id"]].to_numpy() < came[rows["referred_id"]].to_numpy()).all()
        assert (people.loc[rows["referred_id"], "acquisition_channel"] == "referral").all()
        assert (came[rows["referred_id"]].to_numpy() == rows["at"].to_numpy()).all()


class TestMoney:
    def test_profit_of_customers_is_orders_times_expected_contribution(self):
        """net - refunds, times the margin, less payment, parcel and costs to serve.

        Without a season of values and without discounts, so that an order is worth the same at any time.
        """
        plain = simulate_shop(shop_preset("shop_full", ("without=[season,treatments]",)), 12_000)
        orders, truth = plain.tables.orders.set_index("order_id"), plain.truth.customers.set_index("customer_id")
        given_back = plain.tables.refunds.groupby("order_id")["amount"].sum().reindex(orders.index, fill_value=0)
        kept = (orders["net"] - given_back) * (1 - orders["cost"] / orders["net"])
        made = (kept - orders["payment_cost"] - orders["shipping_cost"]).groupby(orders["customer_id"]).sum()
        costs = plain.tables.get("costs_to_serve").query("not is_fixed")
        served = (costs["quantity"] * costs["unit_cost"]).groupby(costs["customer_id"]).sum()
        count = orders.groupby("customer_id").size()
        expected = count * truth["value_per_order_contribution"][count.index]
        # some refunds and tickets of the last weeks come after the data end: at most 1 % of the profit
        difference = made[count.index] - served.reindex(count.index, fill_value=0) - expected
        assert abs(difference.mean()) < SIGMAS * difference.std() / np.sqrt(len(count)) + 0.01 * expected.mean()
        assert (expected < 0).mean() > 0.1

    def test_costs_of_orders(self, shop: SimulatedShop):
        orders, costs = shop.tables.orders, shop.config.order_costs
        wanted = costs.payment_share * orders["net"] + costs.payment_fee
        np.testing.assert_allclose(orders["payment_cost"], wanted, atol=0.0051)
        assert_unbiased(orders["shipping_cost"] - costs.shipping)

    def test_loss_makers_pay_less_than_their_goods_cost(self, shop: SimulatedShop):
        truth = shop.truth.customers
        assert_unbiased(truth["is_loss_maker"] - shop.config.loss_makers.share)
        assert (truth.loc[truth["is_loss_maker"], "margin"] == -0.1).all()
        who = set(truth.loc[truth["is_loss_maker"], "customer_id"])
        orders = shop.tables.orders
        orders = orders[orders["customer_id"].isin(who) & (orders["net"] > 1)]
        assert (orders["cost"] > orders["net"]).all()

    def test_tickets_come_as_often_as_stated_for_the_demanding(self, shop: SimulatedShop):
        truth = shop.truth.customers.set_index("customer_id")["tickets_per_order"]
        tickets, orders = shop.tables.get("tickets")["ticket_id"].str[1:], shop.tables.orders
        early = orders[orders["ordered_at"] < "2023-10-01"]  # the others' tickets may come after the data end
        has = early["order_id"].str[1:].isin(tickets)
        assert_unbiased(has - truth[early["customer_id"]].to_numpy())

    def test_spend_by_kind_is_the_cost_of_the_customers(self, shop: SimulatedShop):
        spent = shop.tables.get("acquisition_spend").groupby("cost_kind")["spend"].sum()
        for kind, name in (("ads", "cost"), ("people", "people"), ("tools", "tools")):
            planned = sum(12_000 * c.share * getattr(c, f"{name}_per_customer") for c in shop.config.channels)
            assert spent[kind] == pytest.approx(planned, rel=0.01)


class TestBooks:
    def test_months_are_the_sums_of_the_orders(self, shop: SimulatedShop):
        months, orders = shop.tables.get("months").set_index("month"), shop.tables.orders
        month = orders["ordered_at"].dt.to_period("M").dt.to_timestamp()
        inside = months[months.index >= "2020-01-01"]
        np.testing.assert_array_equal(inside["orders"], month.value_counts().sort_index())
        np.testing.assert_allclose(inside["net"], orders.groupby(month)["net"].sum(), atol=0.01)
        assert len(months) == 48 + 12

    def test_earlier_months_follow_the_season_at_the_size_of_the_first_year(self, shop: SimulatedShop):
        """log(orders / (level x pace)) ~ normal(0, .05), level = orders / pace of the first twelve months."""
        months, seasons = shop.tables.get("months"), shop.truth.frames["seasons"]
        level = months["orders"][12:24].sum() / seasons["pace"][12:24].sum()
        noise = np.log(months["orders"][:12] / (level * seasons["pace"][:12]))
        assert np.abs(noise).max() < SIGMAS * 0.05 + 0.005
        per_order = months["net"] / months["orders"] / seasons["value_factor"]
        assert per_order[:12].std() < 0.01 * per_order[:12].mean()

    def test_pace_of_a_month_is_its_length_on_the_clock(self, shop: SimulatedShop):
        season = shop.config.season.model_copy(update={"responsive_share": 0.0})
        clock = Clock.of(season, shop.config.start, shop.config.end)
        begin = np.array([0.0, 31.0])  # January 2020
        january = np.diff(clock.elapsed(begin, np.zeros(2, bool)))[0]
        quiet = shop.truth.frames["seasons"].set_index("month")["pace"]["2020-01-01"]
        assert quiet == pytest.approx(january)

    def test_orders_of_a_month_are_worth_its_factor(self, shop: SimulatedShop):
        orders = shop.tables.orders
        mean = shop.truth.customers.set_index("customer_id")["mean_order_value"][orders["customer_id"]].to_numpy()
        paid = (orders["net"] + np.where(_is_offer(orders), orders["discount"], 0.0)).to_numpy()
        seasons = shop.truth.frames["seasons"].set_index("month")["value_factor"]
        month = orders["ordered_at"].dt.to_period("M").dt.to_timestamp()
        ratio = pd.Series(paid / mean / seasons[month].to_numpy())
        for _, rows in ratio.groupby(month.dt.month.to_numpy()):
            assert_unbiased(rows - 1.0)

    def test_a_launch_lifts_the_level_and_a_new_logo_does_not(self, shop: SimulatedShop):
        assert dict(planted(shop, "level_shift")) == {"new checkout": 1.15, "new logo": 1.0}
        without = simulate_shop(shop_preset("shop_full", ("without=[level_shifts]",)), 300, tables=["orders"])
        pace = [made.truth.frames["seasons"].set_index("month")["pace"] for made in (shop, without)]
        ratio = pace[0] / pace[1]
        np.testing.assert_allclose(ratio[:"2021-05-01"], 1.0)
        np.testing.assert_allclose(ratio["2021-06-01":], 1.15)
        marks = shop.tables.get("annotations")
        assert {"new checkout", "new logo", "BLACK20"} <= set(marks["what"])


def _is_offer(orders: pd.DataFrame) -> pd.Series:
    """Orders with the discount of a treatment: those of promotions are not part of net."""
    return orders["discount_code"].isin(["WIN_BACK_VOUCHER", "STOCK_UP"])


class TestTreatments:
    def test_receipts_have_the_stated_shares(self, shop: SimulatedShop):
        sent = shop.tables.get("treatments").query("action != 'none'")
        assert set(sent["receipt"]) == {"delivered", "bounced"}
        for action in shop.config.campaigns.actions:
            assert_unbiased((sent[sent["action"] == action.name]["receipt"] == "delivered") - action.receipt_share)

    def test_the_nth_that_reaches_a_customer_works_less(self, shop: SimulatedShop):
        rows = shop.truth.frames["treatments"].sort_values("sent_day", kind="stable")
        before = rows.groupby("customer_number")["received"].cumsum() - rows["received"]
        fatigue = np.array([action.fatigue for action in shop.config.campaigns.actions])[rows["action_number"]]
        np.testing.assert_allclose(rows["strength"], rows["received"] * (1 - fatigue) ** before)
        assert rows["strength"].nunique() > 4

    @pytest.mark.parametrize("kind", ["growth", "save"])
    def test_difference_of_a_randomised_wave_is_the_net_effect_that_truth_states(self, kind: str):
        """With delay, lost mail, what is borrowed from later, and a discount for all: orders and contribution."""
        action = SimulatedAction(name="act", channel="email", kind=kind, cost=1.0, mean=0.6, sd=0.1, borrowed=0.5,
                        weights={"age": 1.0}, base_logit=0.0, discount=0.2, receipt_share=0.8)  # fmt: skip
        wave = Campaigns(actions=(action,), first_after_days=100.0, every_days=400.0, window_days=40.0, delay_days=10.0,
                         exploration=1.0, holdout=0.0)  # fmt: skip
        config = cohort(weeks=40, campaigns=wave, draws="by_customer", season=SimulatedSeason(value_amplitude=0.2))
        shop = simulate_shop(config, 40_000, tables=["treatments"])
        effect = shop.truth.effects("2020-04-10", "120D").set_index("customer_id")
        orders = shop.tables.orders
        inside = orders[(orders["ordered_at"] >= "2020-04-10") & (orders["ordered_at"] < "2020-08-08")]
        got = inside.groupby("customer_id")
        count = got.size().reindex(effect.index, fill_value=0)
        made = (got["net"].sum() - got["cost"].sum()).reindex(effect.index, fill_value=0.0)
        plain = shop.truth.expected_orders("2020-04-10", "120D")
        worth = shop.truth.expected_value("2020-04-10", "120D", "gross_margin")
        treated = shop.tables.get("treatments").set_index("customer_id")["action"].reindex(effect.index) == "act"
        assert_unbiased((count - plain)[~treated])
        assert_unbiased((made - worth)[~treated])
        assert_unbiased((count - plain - effect["extra_orders"])[treated])
        assert_unbiased((made - worth - effect["extra_contribution"])[treated])
        assert effect["extra_orders"].mean() > 0.01
        lost = shop.config.margin.mean * effect["extra_orders"].mean() * 35 - effect["extra_contribution"].mean()
        assert lost > 0  # the discount is given to those who would have bought anyway

    def test_right_after_sending_truth_knows_who_will_come_back(self):
        action = SimulatedAction(name="act", channel="email", kind="save", cost=1.0, mean=0.6, weights={"age": 1.0},
                        base_logit=3.0)  # fmt: skip
        wave = Campaigns(actions=(action,), first_after_days=100.0, every_days=400.0, window_days=40.0, delay_days=10.0,
                         exploration=0.01, holdout=0.0)  # fmt: skip
        shop = simulate_shop(cohort(weeks=30, campaigns=wave), 20_000, tables=["orders"])
        expected = shop.truth.expected_orders("2020-04-13", "30D")
        silent = shop.truth.churn_probability("2020-04-13", "30D")
        orders = shop.tables.orders
        inside = orders[(orders["ordered_at"] >= "2020-04-13") & (orders["ordered_at"] < "2020-05-13")]
        count = inside.groupby("customer_id").size().reindex(expected.index, fill_value=0)
        assert_unbiased(count - expected)
        assert_unbiased((count == 0) - silent)


class TestWholeTruth:
    @pytest.mark.parametrize(("as_of", "days"), [("2022-03-10", 90), ("2020-07-01", 30), ("2021-11-15", 20)])
    def test_orders_silence_and_value_equal_expectation_with_everything_on(
        self, shop: SimulatedShop, as_of: str, days: int
    ):
        at, orders = pd.Timestamp(as_of), shop.tables.orders
        back = shop.tables.refunds.groupby("order_id")["amount"].sum()
        kept = orders["net"] - back.reindex(orders["order_id"]).fillna(0).to_numpy()
        inside = (orders["ordered_at"] >= at) & (orders["ordered_at"] < at + pd.Timedelta(days=days))
        expected = shop.truth.expected_orders(as_of, f"{days}D")
        count = orders[inside].groupby("customer_id").size().reindex(expected.index, fill_value=0)
        worth = kept[inside].groupby(orders["customer_id"][inside]).sum().reindex(expected.index, fill_value=0)
        assert_unbiased(count - expected)
        assert_unbiased((count == 0) - shop.truth.churn_probability(as_of, f"{days}D"))
        assert_unbiased(worth - shop.truth.expected_value(as_of, f"{days}D", "revenue"))

    def test_value_of_the_first_year_equals_expectation(self):
        shop = simulate_shop(shop_preset("shop_full", ("campaigns=null", "acquired_until=2022-12-01")), 8_000,
                             tables=["orders", "refunds"])  # fmt: skip
        orders = shop.tables.orders
        back = shop.tables.refunds.groupby("order_id")["amount"].sum()
        kept = orders["net"] - back.reindex(orders["order_id"]).fillna(0).to_numpy()
        first = orders.groupby("customer_id")["ordered_at"].transform("min")
        year = orders["ordered_at"] < first + pd.Timedelta(days=365)
        expected = shop.truth.expected_value_of_newcomers("365D", "revenue")
        assert_unbiased(kept[year].groupby(orders["customer_id"][year]).sum() - expected)
