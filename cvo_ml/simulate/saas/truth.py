"""What is true about leads and accounts at any date: winners, churn, expected value."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, replace
from datetime import date
from typing import Literal

import numpy as np
import pandas as pd

from cvo_ml.config.simulation import SimulatedSaasConfig
from cvo_ml.core.arrays import Numbers
from cvo_ml.core.units import Horizon, parse_as_of
from cvo_ml.simulate.columns import day_number, times
from cvo_ml.simulate.known import truth_table
from cvo_ml.simulate.saas.accounts import MONTH, contract_months, list_prices, plan_of, price_level
from cvo_ml.simulate.saas.activity import MEAN_TICKET_MINUTES
from cvo_ml.simulate.saas.expectations import AccountState, Expectations, look_ahead
from cvo_ml.simulate.saas.leads import DAYS_TO_CONTACT, Leads

Basis = Literal["revenue", "gross_margin", "contribution"]
FIRST_YEAR = 365.0


@dataclass(frozen=True)
class SaasTruth:
    """The truth folder of a software vendor.

    Results about accounts are indexed by customer_id and hold the accounts that started before
    ``as_of``; windows are [as_of, as_of + horizon).
    """

    config: SimulatedSaasConfig
    frames: Mapping[str, pd.DataFrame]

    @property
    def leads(self) -> pd.DataFrame:
        """Per lead: ``would_buy`` if contacted, ``expected_contribution`` of the first year if it buys,
        ``is_winner`` (both well), ``contact_propensity`` = label propensity."""
        return self.frames["leads"]

    def table(self, name: str) -> pd.DataFrame:
        """A table of the truth, with the columns and units of docs/truth.md.

        Raises
        ------
        UsageError
            If this vendor has no such table.
        """
        return truth_table(self.frames, name)

    @property
    def label_propensity(self) -> float:
        """c = P(contacted | winner): the share of winners that a label can show, before delays."""
        return float(self.leads.loc[self.leads["is_winner"], "contact_propensity"].mean())

    def alive(self, as_of: str | date) -> pd.Series:
        """Whether each account has not left by ``as_of``."""
        state, ids = self._state(as_of)
        return pd.Series(state.alive > 0, index=ids, name="alive")

    def churn_probability(self, as_of: str | date, horizon: Horizon | str) -> pd.Series:
        """P(leaves in the window) of each account; 1 for those who have left."""
        expected, ids = self._expected(as_of, horizon)
        return pd.Series(np.nan_to_num(expected.churned, nan=1.0), index=ids, name="churn_probability")

    def expected_mrr(self, as_of: str | date, horizon: Horizon | str) -> pd.Series:
        """Expected monthly revenue of each account at the window's end: 0 of those who left, more of those who grew.

        Its sum over the sum of the monthly revenues at ``as_of`` is the expected net revenue retention.
        """
        expected, ids = self._expected(as_of, horizon)
        return pd.Series(expected.mrr, index=ids, name="expected_mrr")

    def renewals(self, as_of: str | date) -> pd.DataFrame:
        """Next renewal of each account that has not left, by customer_id.

        Returns
        -------
        ``renewal_at``, and ``leave_probability``: P(it has left by then, a payment that fails for good included).
        """
        state, ids = self._state(as_of)
        contract = contract_months(self.config)[state.plan]
        month = (state.month // contract + 1) * contract
        day = state.start + month * MONTH
        left = look_ahead(self.config, state, np.nextafter(day, np.inf)).churned
        frame = pd.DataFrame({"renewal_at": times(self.config.start, day), "leave_probability": left}, index=ids)
        return frame[state.alive > 0]

    def expected_value(self, as_of: str | date, horizon: Horizon | str, basis: Basis = "contribution") -> pd.Series:
        """Expected value invoiced in the window; contribution is less support minutes, not acquisition."""
        expected, ids = self._expected(as_of, horizon)
        return pd.Series(value_of(self.config, expected, basis), index=ids, name="expected_value")

    def _expected(self, as_of: str | date, horizon: Horizon | str) -> tuple[Expectations, pd.Index]:
        state, ids = self._state(as_of)
        day = day_number(self.config.start, parse_as_of(as_of))
        return look_ahead(self.config, state, np.full(len(ids), day + Horizon(horizon).whole_days)), ids

    def _state(self, as_of: str | date) -> tuple[AccountState, pd.Index]:
        day = day_number(self.config.start, parse_as_of(as_of))
        accounts = self.frames["accounts"]
        accounts = accounts[accounts["start_day"] < day]
        lead = self.leads.iloc[accounts["lead_number"].to_numpy()]
        # months begun before as_of: those invoiced at start + m MONTH < as_of
        month = np.ceil((day - accounts["start_day"].to_numpy()) / MONTH).astype(np.int64) - 1
        state = AccountState(
            start=accounts["start_day"].to_numpy(),
            plan=accounts["plan_number"].to_numpy(),
            churn=lead["churn_per_renewal"].to_numpy() * self._kept(accounts),
            milestone_rate=lead["milestone_rate"].to_numpy(),
            alive=(accounts["ended_day"].to_numpy() >= day).astype(float),
            month=month,
            reached=self._reached(accounts, day),
            seats=self._seats(accounts, day),
        )
        return state, pd.Index(accounts["customer_id"].to_numpy(), name="customer_id")

    def _kept(self, accounts: pd.DataFrame) -> Numbers | float:
        return accounts["kept_by_features"].to_numpy() if "kept_by_features" in accounts else 1.0

    def _reached(self, accounts: pd.DataFrame, day: float) -> Numbers:
        steps = self.frames["milestones"]
        steps = steps[steps["day"] < day]
        return _count(steps["lead_number"].to_numpy(), accounts["lead_number"].to_numpy(), len(self.leads))

    def _seats(self, accounts: pd.DataFrame, day: float) -> Numbers:
        months = self.frames["months"]
        months = months[months["day"] < day].drop_duplicates("lead_number", keep="last")
        seats = np.zeros(len(self.leads), np.int64)
        seats[months["lead_number"].to_numpy()] = months["seats"].to_numpy()
        return seats[accounts["lead_number"].to_numpy()]


def first_year_contribution(config: SimulatedSaasConfig, leads: Leads, kept: Numbers | float = 1.0) -> Numbers:
    """Expected contribution of each lead's first year if it bought, after the costs of winning it; shape (n,).

    A lead never contacted is taken to start at the mean delay after its creation. ``kept``: the factor that
    its features put on the probability to leave.
    """
    usual = leads.created + DAYS_TO_CONTACT + config.contact.mean_days_to_close
    start = np.where(np.isnan(leads.closed), usual, leads.closed)
    plan = plan_of(config, leads.seats)
    zero = np.zeros(len(start), np.int64)
    churn = leads.churn * kept
    state = AccountState(start, plan, churn, leads.milestone_rate, np.ones(len(start)), zero, zero, leads.seats)
    later = look_ahead(config, state, start + FIRST_YEAR)
    first = first_invoice(config, start, plan, leads.seats)
    expected = replace(later, invoiced=later.invoiced + first, months=later.months + 1)
    won = np.array([source.cost_per_customer for source in config.sources])[leads.source] + config.contact.cost
    return value_of(config, expected, "contribution") - won


def first_invoice(config: SimulatedSaasConfig, start: Numbers, plan: Numbers, seats: Numbers) -> Numbers:
    """What an account pays at its start."""
    return np.asarray(seats * np.round(list_prices(config)[plan] * price_level(config, start), 2))


def value_of(config: SimulatedSaasConfig, expected: Expectations, basis: Basis) -> Numbers:
    """Expected value of an expected on one basis."""
    if basis == "revenue":
        return expected.invoiced
    support = config.tickets_per_month * MEAN_TICKET_MINUTES * config.cost_per_ticket_minute * expected.months
    return config.margin * expected.invoiced - (support if basis == "contribution" else 0.0)


def _count(numbers: Numbers, wanted: Numbers, size: int) -> Numbers:
    return np.bincount(numbers, minlength=size)[wanted]
