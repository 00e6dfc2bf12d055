"""The biggest lever: what a tenth more of each number that makes profit is worth a year.

From five numbers, as the growth sheet of the source has them (methods N1)::

    CLV    = average order value x orders per year x years       (methods A1)
    profit = CLV x margin - cost of winning the customer
    a year = profit x new customers a year

Each lever is raised by ``step`` (the cost lowered) with the others held still; retention is raised by one point: a
share r of customers who buy again in the next year makes a life of 1 / (1 - r) years. Typed numbers win over measured
ones; with all five typed no data is read, and there are no intervals, for nobody has measured them.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import date, timedelta
from typing import Annotated, ClassVar, Final

import ibis
import numpy as np
import pandas as pd
from pydantic import Field

from cvo_ml.core.arrays import Floats
from cvo_ml.core.blocks import TextTable
from cvo_ml.core.figures import FigureSpec, Series
from cvo_ml.core.result import Result
from cvo_ml.core.units import midnight
from cvo_ml.features.engine import Engine, cut
from cvo_ml.features.integer_sums import MICRO, as_int64, micro
from cvo_ml.stats.intervals import Interval, Z, wilson
from cvo_ml.value.analysis import Analysis, AnalysisResult, MoneyBasis, Needs, Statistics, money_of
from cvo_ml.value.measures import Kpi, Measured, Undefined, Unit, exactly, scaled, shown
from cvo_ml.value.purchases import purchases

YEAR: Final = timedelta(days=365)
DRAWS: Final = 4_000
CLV, PROFIT, BIGGEST = "customer lifetime value", "profit a customer", "biggest lever a year"
#: The numbers that are moved, in words and units.
LEVERS: Final[Mapping[str, tuple[str, Unit]]] = {
    "average_order_value": ("average order value", "money"),
    "orders_per_year": ("orders per year", "ratio"),
    "lifespan_years": ("years as a customer", "years"),
    "margin": ("margin", "share"),
    "acquisition_cost": ("cost of winning a customer", "money"),
}
ACTIONS: Final[Mapping[str, str]] = {
    "average_order_value": "test bundles and a threshold of free shipping against a holdout",
    "orders_per_year": "bring the next order forward: reminders when it is due (cvo plan)",
    "lifespan_years": "keep those who are about to leave and are worth it (cvo plan)",
    "margin": "look at the products and customers that lose money before touching prices",
    "acquisition_cost": "move spend from the channels whose customers do not pay it back",
    "retention": "find where first-time buyers stop (analyze new_customers) and win the second order",
}
Positive = Annotated[float, Field(gt=0)]


@dataclass(frozen=True)
class LeverStatistics(Statistics):
    """Sums of the last year and of the one before.

    Parameters
    ----------
    sums:
        One row of the last year: ``orders``, ``value`` and ``value_squares`` of orders (revenue), ``customers`` who
        bought, ``orders_squares`` (of each one's orders), ``margin`` (what is left of the value after costs, before
        costs to serve), ``new``, ``before`` (who bought in the year before), ``again`` (of them, bought in this one),
        ``spend`` to win customers, ``days`` since the first order; money in millionths.
    """

    sums: pd.DataFrame


@dataclass(frozen=True)
class Lever(Result):
    """One number moved, the others held still.

    Parameters
    ----------
    before, after:
        The number and what it becomes.
    clv:
        What a customer brings then.
    gain:
        Of profit per customer; ``gain_a_year`` of all new customers of a year.
    """

    name: str
    unit: Unit
    before: Measured
    after: float
    clv: float
    gain: Interval
    gain_a_year: Measured
    action: str


@dataclass(frozen=True)
class LeversResult(AnalysisResult):
    """The levers, the biggest first, and the numbers that they move."""

    step: float
    levers: tuple[Lever, ...]

    def sentences(self) -> Sequence[str]:
        """The biggest lever, what it is worth, and what to do."""
        if not self.levers:
            reason = next(kpi.value.reason for kpi in self.kpis if isinstance(kpi.value, Undefined))
            return [f"No lever can be told: {reason}."]
        first, equal = self.levers[0], self._equal_to_first()
        how = f"{100 * self.step:.0f} % {'less' if first.name == LEVERS['acquisition_cost'][0] else 'more'}"
        worth = first.gain if isinstance(first.gain_a_year, Undefined) else first.gain_a_year
        of = "a customer" if isinstance(first.gain_a_year, Undefined) else "a year"
        amount = f"{shown(worth, 'money', self.currency)} {of}"
        brings = f"A customer brings {self.shown(self.kpi(CLV))}; the profit is {self.shown(self.kpi(PROFIT))}."
        if len(equal) == 1:
            return [
                f"The biggest lever is {first.name}: {how} is worth {amount}.",
                brings,
                f"What to do: {first.action}.",
            ]
        names = f"{', '.join(one.name for one in equal[:-1])} and {equal[-1].name}"
        return [
            f"{how} of any of {names} is worth {amount}: they multiply, so that the same share of each is.",
            brings,
            "What to do: move the one that is cheapest to move, and measure it against a holdout (cvo evaluate).",
        ]

    def _equal_to_first(self) -> list[Lever]:
        """The levers that are worth as much as the first."""
        most = self.levers[0].gain.estimate
        return [one for one in self.levers if abs(one.gain.estimate - most) <= 1e-9 * abs(most)]

    def tables(self) -> Sequence[TextTable]:
        """The levers, ranked."""
        columns = ("lever", ">from", ">to", ">CLV then", ">gain each", ">gain a year")
        rows = [
            (
                one.name, shown(_estimate(one.before), one.unit), shown(one.after, one.unit), f"{one.clv:,.0f}",
                shown(one.gain.estimate, "money"), shown(one.gain_a_year, "money"),
            )
            for one in self.levers
        ]  # fmt: skip
        return [TextTable(f"Levers, the biggest first ({self.currency})", columns, rows)]

    def figures(self) -> Sequence[FigureSpec]:
        """What each lever is worth."""
        if not self.levers:
            return []
        names = [one.name for one in self.levers]
        a_year = [one.gain_a_year for one in self.levers]
        gains = [one.estimate if isinstance(one, Interval) else None for one in a_year]
        unit = f"{self.currency} a year"
        if None in gains:
            gains, unit = [one.gain.estimate for one in self.levers], f"{self.currency} a customer"
        return [FigureSpec("What each lever is worth", "lever", unit, [Series("gain", names, gains, mark="bar")])]


class Levers(Analysis):
    """What a step of each of five numbers is worth, measured or typed.

    Parameters
    ----------
    average_order_value, orders_per_year, lifespan_years, margin, acquisition_cost:
        Typed numbers; margin is a share of the order value, 1 where it is not known. Without one it is measured.
    new_customers:
        A year; typed or measured. Without it gains are told per customer.
    step:
        The share by which each is raised.
    """

    name: ClassVar[str] = "levers"
    title: ClassVar[str] = "The biggest lever"
    question: ClassVar[str] = "Which number, moved by a tenth, earns the most a year?"
    reads: ClassVar[Needs] = Needs(("orders",), ("refunds", "order_lines", "acquisition_spend"))
    methods: ClassVar[tuple[str, ...]] = ("A1", "A14", "N1")

    average_order_value: Positive | None = None
    orders_per_year: Positive | None = None
    lifespan_years: Positive | None = None
    margin: Annotated[float, Field(ge=-1, le=1)] | None = None
    acquisition_cost: Annotated[float, Field(ge=0)] | None = None
    new_customers: Positive | None = None
    step: Annotated[float, Field(gt=0, le=1)] = 0.1

    @property
    def needs_data(self) -> bool:
        """Not where all five numbers are typed."""
        return any(getattr(self, name) is None for name in LEVERS)

    def statistics(self, data: Engine, as_of: date) -> LeverStatistics:
        """Sums of the year before ``as_of`` and of the one before that."""
        if not self.needs_data:
            return LeverStatistics(as_of, MoneyBasis(data.tables.currency, "contribution"), pd.DataFrame())
        money = money_of(data, as_of)
        return LeverStatistics(as_of, money, _sums(data, as_of, money))

    def analyze(self, statistics: LeverStatistics) -> LeversResult:
        """Each number moved by itself."""
        measured = _measured(statistics)
        numbers = {name: self._number(name, measured) for name in LEVERS}
        new = (
            exactly(self.new_customers) if self.new_customers else measured.get("new_customers", Undefined("not told"))
        )
        heads = self.heads(statistics)
        missing = [(name, value.reason) for name, value in numbers.items() if isinstance(value, Undefined)]
        if isinstance(numbers["acquisition_cost"], Undefined):
            told = (
                "the cost of winning a customer is not known and counts as 0: set acquisition_cost, or give the spend"
            )
            heads["notes"] = (*heads["notes"], told)
            numbers["acquisition_cost"] = exactly(0.0)
        lacking = [f"{LEVERS[name][0]}: {reason}" for name, reason in missing if name != "acquisition_cost"]
        if lacking:
            return self._nothing(heads, "; ".join(lacking))
        known = {name: value for name, value in numbers.items() if isinstance(value, Interval)}
        levers = self._levers(known, measured.get("retention"), new)
        now = _clv(_draws(known))
        profit = _profit(_draws(known))
        best = levers[0].gain_a_year if levers else Undefined("no lever moves profit")
        kpis = (
            Kpi(CLV, _interval(now), "money", "methods A1", "spend less than its margin on winning a customer"),
            Kpi(PROFIT, _interval(profit), "money", "methods N1", "stop winning customers on whom it is below zero"),
            Kpi(
                BIGGEST,
                best,
                "money",
                "methods N1",
                levers[0].action if levers else "measure what a customer costs first",
            ),
        )
        return LeversResult(**heads, kpis=kpis, step=self.step, levers=levers)

    def _number(self, name: str, measured: Mapping[str, Measured]) -> Measured:
        typed = getattr(self, name)
        return (
            exactly(typed) if typed is not None else measured.get(name, Undefined("it is neither typed nor measured"))
        )

    def _nothing(self, heads: dict[str, object], reason: str) -> LeversResult:
        kpis = tuple(
            Kpi(name, Undefined(reason), "money", source, "type the number that is missing (--set) and run this again")
            for name, source in ((CLV, "methods A1"), (PROFIT, "methods N1"), (BIGGEST, "methods N1"))
        )
        return LeversResult(**heads, kpis=kpis, step=self.step, levers=())  # type: ignore[arg-type]

    def _levers(self, known: Mapping[str, Interval], retention: Measured | None, new: Measured) -> tuple[Lever, ...]:
        draws = _draws(known)
        moved = {}
        for name, (words, unit) in LEVERS.items():
            sign = -1 if name == "acquisition_cost" else 1
            after = {**draws, name: draws[name] * (1 + sign * self.step)}
            moved[name] = (words, unit, known[name], after[name][0], after)
        if isinstance(retention, Interval) and self.lifespan_years is None:
            rate = _draw(retention, 7)
            longer = {**draws, "lifespan_years": 1 / (1 - np.minimum(rate + 0.01, 0.99))}
            base = {**draws, "lifespan_years": 1 / (1 - np.minimum(rate, 0.98))}
            moved["retention"] = ("retention", "share", retention, rate[0] + 0.01, longer)
            gain = {"retention": _profit(longer) - _profit(base)}
        else:
            gain = {}
        found = []
        for name, (words, unit, before, to, after) in moved.items():
            more = gain.get(name, _profit(after) - _profit(draws))
            one = _interval(more)
            many = scaled(one, new.estimate) if isinstance(new, Interval) else new
            found.append(Lever(words, unit, before, float(to), float(_clv(after)[0]), one, many, ACTIONS[name]))
        worth = [one for one in found if one.gain.estimate > 0]
        return tuple(sorted(worth, key=lambda one: (-one.gain.estimate, one.name)))


def _clv(numbers: Mapping[str, Floats]) -> Floats:
    """A1: average order value x orders per year x years."""
    return numbers["average_order_value"] * numbers["orders_per_year"] * numbers["lifespan_years"]


def _profit(numbers: Mapping[str, Floats]) -> Floats:
    return _clv(numbers) * numbers["margin"] - numbers["acquisition_cost"]


def _draws(known: Mapping[str, Interval]) -> dict[str, Floats]:
    """Each number's estimate and then draws of it by its interval, independent of the others."""
    return {name: _draw(value, place) for place, (name, value) in enumerate(known.items())}


