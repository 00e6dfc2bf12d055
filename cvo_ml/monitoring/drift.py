"""Features and scores of a run against the rows that each model learned from."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any, Final

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from cvo_ml.core.result import from_json
from cvo_ml.stats.shift import Reference, ks_to_reference, psi, psi_by_chance, reference

Floats = NDArray[np.float64]
#: categories beyond these count as one
MOST_LABELS: Final = 20
SCORE: Final = "score"


def reference_of(features: pd.DataFrame, names: Sequence[str], score: Floats) -> dict[str, Any]:
    """What a bundle keeps of the rows that its model learned from: shares, never customers.

    Parameters
    ----------
    features, names:
        (n, columns), and which columns the model reads: numbers and categories.
    score:
        (n,) what the model says of these rows.
    """
    described = {name: _described(features[name]) for name in names}
    return {"features": described, SCORE: reference(np.asarray(score, dtype=np.float64)).to_json()}


def drift(kept: Mapping[str, Any], features: pd.DataFrame, score: Floats) -> dict[str, Any]:
    """How far rows lie from a bundle's reference.

    Returns
    -------
    dict
        ``rows``; ``score`` with ``psi, chance, ks``; ``features``: the same by name, the largest index first.
        ``chance`` is what the index of as many rows of the same population rarely exceeds.
    """
    found = {
        name: _shift(from_json(Reference, content), _numbers(features[name], content.get("labels")))
        for name, content in kept["features"].items()
        if name in features
    }
    ordered = sorted(found.items(), key=lambda item: -item[1]["psi"])
    return {
        "rows": len(features),
        SCORE: _shift(from_json(Reference, kept[SCORE]), np.asarray(score, dtype=np.float64)),
        "features": dict(ordered),
    }


def _described(column: pd.Series) -> dict[str, Any]:
    if pd.api.types.is_numeric_dtype(column):
        return reference(_numbers(column, None)).to_json()
    labels = sorted(column.dropna().astype("str").value_counts().index[:MOST_LABELS])
    codes = _numbers(column, labels)
    edges = tuple(np.arange(len(labels)) + 0.5)
    counts = np.bincount(codes[np.isfinite(codes)].astype(int), minlength=len(labels) + 1)
    shares = (*(counts / max(1, len(column))).tolist(), float(np.isnan(codes).mean()) if len(column) else 0.0)
    return {**Reference(edges, shares, len(column)).to_json(), "labels": labels}


def _numbers(column: pd.Series, labels: Sequence[str] | None) -> Floats:
    """Numbers as they are; categories as their place among the labels, others after the last."""
    if labels is None:
        return column.to_numpy(dtype=np.float64, na_value=np.nan)
    places = {label: float(place) for place, label in enumerate(labels)}
    known = column.notna().to_numpy()
    codes = np.array([places.get(str(value), float(len(labels))) for value in column], dtype=np.float64)
    return np.where(known, codes, np.nan)


def _shift(expected: Reference, values: Floats) -> dict[str, float]:
    found = {
        "psi": psi(expected, values),
        "chance": psi_by_chance(expected, len(values)),
        "ks": ks_to_reference(expected, values),
    }
    return {name: value for name, value in found.items() if np.isfinite(value)} | (
        {} if np.isfinite(found["psi"]) else {"psi": 0.0, "chance": 0.0}
    )
