"""What churn learns from: the eligible customers at each date, what was known of them, and what they did."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import date, timedelta
from typing import Final

import numpy as np
import pandas as pd

from cvo_ml.config.readiness import ChurnMinima
from cvo_ml.core.arrays import Flags, Floats
from cvo_ml.core.errors import ConfigError, ModelRefused, nearest_name
from cvo_ml.core.result import Json
from cvo_ml.core.tables import Tables
from cvo_ml.core.units import Horizon, midnight
from cvo_ml.features import CATALOGUE, FEATURES, SEASON, snapshots
from cvo_ml.features.churn_outcomes import check_condition, churned, days_to_event, ineligible
from cvo_ml.features.engine import engine
from cvo_ml.features.own import OwnFeatures
from cvo_ml.features.own.features import CATEGORY, without_rare
from cvo_ml.models.churn import ChurnClassifier, HazardChurn
from cvo_ml.registry.bundles.purchase_columns import BTYD, btyd_columns, embed_purchase_model
from training.churn.sections import DatasetSpec
from training.clv.validation import fit as fit_clv
from training.evidence.dates import first_day, training_dates

Model = ChurnClassifier | HazardChurn
WHOLE_YEAR: Final = timedelta(days=365)
COUNTRY: Final = "country"


@dataclass(frozen=True)
class ChurnWindow:
    """The eligible customers at one date and what they did in the horizon after it.

    Parameters
    ----------
    X:
        (n, features), indexed by ``customer_id``; with the columns of ``BTYD`` where they were asked for, null where no
        model of purchases held.
    churned:
        (n,).
    days_to_event:
        (n,) days to the next order, or to the end of the last subscription where the definition is contractual; NaN
        where none came within the horizon.
    purchases:
        The model behind the columns of ``BTYD``, as a bundle carries it; None where none was fitted or none held.
    """

    day: date
    X: pd.DataFrame
    churned: Flags
    days_to_event: Floats
    purchases: Mapping[str, Json] | None = None

    def __len__(self) -> int:
        return len(self.X)

    def closed_by(self, day: date, horizon: Horizon) -> bool:
        """Whether the outcomes were known at ``day``."""
        return self.day + horizon.delta <= day


def closed(windows: Sequence[ChurnWindow], day: date, data: DatasetSpec) -> list[ChurnWindow]:
    """What a model made at ``day`` may learn from: the latest windows whose outcomes were known by then."""
    return [window for window in windows if window.closed_by(day, data.horizon)][-data.most :]


def closed_dates(tables: Tables, as_of: date, data: DatasetSpec, minima: ChurnMinima) -> list[date]:
    """The dates to learn from and to judge on, oldest first: every horizon is closed at ``as_of``.

    Where a season may be learnt, they reach back so far that the model of each window that calibrates could learn from
    as many windows as the last one.

    Raises
    ------
    ModelRefused
        If none lies a horizon before the last.
    """
    last, span = as_of - data.horizon.delta, data.horizon.delta
    dates = training_dates(tables, last, data.every, data.most + data.further_windows, data.shortest_history)
    longest = last - (minima.closed_windows - 1) * span
    if not dates or dates[0] > last - span or first_day(tables) + data.shortest_history.delta > longest:
        raise ModelRefused(
            f"churn: a horizon of {data.horizon} needs {minima.closed_windows} closed windows before {as_of} and "
            f"{data.shortest_history} of history before them: use a longer history or a shorter horizon",
            reason_code="too_short_history",
        )
    return dates


def refuse_part_of_a_year(dates: Sequence[date]) -> None:
    """Trees that see each season once read it as the name of a snapshot: a model may have it after a whole year.

    Raises
    ------
    ModelRefused
        If the dates to learn from span less than a year.
    """
    span = dates[-1] - dates[0]
    if span < WHOLE_YEAR:
        raise ModelRefused(
            f"churn: season: true needs training dates over {WHOLE_YEAR.days} days and has them over {span.days} "
            f"({dates[0]} to {dates[-1]}): raise most_snapshots, use a longer history, or set season: false",
            reason_code="too_short_history",
        )


def windows_of(
    tables: Tables, dates: Sequence[date], data: DatasetSpec, btyd_dates: Sequence[date] = ()
) -> list[ChurnWindow]:
    """A window for each date, in one pass over the tables; their horizons must be closed in the data.

    Parameters
    ----------
    btyd_dates:
        For which dates to fit a model of purchases where the trees do not read it.

    Raises
    ------
    ModelRefused, ConfigError
        If the definition cannot be read from the tables, or a feature is none of the catalogue.
    """
    check_features(data)
    check_condition(tables, dates, data.outcome)
    embedded: dict[date, dict[str, Json]] = {}
    wanted, outcome = dates if data.btyd_features else btyd_dates, data.outcome
    with engine(tables) as shop:
        customers = snapshots(shop, list(dates), own=[data.own])
        customers = customers.assign(**kinds_of_people(customers, data.own))
        if wanted:
            columns, embedded = btyd_at(customers, wanted, data)
            customers = customers.join(columns)
        eligible = ineligible(customers, outcome.definition, outcome.horizon).isna().to_numpy()
        rows = customers[eligible]
        event = days_to_event(shop, rows, outcome)
        left, gaps = churned(shop, rows, outcome, event), event.to_numpy(dtype=np.float64)
    days = rows.index.get_level_values("as_of")
    windows = []
    for day in dates:
        own = days == midnight(day)
        windows.append(ChurnWindow(day, rows[own].droplevel("as_of"), left[own], gaps[own], embedded.get(day)))
    return windows


def kinds_of_people(customers: pd.DataFrame, own: OwnFeatures) -> dict[str, pd.Series]:
    """The user's own categories without levels of very few customers; refuses one that names people."""
    kinds = own.found(customers).kinds if own else {}
    return {name: without_rare(customers[name]) for name, kind in kinds.items() if kind == CATEGORY}


