"""Where one RFM level or value tier ends and the next begins: cut once, kept with a version."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import date
from typing import Any, Final, Literal

import numpy as np
import pandas as pd

from cvo_ml.config.segments import Cuts, SegmentPolicy
from cvo_ml.core.arrays import Floats
from cvo_ml.core.errors import ContractError
from cvo_ml.core.result import Json, Result
from cvo_ml.registry.bundles.bundle import Bundle
from cvo_ml.segments.rules.custom_groups import box_table
from cvo_ml.segments.rules.groups import group_table

TierBasis = Literal["revenue", "margin"]

#: What a customer is scored by: days, orders, money less the refunds known.
MEASURES: Final = ("days_since_last_order", "number_of_orders", "net_value")
#: The first scale, the second and the third, by number of customers with an order (methods B2).
SCALE_LIMITS: Final = ((30_000, 3), (200_001, 4))

#: How edges are called that somebody declared.
FIXED: Final = "fixed"


@dataclass(frozen=True)
class EdgeOrigin(Result):
    """What edges were cut from.

    Parameters
    ----------
    cut_as_of:
        The date whose customers they were cut from.
    policy:
        What of the policy decides the edges (``SegmentPolicy.cutting``).
    """

    shop: str
    currency: str
    cut_as_of: date
    customers: int
    policy: Json


@dataclass(frozen=True)
class SegmentEdges(Result):
    """Inner edges of each dimension, ascending, and the group of every cell. A level ends at its edge.

    Parameters
    ----------
    recency_days:
        scale - 1 edges; at most the first = best level.
    frequency:
        scale - 1 edges; the first is at least 1, so that one order scores 1.
    monetary:
        scale - 1 edges of the value so far, at least 0.
    tiers:
        Lower edge of the value of each tier but the last, descending, above 0.
    tier_basis:
        Which value the tiers hold: ``margin`` where every order has its cost, else ``revenue``.
    vocabulary:
        Whose names: klaviyo, reveal or own.
    groups:
        The group of each cell in the order 111, 112, …
    methods:
        How recency, frequency and monetary were cut.
    """

    scale: int
    recency_days: tuple[float, ...]
    frequency: tuple[float, ...]
    monetary: tuple[float, ...]
    tiers: tuple[float, ...]
    tier_names: tuple[str, ...]
    tier_basis: TierBasis
    vocabulary: str
    groups: tuple[str, ...]
    methods: tuple[str, str, str]

    @property
    def version(self) -> str:
        """A prefix of the hash of the edges."""
        return self.bundle().version

    @classmethod
    def from_json(cls, values: Mapping[str, Json]) -> SegmentEdges:
        """Rebuild from what ``to_json`` gave.

        Raises
        ------
        TypeError
            If a field is missing or unknown.
        """
        fields: dict[str, Any] = {
            name: tuple(value) if isinstance(value, list) else value for name, value in values.items()
        }
        return cls(**fields)

    def bundle(self, origin: EdgeOrigin | None = None) -> Bundle:
        """The edges as a bundle to store, with what they were cut from."""
        return Bundle("segments", "segments.edges", self.to_json(), facts=origin.to_json() if origin else {})


def choose_scale(buyers: int) -> int:
    """Levels by number of customers with at least one order: 3 below 30,000, 4 to 200,000, 5 above (methods B2).

    Examples
    --------
    >>> [choose_scale(buyers) for buyers in (29_999, 30_000, 200_000, 200_001)]
    [3, 4, 4, 5]
    """
    return next((scale for limit, scale in SCALE_LIMITS if buyers < limit), 5)


def fit_edges(rfm: pd.DataFrame, policy: SegmentPolicy) -> SegmentEdges:
    """Cut edges from customers with at least one order.

    Parameters
    ----------
    rfm:
        ``days_since_last_order, number_of_orders, net_value``, one row per customer; with ``mean_gap_days`` for
        gap multiples and ``margin`` for tiers by margin, where known.

    Raises
    ------
    ContractError
        If a measure is missing or null.
    ConfigError
        If a group of the policy gets no cell.
    """
    recency, orders, value = measures(rfm)
    scale = policy.declared_scale or choose_scale(len(rfm))
    basis: TierBasis = "margin" if "margin" in rfm else "revenue"
    recency_days, recency_method = _recency(rfm, recency, policy.recency, scale)
    return SegmentEdges(
        scale=scale,
        recency_days=recency_days,
        frequency=_frequency(orders, policy.frequency, scale),
        # a total of 0 or less scores 1, whatever the others brought
        monetary=tuple(max(edge, 0.0) for edge in _cut_or_declared(value, policy.monetary, scale)),
        tiers=_tiers(tier_values(rfm, basis), policy),
        tier_names=tuple(tier.name for tier in policy.tiers),
        tier_basis=basis,
        vocabulary=policy.vocabulary,
        groups=box_table(policy.groups, scale).groups
        if policy.vocabulary == "own"
        else group_table(scale=scale, vocabulary=policy.vocabulary),
        methods=(recency_method, policy.frequency.method, policy.monetary.method),
    )


def measures(rfm: pd.DataFrame) -> tuple[Floats, Floats, Floats]:
    """Days since the last order, orders, and money of each customer.

    Raises
    ------
    ContractError
        If a column is missing, or holds nulls.
    """
    return _finite(rfm, MEASURES[0]), _finite(rfm, MEASURES[1]), _finite(rfm, MEASURES[2])


def tier_values(rfm: pd.DataFrame, basis: TierBasis) -> Floats:
    """The value that tiers hold: margin so far, or revenue so far where costs are not known."""
    return _finite(rfm, "margin" if basis == "margin" else "net_value")


def cut(values: Floats, shares: Sequence[float] | Floats) -> tuple[float, ...]:
    """Edges that leave the share of the values at or below them, as nearly as ties allow.

    Values that are equal stay together, on the side that holds the middle of their block: of customers who are all
    equal, every one gets the middle level.

    Parameters
    ----------
    values:
        (n,), in any order.
    shares:
        Ascending, in (0, 1).

    Examples
    --------
    >>> cut(np.array([1.0, 2.0, 3.0, 4.0, 5.0, 6.0]), [1 / 3, 2 / 3])
    (2.0, 4.0)
    >>> cut(np.array([1.0, 1.0, 1.0, 1.0, 5.0, 6.0]), [1 / 3, 2 / 3])
    (1.0, 1.0)
    """
    if len(values) == 0:
        return tuple(0.0 for _ in shares)
    distinct, counts = np.unique(values, return_counts=True)
    middle = (np.cumsum(counts) - counts / 2) / len(values)
    below = np.searchsorted(middle, np.asarray(shares, dtype=np.float64), side="right")
    return tuple(float(distinct[k - 1]) if k else float(np.nextafter(distinct[0], -np.inf)) for k in below)


def typical_gap(rfm: pd.DataFrame) -> float:
    """Median over repeat customers of their average days between orders (methods B8); NaN without any."""
    gaps = rfm["mean_gap_days"].dropna() if "mean_gap_days" in rfm else pd.Series(dtype=float)
    return float(gaps.median()) if len(gaps) else float("nan")


def _finite(rfm: pd.DataFrame, name: str) -> Floats:
    if name not in rfm:
        raise ContractError("is missing", f"give {', '.join(MEASURES)}", file="table rfm", column=name)
    column = rfm[name].to_numpy(dtype=np.float64)
    is_finite = np.isfinite(column)
    if not is_finite.all():
        rows = np.flatnonzero(~is_finite)
        raise ContractError(
            "holds nulls or infinities", "leave out customers without an order", file="table rfm", column=name,
            count=len(rows), first_rows=(rows[:3] + 1).tolist(),
        )  # fmt: skip
    return column


def _recency(rfm: pd.DataFrame, days: Floats, cuts: Cuts, scale: int) -> tuple[tuple[float, ...], str]:
    if cuts.method == FIXED:
        return cuts.at, FIXED
    if cuts.method == "gap_multiple":
        gap = typical_gap(rfm)
        if gap > 0:
            return tuple(gap * multiple for multiple in cuts.at), f"gap_multiple of {gap:.1f} days"
        return cut(days, _shares(scale)), "quantile: nobody came back on a later day, so there is no gap"
    return cut(days, _shares(scale)), "quantile"


def _frequency(orders: Floats, cuts: Cuts, scale: int) -> tuple[float, ...]:
    if cuts.method == FIXED:
        return _begins_at(cuts.at)
    repeat = orders[orders >= 2]
    if len(repeat) == 0:
        # until somebody comes back, each further order is a level
        return tuple(float(level) for level in range(1, scale))
    # quantiles over repeat buyers only: one-time buyers dominate and would swallow the edges
    return (1.0, *cut(repeat, _shares(scale - 1)))


def _cut_or_declared(values: Floats, cuts: Cuts, scale: int) -> tuple[float, ...]:
    return _begins_at(cuts.at) if cuts.method == FIXED else cut(values, _shares(scale))


def _tiers(values: Floats, policy: SegmentPolicy) -> tuple[float, ...]:
    shares = np.cumsum([tier.share for tier in policy.tiers])[:-1]
    # from the top, so that it is the best tier that holds its share; nobody enters one who brought nothing
    return tuple(max(-edge, float(np.nextafter(0.0, 1.0))) for edge in cut(-values, shares))


def _shares(parts: int) -> Floats:
    return np.linspace(0, 1, parts + 1)[1:-1]


def _begins_at(starts: Sequence[float]) -> tuple[float, ...]:
    """Edges of levels that begin at ``starts``: the last number before each."""
    return tuple(float(np.nextafter(start, -np.inf)) for start in starts)
