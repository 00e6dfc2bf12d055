"""How good a lookalike score is on people who came later: lift, precision, order over time, who was asked."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, Final

import numpy as np
import pandas as pd

from cvo_ml.core.arrays import Flags, Floats
from cvo_ml.models.boosting import BoostedClassifier
from cvo_ml.stats.grading import Verdict, grade
from cvo_ml.stats.intervals import Interval, bootstrap, bootstraps
from cvo_ml.stats.positive_unlabelled import precision_at
from cvo_ml.stats.ranking import auc, lift

MODEL: Final = "model"
#: Parts of the test period that stability is looked at in, and fewest people and winners in a part.
PARTS: Final = 4
FEWEST: Final = (100, 10)
#: Seeds that a person is compared with, and how many of the nearest count.
SEEDS, NEAREST = 300, 10


def verdict_on(y: Flags, scores: Mapping[str, Floats], baseline: str) -> Verdict:
    """The grade of the model by its advantage over the baseline in top-decile lift, on the same rows."""
    ours, theirs = scores[MODEL], scores[baseline]
    return grade(bootstrap(lambda rows: lift(y[rows], ours[rows]) - lift(y[rows], theirs[rows]), len(y)), None, {})


def metrics(y: Flags, scores: Mapping[str, Floats], capacity: float) -> dict[str, float]:
    """AUC and top-decile lift of every score; lift and precision at capacity of the model with 95 % intervals."""
    found: dict[str, float] = {
        "test_rows": float(len(y)),
        "test_positives": float(y.sum()),
        "base_rate": float(y.mean()),
    }
    for name, score in scores.items():
        prefix = name.replace(" ", "_")
        found |= {f"{prefix}_auc": auc(y, score), f"{prefix}_lift_top_decile": lift(y, score)}
    ours = scores[MODEL]
    lifted, precision = bootstraps(
        lambda rows: (lift(y[rows], ours[rows]), precision_at(y[rows], ours[rows], capacity)), len(y)
    )
    found |= spread("model_lift_top_decile", lifted)
    return found | {"precision_at_capacity": precision.estimate} | spread("precision_at_capacity", precision)


def spread(name: str, interval: Interval) -> dict[str, float]:
    """The bounds of an interval as metrics."""
    return {f"{name}_lower": interval.lower, f"{name}_upper": interval.upper}


def stability(y: Flags, score: Floats, came: pd.Series) -> list[dict[str, Any]]:
    """Lift in each quarter of the test period, so that a score that wears out shows it."""
    edges = came.quantile(np.linspace(0, 1, PARTS + 1)).to_numpy()
    place = np.clip(np.searchsorted(edges, came.to_numpy(), side="right") - 1, 0, PARTS - 1)
    found = []
    for part in range(PARTS):
        rows = np.flatnonzero(place == part)
        if len(rows) < FEWEST[0] or y[rows].sum() < FEWEST[1]:
            continue
        y_part, score_part = y[rows], score[rows]
        inside = _lift_interval(y_part, score_part)
        since, until = (str(pd.Timestamp(moment).date()) for moment in (edges[part], edges[part + 1]))
        found.append({"since": since, "until": until, "people": len(rows), "lift_top_decile": inside.to_json()})
    return found


def _lift_interval(y: Flags, score: Floats) -> Interval:
    return bootstrap(lambda rows: lift(y[rows], score[rows]), len(y), replicates=300)


def nearest_seeds(trees: BoostedClassifier, seeds: pd.DataFrame, X: pd.DataFrame) -> Floats:
    """Similarity to the nearest known winners: the share of trees in which both fall into one leaf; (n,).

    The proximity of Breiman's forests, averaged over the ten nearest of at most 300 winners.
    """
    chosen = seeds.iloc[np.linspace(0, len(seeds) - 1, min(SEEDS, len(seeds))).astype(int)]
    theirs, ours = trees.leaves(chosen), trees.leaves(X)
    alike = np.zeros((len(X), len(chosen)))
    for tree in range(ours.shape[1]):
        alike += ours[:, [tree]] == theirs[:, tree]
    nearest = min(NEAREST, len(chosen))
    return np.asarray(np.partition(alike, -nearest, axis=1)[:, -nearest:].mean(axis=1) / ours.shape[1])


def logistic(train: pd.DataFrame, y: Flags, later: pd.DataFrame, numbers: list[str], texts: list[str]) -> Floats:
    """Logistic regression on standardised numbers and one-hot texts; (n,) probabilities of the later rows."""
    from sklearn.compose import make_column_transformer
    from sklearn.impute import SimpleImputer
    from sklearn.linear_model import LogisticRegression
    from sklearn.pipeline import make_pipeline
    from sklearn.preprocessing import OneHotEncoder, StandardScaler

    def plain(rows: pd.DataFrame) -> pd.DataFrame:
        found = {name: pd.to_numeric(rows[name], errors="coerce").to_numpy(dtype=np.float64) for name in numbers}
        return pd.DataFrame(
            {**found, **{name: rows[name].astype("object").fillna("none").astype(str) for name in texts}}
        )

    columns = make_column_transformer(
        (make_pipeline(SimpleImputer(add_indicator=True), StandardScaler()), numbers),
        (OneHotEncoder(handle_unknown="ignore", min_frequency=5), texts),
    )
    fitted = make_pipeline(columns, LogisticRegression(max_iter=2000)).fit(plain(train), y)
    return np.asarray(fitted.predict_proba(plain(later))[:, 1])
