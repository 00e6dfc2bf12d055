"""The churn columns of Scores."""

from __future__ import annotations

import json

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from cvo_ml.core.scores import null_columns
from cvo_ml.core.units import Horizon
from cvo_ml.features.churn_outcomes import ineligible, own_horizon_days
from cvo_ml.models.churn import Explanation
from cvo_ml.registry.bundles.bundle import Bundle
from cvo_ml.registry.bundles.kinds import model_of
from cvo_ml.registry.bundles.purchase_columns import completed

MOST_REASONS = 3


def churn_columns(features: pd.DataFrame, bundle: Bundle) -> pd.DataFrame:
    """Churn probability, band and reasons of customers who are not gone already.

    Returns
    -------
    pandas.DataFrame
        The churn columns and ``churn_reason``, indexed like ``features``; who cannot churn any more has nulls and
        the reason ``gone_already`` or ``no_active_subscription``.
    """
    columns = null_columns(features.index, "churn", "gone_already")
    horizon = Horizon.of_days(bundle.settings["horizon_days"])
    why_not = ineligible(features, bundle.settings.get("definition_kind", ""), horizon)
    columns["churn_reason"] = why_not
    columns["reasons"] = pd.Series(None, index=features.index, dtype="str")
    rows = features[why_not.isna()]
    if rows.empty:
        return columns
    model, rows = model_of(bundle), completed(rows, bundle)
    probability = model.predict_proba(rows)[:, 1]
    bounds = model.interval_.bounds(probability)
    filled = pd.DataFrame(
        {
            "churn_model": bundle.kind,
            "churn_model_version": bundle.version,
            "churn_grade": bundle.grade,
            "churn_definition": bundle.settings["definition"],
            "churn_horizon_days": horizon_days(rows, bundle, horizon),
            "churn_probability": probability,
            "churn_probability_p05": bounds[:, 0],
            "churn_probability_p95": bounds[:, 1],
            "churn_band": bands(probability, bundle.settings["bands"]),
            "reasons": reasons(model.explain(rows)),
        },
        index=rows.index,
    )
    for name, values in filled.items():
        columns.loc[rows.index, name] = values.astype(columns[name].dtype)
    return columns


def horizon_days(rows: pd.DataFrame, bundle: Bundle, horizon: Horizon) -> pd.Series:
    """Each customer's window in days: the bundle's, or a multiple of the own gap where that is its definition."""
    own = bundle.settings.get("own_gaps")
    if own is None:
        return pd.Series(horizon.days, index=rows.index)
    return own_horizon_days(rows, own["multiple"], Horizon.of_days(own["shortest_days"]), horizon)


def bands(probability: NDArray[np.float64], edges: dict[str, float]) -> list[str]:
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
