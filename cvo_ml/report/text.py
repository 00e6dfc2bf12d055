"""Phrases that the report and the terminal share."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from cvo_ml.core.scores import reasons_of


def evidence(name: str, metrics: Mapping[str, float]) -> str:
    """What the grade rests on, out of time, beside the baselines.

    Examples
    --------
    >>> evidence("icp", {"model_lift_top_decile": 3.2, "first_order_value_lift_top_decile": 3.0})
    'lift in the top decile 3.2 against 3.0 (first order value)'
    """
    if name == "clv":
        return (
            f"error per customer (RMSE) {metrics['model_rmse']:,.0f} against {metrics['formula_rmse']:,.0f} (formula) "
            f"and {metrics['last_period_repeated_rmse']:,.0f} (last period); "
            f"total {metrics.get('model_total_bias', 0):+.0%}"
        )
    if name == "churn":
        return (
            f"AUC {metrics['model_auc']:.3f} against {metrics['recency_auc']:.3f} (recency); "
            f"log loss {metrics['model_log_loss']:.3f} against {metrics['recency_log_loss']:.3f}"
        )
    baseline = "first_order_value" if "first_order_value_lift_top_decile" in metrics else "source_rate"
    return (
        f"lift in the top decile {metrics['model_lift_top_decile']:.1f} against "
        f"{metrics[f'{baseline}_lift_top_decile']:.1f} ({baseline.replace('_', ' ')})"
    )


def unjudged(part: Mapping[str, Any], days: float) -> str:
    """Why a part of the outcomes says nothing about a window of ``days``.

    Examples
    --------
    >>> unjudged({"reason": "another_horizon", "predicted_horizon_days": 365.0}, 90)
    'predicted for 365 days, and this window has 90'
    >>> unjudged({"reason": "too_few_buyers"}, 90)
    'too_few_buyers'
    """
    if part["reason"] == "another_horizon":
        return f"predicted for {part['predicted_horizon_days']:.0f} days, and this window has {days:.0f}"
    return str(part["reason"])


def those_gone(gone: Mapping[str, int]) -> str:
    """How many of those who counted as gone came back.

    Examples
    --------
    >>> those_gone({"customers": 200, "returned": 50})
    'Of 200 customers who counted as gone already, and so have no churn score, 50 (25 %) bought again'
    """
    return (
        f"Of {gone['customers']:,} customers who counted as gone already, and so have no churn score, "
        f"{gone['returned']:,} ({gone['returned'] / gone['customers']:.0%}) bought again"
    ).replace("%)", " %)")


def reasons_in_words(text: Any) -> str:
    """The reasons of a score as a phrase.

    Examples
    --------
    >>> reasons_in_words('{"churn": [{"feature": "orders_90d", "direction": "up", "effect": 0.12}]}')
    'orders 90d +12 points'
    """
    return ", ".join(
        f"{reason.feature.replace('_', ' ')} {100 * reason.effect:+.0f} points" for reason in reasons_of(text)
    )


def money_words(currency: str) -> str:
    """How to speak of the currency; ``XXX`` is ISO 4217's code for none."""
    return "currency not declared" if currency == "XXX" else f"money in {currency}"
