"""The full vendor: payments, features, stages, touches and research have the sizes that their formulas state."""

import numpy as np
import pandas as pd
import pytest
from scipy.optimize import minimize
from scipy.special import logsumexp

from cvo_ml.simulate import SimulatedSaas, saas_preset, simulate_saas

SIGMAS = 4.0
LEADS = 40_000


@pytest.fixture(scope="module")
def saas() -> SimulatedSaas:
    return simulate_saas("saas_full", LEADS)


def assert_unbiased(difference: pd.Series | np.ndarray) -> None:
    error = np.std(difference) / np.sqrt(len(difference))
    assert abs(np.mean(difference)) <= SIGMAS * error, (np.mean(difference), error)


class TestAccounts:
    @pytest.mark.parametrize(("as_of", "days"), [("2021-07-01", 90), ("2022-06-01", 365)])
    def test_churn_and_invoices_equal_expectation_with_payments_and_features(
        self, saas: SimulatedSaas, as_of: str, days: int
    ):
        at = pd.Timestamp(as_of)
        value = saas.truth.expected_value(as_of, f"{days}D", "revenue")
        invoices = saas.tables.orders
        inside = invoices[(invoices["ordered_at"] >= at) & (invoices["ordered_at"] < at + pd.Timedelta(days=days))]
        assert_unbiased(inside.groupby("customer_id")["net"].sum().reindex(value.index, fill_value=0) - value)
        alive, churn = saas.truth.alive(as_of), saas.truth.churn_probability(as_of, f"{days}D")
        ended = saas.truth.table("accounts").set_index("customer_id")["ended_day"][churn.index]
        left = ended < (at - pd.Timestamp(saas.config.start)).days + days
        assert_unbiased((left.astype(float) - churn)[alive])

    @pytest.mark.parametrize("days", [1, 365])
    def test_monthly_revenue_of_accounts_grows_and_is_lost_as_stated(self, saas: SimulatedSaas, days: int):
        """Seats grow by (1 + e - d) a month, prices rise, who left pays nothing: net revenue retention."""
        expected = saas.truth.expected_mrr("2021-07-01", f"{days}D")
        states, end = saas.tables.get("subscriptions"), pd.Timestamp("2021-07-01") + pd.Timedelta(days=days)
        open_states = states[(states["started_at"] < end) & ~(states["ended_at"] < end)]
        mrr = open_states.drop_duplicates("customer_id", keep="last").set_index("customer_id")["mrr"]
        assert_unbiased(mrr.reindex(expected.index, fill_value=0.0) - expected)

    def test_accounts_leave_by_their_next_renewal_as_stated(self, saas: SimulatedSaas):
        renewals = saas.truth.renewals("2022-06-01")
        ended = saas.truth.table("accounts").set_index("customer_id")["ended_day"][renewals.index]
        day = (renewals["renewal_at"] - pd.Timestamp(saas.config.start)) / pd.Timedelta(days=1)
        assert (renewals["renewal_at"] >= "2022-06-01").all()
        assert_unbiased((ended < day + 0.01) - renewals["leave_probability"])

    def test_payments_fail_and_recover_as_stated(self, saas: SimulatedSaas):
        """After the first: each month's payment fails with f, and then ends the account with 1 - r."""
        names = saas.tables.get("events")["name"].value_counts()
        failed, unpaid = names["payment_failed"], saas.truth.table("accounts")["ended_unpaid"].sum()
        tried = len(saas.tables.orders) - len(saas.tables.get("customers")) + unpaid
        payments = saas.config.payments
        assert abs(failed - payments.fail_share * tried) < SIGMAS * np.sqrt(payments.fail_share * tried)
        assert abs(unpaid - 0.25 * failed) < SIGMAS * np.sqrt(failed * 0.25 * 0.75)
        reasons = saas.tables.get("subscriptions").query("status == 'canceled'")["cancel_reason"]
        assert (reasons == "payment failed").sum() == unpaid

    def test_a_feature_keeps_those_who_use_it(self, saas: SimulatedSaas):
        """E[log kept] is that of the features used; adoption has its share."""
        adoption = saas.truth.table("adoption").merge(saas.truth.table("features"), on="feature_id")
        accounts = saas.truth.table("accounts").set_index("customer_id")
        kept = (1 - adoption["keeps"]).groupby(adoption["customer_id"]).prod()
        np.testing.assert_allclose(accounts["kept_by_features"], kept.reindex(accounts.index, fill_value=1.0))
        used = adoption.groupby("feature_id").size() / len(accounts)
        wanted = saas.truth.table("features").set_index("feature_id")["adopted"]
        error = SIGMAS * np.sqrt(wanted * (1 - wanted) / len(accounts))
        assert (abs(used.reindex(wanted.index, fill_value=0) - wanted) <= error).all()
        assert set(saas.tables.get("events")["name"]) >= {"used reports", "used alerts", "used single sign-on"}

    def test_requests_are_poisson_in_time_and_size_of_those_without(self, saas: SimulatedSaas):
        months = saas.truth.table("months").merge(
            saas.truth.table("accounts")[["lead_number", "customer_id"]], on="lead_number"
        )
        months = months[months["day"] < saas.config.days - 31]  # whole months
        requests = saas.tables.get("feature_requests")
        early = requests["requested_at"] < pd.Timestamp(saas.config.end) - pd.Timedelta(days=31)
        for _, feature in saas.truth.table("features").iterrows():
            users = saas.truth.table("adoption").query("feature_id == @feature.feature_id")["customer_id"]
            without = months[~months["customer_id"].isin(users)]
            size = (without["seats"] / saas.config.mean_seats) ** feature["by_size"]
            asked = requests[early & (requests["feature_id"] == feature["feature_id"])]
            expected = feature["asked_per_month"] * size.sum()
            assert not set(asked["customer_id"]) & set(users)
            assert abs(len(asked) - expected) <= SIGMAS * np.sqrt(expected) + 0.01 * expected

    def test_parents_hold_a_share_of_the_accounts_in_groups_of_the_stated_size(self, saas: SimulatedSaas):
        accounts = saas.tables.get("accounts")
        own = accounts[accounts["account_id"].str.startswith("a")]
        assert set(saas.tables.get("customers")["account_id"]) == set(own["account_id"])
        assert set(own["parent_id"].dropna()) == set(accounts["account_id"]) - set(own["account_id"])
        assert_unbiased(own["parent_id"].notna() - 0.25)
        sizes = own["parent_id"].value_counts()
        by_chance = len(saas.truth.leads) * saas.config.contact.share * saas.config.win_share
        stated = 1 + (3.0 - 1) * len(own) / by_chance  # sales find those who buy, so more of a group
        assert sizes.mean() == pytest.approx(stated, abs=SIGMAS * sizes.std() / np.sqrt(len(sizes)))


