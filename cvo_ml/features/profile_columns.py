"""The profile columns of customers that were known on a date."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import date
from typing import Final

import pandas as pd

from cvo_ml.core.tables import Tables
from cvo_ml.core.visibility import visible_table

#: Columns of the customers table that describe nobody: ids, times, permissions.
NOT_A_PROFILE: Final = frozenset(
    {"customer_id", "lead_id", "created_at", "known_at", "marketing_consent", "profiling_opt_out", "email", "phone"}
)


def known_profile(tables: Tables, as_of: date, columns: Sequence[str] | None = ("country",)) -> pd.DataFrame:
    """Profile columns known at ``as_of`` by ``customer_id``; no row where the customer's is not.

    Parameters
    ----------
    columns:
        Which, where the table has them; None takes all that describe the customer (``NOT_A_PROFILE`` left out).
    """
    known = visible_table(tables, "customers", as_of)
    described = [name for name in known if name not in NOT_A_PROFILE and known[name].dtype.kind != "M"]
    chosen = described if columns is None else [name for name in columns if name in known]
    return known.set_index("customer_id")[chosen]
