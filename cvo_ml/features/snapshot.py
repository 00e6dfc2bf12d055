"""The feature table: one row per date and customer with what was known on the date, for many dates in one pass."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import date
from pathlib import Path
from typing import Any, Final

import ibis
import numpy as np
import pandas as pd

from cvo_ml.core.arrays import Flags
from cvo_ml.core.columns import Columns
from cvo_ml.core.errors import UsageError
from cvo_ml.core.units import UNIT, Horizon, parse_as_of
from cvo_ml.features import basket_features, order_features, row_features, service_features
from cvo_ml.features.catalogue import CATALOGUE, Feature
from cvo_ml.features.engine import Engine, Source, engine
from cvo_ml.features.order_relations import KEYS
from cvo_ml.features.own.features import OwnFeatures, joined
from cvo_ml.features.relations import RELATIONS

#: The modules whose functions fill the catalogue.
MODULES: Final = (order_features, basket_features, service_features, row_features)

#: What churn models read, in their order.
FEATURES: Final[tuple[str, ...]] = (
    "days_since_last_order",
    "days_since_first_order",
    "number_of_orders",
    "frequency",
    "recency",
    "mean_gap_days",
    "median_gap_days",
    "gaps_since_last_order",
    "average_order_value",
    "last_order_value",
    "net_value",
    *(f"orders_{days}d" for days in (30, 90, 180)),
    *(f"net_{days}d" for days in (30, 90, 180)),
    "trend_orders",
    "number_of_refunds",
    "refunded_share",
)

#: The season of the date. Trees learn it as a name of the snapshot unless the history holds more than one year,
#: so a model that wants it asks for it by name.
SEASON: Final[tuple[str, ...]] = ("season_sine", "season_cosine")


def snapshot(tables: Source, as_of: str | date, own: Sequence[OwnFeatures] = ()) -> pd.DataFrame:
    """Everything known of each customer at ``as_of``.

    Parameters
    ----------
    own:
        Features of the user's own, whose columns come last.

    Returns
    -------
    pandas.DataFrame
        Indexed by ``customer_id`` (customers with an order left by then): every feature of the catalogue
        (docs/features.md), null where the shop has no such table. Money in the shop's currency, times in days.
    """
    with engine(tables) as opened:
        frame = snapshots(opened, [as_of], own=own).reset_index("as_of", drop=True)
        frame.attrs[UNIT] = "D"
        return frame if opened.has("customers") else frame.drop(columns="country")


def snapshots(
    tables: Source,
    dates: Sequence[str | date],
    names: Sequence[str] | None = None,
    own: Sequence[OwnFeatures] = (),
) -> pd.DataFrame:
    """The snapshots of several dates from one pass over the tables.

    Parameters
    ----------
    names:
        The features to compute, those that they follow from included; all if None.
    own:
        As for ``snapshot``.

    Returns
    -------
    pandas.DataFrame
        Indexed by ``as_of, customer_id`` in that order; the columns of ``snapshot``.

    Raises
    ------
    UsageError
        If there is no date, or one twice.
    """
    days = _distinct(dates)
    with engine(tables) as opened:
        found = _with_absent(opened.run(snapshots_expression(opened, days, names), KEYS), names)
        return with_own(found, opened, days, own)


def with_own(found: pd.DataFrame, tables: Source, days: Sequence[date], own: Sequence[OwnFeatures]) -> pd.DataFrame:
    """Snapshots (``as_of, customer_id``) with the features of the user's own; columns of these names give way."""
    if not any(own):
        return found
    more = joined(tables, days, found.index, own)
    return found.drop(columns=list(more), errors="ignore").join(more)


def write_snapshots(tables: Source, dates: Sequence[str | date], path: Path) -> int:
    """As ``snapshots``, into a Parquet file and never as a whole in memory; the number of rows."""
    days = _distinct(dates)
    with engine(tables) as opened:
        found = snapshots_expression(opened, days)
        absent = {name: _null(known) for name, known in CATALOGUE.items() if name not in found.columns}
        return opened.write(found.mutate(**absent).select(*KEYS, *CATALOGUE), path)


