"""The CLV columns of Scores."""

from __future__ import annotations

from datetime import date

import pandas as pd

from cvo_ml.core.contract import TIME_DTYPE
from cvo_ml.core.models import CLV
from cvo_ml.core.scores import columns_of, join_reasons, null_columns
from cvo_ml.core.units import midnight
from cvo_ml.registry.bundles.loaded import LoadedModel


def historic_columns(features: pd.DataFrame) -> pd.DataFrame:
    """What happened so far: facts that need no model."""
    return pd.DataFrame(
        {
            "historic_clv": features["net_value"],
            "historic_number_of_orders": features["number_of_orders"],
            "average_order_value": features["average_order_value"],
            "average_days_between_orders": features["mean_gap_days"],
        }
    )


def clv_columns(features: pd.DataFrame, model: LoadedModel, as_of: date) -> pd.DataFrame:
    """Value expected in the horizon, with what happened so far.

    Returns
    -------
    pandas.DataFrame
        The CLV columns and ``clv_reason``, indexed like ``features``.
    """
    predicted = model.lifetime_values(features)
    days = predicted.pop("days_to_next_order")
    historic = historic_columns(features)
    columns = null_columns(features.index, CLV.name, "").assign(
        clv_model=model.kind,
        clv_model_version=model.version,
        clv_grade=model.grade,
        clv_horizon_days=model.horizon.days,
        discount_rate=float(model.settings["discount_rate"]),
        total_clv=historic["historic_clv"] + predicted["predicted_clv"],
        expected_date_of_next_order=next_order_day(as_of, days),
        **{str(name): values for name, values in [*predicted.items(), *historic.items()]},
    )
    by_rule = predicted["p_alive"].isna()  # a baseline
    rule = model.kind.removeprefix(f"{CLV.name}.")
    columns[CLV.reason] = join_reasons(
        _where(columns["average_days_between_orders"].isna(), "one_order"),
        _where(columns["average_order_value"].isna(), "no_order_with_value"),
        _where(by_rule, f"{rule}_has_no_probabilities"),
        _where(columns["expected_date_of_next_order"].isna() & ~by_rule, "next_order_unlikely"),
        _where(columns["p_top_decile"].isna() & ~by_rule, "no_reference_window"),
    )
    return columns[[*columns_of(CLV.name), CLV.reason]]


def next_order_day(as_of: date, days: pd.Series) -> pd.Series:
    """The day on which the next order is as likely past as to come; null where none may come.

    Beyond a century a date means "never" and does not fit a timestamp.
    """
    whole = days.where(days < 36_525).round()
    return (midnight(as_of) + pd.to_timedelta(whole, unit="D")).astype(TIME_DTYPE)


def refused_columns(features: pd.DataFrame, reason: str) -> pd.DataFrame:
    """Facts without a prediction, for a shop whose CLV model was refused."""
    return null_columns(features.index, CLV.name, reason).assign(
        **{str(name): values for name, values in historic_columns(features).items()}
    )


def _where(rows: pd.Series, reason: str) -> pd.Series:
    return pd.Series(reason, index=rows.index, dtype="str").where(rows)
