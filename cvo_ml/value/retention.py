"""Who comes back: three measures that are all called retention, each by its own name.

| name | of whom | share |
|---|---|---|
| repeat customer rate | everybody who ever bought | has bought more than once |
| period retention rate | who bought in the period before | bought in this one too |
| logo retention | accounts with a running subscription a year ago | still has one |

Gross and net revenue retention tell the same of the recurring revenue: net = (start + expansion − contraction − churn)
/ start, gross without expansion. What one point more of the repeat rate is worth a year is the new customers of the
last year, times one in a hundred, times what customers who come back bring after their first order in a year.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import date
from typing import ClassVar, Final

import ibis
import pandas as pd

from cvo_ml.config.base import PositiveCount
from cvo_ml.core.blocks import TextTable
from cvo_ml.core.figures import FigureSpec, Series
from cvo_ml.core.result import Result
from cvo_ml.features.engine import Engine, cut, is_visible
from cvo_ml.features.integer_sums import MICRO, as_int64, if_true, micro
from cvo_ml.features.order_relations import with_columns
from cvo_ml.stats.intervals import Interval
from cvo_ml.value.analysis import Analysis, AnalysisResult, Needs, Statistics, money_of
from cvo_ml.value.measures import Kpi, Measured, Undefined, exactly, mean_of, scaled, share, shown
from cvo_ml.value.purchases import last_whole_month, month_name, month_of, purchases

YEAR: Final = 365
REPEAT, PERIOD, LOGO = "repeat customer rate", "period retention rate", "logo retention"
GROSS, NET, POINT = "gross revenue retention", "net revenue retention", "worth of one point of the repeat rate a year"


@dataclass(frozen=True)
class RetentionStatistics(Statistics):
    """Counts by month, and the later value of who came back.

    Parameters
    ----------
    months:
        Indexed by month number: ``new`` customers, customers who became ``repeat``, ``before`` (bought in the period
        before the one that ends with the month), ``returned`` (of them, bought in it).
    contracts:
        By month number, of accounts with recurring revenue a year before the month's end: ``start`` and ``kept``
        accounts, ``start_mrr``, ``end_mrr`` and ``kept_mrr`` (the lesser of the two), in millionths.
    later:
        One row: ``new_last_year``, customers whose first order was in the year before the date; ``mature``, customers
        who bought at least a year before it and came back within a year; ``value`` of their orders after the first
        within it and the ``squares`` of it, in millionths.
    """

    months: pd.DataFrame
    contracts: pd.DataFrame
    later: pd.DataFrame


@dataclass(frozen=True)
class RetentionMonth(Result):
    """The rates at the end of one month."""

    month: str
    customers: int
    repeat_customer_rate: Measured
    period_retention_rate: Measured
    logo_retention: Measured


@dataclass(frozen=True)
class RetentionResult(AnalysisResult):
    """Rates at the last whole month, and month by month."""

    period_months: int
    months: tuple[RetentionMonth, ...]

    def sentences(self) -> Sequence[str]:
        """What stays, what a point of it is worth, and what to do."""
        repeat = self.kpi(REPEAT)
        if isinstance(repeat.value, Undefined):
            return [f"Nothing can be said of who stays: {repeat.value.reason}."]
        said = [f"{self.shown(repeat)} of all customers have bought more than once{self._trend()}."]
        period = self.kpi(PERIOD)
        if isinstance(period.value, Interval):
            said.append(
                f"Of those who bought in the {self.period_months} months before, {self.shown(period)} bought in the "
                f"last {self.period_months}."
            )
        point = self.kpi(POINT)
        if isinstance(point.value, Interval):
            said.append(
                f"One point more of the repeat rate is worth {self.shown(point)} a year in {self.basis_name}, if who "
                "is won back buys like those who came back by themselves: count on less."
            )
        return [*said, f"What to do: {repeat.action}."]

    def _trend(self) -> str:
        rates = [one.repeat_customer_rate for one in self.months]
        known = [rate for rate in rates if isinstance(rate, Interval)]
        if len(known) < 13:
            return ""
        now, before = known[-1], known[-13]
        if now.lower > before.upper:
            return f", more than a year before ({100 * before.estimate:.1f} %)"
        if now.upper < before.lower:
            return f", fewer than a year before ({100 * before.estimate:.1f} %)"
        return ", as many as a year before"

    def tables(self) -> Sequence[TextTable]:
        """The last twelve months."""
        rows = [
            (
                one.month, f"{one.customers:,}", shown(one.repeat_customer_rate, "share"),
                shown(one.period_retention_rate, "share"), shown(one.logo_retention, "share"),
            )
            for one in self.months[-12:]
        ]  # fmt: skip
        columns = ("month", ">customers", ">repeat rate", ">period retention", ">logo retention")
        return [TextTable("Month by month", columns, rows)]

    def figures(self) -> Sequence[FigureSpec]:
        """The three rates over time, with the interval of the repeat rate."""
        months = [one.month for one in self.months]
        lines = {
            REPEAT: [one.repeat_customer_rate for one in self.months],
            PERIOD: [one.period_retention_rate for one in self.months],
            LOGO: [one.logo_retention for one in self.months],
        }
        series = [
            Series(name, months, [_percent(rate) for rate in rates])
            for name, rates in lines.items()
            if any(isinstance(rate, Interval) for rate in rates)
        ]
        for end in ("lower", "upper"):
            ends = [_percent(rate, end) for rate in lines[REPEAT]]
            series.append(Series(f"{REPEAT}, {end} end", months, ends, "baseline"))
        return [FigureSpec("Who comes back, month by month", "month", "% of customers", series)]


class Retention(Analysis):
    """Repeat, period and logo retention by month, and what one point is worth.

    Parameters
    ----------
    period_months:
        Length of the periods of the period retention rate.
    months:
        How many whole months are shown.
    """

    name: ClassVar[str] = "retention"
    title: ClassVar[str] = "Who comes back"
    question: ClassVar[str] = "What share of customers comes back, is it rising, and what is one point of it worth?"
    reads: ClassVar[Needs] = Needs(("orders",), ("refunds", "order_lines", "costs_to_serve", "subscriptions"))
    methods: ClassVar[tuple[str, ...]] = ("C1", "C2", "C6", "N2")
    additive: ClassVar[bool] = True

    period_months: PositiveCount = 3
    months: PositiveCount = 36

    def statistics(self, data: Engine, as_of: date) -> RetentionStatistics:
        """Counts of customers by month, and sums of what came after first orders."""
        money = money_of(data, as_of)
        rows = purchases(data, as_of, money.basis)
        last, since = last_whole_month(as_of), month_of(as_of) - self.months
        counts = _new_and_repeat(data, rows).join(self._periods(data, rows), how="outer").fillna(0).astype("int64")
        counts = counts[counts.index <= last]
        return RetentionStatistics(
            as_of=as_of,
            money=money,
            months=counts,
            contracts=_contracts(data, as_of, range(since, last + 1)),
            later=_later(data, rows, as_of),
        )

    def _periods(self, data: Engine, rows: ibis.Table) -> pd.DataFrame:
        """At each month's end: who bought in the period before, and who of them in the period."""
        active = rows.select("customer_id", "month").distinct()
        active = active.mutate(ahead=ibis.array([ibis.literal(n) for n in range(2 * self.period_months)]).unnest())
        active = active.mutate(at=(active.month + active.ahead).cast("int64"), now=active.ahead < self.period_months)
        each = active.group_by("customer_id", "at").agg(now=active.now.max(), before=(~active.now).max())
        found = each.group_by(at=each["at"]).agg(
            before=as_int64(each.before.sum()), returned=as_int64((each.before & each.now).sum())
        )
        return _by_month(data, found, "at")

    def analyze(self, statistics: RetentionStatistics) -> RetentionResult:
        """Rates of counts."""
        known = statistics
        numbers = [*known.months.index, *known.contracts.index]
        shown_months = range(min(numbers), max(numbers) + 1)[-self.months :] if numbers else ()
        months = tuple(self._month(known, month) for month in shown_months)
        now = months[-1] if months else None
        nobody = "no whole month holds an order"
        rates: dict[str, Measured] = {
            REPEAT: now.repeat_customer_rate if now else Undefined(nobody),
            PERIOD: now.period_retention_rate if now else Undefined(nobody),
            LOGO: now.logo_retention if now else Undefined(nobody),
        }
        actions = {
            REPEAT: "bring first-time buyers to a second order (analyze new_customers says where they stop)",
            PERIOD: "contact who bought in the period before and not in this one, in the order of cvo plan",
            LOGO: "call the accounts that renew next, the ones at risk first (cvo score: churn_band)",
        }
        kpis = [Kpi(name, rate, "share", "methods C1, C2", actions[name]) for name, rate in rates.items()]
        return RetentionResult(
            **self.heads(known), kpis=(*kpis, *_revenue(known), _point(known)), period_months=self.period_months,
            months=months,
        )  # fmt: skip

    def _month(self, known: RetentionStatistics, month: int) -> RetentionMonth:
        upto = known.months[known.months.index <= month]
        customers, repeat = int(upto["new"].sum()), int(upto["repeat"].sum())
        row = known.months[known.months.index == month].sum()
        full = len(known.months) > 0 and month - int(known.months.index.min()) >= 2 * self.period_months - 1
        period = share(row["returned"].item(), row["before"].item(), "nobody bought in the period before")
        if not full:
            period = Undefined(f"the orders do not reach back two periods of {self.period_months} months")
        return RetentionMonth(
            month_name(month), customers, share(repeat, customers, "nobody has bought"), period, _logo(known, month)
        )


