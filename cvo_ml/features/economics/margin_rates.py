"""The margin rate of each customer: their own, as far as it can be believed, else that of others like them.

A rate is contribution over net of the customer's orders, before costs to serve. One order says little: it is shrunk
to the mean of the customer's main category within their acquisition channel, that to the channel's, that to the
shop's (Bühlmann & Straub 1970; the formula is in ``cvo_ml.stats.credibility``)::

    rate = Z x own + (1 - Z) x group,    Z = net / (net + within / between)

``within`` is how much orders of one customer differ (per unit of net), ``between`` how much customers of one group do.
A rate may be negative: a loss-maker is one.
"""

from __future__ import annotations

from dataclasses import dataclass
from datetime import date
from typing import Any, Final

import ibis
import numpy as np
import pandas as pd

from cvo_ml.core.arrays import Floats
from cvo_ml.core.result import Result
from cvo_ml.core.units import parse_as_of
from cvo_ml.features.economics.orders import order_money
from cvo_ml.features.engine import Engine, Source, engine
from cvo_ml.features.integer_sums import MICRO, as_int64, micro
from cvo_ml.stats.credibility import shrink, within_variance

#: The groups that a rate is shrunk to, nearest first.
GROUPS: Final = ("category", "acquisition_channel", "shop")


@dataclass(frozen=True)
class MarginRates(Result):
    """Rates of all customers, and what they were shrunk by.

    Parameters
    ----------
    customers:
        Indexed by customer_id: ``own_rate`` (NaN without net), ``net``, ``credibility``, ``group_rate`` and
        ``margin_rate``.
    shop:
        The shop's own rate; NaN where no cost is known.
    within, between:
        Variances; ``between`` by the name of the group around whose mean it is.
    """

    customers: pd.DataFrame
    shop: float
    within: float
    between: dict[str, float]


def margin_rates(source: Source, as_of: str | date) -> MarginRates:
    """The margin rate of every customer with an order whose cost is known at ``as_of``."""
    with engine(source) as opened:
        day = parse_as_of(as_of)
        rows = opened.run(_statistics(opened, day))
        groups = _groups(opened, day, rows.index)
    net, own = rows["net"].to_numpy(np.float64) / MICRO, rows["contribution"].to_numpy(np.float64) / MICRO
    with np.errstate(invalid="ignore", divide="ignore"):
        means = np.where(net > 0, own / net, np.nan)
    squares = rows["squares"].to_numpy(np.float64) / MICRO - np.where(net > 0, own * np.nan_to_num(means), 0.0)
    within = within_variance(np.maximum(squares, 0.0), rows["orders"].to_numpy(np.float64))
    return _shrunk(rows.index, net, means, within, groups)


def _shrunk(
    customers: pd.Index, weights: Floats, means: Floats, within: float, groups: list[np.ndarray]
) -> MarginRates:
    """Up through the groups, then down again: each level believed as far as it goes."""
    levels, variance, between = [], within, {}
    w, x = weights, means
    for name, places in zip(GROUPS, groups, strict=True):
        level = shrink(w, np.nan_to_num(x), variance, places, int(places.max(initial=-1)) + 1)
        between[name] = level.between
        levels.append((level, places, x))
        # the law of a group's credible mean: its units' variance over the sum of their credibilities
        w, x, variance = level.weights, level.means, level.between if level.between > 0 else variance
    above = levels[-1][0].means
    for level, places, own in reversed(levels):
        group = above[places]
        z = level.credibility
        above = np.where(z > 0, z * np.nan_to_num(own) + (1 - z) * group, group)
        nearest, credibility = group, z
    found = pd.DataFrame(
        {"own_rate": means, "net": weights, "credibility": credibility, "group_rate": nearest, "margin_rate": above},
        index=customers,
    )
    shop = levels[-1][0].means
    return MarginRates(found, float(shop[0]) if len(shop) else float("nan"), within, between)


def _statistics(opened: Engine, day: date) -> Any:
    """Per customer: net and contribution of priced purchases, and the sum of contribution^2 / net."""
    rows = order_money(opened, day)
    rows = rows.filter(rows.is_purchase, rows.cost_known, rows.left > 0)
    square = (rows.contribution.cast("float64") * rows.contribution / rows.left).round().cast("int64")
    return rows.group_by("customer_id").agg(
        orders=rows.count(),
        net=as_int64(rows.left.sum()),
        contribution=as_int64(rows.contribution.sum()),
        squares=as_int64(square.sum()),
    )


def _groups(opened: Engine, day: date, customers: pd.Index) -> list[np.ndarray]:
    """For each of ``GROUPS`` the place of every unit's group: of customers, of categories in channels, of channels."""
    category = _main_category(opened, day).reindex(customers).fillna("")
    channel = _channel(opened, day).reindex(customers).fillna("")
    cells = pd.MultiIndex.from_arrays([channel, category])
    cell, kinds = pd.factorize(cells, sort=True)
    of_cell, channels = pd.factorize(kinds.get_level_values(0), sort=True)
    return [cell, of_cell, np.zeros(len(channels), dtype=np.int64)]


def _main_category(opened: Engine, day: date) -> pd.Series:
    """The category that holds most of each customer's lines by value; the first by name of equals."""
    if not opened.has("order_lines", "category"):
        return pd.Series(dtype="str")
    lines = opened.known("order_lines", day)
    lines = lines.filter(lines.category.notnull())
    if "net" in lines.columns:
        value = micro(lines.net)
    else:
        value = micro(lines.quantity * lines.unit_price) if "unit_price" in lines.columns else micro(lines.quantity)
    lines = lines.select("category", line_order="order_id", value=value.coalesce(0))
    orders = order_money(opened, day)
    orders = orders.filter(orders.is_purchase).select("order_id", "customer_id")
    rows = lines.inner_join(orders, lines.line_order == orders.order_id)
    rows = rows.group_by("customer_id", "category").agg(value=as_int64(rows.value.sum()))
    place = ibis.row_number().over(ibis.window(group_by=rows.customer_id, order_by=[rows.value.desc(), rows.category]))
    rows = rows.mutate(place=place)
    return opened.run(rows.filter(rows.place == 0).select("customer_id", "category"))["category"]


def _channel(opened: Engine, day: date) -> pd.Series:
    if not opened.has("customers", "acquisition_channel"):
        return pd.Series(dtype="str")
    rows = opened.known("customers", day)
    return opened.run(rows.select("customer_id", "acquisition_channel"))["acquisition_channel"]
