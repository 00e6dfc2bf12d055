"""Models, scores and money in words."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from cvo_ml.core.models import CHURN, CLV
from cvo_ml.core.scores import reasons_of
from cvo_ml.stats.intervals import Interval


def evidence(name: str, metrics: Mapping[str, float]) -> str:
    """What the grade rests on, out of time, against the baselines.

    Examples
    --------
    >>> from cvo_ml.core.models import ICP
    >>> evidence(ICP.name, {"model_lift_top_decile": 3.2, "first_order_value_lift_top_decile": 3.0})
    'lift in the top decile 3.2 against 3.0 (first order value)'
    >>> evidence(CHURN.name, {})
    'not judged: nothing came after the training that could judge it'
    """
    if not any(measure.startswith("model_") for measure in metrics):
        return "not judged: nothing came after the training that could judge it"
    if name == CLV.name:
        return (
            f"error per customer (RMSE) {apart(metrics['model_rmse'])} against {apart(metrics['formula_rmse'])} "
            f"(formula) and {apart(metrics['last_period_repeated_rmse'])} (last period); "
            f"total {metrics.get('model_total_bias', 0):+.0%}"
        )
    if name == CHURN.name:
        return (
            f"AUC {metrics['model_auc']:.3f} against {metrics['recency_auc']:.3f} (recency); "
            f"log loss {metrics['model_log_loss']:.3f} against {metrics['recency_log_loss']:.3f}"
        )
    baseline = "first_order_value" if "first_order_value_lift_top_decile" in metrics else "source_rate"
    return (
        f"lift in the top decile {metrics['model_lift_top_decile']:.1f} against "
        f"{metrics[f'{baseline}_lift_top_decile']:.1f} ({baseline.replace('_', ' ')})"
    )


def reasons_in_words(text: Any) -> str:
    """The reasons of a score as a phrase.

    Examples
    --------
    >>> import json
    >>> orders = {"feature": "orders_90d", "direction": "up", "effect": 0.12}
    >>> reasons_in_words(json.dumps({CHURN.name: [orders]}))
    'orders 90d +12 points'
    """
    return ", ".join(
        f"{reason.feature.replace('_', ' ')} {100 * reason.effect:+.0f} points" for reason in reasons_of(text)
    )


def gained(advantage: Interval) -> str:
    """How much less the loss is, in words that fit its sign, with the interval of the difference.

    Examples
    --------
    >>> gained(Interval(-0.00509, -0.008, -0.002))
    'higher by 0.00509 (95 % interval of the gain [-0.008, -0.002])'
    """
    way = "lower" if advantage.estimate >= 0 else "higher"
    between = f"[{advantage.lower:.3g}, {advantage.upper:.3g}]"
    level = f"{100 * advantage.level:.0f} % interval"
    return f"{way} by {abs(advantage.estimate):.3g} ({level} of the gain {between})"


def apart(amount: float) -> str:
    """An amount with enough digits to tell it from its neighbours in a comparison.

    Examples
    --------
    >>> apart(2.381), apart(1482.6)
    ('2.38', '1,483')
    """
    return f"{amount:,.0f}" if abs(amount) >= 100 else f"{amount:.3g}"


def money_words(currency: str) -> str:
    """How to speak of the currency; ``XXX`` is ISO 4217's code for none."""
    return "currency not declared" if currency == "XXX" else f"money in {currency}"
