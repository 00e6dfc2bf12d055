"""The slices on which no model may be significantly worse than its baseline."""

from __future__ import annotations

import numpy as np
import pandas as pd
from numpy.typing import NDArray


def slices(features: pd.DataFrame) -> dict[str, NDArray[np.bool_]]:
    """Rows by tenure (median), by repeat buying and by the commonest country against the rest."""
    tenure = features["days_since_first_order"]
    repeat = features["number_of_orders"] > 1
    found = {
        "newer customers": tenure <= tenure.median(),
        "older customers": tenure > tenure.median(),
        "one-time buyers": ~repeat,
        "repeat buyers": repeat,
    }
    return {name: rows.to_numpy(dtype=bool) for name, rows in found.items()} | by_country(features)


def by_country(features: pd.DataFrame) -> dict[str, NDArray[np.bool_]]:
    """Rows of the commonest country, and the others; nothing where no country is known."""
    if "country" not in features or not features["country"].notna().any():
        return {}
    home = features["country"].mode().iloc[0]
    is_home = (features["country"] == home).to_numpy(dtype=bool)
    return {f"country {home}": is_home, "other countries": ~is_home}
