"""The lookalike columns of Scores."""

from __future__ import annotations

from typing import Final, cast

import numpy as np
import pandas as pd

from cvo_ml.core.arrays import Floats, Objects
from cvo_ml.core.columns import Columns
from cvo_ml.core.errors import ModelRefused
from cvo_ml.core.models import ICP
from cvo_ml.core.score_cells import Cells, among, null_cells, table
from cvo_ml.core.scores import REASONS, columns_of
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
    return table(icp_cells(Columns(features), loaded, leads), features.index)


def icp_cells(features: Columns, loaded: LoadedModel, leads: pd.DataFrame | None = None) -> Cells:
    """As ``icp_columns``."""
    if loaded.settings.get("setting") != "leads":
        return _scored(features, loaded)
    nulls = null_cells(ICP.name, NO_LEAD)
    if leads is None:
        return nulls
    known = features.index.isin(leads.index)
    return among(known, _scored(Columns(leads.loc[features.index[known]]), loaded), nulls) if known.any() else nulls


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
    rows, already = Columns(fields), fields.index.isin(customers)
    cells: Cells = {**null_cells(ICP.name, CUSTOMER_ALREADY), REASONS: None}
    if not already.all():
        new = rows.take(~already)
        cells = among(~already, {**_scored(new, loaded), REASONS: _reasons(new, loaded)}, cells)
    found = table({name: cells[name] for name in (*columns_of(ICP.name), ICP.reason, REASONS)}, fields.index)
    return found.sort_values(ICP.score, ascending=False, kind="stable", na_position="last")


def _reasons(fields: Columns, loaded: LoadedModel) -> Objects:
    """The fields that move each score most, as JSON (n,)."""
    if not isinstance(loaded.model, ExplainedScorer):
        raise loaded.not_a("model that explains its scores")
    return np.array(reasons_by_column(*loaded.model.effects(fields)), dtype=object)


def _scored(fields: Columns, loaded: LoadedModel) -> Cells:
    if not loaded.answers(RankedScorer):
        raise loaded.not_a("lookalike model")
    model = cast("RankedScorer", loaded.model)
    score = model.predict_proba(fields)[:, 1]
    percentile = model.percentile(score)
    return {
        "icp_model": loaded.kind,
        "icp_model_version": loaded.version,
        "icp_grade": loaded.grade,
        "icp_score": score,
        "icp_percentile": percentile,
        "icp_tier": tiers(percentile),
        ICP.reason: None,
    }


def tiers(percentile: Floats) -> Objects:
    """Names of the percentile ranges (n,).

    Examples
    --------
    >>> tiers(np.array([95., 75., 10.])).tolist()
    ['top 10 %', 'next 20 %', 'rest']
    """
    names = np.array(["rest", "next 20 %", "top 10 %"], dtype=object)
    return np.asarray(names[np.searchsorted([70, 90], percentile, side="right")])
