"""Where each customer stands on a day, read from the truth folder without looking past that day."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, replace
from functools import cached_property

import numpy as np
import pandas as pd

from cvo_ml.config.simulation import Campaigns, SimulatedShopConfig
from cvo_ml.core.arrays import Numbers
from cvo_ml.simulate.shop.clock import Clock, PersonalClock


@dataclass(frozen=True)
class Treatment:
    """A treatment window that ends ``days`` from now; multipliers of all customers, shape (customers,)."""

    days: float
    lift: Numbers
    survival: Numbers


@dataclass(frozen=True)
class CustomerState:
    """Customers ``who`` on ``day``: P(alive), mean gaps passed since the last order; shape (n,)."""

    who: Numbers
    day: Numbers
    alive: Numbers
    age: Numbers
    running: Treatment | None = None

    def untreated(self) -> CustomerState:
        """The same without what still runs."""
        return replace(self, running=None)

    def treated(self, treatment: Treatment, back: Numbers) -> CustomerState:
        """With an action sent now: who has dropped out is back, at age 0, with probability ``back``."""
        alive, age = np.where(self.alive, 1.0, back), np.where(self.alive, self.age, 0.0)
        return replace(self, alive=alive, age=age, running=treatment)


@dataclass(frozen=True)
class Records:
    """The truth folder as arrays; row i of ``frames["customers"]`` is customer number i."""

    config: SimulatedShopConfig
    frames: Mapping[str, pd.DataFrame]

    @cached_property
    def clock(self) -> Clock:
        """The shop's pace."""
        return Clock.of(self.config.season, self.config.start, self.config.end)

    def column(self, name: str) -> Numbers:
        """A column of the true customers."""
        return self.frames["customers"][name].to_numpy()

    def effects(self, name: str) -> Numbers:
        """A column of the true effects, shape (customers, actions)."""
        return self.frames["effects"][name].to_numpy().reshape(len(self.frames["customers"]), -1)

    def personal_clock(self, who: Numbers) -> PersonalClock:
        """The clock as customers ``who`` live it."""
        shift = self.config.season.rate_shift
        factor = shift.factor if shift else 1.0
        return PersonalClock(self.clock, self.column("responsive")[who], self.column("shift_at")[who], factor)

    def on(self, day: float) -> CustomerState:
        """The state of everyone who has ordered before ``day``."""
        born = self.column("born_day")
        who = np.flatnonzero(born < day)
        lives = self.frames["lives"]
        since, until = lives["since_day"].to_numpy(), lives["until_day"].to_numpy()
        number = _run_numbers(lives["customer_id"])
        living, renewed = np.zeros(len(born), bool), np.zeros(len(born))
        begun = since < day
        living[number[begun & (day < until)]] = True
        np.maximum.at(renewed, number[begun], since[begun])
        return CustomerState(who, np.full(len(who), day), living[who], self._age(who, day, renewed), self._running(day))

    def _age(self, who: Numbers, day: float, renewed: Numbers) -> Numbers:
        """Mean gaps since the last order, or since coming back; 0 for all where gaps have no memory."""
        if not (self.column("regularity") > 1).any():
            return np.zeros(len(who))
        orders = self.frames["orders"]
        past = orders["day"].to_numpy() < day
        np.maximum.at(renewed, orders["customer_number"].to_numpy()[past], orders["day"].to_numpy()[past])
        personal = self.personal_clock(who)
        passed = personal.elapsed(day) - personal.elapsed(renewed[who])
        return self.column("rate_per_day")[who] * (passed + self._lifted(day, renewed)[who])

    def _lifted(self, day: float, renewed: Numbers) -> Numbers:
        """Personal time that growth actions have added since each customer's last order."""
        extra, campaigns = np.zeros(len(renewed)), self.config.campaigns
        if campaigns is None:
            return extra
        rows = self.frames["treatments"]
        rows = rows[_grows(campaigns, rows) & (rows["sent_day"].to_numpy() < day)]
        who, sent = rows["customer_number"].to_numpy(), rows["sent_day"].to_numpy()
        personal = self.personal_clock(who)
        begin = personal.elapsed(np.maximum(sent, renewed[who]))
        end = personal.elapsed(np.minimum(sent + campaigns.window_days, day))
        effect = self.effects("effect")[who, rows["action_number"].to_numpy()]
        np.add.at(extra, who, effect * np.maximum(end - begin, 0.0))
        return extra

    def _running(self, day: float) -> Treatment | None:
        """The treatments whose window is open on ``day``; windows of two waves do not overlap."""
        campaigns = self.config.campaigns
        if campaigns is None:
            return None
        rows = self.frames["treatments"]
        sent = rows["sent_day"].to_numpy()
        rows = rows[(sent < day) & (day < sent + campaigns.window_days)]
        if not len(rows):
            return None
        who, grows = rows["customer_number"].to_numpy(), _grows(campaigns, rows)
        effect = self.effects("effect")[who, rows["action_number"].to_numpy()]
        lift, survival = np.ones((2, len(self.frames["customers"])))
        lift[who[grows]] = 1.0 + effect[grows]
        survival[who[~grows]] = 1.0 - effect[~grows]
        return Treatment(float(rows["sent_day"].iloc[0]) + campaigns.window_days - day, lift, survival)


def _grows(campaigns: Campaigns, rows: pd.DataFrame) -> Numbers:
    return np.array([action.kind == "growth" for action in campaigns.actions])[rows["action_number"].to_numpy()]


def _run_numbers(ids: pd.Series) -> Numbers:
    """Number of each run of equal ids: 0, 0, 1, 2, 2 …; every customer has a life, so this is its number."""
    values = ids.to_numpy()
    return np.cumsum(np.r_[False, values[1:] != values[:-1]])
