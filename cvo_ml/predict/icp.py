"""The lookalike columns of Scores."""

from __future__ import annotations

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from cvo_ml.core.scores import columns_of
from cvo_ml.registry.bundle import Bundle
from cvo_ml.registry.models import model_of


def icp_columns(features: pd.DataFrame, bundle: Bundle) -> pd.DataFrame:
    """Lookalike score, percentile and tier of each customer, from the fields of the first order.

    Returns
    -------
    pandas.DataFrame
        The ICP columns and ``icp_reason``, indexed like ``features``.
    """
    model = model_of(bundle)
    score = model.predict_proba(features)[:, 1]
    percentile = model.percentile(score)
    frame = pd.DataFrame(
        {
            "icp_model": bundle.kind,
            "icp_model_version": bundle.version,
            "icp_grade": bundle.grade,
            "icp_score": score,
            "icp_percentile": percentile,
            "icp_tier": pd.Series(tiers(percentile), index=features.index, dtype="str"),
        },
        index=features.index,
    )[columns_of("icp")]
    return frame.assign(icp_reason=pd.Series(None, index=features.index, dtype="str"))


def tiers(percentile: NDArray[np.float64]) -> list[str]:
    """Names of the percentile ranges.

    Examples
    --------
    >>> tiers(np.array([95., 75., 10.]))
    ['top 10 %', 'next 20 %', 'rest']
    """
    names = np.array(["rest", "next 20 %", "top 10 %"])
    return [str(name) for name in names[np.searchsorted([70, 90], percentile, side="right")]]
