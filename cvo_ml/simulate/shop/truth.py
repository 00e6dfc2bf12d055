"""What is true about a shop's customers at any date: alive, expected orders and value, churn, effects.

Everything is an exact expectation given the true traits and what has happened before ``as_of``,
with no treatment sent from then on. It uses nothing that happens later.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from datetime import date
from functools import cached_property
from typing import Literal

import numpy as np
import pandas as pd

from cvo_ml.config.simulation import Opportunities, SimulatedShopConfig
from cvo_ml.core.arrays import Numbers
from cvo_ml.core.errors import UsageError
from cvo_ml.core.units import Horizon, parse_as_of
from cvo_ml.simulate.columns import day_number
from cvo_ml.simulate.shop import expectations, opportunities
from cvo_ml.simulate.shop.clock import YEARS_AFTER_END
from cvo_ml.simulate.shop.expectations import Span
from cvo_ml.simulate.shop.purchases import multiplied
from cvo_ml.simulate.shop.state import CustomerState, Records, Treatment

Basis = Literal["revenue", "gross_margin", "contribution"]


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
        orders = self.expected_orders(as_of, horizon, delay)
        value = self.customers.set_index("customer_id")[f"value_per_order_{basis}"]
        return (orders * value[orders.index]).rename("expected_value")

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
        stays = 1.0 - self._records.column("dropout_at_first")
        state = CustomerState(np.arange(len(born)), born, stays, np.zeros(len(born)))
        orders = 1.0 + self._orders_until(state, Horizon(horizon).whole_days)
        return self._series(state.who, orders * self._records.column(f"value_per_order_{basis}"), "expected_value")

    def effects(self, as_of: str | date, horizon: Horizon | str) -> pd.DataFrame:
        """True effect of each action sent at ``as_of`` on the orders in [as_of, as_of + horizon).

        Returns
        -------
        One row per customer and action: ``effect`` and its part visible in the profile
        ``observable_effect`` = E[effect | profile], ``extra_orders``, ``extra_contribution``,
        ``cost``, ``profit`` = extra_contribution - cost. A new action replaces one that still runs.

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

    @cached_property
    def _records(self) -> Records:
        return Records(self.config, self.frames)

    def _state(self, as_of: str | date) -> CustomerState:
        return self._records.on(day_number(self.config.start, parse_as_of(as_of)))

    def _series(self, who: Numbers, values: Numbers, name: str) -> pd.Series:
        return pd.Series(
            values, index=pd.Index(self.customers["customer_id"].array[who], name="customer_id"), name=name
        )

    def _orders_until(self, state: CustomerState, days: float) -> Numbers:
        if self.config.by_opportunity:
            return state.alive * opportunities.expected_purchases(*self._chances(state, days))
        return self._by_regularity(state, days, lambda spans, stages: expectations.expected_purchases(spans, stages)[0])

    def _by_regularity(
        self, state: CustomerState, days: float, ask: Callable[[list[Span], Numbers], Numbers]
    ) -> Numbers:
        """Ask group by group: one regularity needs one number of stages."""
        result, regularity = np.zeros(len(state.who)), self._records.column("regularity")[state.who]
        for k in np.unique(regularity):
            rows = np.flatnonzero(regularity == k)
            alive = state.alive[rows].astype(float)
            stages = expectations.stages_at_age(state.age[rows], int(k), alive)
            result[rows] = ask(self._spans(state, rows, days), stages)
        return result

    def _spans(self, state: CustomerState, rows: Numbers, days: float) -> list[Span]:
        """The window as stretches of constant parameters: what a running treatment covers, and the rest."""
        running = state.running
        if running is None:
            return [self._span(state, rows, 0.0, days, None)]
        edge = min(running.days, days)
        return [self._span(state, rows, 0.0, edge, running), self._span(state, rows, edge, days, None)]

    def _span(self, state: CustomerState, rows: Numbers, since: float, until: float, running: Treatment | None) -> Span:
        who, day = state.who[rows], state.day[rows]
        if float((day + until).max(initial=0.0)) > self._records.clock.days:
            raise UsageError(f"the window ends more than {YEARS_AFTER_END} years after the data: shorten the horizon")
        personal = self._records.personal_clock(who)
        lift, survival = (None, None) if running is None else (running.lift[who], running.survival[who])
        rate, per_order, per_day = (
            self._records.column(name)[who] for name in ("rate_per_day", "dropout_per_order", "dropout_per_day")
        )
        rate, per_order, per_day = multiplied(rate, per_order, per_day, lift, survival)
        return Span(personal.elapsed(day + until) - personal.elapsed(day + since), rate, per_order, per_day)

    def _chances(self, state: CustomerState, days: float) -> tuple[Numbers, Numbers, Numbers]:
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
        untouched = np.ones(len(effect))
        if action.kind == "growth":
            treated = state.treated(Treatment(campaigns.window_days, 1.0 + effect, untouched), np.zeros(len(who)))
        else:
            back = np.maximum(effect, 0.0)[who]
            treated = state.treated(Treatment(campaigns.window_days, untouched, 1.0 - effect), back)
        extra = self._orders_until(treated, days) - plain
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
