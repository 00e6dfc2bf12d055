"""A shop's purchases as plain arrays, one entry an order: what readiness counts, of millions of orders without frames.

Training computes features and labels by expressions that a cluster runs too (``features``); here the few facts that a
verdict rests on are counted by the same definitions, in a fraction of their time. ``tests/readiness/test_purchases.py``
holds the two equal.
"""

# ruff: noqa: S608 (queries of fixed texts and numbers)

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from datetime import date
from functools import cached_property
from typing import TYPE_CHECKING, Any, Final

import numpy as np
import pandas as pd
import pyarrow as pa
import pyarrow.compute as pc
from numpy.typing import NDArray

from cvo_ml.core.arrays import Flags, Floats, Ints
from cvo_ml.core.sessions import table_session
from cvo_ml.core.tables import Tables
from cvo_ml.core.units import Horizon

if TYPE_CHECKING:
    from duckdb import DuckDBPyConnection

MICRO: Final = 1_000_000
#: An order counts as wholly refunded when less than this many millionths are left of it.
CENT: Final = 5_000
DAY: Final = 86_400_000_000  # microseconds
_BATCH: Final = 1 << 18
NEVER: Final = np.iinfo(np.int64).max


@dataclass(frozen=True)
class NamedRefunds:
    """NamedRefunds that name an order: the place of the order, when they were and became known, and millionths."""

    order: Ints
    at: Ints
    known: Ints
    amount: Ints


