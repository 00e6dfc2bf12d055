"""Who churned in the window after a date, by each definition, and who could not any more.

Who is eligible is read from the snapshot alone, so that scoring needs no look ahead; what happened is read from the
tables as known at the end of the window.
"""

from __future__ import annotations

from collections.abc import Sequence
from datetime import date
from difflib import get_close_matches
from typing import Any, Final

import numpy as np
import pandas as pd

from cvo_ml.config.churn import ChurnOutcome, Condition
from cvo_ml.core.arrays import Flags, Floats, Objects
from cvo_ml.core.columns import Columns
from cvo_ml.core.contracts import CONTRACTS
from cvo_ml.core.errors import ConfigError, ModelRefused, nearest_name
from cvo_ml.core.units import Horizon
from cvo_ml.features.engine import Engine, Source, engine
from cvo_ml.features.integer_sums import micro, units
from cvo_ml.features.order_relations import KEYS, order_rows
from cvo_ml.features.relations import subscription_rows
from cvo_ml.features.snapshot import gone_already

#: Lines happen with their order.
LINES: Final = "order_lines"
#: Columns of more values than this are not listed, and so many are.
MOST_NAMED: Final = 200
MOST_LISTED: Final = 20
CONTRACTUAL: Final = ("subscription_ended", "mrr_down")


def ineligible(features: pd.DataFrame, kind: str, horizon: Horizon) -> pd.Series:
    """Why a customer cannot churn at the date: ``gone_already``, ``no_active_subscription``; null for the eligible.

    Parameters
    ----------
    features:
        Rows of snapshots.
    kind:
        The job's ``definition``. Where it is contractual, who has no active subscription is gone if one had ended;
        else who is silent for too long (``is_gone``).
    """
    return pd.Series(why_ineligible(Columns(features), kind, horizon), index=features.index, dtype="str")


def why_ineligible(features: Columns, kind: str, horizon: Horizon) -> Objects:
    """As ``ineligible``, (n,) with None for the eligible."""
    gone = np.array([None, "gone_already"], dtype=object)
    if kind not in CONTRACTUAL:
        return np.asarray(gone[gone_already(features, horizon).astype(np.intp)])
    had, has = (features.numbers(f"{name}_subscriptions") > 0 for name in ("ended", "active"))
    return np.where(has, gone[0], np.where(had, gone[1], "no_active_subscription"))


def own_horizon_days(features: pd.DataFrame, multiple: float, shortest: Horizon, horizon: Horizon) -> pd.Series:
    """Each customer's window: ``multiple`` of the own median gap in [shortest, horizon]; ``horizon`` without a gap.

    Examples
    --------
    >>> gaps = pd.DataFrame({"median_gap_days": [2.0, 10.0, 90.0, np.nan]})
    >>> own_horizon_days(gaps, 3.0, Horizon("14D"), Horizon("60D")).tolist()
    [14.0, 30.0, 60.0, 60.0]
    """
    return pd.Series(own_windows(Columns(features), multiple, shortest, horizon), index=features.index)


def own_windows(features: Columns, multiple: float, shortest: Horizon, horizon: Horizon) -> Floats:
    """As ``own_horizon_days``, (n,)."""
    days = np.round(multiple * features.numbers("median_gap_days"))
    return np.clip(np.where(np.isnan(days), horizon.days, days), min(shortest.days, horizon.days), horizon.days)


def days_to_event(tables: Source, features: pd.DataFrame, outcome: ChurnOutcome) -> pd.Series:
    """Days to the next order, or to the end of the last subscription where the definition is contractual.

    Null where none comes within the horizon. Indexed like ``features``, which holds ``as_of, customer_id``.

    Raises
    ------
    ModelRefused
        If the definition asks for subscriptions and the shop has none.
    """
    if outcome.definition not in CONTRACTUAL:
        return days_to_order(tables, _dates(features), outcome.horizon, features.index)
    with engine(tables) as opened:
        if not opened.has("subscriptions"):
            raise ModelRefused(
                f"churn: definition {outcome.definition} needs the table 'subscriptions', and the shop has none: give "
                "it, or use definition no_order_within_horizon",
                reason_code="no_subscriptions",
            )
        return days_to_end(opened, _dates(features), outcome.horizon, features.index)


