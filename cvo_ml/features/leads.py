"""What was known of each lead when it came, and what became of it.

A lead's fields are a model's only if they were known by ``created_at`` + ``known_within``. A field says when each of
its values was written in a column of its own, ``<field>_known_at``; a field without one needs the word of the data's
owner (``leaks.known_at_conversion``), and the leak gate asks for it.
"""

from __future__ import annotations

from collections.abc import Iterable
from datetime import date
from typing import Final

import numpy as np
import pandas as pd

from cvo_ml.core.contracts import DEALS, LEADS
from cvo_ml.core.errors import ModelRefused
from cvo_ml.core.membership import is_among
from cvo_ml.core.tables import Tables
from cvo_ml.core.units import Horizon, midnight, parse_as_of
from cvo_ml.core.visibility import is_known, visible, visible_table
from cvo_ml.features.engine import Engine, engine
from cvo_ml.features.value_at_age import profit, value_after_winning

SUFFIX: Final = "_known_at"


def lead_fields(leads: pd.DataFrame, as_of: str | date, known_within: Horizon) -> pd.DataFrame:
    """The fields of the leads that came before ``as_of``, as they stood ``known_within`` after each came.

    Parameters
    ----------
    leads:
        The table ``leads``: its contract's columns, and any further ones.

    Returns
    -------
    pandas.DataFrame
        Sorted and indexed by ``lead_id``: ``created_at`` and each further column that is no time. A value whose
        ``<field>_known_at`` is later, or missing, is null; a field without such times has its row's ``known_at``.
    """
    day = parse_as_of(as_of)
    cut, rows = midnight(day), visible(leads, day, LEADS.event_time)
    found = {"created_at": rows["created_at"]}
    limit = rows["created_at"] + known_within.delta
    limit = limit.where(limit <= cut, cut)
    in_time, timed = is_known(rows, limit), set(timed_fields(rows))
    for name in field_names(rows):
        found[name] = rows[name].where(times(rows[name + SUFFIX]) <= limit if name in timed else in_time)
    return pd.DataFrame(found, index=rows.index).set_index(rows["lead_id"].astype("str")).sort_index()


def field_names(leads: pd.DataFrame) -> list[str]:
    """The columns that describe a lead: neither the contract's, nor times."""
    names = [str(name) for name in leads if name not in LEADS.names]
    return [name for name in names if leads[name].dtype.kind != "M" and not _is_time(leads, name)]


def timed_fields(leads: pd.DataFrame) -> tuple[str, ...]:
    """Fields whose values carry the time at which they became known."""
    return tuple(name for name in field_names(leads) if name + SUFFIX in leads)


def refuse_written_later(leads: pd.DataFrame, declared: Iterable[str], known_within: Horizon) -> None:
    """Refuse a field that was declared as known at conversion and whose own times say otherwise, or never was in time.

    Raises
    ------
    ModelRefused
        With the reason code ``field_after_conversion``, naming the field and the leads.
    """
    vouched = set(declared)
    limit = leads["created_at"] + known_within.delta
    rows_late = int((~is_known(leads, limit)).sum())
    if rows_late > len(leads) / 2:
        raise ModelRefused(
            f"icp: {rows_late:,} of {len(leads):,} leads became known later than {known_within} after they came "
            "(known_at), so nobody can say what was known when they did: raise leads.known_within, or map created_at "
            "and known_at to the right columns",
            reason_code="field_after_conversion",
        )
    for name in timed_fields(leads):
        written = leads[name].notna()
        late = written & ~(times(leads[name + SUFFIX]) <= limit)
        if late.any() and (name in vouched or late.sum() == written.sum()):
            raise ModelRefused(
                f"icp: {name!r} was written later than {known_within} after the lead came for {int(late.sum()):,} of "
                f"{int(written.sum()):,} leads ({name + SUFFIX}), so it may know the outcome: name it under "
                "leads.written_later, or take it out of leaks.known_at_conversion",
                reason_code="field_after_conversion",
            )


def lead_outcomes(source: Tables | Engine, as_of: str | date, decision: Horizon, age: Horizon) -> pd.DataFrame:
    """What became of each lead whose window of ``decision`` + ``age`` is closed at ``as_of``.

    Returns
    -------
    pandas.DataFrame
        Indexed by ``lead_id``: ``created_at``; ``asked``: a deal was opened for it within ``decision``; ``decided``:
        won or lost within it; ``won``; ``profit`` in the ``age`` after the win (0 for who did not win), and in
        ``attrs`` its ``basis``: contribution, revenue, or deal amount where there are no orders.
    """
    day = parse_as_of(as_of)
    with engine(source) as shop:
        found, won = _decided(shop.tables, day, decision, age)
        worth, basis = _worth(shop, day, age, won.set_index("lead_id"))
    found["profit"] = worth.reindex(found.index).fillna(0.0)
    found.attrs["basis"] = basis
    return found


