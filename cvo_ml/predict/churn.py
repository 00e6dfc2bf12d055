"""The churn columns of Scores."""

from __future__ import annotations

import json

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from cvo_ml.core.scores import null_columns
from cvo_ml.core.units import Horizon
from cvo_ml.features.snapshot import is_gone
from cvo_ml.registry.bundle import Bundle
from cvo_ml.registry.models import model_of

MOST_REASONS = 3


def churn_columns(features: pd.DataFrame, bundle: Bundle) -> pd.DataFrame:
    """Churn probability, band and reasons of customers who are not gone already.

    Returns
    -------
    pandas.DataFrame
        The churn columns and ``churn_reason``, indexed like ``features``; the gone have nulls and
        the reason ``gone_already``.
    """
    columns = null_columns(features.index, "churn", "gone_already")
    horizon = Horizon.of_days(bundle.settings["horizon_days"])
    rows = features[~is_gone(features, horizon)]
    if rows.empty:
        return columns
    model = model_of(bundle)
    probability = model.predict_proba(rows)[:, 1]
    filled = pd.DataFrame(
        {
            "churn_model": bundle.kind,
            "churn_model_version": bundle.version,
            "churn_grade": bundle.grade,
            "churn_definition": bundle.settings["definition"],
            "churn_horizon_days": horizon.days,
            "churn_probability": probability,
            "churn_band": bands(probability, bundle.settings["bands"]),
            "reasons": reasons(*model.effects(rows)),
        },
        index=rows.index,
    )
    for name, values in filled.items():
        columns.loc[rows.index, name] = values.astype(columns[name].dtype)
    columns.loc[rows.index, "churn_reason"] = None
    return columns


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


def reasons(names: tuple[str, ...], effects: NDArray[np.float64]) -> list[str]:
    """The columns that move each probability most, as JSON: feature, direction, effect in probability."""
    order = np.argsort(-np.abs(effects), axis=1, kind="stable")[:, :MOST_REASONS]
    texts = []
    for row, places in zip(effects, order, strict=True):
        named = [(names[place], float(row[place])) for place in places]
        top = [
            {"feature": name, "direction": "up" if effect > 0 else "down", "effect": round(effect, 4)}
            for name, effect in named
        ]
        texts.append(json.dumps(top))
    return texts
