"""What is true about a shop's customers at any date: alive, expected orders and value, churn, effects.

Everything is an exact expectation given the true traits and what has happened before ``as_of``,
with no treatment sent from then on. It uses nothing that happens later.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from datetime import date
from functools import cached_property
from itertools import pairwise
from typing import Literal

import numpy as np
import pandas as pd

from cvo_ml.config.simulation import Opportunities, SimulatedShopConfig
from cvo_ml.core.arrays import Numbers
from cvo_ml.core.errors import UsageError, nearest_name
from cvo_ml.core.units import Horizon, parse_as_of
from cvo_ml.simulate.columns import day_number
from cvo_ml.simulate.known import PLANTED, truth_table
from cvo_ml.simulate.shop import expectations, opportunities
from cvo_ml.simulate.shop.clock import YEARS_AFTER_END, value_factors
from cvo_ml.simulate.shop.expectations import Span
from cvo_ml.simulate.shop.purchases import multiplied
from cvo_ml.simulate.shop.state import CustomerState, Records, Treatment

Basis = Literal["revenue", "gross_margin", "contribution"]
SHORTEST_MONTH = 28


@dataclass(frozen=True)
class ShopTruth:
    """The truth folder of a shop.

    Results are indexed by customer_id and hold who has ordered before ``as_of``. ``horizon`` is a
    ``Horizon`` or its text; windows are [as_of + delay, as_of + delay + horizon).
    """

    config: SimulatedShopConfig
    frames: Mapping[str, pd.DataFrame]

    @property
    def customers(self) -> pd.DataFrame:
        """True traits, one row per customer."""
        return self.frames["customers"]

    def table(self, name: str) -> pd.DataFrame:
        """A table of the truth, with the columns and units of docs/truth.md.

        Raises
        ------
        UsageError
            If this shop has no such table.
        """
        return truth_table(self.frames, name)

    def planted(self, kind: str) -> pd.Series:
        """Sizes of the planted effects of a kind, by member: a neutral size (docs/truth.md) is a bait.

        Raises
        ------
        UsageError
            If there is no such kind.
        """
        kinds = [planted.kind for planted in PLANTED]
        if kind not in kinds:
            raise UsageError(f"nothing of kind {kind!r} is planted{nearest_name(kind, kinds)}: use {', '.join(kinds)}")
        rows = self.frames["anomalies"]
        return rows[rows["kind"] == kind].set_index("member")["size"]

    def alive(self, as_of: str | date) -> pd.Series:
        """Whether each customer has not dropped out by ``as_of``."""
        state = self._state(as_of)
        return self._series(state.who, state.alive, "alive")

    def expected_orders(
        self, as_of: str | date, horizon: Horizon | str, delay: Horizon | str | None = None
    ) -> pd.Series:
        """Expected number of orders in the window."""
        state, late = self._state(as_of), Horizon(delay).whole_days if delay else 0
        until = self._orders_until(state, late + Horizon(horizon).whole_days)
        before = self._orders_until(state, late) if late else 0.0
        return self._series(state.who, until - before, "expected_orders")

    def expected_value(
        self,
        as_of: str | date,
        horizon: Horizon | str,
        basis: Basis = "contribution",
        delay: Horizon | str | None = None,
    ) -> pd.Series:
        """Expected value of the orders in the window, less the refunds of those orders whenever they come."""
        if not self._value_changes:
            orders = self.expected_orders(as_of, horizon, delay)
            value = self.customers.set_index("customer_id")[f"value_per_order_{basis}"]
            return (orders * value[orders.index]).rename("expected_value")
        state, late = self._state(as_of), Horizon(delay).whole_days if delay else 0
        worth = self._value(state, late, late + Horizon(horizon).whole_days, basis)
        return self._series(state.who, worth, "expected_value")

    def churn_probability(self, as_of: str | date, horizon: Horizon | str) -> pd.Series:
        """P(no order in the window) given the true traits: of the dropped out it is 1."""
        state, days = self._state(as_of), Horizon(horizon).whole_days
        if self.config.by_opportunity:
            buys, dies, chances = self._chances(state, days)
            any_order = state.alive * opportunities.any_purchase(buys, dies, chances)
        else:
            any_order = self._by_regularity(state, days, expectations.any_purchase)
        return self._series(state.who, 1.0 - any_order, "churn_probability")

    def expected_value_of_newcomers(self, horizon: Horizon | str, basis: Basis = "contribution") -> pd.Series:
        """Expected value in [first order, first order + horizon), the first order included, untreated."""
        born = self._records.column("born_day")
        stays = (1.0 - self._records.column("dropout_at_first")) * (1.0 - self._records.leaves_by_delivery())
        state = CustomerState(np.arange(len(born)), born, stays, np.zeros(len(born)))
        if self.config.season.value_amplitude:
            first = self._worth(basis, np.arange(len(born)), value_factors(self.config.season, self.config.start, born))
            worth = first + self._value(state, 0.0, Horizon(horizon).whole_days, basis)
            return self._series(state.who, worth, "expected_value")
        orders = 1.0 + self._orders_until(state, Horizon(horizon).whole_days)
        return self._series(state.who, orders * self._records.column(f"value_per_order_{basis}"), "expected_value")

    def effects(self, as_of: str | date, horizon: Horizon | str) -> pd.DataFrame:
        """True effect of each action sent at ``as_of`` on the orders in [as_of, as_of + horizon).

        Returns
        -------
        One row per customer and action: ``effect`` and its part visible in the profile
        ``observable_effect`` = E[effect | profile], ``extra_orders``, ``extra_contribution``,
        ``cost``, ``profit`` = extra_contribution - cost. A new action replaces one that still runs. It is the
        effect of sending: what is left after fatigue, times the probability that it is received, net of what
        is borrowed from later in the horizon and of the discount on orders that would have come anyway.

        Raises
        ------
        UsageError
            If the shop has no campaigns.
        """
        campaigns = self.config.campaigns
        if campaigns is None:
            raise UsageError(f"preset {self.config.name!r} has no campaigns: use one with actions, such as 'shop'")
        state, days = self._state(as_of).untreated(), Horizon(horizon).whole_days
        plain = self._orders_until(state, days)
        parts = [self._effect_of(number, state, plain, days) for number in range(len(campaigns.actions))]
        return pd.concat(parts, ignore_index=True)

    @property
    def _value_changes(self) -> bool:
        """Whether an order's value depends on when it is placed."""
        campaigns = self.config.campaigns
        offers = campaigns is not None and any(action.discount for action in campaigns.actions)
        return bool(self.config.season.value_amplitude) or offers

    def _value(self, state: CustomerState, since: float, until: float, basis: Basis) -> Numbers:
        """Expected value in [day + since, day + until): stretch by stretch of one season of values and one discount."""
        worth, edges = np.zeros(len(state.who)), self._edges(state, since, until)
        before = self._orders_until(state, edges[0])
        for begin, end in pairwise(edges):
            upto = self._orders_until(state, end)
            factor = value_factors(self.config.season, self.config.start, state.day + (begin + end) / 2)
            off: Numbers | float = 0.0
            for part in reversed(state.running):
                discount = 0.0 if part.discount is None else part.discount[state.who]
                off = np.where(begin < part.days, discount, off)
            worth += (upto - before) * self._worth(basis, state.who, factor, off)
            before = upto
        return worth

    def _edges(self, state: CustomerState, since: float, until: float) -> list[Numbers]:
        """Days from now at which the value of an order may change, ascending, each of shape (n,).

        Ends of treatments, and first days of months, which come after as many days as it is for each customer.
        """
        whole = np.zeros(len(state.who))
        edges = [whole + since, whole + until, *(whole + part.days for part in state.running)]
        if self.config.season.value_amplitude:
            months = np.arange(np.datetime64(self.config.start, "M"), np.datetime64("2200-01", "M"))
            starts = (months.astype("M8[D]") - np.datetime64(self.config.start, "D")).astype(float)
            following = np.searchsorted(starts, state.day + since, side="right")
            count = int((until - since) // SHORTEST_MONTH) + 1
            edges += [starts[following + number] - state.day for number in range(count)]
        return list(np.sort(np.clip(edges, since, until), axis=0))

    def _worth(self, basis: Basis, who: Numbers, factor: Numbers, off: Numbers | float = 0.0) -> Numbers:
        """Expected value of one order at ``factor`` times its usual value, with the share ``off`` taken off."""
        revenue, margin, contribution = (
            self._records.column(f"value_per_order_{name}")[who] for name in ("revenue", "gross_margin", "contribution")
        )
        if basis == "revenue":
            return revenue * factor * (1.0 - off)
        gross = margin * factor - revenue * factor * off
        if basis == "gross_margin":
            return gross
        share = self.config.order_costs.payment_share if self.config.order_costs else 0.0
        paid = share * self._records.column("mean_order_value")[who]
        return gross - (margin - contribution) - paid * (factor * (1.0 - off) - 1.0)

    @cached_property
    def _records(self) -> Records:
        return Records(self.config, self.frames)

    def _state(self, as_of: str | date) -> CustomerState:
        return self._records.on(day_number(self.config.start, parse_as_of(as_of)))

    def _series(self, who: Numbers, values: Numbers, name: str) -> pd.Series:
        return pd.Series(
            values, index=pd.Index(self.customers["customer_id"].array[who], name="customer_id"), name=name
        )

    def _orders_until(self, state: CustomerState, days: Numbers | float) -> Numbers:
        if self.config.by_opportunity:
            return state.alive * opportunities.expected_purchases(*self._chances(state, days))
        return self._by_regularity(state, days, lambda spans, stages: expectations.expected_purchases(spans, stages)[0])

    def _by_regularity(
        self, state: CustomerState, days: Numbers | float, ask: Callable[[list[Span], Numbers], Numbers]
    ) -> Numbers:
        """Ask group by group: one regularity needs one number of stages."""
        result, regularity = np.zeros(len(state.who)), self._records.column("regularity")[state.who]
        for k in np.unique(regularity):
            rows = np.flatnonzero(regularity == k)
            alive = state.alive[rows].astype(float)
            stages = expectations.stages_at_age(state.age[rows], int(k), alive)
            until = days[rows] if isinstance(days, np.ndarray) else days
            result[rows] = ask(self._spans(state, rows, until), stages)
        return result

    def _spans(self, state: CustomerState, rows: Numbers, days: Numbers | float) -> list[Span]:
        """The window as stretches of constant parameters: what a running treatment covers, and the rest."""
        spans: list[Span] = []
        since: Numbers | float = 0.0
        for part in state.running:
            edge = np.minimum(part.days, days)
            spans.append(self._span(state, rows, since, edge, part))
            since = edge
        return [*spans, self._span(state, rows, since, days, None)]

    def _span(
        self,
        state: CustomerState,
        rows: Numbers,
        since: Numbers | float,
        until: Numbers | float,
        running: Treatment | None,
    ) -> Span:
        who, day = state.who[rows], state.day[rows]
        if float((day + until).max(initial=0.0)) > self._records.clock.days:
            raise UsageError(f"the window ends more than {YEARS_AFTER_END} years after the data: shorten the horizon")
        personal = self._records.personal_clock(who)
        lift, survival = (None, None) if running is None else (running.lift[who], running.survival[who])
        back = None if running is None or running.back is None else running.back[who] * (until > since)
        rate, per_order, per_day = (
            self._records.column(name)[who] for name in ("rate_per_day", "dropout_per_order", "dropout_per_day")
        )
        rate, per_order, per_day = multiplied(rate, per_order, per_day, lift, survival)
        leaves = self._records.leaves_by_delivery()[who]
        if leaves.any():
            per_order = 1.0 - (1.0 - per_order) * (1.0 - leaves)
        return Span(personal.elapsed(day + until) - personal.elapsed(day + since), rate, per_order, per_day, back)

    def _chances(self, state: CustomerState, days: Numbers | float) -> tuple[Numbers, Numbers, Numbers]:
        """Purchase and death probability, and the number of opportunities in the window."""
        purchase = self.config.populations[0].purchase
        assert isinstance(purchase, Opportunities)
        names = ("born_day", "buys_per_opportunity", "dies_per_opportunity")
        born, buys, dies = (self._records.column(name)[state.who] for name in names)
        until = opportunities.opportunities_before(born, purchase.every.days, state.day + days)
        return buys, dies, until - opportunities.opportunities_before(born, purchase.every.days, state.day)

    def _effect_of(self, number: int, state: CustomerState, plain: Numbers, days: float) -> pd.DataFrame:
        campaigns, who = self.config.campaigns, state.who
        assert campaigns is not None
        action, effect = campaigns.actions[number], self._records.effects("effect")[:, number]
        everyone, day = np.arange(len(effect)), float(state.day[0]) if len(who) else 0.0
        left = effect * self._records.left_of(number, day)
        every_action = np.full(len(effect), number)
        dose = self._records.dose(campaigns, everyone, every_action, left, np.ones(len(effect), bool))
        treated = state.treated(dose, campaigns)
        extra = action.receipt_share * (self._orders_until(treated, days) - plain)
        if self._value_changes:
            worth = self._value(treated, 0.0, days, "contribution") - self._value(state, 0.0, days, "contribution")
            worth = action.receipt_share * worth
        else:
            worth = extra * self._records.column("value_per_order_contribution")[who]
        return pd.DataFrame(
            {
                "customer_id": self.customers["customer_id"].array[who],
                "action": action.name,
                "effect": effect[who],
                "observable_effect": self._records.effects("observable_effect")[who, number],
                "extra_orders": extra,
                "extra_contribution": worth,
                "cost": action.cost,
                "profit": worth - action.cost,
            }
        )
