"""The slices on which no model may be significantly worse than its baseline."""

from __future__ import annotations

import pandas as pd

from cvo_ml.core.arrays import Flags
from cvo_ml.core.tables import Tables


def slices(features: pd.DataFrame) -> dict[str, Flags]:
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


def by_country(features: pd.DataFrame) -> dict[str, Flags]:
    """Rows of the commonest country, and the others; nothing where no country is known."""
    if "country" not in features or not features["country"].notna().any():
        return {}
    home = features["country"].mode().iloc[0]
    is_home = (features["country"] == home).to_numpy(dtype=bool)
    return {f"country {home}": is_home, "other countries": ~is_home}


def further_slices(features: pd.DataFrame, tables: Tables) -> dict[str, Flags]:
    """Rows by value so far (thirds) and by the three commonest channels of acquisition, where they are known."""
    place = features["net_value"].rank(pct=True)
    found = {"lower value third": place <= 1 / 3, "middle value third": (place > 1 / 3) & (place <= 2 / 3)}
    found["upper value third"] = place > 2 / 3
    customers = tables.get("customers")
    if "acquisition_channel" in customers and customers["acquisition_channel"].notna().any():
        channel = customers.set_index("customer_id")["acquisition_channel"].reindex(features.index)
        found |= {f"channel {name}": channel == name for name in channel.value_counts().index[:3]}
    return {name: rows.fillna(False).to_numpy(dtype=bool) for name, rows in found.items()}