def _draw(value: Interval, seed: int) -> Floats:
    spread = (value.upper - value.lower) / 2 / Z
    chance = np.random.default_rng(seed).standard_normal(DRAWS)
    return np.concatenate([[value.estimate], value.estimate + spread * chance])


def _interval(draws: Floats) -> Interval:
    estimate = float(draws[0])
    if np.ptp(draws) < 1e-9 * max(abs(estimate), 1.0):
        return exactly(estimate)
    lower, upper = np.quantile(draws[1:], [0.025, 0.975])
    return Interval(estimate, float(lower), float(upper))


def _estimate(value: Measured) -> float | None:
    return value.estimate if isinstance(value, Interval) else None


def _sums(data: Engine, as_of: date, money: MoneyBasis) -> pd.DataFrame:
    start, before = as_of - YEAR, as_of - 2 * YEAR
    rows = purchases(data, as_of, money.basis)
    now = rows.filter(rows.ordered_at >= midnight(start).to_pydatetime())
    value = now.left.cast("float64") / MICRO
    each = now.group_by("customer_id").agg(
        n=now.count(), value=as_int64(now.left.sum()), margin=as_int64(now.value.sum()),
        new=(now.place == 0).max(), squares=as_int64(micro(value * value).sum()),
    )  # fmt: skip
    key = ibis.literal("")
    year = each.group_by(one=key).agg(
        orders=as_int64(each.n.sum()), value=as_int64(each.value.sum()), value_squares=as_int64(each.squares.sum()),
        margin=as_int64(each.margin.sum()), customers=each.count(), orders_squares=as_int64((each.n * each.n).sum()),
        new=as_int64(each.new.sum()),
    )  # fmt: skip
    earlier = rows.filter(rows.ordered_at >= midnight(before).to_pydatetime()).mutate(
        now=rows.ordered_at >= midnight(start).to_pydatetime()
    )
    both = earlier.group_by("customer_id").agg(now=earlier.now.max(), then=(~earlier.now).max())
    kept = both.group_by(one=key).agg(before=as_int64(both.then.sum()), again=as_int64((both.then & both.now).sum()))
    span = rows.group_by(one=key).agg(days=cut(as_of).date().delta(rows.day.min(), unit="day"))
    found = data.run(year, index="one").join(data.run(kept, index="one"), how="outer")
    found = found.join(data.run(span, index="one"), how="outer")
    spend = 0
    if data.has("acquisition_spend"):
        spent = data.known("acquisition_spend", as_of)
        spent = spent.filter(spent["date"] >= midnight(start).to_pydatetime())
        total = data.run(spent.group_by(one=key).agg(spend=as_int64(micro(spent.spend).sum())), index="one")
        spend = int(total["spend"].sum())
    return found.reindex(pd.Index([""], name="one"), fill_value=0).fillna(0).astype("int64").assign(spend=spend)


