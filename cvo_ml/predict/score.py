"""One function that fills the model columns of Scores; batch, HTTP and Spark all call it."""

from __future__ import annotations

from datetime import date
from typing import Final

import numpy as np
import pandas as pd

from cvo_ml.core.arrays import Objects
from cvo_ml.core.columns import Columns, Table
from cvo_ml.core.models import CHURN, CLV, ICP
from cvo_ml.core.score_cells import Cells, among, null_cells, objects, table
from cvo_ml.core.scores import ECONOMICS, NOT_COMPUTED_YET, REASON_COLUMNS, REASONS, TOTAL, score_columns
from cvo_ml.core.units import midnight
from cvo_ml.predict.churn import churn_cells
from cvo_ml.predict.clv import clv_cells, refused_cells
from cvo_ml.predict.icp import icp_cells
from cvo_ml.predict.loaded import LoadedModels

NO_ORDER_LEFT: Final = "no_order_left"


def score(
    features: Table,
    models: LoadedModels,
    *,
    as_of: date,
    currency: str,
    value_basis: str = "revenue",
    leads: pd.DataFrame | None = None,
) -> pd.DataFrame:
    """The run and model columns of Scores.

    Parameters
    ----------
    features:
        ``features.customer_features`` at ``as_of``, indexed by ``customer_id``. Rows of nulls
        (customers all of whose orders were refunded) get nulls and the reason ``no_order_left``.
    models:
        What to score with.
    currency, value_basis:
        Of all money in the table.
    leads:
        ``features.leads.customer_leads``, where the lookalike model reads the fields of leads.

    Returns
    -------
    pandas.DataFrame
        Indexed by ``customer_id``, one row per row of ``features``. Each row depends on itself
        alone, so one customer scores the same as among a million.
    """
    rows = Columns.of(features)
    present = ~np.isnan(rows.numbers("number_of_orders"))
    known = rows.take(present)
    cells: Cells = {
        "customer_id": rows.index.astype("str").array,
        "as_of": midnight(as_of),
        "currency": currency,
        "value_basis": value_basis,
    }
    groups = {CLV: _clv(known, models, as_of), CHURN: _churn(known, models), ICP: _icp(known, models, leads)}
    for model, group in groups.items():
        cells |= among(present, group, null_cells(model.name, NO_ORDER_LEFT))
    for later in (ECONOMICS, TOTAL):
        cells |= null_cells(later, NOT_COMPUTED_YET)
    cells |= {REASONS: cells.get(REASONS), REASON_COLUMNS[REASONS]: _why_no_reasons(cells, len(rows))}
    return table({name: cells[name] for name in score_columns() if name in cells}, rows.index)


def _why_no_reasons(cells: Cells, n: int) -> Objects:
    """A null in ``reasons`` has the reason of the model that gives them, which is churn today (n,)."""
    given, why_not = (objects(cells.get(name), n) for name in (REASONS, CHURN.reason))
    why_none = np.where(pd.isna(why_not), f"{CHURN.name}_gives_none", why_not)
    why_none[~pd.isna(given)] = None
    return why_none


def _clv(features: Columns, models: LoadedModels, as_of: date) -> Cells:
    model = models.get(CLV.name)
    if model is not None:
        return clv_cells(features, model, as_of)
    return refused_cells(features, models.reason(CLV.name))


def _churn(features: Columns, models: LoadedModels) -> Cells:
    model = models.get(CHURN.name)
    return null_cells(CHURN.name, models.reason(CHURN.name)) if model is None else churn_cells(features, model)


def _icp(features: Columns, models: LoadedModels, leads: pd.DataFrame | None) -> Cells:
    model = models.get(ICP.name)
    return null_cells(ICP.name, models.reason(ICP.name)) if model is None else icp_cells(features, model, leads)
