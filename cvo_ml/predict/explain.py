"""One customer explained from tables and models alone: history, P(alive) path, scores with intervals, reasons."""

from __future__ import annotations

from collections.abc import Mapping
from datetime import date
from typing import Final

import pandas as pd

from cvo_ml.core.contracts import CONTRACTS
from cvo_ml.core.explanation import (
    CustomerExplanation,
    CustomerHistory,
    ModelReasons,
    ModelScores,
    OrderFact,
    ScoredValue,
    SideFact,
)
from cvo_ml.core.models import CHURN, CLV, ICP, MODELS, ModelSpec
from cvo_ml.core.result import Json, to_json
from cvo_ml.core.scores import columns_of
from cvo_ml.core.tables import Tables
from cvo_ml.core.units import Horizon, parse_as_of
from cvo_ml.core.visibility import happened, visible_table
from cvo_ml.features.leads import customer_leads
from cvo_ml.predict.alive_path import alive_path, order_facts
from cvo_ml.predict.attribution import churn_reasons, clv_reasons, icp_reasons
from cvo_ml.predict.loaded import LoadedModels
from cvo_ml.predict.one_customer import features_of, of_customer
from cvo_ml.predict.score import NO_ORDER_LEFT, score

#: tables of a customer that are told beside the orders
OTHERS: Final = ("subscriptions", "tickets", "surveys", "returns", "events", "milestones", "treatments")
#: what a model's group says of the model itself
_ABOUT: Final = ("model", "model_version", "grade", "horizon_days")


def explain(tables: Tables, models: LoadedModels, as_of: str | date, customer_id: str) -> CustomerExplanation:
    """What is known and said of one customer at ``as_of``; nothing is stored.

    Parameters
    ----------
    tables:
        The whole shop: the typical customer, beside whom CLV is explained, is made of all.
    models:
        What to score with; what is absent has its reason.

    Returns
    -------
    CustomerExplanation
        Without segment, action and changes, which need the other customers and the store (``workflows.explain``).

    Raises
    ------
    UsageError
        If no order of the customer is known before ``as_of``.
    """
    day = parse_as_of(as_of)
    own = of_customer(tables, customer_id, day)
    features = features_of(own, tables, day, models.own)
    leads = lead_fields(own, day, models)
    scores = score(features, models, as_of=day, currency=tables.currency, leads=leads)
    row = scores.iloc[0]
    missing = {model.name: models.reason(model.name) for model in MODELS}
    return CustomerExplanation(
        customer_id=customer_id,
        as_of=day,
        currency=tables.currency,
        history=history(own, features.iloc[0], day),
        path=alive_path(own, features, models.get(CLV.name), day, missing[CLV.name]),
        scores=scores_of(row),
        reasons=_reasons(tables, day, features, leads, models, missing),
        notes=models.notes,
        row=row_of(row),
    )


def lead_fields(tables: Tables, as_of: date, models: LoadedModels) -> pd.DataFrame | None:
    """The fields of the leads that customers were, by customer, where the lookalike model reads them."""
    model = models.get(ICP.name)
    if model is None or model.settings.get("setting") != "leads":
        return None
    return customer_leads(tables, as_of, Horizon.of_days(model.settings["known_within_days"]))


def row_of(row: pd.Series) -> dict[str, Json]:
    """A row of Scores by column."""
    return {str(name): None if pd.isna(value) else to_json(value) for name, value in row.items()}


def scores_of(row: pd.Series) -> tuple[ModelScores, ...]:
    """What each model says in a row of Scores, a null with its reason."""
    return tuple(_model_scores(row, model) for model in MODELS)


