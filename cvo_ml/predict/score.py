"""One function that fills the model columns of Scores; batch, HTTP and Spark all call it."""

from __future__ import annotations

from datetime import date
from typing import Final

import pandas as pd

from cvo_ml.core.models import CHURN, CLV, ICP, MODEL_NAMES
from cvo_ml.core.scores import (
    ECONOMICS,
    NOT_COMPUTED_YET,
    REASON_COLUMNS,
    REASONS,
    TOTAL,
    by_model,
    null_columns,
)
from cvo_ml.core.units import midnight
from cvo_ml.predict.churn import churn_columns
from cvo_ml.predict.clv import clv_columns, refused_columns
from cvo_ml.predict.icp import icp_columns
from cvo_ml.predict.loaded import LoadedModels

NO_ORDER_LEFT: Final = "no_order_left"


def score(
    features: pd.DataFrame,
    models: LoadedModels,
    *,
    as_of: date,
    currency: str,
    value_basis: str = "revenue",
    leads: pd.DataFrame | None = None,
) -> pd.DataFrame:
    """The run and model columns of Scores.

    Parameters
    ----------
    features:
        ``features.customer_features`` at ``as_of``, indexed by ``customer_id``. Rows of nulls
        (customers all of whose orders were refunded) get nulls and the reason ``no_order_left``.
    models:
        What to score with.
    currency, value_basis:
        Of all money in the table.
    leads:
        ``features.leads.customer_leads``, where the lookalike model reads the fields of leads.

    Returns
    -------
    pandas.DataFrame
        Indexed by ``customer_id``, one row per row of ``features``. Each row depends on itself
        alone, so one customer scores the same as among a million.
    """
    run = pd.DataFrame(
        {
            "customer_id": features.index.astype("str"),
            "as_of": midnight(as_of),
            "currency": currency,
            "value_basis": value_basis,
        },
        index=features.index,
    )
    present = features[features["number_of_orders"].notna()]
    groups = [_clv(present, models, as_of), _churn(present, models), _icp(present, models, leads)]
    absent = features.index.difference(present.index)
    nulls = [null_columns(absent, name, NO_ORDER_LEFT) for name in MODEL_NAMES]
    filled = [
        pd.concat([group, null]).reindex(features.index) if len(absent) else group
        for group, null in zip(groups, nulls, strict=True)
    ]
    later = [null_columns(features.index, group, NOT_COMPUTED_YET) for group in (ECONOMICS, TOTAL)]
    return with_reasons(pd.concat([run, *filled, *later], axis=1))


def with_reasons(scores: pd.DataFrame) -> pd.DataFrame:
    """Scores whose ``reasons`` are by model; a null has the reason of the model that gives them, which is churn today.

    Parameters
    ----------
    scores:
        With the churn columns, and ``reasons`` as churn alone gives them, if there is a churn model.
    """
    reasons = scores.get("reasons", pd.Series(None, index=scores.index, dtype="str"))
    why_not = scores[CHURN.reason].fillna(f"{CHURN.name}_gives_none")
    return scores.assign(
        reasons=reasons.map(by_model, na_action="ignore").astype("str"),
        **{REASON_COLUMNS[REASONS]: why_not.where(reasons.isna()).astype("str")},
    )


def _clv(features: pd.DataFrame, models: LoadedModels, as_of: date) -> pd.DataFrame:
    model = models.get(CLV.name)
    if model is not None:
        return clv_columns(features, model, as_of)
    return refused_columns(features, models.reason(CLV.name))


def _churn(features: pd.DataFrame, models: LoadedModels) -> pd.DataFrame:
    model = models.get(CHURN.name)
    if model is not None:
        return churn_columns(features, model)
    return null_columns(features.index, CHURN.name, models.reason(CHURN.name))


def _icp(features: pd.DataFrame, models: LoadedModels, leads: pd.DataFrame | None) -> pd.DataFrame:
    model = models.get(ICP.name)
    if model is not None:
        return icp_columns(features, model, leads)
    return null_columns(features.index, ICP.name, models.reason(ICP.name))
