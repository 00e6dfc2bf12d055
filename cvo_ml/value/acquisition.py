"""Does winning customers pay: cost of winning, value against it, and months until it is paid back, by channel.

* Cost of winning a customer = spend of all three kinds (ads, people, tools) over new customers, of the last ``months``
  whole months; whose channel is not known counts in the whole and in no channel.
* Value against cost: what customers bring in their first year, of those whose first year is over, over the cost. At
  most 1 is ``unsustainable``, up to 3 ``thin``, 3 to 5 ``healthy``, above ``underinvesting`` (edges: methods A7); with
  the probability of each band, for both numbers are uncertain.
* Return on ad spend (revenue to date of the customers won, over ads) stands beside their value after costs to serve,
  less all spend: a channel that has more revenue than spend and still surely loses money flips its sign.
* Paid back: the first month of age at which customers have brought what they cost, by cohorts that have reached that
  age; a channel that has not got there yet is censored, not failed.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import date
from typing import Annotated, Any, ClassVar, Final, Literal

import ibis
import numpy as np
import pandas as pd
from pydantic import Field

from cvo_ml.config.base import PositiveCount
from cvo_ml.core.blocks import TextTable
from cvo_ml.core.figures import FigureSpec, Series
from cvo_ml.core.result import Result
from cvo_ml.features.economics import serving_costs
from cvo_ml.features.engine import Engine, cut
from cvo_ml.features.integer_sums import MICRO, as_int64, if_true, micro
from cvo_ml.stats.intervals import Interval, Z
from cvo_ml.value.analysis import Analysis, AnalysisResult, Needs, Statistics, money_of
from cvo_ml.value.measures import Kpi, Measured, Undefined, exactly, mean_of, shown
from cvo_ml.value.purchases import last_whole_month, month_number, purchases

Band = Literal["unsustainable", "thin", "healthy", "underinvesting"]
BANDS: Final[tuple[Band, ...]] = ("unsustainable", "thin", "healthy", "underinvesting")
COST, RATIO, PAYS = "cost of winning a customer", "first-year value against cost", "probability that value exceeds cost"
ROAS, PAYBACK = "return on ad spend", "months until paid back"
KINDS: Final = ("ads", "people", "tools")
UNKNOWN: Final = ""
YEAR: Final = 365
DRAWS: Final = 4_000


def band_of(ratio: float, edges: Sequence[float] = (1.0, 3.0, 5.0)) -> Band:
    """The band of a ratio of value to cost (methods A7).

    Examples
    --------
    >>> [band_of(ratio) for ratio in (1, 2, 3, 5, 5.01)]
    ['unsustainable', 'thin', 'healthy', 'healthy', 'underinvesting']
    """
    low, healthy, high = edges
    if ratio <= low:
        return "unsustainable"
    if ratio < healthy:
        return "thin"
    return "healthy" if ratio <= high else "underinvesting"


@dataclass(frozen=True)
class AcquisitionStatistics(Statistics):
    """Spend and new customers by channel, money in units.

    Parameters
    ----------
    spend:
        By (channel, month): ``ads, people, tools``.
    won:
        By (channel, month of the first order): ``customers``, ``revenue`` and ``value`` to date, ``squares`` of it;
        ``mature`` customers whose first year is over, their ``first`` year's value and its ``first_squares``.
    ages:
        By (channel, cohort, age in months): ``value``; whole months alone.
    """

    spend: pd.DataFrame
    won: pd.DataFrame
    ages: pd.DataFrame


@dataclass(frozen=True)
class ChannelReturn(Result):
    """One channel, or all.

    Parameters
    ----------
    bands:
        The probability of each band of the ratio; empty where it is undefined.
    left:
        Value to date of the customers won less all spend on them.
    flips:
        Whether revenue exceeds the spend while surely money is lost.
    """

    channel: str
    customers: int
    spend: Mapping[str, float]
    cost: Measured
    first_year: Measured
    ratio: Measured
    bands: Mapping[str, float]
    roas: Measured
    left: Measured
    flips: bool
    payback_months: Measured


@dataclass(frozen=True)
class AcquisitionResult(AnalysisResult):
    """All channels together, and each, the worst ratio first."""

    whole: ChannelReturn
    channels: tuple[ChannelReturn, ...]

    def sentences(self) -> Sequence[str]:
        """What a customer costs and brings, which channel does not pay, and what to do."""
        if isinstance(self.whole.cost, Undefined):
            return [f"Nothing can be said of winning customers: {self.whole.cost.reason}."]
        said = [f"Winning a customer costs {shown(self.whole.cost, 'money', self.currency)}."]
        if isinstance(self.whole.ratio, Interval):
            band = max(self.whole.bands, key=lambda name: self.whole.bands[name])
            said.append(
                f"In the first year a customer brings {shown(self.whole.ratio, 'ratio')} times that: {band} "
                f"with a probability of {100 * self.whole.bands[band]:.0f} %."
            )
        if flips := [one.channel for one in self.channels if one.flips]:
            todo = f"lower what is spent on {', '.join(flips)}: more revenue than spend there, and yet money is lost"
            return [*said, f"What to do: {todo}."]
        known = [one for one in self.channels if isinstance(one.ratio, Interval)]
        if len(known) > 1:
            todo = f"move spend from {known[0].channel} towards {known[-1].channel}, a step at a time, and look again"
            return [*said, f"What to do: {todo}."]
        return [*said, f"What to do: {self.kpi(COST).action}."]

    def tables(self) -> Sequence[TextTable]:
        """Costs by kind, and returns, by channel."""
        every = [*self.channels, self.whole]
        costs = [
            (
                one.channel,
                f"{one.customers:,}",
                *(f"{one.spend[kind]:,.0f}" for kind in KINDS),
                shown(one.cost, "money"),
            )
            for one in every
        ]
        returns = [
            (
                one.channel + " !" * one.flips, shown(one.first_year, "money"), shown(one.ratio, "ratio"),
                shown(one.roas, "ratio"), shown(one.payback_months, "months").removesuffix(" months"),
            )
            for one in every
        ]  # fmt: skip
        bands = [(one.channel, *(f"{100 * one.bands[band]:.0f}" for band in BANDS)) for one in every if one.bands]
        found = [
            TextTable(
                f"What winning costs ({self.currency})", ("channel", ">new", *(f">{k}" for k in KINDS), ">each"), costs
            ),
            TextTable(
                "What it brings", ("channel", ">first year", ">against cost", ">ROAS", ">paid back (months)"), returns
            ),
            TextTable("Probability of each band, %", ("channel", *(f">{band}" for band in BANDS)), bands),
        ]
        return [one for one in found if one.rows]

    def figures(self) -> Sequence[FigureSpec]:
        """Value of the first year beside the cost of winning."""
        known = [one for one in self.channels if isinstance(one.cost, Interval)]
        if not known:
            return []
        names = [one.channel for one in known]
        bars = (
            ("cost of winning", [one.cost for one in known]),
            (f"{self.basis_name} of the first year", [one.first_year for one in known]),
        )
        series = [
            Series(name, names, [one.estimate if isinstance(one, Interval) else None for one in values], mark="bar")
            for name, values in bars
        ]
        return [
            FigureSpec("What a customer costs and brings, by channel", "channel", f"{self.currency} a customer", series)
        ]


class Acquisition(Analysis):
    """Cost of winning customers, and what comes of it, by channel.

    Parameters
    ----------
    months:
        Whole months whose spend and new customers are told.
    unsustainable, healthy, underinvesting:
        Edges of the bands: at most, from, above.
    """

    name: ClassVar[str] = "acquisition"
    title: ClassVar[str] = "Does winning customers pay"
    question: ClassVar[str] = "What does a customer cost in each channel, and when is it paid back?"
    reads: ClassVar[Needs] = Needs(("orders", "acquisition_spend"), ("customers", "refunds", "order_lines"))
    methods: ClassVar[tuple[str, ...]] = ("A6", "A7", "A8", "N3")

    months: PositiveCount = 12
    unsustainable: Annotated[float, Field(gt=0)] = 1.0
    healthy: Annotated[float, Field(gt=0)] = 3.0
    underinvesting: Annotated[float, Field(gt=0)] = 5.0

    def statistics(self, data: Engine, as_of: date) -> AcquisitionStatistics:
        """Spend and first orders of whole months."""
        money = money_of(data, as_of)
        last = last_whole_month(as_of)
        rows = purchases(data, as_of, money.basis)
        channel = ibis.literal(UNKNOWN)
        if data.has("customers", "acquisition_channel"):
            known = data.known("customers", as_of).select(who="customer_id", told="acquisition_channel")
            rows = rows.left_join(known, rows.customer_id == known.who)
            channel = rows.told.coalesce(UNKNOWN)
        rows = rows.mutate(channel=channel)
        return AcquisitionStatistics(
            as_of, money, _spend(data, as_of, last), _won(data, rows, as_of), _ages(data, rows, last)
        )

    def analyze(self, statistics: AcquisitionStatistics) -> AcquisitionResult:
        """Each channel by itself, and all."""
        known = statistics
        last = last_whole_month(known.as_of)
        whole = self._channel("all", known, None, last)
        names = sorted(set(known.spend.index.get_level_values(0)) - {UNKNOWN})
        each = [self._channel(name, known, name, last) for name in names]
        each.sort(key=lambda one: (one.ratio.estimate if isinstance(one.ratio, Interval) else np.inf, one.channel))
        pays: Measured = whole.ratio
        if isinstance(pays, Interval):
            pays = exactly(1 - whole.bands["unsustainable"])
        kpis = (
            Kpi(
                COST, whole.cost, "money", "methods A6", "win customers where they cost less than they bring in a year"
            ),
            Kpi(
                RATIO,
                whole.ratio,
                "ratio",
                "methods A7",
                "below 3 earn more of a customer first; above 5 win more of them",
            ),
            Kpi(PAYS, pays, "share", "methods A7", "do not raise spend before this is close to certain"),
            Kpi(
                ROAS,
                whole.roas,
                "ratio",
                "methods A8",
                "never steer by it alone: it leaves out goods, parcels and support",
            ),
            Kpi(PAYBACK, whole.payback_months, "months", "methods N3", "keep enough cash for so many months of spend"),
        )
        heads = self.heads(known)
        if known.money.basis == "contribution":
            told = "value of the first year and the months until paid back are before costs to serve"
            heads["notes"] = (*heads["notes"], told)
        return AcquisitionResult(**heads, kpis=kpis, whole=whole, channels=tuple(each))

    def _channel(self, name: str, known: AcquisitionStatistics, channel: str | None, last: int) -> ChannelReturn:
        spend, won, ages = (_of(rows, channel) for rows in (known.spend, known.won, known.ages))
        spent = spend[_lately(spend, last, self.months)].sum()
        now = won[_lately(won, last, self.months)].sum()
        customers, total = int(now["customers"]), float(spent.sum())
        nothing = "there is no spend on winning customers"
        cost: Measured = Undefined(nothing if total <= 0 else "nobody was won in these months")
        if total > 0 and customers:
            each, half = total / customers, Z / customers**0.5
            cost = Interval(each, each / (1 + half), each / max(1 - half, 0.05))
        every = won.sum()
        first = mean_of(
            int(every["mature"]),
            float(every["first"]),
            float(every["first_squares"]),
            "the first year of too few is over",
        )
        ratio, bands = self._ratio(first, cost)
        left: Measured = Undefined(nothing)
        if isinstance(cost, Interval) and customers > 1:
            mean = mean_of(customers, float(now["value"]), float(now["squares"]), nothing)
            if isinstance(mean, Interval):
                left = Interval(*(customers * end - total for end in (mean.estimate, mean.lower, mean.upper)))
        roas: Measured = Undefined(nothing)
        if spent["ads"] > 0 and customers:
            roas = exactly(float(now["revenue"] / spent["ads"]))
        return ChannelReturn(
            name, customers, {kind: float(spent[kind]) for kind in KINDS}, cost, first, ratio, bands, roas, left,
            isinstance(left, Interval) and left.upper < 0 and float(now["revenue"]) > total,
            _payback(ages, spend, won, last),
        )  # fmt: skip

    def _ratio(self, first: Measured, cost: Measured) -> tuple[Measured, Mapping[str, float]]:
        """First-year value over cost, and the probability of each band, by draws of both."""
        if isinstance(first, Undefined) or isinstance(cost, Undefined):
            return (first if isinstance(first, Undefined) else cost), {}
        draw = np.random.default_rng(0).standard_normal((2, DRAWS))
        value = first.estimate + (first.upper - first.lower) / 2 / Z * draw[0]
        of_cost = cost.estimate * np.exp(np.log(cost.upper / cost.lower) / 2 / Z * draw[1])
        ratios = value / of_cost
        edges = (self.unsustainable, self.healthy, self.underinvesting)
        found = [band_of(float(one), edges) for one in ratios]
        lower, upper = np.quantile(ratios, [0.025, 0.975])
        shares: dict[str, float] = {band: found.count(band) / DRAWS for band in BANDS}
        return Interval(first.estimate / cost.estimate, float(lower), float(upper)), shares


def _of(rows: pd.DataFrame, channel: str | None) -> pd.DataFrame:
    """The rows of one channel, or of all together, without the channel."""
    if channel is not None:
        rows = rows[rows.index.get_level_values(0) == channel]
    levels = list(range(1, rows.index.nlevels))
    return rows.groupby(level=levels if len(levels) > 1 else levels[0]).sum()


def _lately(rows: pd.DataFrame, last: int, months: int) -> Any:
    month = rows.index.get_level_values(0)
    return (month <= last) & (month > last - months)


def _payback(ages: pd.DataFrame, spend: pd.DataFrame, won: pd.DataFrame, last: int) -> Measured:
    """The first age at which cohorts that reached it have brought what they cost."""
    cohorts = [
        month for month in won.index if month in spend.index and month <= last and won.loc[month, "customers"] > 0
    ]
    if not cohorts:
        return Undefined("there is no month with both spend and new customers")
    upto = 0
    for age in range(last - min(cohorts) + 1):
        reached = [month for month in cohorts if month + age <= last]
        own = ages[ages.index.get_level_values(0).isin(reached) & (ages.index.get_level_values(1) <= age)]
        if float(own["value"].sum()) >= float(spend.loc[reached].to_numpy().sum()):
            return exactly(float(age))
        upto = age
    return Undefined(f"not paid back after {upto} months")


def _spend(data: Engine, as_of: date, last: int) -> pd.DataFrame:
    index = pd.MultiIndex.from_arrays([[], []], names=["channel", "month"])
    empty = pd.DataFrame(columns=list(KINDS), index=index, dtype="float64")
    if not data.has("acquisition_spend"):
        return empty
    rows = data.known("acquisition_spend", as_of)
    kind = rows.cost_kind.coalesce("ads") if "cost_kind" in rows.columns else ibis.literal("ads")
    rows = rows.select("channel", month=month_number(rows["date"].date()), kind=kind, spend=micro(rows.spend))
    rows = rows.filter(rows.month <= last)
    sums = rows.group_by("channel", "month").agg(
        ads=as_int64(if_true(~rows.kind.isin(["people", "tools"]), rows.spend).sum()).coalesce(0),
        **{one: as_int64(if_true(rows.kind == one, rows.spend).sum()).coalesce(0) for one in ("people", "tools")},
    )
    return _indexed(data, sums, "month").astype("float64") / MICRO


def _won(data: Engine, rows: Any, as_of: date) -> pd.DataFrame:
    """New customers by channel and month, what they brought to date, and in their first year where it is over."""
    age = cut(as_of).date().delta(rows.day, unit="day") + rows.since_first
    each = rows.mutate(age=age)
    each = each.group_by("channel", "customer_id").agg(
        month=each.first_month.min(), age=each.age.max(), revenue=as_int64(each.left.sum()),
        value=as_int64(each.value.sum()), first=as_int64(if_true(each.since_first < YEAR, each.value).sum()),
    )  # fmt: skip
    if data.has("costs_to_serve"):
        costs = serving_costs(data, as_of)
        costs = costs.group_by(served_customer="customer_id").agg(served=as_int64(costs.cost.sum()))
        each = each.left_join(costs, each.customer_id == costs.served_customer)
        each = each.mutate(value=each.value - each.served.coalesce(0))
    value, first = (each[name].cast("float64") / MICRO for name in ("value", "first"))
    mature = each.age >= YEAR
    sums = each.group_by("channel", "month").agg(
        customers=each.count(), revenue=as_int64(each.revenue.sum()), value=as_int64(each.value.sum()),
        squares=as_int64(micro(value * value).sum()), mature=as_int64(mature.sum()),
        first=as_int64(if_true(mature, each["first"]).sum()).coalesce(0),
        first_squares=as_int64(if_true(mature, micro(first * first)).sum()).coalesce(0),
    )  # fmt: skip
    found = _indexed(data, sums, "month").astype("float64")
    money = ["revenue", "value", "squares", "first", "first_squares"]
    return found.assign(**{name: found[name] / MICRO for name in money})


def _ages(data: Engine, rows: Any, last: int) -> pd.DataFrame:
    rows = rows.filter(rows.month <= last).mutate(age=rows.month - rows.first_month)
    sums = rows.group_by("channel", "first_month", "age").agg(value=as_int64(rows.value.sum()))
    return _indexed(data, sums, "first_month", "age").astype("float64") / MICRO


def _indexed(data: Engine, sums: Any, *levels: str) -> pd.DataFrame:
    found = data.run(sums, index="channel").reset_index()
    found[list(levels)] = found[list(levels)].astype("int64")
    return found.set_index(["channel", *levels]).sort_index()