class TestLeads:
    def test_deals_before_the_recording_began_are_missing_and_their_customers_are_not(self, saas: SimulatedSaas):
        deals, leads, truth = saas.tables.get("deals"), saas.tables.get("leads"), saas.truth.table("leads")
        assert deals["created_at"].min() >= pd.Timestamp("2021-03-01")
        assert leads[["mql_at", "sql_at", "contacted_at"]].min().min() >= pd.Timestamp("2021-03-01")
        unseen = set(saas.tables.get("customers")["lead_id"]) - set(deals["lead_id"])
        assert len(unseen) > 100
        assert truth.set_index("lead_id").loc[list(unseen), "contacted"].all()

    def test_stages_come_in_order(self, saas: SimulatedSaas):
        leads = saas.tables.get("leads").dropna(subset=["mql_at", "sql_at"])
        assert (leads["created_at"] <= leads["mql_at"]).all()
        assert (leads["mql_at"] <= leads["sql_at"]).all()

    def test_marketing_calls_the_stated_share_of_those_whom_sales_do_not_contact(self):
        """Phi(sqrt(1 + s^2) Phi^-1(share) + s x) has mean share over x ~ normal."""
        overrides = ("stages.recorded_from=null", "contact.selection=0.0", "acquired_until=2023-06-01")
        saas = simulate_saas(saas_preset("saas_full", overrides), LEADS, tables=["leads"])
        others = ~saas.truth.table("leads")["contacted"]
        called = saas.tables.get("leads")["mql_at"].notna()[others]
        assert_unbiased(called - 0.3)
        would_buy = saas.truth.table("leads")["would_buy"][others]
        assert called[would_buy].mean() > called[~would_buy].mean() + 0.15

    def test_channels_cause_the_stated_share_of_won_deals(self, saas: SimulatedSaas):
        won = saas.truth.table("leads").set_index("lead_id").loc[saas.tables.get("customers")["lead_id"], "caused_by"]
        touches = saas.tables.get("touchpoints").query("kind != 'lead_created'")
        seen = set(zip(touches["lead_id"], touches["channel"], strict=True))
        for touch in saas.config.touchpoints:
            assert_unbiased((won == touch.channel) - touch.causes)
            caused = won[won == touch.channel].index
            assert all((lead, touch.channel) in seen for lead in caused)
        others = saas.tables.get("leads").query("created_at < '2023-09-01'")["lead_id"]
        others = others[~others.isin(won.index)]
        for touch in saas.config.touchpoints:
            had = [(lead, touch.channel) in seen for lead in others]
            assert_unbiased(np.array(had) - touch.follows)

    def test_every_lead_has_the_touch_that_created_it(self, saas: SimulatedSaas):
        created = saas.tables.get("touchpoints").query("kind == 'lead_created'").set_index("lead_id")
        leads = saas.tables.get("leads").set_index("lead_id")
        assert (created.loc[leads.index, "at"] == leads["created_at"]).all()
        assert (created.loc[leads.index, "channel"] == leads["source"]).all()


