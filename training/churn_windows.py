"""What churn learns from: the eligible customers at each date, what was known of them, and what they did."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import date
from typing import Final

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from cvo_ml.config.jobs import ChurnJob, ClvJob
from cvo_ml.core.errors import ConfigError, nearest_name
from cvo_ml.core.tables import Tables
from cvo_ml.core.units import midnight
from cvo_ml.features import CATALOGUE, FEATURES, SEASON, snapshots
from cvo_ml.features.churn_outcomes import churned, days_to_event, ineligible
from cvo_ml.registry.inputs import BTYD, btyd_columns
from training.clv_validation import fit as fit_clv

Floats = NDArray[np.float64]
Labels = NDArray[np.bool_]
COUNTRY: Final = "country"


@dataclass(frozen=True)
class Window:
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
    """

    day: date
    X: pd.DataFrame
    churned: Labels
    days_to_event: Floats

    def __len__(self) -> int:
        return len(self.X)

    def closed_by(self, day: date, job: ChurnJob) -> bool:
        """Whether the outcomes were known at ``day``."""
        return self.day + job.horizon.delta <= day


def windows_of(tables: Tables, dates: Sequence[date], job: ChurnJob, btyd_dates: Sequence[date] = ()) -> list[Window]:
    """A window for each date, in one pass over the tables; their horizons must be closed in the data.

    Parameters
    ----------
    btyd_dates:
        For which dates to fit a model of purchases where the job does not read it.

    Raises
    ------
    ModelRefused, ConfigError
        If the definition cannot be read from the tables, or a feature is none of the catalogue.
    """
    check_features(job)
    everybody = snapshots(tables, list(dates))
    wanted = dates if job.btyd_features else btyd_dates
    if wanted:
        everybody = everybody.join(btyd_at(everybody, wanted, job))
    eligible = ineligible(everybody, job.definition, job.horizon).isna().to_numpy()
    rows = everybody[eligible]
    event = days_to_event(tables, rows, job)
    left = churned(tables, rows, job, event)
    days = rows.index.get_level_values("as_of")
    found = []
    for day in dates:
        own = days == midnight(day)
        found.append(Window(day, rows[own].droplevel("as_of"), left[own], event.to_numpy(dtype=np.float64)[own]))
    return found


def btyd_at(everybody: pd.DataFrame, dates: Sequence[date], job: ChurnJob) -> pd.DataFrame:
    """The columns of ``BTYD`` for all customers of each date, by a model of purchases fitted on that date's alone."""
    days = everybody.index.get_level_values("as_of")
    parts = []
    for day in dates:
        features = everybody[days == midnight(day)]
        if features.empty:
            continue
        scorer = fit_clv(features.droplevel("as_of"), ClvJob()).scorer
        found = None if scorer is None else btyd_columns(scorer.model.transactions_, features, job.horizon)
        parts.append(pd.DataFrame(np.nan, index=features.index, columns=list(BTYD)) if found is None else found)
    return pd.concat(parts) if parts else pd.DataFrame(columns=list(BTYD), index=everybody.index)


def stacked(windows: Sequence[Window]) -> tuple[pd.DataFrame, Labels]:
    """All rows below each other, by date and customer, and whether each churned."""
    return pd.concat([window.X for window in windows], ignore_index=True), np.concatenate(
        [window.churned for window in windows]
    )


def columns_of(X: pd.DataFrame, job: ChurnJob) -> tuple[str, ...]:
    """What the trees read: numbers, then categories. A further feature that is null for everyone is left out."""
    more = [name for name in (*job.more_features, *(BTYD if job.btyd_features else ())) if X[name].notna().any()]
    numbers = dict.fromkeys((*FEATURES, *(SEASON if job.season else ()), *more))
    has_country = COUNTRY in X and X[COUNTRY].nunique() > 1
    return (*(name for name in numbers if name != COUNTRY), *([COUNTRY] if has_country else []))


def check_features(job: ChurnJob) -> None:
    """Refuse names that are no features, and directions for what the trees do not read.

    Raises
    ------
    ConfigError
        With the nearest name.
    """
    readable = [name for name in CATALOGUE if name != COUNTRY and CATALOGUE[name].unit != "date"]
    for name in job.more_features:
        if name not in readable:
            raise ConfigError(
                f"jobs/churn.yaml: more_features: {name!r} is no number feature{nearest_name(name, readable)}: "
                "docs/features.md lists them"
            )
    read = (*FEATURES, *job.more_features, *BTYD, *SEASON)
    for name in job.monotone:
        if name not in read:
            raise ConfigError(
                f"jobs/churn.yaml: monotone: {name!r} is not read by the trees{nearest_name(name, list(read))}: "
                "name one of their number columns"
            )
