"""What each group is like, sizes, money and behaviour with intervals; and how much a few customers hold."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Any, Final, Literal

import numpy as np
import pandas as pd
from scipy.stats import t as student

from cvo_ml.core.arrays import Floats
from cvo_ml.core.result import Json, Result
from cvo_ml.segments.rules.edges import TierBasis, tier_values
from cvo_ml.stats.concentration import smallest_share
from cvo_ml.stats.intervals import Interval, bootstrap, wilson
from cvo_ml.stats.ranking import capture, gini

Base = Literal["repeat", "all"]

LEVEL: Final = 0.95
#: What is described where it is known: name to whether it is money, whose sum matters too.
DESCRIBED: Final[Mapping[str, bool]] = {
    "net_value": True,
    "margin": True,
    "predicted_clv": True,
    "number_of_orders": False,
    "days_since_last_order": False,
    "churn_probability": False,
    "p_alive": False,
}
REPLICATES: Final = 200
#: Of more customers the interval is narrower than the digits shown, and drawing it takes long.
MOST_DRAWN: Final = 100_000


@dataclass(frozen=True)
class TwoDefinitions(Result):
    """Customers by the two definitions of "About to dump you": the group's cells, and 180 days of silence."""

    in_group: int
    in_group_within_180_days: int
    elsewhere_after_180_days: int


@dataclass(frozen=True)
class ParetoShares(Result):
    """How concentrated the money is, with bootstrap intervals (NaN bounds above 100,000 customers).

    Parameters
    ----------
    customers_for_80:
        The smallest share of the customers with 80 % of the money.
    top_20_holds:
        The share of the money that the top 20 % of the customers hold.
    """

    customers_for_80: Interval
    top_20_holds: Interval
    gini: Interval


@dataclass(frozen=True)
class Concentration(Result):
    """Whether a few customers bring most of the money.

    Parameters
    ----------
    base:
        Whose money: of repeat customers, or of all.
    shares:
        None where nobody counts or the total is not positive; ``reason`` then says so.
    """

    base: Base
    measure: TierBasis
    customers: int
    total: float
    shares: ParetoShares | None
    reason: str = ""

    def to_json(self) -> dict[str, Json]:
        """The shares beside the other fields, or the reason."""
        fields = super().to_json()
        named = {name: fields[name] for name in ("base", "measure", "customers", "total")}
        return {**named, "reason": self.reason} if self.shares is None else {**named, **self.shares.to_json()}


def profiles(customers: pd.DataFrame, by: str) -> pd.DataFrame:
    """One row per group.

    Parameters
    ----------
    customers:
        One row per customer with the group in ``by`` and any of ``DESCRIBED``; customers without a group are left out.

    Returns
    -------
    pandas.DataFrame
        By group, most customers first: ``customers``, ``share`` with ``share_lower, share_upper`` (Wilson, 95 %); for
        each described column its mean with ``_lower, _upper`` (Student, 95 %; null for fewer than two values), and for
        money its ``_total``.
    """
    known = customers[customers[by].notna()]
    grouped = known.groupby(known[by].astype("str"))
    table = pd.DataFrame({"customers": grouped.size()})
    shares = [wilson(int(count), len(known)) for count in table["customers"]]
    table["share"] = [share.estimate for share in shares]
    table["share_lower"] = [share.lower for share in shares]
    table["share_upper"] = [share.upper for share in shares]
    for name, is_money in DESCRIBED.items():
        if name in known and known[name].notna().any():
            interval = mean_interval(grouped[name])
            table[name] = interval["mean"]
            table[f"{name}_lower"], table[f"{name}_upper"] = interval["lower"], interval["upper"]
            if is_money:
                table[f"{name}_total"] = grouped[name].sum()
    return table.rename_axis(by).sort_values("customers", ascending=False, kind="stable")


def mean_interval(grouped: Any) -> pd.DataFrame:
    """``mean, lower, upper`` of each group: Student's 95 % interval of the mean, null for fewer than two values."""
    counted, mean, deviation = grouped.count(), grouped.mean(), grouped.std()
    freedom = (counted - 1).where(counted > 1)
    half = student.ppf(0.5 + LEVEL / 2, freedom) * deviation / np.sqrt(counted)
    return pd.DataFrame({"mean": mean, "lower": mean - half, "upper": mean + half})


def two_definitions(groups: pd.Series, days_since_last_order: pd.Series) -> TwoDefinitions | None:
    """How "About to dump you" and "last order more than 6 months ago" disagree; None where nobody is in the group.

    The sources give both definitions (methods B7); recency 3 that begins at 180 days makes them one.
    """
    inside = groups == "About to dump you"
    if not inside.any():
        return None
    late = days_since_last_order.reindex(groups.index) > 180
    return TwoDefinitions(int(inside.sum()), int((inside & ~late).sum()), int((late & ~inside).sum()))


def pareto(rfm: pd.DataFrame, basis: TierBasis, base: Base = "repeat") -> Concentration:
    """The smallest share of customers with 80 % of the money, the share of the top 20 %, and the Gini (methods A11).

    Parameters
    ----------
    rfm:
        ``number_of_orders, net_value``, and ``margin`` where that is the basis.
    base:
        Repeat customers, as in "20 % of their repeat customers bring 80 % of their margin", or all.

    Examples
    --------
    >>> table = pd.DataFrame({"number_of_orders": [2, 2, 3, 2, 9, 1], "net_value": [80.0, 10, 5, 3, 2, 900]})
    >>> pareto(table, "revenue").shares.customers_for_80.estimate
    0.2
    """
    counted = rfm[rfm["number_of_orders"] >= 2] if base == "repeat" else rfm
    value = tier_values(counted, basis)
    customers, total = len(value), float(value.sum())
    if customers == 0:
        return Concentration(base, basis, customers, total, None, f"no {'repeat ' * (base == 'repeat')}customers")
    if not total > 0:
        return Concentration(base, basis, customers, total, None, "the total is not positive")
    shares = ParetoShares(
        customers_for_80=_interval(value, smallest_share),
        top_20_holds=_interval(value, lambda drawn: capture(drawn, drawn, 0.2)),
        gini=_interval(value, gini),
    )
    return Concentration(base, basis, customers, total, shares)


def _interval(value: Floats, statistic: Callable[[Floats], float]) -> Interval:
    if len(value) > MOST_DRAWN:
        return Interval(statistic(value), float("nan"), float("nan"))
    return bootstrap(lambda rows: statistic(value[rows]), len(value), replicates=REPLICATES)
