"""Profit per order, customer, product, campaign and place; how it is spread, and what it costs to serve.

* Members of each dimension that surely lose money are flagged; the others are not, however bad they look.
* The whale curve adds customers from the best to the worst: it rises above the whole and falls back by what the
  customers below zero cost. Pareto is told of repeat customers and of margin: the smallest share that holds 80 %.
* Costs to serve are told by activity, and apart for those who spend more than ``high_value`` a year. A change of them
  is watched by satisfaction: cutting what good customers like is no saving.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import date, timedelta
from typing import Annotated, Any, ClassVar, Final

import ibis
import numpy as np
import pandas as pd
from pydantic import Field

from cvo_ml.config.base import PositiveCount
from cvo_ml.core.arrays import Floats
from cvo_ml.core.blocks import TextTable
from cvo_ml.core.figures import FigureSpec, Series
from cvo_ml.core.result import Result
from cvo_ml.core.units import midnight
from cvo_ml.features.economics import CostCoverage, cost_coverage, customer_money, order_money, serving_costs
from cvo_ml.features.engine import Engine
from cvo_ml.features.integer_sums import MICRO, as_int64, if_true
from cvo_ml.stats.intervals import Interval, Z, wilson
from cvo_ml.value.analysis import Analysis, AnalysisResult, MoneyBasis, Needs, Statistics
from cvo_ml.value.measures import Kpi, Measured, Undefined, exactly, mean_of, shown
from cvo_ml.value.members import Member, basis_column, member_sums, members
from cvo_ml.value.purchases import last_whole_month, month_name, month_number

AN_ORDER, A_CUSTOMER, MARGIN = "value an order", "value a customer", "margin"
BELOW, LOST, PARETO = "customers below zero", "lost on them", "repeat customers who hold 80 % of the value"
SERVING, CHEAPER = "cost to serve a customer", "cost to serve of high-value customers per money spent, against others"
GROUPS: Final = 2_000
REPLICATES: Final = 400


@dataclass(frozen=True)
class EconomicsStatistics(Statistics):
    """Sums of a shop; no customer has a name here.

    Parameters
    ----------
    coverage:
        Of how much the costs are known, what is unmatched and unallocated.
    people:
        Sorted rows of ``orders, revenue, value, served, spent`` (in the last year), money in units.
    orders:
        One row: ``n``, ``value`` and ``squares`` of orders, before costs to serve.
    months:
        By month number: ``orders, revenue, value`` (before costs to serve).
    sums:
        Of the members of every dimension (``members.member_sums``).
    activities:
        By activity: ``own`` and ``shared`` costs to serve.
    answers:
        By whether the customer is of high value: NPS answers ``n, promoters, detractors``.
    """

    coverage: CostCoverage
    people: pd.DataFrame
    orders: pd.DataFrame
    months: pd.DataFrame
    sums: pd.DataFrame
    activities: pd.DataFrame
    answers: pd.DataFrame


@dataclass(frozen=True)
class ServedGroup(Result):
    """Customers above and below the edge of high value: what they spend, cost and say."""

    name: str
    customers: int
    spent: float
    cost_to_serve: Measured
    nps: Measured


@dataclass(frozen=True)
class ServingActivity(Result):
    """What an activity cost: borne by customers themselves, and shared by a driver."""

    activity: str
    own: float
    shared: float


@dataclass(frozen=True)
class EconomicsMonth(Result):
    """A month's orders, before costs to serve."""

    month: str
    orders: int
    revenue: float
    value: float