def check_condition(tables: Source, dates: Sequence[date], outcome: ChurnOutcome) -> None:
    """Refuse a condition that names no table, column or value of this shop, before anything is computed.

    Raises
    ------
    ConfigError
        With the tables, columns or values that occur, the nearest first.
    """
    asked = outcome.condition
    if outcome.definition != "condition" or asked is None or not dates:
        return
    with engine(tables) as opened:
        rows = _readable_rows(opened, asked, [max(dates) + outcome.horizon.delta])
        for name, value in asked.where.items():
            counted = rows.group_by(value=rows[name].cast("string")).agg(rows=lambda each: each.count())
            occurring = opened.run(counted.filter(counted.value.notnull()), "value")["rows"]
            if value not in occurring.index:
                raise ConfigError(
                    f"churn: condition.where: no row of {asked.table!r} has {name} = {value!r}"
                    f"{nearest_name(value, list(occurring.index))}: {_occurring(value, occurring)}"
                )


def churned(tables: Source, features: pd.DataFrame, outcome: ChurnOutcome, event: pd.Series) -> Flags:
    """Whether each row of ``features`` (indexed by ``as_of, customer_id``) churned in the job's horizon, (n,).

    Parameters
    ----------
    event:
        What ``days_to_event`` found for the same rows.

    Raises
    ------
    ConfigError
        If a condition names no table with times and customers, or a column that it does not have.
    """
    if outcome.definition == "no_order_within_own_gaps":
        own = own_horizon_days(features, outcome.own_gaps.multiple, outcome.own_gaps.shortest, outcome.horizon)
        return ~(event.to_numpy() < own.to_numpy())
    if outcome.definition == "mrr_down":
        return _mrr_down(tables, features, outcome)
    if outcome.definition == "condition":
        assert outcome.condition is not None  # the job's schema asks for it
        return _condition(tables, _dates(features), outcome.horizon, features.index, outcome.condition)
    return event.notna().to_numpy() if outcome.definition in CONTRACTUAL else event.isna().to_numpy()


def days_to_order(tables: Source, dates: Sequence[date], horizon: Horizon, rows: pd.Index) -> pd.Series:
    """Days from each date to the customer's first order in [date, date + horizon), from 0 on; null without one.

    Parameters
    ----------
    rows:
        Of ``as_of, customer_id``. An order wholly refunded by the end of the window does not count.
    """
    if len(rows) == 0:
        return pd.Series(np.nan, index=rows)
    with engine(tables) as opened:
        orders = order_rows(opened, [day + horizon.delta for day in dates])
        inside = orders.filter(orders.kept, orders.age <= horizon.whole_days)
        oldest = opened.run(inside.group_by(*KEYS).agg(age=inside.age.max().cast("float64")), KEYS)
    return horizon.whole_days - _from_ends(oldest, horizon)["age"].reindex(rows)


def days_to_end(tables: Source, dates: Sequence[date], horizon: Horizon, rows: pd.Index) -> pd.Series:
    """Days from each date to the end of the customer's last subscription, within the horizon; null where one goes on.

    An end counts only if no subscription is active at the end of the window.
    """
    if len(rows) == 0:
        return pd.Series(np.nan, index=rows)
    with engine(tables) as opened:
        held = subscription_rows(opened, [day + horizon.delta for day in dates])
        expression = held.group_by(*KEYS).agg(
            active=held.active.sum().cast("float64"), age=held.ended_age.min().cast("float64")
        )
        found = _from_ends(opened.run(expression, KEYS), horizon).reindex(rows)
    return (horizon.whole_days - found["age"]).where(found["active"].fillna(0) == 0).clip(lower=0)


def _dates(features: pd.DataFrame) -> list[date]:
    return [stamp.date() for stamp in features.index.get_level_values("as_of").unique()]


