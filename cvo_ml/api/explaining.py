"""One customer explained."""

from __future__ import annotations

from datetime import date
from pathlib import Path

import pandas as pd

from cvo_ml.api.reading import ReadTables, as_tables, refuse_unseen
from cvo_ml.api.scoring import currency_of, published
from cvo_ml.core.errors import UsageError
from cvo_ml.core.tables import Tables
from cvo_ml.core.units import parse_as_of
from cvo_ml.predict import LoadedModels
from cvo_ml.predict.explain import explain as explain_from_models
from cvo_ml.report.customer import CustomerInNotebook
from cvo_ml.workflows.explain import with_population
from cvo_ml.workflows.score_tables import check_models


def explain(
    source: Tables | pd.DataFrame,
    models: LoadedModels,
    as_of: str | date,
    customer_id: str,
    *,
    results: str | Path | None = None,
) -> CustomerInNotebook:
    """What is known of one customer, what the models say and why; a notebook shows it as tables.

    Parameters
    ----------
    source:
        The whole shop, as tables or a frame of orders (``customer_id, ordered_at, net``): the value is explained beside
        the typical customer.
    models:
        What ``load_models`` returned.
    as_of:
        The cut: nothing later is known.
    customer_id:
        As the source writes it, as text.
    results:
        The folder of a shop's published results (``out``): adds the group, the next action with its alternatives, and
        what moved since the run before.

    Returns
    -------
    CustomerInNotebook
        ``history``, ``path`` (P(alive) day by day), ``scores``, ``reasons``; ``plot()`` draws the path, with a model's
        name its reasons; ``to_json()``.

    Raises
    ------
    UsageError
        If an argument has the wrong type, or no order of the customer is known by then.
    ModelRefused
        If a model was trained on another shop, in another currency, or with data after ``as_of``.

    Examples
    --------
    >>> import cvo_ml as cvo
    >>> tables, models = cvo.read_shop("shop.yaml", as_of="2023-03-01"), cvo.load_models("mlruns")
    >>> customer = tables.orders["customer_id"].value_counts().index[0]
    >>> said = cvo.explain(tables, models, "2023-03-01", customer, results="out")
    >>> [score.values[0].name for score in said.scores], said.path.days[-1].isoformat()
    (['predicted_clv', 'churn_probability', 'icp_score'], '2023-05-30')
    >>> value = said.reasons[0]  # in money, beside the typical customer
    >>> abs(value.start + sum(part.effect for part in value.parts) - value.end) < 1e-9
    True
    >>> len(said.action.options), said.changes.reason
    (13, 'no_earlier_run')
    >>> said.plot().layout.title.text
    'P(alive) through time, as of 2023-03-01'
    """
    if not isinstance(models, LoadedModels):
        raise UsageError(f"explain: models are what load_models('mlruns') returns, not {type(models).__name__}")
    tables, day = as_tables(source, "explain", currency_of(models)), parse_as_of(as_of)
    shop = tables.shop if isinstance(tables, ReadTables) else ""
    check_models(models, shop=shop or None, currency=tables.currency, as_of=day)
    refuse_unseen(tables, day)
    place = None if results is None else published(results)
    said = explain_from_models(tables, models, day, customer_id)
    if place is not None:
        # tables that nobody named are taken to be those of the shop that the models learnt from
        learnt = (str(model.bundle.facts.get("shop", "")) for model in models.models.values())
        said = with_population(said, tables, models, place, shop or next(filter(None, learnt), ""))
    return CustomerInNotebook.of(said)