@dataclass(frozen=True)
class EconomicsResult(AnalysisResult):
    """Members by dimension, the whale curve, what serving costs."""

    coverage: CostCoverage
    members: tuple[Member, ...]
    whale: tuple[float, ...]
    activities: tuple[ServingActivity, ...]
    served: tuple[ServedGroup, ...]
    months: tuple[EconomicsMonth, ...]
    most: int

    @property
    def draining(self) -> tuple[Member, ...]:
        """The members that surely lose money, the largest loss first."""
        return tuple(sorted((one for one in self.members if one.drains), key=lambda one: one.value))

    def sentences(self) -> Sequence[str]:
        """What a customer brings, who loses money, and what to do."""
        each = self.kpi(A_CUSTOMER)
        if isinstance(each.value, Undefined):
            return [f"Nothing can be said of profit: {each.value.reason}."]
        order = self.shown(self.kpi(AN_ORDER))
        said = [f"A customer has brought {self.shown(each)} in {self.basis_name}, an order {order}."]
        below, pareto = self.kpi(BELOW), self.kpi(PARETO)
        if isinstance(below.value, Interval) and below.value.estimate > 0:
            said.append(f"{self.shown(below)} of customers are below zero and cost {self.shown(self.kpi(LOST))}.")
        if isinstance(pareto.value, Interval):
            said.append(f"{self.shown(pareto)} of the repeat customers hold 80 % of their {self.basis_name}.")
        if drain := self.draining:
            worst = ", ".join(f"{one.dimension} {one.name} ({one.value:,.0f} {self.currency})" for one in drain[:3])
            more = f" and {len(drain) - 3} more" if len(drain) > 3 else ""
            return [*said, f"What to do: stop or reprice what surely loses money: {worst}{more}."]
        if self.basis == "revenue":
            return [*said, "What to do: map what orders cost; without it nothing that loses money can be seen."]
        return [*said, f"What to do: nothing surely loses money in any dimension; {pareto.action}."]

    def tables(self) -> Sequence[TextTable]:
        """Draining members, the best and the worst of each dimension, costs to serve."""
        found = [
            TextTable(
                "Surely losing money",
                _COLUMNS,
                [(f"{one.dimension} {self._row(one)[0]}", *self._row(one)[1:]) for one in self.draining[: self.most]],
            )
        ]
        for dimension in dict.fromkeys(one.dimension for one in self.members):
            own = [one for one in self.members if one.dimension == dimension]
            half = max(self.most // 2, 1)
            ends = own if len(own) <= self.most else [*own[:half], *own[-half:]]
            title = f"By {dimension}, the worst first" + (
                f" ({half} worst, {half} best of {len(own)})" if ends != own else ""
            )
            found.append(TextTable(title, _COLUMNS, [self._row(one) for one in ends]))
        if self.activities:
            rows = [(one.activity, f"{one.own:,.0f}", f"{one.shared:,.0f}") for one in self.activities]
            title = f"Costs to serve by activity ({self.currency})"
            found.append(TextTable(title, ("activity", ">of customers", ">shared by driver"), rows))
        groups = [
            (
                one.name,
                f"{one.customers:,}",
                f"{one.spent:,.0f}",
                shown(one.cost_to_serve, "share"),
                shown(one.nps, "ratio"),
            )
            for one in self.served
        ]
        columns = (
            "customers who spend a year",
            ">number",
            f">{self.currency} spent",
            ">cost / revenue",
            ">NPS",
        )
        return [one for one in [*found, TextTable("High and low value", columns, groups)] if one.rows]

    def figures(self) -> Sequence[FigureSpec]:
        """The whale curve, and value and revenue by month."""
        months = [one.month for one in self.months]
        by_month = [
            Series("revenue", months, [one.revenue for one in self.months], "baseline"),
            Series(self.basis_name, months, [one.value for one in self.months]),
        ]
        curves = [FigureSpec("Revenue and value by month of order", "month", self.currency, by_month)] if months else []
        if self.whale:
            share = list(range(101))
            equal = Series("if all brought the same", share, [float(one) for one in share], "baseline")
            whale = Series("customers from the best to the worst", share, [100 * one for one in self.whale])
            title = f"Whale curve: {self.basis_name} from the best customer to the worst"
            curves.insert(0, FigureSpec(title, "% of customers", "% of the whole", [whale, equal]))
        return curves

    def _row(self, one: Member) -> tuple[str, ...]:
        mark = " !" if one.drains else ""
        return (
            one.name + mark,
            f"{one.customers:,}",
            f"{one.revenue:,.0f}",
            f"{one.value:,.0f}",
            shown(one.each, "money"),
        )


_COLUMNS: Final = ("member", ">customers", ">revenue", ">value", ">value a customer")


class Economics(Analysis):
    """Profit by every dimension, its spread over customers, and costs to serve.

    Parameters
    ----------
    least:
        Customers below which a member is no evidence and is not told.
    high_value:
        Spending a year above which a customer is of high value, in the shop's currency.
    most:
        Rows of a table of members.
    """

    name: ClassVar[str] = "economics"
    title: ClassVar[str] = "Profit per customer"
    question: ClassVar[str] = "Which customers, products and campaigns earn money, and which surely lose it?"
    reads: ClassVar[Needs] = Needs(
        ("orders",), ("refunds", "order_lines", "customers", "costs_to_serve", "tickets", "returns", "surveys")
    )
    methods: ClassVar[tuple[str, ...]] = ("A3", "A4", "A9", "A10", "A11", "H1", "H2", "H3")

    least: PositiveCount = 30
    high_value: Annotated[float, Field(gt=0)] = 500.0
    most: PositiveCount = 10

    def statistics(self, data: Engine, as_of: date) -> EconomicsStatistics:
        """Sums of customers, orders, members, activities and answers."""
        coverage = cost_coverage(data, as_of)
        basis = coverage.basis
        people = _people(data, as_of, basis_column(basis))
        money = MoneyBasis(data.tables.currency, basis, coverage.warning)
        units = people.astype("float64").assign(
            **{n: people[n] / MICRO for n in ("revenue", "value", "served", "spent")}
        )
        return EconomicsStatistics(
            as_of, money, coverage, units.sort_values(units.columns.tolist()).reset_index(drop=True),
            *_orders(data, as_of, basis_column(basis)), member_sums(data, as_of, basis, people),
            _activities(data, as_of), self._answers(data, as_of, people),
        )  # fmt: skip

    def _answers(self, data: Engine, as_of: date, people: pd.DataFrame) -> pd.DataFrame:
        empty = pd.DataFrame({"n": 0, "promoters": 0, "detractors": 0}, index=pd.Index([False, True], name="high"))
        if not data.has("surveys"):
            return empty
        rows = data.known("surveys", as_of)
        rows = rows.filter(rows.kind.startswith("nps"))
        sums = rows.group_by("customer_id").agg(
            n=rows.count(), promoters=as_int64((rows.score >= 9).sum()), detractors=as_int64((rows.score <= 6).sum())
        )
        found = data.run(sums).join(people["spent"], how="inner")
        high = (found["spent"] >= self.high_value * MICRO).rename("high")
        return found[list(empty)].groupby(high).sum().reindex(empty.index, fill_value=0).astype("int64")

    def analyze(self, statistics: EconomicsStatistics) -> EconomicsResult:
        """Means with intervals, flags, curves."""
        known, people = statistics, statistics.people
        nobody = "nobody has bought" if not known.coverage.orders else ""
        value = people["value"].to_numpy(np.float64)
        n, total, squares = known.orders.iloc[0].tolist()
        few = nobody or "fewer than two"
        each = (
            mean_of(len(value), float(value.sum()), float((value**2).sum()), few) if not nobody else Undefined(nobody)
        )
        below = int((value < 0).sum())
        served = self._served(known)
        actions = {
            AN_ORDER: "set the smallest order that is sent free of charge above where an order starts to earn",
            A_CUSTOMER: "spend less than this on winning a customer (analyze levers)",
            MARGIN: "look at the months in which it fell, and at what was discounted in them",
            BELOW: "see what they have in common below before any further contact with them",
            LOST: "charge for what makes them lose money, or stop offering it",
            PARETO: "look after these customers first (cvo plan ranks by profit)",
            SERVING: "cut the activity that costs most and watch NPS: a saving that drives good customers away is none",
            CHEAPER: "bundle shipments and answers for low-value customers, and watch NPS while doing so",
        }
        revenue = known.money.basis == "revenue"
        untold = nobody or "no cost is known, so nobody can be seen to lose money"
        figures: dict[str, tuple[Measured, Any, str]] = {
            AN_ORDER: (mean_of(int(n), total, squares, few), "money", "methods A3, A9"),
            A_CUSTOMER: (each, "money", "methods A3, A9"),
            MARGIN: (
                Undefined(untold) if revenue else _ratio(value, people["revenue"].to_numpy(), few),
                "share",
                "methods A10",
            ),
            BELOW: (Undefined(untold) if revenue else wilson(below, len(value)), "share", "methods A9"),
            LOST: (Undefined(untold) if revenue else exactly(-float(value[value < 0].sum())), "money", "methods A9"),
            PARETO: (_pareto(value[people["orders"].to_numpy() > 1], nobody), "share", "methods A11"),
            SERVING: (self._serving(known, nobody), "money", "methods H1, A4"),
            CHEAPER: (_against(served), "ratio", "methods H2, H3"),
        }
        return EconomicsResult(
            **self.heads(statistics),
            kpis=tuple(Kpi(name, got, unit, source, actions[name]) for name, (got, unit, source) in figures.items()),
            coverage=known.coverage, members=members(known.sums, self.least), whale=_whale(value),
            activities=tuple(ServingActivity(name, own, common) for name, own, common in known.activities.itertuples()),
            served=served, months=_months(known.months), most=self.most,
        )  # fmt: skip

    def heads(self, statistics: Statistics) -> dict[str, Any]:
        """With what is unmatched and unallocated among the notes."""
        found = super().heads(statistics)
        assert isinstance(statistics, EconomicsStatistics)
        covered, notes = statistics.coverage, list(found["notes"])
        for what, amount in (("unmatched", covered.unmatched), ("of_nobody", covered.of_nobody)):
            if amount:
                of = "found no order and count against their customers" if what == "unmatched" else "name nobody"
                notes.append(f"refunds of {amount:,.2f} {found['currency']} {of}")
        notes += [
            f"{c.activity}: {c.amount:,.2f} {found['currency']} borne by nobody, {c.reason}"
            for c in covered.unallocated
        ]
        return {**found, "notes": tuple(notes)}

    def _serving(self, known: EconomicsStatistics, nobody: str) -> Measured:
        served = known.people["served"].to_numpy(np.float64)
        if nobody or not len(known.activities):
            return Undefined(nobody or "there are no costs to serve")
        return mean_of(len(served), float(served.sum()), float((served**2).sum()), "fewer than two customers")

    def _served(self, known: EconomicsStatistics) -> tuple[ServedGroup, ...]:
        """Customers on both sides of the edge; exactly at it is high."""
        people, found = known.people, []
        for high in (True, False):
            own = people[(people["spent"] >= self.high_value) == high]
            n, promoters, detractors = known.answers[known.answers.index == high].sum().tolist()
            nps: Measured = Undefined("nobody of them was asked")
            if n:
                score = (promoters - detractors) / n
                half = 100 * Z * (max((promoters + detractors) / n - score**2, 0.0) / n) ** 0.5
                nps = Interval(100 * score, 100 * score - half, 100 * score + half)
            cost: Measured = Undefined("there are no costs to serve")
            if len(known.activities):
                cost = _ratio(
                    own["served"].to_numpy(np.float64), own["revenue"].to_numpy(np.float64), "fewer than two of them"
                )
            edge = f"{self.high_value:,.0f} {known.money.currency}"
            name = f"at least {edge}" if high else f"less than {edge}"
            found.append(ServedGroup(name, len(own), float(own["spent"].sum()), cost, nps))
        return tuple(found)


def _people(data: Engine, as_of: date, column: str) -> pd.DataFrame:
    """By customer, in millionths: orders, revenue, value, served, spent in the last year."""
    rows = order_money(data, as_of)
    lately = rows.is_purchase & (rows.ordered_at >= midnight(as_of - timedelta(days=365)).to_pydatetime())
    spent = rows.group_by("customer_id").agg(spent=as_int64(if_true(lately, rows.left).sum()).coalesce(0))
    money = customer_money(data, as_of)
    found = data.run(money.select("customer_id", "orders", revenue="left", value=column, served="cost_to_serve"))
    found = found.join(data.run(spent))
    return found.fillna(0).astype("int64")


def _orders(data: Engine, as_of: date, column: str) -> tuple[pd.DataFrame, pd.DataFrame]:
    """Orders in one row, and month by month."""
    rows = order_money(data, as_of)
    rows = rows.filter(rows.is_purchase)
    value = rows[column].cast("float64") / MICRO
    key = ibis.literal("")
    sums = rows.group_by(one=key).agg(
        n=rows.count(),
        value=as_int64(rows[column].sum()),
        squares=as_int64((value * value * MICRO).round().cast("int64").sum()),
    )
    one = data.run(sums, index="one").reindex(pd.Index([""], name="one"), fill_value=0).astype("float64")
    one[["value", "squares"]] /= MICRO
    by_month = rows.group_by(month=month_number(rows.ordered_at.date())).agg(
        orders=rows.count(), revenue=as_int64(rows.left.sum()), value=as_int64(rows[column].sum())
    )
    months = data.run(by_month, index="month").astype("float64")
    months = months.set_axis(months.index.astype("int64"), axis=0).sort_index()
    months[["revenue", "value"]] /= MICRO
    return one, months[months.index <= last_whole_month(as_of)]


def _activities(data: Engine, as_of: date) -> pd.DataFrame:
    if not data.has("costs_to_serve"):
        return pd.DataFrame(columns=["own", "shared"], index=pd.Index([], name="activity"), dtype="float64")
    rows = serving_costs(data, as_of)
    found = data.run(
        rows.group_by("activity").agg(
            own=as_int64(if_true(~rows.is_shared, rows.cost).sum()).coalesce(0),
            shared=as_int64(if_true(rows.is_shared, rows.cost).sum()).coalesce(0),
        ),
        index="activity",
    )
    return found.astype("float64") / MICRO


def _ratio(part: Floats, whole: Floats, few: str) -> Measured:
    """Sum over sum with the interval of a linearized ratio (Cochran 1977, §6.3)."""
    total = float(whole.sum())
    if len(part) < 2 or total <= 0:
        return Undefined(few if len(part) < 2 else "there is no revenue")
    rate = float(part.sum()) / total
    half = Z * float(np.sqrt(((part - rate * whole) ** 2).sum() * len(part) / (len(part) - 1))) / total
    return Interval(rate, rate - half, rate + half)


def _against(served: Sequence[ServedGroup]) -> Measured:
    """The one rate over the other, by the logarithm."""
    high, low = (one.cost_to_serve for one in served)
    if isinstance(high, Undefined) or isinstance(low, Undefined):
        return high if isinstance(high, Undefined) else low
    if min(high.estimate, low.estimate) <= 0:
        return Undefined("one of them costs nothing to serve")
    ratio = high.estimate / low.estimate
    spread = sum(((one.upper - one.lower) / 2 / one.estimate) ** 2 for one in (high, low)) ** 0.5
    return Interval(ratio, ratio * float(np.exp(-spread)), ratio * float(np.exp(spread)))


def _whale(value: Floats) -> tuple[float, ...]:
    """At each hundredth of the customers from the best on, the share of the whole; empty where there is no whole."""
    if not value.sum() > 0:
        return ()
    held = np.concatenate([[0.0], np.cumsum(np.sort(value)[::-1])]) / value.sum()
    return tuple(float(one) for one in np.interp(np.linspace(0, len(value), 101), np.arange(len(held)), held))


def _pareto(value: Floats, nobody: str) -> Measured:
    """The smallest share that holds 80 %, with a bootstrap over groups of neighbours in value."""
    if nobody or len(value) < 2 or not value.sum() > 0:
        return Undefined(nobody or "there are fewer than two repeat customers, or together they bring nothing")
    parts = np.array_split(np.sort(value)[::-1], min(GROUPS, len(value)))
    sizes, means = np.array([len(part) for part in parts], dtype=np.float64), np.array([part.mean() for part in parts])
    drawn = np.random.default_rng(0).multinomial(len(value), sizes / len(value), REPLICATES)
    shares = [_smallest(counts, means) for counts in (sizes, *drawn)]
    lower, upper = np.nanquantile(shares[1:], [0.025, 0.975])
    return Interval(shares[0], float(lower), float(upper))


def _smallest(counts: Floats, means: Floats) -> float:
    held = np.cumsum(counts * means)
    if not held[-1] > 0:
        return float("nan")
    place = int(np.argmax(held >= 0.8 * held[-1] * (1 - 1e-12)))
    return float(counts[: place + 1].sum() / counts.sum())


def _months(rows: pd.DataFrame) -> tuple[EconomicsMonth, ...]:
    return tuple(
        EconomicsMonth(month_name(int(month)), int(orders), revenue, value)
        for month, orders, revenue, value in zip(rows.index, *(rows[name].tolist() for name in rows), strict=True)
    )