def history(own: Tables, features: pd.Series, as_of: date) -> CustomerHistory:
    """What happened until ``as_of``."""
    orders = order_facts(own, as_of)
    columns = (orders["ordered_at"].dt.date, orders["net"], orders["refunded"], orders["counts"])
    facts = tuple(
        OrderFact(day, float(net), float(back), bool(counts)) for day, net, back, counts in zip(*columns, strict=True)
    )
    others = (_side_fact(own, name, as_of) for name in OTHERS if name in own)
    return CustomerHistory(
        orders=facts,
        number_of_orders=_known(features, "number_of_orders"),
        net_value=_known(features, "net_value"),
        refunded=float(visible_table(own, "refunds", as_of)["amount"].sum()),
        average_order_value=_known(features, "average_order_value"),
        mean_gap=_known(features, "mean_gap_days"),
        median_gap=_known(features, "median_gap_days"),
        longest_gap=_known(features, "longest_gap_days"),
        days_since_last_order=_known(features, "days_since_last_order"),
        others=tuple(fact for fact in others if fact is not None),
    )


def _reasons(
    tables: Tables,
    as_of: date,
    features: pd.DataFrame,
    leads: pd.DataFrame | None,
    models: LoadedModels,
    missing: Mapping[str, str],
) -> tuple[ModelReasons, ...]:
    if features["number_of_orders"].isna().all():
        return tuple(ModelReasons(model.name, model.unit, reason=NO_ORDER_LEFT) for model in MODELS)
    return (
        clv_reasons(tables, as_of, features, models.get(CLV.name), missing[CLV.name]),
        churn_reasons(features, models.get(CHURN.name), missing[CHURN.name]),
        icp_reasons(features, models.get(ICP.name), leads, missing[ICP.name]),
    )


def _model_scores(row: pd.Series, model: ModelSpec) -> ModelScores:
    columns = columns_of(model.name)
    about = {name: row[f"{model.name}_{name}"] for name in _ABOUT if f"{model.name}_{name}" in columns}
    ends = {f"{name}_{end}" for name in columns for end in ("p05", "p95")}
    told = [name for name in columns if name not in ends and name not in {f"{model.name}_{what}" for what in _ABOUT}]
    told.sort(key=lambda name: name != model.score)  # what the model exists for comes first
    reason = row[model.reason] if isinstance(row[model.reason], str) else ""
    return ModelScores(
        model=model.name,
        kind=_text(about["model"]),
        version=_text(about["model_version"]),
        grade=_text(about["grade"]),
        horizon_days=_known(row, f"{model.name}_horizon_days"),
        values=tuple(_scored_value(row, name, columns, reason) for name in told),
    )


def _scored_value(row: pd.Series, name: str, columns: list[str], reason: str) -> ScoredValue:
    value = to_json(None if pd.isna(row[name]) else row[name])
    shown = str(value)[:10] if isinstance(row[name], pd.Timestamp) and value is not None else value
    ends = [_known(row, f"{name}_{end}") if f"{name}_{end}" in columns else None for end in ("p05", "p95")]
    plain = shown if isinstance(shown, str | float | int) or shown is None else str(shown)
    return ScoredValue(name, plain, ends[0], ends[1], reason if plain is None else "")


def _side_fact(own: Tables, name: str, as_of: date) -> SideFact | None:
    """The rows of a table that were known by then; None if there are none."""
    rows, event_time = visible_table(own, name, as_of), CONTRACTS[name].event_time
    if rows.empty or event_time is None:
        return None
    times = rows[event_time]
    return SideFact(name, len(rows), times.min().date(), times.max().date(), _details(name, rows, as_of))


def _details(name: str, rows: pd.DataFrame, as_of: date) -> dict[str, float]:
    if name == "tickets" and "closed_at" in rows:
        return {"open": float((~happened(rows["closed_at"], as_of)).sum())}
    if name == "subscriptions":
        ended = happened(rows["ended_at"], as_of) if "ended_at" in rows else pd.Series(False, index=rows.index)
        return {"active": float((~ended).sum()), "monthly revenue": float(rows.loc[~ended, "mrr"].sum())}
    if name == "surveys" and "score" in rows and rows["score"].notna().any():
        return {"last score": float(rows.dropna(subset="score").sort_values("answered_at")["score"].iloc[-1])}
    return {}


def _known(row: pd.Series, name: str) -> float | None:
    return float(row[name]) if name in row and pd.notna(row[name]) else None


def _text(value: object) -> str:
    return value if isinstance(value, str) else ""
