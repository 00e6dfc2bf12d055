"""Do first-time buyers come back: the second order by campaign, channel and first product.

The share who order again within so many days is one less Kaplan and Meier's curve, so that customers of last week, who
have not had the time, neither count as lost nor are left out. A member is told beside everybody else at
``compared_days``; it is called better or worse only where the difference is no chance, adjusted for how many were
asked about (Benjamini & Hochberg 1995). The order of the tables is by shares shrunk to the whole as far as few
customers tell little (``cvo_ml.stats.credibility``).
"""

from __future__ import annotations

import math
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from datetime import date
from typing import Any, ClassVar, Final, Literal

import ibis
import numpy as np
import pandas as pd
from scipy.stats import norm

from cvo_ml.config.base import Days, PositiveCount
from cvo_ml.core.blocks import TextTable
from cvo_ml.core.figures import FigureSpec, Series
from cvo_ml.core.result import Result
from cvo_ml.features.engine import Engine, cut
from cvo_ml.features.integer_sums import as_int64, if_true
from cvo_ml.stats.credibility import shrink
from cvo_ml.stats.intervals import Interval, Z
from cvo_ml.stats.multiple_testing import benjamini_hochberg
from cvo_ml.stats.survival import SurvivalCurve, kaplan_meier
from cvo_ml.value.analysis import Analysis, AnalysisResult, Needs, Statistics, money_of
from cvo_ml.value.measures import Kpi, Measured, Undefined, shown
from cvo_ml.value.purchases import purchases

HORIZONS: Final = (30, 60, 90, 180, 365)
ALL: Final = "all"
#: Fields of customers by which new ones are told apart.
FIELDS: Final = {"campaign": "acquisition_campaign", "acquisition channel": "acquisition_channel"}
PRODUCT: Final = "first product"
#: Of the members called better or worse at most this share is expected to be so by chance.
FALSE_SHARE: Final = 0.05


def second_order(days: int) -> str:
    """The name of the key figure."""
    return f"second order within {days} days"


@dataclass(frozen=True)
class NewCustomerStatistics(Statistics):
    """Of every member of every dimension, indexed by (dimension, member, day since the first order).

    Parameters
    ----------
    counts:
        ``second``: the second order came on that day; ``watched``: none has come until then, and no more is known.
    """

    counts: pd.DataFrame


@dataclass(frozen=True)
class Beginners(Result):
    """The customers who began with one campaign, channel or product.

    Parameters
    ----------
    second:
        By horizon in days, the share who ordered again within it.
    others:
        The share of everybody else at the compared horizon.
    verdict:
        Against the others: only where it is no chance.
    """

    dimension: str
    name: str
    customers: int
    second: dict[str, Measured]
    others: Measured
    shrunk: float
    verdict: Literal["more", "fewer", "not told apart"]


