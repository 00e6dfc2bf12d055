"""In what the value of customers is told: contribution where every cost is known, else revenue."""

from __future__ import annotations

from typing import Final, Literal

import pandas as pd

Basis = Literal["revenue", "contribution"]
#: What the value of a run can be told in, the fullest first (``cvo_ml.features.economics``).
ValueBasis = Literal["contribution", "gross_margin", "revenue"]
BASES: Final[tuple[ValueBasis, ...]] = ("contribution", "gross_margin", "revenue")


def profit(values: pd.DataFrame, *, later: bool) -> tuple[pd.Series, Basis]:
    """Contribution where every order's cost is known, else revenue; and which of the two it is.

    Parameters
    ----------
    values:
        As from ``value_by_age``.
    later:
        Without the first order.
    """
    value, cost = ("later_value", "later_cost") if later else ("value", "cost")
    if len(values) == 0 or values["cost"].isna().any():
        return values[value].astype("float64"), "revenue"
    return values[value] - values[cost] - values["serving_cost"], "contribution"