def snapshots_expression(engine: Engine, dates: Sequence[date], names: Sequence[str] | None = None) -> Any:
    """The snapshots as one Ibis expression, without the features whose table or column the shop does not have.

    Parameters
    ----------
    names:
        Only these features; None = all.
    """
    wanted = CATALOGUE if names is None else {name: CATALOGUE[name] for name in names}
    present = {name: known for name, known in wanted.items() if is_present(engine, known)}
    table = None
    for relation, (rows_of, _) in RELATIONS.items():
        chosen = [known for known in present.values() if known.relation == relation]
        if chosen:
            aggregated = _aggregated(rows_of(engine, dates), chosen)
            # one chain of joins with one select behind it: Ibis compiles it many times faster than a select per join
            table = aggregated if table is None else table.left_join(aggregated, KEYS, rname=f"{{name}}_{relation}")
    assert table is not None  # orders are always there
    aggregates = {
        known.name: table[known.name].coalesce(known.empty) if _has_empty(known) else table[known.name]
        for known in present.values()
        if known.relation != "row"
    }
    table = table.select(*(table[key] for key in KEYS), **aggregates)
    # only customers with an order left
    table = table.filter(table.number_of_orders > 0)
    row = {known.name: _typed(known, known.build(table)) for known in present.values() if known.relation == "row"}
    columns = {**{name: table[name] for name in aggregates}, **row}
    return table.select(*KEYS, **{name: columns[name] for name in present})


def is_present(engine: Engine, known: Feature) -> bool:
    """Whether the shop has what the feature needs. Without a table of refunds nothing is refunded."""
    if known.table in ("orders", "refunds", "calendar") and not known.columns:
        return True
    return engine.has(known.table) and all(engine.has(known.table, column) for column in known.columns)


def is_gone(features: pd.DataFrame, horizon: Horizon) -> pd.Series:
    """Who is gone already: days since the last order > max(2 x horizon, 3 x own median gap).

    Such a customer keeps CLV and RFM and is not eligible for churn.
    """
    return pd.Series(gone_already(Columns(features), horizon), index=features.index)


def gone_already(features: Columns, horizon: Horizon) -> Flags:
    """As ``is_gone``, (n,)."""
    own = 3 * features.numbers("median_gap_days")
    longest = np.maximum(np.where(np.isnan(own), 0.0, own), 2 * horizon.days)
    return np.asarray(features.numbers("days_since_last_order") > longest)


def _aggregated(rows: Any, chosen: list[Feature]) -> Any:
    """One row per date and customer with the features of one relation."""
    built = {}
    for known in chosen:
        inside = rows.customer_id.notnull() if known.window is None else rows.age <= known.window
        built[known.name] = _typed(known, known.build(rows, inside))
    return rows.group_by(*KEYS).agg(**built)


def _with_absent(found: pd.DataFrame, wanted: Sequence[str] | None = None) -> pd.DataFrame:
    """The wanted features, or the whole catalogue, in that order; what the shop does not have is null."""
    ordered = list(CATALOGUE if wanted is None else wanted)
    absent = [CATALOGUE[name] for name in ordered if name not in found]
    texts = {known.name: pd.Series(pd.NA, index=found.index, dtype="str") for known in absent if known.unit == "name"}
    numbers = [known.name for known in absent if known.unit != "name"]
    # one number stands for all of them: a hundred columns of nothing take no memory
    nothing = np.broadcast_to(np.nan, (len(found), len(numbers)))
    empty = pd.DataFrame(nothing, index=found.index, columns=numbers, copy=False)
    return pd.concat([found, empty, pd.DataFrame(texts)], axis=1)[ordered]


def _typed(known: Feature, column: Any) -> Any:
    return column if known.unit in ("name", "date") else column.cast("float64")


def _null(known: Feature) -> Any:
    return ibis.null("string" if known.unit == "name" else "float64")


def _has_empty(known: Feature) -> bool:
    return known.empty is not None and known.relation != "orders"


def _distinct(dates: Sequence[str | date]) -> list[date]:
    days = sorted(parse_as_of(day) for day in dates)
    if not days or len(set(days)) < len(days):
        raise UsageError(f"snapshots need one or more different dates, not {[str(day) for day in days]}")
    return days
