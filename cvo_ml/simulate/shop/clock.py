"""The shop's pace: calendar days to operational time and back.

A purchase process with intensity ``lambda s(t)`` is the plain process run on the clock
``S(t) = integral of s`` (time change of a point process; Daley & Vere-Jones 2003, §7.4). SimulatedSeason,
weekdays, trend, promotions and shifts of level change ``s``; they touch no other formula of the simulator.
Order values have a season of their own, constant within a calendar month (``value_factor``).
"""

from __future__ import annotations

import math
from dataclasses import dataclass
from datetime import date, timedelta

import numpy as np

from cvo_ml.config.simulation import SalesPromotion, SimulatedSeason
from cvo_ml.core.arrays import Numbers

YEARS_AFTER_END = 5


@dataclass(frozen=True)
class Clock:
    """Two clocks: of customers who react to promotions (row 1) and of those who do not (row 0).

    Parameters
    ----------
    ticks:
        Operational time at each midnight since the start, shape (2, days + 1); increasing.
    """

    ticks: Numbers
    flat: bool

    @classmethod
    def of(cls, season: SimulatedSeason, start: date, end: date) -> Clock:
        """The clock of a season, reaching some years past ``end`` so that future windows have truth."""
        days = (end - start).days + YEARS_AFTER_END * 366
        calendar = [start + timedelta(days=day) for day in range(days)]
        pace = np.array([base_pace(season, start, day) for day in calendar])
        lifted = pace * np.array([promotion_lift(season.promotions, day) for day in calendar])
        ticks = np.concatenate([np.zeros((2, 1)), np.cumsum([pace, lifted], axis=1)], axis=1)
        return cls(ticks, flat=bool(np.all(pace == 1.0) and np.all(lifted == 1.0)))

    @property
    def days(self) -> int:
        """Days from the start that the clock covers."""
        return self.ticks.shape[1] - 1

    def elapsed(self, day: Numbers | float, responsive: Numbers) -> Numbers:
        """Operational time at ``day`` (days since the start), per customer; shape of ``responsive``."""
        day = np.broadcast_to(np.asarray(day, float), responsive.shape)
        if self.flat:
            return day.copy()
        midnights = np.arange(self.ticks.shape[1])
        plain = np.interp(day, midnights, self.ticks[0])
        return np.where(responsive, np.interp(day, midnights, self.ticks[1]), plain)

    def day_at(self, elapsed: Numbers, responsive: Numbers) -> Numbers:
        """The day (with fraction) at which a customer's clock shows ``elapsed``."""
        if self.flat:
            return elapsed
        midnights = np.arange(self.ticks.shape[1], dtype=float)
        day = np.interp(elapsed, self.ticks[0], midnights)
        day[responsive] = np.interp(elapsed[responsive], self.ticks[1], midnights)
        return day


@dataclass(frozen=True)
class PersonalClock:
    """The shop's clock as each customer lives it: after ``shift_at`` it runs ``shift_factor`` times as fast.

    Parameters
    ----------
    responsive:
        Shape (n,), flag.
    shift_at:
        Operational time of the change, shape (n,); infinite for who never changes.
    shift_factor:
        > 0.
    """

    clock: Clock
    responsive: Numbers
    shift_at: Numbers
    shift_factor: float

    def elapsed(self, day: Numbers | float) -> Numbers:
        """Personal time at ``day``, shape (n,)."""
        time = self.clock.elapsed(day, self.responsive)
        return time + (self.shift_factor - 1.0) * np.maximum(time - self.shift_at, 0.0)

    def day_at(self, elapsed: Numbers, who: Numbers) -> Numbers:
        """The day at which the clocks of customers ``who`` show ``elapsed``; all of shape (m,)."""
        late = np.maximum(elapsed - self.shift_at[who], 0.0) if self.shift_factor != 1.0 else 0.0
        return self.clock.day_at(elapsed + (1.0 / self.shift_factor - 1.0) * late, self.responsive[who])


def base_pace(season: SimulatedSeason, start: date, day: date) -> float:
    """Pace on ``day`` without promotions: yearly cosine x weekday x trend x shifts of level so far."""
    phase = 2 * np.pi * (day.timetuple().tm_yday - season.peak_day_of_year) / 365.25
    wave = 1.0 + season.yearly_amplitude * np.cos(phase)
    trend = (1.0 + season.trend_per_year) ** ((day - start).days / 365.25)
    level = math.prod(shift.factor for shift in season.shifts if shift.at <= day)
    return float(wave * season.weekdays[day.weekday()] * trend * level)


def value_factor(season: SimulatedSeason, month: int) -> float:
    """What orders of a calendar month (1 to 12) are worth, 1 on average over the year.

    Examples
    --------
    >>> season = SimulatedSeason(value_amplitude=0.2, peak_day_of_year=350)
    >>> round(value_factor(season, 12), 3), round(sum(value_factor(season, month) for month in range(1, 13)), 9)
    (1.2, 12.0)
    """
    peak = (date(2001, 1, 1) + timedelta(days=season.peak_day_of_year - 1)).month
    return 1.0 + season.value_amplitude * math.cos(2 * math.pi * (month - peak) / 12)


def value_factors(season: SimulatedSeason, start: date, day: Numbers) -> Numbers:
    """The factor on each order's value, by its day since ``start``; shape of ``day``."""
    by_month = np.array([value_factor(season, month) for month in range(1, 13)])
    dates = np.datetime64(start, "D") + np.floor(day).astype("timedelta64[D]")
    return by_month[dates.astype("datetime64[M]").astype(np.int64) % 12]


def promotion_lift(promotions: tuple[SalesPromotion, ...], day: date) -> float:
    """Product of the lifts of all promotions that run on ``day``."""
    lifts = [promotion.lift for promotion in promotions if is_running(promotion, day)]
    return float(np.prod(lifts)) if lifts else 1.0


def is_running(promotion: SalesPromotion, day: date) -> bool:
    """Whether the yearly promotion runs on ``day``, also across New Year."""
    begins = (date(year, promotion.month, promotion.day) for year in (day.year, day.year - 1))
    return any(0 <= (day - begin).days < promotion.days for begin in begins)
