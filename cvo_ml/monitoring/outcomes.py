"""Scores against what happened in their horizon, beside the rankings that people use without models."""

from __future__ import annotations

from collections.abc import Mapping
from datetime import date, timedelta
from typing import Any, Final

import numpy as np
import pandas as pd
from numpy.typing import NDArray
from scipy.stats import rankdata

from cvo_ml.core.errors import UsageError
from cvo_ml.core.tables import Tables
from cvo_ml.core.units import Horizon
from cvo_ml.features import window_outcome
from cvo_ml.features.labels import is_closed
from cvo_ml.features.value_at_age import profit, value_by_age
from cvo_ml.models.clv.baselines import clv_formula
from cvo_ml.stats.calibration import expected_calibration_error, log_loss, logistic_recalibration, reliability
from cvo_ml.stats.intervals import bootstrap
from cvo_ml.stats.ranking import auc, capture, lift

Floats = NDArray[np.float64]
REPLICATES: Final = 300
FEWEST: Final = 50
#: The churn definition whose outcomes orders alone tell.
JUDGED: Final = "no_order_within_horizon"
NO_VERDICT_ON_ACTIONS: Final = (
    "The action list itself cannot be judged yet: whether contacting pays shows only against customers "
    "held out, after the contacts are made."
)


def judge(
    scores: pd.DataFrame,
    features: pd.DataFrame,
    tables: Tables,
    as_of: date,
    *,
    horizon: Horizon,
    icp_age: Horizon,
    icp_settings: Mapping[str, Any] | None = None,
) -> dict[str, Any]:
    """How good the scores of ``as_of`` were, now that ``horizon`` has passed.

    Parameters
    ----------
    scores, features:
        Indexed by ``customer_id``, as of the cut.
    tables:
        Tables that reach to the end of the horizon.
    icp_age:
        The age at which lookalikes are compared: that of the model.
    icp_settings:
        The lookalike model's settings: ``setting``, ``counts_first_order``.

    Returns
    -------
    dict
        JSON-ready: ``value`` (rankings by the share of the window's value in their top decile),
        ``churn`` and ``icp``; a part without scores says why.

    Raises
    ------
    UsageError
        If the horizon is not closed in the data.
    """
    if not is_closed(tables, as_of, horizon):
        raise UsageError(f"the data end before {as_of + horizon.delta}: outcomes of {as_of} are not known yet")
    outcome = window_outcome(tables, as_of, horizon, scores.index)
    return {
        "as_of": str(as_of),
        "horizon_days": horizon.days,
        "customers": len(scores),
        "buyers": int((outcome["orders"] > 0).sum()),
        "total_value": float(outcome["value"].sum()),
        "value": judge_value(scores, features, outcome["value"].to_numpy(), horizon),
        "churn": judge_churn(scores, features, outcome["orders"].to_numpy() == 0, horizon),
        "icp": judge_icp(scores, features, tables, as_of, icp_age, icp_settings or {}),
        "actions": NO_VERDICT_ON_ACTIONS,
    }


def judge_value(scores: pd.DataFrame, features: pd.DataFrame, actual: Floats, horizon: Horizon) -> dict[str, Any]:
    """The share of the window's value that each ranking's top decile held, with the lead over each other ranking.

    Totals, intervals and deciles are compared only where the CLV was predicted for this very window.
    """
    predicted = scores["predicted_clv"].to_numpy(dtype=np.float64)
    has_clv = bool(np.isfinite(predicted).any())
    others = plain_rankings(scores, features, horizon)
    rankings = {"predicted_clv": np.nan_to_num(predicted), **others} if has_clv else others
    judged: dict[str, Any] = {"rankings": [_ranked(name, score, actual) for name, score in rankings.items()]}
    if not has_clv:
        return {**judged, "reason": _reason(scores["clv_reason"])}
    judged["lead"] = {name: _lead(actual, rankings["predicted_clv"], score) for name, score in others.items()}
    predicted_for = float(scores["clv_horizon_days"].dropna().iloc[0])
    if predicted_for != horizon.days:
        return {**judged, "reason": "another_horizon", "predicted_horizon_days": predicted_for}
    return {**judged, **_amounts(scores, predicted, actual)}


def plain_rankings(scores: pd.DataFrame, features: pd.DataFrame, horizon: Horizon) -> dict[str, Floats]:
    """The orders in which people put customers without a model: recency, RFM, formula CLV.

    RFM is the mean place by recency, frequency and money: finer, and so harder to beat, than summed scores.
    """
    orders, age = features["number_of_orders"].fillna(0), features["days_since_first_order"].fillna(0)
    recency = -features["days_since_last_order"].fillna(np.inf).to_numpy()
    money = features["net_value"].fillna(0).to_numpy(dtype=np.float64)
    places = [rankdata(values) for values in (recency, orders.to_numpy(dtype=np.float64), money)]
    return {
        "recency": recency,
        "RFM": np.mean(places, axis=0),
        "formula CLV": clv_formula(orders, features["net_value"].fillna(0).clip(lower=0), age, horizon),
    }


