"""Two sets of models on the same customers: how far the scores of the second are from those of the first."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import date
from typing import Final

import numpy as np
import pandas as pd

from cvo_ml.core.arrays import Flags
from cvo_ml.core.models import MODELS, ModelSpec
from cvo_ml.core.result import Json, Result
from cvo_ml.predict.loaded import LoadedModels
from cvo_ml.predict.score import score
from cvo_ml.stats.shift import ks, psi, reference

TOP: Final = 0.1


@dataclass(frozen=True)
class ShadowComparison(Result):
    """Champion and challenger on the customers whom both score; None where there are none, or a number is undefined.

    Parameters
    ----------
    champion_scored, challenger_scored:
        Customers with a score of each.
    champion_mean, challenger_mean, mean_absolute_difference:
        In the score's unit.
    rank_correlation:
        Spearman's.
    psi, ks:
        How far the challenger's distribution is from the champion's.
    same_top_decile:
        Share of the top tenth that both name.
    label, other_label:
        The column that people see of the score, and the share of customers for whom it differs.
    """

    champion_scored: int
    challenger_scored: int
    champion_mean: float | None = None
    challenger_mean: float | None = None
    mean_absolute_difference: float | None = None
    rank_correlation: float | None = None
    psi: float | None = None
    ks: float | None = None
    same_top_decile: float | None = None
    label: str | None = None
    other_label: float | None = None

    def to_json(self) -> dict[str, Json]:
        """The two counts alone where nobody has both scores; the last share is named after its column."""
        found = super().to_json()
        label, other = found.pop("label"), found.pop("other_label")
        if self.champion_mean is None:
            return {name: found[name] for name in ("champion_scored", "challenger_scored")}
        return found if label is None else {**found, f"other_{label}": other}


def shadow(
    features: pd.DataFrame,
    serving: LoadedModels,
    behind: LoadedModels,
    *,
    as_of: date,
    currency: str,
    leads: tuple[pd.DataFrame | None, pd.DataFrame | None] = (None, None),
    features_behind: pd.DataFrame | None = None,
) -> dict[str, ShadowComparison]:
    """Score with both and compare each model that both hold, by name; nothing is stored.

    Parameters
    ----------
    features, as_of, currency:
        As for ``score``.
    serving, behind:
        The champions, and the challengers in their shadow.
    leads:
        The fields of leads that each of them reads, as for ``score``.
    features_behind:
        What the challengers read, where it is not the same.
    """
    sides = features, features if features_behind is None else features_behind
    first, second = (
        score(known, models, as_of=as_of, currency=currency, leads=fields)
        for models, known, fields in zip((serving, behind), sides, leads, strict=True)
    )
    return {
        model.name: _compare(first, second, model) for model in MODELS if model.name in serving and model.name in behind
    }


def _compare(first: pd.DataFrame, second: pd.DataFrame, model: ModelSpec) -> ShadowComparison:
    a, b = (scores[model.score].to_numpy(dtype=np.float64, na_value=np.nan) for scores in (first, second))
    both = np.isfinite(a) & np.isfinite(b)
    counts = int(np.isfinite(a).sum()), int(np.isfinite(b).sum())
    if not both.any():
        return ShadowComparison(*counts)
    known = pd.DataFrame({"champion": a[both], "challenger": b[both]})
    return ShadowComparison(
        *counts,
        champion_mean=float(known["champion"].mean()),
        challenger_mean=float(known["challenger"].mean()),
        mean_absolute_difference=float((known["challenger"] - known["champion"]).abs().mean()),
        rank_correlation=_finite(known["champion"].corr(known["challenger"], method="spearman")),
        psi=_finite(psi(reference(a[both]), b[both])),
        ks=_finite(ks(a[both], b[both])),
        same_top_decile=_same_top(known),
        label=model.label,
        other_label=_other(first, second, both, model.label),
    )


def _same_top(known: pd.DataFrame) -> float:
    size = max(1, round(TOP * len(known)))
    top = [set(known[name].nlargest(size).index) for name in known]
    return len(top[0] & top[1]) / size


def _other(first: pd.DataFrame, second: pd.DataFrame, both: Flags, label: str | None) -> float | None:
    return None if label is None else float((first[label][both] != second[label][both]).mean())


def _finite(value: float) -> float | None:
    return float(value) if np.isfinite(value) else None