@dataclass(frozen=True)
class NewCustomersResult(AnalysisResult):
    """Second orders of all new customers, and of each way to begin."""

    customers: int
    compared_days: int
    curve: SurvivalCurve
    members: tuple[Beginners, ...]
    most: int

    def sentences(self) -> Sequence[str]:
        """How many come back, who began badly or well, and what to do."""
        main = self.kpi(second_order(self.compared_days)) if self.compared_days in HORIZONS else self.kpis[2]
        if isinstance(main.value, Undefined):
            return [f"Nothing can be said of second orders: {main.value.reason}."]
        said = [f"{self.shown(main)} of new customers order again within {main.name.split()[-2]} days."]
        fewer = [one for one in self.members if one.verdict == "fewer"]
        more = [one for one in reversed(self.members) if one.verdict == "more"]
        for found, what in ((fewer, "fewer"), (more, "more")):
            if found:
                said.append(f"Surely {what} come back after {_named(found, self.compared_days)}.")
        if fewer:
            first = fewer[0]
            todo = f"find out what is wrong with {first.dimension} {first.name} before spending more on it"
        else:
            todo = main.action
        return [*said, f"What to do: {todo}."]

    def tables(self) -> Sequence[TextTable]:
        """Each dimension, the worst first."""
        found = []
        columns = ("member", ">customers", *(f">{days} d" for days in HORIZONS), "against others")
        for dimension in dict.fromkeys(one.dimension for one in self.members):
            own = [one for one in self.members if one.dimension == dimension]
            half = max(self.most // 2, 1)
            ends = own if len(own) <= self.most else [*own[:half], *own[-half:]]
            rest = "" if len(ends) == len(own) else f" ({half} worst, {half} best of {len(own)})"
            rows = [
                (one.name, f"{one.customers:,}", *(_short(one.second[str(days)]) for days in HORIZONS), one.verdict)
                for one in ends
            ]
            found.append(TextTable(f"% who order again, by {dimension}{rest}", columns, rows))
        return found

    def figures(self) -> Sequence[FigureSpec]:
        """The share who have ordered again, by days since the first order."""
        if not self.curve.times:
            return []
        days = [0.0, *self.curve.times]
        parts = ((ALL, self.curve.survival), ("lower end", self.curve.upper), ("upper end", self.curve.lower))
        lines = [
            Series(name, days, [0.0, *(100 * (1 - left) for left in values)], "model" if name == ALL else "baseline")
            for name, values in parts
        ]
        return [
            FigureSpec("New customers who have ordered again", "days since the first order", "% of customers", lines)
        ]


class NewCustomers(Analysis):
    """The second order of new customers by how they began.

    Parameters
    ----------
    compared_days:
        Where members are told beside the others.
    least:
        Customers below which a member is no evidence and is not told.
    most:
        Rows of a table.
    """

    name: ClassVar[str] = "new_customers"
    title: ClassVar[str] = "Do new customers come back"
    question: ClassVar[str] = "How many first-time buyers order again, after which campaigns and first products?"
    reads: ClassVar[Needs] = Needs(("orders",), ("refunds", "customers", "order_lines"))
    methods: ClassVar[tuple[str, ...]] = ("B12", "C4")
    additive: ClassVar[bool] = True

    compared_days: Days = 90
    least: PositiveCount = 30
    most: PositiveCount = 10

    def statistics(self, data: Engine, as_of: date) -> NewCustomerStatistics:
        """Counts by member and day of the second order."""
        money = money_of(data, as_of)
        rows = purchases(data, as_of, "revenue")
        two = rows.filter(rows.place <= 1)
        people = two.group_by("customer_id").agg(
            second_day=if_true(two.place == 1, two.since_first).max(), first_day=two.day.min(),
            first_order=if_true(two.place == 0, two.order_id).max(),
        )  # fmt: skip
        age = cut(as_of).date().delta(people.first_day, unit="day") - 1  # the last day that was seen whole
        people = people.mutate(day=people.second_day.coalesce(age).cast("int64"), again=people.second_day.notnull())
        parts = [_counts(data, people.mutate(member=ibis.literal(ALL)), ALL)]
        parts += [_counts(data, rows, dimension) for dimension, rows in _began(data, as_of, people)]
        return NewCustomerStatistics(as_of, money, pd.concat(parts).sort_index().astype("int64"))

    def analyze(self, statistics: NewCustomerStatistics) -> NewCustomersResult:
        """Curves of all and of each member against the others."""
        counts = statistics.counts
        whole = counts[counts.index.get_level_values(0) == ALL].droplevel([0, 1])
        curve = _curve(whole)
        actions = {
            30: "send what they bought for a start: how to use it, in the first weeks",
            60: "remind of what is used up by then",
            90: "make the first offer before this day to who has not come back",
            180: "change the offer: what was sent so far did not bring them back",
            365: "leave who has not come back by now out of costly contacts",
        }
        kpis = tuple(
            Kpi(second_order(days), _within(curve, days), "share", "methods C4", actions[days]) for days in HORIZONS
        )
        heads = self.heads(statistics)
        heads["notes"] = (
            *heads["notes"],
            "who begins with a campaign or a product may be another kind of customer: test it",
        )
        return NewCustomersResult(
            **heads, kpis=kpis, customers=curve.watched, compared_days=self.compared_days, curve=curve,
            members=self._members(counts, whole), most=self.most,
        )  # fmt: skip

    def _members(self, counts: pd.DataFrame, whole: pd.DataFrame) -> tuple[Beginners, ...]:
        found = []
        for (dimension, member), own in counts.groupby(level=[0, 1]):
            if dimension == ALL or (size := int(own.to_numpy().sum())) < self.least:
                continue
            mine = own.droplevel([0, 1])
            rest = whole.sub(mine, fill_value=0)
            curve, others = _curve(mine), _curve(rest)
            second = {str(days): _within(curve, days) for days in HORIZONS}
            at, beside = _within(curve, self.compared_days), _within(others, self.compared_days)
            found.append((str(dimension), str(member), size, second, at, beside, _p_value(at, beside)))
        sure = (benjamini_hochberg(np.array([row[-1] for row in found], dtype=np.float64)) <= FALSE_SHARE).tolist()
        every = [row[4].estimate if isinstance(row[4], Interval) else math.nan for row in found]
        shrunk = _shrunk([row[0] for row in found], [row[2] for row in found], every)
        made = [
            Beginners(dimension, member, size, second, beside, to, _verdict(bool(certain), at, beside))
            for (dimension, member, size, second, at, beside, _), certain, to in zip(found, sure, shrunk, strict=True)
        ]
        plain = {(row[0], row[1]): share for row, share in zip(found, every, strict=True)}
        # where nothing is told apart all are shrunk to one share: then by their own
        return tuple(
            sorted(made, key=lambda one: (one.dimension, one.shrunk, plain[one.dimension, one.name], one.name))
        )


def _began(data: Engine, as_of: date, people: Any) -> Iterator[tuple[str, Any]]:
    """Customers by how they began: rows of member, day, again."""
    for dimension, column in FIELDS.items():
        if data.has("customers", column):
            known = data.known("customers", as_of).select(who="customer_id", member=column)
            known = known.filter(known.member.notnull())
            yield dimension, people.inner_join(known, people.customer_id == known.who)
    if data.has("order_lines"):
        lines = data.known("order_lines", as_of).select(of_order="order_id", member="product_id").distinct()
        yield PRODUCT, people.inner_join(lines, people.first_order == lines.of_order)


def _counts(data: Engine, rows: Any, dimension: str) -> pd.DataFrame:
    sums = rows.group_by("member", "day").agg(second=as_int64(rows.again.sum()), watched=as_int64((~rows.again).sum()))
    found = data.run(sums, index="member").reset_index().assign(dimension=dimension)
    found["day"] = found["day"].astype("int64")
    return found.set_index(["dimension", "member", "day"])


def _curve(counts: pd.DataFrame) -> SurvivalCurve:
    kept = counts.sort_index()
    return kaplan_meier(
        kept.index.to_numpy(np.float64), kept["second"].to_numpy(np.float64), kept["watched"].to_numpy(np.float64)
    )


def _within(curve: SurvivalCurve, days: int) -> Measured:
    """One less the share without a second order after ``days``."""
    left = curve.at(days)
    if left is None:
        return Undefined("nobody has bought" if not curve.watched else f"nobody has been a customer for {days} days")
    return Interval(1 - left.estimate, 1 - left.upper, 1 - left.lower)


def _p_value(one: Measured, other: Measured) -> float:
    """Two-sided test of a difference on the scale of log(-log) of what is left; NaN where one is not known."""
    if isinstance(one, Undefined) or isinstance(other, Undefined):
        return math.nan
    parts = []
    for share in (one, other):
        ends = [
            math.log(-math.log(min(max(1 - end, 1e-12), 1 - 1e-12)))
            for end in (share.estimate, share.lower, share.upper)
        ]
        parts.append((ends[0], (ends[2] - ends[1]) / 2 / Z))
    error = math.hypot(parts[0][1], parts[1][1])
    return float(2 * norm.sf(abs(parts[0][0] - parts[1][0]) / error)) if error > 0 else math.nan


def _log_log(left: float) -> float:
    return math.log(-math.log(min(max(left, 1e-12), 1 - 1e-12)))


def _estimate(share: Measured | None) -> float:
    return share.estimate if isinstance(share, Interval) else math.nan


def _shrunk(dimensions: Sequence[str], sizes: Sequence[int], shares: Sequence[float]) -> list[float]:
    """Shares of members shrunk to their dimension's, as far as few customers tell little; as they are if not known."""
    found = list(shares)
    for dimension in dict.fromkeys(dimensions):
        places = [n for n, one in enumerate(dimensions) if one == dimension and math.isfinite(shares[n])]
        if places:
            n, x = np.array([sizes[p] for p in places], dtype=float), np.array([shares[p] for p in places])
            mean = float((n * x).sum() / n.sum())
            level = shrink(n, x, mean * (1 - mean), np.zeros(len(places), dtype=np.int64), 1)
            to = level.credibility * x + (1 - level.credibility) * float(level.means[0])
            for place, share in zip(places, to.tolist(), strict=True):
                found[place] = share
    return found


def _verdict(certain: bool, one: Measured, other: Measured) -> Literal["more", "fewer", "not told apart"]:
    if not certain or isinstance(one, Undefined) or isinstance(other, Undefined):
        return "not told apart"
    return "more" if one.estimate > other.estimate else "fewer"


def _named(found: Sequence[Beginners], days: int) -> str:
    said = []
    for one in found[:3]:
        mine, beside = (_estimate(share) for share in (one.second.get(str(days)), one.others))
        against = f" ({100 * mine:.1f} % against {100 * beside:.1f} %)" if math.isfinite(mine) else ""
        said.append(f"{one.dimension} {one.name}{against}")
    return ", ".join(said) + (f" and {len(found) - 3} more" if len(found) > 3 else "")


def _short(share: Measured) -> str:
    return shown(share.estimate if isinstance(share, Interval) else None, "share").removesuffix(" %")