class TestResearch:
    def test_a_conditional_logit_recovers_the_part_worths(self):
        """Maximum likelihood within four standard errors from the observed information."""
        config = saas_preset("saas_full", ("conjoint.respondents=1500",))
        saas = simulate_saas(config, 100, tables=["choices"])
        rows = saas.tables.get("choices")
        worths = saas.truth.table("part_worths")
        worths = worths[worths["part_worth"] != 0]
        columns = [
            rows["price"] / 10 if attribute == "price" else (rows[attribute] == level).astype(float)
            for attribute, level in zip(worths["attribute"], worths["level"], strict=True)
        ]
        shown = np.column_stack(columns).reshape(-1, 3, len(columns))
        chosen = rows["chosen"].to_numpy().reshape(-1, 3)
        assert (chosen.sum(axis=1) == 1).all()

        def loss(beta: np.ndarray) -> float:
            utility = shown @ beta
            return float((logsumexp(utility, axis=1) - utility[chosen]).sum())

        found = minimize(loss, np.zeros(len(columns)), method="BFGS")
        wanted = worths["part_worth"].to_numpy() * np.where(worths["attribute"] == "price", 10, 1)
        assert (np.abs(found.x - wanted) < SIGMAS * np.sqrt(np.diag(found.hess_inv))).all()

    def test_answers_about_prices_surround_the_willingness_to_pay(self, saas: SimulatedSaas):
        """log(answer / willingness) has mean log(ratio): ratios are far apart for the noise, so none change places."""
        answers = saas.tables.get("price_answers").set_index("respondent_id")
        truth = saas.truth.table("willingness").set_index("respondent_id")["willingness"]
        names = ["too_cheap", "cheap", "expensive", "too_expensive"]
        assert (answers[names].diff(axis=1).iloc[:, 1:] >= 0).all().all()
        for name, ratio in zip(names, saas.config.price_sensitivity.ratios, strict=True):
            assert_unbiased(np.log(answers[name] / truth) - np.log(ratio))
        sensitivity = saas.config.price_sensitivity
        assert_unbiased(np.log(truth) - np.log(sensitivity.median))
        assert np.log(truth).std() == pytest.approx(sensitivity.sigma, rel=0.15)

    def test_key_results_go_straight_to_their_true_value(self, saas: SimulatedSaas):
        okrs, truth = saas.tables.get("okrs"), saas.truth.table("key_results").set_index("key_result_id")
        gone = (okrs["measured_at"] - okrs["starts_at"]) / (okrs["ends_at"] - okrs["starts_at"])
        on_the_way = okrs["base"] + (truth["true_value"][okrs["key_result_id"]].to_numpy() - okrs["base"]) * gone
        noise = (okrs["value"] - on_the_way) / (okrs["target"] - okrs["base"]).abs()
        assert noise.abs().max() < SIGMAS * 0.05
        assert truth["is_reached"].to_dict() == {"k000": False, "k001": True}
        assert (okrs["measured_at"] < pd.Timestamp(saas.config.end)).all()