def _decided(tables: Tables, day: date, decision: Horizon, age: Horizon) -> tuple[pd.DataFrame, pd.DataFrame]:
    """Leads with a closed window and what was decided of each in time, and the deals that were won in time."""
    leads = visible_table(tables, "leads", day)
    leads = leads[leads["created_at"] + decision.delta + age.delta <= midnight(day)]
    created = leads.set_index(leads["lead_id"].astype("str"))["created_at"].sort_index()
    # known by then, open deals among them; the deadline, which lies before the date, says what happened in time
    deals = visible(tables.get("deals"), day, None)
    deals = deals.join(created.rename("lead_created"), on="lead_id", how="inner")
    deadline = deals["lead_created"] + decision.delta
    opened = deals["created_at"] if "created_at" in deals else deals["closed_at"]
    closed = deals[deals["closed_at"] < deadline]
    won = closed[closed["is_won"].fillna(False).astype(bool)].sort_values("closed_at").drop_duplicates("lead_id")
    found = pd.DataFrame(
        {
            "created_at": created,
            "asked": is_among(created.index, deals.loc[opened < deadline, "lead_id"]),
            "decided": is_among(created.index, closed["lead_id"]),
            "won": is_among(created.index, won["lead_id"]),
        }
    )
    return found, won


def customer_leads(tables: Tables, as_of: str | date, known_within: Horizon) -> pd.DataFrame:
    """The fields of the lead that each customer was, by ``customer_id``: of the first deal won before ``as_of``."""
    fields = lead_fields(tables.get("leads"), as_of, known_within)
    if "customer_id" not in tables.get("deals"):
        return fields.iloc[:0].rename_axis("customer_id")
    won = won_deals(tables.get("deals"), as_of)
    first = won[won["customer_id"].notna()].drop_duplicates("customer_id").set_index("customer_id")["lead_id"]
    return first.astype("str").to_frame().join(fields, on="lead_id", how="inner").drop(columns="lead_id").sort_index()


def won_deals(deals: pd.DataFrame, as_of: str | date) -> pd.DataFrame:
    """Deals known to be won before ``as_of``, in the order of their closing."""
    if "is_won" not in deals:
        return deals.iloc[:0]
    closed = visible(deals, parse_as_of(as_of), DEALS.event_time)
    return closed[closed["is_won"].fillna(False).astype(bool)].sort_values("closed_at", kind="stable")


def as_numbers(frame: pd.DataFrame, columns: Iterable[str]) -> tuple[str, ...]:
    """Those of the columns that hold numbers only, be they written as text."""
    found = []
    for name in columns:
        values = frame[name].dropna()
        is_number = pd.api.types.is_numeric_dtype(values.dtype) and not pd.api.types.is_bool_dtype(values.dtype)
        if len(values) and (is_number or pd.to_numeric(values.astype("str"), errors="coerce").notna().all()):
            found.append(name)
    return tuple(found)


def _worth(shop: Engine, day: date, age: Horizon, won: pd.DataFrame) -> tuple[pd.Series, str]:
    """What each won deal brought, by lead, and on which basis."""
    if len(shop.tables.orders) == 0 or "customer_id" not in won:
        amount = won["amount"] if "amount" in won else pd.Series(np.nan, index=won.index)
        return amount.fillna(0.0).astype("float64"), "deal amount"
    brought, basis = profit(value_after_winning(shop, day, age), later=False)
    return won["customer_id"].map(brought).astype("float64").fillna(0.0), basis


def _is_time(leads: pd.DataFrame, name: str) -> bool:
    """A column of times: the companion of a field, or texts that are all dates, such as ``contacted_at``."""
    if name.endswith(SUFFIX) and name.removesuffix(SUFFIX) in leads:
        return True
    return name.endswith("_at") and bool(times(leads[name].dropna()).notna().all())


def times(values: pd.Series) -> pd.Series:
    """A column of times; what is none is null."""
    if values.dtype.kind == "M":
        return values
    return pd.to_datetime(values, errors="coerce", utc=True, format="ISO8601").dt.tz_localize(None)
