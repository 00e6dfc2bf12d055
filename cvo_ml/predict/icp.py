"""The lookalike columns of Scores."""

from __future__ import annotations

from typing import Final

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from cvo_ml.core.errors import ModelRefused
from cvo_ml.core.scores import columns_of, null_columns
from cvo_ml.predict.reasons import reasons_by_column
from cvo_ml.registry.bundles.bundle import Bundle
from cvo_ml.registry.bundles.kinds import model_of

NO_LEAD: Final = "no_lead"
CUSTOMER_ALREADY: Final = "customer_already"


def icp_columns(features: pd.DataFrame, bundle: Bundle, leads: pd.DataFrame | None = None) -> pd.DataFrame:
    """Lookalike score, percentile and tier of each customer, from the first order or from the lead each was.

    Parameters
    ----------
    leads:
        Fields of the customers' leads, for a model of leads: a customer who is not among them has nulls and the
        reason ``no_lead``.

    Returns
    -------
    pandas.DataFrame
        The ICP columns and ``icp_reason``, indexed like ``features``.
    """
    if bundle.settings.get("setting") != "leads":
        return _scored(features, bundle)
    known = features.index[:0] if leads is None else features.index[features.index.isin(leads.index)]
    if leads is None or known.empty:
        return null_columns(features.index, "icp", NO_LEAD)
    filled = _scored(leads.loc[known], bundle)
    absent = null_columns(features.index.difference(known), "icp", NO_LEAD)
    return pd.concat([filled, absent]).reindex(features.index) if len(absent) else filled


def prospect_columns(fields: pd.DataFrame, bundle: Bundle, customers: pd.Index) -> pd.DataFrame:
    """The ICP columns of people who are not customers yet, best first, with the reasons of each score.

    Parameters
    ----------
    fields:
        ``features.leads.lead_fields`` of the prospects, indexed by ``lead_id``.
    bundle:
        A model of leads.
    customers:
        Lead ids of those who are customers already: nulls, with the reason ``customer_already``.

    Returns
    -------
    pandas.DataFrame
        Indexed by ``lead_id``: the ICP columns, ``reasons`` (JSON: the three fields that move the score most) and
        ``icp_reason``.

    Raises
    ------
    ModelRefused
        If the model reads first orders, which prospects do not have.
    """
    if bundle.settings.get("setting") != "leads":
        raise ModelRefused(
            f"icp: the champion ({bundle.kind}) reads first orders, which prospects do not have: train on leads and "
            "deals (cvo train icp --set icp.setting=leads)",
            reason_code="not_a_model_of_leads",
        )
    new = fields[~fields.index.isin(customers)]
    filled = _scored(new, bundle) if len(new) else null_columns(new.index, "icp", "")
    names, effects = model_of(bundle).effects(new) if len(new) else ((), np.empty((0, 0)))
    filled = filled.assign(reasons=pd.Series(reasons_by_column(names, effects), index=new.index, dtype="str"))
    known = null_columns(fields.index[fields.index.isin(customers)], "icp", CUSTOMER_ALREADY)
    both = pd.concat([filled, known.assign(reasons=pd.Series(None, index=known.index, dtype="str"))])
    return both.sort_values("icp_score", ascending=False, kind="stable", na_position="last")


def _scored(fields: pd.DataFrame, bundle: Bundle) -> pd.DataFrame:
    model = model_of(bundle)
    score = model.predict_proba(fields)[:, 1]
    percentile = model.percentile(score)
    frame = pd.DataFrame(
        {
            "icp_model": bundle.kind,
            "icp_model_version": bundle.version,
            "icp_grade": bundle.grade,
            "icp_score": score,
            "icp_percentile": percentile,
            "icp_tier": pd.Series(tiers(percentile), index=fields.index, dtype="str"),
        },
        index=fields.index,
    )[columns_of("icp")]
    return frame.assign(icp_reason=pd.Series(None, index=fields.index, dtype="str"))


def tiers(percentile: NDArray[np.float64]) -> list[str]:
    """Names of the percentile ranges.

    Examples
    --------
    >>> tiers(np.array([95., 75., 10.]))
    ['top 10 %', 'next 20 %', 'rest']
    """
    names = np.array(["rest", "next 20 %", "top 10 %"])
    return [str(name) for name in names[np.searchsorted([70, 90], percentile, side="right")]]
