"""Who stays, by the month of the first order: customers, orders and value at each age, and how long they go on.

Cohorts are compared at equal ages only: a cell is told when its month is over, and two cohorts are set side by side at
the greatest age that both have reached. The share of a campaign of September that is left after twelve months says
nothing beside that of a campaign of December after nine.

How long customers go on is the time from the first order to the beginning of the first silence of more than
``silence_days``, by Kaplan and Meier: who has not been silent that long at the date may still come back and counts as
going on until the last order.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import date
from typing import Any, ClassVar, Final

import ibis
import numpy as np
import pandas as pd

from cvo_ml.config.base import Days, PositiveCount
from cvo_ml.core.blocks import TextTable
from cvo_ml.core.figures import FigureSpec, Series
from cvo_ml.core.result import Result
from cvo_ml.features.engine import Engine, cut
from cvo_ml.features.integer_sums import MICRO, as_int64
from cvo_ml.stats.intervals import Interval, wilson
from cvo_ml.stats.survival import SurvivalCurve, kaplan_meier
from cvo_ml.value.analysis import Analysis, AnalysisResult, Needs, Statistics, money_of
from cvo_ml.value.measures import NONE, Kpi, Measured, Undefined, exactly, shown
from cvo_ml.value.purchases import last_whole_month, month_name, purchases

STAYED: Final = "customers active at the age compared"
CHANGE: Final = "newer cohorts against older at equal age"
HALF: Final = "time until half have gone silent"
YEAR: Final = "customers still going on after a year"


@dataclass(frozen=True)
class CohortStatistics(Statistics):
    """Sums by cohort and age, and how long customers went on.

    Parameters
    ----------
    cells:
        Indexed by (cohort, age) in months: active ``customers``, ``orders``, ``value`` in millionths.
    going:
        Indexed by days since the first order: ``silent`` (a silence begins) and ``watched`` (nothing more is known).
    """

    cells: pd.DataFrame
    going: pd.DataFrame


@dataclass(frozen=True)
class CohortCell(Result):
    """A cohort at an age, in months; every number of it is whole."""

    age: int
    customers: int
    orders: int
    value: float
    active: Interval


@dataclass(frozen=True)
class Cohort(Result):
    """The customers who began in a month, at each age that they have reached."""

    month: str
    customers: int
    cells: tuple[CohortCell, ...]

    @property
    def age(self) -> int:
        """The greatest age that they have reached, in months; -1 where their month is not over."""
        return len(self.cells) - 1


@dataclass(frozen=True)
class EqualAges(Result):
    """Two cohorts at the greatest age that both have reached.

    Parameters
    ----------
    warning:
        Where the ages that they are at now differ: their present rates must not be compared. Empty else.
    """

    earlier: str
    later: str
    age: int
    earlier_active: Interval
    later_active: Interval
    warning: str


@dataclass(frozen=True)
class CohortsResult(AnalysisResult):
    """Cohorts by month, each at its ages, and the curve of how long customers go on."""

    cohorts: tuple[Cohort, ...]
    compared_age: int
    silence_days: int
    going: SurvivalCurve

    def at_equal_age(self, earlier: str, later: str) -> EqualAges | Undefined:
        """Two cohorts, named by their months, at the greatest age that both have reached.

        Raises
        ------
        KeyError
            If a month has no cohort.
        """
        by_month = {one.month: one for one in self.cohorts}
        one, two = by_month[earlier], by_month[later]
        age = min(one.age, two.age)
        if age < 0:
            return Undefined("the month of one of them is not over")
        ages = f"{one.age} and {two.age} months old: their shares of today are not of equal age"
        warning = "" if one.age == two.age else f"{earlier} and {later} are {ages}, compared at {age} months"
        return EqualAges(earlier, later, age, one.cells[age].active, two.cells[age].active, warning)

    def sentences(self) -> Sequence[str]:
        """How many stay, whether newer cohorts stay longer, and what to do."""
        stayed = self.kpi(STAYED)
        if isinstance(stayed.value, Undefined):
            return [f"Nothing can be said of who stays: {stayed.value.reason}."]
        said = [
            f"{self.compared_age} months after their first order {self.shown(stayed)} of customers buy in the month."
        ]
        change = self.kpi(CHANGE)
        if isinstance(change.value, Interval):
            sure = "" if change.value.lower > 0 or change.value.upper < 0 else ", which may be chance"
            points = [100 * end for end in (change.value.estimate, change.value.lower, change.value.upper)]
            said.append(
                f"The newer half of the cohorts differs from the older half by {points[0]:+.1f} points "
                f"({points[1]:+.1f} to {points[2]:+.1f}) at the same age{sure}."
            )
        half = self.kpi(HALF)
        if isinstance(half.value, Interval):
            said.append(f"Half of the customers have gone silent {self.shown(half)} after their first order.")
        return [*said, f"What to do: {stayed.action}."]

    def tables(self) -> Sequence[TextTable]:
        """The last twelve cohorts: active customers and value a customer at ages that fit in a line."""
        shown_ages = (0, 1, 2, 3, 6, 9, 12, 18)
        ages = [age for age in shown_ages if any(one.age >= age for one in self.cohorts[-12:])]
        columns = ("cohort", ">customers", *(f">{age} m" for age in ages))
        active, value = [], []
        for one in self.cohorts[-12:]:
            cells = [one.cells[age] if age <= one.age else None for age in ages]
            active.append((one.month, f"{one.customers:,}", *(_share(cell) for cell in cells)))
            upto = [sum(cell.value for cell in one.cells[: age + 1]) if age <= one.age else None for age in ages]
            of_one = (NONE if total is None else f"{total / one.customers:,.0f}" for total in upto)
            value.append((one.month, f"{one.customers:,}", *of_one))
        return [
            TextTable("% of the cohort that buys in the month of that age", columns, active),
            TextTable(f"{self.basis_name} a customer up to that age ({self.currency})", columns, value),
        ]

    def figures(self) -> Sequence[FigureSpec]:
        """The share active by age of all cohorts together, and the survival curve."""
        pooled = _pooled(self.cohorts)
        ages = list(pooled)
        active = Series("all cohorts that reached the age", ages, [100 * pooled[age].estimate for age in ages])
        ends = [
            Series(f"{end} end", ages, [100 * float(getattr(pooled[age], end)) for age in ages], "baseline")
            for end in ("lower", "upper")
        ]
        by_age = ("months since the first order", "% of customers", [active, *ends])
        silence = f"Customers before a silence of more than {self.silence_days} days (Kaplan-Meier)"
        return [
            FigureSpec("Customers who buy in a month, by age", *by_age),
            FigureSpec(silence, "days since the first order", "% of customers", _lines(self.going)),
        ]


def _lines(curve: SurvivalCurve) -> list[Series]:
    days = [0.0, *curve.times]
    parts = (("going on", curve.survival), ("lower end", curve.lower), ("upper end", curve.upper))
    return [
        Series(name, days, [100.0, *(100 * share for share in values)], "model" if name == "going on" else "baseline")
        for name, values in parts
    ]


class Cohorts(Analysis):
    """Cohorts by month of first order, compared at equal ages.

    Parameters
    ----------
    compared_age:
        The age, in months, at which cohorts are compared.
    silence_days:
        A silence longer than this is taken for an end.
    months:
        How many cohorts are told, the latest.
    """

    name: ClassVar[str] = "cohorts"
    title: ClassVar[str] = "Who stays"
    question: ClassVar[str] = "How many customers still buy months after their first order? Do newer ones stay longer?"
    reads: ClassVar[Needs] = Needs(("orders",), ("refunds", "order_lines", "costs_to_serve"))
    methods: ClassVar[tuple[str, ...]] = ("C3", "C5")
    additive: ClassVar[bool] = True

    compared_age: PositiveCount = 6
    silence_days: Days = 180
    months: PositiveCount = 36

    def statistics(self, data: Engine, as_of: date) -> CohortStatistics:
        """Sums by cohort and age of whole months, and the first silences."""
        money = money_of(data, as_of)
        rows = purchases(data, as_of, money.basis)
        rows = rows.mutate(age=rows.month - rows.first_month)
        whole = rows.filter(rows.month <= last_whole_month(as_of))
        sums = whole.group_by("first_month", "age").agg(
            customers=whole.customer_id.nunique(), orders=whole.count(), value=as_int64(whole.value.sum())
        )
        cells = data.run(sums.mutate(key=ibis.literal("")), index="key")
        cells = cells.astype("int64").set_index(["first_month", "age"]).rename_axis(["cohort", "age"]).sort_index()
        return CohortStatistics(as_of=as_of, money=money, cells=cells, going=self._going(data, rows, as_of))

    def _going(self, data: Engine, rows: Any, as_of: date) -> pd.DataFrame:
        """Per customer the first order after which there was silence, counted by days since the first order."""
        in_time = ibis.window(group_by=rows.customer_id, order_by=[rows.ordered_at, rows.order_id])
        following = rows.day.lead(1).over(in_time)
        rows = rows.mutate(
            last=following.isnull(), gap=following.coalesce(cut(as_of).date()).delta(rows.day, unit="day")
        )
        silent = rows.gap > self.silence_days
        ends = rows.filter(silent | rows["last"])
        ends = ends.group_by("customer_id").agg(day=ends.since_first.min(), silent=(ends.gap > self.silence_days).max())
        counts = ends.group_by(day=ends.day.cast("int64")).agg(
            silent_=as_int64(ends.silent.sum()), watched=as_int64((~ends.silent).sum())
        )
        found = data.run(counts.mutate(key=ibis.literal("")), index="key").set_index("day").sort_index()
        return found.rename(columns={"silent_": "silent"}).astype("int64")

    def analyze(self, statistics: CohortStatistics) -> CohortsResult:
        """Shares with intervals at whole ages, compared at one."""
        last = last_whole_month(statistics.as_of)
        cohorts = _cohorts(statistics.cells, last)[-self.months :]
        days = statistics.going.index.to_numpy(np.float64)
        going = kaplan_meier(days, *(statistics.going[name].to_numpy(np.float64) for name in ("silent", "watched")))
        reached = [one for one in cohorts if one.age >= self.compared_age]
        pooled = _pooled(cohorts)
        young = f"no cohort has reached {self.compared_age} months"
        year, half = going.at(365), going.median()
        watched = f"nobody was seen for longer than {self.silence_days} days after a year"
        kpis = (
            Kpi(
                STAYED, pooled.get(self.compared_age) or Undefined(young), "share", "methods C3",
                "write to customers before the age at which most of them stop, and see whether the next cohorts hold",
            ),
            Kpi(
                CHANGE, self._change(reached) if reached else Undefined(young), "share", "methods C5",
                "where newer cohorts stay less, look at what changed in how they were won (analyze new_customers)",
            ),
            Kpi(
                HALF, Undefined("more than half still go on") if half is None else exactly(half), "days", "methods C3",
                "plan the contact that is to keep them well before this day (cvo plan)",
            ),
            Kpi(
                YEAR, year or Undefined(watched), "share", "methods C3",
                "use it as the check of any model that says how many are alive",
            ),
        )  # fmt: skip
        return CohortsResult(
            **self.heads(statistics), kpis=kpis, cohorts=cohorts, compared_age=self.compared_age,
            silence_days=self.silence_days, going=going,
        )  # fmt: skip

    def _change(self, reached: Sequence[Cohort]) -> Measured:
        """Newer half less older half of the cohorts at the compared age: Newcombe's interval of a difference (1998)."""
        if len(reached) < 2:
            return Undefined(f"only one cohort has reached {self.compared_age} months")
        half = len(reached) // 2
        older, newer = (
            wilson(sum(one.cells[self.compared_age].customers for one in part), sum(one.customers for one in part))
            for part in (reached[:half], reached[half:])
        )
        difference = newer.estimate - older.estimate
        down = ((newer.estimate - newer.lower) ** 2 + (older.upper - older.estimate) ** 2) ** 0.5
        up = ((newer.upper - newer.estimate) ** 2 + (older.estimate - older.lower) ** 2) ** 0.5
        return Interval(difference, difference - down, difference + up)


