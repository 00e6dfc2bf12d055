"""The software vendor: truth equals what happens, labels are positive-unlabelled, tables agree."""

import numpy as np
import pandas as pd
import pytest

from cvo_ml.simulate import SimulatedSaas, saas_preset, simulate_saas

SIGMAS = 4.0
LEADS = 100_000


@pytest.fixture(scope="module")
def saas() -> SimulatedSaas:
    return simulate_saas("saas", LEADS)


def assert_unbiased(difference: pd.Series) -> None:
    assert abs(difference.mean()) < SIGMAS * difference.std() / np.sqrt(len(difference)), difference.mean()


class TestTruth:
    @pytest.mark.parametrize(("as_of", "days"), [("2021-07-01", 90), ("2021-07-01", 365), ("2022-06-01", 180)])
    def test_churn_and_invoices_equal_expectation(self, saas: SimulatedSaas, as_of: str, days: int):
        """The first two windows hold a price rise, with more churn and higher invoices."""
        at = pd.Timestamp(as_of)
        value = saas.truth.expected_value(as_of, f"{days}D", "revenue")
        invoices = saas.tables.orders
        inside = invoices[(invoices["ordered_at"] >= at) & (invoices["ordered_at"] < at + pd.Timedelta(days=days))]
        assert_unbiased(inside.groupby("customer_id")["net"].sum().reindex(value.index, fill_value=0) - value)
        alive, churn = saas.truth.alive(as_of), saas.truth.churn_probability(as_of, f"{days}D")
        ended = saas.truth.frames["accounts"].set_index("customer_id")["ended_day"][churn.index]
        left = ended < (at - pd.Timestamp(saas.config.start)).days + days
        assert_unbiased((left.astype(float) - churn)[alive])
        assert (churn[~alive] == 1).all()
        assert (value[~alive] == 0).all()

    def test_expected_first_year_of_winners_equals_their_invoices(self, saas: SimulatedSaas):
        accounts = saas.truth.frames["accounts"].query("start_day < 700")
        invoices = saas.tables.orders.merge(saas.tables.get("customers")[["customer_id", "created_at"]])
        year = invoices[invoices["ordered_at"] < invoices["created_at"] + pd.Timedelta(days=365)]
        paid = year.groupby("customer_id")["net"].agg(["sum", "size"]).loc[accounts["customer_id"]]
        lead = saas.truth.leads.iloc[accounts["lead_number"]]
        cost = {source.name: source.cost_per_customer for source in saas.config.sources}
        source = saas.tables.get("leads")["source"].iloc[accounts["lead_number"]].map(cost).to_numpy()
        support = saas.config.tickets_per_month * 15.0 * saas.config.cost_per_ticket_minute * paid["size"]
        made = saas.config.margin * paid["sum"] - support - source - saas.config.contact.cost
        assert_unbiased(made.reset_index(drop=True) - lead["expected_contribution"].reset_index(drop=True))

    def test_shifted_beta_geometric_retention_without_other_behaviour(self):
        """S(t) = B(a, b + t) / B(a, b); Fader & Hardie 2007, eq. 6: no milestone effect, no price rise, monthly."""
        plain = ("milestones.effect_on_churn=0.0", "price_rises=[]", "contact.share=1.0", "churn.observed={}")
        config = saas_preset("saas", plain)
        saas = simulate_saas(config.model_copy(update={"plans": config.plans[:1]}), 40_000, tables=["orders"])
        accounts = saas.truth.frames["accounts"].query("start_day < 600")
        months = np.round((accounts["ended_day"] - accounts["start_day"]) / 30.4375)
        a, b = config.churn_per_renewal.a, config.churn_per_renewal.b
        for t in (1, 6, 12):
            survival = np.prod((b + np.arange(t)) / (a + b + np.arange(t)))
            error = np.sqrt(survival * (1 - survival) / len(accounts))
            assert abs((months > t).mean() - survival) < SIGMAS * error

    def test_milestones_keep_accounts(self):
        kept = {}
        for effect in (0.0, 0.6):
            config = saas_preset("saas", (f"milestones.effect_on_churn={effect}",))
            accounts = simulate_saas(config, 20_000, tables=["orders"]).truth.frames["accounts"]
            kept[effect] = np.isinf(accounts["ended_day"]).mean()
        assert kept[0.6] > kept[0.0] + 0.05


