"""Where each customer stands on a day, read from the truth folder without looking past that day."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, replace
from functools import cached_property

import numpy as np
import pandas as pd

from cvo_ml.config.simulation import Campaigns, SimulatedShopConfig
from cvo_ml.core.arrays import Numbers
from cvo_ml.simulate.shop.campaigns import repaid, stretches
from cvo_ml.simulate.shop.clock import Clock, PersonalClock


@dataclass(frozen=True)
class Treatment:
    """A stretch under treatment that ends ``days`` from now; all of shape (customers,).

    ``lift`` and ``survival`` multiply rate and hazard; ``back`` is the probability with which who is gone
    comes back at its beginning (None = nobody), ``discount`` the share taken off each order (None = nothing).
    """

    days: float
    lift: Numbers
    survival: Numbers
    back: Numbers | None = None
    discount: Numbers | None = None


@dataclass(frozen=True)
class Dose:
    """What an action does to each customer; all of shape (customers,).

    Multipliers in the window, of the rate after it, P(back), discount in the window.
    """

    lift: Numbers
    survival: Numbers
    repaid: Numbers
    back: Numbers
    discount: Numbers

    def ahead(self, campaigns: Campaigns, sent: float, day: float) -> tuple[Treatment, ...]:
        """The stretches that are left on ``day`` of what was sent on ``sent``."""
        begin, end, *rest = stretches(campaigns)
        ones = np.ones(len(self.lift))
        discount = self.discount if self.discount.any() else None
        parts = []
        if day < sent + begin:
            parts.append(Treatment(sent + begin - day, ones, ones))
        if day < sent + end:
            back = self.back if parts else None  # else those who come back have done so
            parts.append(Treatment(sent + end - day, self.lift, self.survival, back, discount))
        if rest and day < sent + rest[0]:
            parts.append(Treatment(sent + rest[0] - day, self.repaid, ones))
        return tuple(parts)


@dataclass(frozen=True)
class CustomerState:
    """Customers ``who`` on ``day``: P(alive), mean gaps passed since the last order; shape (n,)."""

    who: Numbers
    day: Numbers
    alive: Numbers
    age: Numbers
    running: tuple[Treatment, ...] = ()

    def untreated(self) -> CustomerState:
        """The same without what still runs."""
        return replace(self, running=())

    def treated(self, dose: Dose, campaigns: Campaigns) -> CustomerState:
        """With an action sent now; where it works at once, who has dropped out is back, at age 0, by chance."""
        running = dose.ahead(campaigns, 0.0, 0.0)
        if campaigns.delay_days:
            return replace(self, running=running)
        alive, age = np.where(self.alive, 1.0, dose.back[self.who]), np.where(self.alive, self.age, 0.0)
        return replace(self, alive=alive, age=age, running=running)


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

    def leaves_by_delivery(self) -> Numbers:
        """P(the delivery of an order drives away), shape (customers,)."""
        frame = self.frames["customers"]
        return frame["leaves_by_delivery"].to_numpy() if "leaves_by_delivery" in frame else np.zeros(len(frame))

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
        who, sent, action = (rows[name].to_numpy() for name in ("customer_number", "sent_day", "action_number"))
        personal, effect = self.personal_clock(who), self.strengths(rows)
        repays = repaid(np.array([action.borrowed for action in campaigns.actions])[action], effect) - 1.0
        offsets = stretches(campaigns)
        for begins, ends, faster in zip(offsets, offsets[1:], (effect, repays), strict=False):
            begin = personal.elapsed(np.maximum(sent + begins, renewed[who]))
            end = personal.elapsed(np.minimum(sent + ends, day))
            np.add.at(extra, who, faster * np.maximum(end - begin, 0.0))
        return extra

    def _running(self, day: float) -> tuple[Treatment, ...]:
        """What is left on ``day`` of the treatments of the last wave; those of two waves do not overlap."""
        campaigns = self.config.campaigns
        if campaigns is None:
            return ()
        rows = self.frames["treatments"]
        sent = rows["sent_day"].to_numpy()
        rows = rows[(sent < day) & (day < sent + campaigns.lasting_days)]
        if not len(rows):
            return ()
        who, action = rows["customer_number"].to_numpy(), rows["action_number"].to_numpy()
        dose = self.dose(campaigns, who, action, self.strengths(rows), self._received(rows))
        return dose.ahead(campaigns, float(rows["sent_day"].iloc[0]), day)

    def strengths(self, rows: pd.DataFrame) -> Numbers:
        """The effect of each treatment: the customer's own, times what is left of it."""
        own = self.effects("effect")[rows["customer_number"].to_numpy(), rows["action_number"].to_numpy()]
        return own * rows["strength"].to_numpy() if "strength" in rows else own

    def dose(
        self, campaigns: Campaigns, who: Numbers, action: Numbers, effect: Numbers, received: Numbers
    ) -> Dose:  # fmt: skip
        """What actions (numbers ``action``) with an ``effect`` do to customers ``who``, and nothing to the others."""
        grows = np.array([action.kind == "growth" for action in campaigns.actions])[action]
        borrowed = np.array([action.borrowed for action in campaigns.actions])[action]
        lift, survival, repays = np.ones((3, len(self.frames["customers"])))
        back, discount = np.zeros((2, len(lift)))
        lift[who[grows]] = 1.0 + effect[grows]
        repays[who[grows]] = repaid(borrowed, effect)[grows]
        survival[who[~grows]] = 1.0 - effect[~grows]
        back[who[~grows]] = np.maximum(effect[~grows], 0.0)
        discount[who] = np.array([action.discount for action in campaigns.actions])[action] * received
        return Dose(lift, survival, repays, back, discount)

    def left_of(self, number: int, day: float) -> Numbers:
        """Share of an action's effect that is left for each customer if it is sent on ``day``; shape (customers,)."""
        campaigns, left = self.config.campaigns, np.ones(len(self.frames["customers"]))
        if campaigns is None or not campaigns.actions[number].fatigue:
            return left
        rows = self.frames["treatments"]
        rows = rows[rows["sent_day"].to_numpy() < day]
        received = rows["customer_number"].to_numpy()[self._received(rows)]
        return (1.0 - campaigns.actions[number].fatigue) ** np.bincount(received, minlength=len(left))

    def _received(self, rows: pd.DataFrame) -> Numbers:
        return rows["received"].to_numpy() if "received" in rows else np.ones(len(rows), bool)


def _grows(campaigns: Campaigns, rows: pd.DataFrame) -> Numbers:
    return np.array([action.kind == "growth" for action in campaigns.actions])[rows["action_number"].to_numpy()]


def _run_numbers(ids: pd.Series) -> Numbers:
    """Number of each run of equal ids: 0, 0, 1, 2, 2 …; every customer has a life, so this is its number."""
    values = ids.to_numpy()
    return np.cumsum(np.r_[False, values[1:] != values[:-1]])
