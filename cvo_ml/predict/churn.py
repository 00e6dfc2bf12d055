"""The churn columns of Scores."""

from __future__ import annotations

import json
from typing import Final

import numpy as np
import pandas as pd

from cvo_ml.core.arrays import Floats
from cvo_ml.core.models import CHURN
from cvo_ml.core.scores import null_columns
from cvo_ml.core.units import Horizon
from cvo_ml.features.churn_outcomes import ineligible, own_horizon_days
from cvo_ml.models.churn import ChurnScorer, Explanation
from cvo_ml.registry.bundles.loaded import LoadedModel

MOST_REASONS: Final = 3


def churn_columns(features: pd.DataFrame, loaded: LoadedModel) -> pd.DataFrame:
    """Churn probability, band and reasons of customers who are not gone already.

    Returns
    -------
    pandas.DataFrame
        The churn columns and ``churn_reason``, indexed like ``features``; who cannot churn any more has nulls and
        the reason ``gone_already`` or ``no_active_subscription``.
    """
    columns = null_columns(features.index, CHURN.name, "gone_already")
    why_not = ineligible(features, loaded.settings.get("definition_kind", ""), loaded.horizon)
    columns[CHURN.reason] = why_not
    columns["reasons"] = pd.Series(None, index=features.index, dtype="str")
    rows = features[why_not.isna()]
    if rows.empty:
        return columns
    model, rows = loaded.model, loaded.complete(rows)
    if not isinstance(model, ChurnScorer):
        raise loaded.not_a("model of churn")
    probability = model.predict_proba(rows)[:, 1]
    bounds = model.interval_.bounds(probability)
    filled = pd.DataFrame(
        {
            "churn_model": loaded.kind,
            "churn_model_version": loaded.version,
            "churn_grade": loaded.grade,
            "churn_definition": loaded.settings["definition"],
            "churn_horizon_days": horizon_days(rows, loaded),
            "churn_probability": probability,
            "churn_probability_p05": bounds[:, 0],
            "churn_probability_p95": bounds[:, 1],
            "churn_band": bands(probability, loaded.settings["bands"]),
            "reasons": reasons(model.explain(rows)),
        },
        index=rows.index,
    )
    for name, values in filled.items():
        columns.loc[rows.index, name] = values.astype(columns[name].dtype)
    return columns


def horizon_days(rows: pd.DataFrame, loaded: LoadedModel) -> pd.Series:
    """Each customer's window in days: the bundle's, or a multiple of the own gap where that is its definition."""
    own, horizon = loaded.settings.get("own_gaps"), loaded.horizon
    if own is None:
        return pd.Series(horizon.days, index=rows.index)
    return own_horizon_days(rows, own["multiple"], Horizon.of_days(own["shortest_days"]), horizon)


def bands(probability: Floats, edges: dict[str, float]) -> list[str]:
    """The band of each probability: the first whose upper edge is not exceeded, else ``high``.

    Examples
    --------
    >>> bands(np.array([.1, .5, .9]), {"low": .33, "medium": .66})
    ['low', 'medium', 'high']
    """
    names = [*sorted(edges, key=lambda name: edges[name]), "high"]
    uppers = sorted(edges.values())
    return [names[place] for place in np.searchsorted(uppers, probability, side="left")]


def reasons(explanation: Explanation) -> list[str]:
    """The levers that move each probability most, as JSON: lever, its strongest column, direction, effect.

    The effect is the lever's whole effect, in probability.
    """
    levers, effects, strongest = explanation.by_lever()
    order = np.argsort(-np.abs(effects), axis=1, kind="stable")[:, :MOST_REASONS]
    texts = []
    for row, columns, places in zip(effects, strongest, order, strict=True):
        named = [(levers[place], explanation.columns[columns[place]], float(row[place])) for place in places]
        top = [
            {
                "lever": lever,
                "feature": column,
                "direction": "up" if effect > 0 else "down",
                "effect": round(effect, 4),
            }
            for lever, column, effect in named
        ]
        texts.append(json.dumps(top))
    return texts