def _measured(statistics: LeverStatistics) -> dict[str, Measured]:
    """The numbers of the last year, each with its interval."""
    if statistics.sums.empty:
        return {}
    row = {str(name): float(value) for name, value in statistics.sums.iloc[0].items()}
    orders, customers = row["orders"], row["customers"]
    if orders < 2 or customers < 2:
        return {name: Undefined("fewer than two customers bought in the last year") for name in LEVERS}
    if row["days"] < YEAR.days:
        return {name: Undefined("the orders reach back less than a year") for name in LEVERS}
    value, margin = row["value"] / MICRO, row["margin"] / MICRO
    found: dict[str, Measured] = {
        "average_order_value": _mean(orders, value, row["value_squares"] / MICRO),
        "orders_per_year": _mean(customers, orders, row["orders_squares"]),
        "margin": exactly(1.0 if statistics.money.basis == "revenue" else margin / value),
        "new_customers": exactly(row["new"]) if row["new"] else Undefined("nobody new bought in the last year"),
        "acquisition_cost": Undefined("there is no spend on winning customers"),
        "lifespan_years": Undefined("nobody bought in the year before the last"),
    }
    if row["spend"] and row["new"]:
        cost, half = row["spend"] / MICRO / row["new"], Z / row["new"] ** 0.5
        found["acquisition_cost"] = Interval(cost, cost * (1 - min(half, 1)), cost * (1 + half))
    if row["days"] < 2 * YEAR.days:  # who bought in a part of a year is not who buys in a year
        found["lifespan_years"] = Undefined("the orders reach back less than two years")
    elif row["before"]:
        rate = wilson(int(row["again"]), int(row["before"]))
        ends = [min(max(end, 0.0), 0.98) for end in (rate.estimate, rate.lower, rate.upper)]
        found["retention"] = Interval(ends[0], ends[1], ends[2])
        found["lifespan_years"] = Interval(1 / (1 - ends[0]), 1 / (1 - ends[1]), 1 / (1 - ends[2]))
    return found


def _mean(count: float, total: float, squares: float) -> Interval:
    mean = total / count
    half = Z * (max(squares / count - mean * mean, 0.0) / (count - 1)) ** 0.5
    return Interval(mean, mean - half, mean + half)