def btyd_at(
    customers: pd.DataFrame, dates: Sequence[date], data: DatasetSpec
) -> tuple[pd.DataFrame, dict[date, dict[str, Json]]]:
    """The columns of ``BTYD`` for all customers of each date, by a model of purchases fitted on that date's alone.

    Returns
    -------
    (pandas.DataFrame, dict)
        The columns; and by date the model, as a bundle carries it, where one held.
    """
    days = customers.index.get_level_values("as_of")
    parts, models = [], {}
    for day in dates:
        features = customers[days == midnight(day)]
        if features.empty:
            continue
        scorer = fit_clv(features.droplevel("as_of"), data.purchases).scorer
        if scorer is None:
            parts.append(pd.DataFrame(np.nan, index=features.index, columns=list(BTYD)))
            continue
        parts.append(btyd_columns(scorer.model.transactions_, scorer.prepared(features), data.horizon))
        models[day] = embed_purchase_model(scorer)
    empty = pd.DataFrame(columns=list(BTYD), index=customers.index, dtype=np.float64)
    return (pd.concat(parts) if parts else empty), models


def raw_of(model: Model, window: ChurnWindow) -> Floats:
    """The probabilities of the model's trees alone, (n,)."""
    return model.tree_probability(window.X)


def stacked(windows: Sequence[ChurnWindow]) -> tuple[pd.DataFrame, Flags]:
    """All rows below each other, by date and customer, and whether each churned."""
    return pd.concat([window.X for window in windows], ignore_index=True), np.concatenate(
        [window.churned for window in windows]
    )


def columns_of(X: pd.DataFrame, data: DatasetSpec) -> tuple[str, ...]:
    """What the trees read: numbers, then categories. A further feature that is null for everyone is left out."""
    further = (*data.more_features, *(BTYD if data.btyd_features else ()), *data.own.columns)
    more = [name for name in further if X[name].notna().any()]
    named = dict.fromkeys((*FEATURES, *(SEASON if data.season else ()), *more))
    categories = [name for name in (COUNTRY, *named) if name in X and is_category(X[name])]
    numbers = [name for name in named if name not in categories]
    return (*numbers, *dict.fromkeys(name for name in categories if X[name].nunique() > 1))


def is_category(values: pd.Series) -> bool:
    """Whether the trees read a column as names."""
    return not pd.api.types.is_numeric_dtype(values.dtype)


def check_features(data: DatasetSpec) -> None:
    """Refuse names that are no features, and directions for what the trees do not read.

    Raises
    ------
    ConfigError
        With the nearest name.
    """
    readable = [name for name in CATALOGUE if name != COUNTRY and CATALOGUE[name].unit != "date"]
    for name in data.more_features:
        if name not in readable:
            raise ConfigError(
                f"jobs/churn.yaml: more_features: {name!r} is no number feature{nearest_name(name, readable)}: "
                "docs/features.md lists them; a column of customers is written profile.<column>"
            )
    read = (*FEATURES, *data.more_features, *BTYD, *SEASON, *data.own.columns)
    for name in data.directed:
        if name not in read:
            raise ConfigError(
                f"jobs/churn.yaml: monotone: {name!r} is not read by the trees{nearest_name(name, list(read))}: "
                "name one of their number columns"
            )
