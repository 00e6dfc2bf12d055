"""The churn columns of Scores."""

from __future__ import annotations

import json
from typing import Final, cast

import numpy as np
import pandas as pd

from cvo_ml.core.arrays import Floats, Objects
from cvo_ml.core.columns import Columns
from cvo_ml.core.models import CHURN
from cvo_ml.core.score_cells import Cell, Cells, among, null_cells, table
from cvo_ml.core.scores import REASONS
from cvo_ml.core.units import Horizon
from cvo_ml.features.churn_outcomes import own_windows, why_ineligible
from cvo_ml.models.churn import ChurnScorer, Explanation
from cvo_ml.registry.bundles.loaded import LoadedModel

MOST_REASONS: Final = 3


def churn_columns(features: pd.DataFrame, loaded: LoadedModel) -> pd.DataFrame:
    """Churn probability, band and reasons of customers who are not gone already.

    Returns
    -------
    pandas.DataFrame
        The churn columns, ``churn_reason`` and ``reasons``, indexed like ``features``; who cannot churn
        any more has nulls and the reason ``gone_already`` or ``no_active_subscription``.
    """
    return table(churn_cells(Columns(features), loaded), features.index)


def churn_cells(features: Columns, loaded: LoadedModel) -> Cells:
    """As ``churn_columns``."""
    why_not = why_ineligible(features, loaded.settings.get("definition_kind", ""), loaded.horizon)
    nulls: Cells = {**null_cells(CHURN.name, None), CHURN.reason: why_not, REASONS: None}
    eligible = pd.isna(why_not)
    return among(eligible, _scored(features.take(eligible), loaded), nulls) if eligible.any() else nulls


def _scored(rows: Columns, loaded: LoadedModel) -> Cells:
    """The columns of those who can churn."""
    if not loaded.answers(ChurnScorer):
        raise loaded.not_a("model of churn")
    model, rows = cast("ChurnScorer", loaded.model), loaded.completed(rows)
    probability = model.predict_proba(rows)[:, 1]
    bounds = model.interval_.bounds(probability)
    return {
        "churn_model": loaded.kind,
        "churn_model_version": loaded.version,
        "churn_grade": loaded.grade,
        "churn_definition": loaded.settings["definition"],
        "churn_horizon_days": horizon_days(rows, loaded),
        "churn_probability": probability,
        "churn_probability_p05": bounds[:, 0],
        "churn_probability_p95": bounds[:, 1],
        "churn_band": bands(probability, loaded.settings["bands"]),
        CHURN.reason: None,
        REASONS: reasons(model.explain(rows)),
    }


def horizon_days(rows: Columns, loaded: LoadedModel) -> Cell:
    """Each customer's window in days: the bundle's, or a multiple of the own gap where that is its definition."""
    own, horizon = loaded.settings.get("own_gaps"), loaded.horizon
    if own is None:
        return horizon.days
    return own_windows(rows, own["multiple"], Horizon.of_days(own["shortest_days"]), horizon)


def bands(probability: Floats, edges: dict[str, float]) -> Objects:
    """The band of each probability (n,): the first whose upper edge is not exceeded, else ``high``.

    Examples
    --------
    >>> bands(np.array([.1, .5, .9]), {"low": .33, "medium": .66}).tolist()
    ['low', 'medium', 'high']
    """
    names = np.array([*sorted(edges, key=lambda name: edges[name]), "high"], dtype=object)
    return np.asarray(names[np.searchsorted(sorted(edges.values()), probability, side="left")])


def reasons(explanation: Explanation) -> Objects:
    """The levers that move each probability most (n,), as JSON by model.

    Each has the lever, its strongest column, its direction, and its whole effect, in probability.
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
        texts.append(json.dumps({CHURN.name: top}, ensure_ascii=False))
    return np.array(texts, dtype=object)
