"""The CLV columns of Scores."""

from __future__ import annotations

from datetime import date
from typing import Final

import numpy as np
import pandas as pd

from cvo_ml.core.arrays import Floats, Numbers
from cvo_ml.core.columns import Columns
from cvo_ml.core.models import CLV
from cvo_ml.core.score_cells import Cells, null_cells, reasons_where, table
from cvo_ml.core.units import midnight
from cvo_ml.registry.bundles.loaded import LoadedModel

#: What happened so far, by the feature that says it: facts that need no model.
HISTORIC: Final = {
    "historic_clv": "net_value",
    "historic_number_of_orders": "number_of_orders",
    "average_order_value": "average_order_value",
    "average_days_between_orders": "mean_gap_days",
}
#: Beyond a century a date means "never" and does not fit a timestamp.
NEVER: Final = 36_525


def clv_columns(features: pd.DataFrame, model: LoadedModel, as_of: date) -> pd.DataFrame:
    """Value expected in the horizon, with what happened so far.

    Returns
    -------
    pandas.DataFrame
        The CLV columns and ``clv_reason``, indexed like ``features``.
    """
    return table(clv_cells(Columns(features), model, as_of), features.index)


def clv_cells(features: Columns, model: LoadedModel, as_of: date) -> Cells:
    """As ``clv_columns``."""
    predicted, historic = model.value_columns(features), _historic(features)
    next_order = next_order_day(as_of, predicted.pop("days_to_next_order"))
    cells: Cells = {
        **null_cells(CLV.name, None),
        "clv_model": model.kind,
        "clv_model_version": model.version,
        "clv_grade": model.grade,
        "clv_horizon_days": model.horizon.days,
        "discount_rate": float(model.settings["discount_rate"]),
        "total_clv": historic["historic_clv"] + predicted["predicted_clv"],
        "expected_date_of_next_order": next_order,
        **predicted,
        **historic,
    }
    by_rule = np.isnan(predicted["p_alive"])  # a baseline
    rule = model.kind.removeprefix(f"{CLV.name}.")
    cells[CLV.reason] = reasons_where(
        {
            "one_order": np.isnan(historic["average_days_between_orders"]),
            "no_order_with_value": np.isnan(historic["average_order_value"]),
            f"{rule}_has_no_probabilities": by_rule,
            "next_order_unlikely": np.isnat(next_order) & ~by_rule,
            "no_reference_window": np.isnan(predicted["p_top_decile"]) & ~by_rule,
        }
    )
    return cells


def next_order_day(as_of: date, days: Floats) -> Numbers:
    """The day on which the next order is as likely past as to come; null where none may come."""
    whole = np.where(days < NEVER, np.round(days), np.nan)
    return np.datetime64(midnight(as_of), "us") + whole.astype("timedelta64[D]").astype("timedelta64[us]")


def refused_cells(features: Columns, reason: str) -> Cells:
    """Facts without a prediction, for a shop whose CLV model was refused."""
    return {**null_cells(CLV.name, reason), **_historic(features)}


def _historic(features: Columns) -> dict[str, Floats]:
    return {name: features.numbers(feature) for name, feature in HISTORIC.items()}