def _new_and_repeat(data: Engine, rows: ibis.Table) -> pd.DataFrame:
    seconds = rows.filter(rows.place <= 1)
    found = seconds.group_by("month").agg(
        new=as_int64((seconds.place == 0).sum()), repeat=as_int64((seconds.place == 1).sum())
    )
    return _by_month(data, found, "month")


def _by_month(data: Engine, found: ibis.Table, column: str) -> pd.DataFrame:
    """Counts indexed by the number of their month."""
    rows = data.run(found, index=column)
    return rows.set_axis(rows.index.astype("int64"), axis=0).rename_axis("month").sort_index()


def _later(data: Engine, rows: ibis.Table, as_of: date) -> pd.DataFrame:
    """What customers who came back within a year of their first order brought in it after that order."""
    age = cut(as_of).date().delta(rows.day, unit="day") + rows.since_first  # of the customer
    each = rows.mutate(age=age)
    in_year = (each.place > 0) & (each.since_first < YEAR)
    each = each.group_by("customer_id").agg(
        age=each.age.max(), later=as_int64(if_true(in_year, each.value).sum()), came=in_year.max()
    )
    mature = (each.age >= YEAR) & each.came
    value = each.later.coalesce(0).cast("float64") / MICRO
    sums = data.run(
        each.group_by(one=ibis.literal("")).agg(
            new_last_year=as_int64((each.age <= YEAR).sum()),
            mature=as_int64(mature.sum()),
            value=as_int64(if_true(mature, each.later).sum()).coalesce(0),
            squares=as_int64(if_true(mature, micro(value * value)).sum()).coalesce(0),
        ),
        index="one",
    )
    return sums.reindex(pd.Index([""], name="one"), fill_value=0).astype("int64")


