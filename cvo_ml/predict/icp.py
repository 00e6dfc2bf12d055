"""The lookalike columns of Scores."""

from __future__ import annotations

from typing import Final

import numpy as np
import pandas as pd

from cvo_ml.core.arrays import Floats
from cvo_ml.core.errors import ModelRefused
from cvo_ml.core.models import ICP
from cvo_ml.core.scores import columns_of, null_columns
from cvo_ml.models.protocol import ExplainedScorer, RankedScorer
from cvo_ml.predict.reasons import reasons_by_column
from cvo_ml.registry.bundles.loaded import LoadedModel

NO_LEAD: Final = "no_lead"
CUSTOMER_ALREADY: Final = "customer_already"


def icp_columns(features: pd.DataFrame, loaded: LoadedModel, leads: pd.DataFrame | None = None) -> pd.DataFrame:
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
    if loaded.settings.get("setting") != "leads":
        return _scored(features, loaded)
    known = features.index[:0] if leads is None else features.index[features.index.isin(leads.index)]
    if leads is None or known.empty:
        return null_columns(features.index, ICP.name, NO_LEAD)
    filled = _scored(leads.loc[known], loaded)
    absent = null_columns(features.index.difference(known), ICP.name, NO_LEAD)
    return pd.concat([filled, absent]).reindex(features.index) if len(absent) else filled


def prospect_columns(fields: pd.DataFrame, loaded: LoadedModel, customers: pd.Index) -> pd.DataFrame:
    """The ICP columns of people who are not customers yet, best first, with the reasons of each score.

    Parameters
    ----------
    fields:
        ``features.leads.lead_fields`` of the prospects, indexed by ``lead_id``.
    loaded:
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
    if loaded.settings.get("setting") != "leads":
        raise ModelRefused(
            f"{ICP.name}: the champion ({loaded.kind}) reads first orders, which prospects do not have: "
            f"train on leads and deals (cvo train {ICP.name} --set {ICP.name}.setting=leads)",
            reason_code="not_a_model_of_leads",
        )
    new = fields[~fields.index.isin(customers)]
    filled = _scored(new, loaded) if len(new) else null_columns(new.index, ICP.name, "")
    names, effects = _effects(new, loaded)
    filled = filled.assign(reasons=pd.Series(reasons_by_column(names, effects), index=new.index, dtype="str"))
    known = null_columns(fields.index[fields.index.isin(customers)], ICP.name, CUSTOMER_ALREADY)
    both = pd.concat([filled, known.assign(reasons=pd.Series(None, index=known.index, dtype="str"))])
    return both.sort_values(ICP.score, ascending=False, kind="stable", na_position="last")


def _effects(fields: pd.DataFrame, loaded: LoadedModel) -> tuple[tuple[str, ...], Floats]:
    """What each field does to each probability."""
    if fields.empty:
        return (), np.empty((0, 0))
    if not isinstance(loaded.model, ExplainedScorer):
        raise loaded.not_a("model that explains its scores")
    return loaded.model.effects(fields)


def _scored(fields: pd.DataFrame, loaded: LoadedModel) -> pd.DataFrame:
    model = loaded.model
    if not isinstance(model, RankedScorer):
        raise loaded.not_a("lookalike model")
    score = model.predict_proba(fields)[:, 1]
    percentile = model.percentile(score)
    frame = pd.DataFrame(
        {
            "icp_model": loaded.kind,
            "icp_model_version": loaded.version,
            "icp_grade": loaded.grade,
            "icp_score": score,
            "icp_percentile": percentile,
            "icp_tier": pd.Series(tiers(percentile), index=fields.index, dtype="str"),
        },
        index=fields.index,
    )[columns_of(ICP.name)]
    return frame.assign(icp_reason=pd.Series(None, index=fields.index, dtype="str"))


def tiers(percentile: Floats) -> list[str]:
    """Names of the percentile ranges.

    Examples
    --------
    >>> tiers(np.array([95., 75., 10.]))
    ['top 10 %', 'next 20 %', 'rest']
    """
    names = np.array(["rest", "next 20 %", "top 10 %"])
    return [str(name) for name in names[np.searchsorted([70, 90], percentile, side="right")]]
