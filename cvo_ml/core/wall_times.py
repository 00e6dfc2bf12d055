"""Wall times: what the clock on the shop's wall showed, without a zone, as all tables hold them.

So a purchase day is a day of the shop, ``as_of`` is its midnight there, and every consumer counts the same days
without knowing of zones (docs/decisions/0036). In the hour that stands twice in autumn the order of times is lost.
"""

from __future__ import annotations

from datetime import datetime
from typing import Final

import numpy as np
import pandas as pd

from cvo_ml.core.arrays import Flags
from cvo_ml.core.contract import TIME_DTYPE

UTC_ZONE: Final = "UTC"


def wall_time(moment: datetime, timezone: str) -> pd.Timestamp:
    """A moment as the shop's clock showed it; one without a zone is that already.

    Examples
    --------
    >>> wall_time(datetime.fromisoformat("2024-01-11T01:30+00:00"), "America/Los_Angeles")
    Timestamp('2024-01-10 17:30:00')
    """
    found = pd.Timestamp(moment)
    return found.tz_convert(timezone).tz_localize(None) if found.tzinfo else found


def wall_times(utc: pd.Series, timezone: str) -> pd.Series:
    """Zone-less UTC times as the shop's clock showed them."""
    if timezone == UTC_ZONE:
        return utc
    zoned = utc.dt.tz_localize(UTC_ZONE).dt.tz_convert(timezone)
    wall: pd.Series = zoned.dt.tz_localize(None).astype(TIME_DTYPE)
    return wall


def skipped(times: pd.Series, timezone: str) -> Flags:
    """Which wall times never were, as the clock was put forward over them.

    A midnight always was: it stands for its day, also where the clock skips it.
    """
    none = np.zeros(len(times), dtype=np.bool_)
    if timezone == UTC_ZONE:
        return none
    local = times.dt.tz_localize(timezone, ambiguous=~none, nonexistent="NaT")
    gaps: Flags = np.array(local.isna() & times.notna())
    if gaps.any():
        gaps[gaps] = (times[gaps] != times[gaps].dt.normalize()).to_numpy()
    return gaps


def surely_before(first: pd.Series, second: pd.Series, timezone: str) -> Flags:
    """(n,) whether the first wall time is before the second; not told in an hour that stood twice."""
    before: Flags = np.array(first < second, dtype=np.bool_)
    if timezone == UTC_ZONE or not before.any():
        return before
    local = first[before].dt.tz_localize(timezone, ambiguous="NaT", nonexistent="shift_forward")
    before[before] = local.notna().to_numpy()
    return before
