"""The profile columns of customers that were known on a date."""

from __future__ import annotations

from datetime import date

import pandas as pd

from cvo_ml.core.tables import Tables
from cvo_ml.core.units import midnight


def known_profile(tables: Tables, as_of: date) -> pd.DataFrame:
    """Profile columns known at ``as_of`` (``country``) by ``customer_id``; no row where the customer's is not."""
    known = tables.get("customers")
    if "known_at" in known:
        known = known[known["known_at"].isna() | (known["known_at"] <= midnight(as_of))]
    return known.set_index("customer_id")[[name for name in ("country",) if name in known]]
