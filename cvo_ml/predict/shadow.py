"""Two sets of models on the same customers: how far the scores of the second are from those of the first."""

from __future__ import annotations

from typing import Any, Final

import numpy as np
import pandas as pd

from cvo_ml.predict.score import ModelSet, score
from cvo_ml.stats.shift import ks, psi, reference

#: The score of each model, and the column of what people see of it.
COMPARED: Final = {
    "clv": ("predicted_clv", None),
    "churn": ("churn_probability", "churn_band"),
    "icp": ("icp_score", "icp_tier"),
}
TOP: Final = 0.1


def shadow(features: pd.DataFrame, serving: ModelSet, behind: ModelSet, **run: Any) -> dict[str, dict[str, Any]]:
    """Score with both and compare each model that both hold; nothing is stored.

    Parameters
    ----------
    features:
        As for ``score``.
    serving, behind:
        The champions, and the challengers in their shadow.
    run:
        ``as_of`` and ``currency``, as for ``score``.

    Returns
    -------
    dict
        By model: customers scored by each, means, mean absolute difference, rank correlation, PSI, KS, the share of the
        top tenth that both name, and the share of customers whose band or tier differs.
    """
    names = [name for name in COMPARED if name in serving.bundles and name in behind.bundles]
    first, second = (score(features, models, **run) for models in (serving, behind))
    return {name: _compare(first, second, *COMPARED[name]) for name in names}


def _compare(first: pd.DataFrame, second: pd.DataFrame, column: str, label: str | None) -> dict[str, Any]:
    a, b = (scores[column].to_numpy(dtype=np.float64, na_value=np.nan) for scores in (first, second))
    both = np.isfinite(a) & np.isfinite(b)
    found: dict[str, Any] = {
        "champion_scored": int(np.isfinite(a).sum()),
        "challenger_scored": int(np.isfinite(b).sum()),
    }
    if not both.any():
        return found
    known = pd.DataFrame({"champion": a[both], "challenger": b[both]})
    size = max(1, round(TOP * len(known)))
    top = [set(known[name].nlargest(size).index) for name in known]
    found |= {
        "champion_mean": float(known["champion"].mean()),
        "challenger_mean": float(known["challenger"].mean()),
        "mean_absolute_difference": float((known["challenger"] - known["champion"]).abs().mean()),
        "rank_correlation": _finite(known["champion"].corr(known["challenger"], method="spearman")),
        "psi": _finite(psi(reference(a[both]), b[both])),
        "ks": _finite(ks(a[both], b[both])),
        "same_top_decile": len(top[0] & top[1]) / size,
    }
    if label is not None:
        found[f"other_{label}"] = float((first[label][both] != second[label][both]).mean())
    return found


def _finite(value: float) -> float | None:
    return float(value) if np.isfinite(value) else None