def _amounts(scores: pd.DataFrame, predicted: Floats, actual: Floats) -> dict[str, Any]:
    """Totals, interval coverage and deciles of a prediction for this very window, of those who have one."""
    bounds = scores[["predicted_clv_p05", "predicted_clv_p95"]].to_numpy(dtype=np.float64)
    known = np.isfinite(bounds).all(axis=1)
    inside = (actual >= bounds[:, 0]) & (actual <= bounds[:, 1])
    scored = np.isfinite(predicted)
    mean_predicted, mean_actual, size = reliability(actual[scored], predicted[scored])
    return {
        "scored": int(scored.sum()),
        "predicted_total": float(predicted[scored].sum()),
        "actual_total": float(actual[scored].sum()),
        **({"interval_coverage": float(inside[known].mean())} if known.any() else {}),
        "deciles": {
            "predicted": mean_predicted.tolist(),
            "actual": mean_actual.tolist(),
            "customers": size.tolist(),
        },
    }


def judge_churn(
    scores: pd.DataFrame, features: pd.DataFrame, churned: NDArray[np.bool_], horizon: Horizon
) -> dict[str, Any]:
    """Churn probabilities of the eligible against what they did; recency alone beside it."""
    probability = scores["churn_probability"].to_numpy(dtype=np.float64)
    rows = np.isfinite(probability)
    if not rows.any():
        return {"reason": _reason(scores["churn_reason"])}
    if other := sorted(set(scores["churn_definition"].dropna()) - {JUDGED}):
        return {"reason": "another_definition", "definition": other[0]}
    predicted_for = float(scores["churn_horizon_days"].dropna().iloc[0])
    if predicted_for != horizon.days:
        return {"reason": "another_horizon", "predicted_horizon_days": predicted_for}
    y, p = churned[rows], probability[rows]
    recency = features["days_since_last_order"].to_numpy(dtype=np.float64)[rows]
    mean_predicted, observed, size = reliability(y, p)
    lead = bootstrap(lambda i: auc(y[i], p[i]) - auc(y[i], recency[i]), len(y), replicates=REPLICATES)
    return {
        "eligible": int(rows.sum()),
        "gone": _returned(scores, churned),
        "churn_rate": float(y.mean()),
        "mean_probability": float(p.mean()),
        "auc": bootstrap(lambda i: auc(y[i], p[i]), len(y), replicates=REPLICATES).as_dict(),
        "auc_recency": auc(y, recency),
        "auc_lead": lead.as_dict(),
        "log_loss": float(log_loss(y, p).mean()),
        "calibration_error": expected_calibration_error(y, p),
        "calibration_slope": logistic_recalibration(y, p).slope_interval().as_dict(),
        "lift_top_decile": lift(y, p),
        "reliability": {
            "predicted": mean_predicted.tolist(),
            "observed": observed.tolist(),
            "customers": size.tolist(),
        },
    }


def judge_icp(
    scores: pd.DataFrame, features: pd.DataFrame, tables: Tables, as_of: date, age: Horizon, settings: Mapping[str, Any]
) -> dict[str, Any]:
    """Lookalike scores of customers whose window after the first order closed only after the cut.

    Training saw none of these outcomes. Most valuable = the top fifth of them by what they brought after the first
    order by that age (with it, where the model counts it). A model of leads is judged by leads, when it is trained.
    """
    if settings.get("setting") == "leads":
        return {"reason": "judged_by_leads_in_training"}
    score = scores["icp_score"].dropna()
    if score.empty:
        return {"reason": _reason(scores["icp_reason"])}
    recent = features.index[features["first_ordered_at"] >= pd.Timestamp(as_of - age.delta)]
    brought = value_by_age(tables, as_of + timedelta(days=age.whole_days + 1), age)
    values, _ = profit(brought, later=not settings.get("counts_first_order", True))
    customers = recent.intersection(values.index).intersection(score.index)
    if len(customers) < FEWEST:
        return {"reason": f"only {len(customers)} customers first ordered in the {age} before the cut"}
    value = values.loc[customers].to_numpy()
    top, s = value > max(0.0, float(np.quantile(value, 0.8))), score.loc[customers].to_numpy()
    first = features.loc[customers, "first_order_value"].to_numpy(dtype=np.float64)
    return {
        "customers": len(customers),
        "age_days": age.days,
        "auc": bootstrap(lambda i: auc(top[i], s[i]), len(s), replicates=REPLICATES).as_dict(),
        "auc_first_order_value": auc(top, first),
        "lift_top_decile": bootstrap(lambda i: lift(top[i], s[i]), len(s), replicates=REPLICATES).as_dict(),
    }


def _returned(scores: pd.DataFrame, churned: NDArray[np.bool_]) -> dict[str, Any]:
    """Customers who got no score because they counted as gone, and how many of them came back all the same."""
    gone = (scores["churn_reason"] == "gone_already").to_numpy()
    return {"customers": int(gone.sum()), "returned": int((~churned[gone]).sum())}


def _ranked(name: str, score: Floats, actual: Floats) -> dict[str, Any]:
    interval = bootstrap(lambda i: capture(actual[i], score[i]), len(actual), replicates=REPLICATES)
    return {"name": name, "top_decile_share": interval.as_dict()}


def _lead(actual: Floats, ours: Floats, other: Floats) -> Mapping[str, float]:
    def difference(i: NDArray[np.intp]) -> float:
        return capture(actual[i], ours[i]) - capture(actual[i], other[i])

    return bootstrap(difference, len(actual), replicates=REPLICATES).as_dict()


def _reason(reasons: pd.Series) -> str:
    found = reasons.dropna()
    return str(found.mode().iloc[0]) if len(found) else "no_scores"