def _contracts(data: Engine, as_of: date, months: Sequence[int]) -> pd.DataFrame:
    """Accounts and recurring revenue a year before each month's end, and what is left of them at it."""
    names = ["start", "kept", "start_mrr", "end_mrr", "kept_mrr"]
    if not data.has("subscriptions"):
        return pd.DataFrame(columns=names, index=pd.Index([], name="month"), dtype="int64")
    rows = data.visible(with_columns(data, "subscriptions", {"ended_at": "timestamp(6)"}), [as_of], "started_at")
    rows = rows.select("customer_id", "started_at", "ended_at", mrr=micro(rows.mrr).coalesce(0))
    found = []
    for month in months:
        end, start = _first_day(month + 1), _first_day(month - 11)
        runs = {
            name: is_visible(cut(day), rows.started_at) & (rows.ended_at.isnull() | (rows.ended_at >= cut(day)))
            for name, day in (("now", end), ("then", start))
        }
        each = rows.group_by("customer_id").agg(
            **{name: as_int64(if_true(running, rows.mrr).sum()).coalesce(0) for name, running in runs.items()}
        )
        each = each.filter(each.then > 0)
        found.append(
            each.group_by(month=ibis.literal(month)).agg(
                start=each.count(),
                kept=as_int64((each.now > 0).sum()),
                start_mrr=as_int64(each.then.sum()),
                end_mrr=as_int64(each.now.sum()),
                kept_mrr=as_int64(ibis.least(each.now, each.then).sum()),
            )
        )
    return _by_month(data, ibis.union(*found) if len(found) > 1 else found[0], "month").astype("int64")


def _first_day(month: int) -> date:
    return date(month // 12, month % 12 + 1, 1)


def _logo(known: RetentionStatistics, month: int) -> Measured:
    if month not in known.contracts.index:
        return Undefined("there are no subscriptions" if known.contracts.empty else "no account is a year old")
    row = known.contracts.loc[month]
    return share(row["kept"].item(), row["start"].item(), "no account is a year old")


def _revenue(known: RetentionStatistics) -> list[Kpi]:
    """Gross and net revenue retention of the year to the last month."""
    gross = net = Undefined("there are no subscriptions that are a year old")
    kpis: dict[str, Measured] = {GROSS: gross, NET: net}
    if len(known.contracts):
        money = known.contracts.iloc[-1].astype("float64").to_dict()
        if money["start_mrr"]:
            kept = {GROSS: money["kept_mrr"], NET: money["end_mrr"]}
            kpis = {name: exactly(mrr / money["start_mrr"]) for name, mrr in kept.items()}
    actions = {
        GROSS: "find what the accounts that shrank have in common before winning new ones",
        NET: "below 100 % stop losses first; above it offer more to those whose use grows",
    }
    return [Kpi(name, value, "share", "methods C6", actions[name]) for name, value in kpis.items()]


def _point(known: RetentionStatistics) -> Kpi:
    new, mature, value, squares = known.later.iloc[0].tolist()
    later = mean_of(mature, value / MICRO, squares / MICRO, "too few came back whose first year is over")
    worth = scaled(later, 0.01 * new)
    if not new and isinstance(worth, Interval):
        worth = Undefined("there was no new customer in the last year")
    action = "spend less than this a year on a point of it, and measure it against a holdout (cvo evaluate)"
    return Kpi(POINT, worth, "money", "methods N2", action)


def _percent(rate: Measured, end: str = "estimate") -> float | None:
    return 100 * float(getattr(rate, end)) if isinstance(rate, Interval) else None