@dataclass(frozen=True)
class Purchases:
    """The orders of a shop in the order in which they are stored.

    Parameters
    ----------
    customer:
        (n,) a number from 0 for each customer. Customers are told apart by 64 bits of their ids' hash.
    at, known:
        (n,) when an order was placed and became known, microseconds; ``known`` is None where all were at once.
    net:
        (n,) in the shop's currency.
    cost:
        (n,) millionths, NaN where it is not known; None where no order has any.
    tables:
        Where the rest stands that only some questions need.
    """

    customer: Ints
    at: Ints
    known: Ints | None
    net: Floats
    cost: Floats | None
    refunds: NamedRefunds
    tables: Tables
    hashes: Ints

    def __len__(self) -> int:
        return len(self.at)

    @property
    def customers(self) -> int:
        """How many there are."""
        return len(self.hashes)

    @cached_property
    def day(self) -> Ints:
        """(n,) days since 1970."""
        days: Ints = (self.at // DAY).astype(np.int32)
        return days

    def seen(self, as_of: date) -> Flags:
        """(n,) placed before a date, and known by then."""
        cut = moment_of(as_of)
        seen: Flags = self.at < cut
        return seen if self.known is None else seen & (self.known <= cut)

    def kept(self, as_of: date) -> Flags:
        """(n,) seen, and not wholly refunded by what was known then."""
        kept, cut = self.seen(as_of), moment_of(as_of)
        chosen = (self.refunds.at < cut) & (self.refunds.known <= cut)
        orders, back = _summed(self.refunds.order[chosen], self.refunds.amount[chosen])
        kept[orders] &= (back <= 0) | (_micro(self.net[orders]) - back > CENT)
        return kept

    def purchase_days(self, as_of: date, *, kept: bool = False) -> tuple[Ints, Ints]:
        """The different (customer, day) of the orders seen before a date, sorted; of the kept ones only if asked."""
        if self.known is not None or (kept and len(self.refunds.order)):
            return self._days_of(self.kept(as_of) if kept else self.seen(as_of))
        customer, day = self._all_days
        before = day < day_of(as_of)
        return customer[before], day[before]

    @cached_property
    def _all_days(self) -> tuple[Ints, Ints]:
        return self._days_of(np.ones(len(self), dtype=np.bool_))

    def _days_of(self, chosen: Flags) -> tuple[Ints, Ints]:
        if not chosen.any():
            return np.empty(0, np.int64), np.empty(0, np.int64)
        rows = all_or(chosen)
        first = self.day[rows].min()
        customer, day = _sorted_pairs(self.customer[rows], self.day[rows] - first, different=True)
        day += first
        return customer, day

    def first_at(self, chosen: Flags) -> Ints:
        """(customers,) the first moment of each customer's chosen orders; ``NEVER`` where there is none."""
        first, rows = np.full(self.customers, NEVER, dtype=np.int64), all_or(chosen)
        np.minimum.at(first, self.customer[rows], self.at[rows])
        return first


def purchases(tables: Tables) -> Purchases:
    """A shop's orders as arrays; no table becomes a frame for it."""
    with table_session(tables, "orders", "refunds") as connection:
        columns = set(connection.sql("FROM orders").columns)
        values = ["hash(customer_id) AS customer", "epoch_us(ordered_at) AS moment", "CAST(net AS DOUBLE) AS net"]
        values += ["epoch_us(coalesce(known_at, ordered_at)) AS known"] * ("known_at" in columns)
        values += ["CAST(cost AS DOUBLE) AS cost"] * ("cost" in columns)
        found = _arrays(connection, f"SELECT {', '.join(values)} FROM orders")
        refunds = _refunds(connection)
    codes, hashes = pd.factorize(found.pop("customer"))
    cost = np.round(found["cost"] * MICRO) if "cost" in found else None
    customer: Ints = codes.astype(np.int32)
    return Purchases(
        customer, found["moment"], found.get("known"), found["net"], cost, refunds, tables, np.asarray(hashes)
    )


def _arrays(connection: DuckDBPyConnection, query: str) -> dict[str, Any]:
    """The columns of a query, batch by batch into their places: memory that is touched once."""
    ((rows,),) = connection.execute(f"SELECT count(*) FROM ({query})").fetchall()
    reader = connection.sql(query).to_arrow_reader(_BATCH)
    found = {field.name: np.empty(rows, field.type.to_pandas_dtype()) for field in reader.schema}
    start = 0
    for batch in reader:
        for name, column in zip(found, batch.columns, strict=True):
            found[name][start : start + len(column)] = column.to_numpy(zero_copy_only=False)
        start += batch.num_rows
    return found


def _refunds(connection: DuckDBPyConnection) -> NamedRefunds:
    columns = connection.sql("FROM refunds").columns
    known = "coalesce(known_at, refunded_at)" if "known_at" in columns else "refunded_at"
    found = connection.sql(
        f"SELECT order_id, epoch_us(refunded_at) AS moment, epoch_us({known}) AS known, amount FROM refunds "
        "WHERE order_id IS NOT NULL"
    ).to_arrow_table()
    if not len(found):
        none = np.empty(0, np.int64)
        return NamedRefunds(none, none, none, none)
    ids = found["order_id"].combine_chunks()
    place = dict(_places_of(connection, ids.unique()))
    order = np.array([place.get(name, -1) for name in ids.to_pylist()], dtype=np.int64)
    chosen = order >= 0
    return NamedRefunds(
        order[chosen], _numpy(found, "moment")[chosen], _numpy(found, "known")[chosen],
        _micro(_numpy(found, "amount")[chosen]),
    )  # fmt: skip


def _places_of(connection: DuckDBPyConnection, ids: pa.Array) -> Iterator[tuple[str, int]]:
    """Each of the order ids that there are, and the place of its order."""
    start, wanted = 0, ids.cast(pa.string())
    for batch in connection.sql("SELECT order_id FROM orders").to_arrow_reader(_BATCH):
        column = batch.column(0)
        places = np.flatnonzero(pc.is_in(column, value_set=wanted).to_numpy(zero_copy_only=False))
        yield from zip(column.take(pa.array(places)).to_pylist(), (places + start).tolist(), strict=True)
        start += batch.num_rows


def last_window(bought: Purchases, as_of: date, horizon: Horizon) -> tuple[int, int]:
    """Customers eligible to churn before the last window who did not order in it, and who did: training's own labels.

    Who is eligible is read from what was known when the window began, what happened from what is known at its end.
    """
    start = as_of - horizon.delta
    customer, day = bought.purchase_days(start, kept=True)
    ends = np.flatnonzero(np.append(customer[1:] != customer[:-1], True)) if len(customer) else np.empty(0, np.int64)
    since = day_of(start) - day[ends]
    # gone already: silent for more than twice the horizon, and more than three times the own median gap
    longest = np.maximum(3 * np.nan_to_num(_median_gaps(customer, day)), 2 * horizon.days)
    active = np.zeros(bought.customers, dtype=np.bool_)
    active[customer[ends][since <= longest]] = True
    inside = bought.kept(as_of) & (day_of(as_of) - bought.day <= horizon.whole_days)
    came = np.zeros(bought.customers, dtype=np.bool_)
    came[bought.customer[inside]] = True
    stayed = int((active & came).sum())
    return int(active.sum()) - stayed, stayed


def gaps_of(customer: Ints, day: Ints) -> tuple[Ints, Ints]:
    """The customer and the days of each gap between purchase days that stand sorted."""
    same = customer[1:] == customer[:-1]
    return customer[1:][same], (day[1:] - day[:-1])[same]


def _median_gaps(customer: Ints, day: Ints) -> Floats:
    """The median gap of each customer in ``customer``, in order; NaN with one purchase day."""
    owner, gap = gaps_of(customer, day)
    owner, gap = _sorted_pairs(owner, gap)
    known = customer[_changes(customer)]
    begins, count = np.searchsorted(owner, known), np.bincount(np.searchsorted(known, owner), minlength=len(known))
    medians = np.full(len(known), np.nan)
    some = count > 0
    low, high = (begins[some] + (count[some] - odd) // 2 for odd in (1, 0))
    medians[some] = (gap[low] + gap[high]) / 2
    return medians


def value_by_age(bought: Purchases, as_of: date, age: Horizon) -> pd.DataFrame:
    """What each customer had brought ``age`` after the first order, where that lies before ``as_of``.

    Returns
    -------
    As ``features.value_at_age.value_by_age``, in any order and without the customers' names.
    """
    cut, seen = moment_of(as_of), bought.seen(as_of)
    first = bought.first_at(seen)
    end = np.where(first == NEVER, NEVER, first + age.whole_days * DAY * (first != NEVER))
    closed = end <= cut
    inside = np.flatnonzero(seen & (bought.at < np.where(closed, end, -NEVER)[bought.customer]))
    left = _micro(bought.net[inside])
    left -= _back(bought, inside, end, cut)
    counts = left > CENT
    left *= counts
    customer, firsts = bought.customer[inside], np.searchsorted(inside, _first_orders(bought, inside, first))
    sums = dict(zip(("value", "later_value"), _with_later(bought, customer, left, firsts), strict=True))
    if bought.cost is None:
        unpriced, costs = sums["value"] > 0, (np.zeros(bought.customers),) * 2
    else:
        cost = np.where(counts, bought.cost[inside], 0)
        unpriced = _sums(bought, customer, np.isnan(cost)) > 0
        costs = _with_later(bought, customer, np.nan_to_num(cost), firsts)
    for name, values in zip(("cost", "later_cost"), costs, strict=True):
        sums[name] = np.where(unpriced, np.nan, values)
    found = {"first_ordered_at": first[closed].view("datetime64[us]")}
    found |= {name: values[closed] / MICRO for name, values in sums.items()}
    found["serving_cost"] = _serving(bought, first, end, cut)[closed]
    return pd.DataFrame(found, copy=False)


def _with_later(bought: Purchases, customer: Ints, values: Ints | Floats, firsts: Ints) -> tuple[Floats, Floats]:
    """The sums of all orders, and of those but the first; they are whole numbers, so the difference is exact."""
    every = _sums(bought, customer, values)
    return every, every - _sums(bought, customer[firsts], values[firsts])


def _back(bought: Purchases, inside: Ints, end: Ints, cut: int) -> Ints:
    """What of each order was known to be refunded by the end of its customer's window."""
    refunds = bought.refunds
    chosen = (refunds.at < cut) & (refunds.known <= cut)
    chosen &= refunds.known <= end[bought.customer[refunds.order]]
    if not chosen.any():
        return np.zeros(1, dtype=np.int64)
    back = np.zeros(len(bought), dtype=np.int64)
    np.add.at(back, refunds.order[chosen], refunds.amount[chosen])
    return back[inside]


def _first_orders(bought: Purchases, inside: Ints, first: Ints) -> Ints:
    """The place of each customer's first order; of several at one moment that of the least order id."""
    candidates = inside[bought.at[inside] == first[bought.customer[inside]]]
    tied = np.bincount(bought.customer[candidates], minlength=1)[bought.customer[candidates]] > 1
    alone, among = candidates[~tied], candidates[tied]
    if not len(among):
        return np.asarray(alone)
    ids = pd.DataFrame({"place": among, "customer": bought.customer[among], "order_id": _order_ids(bought, among)})
    chosen = np.asarray(ids.sort_values(["customer", "order_id"]).drop_duplicates("customer")["place"])
    places: Ints = np.concatenate([alone, chosen])
    return places


def _order_ids(bought: Purchases, places: Ints) -> list[str]:
    """The order ids at places that are sorted."""
    start, found = 0, []
    with table_session(bought.tables, "orders") as connection:
        for batch in connection.sql("SELECT order_id FROM orders").to_arrow_reader(_BATCH):
            low, high = np.searchsorted(places, (start, start + batch.num_rows))
            found += batch.column(0).take(pa.array(places[low:high] - start)).to_pylist()
            start += batch.num_rows
    return found


def _serving(bought: Purchases, first: Ints, end: Ints, cut: int) -> Floats:
    """What serving each customer cost in the calendar months from the first order's to the window's end."""
    costs = np.zeros(bought.customers)
    if "costs_to_serve" not in bought.tables:
        return costs
    with table_session(bought.tables, "costs_to_serve") as connection:
        columns = connection.sql("FROM costs_to_serve").columns
        if "customer_id" not in columns:
            return costs
        known = "epoch_us(coalesce(known_at, period))" if "known_at" in columns else "epoch_us(period)"
        rows = connection.sql(
            "SELECT hash(customer_id) AS customer, epoch_us(period) AS period, quantity * unit_cost AS amount "
            f"FROM costs_to_serve WHERE customer_id IS NOT NULL AND epoch_us(period) < {cut} AND {known} <= {cut}"
        ).to_arrow_table()
    customer = pd.Index(np.asarray(bought.hashes)).get_indexer(pd.Index(_numpy(rows, "customer")))
    period, amount = _numpy(rows, "period"), _micro(_numpy(rows, "amount"))
    known_to = customer >= 0
    customer, period, amount = customer[known_to], period[known_to], amount[known_to]
    month = first[customer].view("datetime64[us]").astype("datetime64[M]").astype("datetime64[us]").astype(np.int64)
    inside = (first[customer] != NEVER) & (period >= month) & (period < end[customer])
    return _sums(bought, customer[inside], amount[inside]) / MICRO


def _sums(bought: Purchases, customer: Ints, values: Ints | Floats | Flags) -> Floats:
    """(customers,) sums of whole numbers: exact up to 2**53."""
    sums: Floats = np.bincount(customer, weights=values, minlength=bought.customers).astype(np.float64)
    return sums


def _summed(places: Ints, values: Ints) -> tuple[Ints, Ints]:
    """Each different place once, and the sum of its values."""
    different, inverse = np.unique(places, return_inverse=True)
    sums = np.zeros(len(different), dtype=np.int64)
    np.add.at(sums, inverse, values)
    return different, sums


def _sorted_pairs(customer: Ints, days: Ints, *, different: bool = False) -> tuple[Ints, Ints]:
    """Pairs of a customer and days ≥ 0, sorted; each pair once if asked.

    One number stands for both: the shorter it is, the sooner millions are sorted.
    """
    if not len(days):
        return customer, days
    span = int(days.max()) + 1
    kind = np.dtype(np.uint32 if (int(customer.max()) + 1) * span < 1 << 32 else np.uint64)
    keys: NDArray[Any] = customer.astype(kind)
    keys *= kind.type(span)
    keys += days.astype(kind)
    keys.sort()
    keys = keys[_changes(keys)] if different else keys
    owner: NDArray[Any] = keys // kind.type(span)
    keys -= owner * kind.type(span)
    return owner.astype(np.int32), keys.astype(np.int32)


def all_or(chosen: Flags) -> Flags | slice:
    """What takes the chosen rows of an array: without a copy where that is all of them, which is felt of millions."""
    return slice(None) if chosen.all() else chosen


def _changes(values: Ints) -> Flags:
    """Which sorted values differ from the one before."""
    kept = np.ones(len(values), dtype=np.bool_)
    kept[1:] = values[1:] != values[:-1]
    return kept


def _numpy(table: pa.Table, name: str) -> np.ndarray:
    return np.asarray(table[name].to_numpy())


def _micro(amount: Floats) -> Ints:
    """Amounts as whole millionths, rounded as DuckDB rounds: a half away from zero."""
    scaled = amount * MICRO
    whole = np.abs(scaled)
    whole += 0.5
    np.floor(whole, out=whole)
    np.copysign(whole, scaled, out=whole)
    return whole.astype(np.int64)


def moment_of(day: date) -> int:
    """00:00 of a day in microseconds since 1970."""
    return int(np.datetime64(day, "us").astype(np.int64))


def day_of(day: date) -> int:
    """Days of a day since 1970."""
    return moment_of(day) // DAY