def _cohorts(cells: pd.DataFrame, last: int) -> tuple[Cohort, ...]:
    """Every cohort whose first month is over, with a cell for each age up to the last whole month, bought in or not."""
    found = []
    for cohort in sorted(set(cells.index.get_level_values("cohort"))):
        own = cells.loc[cohort]
        size = int(own["customers"].loc[0])
        whole = own.reindex(range(last - cohort + 1), fill_value=0)
        found.append(
            Cohort(
                month_name(cohort), size,
                tuple(
                    CohortCell(age, customers, orders, value / MICRO, wilson(customers, size))
                    for age, (customers, orders, value) in enumerate(whole.to_numpy().tolist())
                ),
            )
        )  # fmt: skip
    return tuple(found)


def _pooled(cohorts: Sequence[Cohort]) -> dict[int, Interval]:
    """At each age the share active of all who have reached it: the same customers below as above the line."""
    oldest = max((one.age for one in cohorts), default=-1)
    found = {}
    for age in range(oldest + 1):
        reached = [one for one in cohorts if one.age >= age]
        found[age] = wilson(sum(one.cells[age].customers for one in reached), sum(one.customers for one in reached))
    return found


def _share(cell: CohortCell | None) -> str:
    return NONE if cell is None else shown(cell.active.estimate, "share").removesuffix(" %")