class TestLabels:
    def test_labelled_share_of_winners_is_the_label_propensity(self, saas: SimulatedSaas):
        leads = saas.truth.leads
        winners = leads[leads["is_winner"]]
        error = np.sqrt(0.4 * 0.6 / len(winners))
        assert saas.truth.label_propensity == pytest.approx(0.4)
        assert abs(winners["contacted"].mean() - saas.truth.label_propensity) < SIGMAS * error

    def test_there_are_unlabelled_winners(self, saas: SimulatedSaas):
        leads = saas.truth.leads
        assert (leads["is_winner"] & ~leads["contacted"]).mean() > 0.05

    def test_scar_contacts_do_not_depend_on_winning_and_sar_contacts_do(self):
        for selection, dependent in ((0.0, False), (1.5, True)):
            config = saas_preset("saas", (f"contact.selection={selection}",))
            leads = simulate_saas(config, 20_000, tables=["orders"]).truth.leads
            rate = leads.groupby("would_buy")["contacted"].mean()
            assert (abs(rate[True] - rate[False]) > 0.1) == dependent

    def test_would_buy_has_the_stated_share(self, saas: SimulatedSaas):
        share = saas.config.win_share
        assert abs(saas.truth.leads["would_buy"].mean() - share) < SIGMAS * np.sqrt(share * (1 - share) / LEADS) + 0.005

    def test_deals_are_exactly_the_contacted_leads(self, saas: SimulatedSaas):
        contacted = saas.tables.get("leads").dropna(subset="contacted_at")["lead_id"]
        assert set(saas.tables.get("deals")["lead_id"]) == set(contacted)
        won = saas.tables.get("deals").query("is_won")
        assert set(won["customer_id"]) == set(saas.tables.get("customers")["customer_id"])


class TestTables:
    def test_all_tables_keep_their_contracts_and_hold_rows(self, saas: SimulatedSaas):
        assert len(saas.tables.frames) == 12
        assert all(len(frame) for frame in saas.tables.frames.values())

    def test_subscription_states_follow_each_other_and_pay_their_invoices(self, saas: SimulatedSaas):
        states = saas.tables.get("subscriptions")
        same = states["subscription_id"].eq(states["subscription_id"].shift())
        assert (states["started_at"][same] == states["ended_at"].shift()[same]).all()
        merged = pd.merge_asof(
            saas.tables.orders.sort_values("ordered_at"), states.sort_values("started_at"),
            left_on="ordered_at", right_on="started_at", by="customer_id",
        )  # fmt: skip
        np.testing.assert_allclose(merged["net"], merged["mrr"])

    def test_prices_of_invoices_are_on_the_list(self, saas: SimulatedSaas):
        states = saas.tables.get("subscriptions")
        listed = set(saas.tables.get("prices")["price"])
        assert set((states["mrr"] / states["seats"]).round(2)) <= listed

    @pytest.mark.parametrize(("link", "linked"), [(0.0, False), (0.8, True)])
    def test_usage_says_something_about_churn_only_if_linked(self, link: float, linked: bool):
        saas = simulate_saas(saas_preset("saas", (f"usage_link={link}",)), 30_000, tables=["events", "subscriptions"])
        users = saas.tables.get("events").groupby("customer_id")["value"].mean()
        seats = saas.tables.get("subscriptions").groupby("customer_id")["seats"].mean()[users.index]
        accounts = saas.truth.frames["accounts"].set_index("customer_id").loc[users.index]
        churn = saas.truth.leads["churn_per_renewal"].iloc[accounts["lead_number"]]
        correlation = np.corrcoef(users / seats, np.log(churn))[0, 1]
        assert (correlation < -0.3) if linked else (abs(correlation) < SIGMAS / np.sqrt(len(users)) + 0.05)