def _mrr_down(tables: Source, features: pd.DataFrame, outcome: ChurnOutcome) -> Flags:
    """Who has less recurring revenue at the end of the window than the declared share of what it was."""
    with engine(tables) as opened:
        held = subscription_rows(opened, [day + outcome.horizon.delta for day in _dates(features)])
        expression = held.group_by(*KEYS).agg(mrr=units(held.mrr.sum(where=held.active)))
        after = _from_ends(opened.run(expression, KEYS), outcome.horizon)["mrr"].reindex(features.index).fillna(0.0)
    kept = (1 - outcome.mrr_down.share) * features["active_mrr"].to_numpy()
    return np.asarray(after.to_numpy() <= kept + 1e-9)


def _condition(tables: Source, dates: Sequence[date], horizon: Horizon, rows: pd.Index, asked: Condition) -> Flags:
    with engine(tables) as opened:
        inside = _rows_of(opened, asked, [day + horizon.delta for day in dates], horizon)
        amount = inside.count().cast("float64") if asked.sum_of is None else units(micro(inside[asked.sum_of]).sum())
        found = _from_ends(opened.run(inside.group_by(*KEYS).agg(amount=amount), KEYS), horizon)
    amounts = found["amount"].reindex(rows).fillna(0.0).to_numpy()
    return np.asarray(amounts < asked.below if asked.below is not None else amounts >= asked.at_least)


def _rows_of(opened: Engine, asked: Condition, ends: Sequence[date], horizon: Horizon) -> Any:
    """The condition's rows inside each window that ends at ``ends``."""
    rows = _readable_rows(opened, asked, ends)
    for name, value in asked.where.items():
        rows = rows.filter(rows[name].cast("string") == value)
    age = rows.as_of.date().delta(rows[_event_time(asked.table)].date(), unit="day")
    return rows.filter(rows.customer_id.notnull(), age <= horizon.whole_days)


def _readable_rows(opened: Engine, asked: Condition, ends: Sequence[date]) -> Any:
    """The rows of the condition's table known at ``ends``; lines with the customer and time of their order."""
    fit = [
        name
        for name in (*CONTRACTS, LINES)
        if opened.has(name) and (name == LINES or (CONTRACTS[name].event_time and opened.has(name, "customer_id")))
    ]
    if asked.table not in fit:
        raise ConfigError(
            f"churn: condition.table {asked.table!r} is no table of this shop with times and customers"
            f"{nearest_name(asked.table, fit)}: use one of {', '.join(sorted(dict.fromkeys(fit)))}"
        )
    rows = opened.at(asked.table, ends)
    if asked.table == LINES:
        orders = opened.at("orders", ends)
        orders = orders.select("customer_id", "ordered_at", its_order="order_id", its_end="as_of")
        rows = rows.inner_join(orders, (rows.order_id == orders.its_order) & (rows.as_of == orders.its_end))
        rows = rows.drop("its_order", "its_end")
    for name in (*asked.where, *([asked.sum_of] if asked.sum_of else [])):
        if name not in rows.columns:
            raise ConfigError(
                f"churn: table {asked.table!r} has no column {name!r}{nearest_name(name, list(rows.columns))}: "
                f"name one of its columns in condition.where or condition.sum_of: {', '.join(sorted(rows.columns))}"
            )
    return rows


def _event_time(table: str) -> str:
    return "ordered_at" if table == LINES else str(CONTRACTS[table].event_time)


def _occurring(value: str, counts: pd.Series) -> str:
    """The values that occur, the nearest and then the commonest first; not those of a column that names people."""
    if len(counts) > MOST_NAMED:
        return f"{len(counts):,} other values occur"
    near = get_close_matches(value, list(counts.index), n=1, cutoff=0.6)
    ordered = sorted(counts.index, key=lambda each: (each not in near, -counts[each], each))
    listed = ", ".join(f"{each} ({counts[each]:,})" for each in ordered[:MOST_LISTED])
    return (
        f"those that occur are {listed}{'' if len(ordered) <= MOST_LISTED else ', …'}" if listed else "it has no rows"
    )


def _from_ends(found: pd.DataFrame, horizon: Horizon) -> pd.DataFrame:
    """Rows keyed by the end of their window, keyed by its begin."""
    moved = found.reset_index()
    moved["as_of"] -= horizon.delta
    return moved.set_index(list(KEYS))
