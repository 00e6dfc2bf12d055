"""Do the rules say as much about the future as a model's segments do?"""

from __future__ import annotations

from typing import Any, Final

import numpy as np
import pandas as pd

from cvo_ml.segments.edges import Floats
from cvo_ml.stats.intervals import bootstrap

FOLDS: Final = 5
REPLICATES: Final = 500


def compare(rules: pd.Series, model: pd.Series, later_value: Floats, seed: int = 0) -> dict[str, Any]:
    """How much of what customers brought later each segmentation explains, out of fold.

    The value is logged, log(1 + v), so that a few large customers do not decide. Each customer is predicted by the mean
    of the segment among the customers of the other folds.

    Parameters
    ----------
    rules, model:
        The segment of each customer on a date (n,).
    later_value:
        What each brought in the window after that date (n,), >= 0.

    Returns
    -------
    dict
        ``rules_explain`` and ``model_explains`` (shares of variance), ``lead`` of the model with its paired bootstrap
        interval, and ``verdict``: ``model``, ``rules`` or ``alike`` where the interval holds 0.
    """
    logged = np.log1p(np.maximum(later_value, 0.0))
    fold = np.random.default_rng(seed).permutation(len(logged)) % FOLDS
    spread = float(((logged - logged.mean()) ** 2).mean())
    if not spread > 0:
        return {"reason": "nobody brought anything different in the window: there is nothing to explain"}
    errors = {name: _errors(segments, logged, fold) for name, segments in (("rules", rules), ("model", model))}
    gain = (errors["rules"] - errors["model"]) / spread
    lead = bootstrap(lambda rows: float(gain[rows].mean()), len(gain), replicates=REPLICATES)
    return {
        "rules_explain": 1 - float(errors["rules"].mean()) / spread,
        "model_explains": 1 - float(errors["model"].mean()) / spread,
        "lead": lead.as_dict(),
        "verdict": "model" if lead.lower > 0 else "rules" if lead.upper < 0 else "alike",
    }


def _errors(segments: pd.Series, logged: Floats, fold: np.ndarray[Any, np.dtype[np.int64]]) -> Floats:
    """Squared error of each customer when predicted by the segment's mean in the other folds."""
    codes, names = pd.factorize(segments.astype("str").to_numpy())
    squared = np.empty(len(logged))
    for held in range(FOLDS):
        seen = fold != held
        counts = np.bincount(codes[seen], minlength=len(names))
        sums = np.bincount(codes[seen], weights=logged[seen], minlength=len(names))
        # a segment without customers in the other folds is predicted by everybody's mean
        means = np.where(counts > 0, sums / np.maximum(counts, 1), logged[seen].mean())
        squared[~seen] = (logged[~seen] - means[codes[~seen]]) ** 2
    return squared
